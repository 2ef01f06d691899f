//! `/v1/roles`: listing roles, and making one's own.

use std::collections::BTreeSet;

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::{self, Predefined, Role};
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Reach, Scope};
use rookery_store::{Listed, Slice, Transaction, node};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A role to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewRole {
    name: Name,
    /// What it holds: permissions by their names, at least one. There are no wildcards.
    permissions: Vec<String>,
}

/// List the roles of the tenant: those that every tenant has, then its own, newest first.
///
/// Roles are the tenant's and not any place's, so whoever may list them anywhere sees them all.
#[utoipa::path(
    get,
    path = "/v1/roles",
    operation_id = "list_roles",
    tag = "rights",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of roles.", body = Page<body::Role>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::RoleList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&reach.tenant)?;
    let limit = usize::try_from(slice.limit).map_err(Problem::internal)?;
    let known = |name: &String| Predefined::ALL.iter().position(|role| role.as_str() == name);
    let first = match &slice.after {
        None => Some(0),
        Some(after) => known(after).map(|at| at + 1),
    };
    // A page begins among the predefined ones, or behind them.
    let predefined: Vec<Predefined> =
        first.map_or_else(Vec::new, |first| Predefined::ALL.into_iter().skip(first).take(limit).collect());
    let mut items: Vec<body::Role> = predefined.iter().copied().map(body::Role::from).collect();
    let after = if first.is_some() { None } else { slice.after };
    let next = if items.len() == limit {
        predefined.last().map(|role| role.as_str().to_owned())
    } else {
        let rest = slice.limit - u32::try_from(items.len()).map_err(Problem::internal)?;
        let slice = Slice { limit: rest, after, ..Slice::default() };
        let listed = rookery_store::role::list(context.table()?, &reach.tenant, slice).await?;
        items.extend(listed.items.into_iter().map(body::Role::from));
        listed.next
    };
    Answer::ok(&paging.page(Listed { items, next }, |role| role))
}

/// Make a role of the tenant's own, of permissions that the caller holds in the whole tenant.
#[utoipa::path(
    post,
    path = "/v1/roles",
    operation_id = "create_role",
    tag = "rights",
    request_body = NewRole,
    responses(
        (status = 201, description = "Created.", body = body::Role),
        (status = 403, description = "The caller may make no roles, or lacks a permission that the role is to hold.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::RoleCreate>,
    Body { value, idempotency }: Body<NewRole>,
) -> Result<Answer, Problem> {
    let mut faults = Faults::default();
    let name = own_name(value.name, &mut faults);
    let permissions = permissions(&value.permissions, &mut faults);
    let (Some(name), Some(permissions)) = (name, permissions) else { return Err(Problem::Invalid(faults)) };
    if let Some(lacking) = scope.cannot_hand_on(&context, &permissions, scope.place(), None)? {
        let right = Permission::RoleCreate;
        return Err(scope.beyond_own_rights(&context, right, lacking, "/v1/roles").await?);
    }
    let made = Role::new(context.new_id(), scope.tenant.tenant(), name, permissions, context.now());

    let body = body::Role::from(made.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("role", made.id), made.version, changed);
    let mut transaction = Transaction::new();
    rookery_store::role::create(&mut transaction, &scope.tenant, &made)?;
    node::attach(&mut transaction, &scope.tenant, made.id, scope.place())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::created(format!("/v1/roles/{}", made.id), &body)?.version(made.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// The name of a role of the tenant's own; what is wrong with it is noted.
pub(crate) fn own_name(name: Name, faults: &mut Faults) -> Option<Name> {
    role::own_name(name).map_err(|fault| faults.push("/name", fault.to_string())).ok()
}

/// What a role is to hold; what is wrong with it is noted.
pub(crate) fn permissions(wanted: &[String], faults: &mut Faults) -> Option<BTreeSet<Permission>> {
    match role::permissions(wanted) {
        Ok(held) if held.is_empty() => {
            faults.push("/permissions", "is empty; a role holds at least one");
            None
        }
        Ok(held) => Some(held),
        Err(bad) => {
            for (at, fault) in bad {
                faults.push(format!("/permissions/{at}"), fault.to_string());
            }
            None
        }
    }
}
