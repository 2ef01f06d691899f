//! `/v1/me/sessions`: where one is logged in.

use axum::extract::{Path, State};
use http::Uri;
use rookery_domain::id::SessionId;
use rookery_domain::permission::Permission;
use rookery_edge::session::SessionBody;
use rookery_edge::{Answer, Caller, Context, Document, Page, Params, Problem};
use rookery_store::session;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::end::{self, listed};

/// The route of all of them.
pub fn all() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, end_all))
}

/// The route of one.
pub fn one() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(end_one))
}

/// List one's sessions, newest first: all of them on one page.
#[utoipa::path(
    get,
    path = "/v1/me/sessions",
    operation_id = "list_my_sessions",
    tag = "login",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "The sessions.", body = Page<SessionBody>))
)]
async fn list(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    params: Params,
) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::SessionList, uri.path()).await?;
    listed(&context, &caller, user, params).await
}

/// Log out everywhere: end all of one's sessions, the one that asks included. They are refused everywhere within 60 seconds.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions",
    operation_id = "end_my_sessions",
    tag = "login",
    responses((status = 204, description = "Ended."))
)]
async fn end_all(State(context): State<Context>, caller: Caller, uri: Uri) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::SessionEnd, uri.path()).await?;
    end::all(&context, &caller, user).await
}

/// End one of one's sessions. It is refused everywhere within 60 seconds.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions/{session}",
    operation_id = "end_my_session",
    tag = "login",
    params(("session" = SessionId, Path)),
    responses(
        (status = 204, description = "Ended."),
        (status = 404, description = "There is no such session of the caller's.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn end_one(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::SessionEnd, uri.path()).await?;
    let found = session::find(context.table()?, &caller.tenant, user, id.parse()?).await?;
    let found = found.filter(|found| found.is_alive(context.now())).ok_or(Problem::NotFound("session"))?;
    end::some(&context, &caller, &[found]).await
}
