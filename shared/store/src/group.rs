//! The records of groups and of who is in them.
//!
//! What decides about rights is in [`crate::access`], and where a group stands in [`crate::node`]; both are written here with the
//! record, so that none of the three can be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::binding::Subject;
use rookery_domain::group::{Forest, Group, MOST_GROUPS, Member};
use rookery_domain::id::{DivisionId, GroupId, OrganizationId, TenantId, UserId};
use rookery_domain::node::{DEEPEST, Lineage};
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::access::{self, Access};
use crate::transaction::unique;
use crate::{
    Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, node,
};

#[derive(Debug, Serialize, Deserialize)]
struct GroupRecord {
    id: GroupId,
    tenant: TenantId,
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    division: Option<DivisionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<GroupId>,
    name: Name,
    members: u64,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for GroupRecord {
    const KIND: &'static str = "group";
}

impl From<&Group> for GroupRecord {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id,
            tenant: group.tenant,
            organization: group.organization,
            division: group.division,
            parent: group.parent,
            name: group.name.clone(),
            members: group.members,
            version: group.version,
            created_at: group.created_at,
            updated_at: group.updated_at,
        }
    }
}

impl From<GroupRecord> for Group {
    fn from(record: GroupRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            organization: record.organization,
            division: record.division,
            parent: record.parent,
            name: record.name,
            members: record.members,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct MemberRecord {
    group: GroupId,
    user: UserId,
    added_at: Timestamp,
}

impl Record for MemberRecord {
    const KIND: &'static str = "member";
}

/// How many groups an organization has, and how often any of them was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// How many.
    #[serde(default)]
    pub count: u64,
    /// How often moved. Making and moving a group checks the tree as a whole, so that neither may pass a move.
    #[serde(default)]
    pub moves: u64,
}

impl Record for Tree {
    const KIND: &'static str = "group_tree";
}

fn key(scope: &TenantScope, id: GroupId) -> Key {
    scope.partition(&["group"]).item(id)
}

fn collection(scope: &TenantScope, organization: OrganizationId) -> Partition {
    scope.partition(&[&organization.to_string(), "group"])
}

fn members(scope: &TenantScope, group: GroupId) -> Partition {
    scope.partition(&[&group.to_string(), "member"])
}

fn tree_key(scope: &TenantScope, organization: OrganizationId) -> Key {
    scope.partition(&["group-tree"]).item(organization)
}

fn guard(scope: &TenantScope, group: &Group) -> Key {
    let parent = group.parent.map_or_else(|| group.organization.to_string(), |parent| parent.to_string());
    unique(scope, "group", &parent, &group.name.normalized())
}

fn write(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Group,
    after: &Group,
) -> Result<(), StoreError> {
    if guard(scope, before) != guard(scope, after) {
        transaction.claim(&guard(scope, after), "name");
        transaction.remove(&guard(scope, before));
    }
    transaction.put(&collection(scope, after.organization).item(after.id), &GroupRecord::from(after))
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Adds a new group to a transaction, with its place in both trees. `tree` is as it was before the decision was made, and `home` is
/// where the group stands in the tree of rights.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    group: &Group,
    home: &Lineage,
    tree: Tree,
) -> Result<(), StoreError> {
    transaction.claim(&guard(scope, group), "name");
    transaction.create(&key(scope, group.id), &GroupRecord::from(group), Refusal::Taken("id"))?;
    transaction.put(&collection(scope, group.organization).item(group.id), &GroupRecord::from(group))?;
    node::create(transaction, scope, group.id, home)?;
    if let Some(parent) = group.parent {
        node::count(transaction, scope, parent.into(), 1);
    }
    let access = Access { groups: group.parent.into_iter().collect(), ..Access::default() };
    access::create(transaction, scope, Subject::Group(group.id), &access)?;
    transaction.update(
        &tree_key(scope, group.organization),
        "ADD #count :one, moves :none",
        Some("attribute_not_exists(moves) OR (moves = :moves AND #count < :most)"),
        [
            (":one", number(1)),
            (":none", number(0)),
            (":moves", number(tree.moves)),
            (":most", number(MOST_GROUPS)),
        ],
        Refusal::Overtaken,
    );
    Ok(())
}

/// Adds a changed group to a transaction that stays where it is.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Group,
    after: &Group,
) -> Result<(), StoreError> {
    transaction.replace(&key(scope, after.id), &GroupRecord::from(after), before.version)?;
    write(transaction, scope, before, after)
}

/// Adds a move of a group below another one, or to the top, to a transaction. `access` and `tree` are as they were before the decision
/// was made: nothing else may have moved in the organization since.
pub fn relocate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Group,
    after: &Group,
    access: &Access,
    tree: Tree,
) -> Result<(), StoreError> {
    replace(transaction, scope, before, after)?;
    let access = Access { groups: after.parent.into_iter().collect(), ..access.clone() };
    access::replace(transaction, scope, Subject::Group(after.id), &access)?;
    for (parent, amount) in [(before.parent, -1), (after.parent, 1)] {
        if let Some(parent) = parent {
            node::count(transaction, scope, parent.into(), amount);
        }
    }
    transaction.update(
        &tree_key(scope, after.organization),
        "ADD moves :one",
        Some("moves = :moves"),
        [(":one", number(1)), (":moves", number(tree.moves))],
        Refusal::Overtaken,
    );
    Ok(())
}

/// Adds the deletion of a group to a transaction; refused while groups or members are in it. `access` is as it was read, without
/// anything given to the group.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, group: &Group, access: &Access) {
    // What is in it is told before anything else: people who joined meanwhile have changed the record as well.
    node::delete(transaction, scope, group.id, group.home(), "groups or members");
    transaction.delete(&key(scope, group.id), group.version);
    transaction.remove(&collection(scope, group.organization).item(group.id));
    transaction.remove(&guard(scope, group));
    access::delete(transaction, scope, Subject::Group(group.id), access);
    if let Some(parent) = group.parent {
        node::count(transaction, scope, parent.into(), -1);
    }
    transaction.update(
        &tree_key(scope, group.organization),
        "ADD #count :less",
        None,
        [(":less", AttributeValue::N("-1".into()))],
        Refusal::Busy,
    );
}

/// Adds a member to a transaction. `after` is the group with it, `access` the person's, as it was read.
pub fn join(
    transaction: &mut Transaction,
    scope: &TenantScope,
    after: &Group,
    member: &Member,
    access: &Access,
) -> Result<(), StoreError> {
    let record = MemberRecord { group: member.group, user: member.user, added_at: member.added_at };
    let place = members(scope, member.group).item(member.user);
    transaction.create(&place, &record, Refusal::Taken("membership"))?;
    count(transaction, scope, after, 1)?;
    let mut access = access.clone();
    access.groups.push(member.group);
    access::replace(transaction, scope, Subject::User(member.user), &access)
}

/// Adds what becomes of groups to a transaction when a person is made who is in them from the beginning. The person's access is the
/// caller's to write.
pub fn join_new(
    transaction: &mut Transaction,
    scope: &TenantScope,
    after: &Group,
    member: &Member,
) -> Result<(), StoreError> {
    let record = MemberRecord { group: member.group, user: member.user, added_at: member.added_at };
    let place = members(scope, member.group).item(member.user);
    transaction.create(&place, &record, Refusal::Taken("membership"))?;
    count(transaction, scope, after, 1)
}

/// Adds the end of a membership to a transaction. `after` is the group without it, `access` the person's, as it was read.
pub fn leave(
    transaction: &mut Transaction,
    scope: &TenantScope,
    after: &Group,
    user: UserId,
    access: &Access,
) -> Result<(), StoreError> {
    transaction.remove(&members(scope, after.id).item(user));
    count(transaction, scope, after, -1)?;
    let mut access = access.clone();
    access.groups.retain(|group| *group != after.id);
    access::replace(transaction, scope, Subject::User(user), &access)
}

/// Somebody else may join or leave at the same moment, which is no reason to refuse: the caller decides again.
fn count(
    transaction: &mut Transaction,
    scope: &TenantScope,
    after: &Group,
    amount: i64,
) -> Result<(), StoreError> {
    node::count(transaction, scope, after.id.into(), amount);
    transaction.follow(&key(scope, after.id), &GroupRecord::from(after), after.version - 1)?;
    transaction.put(&collection(scope, after.organization).item(after.id), &GroupRecord::from(after))
}

/// Reads a group of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: GroupId) -> Result<Option<Group>, StoreError> {
    let record: Option<GroupRecord> = table.get(&key(scope, id)).await?;
    Ok(record.map(Group::from))
}

/// Reads many groups, by their ids; those that do not exist are missing.
pub async fn find_many(
    table: &Table,
    scope: &TenantScope,
    ids: impl IntoIterator<Item = GroupId>,
) -> Result<BTreeMap<GroupId, Group>, StoreError> {
    let ids: BTreeSet<GroupId> = ids.into_iter().collect();
    let keys: Vec<Key> = ids.into_iter().map(|id| key(scope, id)).collect();
    let records: Vec<GroupRecord> = table.get_many(&keys).await?;
    Ok(records.into_iter().map(|record| (record.id, Group::from(record))).collect())
}

/// Reads a group and all above it, nearest first. Empty when there is no such group.
pub async fn ascent(table: &Table, scope: &TenantScope, id: GroupId) -> Result<Vec<Group>, StoreError> {
    let mut ascent: Vec<Group> = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next
        && ascent.len() <= DEEPEST
    {
        let Some(group) = find(table, scope, id).await? else { break };
        next = group.parent;
        ascent.push(group);
    }
    Ok(ascent)
}

/// Lists the groups of an organization.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    organization: OrganizationId,
    slice: Slice,
) -> Result<Listed<Group>, StoreError> {
    let listed = table.list::<GroupRecord>(&collection(scope, organization), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Group::from).collect(), next: listed.next })
}

/// Reads all groups of an organization.
pub async fn forest(
    table: &Table,
    scope: &TenantScope,
    organization: OrganizationId,
) -> Result<Forest, StoreError> {
    let groups: Vec<GroupRecord> = table.list_all(&collection(scope, organization)).await?;
    Ok(groups.into_iter().map(Group::from).collect())
}

/// Reads what is known of an organization's tree of groups. To be read before anything that the decision rests on.
pub async fn tree(
    table: &Table,
    scope: &TenantScope,
    organization: OrganizationId,
) -> Result<Tree, StoreError> {
    Ok(table.get(&tree_key(scope, organization)).await?.unwrap_or_default())
}

/// Reads a membership.
pub async fn find_member(
    table: &Table,
    scope: &TenantScope,
    group: GroupId,
    user: UserId,
) -> Result<Option<Member>, StoreError> {
    let record: Option<MemberRecord> = table.get(&members(scope, group).item(user)).await?;
    Ok(record.map(|record| Member { group: record.group, user: record.user, added_at: record.added_at }))
}

/// Lists the members of a group itself.
pub async fn list_members(
    table: &Table,
    scope: &TenantScope,
    group: GroupId,
    slice: Slice,
) -> Result<Listed<Member>, StoreError> {
    let listed = table.list::<MemberRecord>(&members(scope, group), slice).await?;
    let member =
        |record: MemberRecord| Member { group: record.group, user: record.user, added_at: record.added_at };
    Ok(Listed { items: listed.items.into_iter().map(member).collect(), next: listed.next })
}
