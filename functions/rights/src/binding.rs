//! `/v1/bindings/{binding}`: reading a binding, and taking a role away.

use axum::extract::{Path, State};
use rookery_domain::binding::Binding;
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::BindingId;
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::RoleRef;
use rookery_edge::{Answer, Context, Document, IfMatch, Problem, Scope, deciding};
use rookery_store::{TenantScope, Transaction, access, binding, node};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, delete))
}

async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Binding, Problem> {
    let found = binding::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("binding"))
}

/// Read a binding.
#[utoipa::path(
    get,
    path = "/v1/bindings/{binding}",
    operation_id = "read_binding",
    tag = "rights",
    params(("binding" = BindingId, Path)),
    responses(
        (status = 200, description = "The binding.", body = body::Binding),
        (status = 404, description = "There is no such binding.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::BindingRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load(&context, &scope.tenant, &id).await?;
    let version = found.version;
    Ok(Answer::ok(&body::Binding::from(found))?.version(version))
}

/// Take a role away.
///
/// Nobody takes away more than they could give. The last binding that makes somebody an owner of the tenant stays. It ends
/// everywhere within 60 seconds.
#[utoipa::path(
    delete,
    path = "/v1/bindings/{binding}",
    operation_id = "delete_binding",
    tag = "rights",
    params(("binding" = BindingId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Taken away."),
        (status = 403, description = "The caller may take no roles away there, or does not have what the role holds.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "There is no such binding.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The tenant would be left without an owner.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::BindingDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let (scope, id, if_match) = (&scope, &id, &if_match);
    deciding(async || {
        let found = load(&context, &scope.tenant, id).await?;
        if_match.check(found.version)?;
        if !scope.covers(&context, [&found.grant]).await? {
            let (path, right) = (format!("/v1/bindings/{id}"), Permission::BindingDelete);
            return Err(scope.beyond_own_rights(&context, right, right, &path).await?);
        }
        let transaction = taking(&context, scope, &found).await?;
        context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
    })
    .await
}

/// Everything that is written when a role is taken away.
async fn taking(
    context: &Context,
    scope: &Scope<right::BindingDelete>,
    found: &Binding,
) -> Result<Transaction, Problem> {
    let (tenant, table) = (&scope.tenant, context.table()?);
    let mut transaction = Transaction::new();
    binding::delete(&mut transaction, tenant, found);
    node::detach(&mut transaction, tenant, found.id());
    if let RoleRef::Custom(id) = found.grant.role {
        node::count(&mut transaction, tenant, id.into(), -1);
    }
    if let Some(mut access) = access::find(table, tenant, found.subject).await? {
        access.grants.retain(|grant| grant.binding != found.id());
        let still = access.grants.iter().any(|grant| grant.owns(found.tenant));
        access::replace(&mut transaction, tenant, found.subject, &access)?;
        if let Some(user) = found.owner().filter(|_| !still)
            && !access::remove_owner(table, &mut transaction, tenant, user).await?
        {
            let detail = "a tenant always has an owner; make somebody else one first";
            return Err(Problem::conflict("last-owner", detail));
        }
    }
    let changed = changes(&body::Binding::from(found.clone()), &serde_json::Value::Null);
    let event = scope.event(context, Resource::new("binding", found.id()), found.version + 1, changed);
    transaction.event(tenant, &event)?;
    Ok(transaction)
}
