//! `POST /v1/workspaces/{workspace}/resume`: opening a workspace to changes again.

use axum::extract::{Path, State};
use rookery_domain::id::WorkspaceId;
use rookery_domain::node::NodeState;
use rookery_domain::permission::right;
use rookery_domain::workspace::Verb;
use rookery_edge::{Answer, Body, Context, Document, Empty, IfMatch, Problem, Scope, wire};
use rookery_store::{Transaction, node, workspace};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::workspace_change::{answered, commit, load, refused};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(resume))
}

/// Resume a suspended workspace: it can be changed again, within 60 seconds.
#[utoipa::path(
    post,
    path = "/v1/workspaces/{workspace}/resume",
    operation_id = "resume_workspace",
    tag = "tenancy",
    params(("workspace" = WorkspaceId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 200, description = "The workspace after it.", body = wire::Workspace),
        (status = 404, description = "There is no such workspace.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "Its state rules it out, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn resume(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceResume>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value: Empty {}, idempotency }: Body<Empty>,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let after = before.after(Verb::Resume, context.now()).map_err(refused)?;
    let mut transaction = Transaction::new();
    workspace::replace(&mut transaction, &scope.tenant, &before, &after)?;
    node::set_state(&mut transaction, &scope.tenant, after.id, NodeState::Active);
    let answer = answered(after.clone())?;
    commit(&context, &scope, (&before, &after), transaction, idempotency.as_ref(), answer).await
}
