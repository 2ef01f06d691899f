//! `/v1/platform/tenants`: listing and founding tenants.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::account::TenantState;
use rookery_domain::fault::Faults;
use rookery_domain::permission::{Permission, right};
use rookery_domain::signup::Request;
use rookery_domain::text::{Email, Name, Slug};
use rookery_edge::{
    Answer, Body, Context, Document, Founder, Operator, Page, Params, Problem, SignedUp, found,
};
use rookery_store::account;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::PlatformTenant;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A tenant to be founded, with its owner.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPlatformTenant {
    name: Name,
    /// Unique on the platform, for ever.
    slug: Slug,
    owner: OwnerOfNewTenant,
}

/// Whose a new tenant is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct OwnerOfNewTenant {
    email: Email,
    name: Name,
}

/// List the tenants of the platform, newest first.
///
/// With a state, a page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/platform/tenants",
    operation_id = "list_platform_tenants",
    tag = "platform",
    security(("operator" = [])),
    params(
        ("state" = Option<TenantState>, Query, description = "Those in this state; all unless given."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, description = "A page of tenants.", body = Page<PlatformTenant>))
)]
async fn list(
    State(context): State<Context>,
    _: Operator<right::PlatformTenantList>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let state: Option<TenantState> = params.take("state");
    let (slice, paging) = params.paging_of_platform()?;
    let listed = account::list(context.table()?, state, slice).await?;
    Answer::ok(&paging.page(listed, PlatformTenant::from))
}

/// Found a tenant for somebody, whether or not anybody may sign up.
///
/// The secret of the owner's first key is in this answer and in no other.
#[utoipa::path(
    post,
    path = "/v1/platform/tenants",
    operation_id = "create_platform_tenant",
    tag = "platform",
    security(("operator" = [])),
    request_body = NewPlatformTenant,
    responses(
        (status = 201, description = "Founded.", body = SignedUp),
        (status = 409, description = "The slug is taken.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    operator: Operator<right::PlatformTenantCreate>,
    Body { value, idempotency }: Body<NewPlatformTenant>,
) -> Result<Answer, Problem> {
    let request = Request {
        tenant_name: value.name,
        slug: value.slug,
        email: value.owner.email,
        owner_name: value.owner.name,
    };
    let by = Founder::Other(operator.actor(), Permission::PlatformTenantCreate.into());
    let founded = found(&context, request, None, &operator.origin, by)?;
    let answer = founded.answer(format!("/v1/platform/tenants/{}", founded.scope.tenant()))?;
    context.commit(&founded.scope, idempotency.as_ref(), founded.transaction, answer).await
}
