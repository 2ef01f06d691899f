//! The records of releases, and what was counted of them.

use std::collections::BTreeMap;

use rookery_domain::channel::ChannelName;
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::release::{Release, State};
use rookery_domain::report::DeviceEvent;
use serde::{Deserialize, Serialize};

use crate::{
    Filter, Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction,
};

/// A release. The content is kept as JSON: its configuration may hold keys and numbers that the table's own types refuse.
#[derive(Debug, Serialize, Deserialize)]
struct ReleaseRecord {
    id: ReleaseId,
    app: AppId,
    channel: ChannelName,
    state: State,
    version: u64,
    content: String,
}

impl Record for ReleaseRecord {
    const KIND: &'static str = "release";
}

impl ReleaseRecord {
    fn new(release: &Release) -> Result<Self, StoreError> {
        let content =
            serde_json::to_string(release).map_err(|source| StoreError::corrupt(Self::KIND, source))?;
        Ok(Self {
            id: release.id,
            app: release.app,
            channel: release.channel.clone(),
            state: release.state,
            version: release.version,
            content,
        })
    }

    fn into_release(self) -> Result<Release, StoreError> {
        serde_json::from_str(&self.content).map_err(|source| StoreError::corrupt(Self::KIND, source))
    }
}

fn collection(scope: &TenantScope, app: AppId) -> Partition {
    scope.partition(&[&app.to_string(), "release"])
}

fn key(scope: &TenantScope, release: &Release) -> Key {
    collection(scope, release.app).item(release.id)
}

/// Adds a new release to a transaction.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    release: &Release,
) -> Result<(), StoreError> {
    transaction.create(&key(scope, release), &ReleaseRecord::new(release)?, Refusal::Taken("id"))
}

/// Adds a changed release to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Release,
    after: &Release,
) -> Result<(), StoreError> {
    transaction.replace(&key(scope, after), &ReleaseRecord::new(after)?, before.version)
}

/// Reads a release of an app of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    id: ReleaseId,
) -> Result<Option<Release>, StoreError> {
    let record: Option<ReleaseRecord> = table.get(&collection(scope, app).item(id)).await?;
    record.map(ReleaseRecord::into_release).transpose()
}

/// Reads several releases of an app, in no order; those that do not exist are missing.
pub async fn find_many(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    ids: &[ReleaseId],
) -> Result<Vec<Release>, StoreError> {
    let keys: Vec<Key> = ids.iter().map(|id| collection(scope, app).item(id)).collect();
    let records: Vec<ReleaseRecord> = table.get_many(&keys).await?;
    records.into_iter().map(ReleaseRecord::into_release).collect()
}

/// Which releases of an app to list; absent is all.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Those of a channel.
    pub channel: Option<ChannelName>,
    /// Those in a state.
    pub state: Option<State>,
}

impl Only {
    fn filter(&self) -> Option<Filter> {
        let channel = self.channel.as_ref().map(|channel| ("channel", channel.to_string()));
        let state = self.state.map(|state| ("state", state.to_string()));
        let equal: Vec<_> = channel.into_iter().chain(state).collect();
        (!equal.is_empty()).then_some(Filter { equal })
    }
}

/// Lists releases of an app, newest first.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    only: &Only,
    slice: Slice,
) -> Result<Listed<Release>, StoreError> {
    let slice = Slice { filter: only.filter(), ..slice };
    let page = table.list_filled::<ReleaseRecord>(&collection(scope, app), slice).await?;
    let items = page.items.into_iter().map(ReleaseRecord::into_release).collect::<Result<_, _>>()?;
    Ok(Listed { items, next: page.next })
}

/// A counter that the worker of reports adds to.
#[derive(Debug, Serialize, Deserialize)]
struct AdoptionRecord {
    sk: String,
    count: u64,
}

impl Record for AdoptionRecord {
    const KIND: &'static str = "adoption";
}

#[derive(Debug, Serialize, Deserialize)]
struct FailureRecord {
    reason: String,
    count: u64,
}

impl Record for FailureRecord {
    const KIND: &'static str = "failure";
}

/// How many devices reported what of a release; every event is named.
pub async fn adoption(
    table: &Table,
    scope: &TenantScope,
    id: ReleaseId,
) -> Result<BTreeMap<DeviceEvent, u64>, StoreError> {
    let counters: Vec<AdoptionRecord> =
        table.list_all(&scope.partition(&[&id.to_string(), "adoption"])).await?;
    let count = |event: DeviceEvent| {
        counters.iter().find(|counter| counter.sk == event.as_str()).map_or(0, |counter| counter.count)
    };
    Ok(DeviceEvent::ALL.into_iter().map(|event| (event, count(event))).collect())
}

/// Why devices failed with a release, and how many of them, most frequent first. [`crate::report`] tells about a hundred reasons
/// apart, so all of them are read; `other` counts the rest.
pub async fn failures(
    table: &Table,
    scope: &TenantScope,
    id: ReleaseId,
) -> Result<Vec<(String, u64)>, StoreError> {
    let records: Vec<FailureRecord> = table.list_all(&scope.partition(&[&id.to_string(), "failure"])).await?;
    // A device may give `other` as its reason.
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for record in records {
        *by_reason.entry(record.reason).or_default() += record.count;
    }
    let mut reasons: Vec<(String, u64)> = by_reason.into_iter().collect();
    reasons.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    Ok(reasons)
}
