//! `/v1/organizations/{organization}/workspaces`: listing and creating the workspaces of an organization.

use axum::extract::{Path, State};
use deserr::Deserr;
use http::header::LOCATION;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{DivisionId, OrganizationId};
use rookery_domain::node::{Lineage, NodeState};
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_domain::workspace::Workspace;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope, wire};
use rookery_store::{TenantScope, Transaction, node, workspace};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A workspace to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewWorkspace {
    name: Name,
    /// The division of the organization that it is in; none, unless given.
    #[deserr(default)]
    division_id: Option<DivisionId>,
}

/// List the workspaces of an organization, those of its divisions included, newest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/workspaces",
    operation_id = "list_workspaces",
    tag = "tenancy",
    params(
        ("organization" = OrganizationId, Path),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A page of workspaces.", body = Page<wire::Workspace>),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceList>,
    Path(organization): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let listed = workspace::list_of(context.table()?, &scope.tenant, organization.parse()?, slice).await?;
    Answer::ok(&paging.page(listed, wire::Workspace::from))
}

/// Create a workspace. It is accepted, and provisioned in the background.
///
/// Its state is `provisioning` until it has a data key, a place for its objects, counters for its quotas, and three groups: its
/// members, who may look at it, and below them its users and its admins. Then it is `active`, or `failed` with the reason.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/workspaces",
    operation_id = "create_workspace",
    tag = "tenancy",
    params(("organization" = OrganizationId, Path)),
    request_body = NewWorkspace,
    responses(
        (status = 202, description = "Accepted.", body = wire::Workspace),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::WorkspaceCreate>,
    Path(organization): Path<String>,
    Body { value, idempotency }: Body<NewWorkspace>,
) -> Result<Answer, Problem> {
    let organization = organization.parse()?;
    let home = match value.division_id {
        Some(division) => of_division(&context, &scope.tenant, organization, division).await?,
        None => scope.place().clone(),
    };
    let place = (scope.tenant.tenant(), organization, value.division_id);
    let made = Workspace::new(context.new_id(), place, value.name, context.now());

    let body = wire::Workspace::from(made.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("workspace", made.id), made.version, changed);
    let mut transaction = Transaction::new();
    workspace::put_new(&mut transaction, &scope.tenant, &made)?;
    node::create_in(&mut transaction, &scope.tenant, made.id, &home, NodeState::Pending)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::accepted(&body)?.header(LOCATION, format!("/v1/workspaces/{}", made.id));
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer.version(made.version)).await
}

/// Where a workspace stands that is made in a division.
async fn of_division(
    context: &Context,
    scope: &TenantScope,
    organization: OrganizationId,
    division: DivisionId,
) -> Result<Lineage, Problem> {
    let found = node::lineage(context.table()?, scope, division.into(), &mut node::Unknown).await?;
    found
        .filter(|place| place.organization() == Some(organization))
        .ok_or_else(|| Problem::invalid("/division_id", "is not a division of this organization"))
}
