//! What a tenant's directory says of people and groups, at `<tenant>#scim-entry`, and by which of its names they are found, at
//! `<tenant>#scim-name`. Both are written in the transaction of the record that they belong to, whose version guards them.

use std::collections::BTreeMap;

use rookery_domain::directory::{Address, Entry, ExternalId};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::text::{Email, Name};
use serde::{Deserialize, Serialize};

use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct EntryRecord {
    user: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    user_name: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    formatted: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family_name: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_name: Option<Name>,
    addresses: Vec<AddressRecord>,
    says_active: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct AddressRecord {
    value: Email,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary: Option<bool>,
}

impl Record for EntryRecord {
    const KIND: &'static str = "scim_entry";
}

#[derive(Debug, Serialize, Deserialize)]
struct GroupEntryRecord {
    external_id: ExternalId,
}

impl Record for GroupEntryRecord {
    const KIND: &'static str = "scim_group_entry";
}

/// Whom a name leads to.
#[derive(Debug, Serialize, Deserialize)]
struct NameRecord {
    id: String,
}

impl Record for NameRecord {
    const KIND: &'static str = "scim_name";
}

impl EntryRecord {
    fn new(user: UserId, entry: &Entry) -> Self {
        let entry = entry.clone();
        let address = |Address { value, kind, primary }: Address| AddressRecord { value, kind, primary };
        Self {
            user,
            external_id: entry.external_id,
            user_name: entry.user_name,
            display_name: entry.display_name,
            formatted: entry.formatted,
            family_name: entry.family_name,
            given_name: entry.given_name,
            addresses: entry.addresses.into_iter().map(address).collect(),
            says_active: entry.says_active,
        }
    }
}

impl From<EntryRecord> for Entry {
    fn from(record: EntryRecord) -> Self {
        let address =
            |AddressRecord { value, kind, primary }: AddressRecord| Address { value, kind, primary };
        Self {
            external_id: record.external_id,
            user_name: record.user_name,
            display_name: record.display_name,
            formatted: record.formatted,
            family_name: record.family_name,
            given_name: record.given_name,
            addresses: record.addresses.into_iter().map(address).collect(),
            says_active: record.says_active,
        }
    }
}

fn key(scope: &TenantScope, id: impl std::fmt::Display) -> Key {
    scope.partition(&["scim-entry"]).item(id)
}

/// Names are long and personal: what stands in the key is their digest.
fn name(scope: &TenantScope, kind: &str, value: &str) -> Key {
    scope.partition(&["scim-name"]).item(format_args!("{kind}#{}", Sha256::of(value.as_bytes())))
}

fn user_name(scope: &TenantScope, value: &Name) -> Key {
    name(scope, "user-name", &value.normalized())
}

fn external(scope: &TenantScope, kind: &str, value: &ExternalId) -> Key {
    name(scope, kind, value.as_str())
}

const OF_USER: &str = "user";
const OF_GROUP: &str = "group";

/// Adds that a name leads elsewhere than before to a transaction; refused if it leads to somebody else.
fn rename(
    transaction: &mut Transaction,
    before: Option<Key>,
    after: Option<Key>,
    id: &str,
    what: &'static str,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    if let Some(before) = before {
        transaction.remove(&before);
    }
    match after {
        Some(after) => transaction.create(&after, &NameRecord { id: id.to_owned() }, Refusal::Taken(what)),
        None => Ok(()),
    }
}

/// Adds what the directory says of a person to a transaction. `before` is what it said, as it was read.
pub fn put_person(
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: UserId,
    before: Option<&Entry>,
    after: &Entry,
) -> Result<(), StoreError> {
    let id = user.to_string();
    let names = |entry: &Entry| user_name(scope, &entry.user_name);
    rename(transaction, before.map(names), Some(names(after)), &id, "userName")?;
    let known = |entry: &Entry| entry.external_id.as_ref().map(|known| external(scope, OF_USER, known));
    rename(transaction, before.and_then(known), known(after), &id, "externalId")?;
    transaction.put(&key(scope, user), &EntryRecord::new(user, after))
}

/// Adds that a directory says nothing of a person any more to a transaction.
pub async fn erase_person(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: UserId,
) -> Result<(), StoreError> {
    if let Some(entry) = find_person(table, scope, user).await? {
        transaction.remove(&user_name(scope, &entry.user_name));
        if let Some(known) = &entry.external_id {
            transaction.remove(&external(scope, OF_USER, known));
        }
        transaction.remove(&key(scope, user));
    }
    Ok(())
}

/// Reads what a directory says of a person.
pub async fn find_person(
    table: &Table,
    scope: &TenantScope,
    user: UserId,
) -> Result<Option<Entry>, StoreError> {
    Ok(table.get::<EntryRecord>(&key(scope, user)).await?.map(Entry::from))
}

/// As [`find_person`], of many at once.
pub async fn find_people(
    table: &Table,
    scope: &TenantScope,
    users: impl IntoIterator<Item = UserId>,
) -> Result<BTreeMap<UserId, Entry>, StoreError> {
    let keys: Vec<Key> = users.into_iter().map(|user| key(scope, user)).collect();
    let records: Vec<EntryRecord> = table.get_many(&keys).await?;
    Ok(records.into_iter().map(|record| (record.user, Entry::from(record))).collect())
}

async fn look_up<T: std::str::FromStr>(table: &Table, key: &Key) -> Result<Option<T>, StoreError> {
    let known: Option<NameRecord> = table.get(key).await?;
    Ok(known.and_then(|known| known.id.parse().ok()))
}

/// Whom a directory calls by a name.
pub async fn of_user_name(
    table: &Table,
    scope: &TenantScope,
    value: &Name,
) -> Result<Option<UserId>, StoreError> {
    look_up(table, &user_name(scope, value)).await
}

/// The person that a directory knows by an id of its own.
pub async fn person_of(
    table: &Table,
    scope: &TenantScope,
    known: &ExternalId,
) -> Result<Option<UserId>, StoreError> {
    look_up(table, &external(scope, OF_USER, known)).await
}

/// The group that a directory knows by an id of its own.
pub async fn group_of(
    table: &Table,
    scope: &TenantScope,
    known: &ExternalId,
) -> Result<Option<GroupId>, StoreError> {
    look_up(table, &external(scope, OF_GROUP, known)).await
}

/// Adds what a directory knows a group by to a transaction. `before` is what it was, as it was read.
pub fn put_group(
    transaction: &mut Transaction,
    scope: &TenantScope,
    group: GroupId,
    before: Option<&ExternalId>,
    after: Option<&ExternalId>,
) -> Result<(), StoreError> {
    let place = |known: &ExternalId| external(scope, OF_GROUP, known);
    rename(transaction, before.map(place), after.map(place), &group.to_string(), "externalId")?;
    let Some(external_id) = after else {
        transaction.remove(&key(scope, group));
        return Ok(());
    };
    transaction.put(&key(scope, group), &GroupEntryRecord { external_id: external_id.clone() })
}

/// Adds that a directory knows a group no more to a transaction.
pub async fn erase_group(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    group: GroupId,
) -> Result<(), StoreError> {
    if let Some(known) = find_group(table, scope, group).await? {
        put_group(transaction, scope, group, Some(&known), None)?;
    }
    Ok(())
}

/// Reads what a directory knows a group by.
pub async fn find_group(
    table: &Table,
    scope: &TenantScope,
    group: GroupId,
) -> Result<Option<ExternalId>, StoreError> {
    Ok(table.get::<GroupEntryRecord>(&key(scope, group)).await?.map(|record| record.external_id))
}

/// As [`find_group`], of many at once.
pub async fn find_groups(
    table: &Table,
    scope: &TenantScope,
    groups: impl IntoIterator<Item = GroupId>,
) -> Result<BTreeMap<GroupId, ExternalId>, StoreError> {
    let keys: Vec<Key> = groups.into_iter().map(|group| key(scope, group)).collect();
    let records: Vec<(String, GroupEntryRecord)> = table.get_keyed(&keys).await?;
    let known = records.into_iter().filter_map(|(id, record)| Some((id.parse().ok()?, record.external_id)));
    Ok(known.collect())
}
