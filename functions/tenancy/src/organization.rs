//! `/v1/organizations/{organization}`: reading, renaming and deleting an organization.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::OrganizationId;
use rookery_domain::organization::Organization;
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, wire};
use rookery_store::{TenantScope, Transaction, node, organization};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, rename, delete))
}

/// What may be changed of an organization.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct OrganizationPatch {
    /// The new name; absent keeps the old one.
    #[deserr(default)]
    #[schema(value_type = Name, required = false)]
    name: Patch<Name>,
}

async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Organization, Problem> {
    let found = organization::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("organization"))
}

/// Read an organization.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}",
    operation_id = "read_organization",
    tag = "tenancy",
    params(("organization" = OrganizationId, Path)),
    responses(
        (status = 200, description = "The organization.", body = wire::Organization),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::OrganizationRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load(&context, &scope.tenant, &id).await?;
    let version = found.version;
    Ok(Answer::ok(&wire::Organization::from(found))?.version(version))
}

/// Rename an organization.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization}",
    operation_id = "rename_organization",
    tag = "tenancy",
    params(("organization" = OrganizationId, Path), ("If-Match" = Option<String>, Header)),
    request_body = OrganizationPatch,
    responses(
        (status = 200, description = "The organization as it is now.", body = wire::Organization),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rename(
    State(context): State<Context>,
    scope: Scope<right::OrganizationUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<OrganizationPatch>,
) -> Result<Answer, Problem> {
    let mut faults = Faults::default();
    let name = value.name.required("/name", &mut faults);
    faults.into_result().map_err(Problem::Invalid)?;
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let Some(name) = name.filter(|name| *name != before.name) else {
        let version = before.version;
        return Ok(Answer::ok(&wire::Organization::from(before))?.version(version));
    };
    let after = before.renamed(name, context.now());

    let body = wire::Organization::from(after.clone());
    let changed = changes(&wire::Organization::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("organization", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    organization::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// Delete an organization that holds nothing any more.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization}",
    operation_id = "delete_organization",
    tag = "tenancy",
    params(("organization" = OrganizationId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It still holds divisions, workspaces, groups or people.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::OrganizationDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let changed = changes(&wire::Organization::from(before.clone()), &serde_json::Value::Null);
    let resource = Resource::new("organization", before.id);
    let event = scope.event(&context, resource, before.version + 1, changed);
    let mut transaction = Transaction::new();
    organization::delete(&mut transaction, &scope.tenant, &before);
    let tenant = scope.tenant.tenant().into();
    node::delete(
        &mut transaction,
        &scope.tenant,
        before.id,
        tenant,
        "divisions, workspaces, groups or people",
    );
    transaction.event(&scope.tenant, &event)?;
    let answer = context.commit(&scope.tenant, None, transaction, Answer::no_content()).await?;
    scope.forget_bindings(&context, before.id).await;
    Ok(answer)
}
