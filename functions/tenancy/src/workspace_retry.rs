//! `POST /v1/workspaces/{workspace}/retry`: provisioning a workspace again.

use axum::extract::{Path, State};
use rookery_domain::id::WorkspaceId;
use rookery_domain::permission::right;
use rookery_domain::workspace::Verb;
use rookery_edge::{Answer, Body, Context, Document, Empty, IfMatch, Problem, Scope, wire};
use rookery_store::{Transaction, workspace};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::workspace_change::{accepted, commit, load, refused};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(retry))
}

/// Provision a workspace again that failed.
///
/// Where the work in the background hangs, in the states `provisioning` and `deleting`, it is set going again.
#[utoipa::path(
    post,
    path = "/v1/workspaces/{workspace}/retry",
    operation_id = "retry_workspace",
    tag = "tenancy",
    params(("workspace" = WorkspaceId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 202, description = "Accepted.", body = wire::Workspace),
        (status = 404, description = "There is no such workspace.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "Its state rules it out, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn retry(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceRetry>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value: Empty {}, idempotency }: Body<Empty>,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let after = before.after(Verb::Retry, context.now()).map_err(refused)?;
    let mut transaction = Transaction::new();
    workspace::replace(&mut transaction, &scope.tenant, &before, &after)?;
    let answer = accepted(after.clone())?;
    commit(&context, &scope, (&before, &after), transaction, idempotency.as_ref(), answer).await
}
