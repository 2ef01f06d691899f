//! `POST /v1/users/{user}/impersonate`: acting in somebody's place, for a while and for a reason.

use axum::extract::{Path, State};
use deserr::Deserr;
use jiff::SignedDuration;
use rookery_domain::account::Reason;
use rookery_domain::event::{DenialReason, Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::UserId;
use rookery_domain::permission::{Permission, right};
use rookery_domain::session::{Impersonator, LONGEST_IMPERSONATION_MINUTES, Session};
use rookery_edge::session::{Tokens, seen};
use rookery_edge::{Answer, Body, Context, Document, Issuer, Principal, Problem, Scope};
use rookery_store::{Transaction, session};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(impersonate))
}

/// Why, and for how long.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Impersonation {
    /// The person is told, and reads it in the audit trail.
    reason: Reason,
    /// 60 at the most.
    #[schema(minimum = 1, maximum = 60)]
    minutes: u32,
}

/// Act in the place of a person who has no more rights than the caller, for an hour at the most. The person is told by mail.
///
/// What is done is in the audit trail of both. Nothing is allowed that either of the two may not do; the person's own account cannot be
/// changed, and nothing that is made may outlast the time. It ends with the caller's own session, and cannot be refreshed.
#[utoipa::path(
    post,
    path = "/v1/users/{user}/impersonate",
    operation_id = "impersonate_user",
    tag = "login",
    params(("user" = UserId, Path)),
    request_body = Impersonation,
    responses(
        (status = 200, description = "An access token of the person's, marked with who acts.", body = Tokens),
        (status = 403, description = "The caller lacks the right, or the person has more rights, or it is an API key that asks, or somebody who acts in another's place already.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The person is suspended.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn impersonate(
    State(context): State<Context>,
    scope: Scope<right::UserImpersonate>,
    Path(id): Path<String>,
    issuer: Issuer,
    Body { value, idempotency }: Body<Impersonation>,
) -> Result<Answer, Problem> {
    const RIGHT: Permission = Permission::UserImpersonate;
    let user: UserId = id.parse()?;
    let Principal::Person(person) = &scope.principal else {
        return Err(Problem::Closed("only people act in somebody's place; log in first"));
    };
    let path = format!("/v1/users/{user}/impersonate");
    if person.impersonator.is_some() {
        return Err(scope.refuse(&context, RIGHT, &path, DenialReason::Impersonated).await?);
    }
    if !(1..=LONGEST_IMPERSONATION_MINUTES).contains(&value.minutes) {
        return Err(Problem::invalid("/minutes", "is not 1 to 60"));
    }
    if person.id == user {
        return Err(Problem::invalid("/user", "is the caller"));
    }
    scope.must_outrank(&context, RIGHT, user).await?;
    match context.may_log_in(&scope.tenant, user).await {
        Err(Problem::Unauthenticated) => {
            return Err(Problem::conflict("suspended", "the person is suspended"));
        }
        allowed => allowed?,
    }
    let now = context.now();
    let until =
        now.saturating_add(SignedDuration::from_mins(value.minutes.into())).map_err(Problem::internal)?;
    let own = session::find(context.table()?, &scope.tenant, person.id, person.session).await?;
    let own = own.filter(|own| own.is_alive(now)).ok_or(Problem::Unauthenticated)?;
    let by = Impersonator { user: person.id, session: person.session };
    let of = (scope.tenant.tenant(), user);
    let begun =
        Session::begin(context.new_id(), of, own.proof, seen(&scope.origin), now).impersonated(by, until);

    let said = json!({"session_id": begun.id, "reason": value.reason, "ends_at": until});
    // It changes nothing of the person, and stands in its history nevertheless.
    let event = scope.event(&context, Resource::new("user", user), 0, changes(&Value::Null, &said));
    let mut transaction = Transaction::new();
    session::create(&mut transaction, &scope.tenant, &begun, None)?;
    transaction.event(&scope.tenant, &event)?;
    let tokens = context.tokens(&issuer, &begun, None).await?;
    let answer = Answer::ok(&tokens)?.with_secret();
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}
