//! Erasing a tenant: step by step, each of which says the same thing however often it is made, so that a process that is killed
//! between any two of its writes goes on where it was.
//!
//! What is below something is erased before the thing itself, so that nothing is left which nothing leads to. The rows of the audit
//! log stay, with its head and its numbers: hashes and ids that prove what the log was, and say nothing of what it told.

use rookery_domain::app::AppKey;
use rookery_domain::id::{KeyId, SUFFIX_LENGTH};
use rookery_domain::usage::Meter;
use serde::{Deserialize, Serialize};

use crate::factor::WithPasskeys;
use crate::{
    Key, Partition, Record, Slice, StoreError, Table, TenantScope, Transaction, audit, credential,
    identity_provider, oauth_client, session, workload_trust,
};

/// How many items are deleted in one transaction.
const TOGETHER: usize = 50;

/// Collections of a tenant whose items nothing is below. Those that lead to others are in [`ROOTS`].
const FLAT: [&str; 20] = [
    "access",
    "binding",
    "factor",
    "federated",
    "file",
    "group-tree",
    "idempotency",
    "identity-provider",
    "invitation",
    "key",
    "key-use",
    "known-device",
    "notification",
    "oauth-client",
    "quota",
    "scim-entry",
    "scim-name",
    "unique",
    "usage-batch",
    "user-search",
];

/// Collections whose items have collections of their own. The places of the tree come last: they lead to everything else.
const ROOTS: [&str; 10] =
    ["app", "group", "user", "role", "project", "workspace", "division", "organization", "node", "tenant"];

/// What may be below a thing, by the beginning of its id, and `""` for everything. It is looked for below each, so that what was
/// forgotten when its parent went is found as well.
const BELOW: [(&str, &[&str]); 9] = [
    ("app_", &["package", "manifest", "secret", "channel", "release", "contents"]),
    ("sec_", &["version"]),
    ("rel_", &["device", "adoption", "failure"]),
    ("grp_", &["member", "group"]),
    ("usr_", &["session", "consent"]),
    ("org_", &["group", "user", "division", "workspace"]),
    ("div_", &["division", "project"]),
    ("ws_", &["project"]),
    ("", &["binding", "ev"]),
];

/// The names that partitions of a tenant end with which are erased, as patterns: all that the eraser's role may delete of a tenant.
pub fn partitions() -> impl Iterator<Item = &'static str> {
    let below = BELOW.iter().flat_map(|(_, kinds)| kinds.iter().copied());
    let told = ["data-key", "usage#*", "audit", "audit#*"];
    FLAT.into_iter().chain(ROOTS).chain(below).chain(told)
}

#[derive(Debug, Serialize, Deserialize)]
struct Sort {
    sk: String,
}

impl Record for Sort {
    const KIND: &'static str = "any";
    const SCHEMA: u32 = u32::MAX;
}

#[derive(Debug, Serialize, Deserialize)]
struct WithAppKey {
    app_key: AppKey,
}

impl Record for WithAppKey {
    const KIND: &'static str = "app";
    const SCHEMA: u32 = u32::MAX;
}

/// How many items may still be erased in this run.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// So many, and a few more.
    pub const fn of(items: usize) -> Self {
        Self(items)
    }

    /// Whether nothing is left of it, and the rest is for another run.
    pub const fn is_used_up(&self) -> bool {
        self.0 == 0
    }
}

async fn delete(table: &Table, keys: &[Key], budget: &mut Budget) -> Result<(), StoreError> {
    for chunk in keys.chunks(TOGETHER) {
        let mut transaction = Transaction::new();
        for key in chunk {
            transaction.remove(key);
        }
        table.commit(&transaction).await?;
        budget.0 = budget.0.saturating_sub(chunk.len());
    }
    Ok(())
}

/// The first items of a partition. Erasing them brings the next ones to the front.
async fn first<R: Record>(table: &Table, partition: &Partition) -> Result<Vec<R>, StoreError> {
    let slice = Slice { limit: 200, oldest_first: true, ..Slice::default() };
    Ok(table.list(partition, slice).await?.items)
}

async fn empty(table: &Table, partition: &Partition, budget: &mut Budget) -> Result<(), StoreError> {
    while !budget.is_used_up() {
        let items: Vec<Sort> = first(table, partition).await?;
        if items.is_empty() {
            break;
        }
        let keys: Vec<Key> = items.iter().map(|item| partition.item(&item.sk)).collect();
        delete(table, &keys, budget).await?;
    }
    Ok(())
}

/// Erases the data keys: from then on nothing that was sealed for the tenant can be opened.
pub async fn data_keys(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    empty(table, &scope.partition(&["data-key"]), budget).await
}

/// Erases the credentials of the tenant's API keys: from then on they are unknown.
pub async fn credentials(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    let partition = scope.partition(&["key"]);
    while !budget.is_used_up() {
        let items: Vec<Sort> = first(table, &partition).await?;
        if items.is_empty() {
            break;
        }
        let ids = items.iter().filter_map(|item| item.sk.parse::<KeyId>().ok());
        let directory: Vec<Key> = ids.map(credential::directory).collect();
        delete(table, &directory, budget).await?;
        let keys: Vec<Key> = items.iter().map(|item| partition.item(&item.sk)).collect();
        delete(table, &keys, budget).await?;
    }
    Ok(())
}

/// Erases the tenant's clients and its trusts in workloads, with their entries in the directory: from then on nobody knows them.
pub async fn clients(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    with_entries(table, &scope.partition(&["oauth-client"]), |id| oauth_client::directory(id), budget)
        .await?;
    with_entries(table, &scope.partition(&["workload-trust"]), |id| workload_trust::directory(id), budget)
        .await
}

async fn with_entries(
    table: &Table,
    partition: &Partition,
    entry: impl Fn(&str) -> Key,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    while !budget.is_used_up() {
        let items: Vec<Sort> = first(table, partition).await?;
        if items.is_empty() {
            break;
        }
        let entries: Vec<Key> = items.iter().map(|item| entry(&item.sk)).collect();
        delete(table, &entries, budget).await?;
        let keys: Vec<Key> = items.iter().map(|item| partition.item(&item.sk)).collect();
        delete(table, &keys, budget).await?;
    }
    Ok(())
}

/// Erases the entries of the tenant's invitations in the directory, by which their tokens are found.
pub async fn invitations(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    let partition = scope.partition(&["invitation"]);
    while !budget.is_used_up() {
        let items: Vec<Sort> = first(table, &partition).await?;
        if items.is_empty() {
            break;
        }
        let entries = items.iter().map(|item| Partition::directory("invitation", &item.sk).only());
        delete(table, &entries.collect::<Vec<_>>(), budget).await?;
        let keys: Vec<Key> = items.iter().map(|item| partition.item(&item.sk)).collect();
        delete(table, &keys, budget).await?;
    }
    Ok(())
}

/// Gives back the mail domains of the tenant's identity providers, and erases the providers: nobody logs in by them any more.
pub async fn identity_providers(
    table: &Table,
    scope: &TenantScope,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    for provider in identity_provider::list(table, scope).await? {
        let mut transaction = Transaction::new();
        identity_provider::delete(&mut transaction, scope, &provider);
        table.commit(&transaction).await?;
        budget.0 = budget.0.saturating_sub(1);
    }
    Ok(())
}

/// Erases the sessions of the tenant's people, with their entries in the directory, by which refresh tokens are found.
pub async fn sessions(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let slice = Slice { limit: 200, oldest_first: true, after, ..Slice::default() };
        let people = table.list::<Sort>(&scope.partition(&["user"]), slice).await?;
        for person in people.items {
            let partition = scope.partition(&[&person.sk, "session"]);
            let items: Vec<Sort> = table.list_all(&partition).await?;
            let directory = items.iter().map(|item| session::directory(&item.sk));
            delete(table, &directory.collect::<Vec<_>>(), budget).await?;
            let keys: Vec<Key> = items.iter().map(|item| partition.item(&item.sk)).collect();
            delete(table, &keys, budget).await?;
        }
        match people.next {
            Some(next) if !budget.is_used_up() => after = Some(next),
            _ => return Ok(()),
        }
    }
}

/// Erases what the tenant's people log in with, and where their passkeys are looked up: from then on nobody logs in.
pub async fn factors(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    let partition = scope.partition(&["factor"]);
    while !budget.is_used_up() {
        let items: Vec<WithPasskeys> = first(table, &partition).await?;
        if items.is_empty() {
            break;
        }
        let entries: Vec<Key> = items.iter().flat_map(WithPasskeys::entries).collect();
        delete(table, &entries, budget).await?;
        let keys: Vec<Key> = items.iter().map(|item| partition.item(&item.sk)).collect();
        delete(table, &keys, budget).await?;
    }
    Ok(())
}

/// Erases what the tenant's devices are offered: from then on there is no such app for them.
pub async fn served(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    let apps: Vec<WithAppKey> = table.list_all(&scope.partition(&["app"])).await?;
    for app in apps {
        empty(table, &Partition::serving(app.app_key), budget).await?;
    }
    Ok(())
}

/// Erases what the audit trail says: its entries with their copies, and the events behind them. Its proof stays, and so does what
/// operators did to the tenant.
pub async fn told(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    while !budget.is_used_up() {
        let keys = audit::first_entries(table, scope).await?;
        if keys.is_empty() {
            break;
        }
        delete(table, &keys, budget).await?;
    }
    Ok(())
}

/// Erases the tenant's records, all that is left. The tenant's own goes last.
pub async fn records(table: &Table, scope: &TenantScope, budget: &mut Budget) -> Result<(), StoreError> {
    for meter in Meter::ALL {
        empty(table, &scope.partition(&["usage", meter.as_str()]), budget).await?;
    }
    for kind in FLAT {
        empty(table, &scope.partition(&[kind]), budget).await?;
    }
    for kind in ROOTS {
        tree(table, scope, scope.partition(&[kind]), budget).await?;
    }
    Ok(())
}

/// Erases a collection with everything below its items, the deepest first.
async fn tree(
    table: &Table,
    scope: &TenantScope,
    root: Partition,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    loop {
        let items: Vec<Sort> = first(table, &root).await?;
        if items.is_empty() {
            return Ok(());
        }
        for below in items.iter().flat_map(|item| below(scope, &item.sk)) {
            deep(table, scope, below, budget).await?;
            if budget.is_used_up() {
                return Ok(());
            }
        }
        let keys: Vec<Key> = items.iter().map(|item| root.item(&item.sk)).collect();
        delete(table, &keys, budget).await?;
        if budget.is_used_up() {
            return Ok(());
        }
    }
}

/// As [`tree`], one level further down.
fn deep<'a>(
    table: &'a Table,
    scope: &'a TenantScope,
    root: Partition,
    budget: &'a mut Budget,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(tree(table, scope, root, budget))
}

/// The collections that may be below an item. An item that has no id of its own leads nowhere.
fn below(scope: &TenantScope, sort: &str) -> Vec<Partition> {
    let is_id = sort.split_once('_').is_some_and(|(prefix, rest)| {
        prefix.len() <= 4
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
            && rest.len() == SUFFIX_LENGTH
    });
    let kinds = BELOW.iter().filter(|(prefix, _)| is_id && sort.starts_with(prefix));
    kinds.flat_map(|(_, kinds)| kinds.iter().map(|kind| scope.partition(&[sort, kind]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_is_told_by_the_id() {
        let scope = TenantScope::founding("ten_01h455vb4pex5vsknk084sn02q".parse().unwrap());
        let names = |sort: &str| -> Vec<String> {
            below(&scope, sort).iter().map(|partition| partition.as_str()[31..].to_owned()).collect()
        };
        let release = "rel_01h455vb4pex5vsknk084sn02q";
        let expected =
            ["device", "adoption", "failure", "binding", "ev"].map(|kind| format!("{release}#{kind}"));
        assert_eq!(names(release), expected);
        for leaf in ["production", "hour#2026", "dev#evt_01h455vb4pex5vsknk084sn02q"] {
            assert!(names(leaf).is_empty(), "{leaf}");
        }
    }
}
