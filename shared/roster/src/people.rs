//! People: made, changed, suspended and let act again.

use rookery_domain::binding::Subject;
use rookery_domain::event::{Resource, changes};
use rookery_domain::node::Lineage;
use rookery_domain::permission::Permission;
use rookery_domain::user::{User, UserState};
use rookery_edge::{Caller, Context, Problem, wire};
use rookery_store::access::{self, Access};
use rookery_store::user::{self, Found};
use rookery_store::{TenantScope, Transaction, node};

use crate::{load, ownership, quota};

/// Adds somebody new to a transaction: the record, the place below `home`, and what decides about the person's rights.
pub fn settle(
    transaction: &mut Transaction,
    scope: &TenantScope,
    person: &User,
    home: &Lineage,
    access: &Access,
) -> Result<(), Problem> {
    user::create(transaction, scope, person)?;
    quota::take_member(transaction, scope, home);
    node::create(transaction, scope, person.id, home)?;
    Ok(access::create(transaction, scope, Subject::User(person.id), access)?)
}

/// Changes a person's record to `after`, and notes what else of the person changes beside it, by the names of the fields; `None` if
/// nothing does.
pub async fn edit(
    context: &Context,
    caller: &Caller,
    found: &Found,
    after: &User,
    also: &[&str],
) -> Result<Option<Transaction>, Problem> {
    let before = &found.user;
    let mut changed = changes(&wire::User::from(before.clone()), &wire::User::from(after.clone()));
    changed.extend(also.iter().map(|field| load::unsaid(field)));
    if changed.is_empty() {
        return Ok(None);
    }
    let mut transaction = Transaction::new();
    if after.home() != before.home() {
        let home = load::home(context, &caller.tenant, after.organization, after.division).await?;
        let path = format!("/v1/users/{}", before.id);
        load::must_hold(context, caller, Permission::UserUpdate, home.node, &path).await?;
        node::rehome(&mut transaction, &caller.tenant, before.id.into(), before.home(), &home);
    }
    user::replace(&mut transaction, &caller.tenant, found, after)?;
    let changed = load::without_personal_data(changed);
    let resource = Resource::new("user", after.id);
    let event = caller.consequence(context, Permission::UserUpdate, resource, after.version, changed);
    transaction.event(&caller.tenant, &event)?;
    Ok(Some(transaction))
}

/// Suspends a person, or lets it act again; `None` if that is how it is already. The last owner is not suspended.
pub async fn put_in_state(
    context: &Context,
    caller: &Caller,
    found: &Found,
    state: UserState,
) -> Result<Option<(Transaction, User)>, Problem> {
    let before = &found.user;
    if before.state == state {
        return Ok(None);
    }
    let after = before.in_state(state, context.now());
    let subject = Subject::User(before.id);
    let access = access::find(context.table()?, &caller.tenant, subject).await?;
    let mut access = access.ok_or(Problem::NotFound("user"))?;
    access.suspended = state == UserState::Suspended;

    let mut transaction = Transaction::new();
    let permission = match state {
        UserState::Suspended => {
            ownership::leave(context, caller, &mut transaction, before.id, &access).await?;
            Permission::UserSuspend
        }
        UserState::Active => {
            ownership::enter(context, &caller.tenant, &mut transaction, before.id, &access).await?;
            Permission::UserResume
        }
    };
    access::replace(&mut transaction, &caller.tenant, subject, &access)?;
    user::replace(&mut transaction, &caller.tenant, found, &after)?;
    let changed = changes(&wire::User::from(before.clone()), &wire::User::from(after.clone()));
    let event =
        caller.consequence(context, permission, Resource::new("user", after.id), after.version, changed);
    transaction.event(&caller.tenant, &event)?;
    Ok(Some((transaction, after)))
}
