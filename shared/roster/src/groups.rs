//! Groups: made, renamed and deleted, and people who come into them and go.

use rookery_domain::binding::Subject;
use rookery_domain::event::{Change, Resource, changes};
use rookery_domain::group::{Full, Group, MOST_GROUPS, Member};
use rookery_domain::id::{DivisionId, GroupId, OrganizationId, UserId};
use rookery_domain::node::Lineage;
use rookery_domain::permission::Permission;
use rookery_domain::text::Name;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::{Refusal, Transaction, access, directory, group};
use serde_json::{Value, json};

use crate::{load, wire};

/// A group to be made.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// The organization that it will belong to.
    pub organization: OrganizationId,
    /// The division that it will belong to, if to one.
    pub division: Option<DivisionId>,
    /// The group that it will be directly below; none at the top.
    pub parent: Option<GroupId>,
    /// Unlike that of any other group directly below the same one.
    pub name: Name,
}

/// Makes a group at `home`, unless the organization has as many as it may, or the tree of its groups would be too deep.
pub async fn create(
    context: &Context,
    caller: &Caller,
    new: &NewGroup,
    home: &Lineage,
) -> Result<(Transaction, Group), Problem> {
    let table = context.table()?;
    let tree = group::tree(table, &caller.tenant, new.organization).await?;
    if tree.count >= MOST_GROUPS {
        return Err(load::full(Full::Groups));
    }
    if new.parent.is_some() {
        let forest = group::forest(table, &caller.tenant, new.organization).await?;
        let fits = forest.may_create(new.parent);
        fits.map_err(|fault| Problem::invalid("/parent_id", fault.to_string()))?;
    }
    let now = context.now();
    let made = Group {
        id: context.new_id(),
        tenant: caller.tenant.tenant(),
        organization: new.organization,
        division: new.division,
        parent: new.parent,
        name: new.name.clone(),
        members: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let changed = changes(&Value::Null, &wire::Group::from(&made));
    let resource = Resource::new("group", made.id);
    let event = caller.consequence(context, Permission::GroupCreate, resource, made.version, changed);
    let mut transaction = Transaction::new();
    group::create(&mut transaction, &caller.tenant, &made, home, tree)?;
    transaction.event(&caller.tenant, &event)?;
    Ok((transaction, made))
}

/// Gives a group another name, and notes what else of it changes beside its record, by the names of the fields.
pub fn rename(
    context: &Context,
    caller: &Caller,
    before: &Group,
    name: Name,
    also: &[&str],
) -> Result<(Transaction, Group), Problem> {
    let after = before.renamed(name, context.now());
    let mut changed = changes(&wire::Group::from(before), &wire::Group::from(&after));
    changed.extend(also.iter().map(|field| load::unsaid(field)));
    let resource = Resource::new("group", after.id);
    let event = caller.consequence(context, Permission::GroupUpdate, resource, after.version, changed);
    let mut transaction = Transaction::new();
    group::replace(&mut transaction, &caller.tenant, before, &after)?;
    transaction.event(&caller.tenant, &event)?;
    Ok((transaction, after))
}

/// Refuses to delete a group that something was given to.
pub async fn must_have_nothing(context: &Context, caller: &Caller, id: GroupId) -> Result<(), Problem> {
    let access = access::find(context.table()?, &caller.tenant, Subject::Group(id)).await?;
    if access.unwrap_or_default().grants.is_empty() {
        return Ok(());
    }
    Err(Refusal::NotEmpty("bindings").into())
}

/// Refuses to delete a group that others are below.
pub async fn must_be_lowest(context: &Context, caller: &Caller, group: &Group) -> Result<(), Problem> {
    let forest = group::forest(context.table()?, &caller.tenant, group.organization).await?;
    if forest.groups().any(|other| other.parent == Some(group.id)) {
        return Err(Refusal::NotEmpty("groups").into());
    }
    Ok(())
}

/// Deletes a group that has neither groups below it nor members, and that nothing was given to.
pub async fn delete(context: &Context, caller: &Caller, before: &Group) -> Result<Transaction, Problem> {
    must_have_nothing(context, caller, before.id).await?;
    let access = access::find(context.table()?, &caller.tenant, Subject::Group(before.id)).await?;
    let changed = changes(&wire::Group::from(before), &Value::Null);
    let (resource, version) = (Resource::new("group", before.id), before.version + 1);
    let event = caller.consequence(context, Permission::GroupDelete, resource, version, changed);
    let mut transaction = Transaction::new();
    group::delete(&mut transaction, &caller.tenant, before, &access.unwrap_or_default());
    directory::erase_group(context.table()?, &mut transaction, &caller.tenant, before.id).await?;
    transaction.event(&caller.tenant, &event)?;
    Ok(transaction)
}

/// Lets somebody of the organization into a group. The caller must hold everything that being in it gives. `pointer` is where the request
/// names the person.
pub async fn join(
    context: &Context,
    caller: &Caller,
    before: &Group,
    person: UserId,
    pointer: &str,
) -> Result<(Transaction, Group, Member), Problem> {
    let stranger = || Problem::invalid(pointer, "is nobody of the group's organization");
    let place = load::place(context, &caller.tenant, person.into()).await?;
    place.filter(|place| place.organization() == Some(before.organization)).ok_or_else(stranger)?;
    let subject = Subject::User(person);
    let access = access::find(context.table()?, &caller.tenant, subject).await?.ok_or_else(stranger)?;
    if access.groups.contains(&before.id) {
        return Err(Refusal::Taken("membership").into());
    }
    let path = format!("/v1/groups/{}/members", before.id);
    let given = load::given_to(context, &caller.tenant, before.id).await?;
    load::must_cover(context, caller, Permission::GroupMemberAdd, &given, &path).await?;
    let now = context.now();
    let after = before.joined(access.groups.len(), now).map_err(load::full)?;
    let member = Member { group: after.id, user: person, added_at: now };

    let changed = Change { field: "members".into(), before: Value::Null, after: json!(person) };
    let resource = Resource::new("group", after.id);
    let event =
        caller.consequence(context, Permission::GroupMemberAdd, resource, after.version, vec![changed]);
    let mut transaction = Transaction::new();
    group::join(&mut transaction, &caller.tenant, &after, &member, &access)?;
    transaction.event(&caller.tenant, &event)?;
    Ok((transaction, after, member))
}

/// Takes somebody out of a group.
pub async fn leave(
    context: &Context,
    caller: &Caller,
    before: &Group,
    person: UserId,
) -> Result<Transaction, Problem> {
    let access = access::find(context.table()?, &caller.tenant, Subject::User(person)).await?;
    let access =
        access.filter(|access| access.groups.contains(&before.id)).ok_or(Problem::NotFound("membership"))?;
    let after = before.left(context.now());
    let changed = Change { field: "members".into(), before: json!(person), after: Value::Null };
    let resource = Resource::new("group", after.id);
    let event =
        caller.consequence(context, Permission::GroupMemberRemove, resource, after.version, vec![changed]);
    let mut transaction = Transaction::new();
    group::leave(&mut transaction, &caller.tenant, &after, person, &access)?;
    transaction.event(&caller.tenant, &event)?;
    Ok(transaction)
}
