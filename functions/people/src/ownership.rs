//! A tenant always has an owner: somebody active who was given the role at the tenant itself, for good and without condition.

use rookery_domain::binding::Grant;
use rookery_domain::id::{TenantId, UserId};
use rookery_domain::node::NodeId;
use rookery_domain::role::{Predefined, RoleRef};
use rookery_edge::{Caller, Context, Problem};
use rookery_store::access::{self, Access};
use rookery_store::{TenantScope, Transaction};

/// Whether something that was given to a person makes it an owner of the tenant.
pub(crate) fn gives(tenant: TenantId, grant: &Grant) -> bool {
    let Grant { role, node, starts_at, expires_at, condition, .. } = grant;
    *role == RoleRef::Predefined(Predefined::Owner)
        && *node == NodeId::Tenant(tenant)
        && starts_at.is_none()
        && expires_at.is_none()
        && condition.is_none()
}

/// Adds to a transaction that somebody is an owner no more, unless what it has then still makes it one. Refused for the last owner,
/// also when two requests take away one of the last two at the same moment.
pub(crate) async fn leave(
    context: &Context,
    caller: &Caller,
    transaction: &mut Transaction,
    person: UserId,
    after: &Access,
) -> Result<(), Problem> {
    let tenant = caller.tenant.tenant();
    if !after.suspended && after.grants.iter().any(|grant| gives(tenant, grant)) {
        return Ok(());
    }
    let mut owners = access::owners(context.table()?, &caller.tenant).await?;
    if !owners.users.remove(&person) {
        return Ok(());
    }
    if owners.users.is_empty() {
        let detail = "the person is the tenant's last owner; make somebody else an owner first";
        return Err(Problem::conflict("last-owner", detail));
    }
    Ok(access::replace_owners(transaction, &caller.tenant, &owners)?)
}

/// Adds to a transaction that somebody is an owner, if what it has makes it one.
pub(crate) async fn enter(
    context: &Context,
    scope: &TenantScope,
    transaction: &mut Transaction,
    person: UserId,
    access: &Access,
) -> Result<(), Problem> {
    if access.suspended || !access.grants.iter().any(|grant| gives(scope.tenant(), grant)) {
        return Ok(());
    }
    let mut owners = access::owners(context.table()?, scope).await?;
    if owners.users.insert(person) {
        access::replace_owners(transaction, scope, &owners)?;
    }
    Ok(())
}
