//! `/v1/organizations`: listing and creating organizations.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::organization::Organization;
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Reach, Scope, wire};
use rookery_store::{Transaction, node, organization};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// An organization to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewOrganization {
    name: Name,
}

/// List the organizations that the caller may see, newest first.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/organizations",
    operation_id = "list_organizations",
    tag = "tenancy",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of organizations.", body = Page<wire::Organization>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::OrganizationList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = organization::list(context.table()?, &reach.tenant, slice).await?;
    listed.items = reach.keep(&context, listed.items, |organization| organization.id).await?;
    Answer::ok(&paging.page(listed, wire::Organization::from))
}

/// Create an organization. Its name is unique within the tenant, whatever its case.
#[utoipa::path(
    post,
    path = "/v1/organizations",
    operation_id = "create_organization",
    tag = "tenancy",
    request_body = NewOrganization,
    responses(
        (status = 201, description = "Created.", body = wire::Organization),
        (status = 409, description = "The name is taken.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::OrganizationCreate>,
    Body { value, idempotency }: Body<NewOrganization>,
) -> Result<Answer, Problem> {
    let made = Organization::new(context.new_id(), scope.tenant.tenant(), value.name, context.now());
    let body = wire::Organization::from(made.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("organization", made.id), made.version, changed);

    let mut transaction = Transaction::new();
    organization::create(&mut transaction, &scope.tenant, &made)?;
    node::create(&mut transaction, &scope.tenant, made.id, scope.place())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::created(format!("/v1/organizations/{}", made.id), &body)?.version(made.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}
