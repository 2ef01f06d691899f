//! `/v1/workspaces/{workspace}/projects`: listing and creating projects.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::app::Ancestors;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{ProjectId, WorkspaceId};
use rookery_domain::permission::right;
use rookery_domain::project::Project;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Reach, deciding, wire};
use rookery_store::{Transaction, project};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tree::{self, View};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A project to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewProject {
    /// Its name, unique among its siblings.
    name: Name,
    /// The project that it is to be directly below; directly below the workspace, unless given.
    #[deserr(default)]
    parent_id: Option<ProjectId>,
}

/// List the projects of a workspace that the caller may see, at whatever depth, newest first.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/workspaces/{workspace}/projects",
    operation_id = "list_projects",
    tag = "tenancy",
    params(
        ("workspace" = WorkspaceId, Path),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, description = "A page of projects.", body = Page<wire::Project>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::ProjectList>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    let workspace: WorkspaceId = id.parse()?;
    reach.within(&context, workspace).await?;
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = project::list(context.table()?, &reach.tenant, workspace, slice).await?;
    listed.items = reach.keep(&context, listed.items, |project| project.id).await?;
    Answer::ok(&paging.page(listed, wire::Project::from))
}

/// Create a project, directly below the workspace or below another project of it: up to 8 above each other.
#[utoipa::path(
    post,
    path = "/v1/workspaces/{workspace}/projects",
    operation_id = "create_project",
    tag = "tenancy",
    params(("workspace" = WorkspaceId, Path)),
    request_body = NewProject,
    responses(
        (status = 201, description = "Created.", body = wire::Project),
        (status = 409, description = "The name is taken among its siblings.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid, or the place is too deep.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::ProjectCreate>,
    Path(id): Path<String>,
    Body { value, idempotency }: Body<NewProject>,
) -> Result<Answer, Problem> {
    let workspace: WorkspaceId = id.parse()?;
    let parent = value.parent_id.map(Into::into);
    let scope = tree::place_for(&context, reach, workspace.into(), parent).await?;
    let organization = scope.place().organization().ok_or(Problem::NotFound("workspace"))?;
    let tenant = scope.tenant.tenant();
    let ancestors = Ancestors { tenant, organization, workspace, project: context.new_id() };
    let made = Project::new(ancestors, value.parent_id, value.name, context.now());
    deciding(|| async {
        let view = View::read(&context, &scope.tenant, workspace.into(), made.place()).await?;
        view.admit(made.id)?;

        let body = wire::Project::from(made.clone());
        let changed = changes(&serde_json::Value::Null, &body);
        let event = scope.event(&context, Resource::new("project", made.id), made.version, changed);
        let mut transaction = Transaction::new();
        project::create(&mut transaction, &scope.tenant, &made, &view.to, view.shape)?;
        transaction.event(&scope.tenant, &event)?;
        let answer = Answer::created(format!("/v1/projects/{}", made.id), &body)?.version(made.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
