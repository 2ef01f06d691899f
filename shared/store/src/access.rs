//! What decides about rights, one small item per subject: what was given to it, and the groups it is in.
//!
//! It repeats what the records of bindings, groups and roles say, in a form that a decision can read at once, and is written in the
//! same transactions as they are.

use std::collections::{BTreeMap, BTreeSet};

use rookery_domain::binding::{Grant, Subject};
use rookery_domain::id::{GroupId, RoleId, UserId};
use rookery_domain::permission::Permission;
use rookery_domain::role::RoleRef;
use serde::{Deserialize, Serialize};

use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// What is known of a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The groups that a person is a member of; for a group the one above it, if there is one.
    pub groups: Vec<GroupId>,
    /// What was given to it.
    pub grants: Vec<Grant>,
    /// Whether it may do nothing for the time being.
    pub suspended: bool,
    /// Counts the changes of this item.
    pub version: u64,
}

impl Record for Access {
    const KIND: &'static str = "access";
}

#[derive(Debug, Serialize, Deserialize)]
struct RoleAccess {
    permissions: Vec<String>,
}

impl Record for RoleAccess {
    const KIND: &'static str = "role_access";
}

/// The people who own the tenant: active, and given the role at the tenant itself, for good and without condition. There is always
/// one, which every write that takes one away demands of this item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The owners.
    pub users: BTreeSet<UserId>,
    /// Counts the changes of this item.
    pub version: u64,
}

impl Record for Owners {
    const KIND: &'static str = "owners";
}

fn key(scope: &TenantScope, id: impl std::fmt::Display) -> Key {
    scope.partition(&["access"]).item(id)
}

pub(crate) fn owners_key(scope: &TenantScope) -> Key {
    key(scope, "owners")
}

/// Adds a new subject to a transaction.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    subject: Subject,
    access: &Access,
) -> Result<(), StoreError> {
    let access = Access { version: 1, ..access.clone() };
    transaction.create(&key(scope, subject), &access, Refusal::Taken("id"))
}

/// Adds a changed subject to a transaction. `after.version` is the version that was read.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    subject: Subject,
    after: &Access,
) -> Result<(), StoreError> {
    let next = Access { version: after.version + 1, ..after.clone() };
    transaction.follow(&key(scope, subject), &next, after.version)
}

/// Adds the deletion of a subject to a transaction; it must still be as it was read.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, subject: Subject, before: &Access) {
    transaction.delete(&key(scope, subject), before.version);
}

/// Reads a subject.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    subject: Subject,
) -> Result<Option<Access>, StoreError> {
    table.get(&key(scope, subject)).await
}

/// Reads the groups that people are members of themselves.
pub async fn groups_of(
    table: &Table,
    scope: &TenantScope,
    users: impl IntoIterator<Item = UserId>,
) -> Result<BTreeMap<UserId, Vec<GroupId>>, StoreError> {
    let keys: Vec<Key> = users.into_iter().map(|user| key(scope, user)).collect();
    let found = table.get_keyed::<Access>(&keys).await?;
    Ok(found.into_iter().filter_map(|(id, access)| Some((id.parse().ok()?, access.groups))).collect())
}

/// Adds the first owner of a tenant to a transaction.
pub fn found(transaction: &mut Transaction, scope: &TenantScope, owner: UserId) -> Result<(), StoreError> {
    let owners = Owners { users: [owner].into(), version: 1 };
    transaction.create(&owners_key(scope), &owners, Refusal::Taken("id"))
}

/// Reads who owns the tenant.
pub async fn owners(table: &Table, scope: &TenantScope) -> Result<Owners, StoreError> {
    Ok(table.get(&owners_key(scope)).await?.unwrap_or_default())
}

/// Adds changed owners to a transaction. `after.version` is the version that was read: two requests that each take away one of the
/// last two owners cannot both commit.
fn replace_owners(
    transaction: &mut Transaction,
    scope: &TenantScope,
    after: &Owners,
) -> Result<(), StoreError> {
    let next = Owners { version: after.version + 1, ..after.clone() };
    transaction.follow(&owners_key(scope), &next, after.version)
}

/// Adds to a transaction that somebody owns the tenant, unless somebody does already.
pub async fn add_owner(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    person: UserId,
) -> Result<(), StoreError> {
    let mut owners = owners(table, scope).await?;
    if owners.users.insert(person) {
        replace_owners(transaction, scope, &owners)?;
    }
    Ok(())
}

/// Adds to a transaction that somebody does not own the tenant any more. Answers `false`, and adds nothing, for the last owner.
pub async fn remove_owner(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    person: UserId,
) -> Result<bool, StoreError> {
    let mut owners = owners(table, scope).await?;
    if !owners.users.remove(&person) {
        return Ok(true);
    }
    if owners.users.is_empty() {
        return Ok(false);
    }
    replace_owners(transaction, scope, &owners)?;
    Ok(true)
}

/// Adds what a role of the tenant holds to a transaction that makes or changes it.
pub fn put_role(
    transaction: &mut Transaction,
    scope: &TenantScope,
    role: RoleId,
    permissions: &BTreeSet<Permission>,
) -> Result<(), StoreError> {
    let permissions = permissions.iter().map(ToString::to_string).collect();
    transaction.put(&key(scope, role), &RoleAccess { permissions })
}

/// Adds the deletion of what a role holds to a transaction.
pub fn remove_role(transaction: &mut Transaction, scope: &TenantScope, role: RoleId) {
    transaction.remove(&key(scope, role));
}

/// Everything that decides about a principal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Whether it may do nothing for the time being.
    pub suspended: bool,
    /// The groups it is a member of itself.
    pub direct: Vec<GroupId>,
    /// The group above each group that counts.
    pub above: BTreeMap<GroupId, GroupId>,
    /// What was given to it and to its groups.
    pub grants: Vec<(Subject, Grant)>,
    /// What the tenant's own roles hold that are among the grants.
    pub roles: BTreeMap<RoleId, BTreeSet<Permission>>,
}

/// Reads everything that decides about a principal; `None` if there is no such subject. Groups are read level by level: as many
/// rounds as they are deep.
pub async fn given(
    table: &Table,
    scope: &TenantScope,
    principal: Subject,
) -> Result<Option<Given>, StoreError> {
    let Some(own) = find(table, scope, principal).await? else { return Ok(None) };
    let mut given = Given { suspended: own.suspended, direct: own.groups, ..Given::default() };
    given.grants.extend(own.grants.into_iter().map(|grant| (principal, grant)));

    let mut met: BTreeSet<GroupId> = BTreeSet::new();
    let mut level: BTreeSet<GroupId> = given.direct.iter().copied().collect();
    while !level.is_empty() {
        let keys: Vec<Key> = level.iter().map(|group| key(scope, group)).collect();
        met.append(&mut level);
        for (sort, access) in table.get_keyed::<Access>(&keys).await? {
            let Ok(group) = sort.parse::<GroupId>() else { continue };
            let grants = access.grants.into_iter().map(|grant| (Subject::Group(group), grant));
            given.grants.extend(grants);
            if let Some(above) = access.groups.first() {
                given.above.insert(group, *above);
                if !met.contains(above) {
                    level.insert(*above);
                }
            }
        }
    }
    given.roles = roles(table, scope, given.grants.iter().map(|(_, grant)| grant.role)).await?;
    Ok(Some(given))
}

/// Reads what roles of the tenant hold. Permissions that this release does not know are left out: they allow nothing here.
pub async fn roles(
    table: &Table,
    scope: &TenantScope,
    wanted: impl Iterator<Item = RoleRef>,
) -> Result<BTreeMap<RoleId, BTreeSet<Permission>>, StoreError> {
    let custom: BTreeSet<RoleId> = wanted
        .filter_map(|role| match role {
            RoleRef::Custom(id) => Some(id),
            RoleRef::Predefined(_) => None,
        })
        .collect();
    let keys: Vec<Key> = custom.iter().map(|role| key(scope, role)).collect();
    let mut roles = BTreeMap::new();
    for (sort, role) in table.get_keyed::<RoleAccess>(&keys).await? {
        if let Ok(id) = sort.parse() {
            roles.insert(id, role.permissions.iter().filter_map(|text| text.parse().ok()).collect());
        }
    }
    Ok(roles)
}
