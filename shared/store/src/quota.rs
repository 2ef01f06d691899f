//! What tenants and workspaces may have, and have: one item per holder and quota at `<t>#quota`/`<holder>#<quota>`.
//!
//! An item knows its limit, what is used, and the room between them, so that taking is one condition on one item, in the
//! transaction that makes the thing: whatever else happens at the same time, the limit holds. The price is that everything of one
//! kind that a tenant makes writes the same item. See `docs/TENANCY.md` for what that costs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use rookery_domain::fault::Patch;
use rookery_domain::id::WorkspaceId;
use rookery_domain::node::Lineage;
use rookery_domain::quota::{Exceeded, Holder, Plan, Quota, Standing};
use serde::{Deserialize, Serialize};

use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// The room of who has no limit: more than will ever be used, and exact as a number of DynamoDB and of JSON.
const BOUNDLESS: i64 = 1 << 53;

/// A quota as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct QuotaRecord {
    holder: String,
    quota: Quota,
    /// The limit; absent for a workspace that has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<i64>,
    /// Whether the limit was set for this holder, and stays when the plan changes.
    own: bool,
    used: i64,
    /// The limit less what is used; below zero after a limit was lowered.
    room: i64,
}

impl Record for QuotaRecord {
    const KIND: &'static str = "quota";
}

impl From<&QuotaRecord> for Standing {
    fn from(record: &QuotaRecord) -> Self {
        Self {
            limit: record.most.map(|most| u64::try_from(most).unwrap_or_default()),
            used: u64::try_from(record.used).unwrap_or_default(),
        }
    }
}

fn key(scope: &TenantScope, holder: Holder, quota: Quota) -> Key {
    scope.partition(&["quota"]).item(format_args!("{holder}#{quota}"))
}

fn number(amount: i64) -> AttributeValue {
    AttributeValue::N(amount.to_string())
}

fn whole(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX).min(BOUNDLESS)
}

/// Adds a new tenant's quotas to a transaction, with what is used of them from the beginning.
pub fn open(
    transaction: &mut Transaction,
    scope: &TenantScope,
    plan: Plan,
    used: &[(Quota, u64)],
) -> Result<(), StoreError> {
    for quota in Quota::ALL {
        let used = used.iter().find(|(known, _)| *known == quota).map_or(0, |(_, amount)| *amount);
        let (most, used) = (whole(plan.limit(quota)), whole(used));
        let holder = Holder::Tenant;
        let record = QuotaRecord {
            holder: holder.to_string(),
            quota,
            most: Some(most),
            own: false,
            used,
            room: most - used,
        };
        transaction.create(&key(scope, holder, quota), &record, Refusal::Taken("id"))?;
    }
    Ok(())
}

/// Adds the counters of a new workspace to a transaction. It has no limits of its own yet.
pub fn open_workspace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    workspace: WorkspaceId,
) -> Result<(), StoreError> {
    let holder = Holder::Workspace(workspace);
    for quota in Quota::OF_WORKSPACES {
        let record = QuotaRecord {
            holder: holder.to_string(),
            quota,
            most: None,
            own: false,
            used: 0,
            room: BOUNDLESS,
        };
        transaction.create(&key(scope, holder, quota), &record, Refusal::Repeated)?;
    }
    Ok(())
}

/// Adds the end of a workspace's counters to a transaction.
pub fn close_workspace(transaction: &mut Transaction, scope: &TenantScope, workspace: WorkspaceId) {
    for quota in Quota::OF_WORKSPACES {
        transaction.remove(&key(scope, Holder::Workspace(workspace), quota));
    }
}

/// Writes the counters of a tenant, or of a workspace, that was there before there were any: with what it has by now.
pub(crate) async fn complete(
    table: &Table,
    scope: &TenantScope,
    holder: Holder,
    used: &BTreeMap<Quota, u64>,
) -> Result<u64, StoreError> {
    let (quotas, plan) = match holder {
        Holder::Tenant => (Quota::ALL.as_slice(), Some(Plan::Free)),
        Holder::Workspace(_) => (Quota::OF_WORKSPACES.as_slice(), None),
    };
    let mut written = 0;
    for quota in quotas.iter().copied() {
        let used = used.get(&quota).map_or(0, |amount| whole(*amount));
        let most = plan.map(|plan| whole(plan.limit(quota)));
        let record = QuotaRecord {
            holder: holder.to_string(),
            quota,
            most,
            own: false,
            used,
            room: most.unwrap_or(BOUNDLESS) - used,
        };
        match table.create(&key(scope, holder, quota), &record, Refusal::Repeated).await {
            Ok(()) => written += 1,
            // It was written before this was stopped, and nothing could be made since.
            Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Whose quotas something counts in that stands at a place.
fn holders(place: &Lineage, quota: Quota) -> impl Iterator<Item = Holder> {
    let workspace = place.workspace().filter(|_| Quota::OF_WORKSPACES.contains(&quota));
    std::iter::once(Holder::Tenant).chain(workspace.map(Holder::Workspace))
}

/// Adds to a transaction that something comes to a place (or so many bytes of it): it is refused as [`Refusal::Exceeded`] where
/// that is more than the tenant, or the workspace that the place is in, may have. Once per quota and transaction.
pub fn take(transaction: &mut Transaction, scope: &TenantScope, place: &Lineage, quota: Quota, amount: u64) {
    for holder in holders(place, quota) {
        let amount = whole(amount);
        transaction.update(
            &key(scope, holder, quota),
            "ADD used :amount, room :less",
            Some("room >= :amount"),
            [(":amount", number(amount)), (":less", number(-amount))],
            Refusal::Exceeded(holder, quota),
        );
    }
}

/// Adds to a transaction that something goes that was taken for ([`take`]), from the same place.
pub fn give_back(
    transaction: &mut Transaction,
    scope: &TenantScope,
    place: &Lineage,
    quota: Quota,
    amount: u64,
) {
    for holder in holders(place, quota) {
        let amount = whole(amount);
        transaction.update(
            &key(scope, holder, quota),
            "ADD used :less, room :amount",
            Some("attribute_exists(pk)"),
            [(":amount", number(amount)), (":less", number(-amount))],
            Refusal::Gone("quota"),
        );
    }
}

/// Adds a limit to a transaction that holds for this holder whatever the plan. It may be below what is used.
pub fn set_limit(
    transaction: &mut Transaction,
    scope: &TenantScope,
    holder: Holder,
    quota: Quota,
    limit: u64,
) {
    limit_to(transaction, scope, holder, quota, limit, true);
}

/// Adds to a transaction that a holder has no limit of its own any more: the tenant has its plan's, a workspace none.
pub fn unset_limit(
    transaction: &mut Transaction,
    scope: &TenantScope,
    holder: Holder,
    quota: Quota,
    plan: Plan,
) {
    match holder {
        Holder::Tenant => limit_to(transaction, scope, holder, quota, plan.limit(quota), false),
        Holder::Workspace(_) => transaction.update(
            &key(scope, holder, quota),
            "SET room = :boundless - used, own = :own REMOVE most",
            Some("attribute_exists(pk)"),
            [(":boundless", number(BOUNDLESS)), (":own", AttributeValue::Bool(false))],
            Refusal::Gone("quota"),
        ),
    }
}

fn limit_to(
    transaction: &mut Transaction,
    scope: &TenantScope,
    holder: Holder,
    quota: Quota,
    limit: u64,
    own: bool,
) {
    transaction.update(
        &key(scope, holder, quota),
        "SET most = :most, room = :most - used, own = :own",
        Some("attribute_exists(pk)"),
        [(":most", number(whole(limit))), (":own", AttributeValue::Bool(own))],
        Refusal::Gone("quota"),
    );
}

/// Adds the limits of another plan to a transaction, except where the tenant has a limit of its own.
pub async fn change_plan(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    plan: Plan,
) -> Result<(), StoreError> {
    for record in read(table, scope, &[Holder::Tenant]).await? {
        if !record.own {
            limit_to(transaction, scope, Holder::Tenant, record.quota, plan.limit(record.quota), false);
        }
    }
    Ok(())
}

/// Adds to a transaction what an operator set: the plan, and limits of the tenant's own; `Patch::Clear` takes such a limit away.
/// Answers the limits that hold then.
pub async fn adjust(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    plan: Plan,
    own: &BTreeMap<Quota, Patch<u64>>,
) -> Result<BTreeMap<Quota, Option<u64>>, StoreError> {
    let mut limits = BTreeMap::new();
    for record in read(table, scope, &[Holder::Tenant]).await? {
        let quota = record.quota;
        let (limit, is_own) = match own.get(&quota).unwrap_or(&Patch::Keep) {
            Patch::Keep if record.own => {
                limits.insert(quota, Standing::from(&record).limit);
                continue;
            }
            Patch::Set(limit) => (*limit, true),
            Patch::Clear | Patch::Keep => (plan.limit(quota), false),
        };
        limit_to(transaction, scope, Holder::Tenant, quota, limit, is_own);
        limits.insert(quota, Some(limit));
    }
    Ok(limits)
}

/// The limits that a tenant has of its own, whatever its plan.
pub async fn own_limits(table: &Table, scope: &TenantScope) -> Result<BTreeSet<Quota>, StoreError> {
    let records = read(table, scope, &[Holder::Tenant]).await?;
    Ok(records.iter().filter(|record| record.own).map(|record| record.quota).collect())
}

async fn read(
    table: &Table,
    scope: &TenantScope,
    holders: &[Holder],
) -> Result<Vec<QuotaRecord>, StoreError> {
    let keys: Vec<Key> = holders
        .iter()
        .flat_map(|holder| {
            match holder {
                Holder::Tenant => Quota::ALL.as_slice(),
                Holder::Workspace(_) => Quota::OF_WORKSPACES.as_slice(),
            }
            .iter()
            .map(|quota| key(scope, *holder, *quota))
        })
        .collect();
    table.get_many(&keys).await
}

/// How all quotas of some holders stand, in no order. What of a tenant is not held is told as 0 used: meters count it.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    holders: &[Holder],
) -> Result<Vec<(Holder, Quota, Standing)>, StoreError> {
    let records = read(table, scope, holders).await?;
    let standings = records.iter().map(|record| {
        let holder = holders.iter().find(|holder| holder.to_string() == record.holder);
        let holder = holder.ok_or_else(|| StoreError::corrupt("quota", "it belongs to somebody else"))?;
        Ok((*holder, record.quota, Standing::from(record)))
    });
    standings.collect()
}

/// How one quota stands.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    holder: Holder,
    quota: Quota,
) -> Result<Option<Standing>, StoreError> {
    let record: Option<QuotaRecord> = table.get(&key(scope, holder, quota)).await?;
    Ok(record.as_ref().map(Standing::from))
}

/// What a refusal to take means, with the figures.
pub async fn exceeded(
    table: &Table,
    scope: &TenantScope,
    holder: Holder,
    quota: Quota,
) -> Result<Exceeded, StoreError> {
    let standing = find(table, scope, holder, quota).await?;
    Ok(Exceeded { quota, holder, standing })
}

/// The first quota of a place that does not hold so much more, for what is better refused before work is done for it. What counts
/// is [`take`], in the transaction.
pub async fn lacks(
    table: &Table,
    scope: &TenantScope,
    place: &Lineage,
    quota: Quota,
    amount: u64,
) -> Result<Option<Exceeded>, StoreError> {
    for holder in holders(place, quota) {
        let found: Option<QuotaRecord> = table.glance(&key(scope, holder, quota)).await?;
        if let Some(record) = found.filter(|record| record.room < whole(amount)) {
            let standing = Some(Standing::from(&record));
            return Ok(Some(Exceeded { quota, holder, standing }));
        }
    }
    Ok(None)
}
