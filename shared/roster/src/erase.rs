//! The end of a person. What belongs to it can be more than one transaction holds, so that it goes piece by piece, each with the event
//! that it would have by itself; the record goes last, and only if nothing was given to the person meanwhile.

use jiff::Timestamp;
use rookery_domain::binding::Subject;
use rookery_domain::event::{Action, Change, Resource, changes};
use rookery_domain::id::{BindingId, GroupId, UserId};
use rookery_domain::key::KeyOwner;
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::RoleRef;
use rookery_edge::{Answer, Context, Problem, Scope, deciding, wire};
use rookery_store::{
    Transaction, access, binding, consent, credential, directory, factor, group, link, node, session, user,
};
use serde_json::{Value, json};

use crate::{load, ownership, quota};

/// How many consents are taken back in one transaction.
const TOGETHER: usize = 50;

/// Takes away roles, memberships, personal keys, sessions, and what clients were let do. The ownership of the tenant goes first, so that nothing is done to its last owner.
pub async fn belongings(
    context: &Context,
    scope: &Scope<right::UserDelete>,
    person: UserId,
) -> Result<(), Problem> {
    let access = access::find(context.table()?, &scope.tenant, Subject::User(person)).await?;
    let Some(access) = access else { return Ok(()) };
    let tenant = scope.tenant.tenant();
    let mut bindings: Vec<_> = access.grants.iter().collect();
    bindings.sort_by_key(|grant| !grant.owns(tenant));
    for grant in bindings {
        deciding(|| unbind(context, scope, person, grant.binding)).await?;
    }
    for id in access.groups {
        deciding(|| leave(context, scope, person, id)).await?;
    }
    for key in credential::of_owner(context.table()?, &scope.tenant, KeyOwner::User(person)).await? {
        if key.key.revoked_at.is_none() {
            revoke(context, scope, &key).await?;
        }
    }
    for session in session::list(context.table()?, &scope.tenant, person, Timestamp::MIN).await? {
        let resource = Resource::new("session", session.id);
        let (permission, version) = (Permission::SessionEnd, session.version + 1);
        let mut transaction = Transaction::new();
        session::end(&mut transaction, &scope.tenant, &session);
        let event = scope.consequence(context, permission, resource, version, Vec::new());
        transaction.event(&scope.tenant, &event)?;
        context.table()?.commit(&transaction).await?;
    }
    for together in consent::list(context.table()?, &scope.tenant, person).await?.chunks(TOGETHER) {
        let mut transaction = Transaction::new();
        for consent in together {
            consent::remove(&mut transaction, &scope.tenant, person, consent.client);
        }
        let resource = Resource::new("user", person);
        transaction.event(&scope.tenant, &scope.own_event(context, Action::OAUTH_WITHDRAW, resource, 0))?;
        context.table()?.commit(&transaction).await?;
    }
    Ok(())
}

async fn unbind(
    context: &Context,
    scope: &Scope<right::UserDelete>,
    person: UserId,
    id: BindingId,
) -> Result<Answer, Problem> {
    let table = context.table()?;
    let access = access::find(table, &scope.tenant, Subject::User(person)).await?;
    let Some(mut access) = access.filter(|access| access.grants.iter().any(|grant| grant.binding == id))
    else {
        return Ok(Answer::no_content());
    };
    access.grants.retain(|grant| grant.binding != id);
    let mut transaction = Transaction::new();
    ownership::leave(context, scope, &mut transaction, person, &access).await?;
    access::replace(&mut transaction, &scope.tenant, Subject::User(person), &access)?;
    if let Some(binding) = binding::find(table, &scope.tenant, id).await? {
        binding::delete(&mut transaction, &scope.tenant, &binding);
        node::detach(&mut transaction, &scope.tenant, id);
        if let RoleRef::Custom(role) = binding.grant.role {
            node::count(&mut transaction, &scope.tenant, role.into(), -1);
        }
    }
    let changed = Change { field: "subject".into(), before: json!(person), after: Value::Null };
    let resource = Resource::new("binding", id);
    let event = scope.consequence(context, Permission::BindingDelete, resource, 2, vec![changed]);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}

async fn leave(
    context: &Context,
    scope: &Scope<right::UserDelete>,
    person: UserId,
    id: GroupId,
) -> Result<Answer, Problem> {
    let table = context.table()?;
    let access = access::find(table, &scope.tenant, Subject::User(person)).await?;
    let Some(access) = access.filter(|access| access.groups.contains(&id)) else {
        return Ok(Answer::no_content());
    };
    let before = load::group(context, &scope.tenant, &id.to_string()).await?;
    let after = before.left(context.now());
    let changed = Change { field: "members".into(), before: json!(person), after: Value::Null };
    let resource = Resource::new("group", id);
    let event =
        scope.consequence(context, Permission::GroupMemberRemove, resource, after.version, vec![changed]);
    let mut transaction = Transaction::new();
    group::leave(&mut transaction, &scope.tenant, &after, person, &access)?;
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}

async fn revoke(
    context: &Context,
    scope: &Scope<right::UserDelete>,
    before: &credential::Found,
) -> Result<(), Problem> {
    let after = before.key.revoked(context.now());
    let changed = changes(&wire::ApiKey::from(before.key.clone()), &wire::ApiKey::from(after.clone()));
    let resource = Resource::new("api_key", after.id);
    let event = scope.consequence(context, Permission::ApiKeyRevoke, resource, after.version, changed);
    let mut transaction = Transaction::new();
    credential::replace(&mut transaction, &scope.tenant, before, &after)?;
    quota::give_back_key(&mut transaction, &scope.tenant, scope.place());
    transaction.event(&scope.tenant, &event)?;
    Ok(context.table()?.commit(&transaction).await?)
}

/// Deletes the record, the place and the rights of a person that nothing belongs to any more.
pub async fn person(
    context: &Context,
    scope: &Scope<right::UserDelete>,
    id: UserId,
) -> Result<Answer, Problem> {
    let table = context.table()?;
    let found = user::find(table, &scope.tenant, id).await?.ok_or(Problem::NotFound("user"))?;
    let before = &found.user;
    let access = access::find(table, &scope.tenant, Subject::User(id)).await?.unwrap_or_default();
    if !access.grants.is_empty() || !access.groups.is_empty() {
        let detail = "the person was given something at the same time; send the request again";
        return Err(Problem::conflict("version-conflict", detail));
    }
    let mut transaction = Transaction::new();
    user::erase(&mut transaction, &scope.tenant, &found);
    directory::erase_person(table, &mut transaction, &scope.tenant, id).await?;
    let factors = factor::find(table, &scope.tenant, id).await?;
    factor::erase(&mut transaction, &scope.tenant, id, &factors);
    link::void(&mut transaction, id);
    node::delete(&mut transaction, &scope.tenant, id, before.home(), "things");
    access::delete(&mut transaction, &scope.tenant, Subject::User(id), &access);
    quota::give_back_member(&mut transaction, &scope.tenant, scope.place());
    let changed = changes(&wire::User::from(before.clone()), &Value::Null);
    let changed = load::without_personal_data(changed);
    let event = scope.event(context, Resource::new("user", id), before.version + 1, changed);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
