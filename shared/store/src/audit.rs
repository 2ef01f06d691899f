//! The audit trail of a tenant: a log that only grows, and what can be read of it.
//!
//! The log is evidence: one row per number, with the event's id and the hash of its leaf, never changed. The entries, and
//! their copies by actor, resource and action, are made of the events that the log names, and can be made again
//! ([`rebuild`]).

mod rebuild;

use rookery_domain::audit::Entry;
use rookery_domain::event::{ACCOUNT, Event, Outcome};
use rookery_domain::hash::Sha256;
use rookery_domain::id::EventId;
use serde::{Deserialize, Serialize};

pub use rebuild::{Finding, Rebuilt, rebuild};

use crate::table::back_off;
use crate::{
    Filter, Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction,
    history,
};

/// How often an entry is numbered anew when others were numbered meanwhile.
const ATTEMPTS: u32 = 16;

/// Longest value that is part of a key as it is, in bytes; a key holds 2048. What was attempted can be a long path.
const LONGEST_IN_KEY: usize = 512;

/// An entry as it is listed. The texts stand beside the event because the table filters by them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct EntryRecord {
    seq: u64,
    leaf: Sha256,
    /// The canonical form of the event, which the leaf is of.
    event: String,
    actor: String,
    resource: String,
    action: String,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    impersonator: Option<String>,
}

impl Record for EntryRecord {
    const KIND: &'static str = "audit-entry";
}

impl EntryRecord {
    fn new(seq: u64, entry: &Entry) -> Result<Self, StoreError> {
        let event = entry.event();
        Ok(Self {
            seq,
            leaf: entry.leaf(),
            event: String::from_utf8(entry.bytes().to_vec())
                .map_err(|source| StoreError::corrupt(Self::KIND, source))?,
            actor: event.actor.id.clone(),
            resource: event.resource.id.clone(),
            action: event.action.to_string(),
            outcome: outcome_text(event.outcome).to_owned(),
            impersonator: event.actor.impersonator.map(|id| id.to_string()),
        })
    }

    fn read(self) -> Result<Logged, StoreError> {
        let event =
            serde_json::from_str(&self.event).map_err(|source| StoreError::corrupt(Self::KIND, source))?;
        Ok(Logged { seq: self.seq, event, leaf: self.leaf })
    }
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LogRecord {
    seq: u64,
    event_id: EventId,
    /// Where the event is stored: under its aggregate, by version.
    aggregate: String,
    version: u64,
    leaf: Sha256,
}

impl Record for LogRecord {
    const KIND: &'static str = "audit-log";
}

/// The number of the next row; the first is 1. It counts its own changes, so that two writers never take the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct HeadRecord {
    next_seq: u64,
    version: u64,
}

impl Record for HeadRecord {
    const KIND: &'static str = "audit-head";
}

/// The number that an event has, so that one which comes again gets no second one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct NumberRecord {
    seq: u64,
}

impl Record for NumberRecord {
    const KIND: &'static str = "audit-number";
}

fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
    }
}

fn entries(scope: &TenantScope) -> Partition {
    scope.partition(&["audit"])
}

fn copies(scope: &TenantScope, by: &str, value: &str) -> Partition {
    if value.len() <= LONGEST_IN_KEY {
        return scope.partition(&["audit", by, value]);
    }
    scope.partition(&["audit", by, &format!("sha256:{}", Sha256::of(value.as_bytes()))])
}

fn log(scope: &TenantScope) -> Partition {
    scope.partition(&["audit-log"])
}

fn row(scope: &TenantScope, seq: u64) -> Key {
    log(scope).item(format_args!("{seq:016}"))
}

fn head(scope: &TenantScope) -> Key {
    scope.partition(&["audit-head"]).only()
}

fn number(scope: &TenantScope, id: EventId) -> Key {
    scope.partition(&["audit-number"]).item(id)
}

/// What became of an event that was to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It got this number.
    New(u64),
    /// It had this number already, and nothing was written.
    Known(u64),
    /// It had this number already; its entry was missing and was written again.
    Restored(u64),
}

/// Appends an event to its tenant's log, and writes its entry and the copies, all in one transaction.
pub async fn append(table: &Table, scope: &TenantScope, entry: &Entry) -> Result<Appended, StoreError> {
    for attempt in 0..ATTEMPTS {
        let found: Option<HeadRecord> = table.get(&head(scope)).await?;
        let seq = found.as_ref().map_or(1, |head| head.next_seq);
        match table.commit(&appending(scope, seq, found.as_ref(), entry)?).await {
            Ok(()) => return Ok(Appended::New(seq)),
            Err(StoreError::Refused(Refusal::Repeated)) => return restore(table, scope, entry).await,
            Err(StoreError::Refused(Refusal::Stale | Refusal::Busy)) => back_off(attempt).await,
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Refused(Refusal::Busy))
}

fn appending(
    scope: &TenantScope,
    seq: u64,
    found: Option<&HeadRecord>,
    entry: &Entry,
) -> Result<Transaction, StoreError> {
    let event = entry.event();
    let row_record = LogRecord {
        seq,
        event_id: event.id,
        aggregate: event.aggregate(),
        version: event.version,
        leaf: entry.leaf(),
    };
    let next = HeadRecord { next_seq: seq + 1, version: found.map_or(1, |head| head.version + 1) };
    let mut transaction = Transaction::new();
    // This condition is the first, so that an event that comes again is told apart from one that was overtaken.
    transaction.create(&number(scope, event.id), &NumberRecord { seq }, Refusal::Repeated)?;
    transaction.create(&row(scope, seq), &row_record, Refusal::Stale)?;
    match found {
        None => transaction.create(&head(scope), &next, Refusal::Stale)?,
        Some(head_record) => transaction.replace(&head(scope), &next, head_record.version)?,
    }
    write(&mut transaction, scope, &EntryRecord::new(seq, entry)?, event.id)?;
    Ok(transaction)
}

/// Adds the entry and its copies.
fn write(
    transaction: &mut Transaction,
    scope: &TenantScope,
    record: &EntryRecord,
    id: EventId,
) -> Result<(), StoreError> {
    for partition in places(scope, record) {
        transaction.put(&partition.item(id), record)?;
    }
    Ok(())
}

/// The partitions that an entry stands in, its own first. What somebody does in another's place stands below both.
fn places(scope: &TenantScope, record: &EntryRecord) -> Vec<Partition> {
    let impersonator = record.impersonator.as_ref().map(|id| copies(scope, "actor", id));
    let places = [
        entries(scope),
        copies(scope, "actor", &record.actor),
        copies(scope, "resource", &record.resource),
        copies(scope, "action", &record.action),
    ];
    places.into_iter().chain(impersonator).collect()
}

/// Writes the entry of an event that the log knows, if it is missing.
async fn restore(table: &Table, scope: &TenantScope, entry: &Entry) -> Result<Appended, StoreError> {
    let id = entry.event().id;
    let known: Option<NumberRecord> = table.get(&number(scope, id)).await?;
    let seq = known.ok_or_else(|| StoreError::corrupt("audit log", "a number has vanished"))?.seq;
    let logged: Option<LogRecord> = table.get(&row(scope, seq)).await?;
    if !logged.is_some_and(|row| row.event_id == id && row.leaf == entry.leaf()) {
        // The same id with other content, or a log that was tampered with: nothing that may be written over.
        return Err(StoreError::corrupt("audit log", format!("row {seq} is not of {id} as it came")));
    }
    let stored: Option<EntryRecord> = table.get(&entries(scope).item(id)).await?;
    let record = EntryRecord::new(seq, entry)?;
    if stored.is_some_and(|stored| stored == record) {
        return Ok(Appended::Known(seq));
    }
    let mut transaction = Transaction::new();
    write(&mut transaction, scope, &record, id)?;
    table.commit(&transaction).await?;
    Ok(Appended::Restored(seq))
}

/// An entry as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its number within the tenant, from 1 on without gaps.
    pub seq: u64,
    /// The event.
    pub event: Event,
    /// The leaf hash that was stored with it.
    pub leaf: Sha256,
}

/// Which entries to list; what is absent does not matter.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Those of an actor, by id.
    pub actor: Option<String>,
    /// Those about a resource, by id.
    pub resource: Option<String>,
    /// Those of an action.
    pub action: Option<String>,
    /// Those with an outcome.
    pub outcome: Option<Outcome>,
    /// Those between two ids, both included.
    pub between: Option<(EventId, EventId)>,
}

impl Query {
    /// Whether a page may begin behind this key: one that lies among those asked for. DynamoDB refuses any other.
    pub fn may_continue(&self, after: Option<&str>) -> bool {
        let among = |(low, high): (EventId, EventId), after: &str| {
            (low.to_string().as_str()..=high.to_string().as_str()).contains(&after)
        };
        after.is_none_or(|after| self.between.is_none_or(|between| among(between, after)))
    }

    /// The partition that holds the fewest entries besides those asked for, and the filter for the rest: a resource has
    /// fewer events than an actor, and an actor fewer than an action.
    fn plan(&self, scope: &TenantScope) -> (Partition, Option<Filter>) {
        let mut terms = [("resource", &self.resource), ("actor", &self.actor), ("action", &self.action)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)));
        let partition = match terms.next() {
            Some((name, value)) => copies(scope, name, &value),
            None => entries(scope),
        };
        let outcome = self.outcome.map(|outcome| ("outcome", outcome_text(outcome).to_owned()));
        let equal: Vec<_> = terms.chain(outcome).collect();
        (partition, (!equal.is_empty()).then_some(Filter { equal }))
    }
}

/// Lists entries, newest first. A page may be short, or even empty, and still have a next one: the filter looked at many
/// entries and found few.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    query: &Query,
    slice: Slice,
) -> Result<Listed<Logged>, StoreError> {
    let (partition, filter) = query.plan(scope);
    let between = query.between.map(|(low, high)| (low.to_string(), high.to_string()));
    let slice = Slice { between, filter, oldest_first: false, ..slice };
    let page = table.list_filled::<EntryRecord>(&partition, slice).await?;
    let items = page.items.into_iter().map(EntryRecord::read).collect::<Result<_, _>>()?;
    Ok(Listed { items, next: page.next })
}

/// Every place of the first entries, and of the events behind them unless those are of what operators did. An entry's own place comes
/// behind the others, to which nothing would lead without it.
pub(crate) async fn first_entries(table: &Table, scope: &TenantScope) -> Result<Vec<Key>, StoreError> {
    let slice = Slice { limit: 100, oldest_first: true, ..Slice::default() };
    let mut keys = Vec::new();
    for record in table.list::<EntryRecord>(&entries(scope), slice).await?.items {
        let places = places(scope, &record);
        let event = record.read()?.event;
        if event.resource.kind != ACCOUNT {
            keys.push(history::key(scope, &event));
        }
        keys.extend(places.iter().rev().map(|partition| partition.item(event.id)));
    }
    Ok(keys)
}

/// Whether the log has an event.
pub async fn has(table: &Table, scope: &TenantScope, id: EventId) -> Result<bool, StoreError> {
    Ok(table.get::<NumberRecord>(&number(scope, id)).await?.is_some())
}
