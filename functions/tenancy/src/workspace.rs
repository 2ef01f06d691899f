//! `/v1/workspaces/{workspace}`: reading, renaming and deleting a workspace.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::id::WorkspaceId;
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_domain::workspace::Verb;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, wire};
use rookery_store::{Transaction, node, workspace};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::workspace_change::{accepted, answered, commit, load, refused};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, rename, delete))
}

/// What may be changed of a workspace.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct WorkspacePatch {
    /// The new name; absent keeps the old one. The groups that it began with keep theirs.
    #[deserr(default)]
    name: Option<Name>,
}

/// Read a workspace.
#[utoipa::path(
    get,
    path = "/v1/workspaces/{workspace}",
    operation_id = "read_workspace",
    tag = "tenancy",
    params(("workspace" = WorkspaceId, Path)),
    responses(
        (status = 200, description = "The workspace.", body = wire::Workspace),
        (status = 404, description = "There is no such workspace.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    answered(load(&context, &scope.tenant, &id).await?)
}

/// Rename a workspace.
#[utoipa::path(
    patch,
    path = "/v1/workspaces/{workspace}",
    operation_id = "rename_workspace",
    tag = "tenancy",
    params(("workspace" = WorkspaceId, Path), ("If-Match" = Option<String>, Header)),
    request_body = WorkspacePatch,
    responses(
        (status = 200, description = "The workspace as it is now.", body = wire::Workspace),
        (status = 404, description = "There is no such workspace.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or the state of the workspace rules it out.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rename(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<WorkspacePatch>,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let Some(name) = value.name.filter(|name| *name != before.name) else {
        return answered(before);
    };
    let after = before.renamed(name, context.now()).map_err(refused)?;
    let mut transaction = Transaction::new();
    workspace::replace(&mut transaction, &scope.tenant, &before, &after)?;
    let answer = answered(after.clone())?;
    commit(&context, &scope, (&before, &after), transaction, None, answer).await
}

/// Delete a workspace without projects. It is accepted, and what the workspace had is taken away in the background.
///
/// Of the groups that it began with, those stay that have members, or groups below them, or roles elsewhere.
#[utoipa::path(
    delete,
    path = "/v1/workspaces/{workspace}",
    operation_id = "delete_workspace",
    tag = "tenancy",
    params(("workspace" = WorkspaceId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 202, description = "Accepted. Once it is done, there is no such workspace.", body = wire::Workspace),
        (status = 404, description = "There is no such workspace.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It still holds projects, or its state rules it out.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let after = before.after(Verb::Delete, context.now()).map_err(refused)?;
    let mut transaction = Transaction::new();
    node::close(&mut transaction, &scope.tenant, after.id, "projects");
    workspace::replace(&mut transaction, &scope.tenant, &before, &after)?;
    let answer = accepted(after.clone())?;
    commit(&context, &scope, (&before, &after), transaction, None, answer).await
}
