//! `/v1/me`: one's own record.

use axum::extract::State;
use http::Uri;
use rookery_domain::permission::Permission;
use rookery_edge::{Answer, Caller, Context, Document, Problem, wire};
use rookery_store::user;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Read one's own record.
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "read_me",
    tag = "login",
    responses(
        (status = 200, description = "The person who asks.", body = wire::User),
        (status = 403, description = "The key's scopes do not hold it, or it is a service key, which is no person.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(State(context): State<Context>, caller: Caller, uri: Uri) -> Result<Answer, Problem> {
    let id = caller.oneself(&context, Permission::UserRead, uri.path()).await?;
    let found = user::find(context.table()?, &caller.tenant, id).await?.ok_or(Problem::NotFound("user"))?;
    let version = found.user.version;
    Ok(Answer::ok(&wire::User::from(found.user))?.version(version))
}
