//! `/v1/users/{user}/sessions`: where somebody is logged in, for those who keep the tenant safe.

use axum::extract::{Path, State};
use rookery_domain::id::UserId;
use rookery_domain::permission::{Permission, right};
use rookery_edge::session::SessionBody;
use rookery_edge::{Answer, Context, Document, Page, Params, Problem, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::end::{self, listed};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, end_all))
}

/// List a person's sessions, newest first: all of them on one page.
#[utoipa::path(
    get,
    path = "/v1/users/{user}/sessions",
    operation_id = "list_user_sessions",
    tag = "login",
    params(
        ("user" = UserId, Path),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "The sessions.", body = Page<SessionBody>),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::SessionList>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    listed(&context, &scope, id.parse()?, params).await
}

/// End all sessions of a person who has no more rights than the caller. They are refused everywhere within 60 seconds.
#[utoipa::path(
    delete,
    path = "/v1/users/{user}/sessions",
    operation_id = "end_user_sessions",
    tag = "login",
    params(("user" = UserId, Path)),
    responses(
        (status = 204, description = "Ended."),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn end_all(
    State(context): State<Context>,
    scope: Scope<right::SessionEnd>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let user: UserId = id.parse()?;
    scope.must_outrank(&context, Permission::SessionEnd, user).await?;
    end::all(&context, &scope, user).await
}
