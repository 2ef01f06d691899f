//! `POST /v1/users/{user}/suspend` and `/resume`: stopping a person, and letting it act again.

use axum::extract::{Path, State};
use rookery_domain::id::UserId;
use rookery_domain::permission::{Right, right};
use rookery_domain::user::UserState;
use rookery_edge::{
    Answer, Body, Context, Document, Empty, Idempotency, IfMatch, Problem, Scope, deciding, wire,
};
use rookery_roster::people;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::load;

/// The route that suspends.
pub fn suspending() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(suspend))
}

/// The route that resumes.
pub fn resuming() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(resume))
}

/// Suspend a person: within 60 seconds it is refused everywhere, with all of its personal keys.
///
/// Nobody suspends somebody with more rights, and nobody the last owner.
#[utoipa::path(
    post,
    path = "/v1/users/{user}/suspend",
    operation_id = "suspend_user",
    tag = "people",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 200, description = "The person as it is now.", body = wire::User),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is the tenant's last owner.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn suspend(
    State(context): State<Context>,
    scope: Scope<right::UserSuspend>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { idempotency, .. }: Body<Empty>,
) -> Result<Answer, Problem> {
    put(&context, &scope, &id, &if_match, idempotency.as_ref(), UserState::Suspended).await
}

/// Let a suspended person act again. Nobody does so for somebody with more rights.
#[utoipa::path(
    post,
    path = "/v1/users/{user}/resume",
    operation_id = "resume_user",
    tag = "people",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 200, description = "The person as it is now.", body = wire::User),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn resume(
    State(context): State<Context>,
    scope: Scope<right::UserResume>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { idempotency, .. }: Body<Empty>,
) -> Result<Answer, Problem> {
    put(&context, &scope, &id, &if_match, idempotency.as_ref(), UserState::Active).await
}

async fn put<R: Right>(
    context: &Context,
    scope: &Scope<R>,
    id: &str,
    if_match: &IfMatch,
    idempotency: Option<&Idempotency>,
    state: UserState,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let found = load::user(context, &scope.tenant, id).await?;
        let before = &found.user;
        if_match.check(before.version)?;
        scope.must_outrank(context, R::PERMISSION, before.id).await?;
        let Some((transaction, after)) = people::put_in_state(context, scope, &found, state).await? else {
            let answer = Answer::ok(&wire::User::from(before.clone()))?.version(before.version);
            return context.commit_nothing(idempotency, answer).await;
        };
        let body = wire::User::from(after.clone());
        let answer = Answer::ok(&body)?.version(after.version);
        context.commit(&scope.tenant, idempotency, transaction, answer).await
    })
    .await
}
