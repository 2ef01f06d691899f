//! People who come for the first time by a provider, and the groups that its claims put people in.

use rookery_domain::binding::Subject;
use rookery_domain::event::{Action, Actor, ActorKind, Change, Event, Origin, Resource, changes};
use rookery_domain::group::{Group, Member};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{GroupId, OrganizationId, UserId};
use rookery_domain::identity_provider::IdentityProvider;
use rookery_domain::permission::Permission;
use rookery_domain::quota::Quota;
use rookery_domain::text::{Email, Name};
use rookery_domain::user::{User, UserState};
use rookery_edge::{Answer, Context, Problem, deciding};
use rookery_store::access::{self, Access};
use rookery_store::{TenantScope, Transaction, federation, group, node, quota, user};
use serde_json::{Value, json};

use crate::upstream::Identity;

/// Somebody who comes for the first time.
pub(crate) struct Newcomer<'a> {
    pub(crate) provider: &'a IdentityProvider,
    pub(crate) organization: OrganizationId,
    pub(crate) email: Email,
    pub(crate) identity: &'a Identity,
    pub(crate) subject: Sha256,
}

/// Makes somebody who comes for the first time a person of the tenant, with the groups that the provider's claim stands for, and no
/// other right.
pub(crate) async fn provision(
    context: &Context,
    scope: &TenantScope,
    newcomer: &Newcomer<'_>,
) -> Result<UserId, Problem> {
    let id: UserId = context.new_id();
    let made = deciding(|| async {
        let mut transaction = Transaction::new();
        write(context, scope, &mut transaction, newcomer, id).await?;
        context.commit(scope, None, transaction, Answer::no_content()).await
    });
    made.await?;
    Ok(id)
}

async fn write(
    context: &Context,
    scope: &TenantScope,
    transaction: &mut Transaction,
    newcomer: &Newcomer<'_>,
    id: UserId,
) -> Result<(), Problem> {
    let (table, now, provider) = (context.table()?, context.now(), newcomer.provider);
    let gone = || Problem::conflict("gone", "the organization in which people are made does not exist");
    let home = node::lineage(table, scope, newcomer.organization.into(), &mut node::Unknown).await?;
    let home = home.ok_or_else(gone)?;
    let user = User {
        id,
        tenant: scope.tenant(),
        organization: newcomer.organization,
        division: None,
        email: newcomer.email.clone(),
        name: name(newcomer)?,
        state: UserState::Active,
        email_verified: true,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut groups: Vec<Group> = Vec::new();
    for wanted in provider.groups_of(&newcomer.identity.groups).0 {
        // A group that is gone, full, or of another organization is not for this person.
        let found = group::find(table, scope, wanted).await?;
        if let Some(found) = found.filter(|found| found.organization == user.organization)
            && let Ok(joined) = found.joined(groups.len(), now)
        {
            groups.push(joined);
        }
    }
    user::create(transaction, scope, &user)?;
    quota::take(transaction, scope, &home, Quota::Members, 1);
    node::create(transaction, scope, id, &home)?;
    for group in &groups {
        group::join_new(transaction, scope, group, &Member { group: group.id, user: id, added_at: now })?;
    }
    let groups: Vec<GroupId> = groups.iter().map(|group| group.id).collect();
    let access = Access { groups: groups.clone(), ..Access::default() };
    access::create(transaction, scope, Subject::User(id), &access)?;
    federation::link(transaction, scope, provider.id, &newcomer.subject, id, now)?;
    let said = json!({
        "identity_provider_id": provider.id,
        "organization_id": newcomer.organization,
        "groups": groups,
    });
    let said = changes(&Value::Null, &said);
    let event = by_provider(context, scope, Action::USER_PROVISION, Resource::new("user", id), 1, said);
    Ok(transaction.event(scope, &event)?)
}

/// What somebody is called: as the provider says, or else the mail address up to the `@`.
fn name(newcomer: &Newcomer<'_>) -> Result<Name, Problem> {
    let said = newcomer.identity.name.as_deref().and_then(|name| name.parse().ok());
    let email = newcomer.email.as_str();
    let local = || email.rsplit_once('@').map_or(email, |(local, _)| local).parse();
    said.map_or_else(local, Ok).map_err(Problem::internal)
}

fn by_provider(
    context: &Context,
    scope: &TenantScope,
    action: Action,
    resource: Resource,
    version: u64,
    changes: Vec<Change>,
) -> Event {
    let provider = Actor::new(ActorKind::System, "identity-provider");
    let event = context.event(scope.tenant(), action, resource, (provider, &Origin::default()));
    Event { version, changes, ..event }
}

/// Brings the groups that the provider's claims stand for in line with what the claim says now. Others are left alone.
pub(crate) async fn bring_in_line(
    context: &Context,
    scope: &TenantScope,
    provider: &IdentityProvider,
    person: &User,
    values: &[String],
) -> Result<(), Problem> {
    if provider.choice.groups.is_empty() {
        return Ok(());
    }
    let (inside, outside) = provider.groups_of(values);
    let wanted = inside.into_iter().map(|id| (id, true)).chain(outside.into_iter().map(|id| (id, false)));
    for (id, is_in) in wanted {
        deciding(|| async {
            let mut transaction = Transaction::new();
            if !turn(context, scope, &mut transaction, person, id, is_in).await? {
                return Ok(Answer::no_content());
            }
            context.commit(scope, None, transaction, Answer::no_content()).await
        })
        .await?;
    }
    Ok(())
}

/// Adds to a transaction that somebody joins or leaves a group; answers whether there is anything to change.
async fn turn(
    context: &Context,
    scope: &TenantScope,
    transaction: &mut Transaction,
    person: &User,
    id: GroupId,
    is_in: bool,
) -> Result<bool, Problem> {
    let (table, now, user) = (context.table()?, context.now(), person.id);
    let access = access::find(table, scope, Subject::User(user)).await?.unwrap_or_default();
    if access.groups.contains(&id) == is_in {
        return Ok(false);
    }
    let found = group::find(table, scope, id).await?;
    let Some(group) = found.filter(|found| found.organization == person.organization) else {
        return Ok(false);
    };
    let (after, action, change) = if is_in {
        let Ok(after) = group.joined(access.groups.len(), now) else { return Ok(false) };
        group::join(transaction, scope, &after, &Member { group: id, user, added_at: now }, &access)?;
        let change = Change { field: "members".into(), before: Value::Null, after: json!(user) };
        (after, Permission::GroupMemberAdd, change)
    } else {
        let after = group.left(now);
        group::leave(transaction, scope, &after, user, &access)?;
        let change = Change { field: "members".into(), before: json!(user), after: Value::Null };
        (after, Permission::GroupMemberRemove, change)
    };
    let resource = Resource::new("group", id);
    let event = by_provider(context, scope, action.into(), resource, after.version, vec![change]);
    transaction.event(scope, &event)?;
    Ok(true)
}
