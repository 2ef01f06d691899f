//! `/v1/organizations/{organization}/divisions`: listing and creating divisions.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::division::{Division, DivisionCode};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{DivisionId, OrganizationId};
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Reach, deciding};
use rookery_store::{Transaction, division};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;
use crate::tree::{self, View};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A division to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewDivision {
    /// Its name, unique among its siblings.
    name: Name,
    /// Its code, unique within the organization, whatever its case.
    code: DivisionCode,
    /// The division that it is to be directly below; directly below the organization, unless given.
    #[deserr(default)]
    parent_id: Option<DivisionId>,
}

/// List the divisions of an organization that the caller may see, at whatever depth, newest first.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/divisions",
    operation_id = "list_divisions",
    tag = "tenancy",
    params(
        ("organization" = OrganizationId, Path),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, description = "A page of divisions.", body = Page<body::Division>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::DivisionList>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    let organization: OrganizationId = id.parse()?;
    reach.within(&context, organization).await?;
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = division::list(context.table()?, &reach.tenant, organization, slice).await?;
    listed.items = reach.keep(&context, listed.items, |division| division.id).await?;
    Answer::ok(&paging.page(listed, body::Division::from))
}

/// Create a division, directly below the organization or below another division of it: up to 8 above each other.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/divisions",
    operation_id = "create_division",
    tag = "tenancy",
    params(("organization" = OrganizationId, Path)),
    request_body = NewDivision,
    responses(
        (status = 201, description = "Created.", body = body::Division),
        (status = 409, description = "The name is taken among its siblings, or the code within the organization.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid, or the place is too deep.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::DivisionCreate>,
    Path(id): Path<String>,
    Body { value, idempotency }: Body<NewDivision>,
) -> Result<Answer, Problem> {
    let organization: OrganizationId = id.parse()?;
    let parent = value.parent_id.map(Into::into);
    let scope = tree::place_for(&context, reach, organization.into(), parent).await?;
    let now = context.now();
    let made = Division {
        id: context.new_id(),
        tenant: scope.tenant.tenant(),
        organization,
        parent: value.parent_id,
        name: value.name,
        code: value.code,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    deciding(|| async {
        let view = View::read(&context, &scope.tenant, organization.into(), made.place()).await?;
        view.admit(made.id)?;

        let body = body::Division::from(made.clone());
        let changed = changes(&serde_json::Value::Null, &body);
        let event = scope.event(&context, Resource::new("division", made.id), made.version, changed);
        let mut transaction = Transaction::new();
        division::create(&mut transaction, &scope.tenant, &made, &view.to, view.shape)?;
        transaction.event(&scope.tenant, &event)?;
        let answer = Answer::created(format!("/v1/divisions/{}", made.id), &body)?.version(made.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
