//! The directory of tenants, at `directory#tenants`: what those who operate the platform see of them, and the list of those that are
//! to be erased, at `directory#closing`.

use jiff::Timestamp;
use rookery_domain::account::{Account, TenantState};
use rookery_domain::id::TenantId;
use rookery_domain::quota::Plan;
use rookery_domain::text::{Name, Slug};
use serde::{Deserialize, Serialize};

use crate::transaction::WriteAction;
use crate::{
    Filter, Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, node,
};

#[derive(Debug, Serialize, Deserialize)]
struct AccountRecord {
    id: TenantId,
    slug: Slug,
    name: Name,
    state: TenantState,
    plan: Plan,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erase_after: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for AccountRecord {
    const KIND: &'static str = "account";
}

impl From<&Account> for AccountRecord {
    fn from(account: &Account) -> Self {
        let Account { id, slug, name, state, plan, erase_after, version, created_at, updated_at } =
            account.clone();
        Self { id, slug, name, state, plan, erase_after, version, created_at, updated_at }
    }
}

impl From<AccountRecord> for Account {
    fn from(record: AccountRecord) -> Self {
        let AccountRecord { id, slug, name, state, plan, erase_after, version, created_at, updated_at } =
            record;
        Self { id, slug, name, state, plan, erase_after, version, created_at, updated_at }
    }
}

/// A tenant whose time of grace runs.
#[derive(Debug, Serialize, Deserialize)]
struct ClosingRecord {
    tenant: TenantId,
}

impl Record for ClosingRecord {
    const KIND: &'static str = "closing";
}

fn all() -> Partition {
    Partition::directory_of("tenants")
}

fn key(tenant: TenantId) -> Key {
    all().item(tenant)
}

fn closing() -> Partition {
    Partition::directory_of("closing")
}

/// Instants in keys have milliseconds, always three digits of them, so that they sort as text.
fn closing_key(account: &Account) -> Option<Key> {
    let after = account.erase_after?;
    Some(closing().item(format_args!("{after:.3}#{}", account.id)))
}

/// The scope of a tenant of the directory, for what operators do with it.
pub const fn scope(account: &Account) -> TenantScope {
    TenantScope::of_account(account)
}

/// Adds a tenant that is being founded to a transaction.
pub fn create(transaction: &mut Transaction, account: &Account) -> Result<(), StoreError> {
    transaction.create(&key(account.id), &AccountRecord::from(account), Refusal::Taken("id"))
}

/// Adds a tenant's new name to a transaction that changes it in the tenant's own record.
pub fn rename(transaction: &mut Transaction, scope: &TenantScope, name: &Name) {
    transaction.push(
        WriteAction::Add {
            key: crate::record::key_attributes(&key(scope.tenant())),
            amounts: vec![("version".to_owned(), 1)],
            texts: vec![("name", name.to_string())],
            condition: Some("attribute_exists(pk)"),
            values: crate::record::Item::new(),
        },
        Refusal::Gone("tenant"),
    );
}

/// Adds what happened to a tenant to a transaction: its entry, its place in the tree, and whether it is to be erased.
pub fn replace(transaction: &mut Transaction, before: &Account, after: &Account) -> Result<(), StoreError> {
    transaction.replace(&key(after.id), &AccountRecord::from(after), before.version)?;
    if before.state.of_node() != after.state.of_node() {
        node::set_state(transaction, &scope(after), after.id, after.state.of_node());
    }
    let (was_due, is_due) = (is_due(before), is_due(after));
    if was_due
        && !is_due
        && let Some(key) = closing_key(before)
    {
        transaction.remove(&key);
    }
    if is_due && !was_due {
        closing_key(after)
            .iter()
            .try_for_each(|key| transaction.put(key, &ClosingRecord { tenant: after.id }))?;
    }
    Ok(())
}

/// Whether the tenant is in the list of those to be erased.
const fn is_due(account: &Account) -> bool {
    matches!(account.state, TenantState::Closing | TenantState::Erasing)
}

/// Reads a tenant, as of the last write.
pub async fn find(table: &Table, tenant: TenantId) -> Result<Option<Account>, StoreError> {
    let record: Option<AccountRecord> = table.get(&key(tenant)).await?;
    Ok(record.map(Account::from))
}

/// Lists tenants, newest first; those in one state, if one is given.
pub async fn list(
    table: &Table,
    state: Option<TenantState>,
    slice: Slice,
) -> Result<Listed<Account>, StoreError> {
    let filter = state.map(|state| Filter { equal: vec![("state", state.to_string())] });
    let listed = table.list_filled::<AccountRecord>(&all(), Slice { filter, ..slice }).await?;
    Ok(Listed { items: listed.items.into_iter().map(Account::from).collect(), next: listed.next })
}

/// The tenants whose time of grace is over, the longest over first.
pub async fn due(table: &Table, now: Timestamp, limit: u32) -> Result<Vec<TenantId>, StoreError> {
    let until = format!("{now:.3}#~");
    let slice =
        Slice { limit, oldest_first: true, between: Some(("0".to_owned(), until)), ..Slice::default() };
    let listed = table.list::<ClosingRecord>(&closing(), slice).await?;
    Ok(listed.items.into_iter().map(|record| record.tenant).collect())
}

/// Writes the entry of a tenant that was founded before there was a directory. Answers whether it was missing.
pub(crate) async fn ensure(table: &Table, account: &Account) -> Result<bool, StoreError> {
    match table.create(&key(account.id), &AccountRecord::from(account), Refusal::Repeated).await {
        Ok(()) => Ok(true),
        Err(StoreError::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The place of a tenant's entry, for going back to before there was a directory.
pub(crate) fn place(tenant: TenantId) -> Key {
    key(tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_keys_sort_as_text() {
        let account = |after: i64| Account {
            erase_after: Timestamp::from_millisecond(after).ok(),
            ..Account::new(
                "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
                "acme".parse().unwrap(),
                "Acme".parse().unwrap(),
                Timestamp::UNIX_EPOCH,
            )
        };
        let text = |after| closing_key(&account(after)).unwrap().sort().to_owned();
        assert_eq!(text(1_000), "1970-01-01T00:00:01.000Z#ten_01h455vb4pex5vsknk084sn02q");
        assert!(text(1_000) < text(1_001) && text(1_999) < text(2_000));
    }
}
