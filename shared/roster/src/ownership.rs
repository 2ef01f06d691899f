//! A tenant always has an owner: somebody active who was given the role at the tenant itself, for good and without condition.

use rookery_domain::id::UserId;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::access::{self, Access};
use rookery_store::{TenantScope, Transaction};

/// Adds to a transaction that somebody is an owner no more, unless what it has then still makes it one. Refused for the last owner,
/// also when two requests take away one of the last two at the same moment.
pub async fn leave(
    context: &Context,
    caller: &Caller,
    transaction: &mut Transaction,
    person: UserId,
    after: &Access,
) -> Result<(), Problem> {
    let tenant = caller.tenant.tenant();
    if !after.suspended && after.grants.iter().any(|grant| grant.owns(tenant)) {
        return Ok(());
    }
    if access::remove_owner(context.table()?, transaction, &caller.tenant, person).await? {
        return Ok(());
    }
    let detail = "the person is the tenant's last owner; make somebody else an owner first";
    Err(Problem::conflict("last-owner", detail))
}

/// Adds to a transaction that somebody is an owner, if what it has makes it one.
pub async fn enter(
    context: &Context,
    scope: &TenantScope,
    transaction: &mut Transaction,
    person: UserId,
    access: &Access,
) -> Result<(), Problem> {
    if access.suspended || !access.grants.iter().any(|grant| grant.owns(scope.tenant())) {
        return Ok(());
    }
    Ok(access::add_owner(context.table()?, transaction, scope, person).await?)
}
