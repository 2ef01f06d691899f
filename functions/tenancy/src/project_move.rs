//! `POST /v1/projects/{project}/move`: moving a project, with all that is below it, within its workspace.

use axum::extract::{Path, State};
use deserr::Deserr;
use http::Uri;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::ProjectId;
use rookery_domain::node::height;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, deciding, wire};
use rookery_store::{Transaction, project};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::project::{answered, load};
use crate::tree::{Move, View};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(relocate))
}

/// Where a project is to be moved.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ProjectMove {
    /// The project that it is to be directly below; `null`: directly below the workspace.
    #[schema(required = true)]
    parent_id: Option<ProjectId>,
}

/// Move a project with all that is below it to another place in its workspace.
///
/// It takes the right to move the project, and the right to create one at the new place. Rights that were given above its old
/// place hold for it no more, and those above its new place do.
#[utoipa::path(
    post,
    path = "/v1/projects/{project}/move",
    operation_id = "move_project",
    tag = "tenancy",
    params(("project" = ProjectId, Path), ("If-Match" = Option<String>, Header)),
    request_body = ProjectMove,
    responses(
        (status = 200, description = "The project at its new place.", body = wire::Project),
        (status = 404, description = "There is no such project.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken at the new place, or others are moving things at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The new place is below the project, too deep, or elsewhere.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn relocate(
    State(context): State<Context>,
    scope: Scope<right::ProjectMove>,
    Path(id): Path<String>,
    if_match: IfMatch,
    uri: Uri,
    Body { value, idempotency }: Body<ProjectMove>,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let before = load(&context, &scope.tenant, &id).await?;
        if_match.check(before.version)?;
        let after = before.moved(value.parent_id, context.now());
        let root = before.ancestors.workspace;
        let view = View::read(&context, &scope.tenant, root.into(), after.place()).await?;
        let tree = project::parents(context.table()?, &scope.tenant, root).await?;
        let (moved, height) = (before.id.into(), height(before.id, tree));
        let asked = Move { moved, height, needs: Permission::ProjectCreate, path: uri.path() };
        asked.decide(&context, &scope, &view).await?;
        if after.place() == before.place() {
            return context.commit_nothing(idempotency.as_ref(), answered(before)?).await;
        }

        let changed = changes(&wire::Project::from(before.clone()), &wire::Project::from(after.clone()));
        let event = scope.event(&context, Resource::new("project", after.id), after.version, changed);
        let mut transaction = Transaction::new();
        project::relocate(&mut transaction, &scope.tenant, &before, &after, &view.to, view.shape)?;
        transaction.event(&scope.tenant, &event)?;
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answered(after)?).await
    })
    .await
}
