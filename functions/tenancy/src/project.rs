//! `/v1/projects/{project}`: reading, renaming and deleting a project.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::ProjectId;
use rookery_domain::permission::right;
use rookery_domain::project::Project;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, wire};
use rookery_store::{TenantScope, Transaction, project};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, rename, delete))
}

/// What may be changed of a project. What is absent stays as it is; moving it is a command of its own.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ProjectPatch {
    #[deserr(default)]
    #[schema(value_type = Name, required = false)]
    name: Patch<Name>,
}

pub(crate) async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Project, Problem> {
    let found = project::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("project"))
}

pub(crate) fn answered(project: Project) -> Result<Answer, Problem> {
    let version = project.version;
    Ok(Answer::ok(&wire::Project::from(project))?.version(version))
}

/// Read a project.
#[utoipa::path(
    get,
    path = "/v1/projects/{project}",
    operation_id = "read_project",
    tag = "tenancy",
    params(("project" = ProjectId, Path)),
    responses(
        (status = 200, description = "The project.", body = wire::Project),
        (status = 404, description = "There is no such project.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::ProjectRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    answered(load(&context, &scope.tenant, &id).await?)
}

/// Rename a project.
#[utoipa::path(
    patch,
    path = "/v1/projects/{project}",
    operation_id = "rename_project",
    tag = "tenancy",
    params(("project" = ProjectId, Path), ("If-Match" = Option<String>, Header)),
    request_body = ProjectPatch,
    responses(
        (status = 200, description = "The project as it is now.", body = wire::Project),
        (status = 404, description = "There is no such project.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken among its siblings.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rename(
    State(context): State<Context>,
    scope: Scope<right::ProjectUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<ProjectPatch>,
) -> Result<Answer, Problem> {
    let mut faults = Faults::default();
    let name = value.name.required("/name", &mut faults);
    faults.into_result().map_err(Problem::Invalid)?;
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let Some(name) = name.filter(|name| *name != before.name) else { return answered(before) };
    let after = before.renamed(name, context.now());
    let changed = changes(&wire::Project::from(before.clone()), &wire::Project::from(after.clone()));
    let event = scope.event(&context, Resource::new("project", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    project::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, answered(after)?).await
}

/// Delete a project that holds nothing any more.
#[utoipa::path(
    delete,
    path = "/v1/projects/{project}",
    operation_id = "delete_project",
    tag = "tenancy",
    params(("project" = ProjectId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such project.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It still holds projects or apps.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::ProjectDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let changed = changes(&wire::Project::from(before.clone()), &serde_json::Value::Null);
    let event = scope.event(&context, Resource::new("project", before.id), before.version + 1, changed);
    let mut transaction = Transaction::new();
    project::delete(&mut transaction, &scope.tenant, &before);
    transaction.event(&scope.tenant, &event)?;
    let answer = context.commit(&scope.tenant, None, transaction, Answer::no_content()).await?;
    scope.forget_bindings(&context, before.id).await;
    Ok(answer)
}
