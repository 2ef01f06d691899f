//! `/v1/roles/{role}`: reading, changing and deleting a role.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::{Role, RoleRef};
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Reach, Scope};
use rookery_store::{TenantScope, Transaction, node};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, roles};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, change, delete))
}

async fn load(
    context: &Context,
    scope: &TenantScope,
    id: rookery_domain::id::RoleId,
) -> Result<Role, Problem> {
    let found = rookery_store::role::find(context.table()?, scope, id).await?;
    found.ok_or(Problem::NotFound("role"))
}

/// Loads a role that can be changed: not one that every tenant has.
async fn load_own(context: &Context, scope: &TenantScope, id: &str) -> Result<Role, Problem> {
    match id.parse()? {
        RoleRef::Custom(id) => load(context, scope, id).await,
        RoleRef::Predefined(role) => {
            let detail = format!("every tenant has the role {}, and nobody can change it", role.as_str());
            Err(Problem::conflict("predefined-role", detail))
        }
    }
}

/// Read a role: one that every tenant has by its name, one of the tenant's own by its id.
#[utoipa::path(
    get,
    path = "/v1/roles/{role}",
    operation_id = "read_role",
    tag = "rights",
    params(("role" = RoleRef, Path)),
    responses(
        (status = 200, description = "The role.", body = body::Role),
        (status = 404, description = "There is no such role.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    reach: Reach<right::RoleRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let body: body::Role = match id.parse()? {
        RoleRef::Predefined(role) => role.into(),
        RoleRef::Custom(id) => load(&context, &reach.tenant, id).await?.into(),
    };
    let version = body.version;
    Ok(Answer::ok(&body)?.version(version))
}

/// What may be changed of a role. What is absent stays as it is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RolePatch {
    #[deserr(default)]
    name: Option<Name>,
    /// Everything that it is to hold, at least one permission.
    #[deserr(default)]
    permissions: Option<Vec<String>>,
}

/// Change a role of the tenant's own. What is added the caller must hold in the whole tenant.
///
/// Whoever has the role has what it holds then within 60 seconds.
#[utoipa::path(
    patch,
    path = "/v1/roles/{role}",
    operation_id = "change_role",
    tag = "rights",
    params(("role" = RoleRef, Path), ("If-Match" = Option<String>, Header)),
    request_body = RolePatch,
    responses(
        (status = 200, description = "The role as it is now.", body = body::Role),
        (status = 403, description = "The caller may change no roles, or lacks a permission that is to be added.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "There is no such role.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or every tenant has the role.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn change(
    State(context): State<Context>,
    scope: Scope<right::RoleUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<RolePatch>,
) -> Result<Answer, Problem> {
    let before = load_own(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let mut faults = Faults::default();
    let name = value.name.and_then(|name| roles::own_name(name, &mut faults));
    let permissions = value.permissions.and_then(|wanted| roles::permissions(&wanted, &mut faults));
    faults.into_result().map_err(Problem::Invalid)?;
    let after = before.changed(name, permissions, context.now());
    if after.name == before.name && after.permissions == before.permissions {
        let version = before.version;
        return Ok(Answer::ok(&body::Role::from(before))?.version(version));
    }
    let added: BTreeSet<Permission> = after.permissions.difference(&before.permissions).copied().collect();
    if let Some(lacking) = scope.cannot_hand_on(&context, &added, scope.place(), None)? {
        let path = format!("/v1/roles/{id}");
        return Err(scope.beyond_own_rights(&context, Permission::RoleUpdate, lacking, &path).await?);
    }

    let body = body::Role::from(after.clone());
    let changed = changes(&body::Role::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("role", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    rookery_store::role::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// Delete a role of the tenant's own that nobody is given any more.
#[utoipa::path(
    delete,
    path = "/v1/roles/{role}",
    operation_id = "delete_role",
    tag = "rights",
    params(("role" = RoleRef, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such role.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "A binding gives it, or every tenant has it.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::RoleDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load_own(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let changed = changes(&body::Role::from(before.clone()), &serde_json::Value::Null);
    let event = scope.event(&context, Resource::new("role", before.id), before.version + 1, changed);
    let mut transaction = Transaction::new();
    rookery_store::role::delete(&mut transaction, &scope.tenant, &before);
    node::detach_empty(&mut transaction, &scope.tenant, before.id, "bindings with this role");
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
