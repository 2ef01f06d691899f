//! `POST /v1/auth/email/verify`: showing that a mail address is one's own.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Action, changes};
use rookery_domain::fault::Faults;
use rookery_domain::link::Purpose;
use rookery_edge::{Answer, Context, Document, Json, Problem, RequestFacts, wire};
use rookery_store::{Transaction, link, user};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{holder, person};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(verify))
}

/// What was mailed.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Verification {
    /// What stands in the link, behind the `#`.
    token: String,
}

impl std::fmt::Debug for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verification(…)")
    }
}

/// Show that a mail address is one's own, by the link that was mailed there: when the tenant was founded, or when the address changed.
///
/// The link is good once, for 24 hours. Choosing another password by a link that was mailed shows the same.
#[utoipa::path(
    post,
    path = "/v1/auth/email/verify",
    operation_id = "verify_email",
    tag = "login",
    request_body = Verification,
    security(()),
    responses(
        (status = 204, description = "Verified."),
        (status = 409, description = "The link was used, or the person changed, at the same moment.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The link was used, is too old, is of another address, or another one was sent after it.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn verify(
    State(context): State<Context>,
    facts: RequestFacts,
    Json(value): Json<Verification>,
) -> Result<Answer, Problem> {
    let held = holder::of(&context, &facts.origin, &value.token, Purpose::Verify).await?;
    let (scope, before) = (&held.scope, &held.user.user);
    let after = before.verified(context.now());

    let mut transaction = Transaction::new();
    link::spend(&mut transaction, &held.token);
    user::replace(&mut transaction, scope, &held.user, &after)?;
    let changed = changes(&wire::User::from(before.clone()), &wire::User::from(after.clone()));
    let action = (Action::EMAIL_VERIFY, after.version);
    let event = person::event(&context, scope, before.id, action, &facts.origin, changed);
    transaction.event(scope, &event)?;
    context.commit(scope, None, transaction, Answer::no_content()).await
}
