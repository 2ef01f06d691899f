//! `POST /v1/users/{user}/mfa/reset`: taking somebody's second factor away, who lost it.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::account::Reason;
use rookery_domain::event::{Change, Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::UserId;
use rookery_domain::permission::{Permission, right};
use rookery_edge::session::described;
use rookery_edge::{Answer, Body, Context, Document, Problem, Scope, deciding};
use rookery_store::{Transaction, factor, session, user};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(reset))
}

/// Why.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct MfaReset {
    /// It stands in the audit trail.
    reason: Reason,
}

/// Take a person's second factors away, passkeys among them, with the recovery codes, and end all of its sessions. The person is told by mail, and sets up
/// another one at the next login if the tenant asks for one. Nobody does so to somebody with more rights.
#[utoipa::path(
    post,
    path = "/v1/users/{user}/mfa/reset",
    operation_id = "reset_user_mfa",
    tag = "login",
    params(("user" = UserId, Path)),
    request_body = MfaReset,
    responses(
        (status = 204, description = "Taken away, if there was one."),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn reset(
    State(context): State<Context>,
    scope: Scope<right::UserMfaReset>,
    Path(id): Path<String>,
    Body { value, idempotency }: Body<MfaReset>,
) -> Result<Answer, Problem> {
    let user: UserId = id.parse()?;
    let found = user::find(context.table()?, &scope.tenant, user).await?;
    found.ok_or(Problem::NotFound("user"))?;
    scope.must_outrank(&context, Permission::UserMfaReset, user).await?;
    deciding(|| async {
        let before = factor::find(context.table()?, &scope.tenant, user).await?;
        let mut transaction = Transaction::new();
        factor::put(&mut transaction, &scope.tenant, user, &before, &before.without_second())?;
        for ended in session::list(context.table()?, &scope.tenant, user, context.now()).await? {
            session::end(&mut transaction, &scope.tenant, &ended);
            let resource = Resource::new("session", ended.id);
            let (right, version) = (Permission::SessionEnd, ended.version + 1);
            let changed = changes(&described(&ended), &Value::Null);
            transaction
                .event(&scope.tenant, &scope.consequence(&context, right, resource, version, changed))?;
        }
        let reason = Change { field: "reason".into(), before: Value::Null, after: json!(value.reason) };
        let event = scope.event(&context, Resource::new("user", user), 0, vec![reason]);
        transaction.event(&scope.tenant, &event)?;
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, Answer::no_content()).await
    })
    .await
}
