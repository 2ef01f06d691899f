//! Making the entries of a tenant's audit trail again, from its log and its events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rookery_domain::audit::{Entry, leaf_hash};
use rookery_domain::id::EventId;

use super::{
    EntryRecord, HeadRecord, LogRecord, NumberRecord, entries, head, log, number, places, row, write,
};
use crate::history::{self, EventRecord};
use crate::{Key, Slice, StoreError, Table, TenantScope, Transaction};

/// How many rows are dealt with at once: five writes each, of which a transaction takes a hundred.
const AT_ONCE: u32 = 20;

/// Something that cannot have come about by the platform's own doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The log lacks a row.
    Gap {
        /// The number that is missing.
        seq: u64,
    },
    /// The head does not follow the last row.
    Head {
        /// The number that the head would give next.
        next: u64,
        /// How many rows there are.
        rows: u64,
    },
    /// The event of a row is not stored any more, or cannot be read.
    EventMissing {
        /// The row.
        seq: u64,
        /// The event.
        id: EventId,
    },
    /// The event of a row is not what was logged.
    EventChanged {
        /// The row.
        seq: u64,
        /// The event.
        id: EventId,
    },
    /// An entry said something else than its event, and was put right.
    EntryChanged {
        /// The row.
        seq: u64,
        /// The event.
        id: EventId,
    },
    /// There was an entry of which the log knows nothing. It was removed.
    Foreign {
        /// The event that it was said to be of.
        id: EventId,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { seq } => write!(f, "row {seq} of the log is missing"),
            Self::Head { next, rows } => {
                write!(f, "the log has {rows} rows, but its head says {next} comes next")
            }
            Self::EventMissing { seq, id } => write!(f, "row {seq}: event {id} is missing or cannot be read"),
            Self::EventChanged { seq, id } => write!(f, "row {seq}: event {id} is not what was logged"),
            Self::EntryChanged { seq, id } => {
                write!(f, "row {seq}: the entry of event {id} had been changed; it was put right")
            }
            Self::Foreign { id } => write!(f, "an entry of {id}, which was never logged, was removed"),
        }
    }
}

/// What a rebuild did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many rows the log has.
    pub rows: u64,
    /// How many entries were missing or wrong.
    pub restored: u64,
    /// What points to tampering.
    pub findings: Vec<Finding>,
}

/// Walks the log, and writes every entry and its copies again. The log itself is only read: it is what everything else is
/// checked against. Runs beside the worker that appends.
pub async fn rebuild(table: &Table, scope: &TenantScope) -> Result<Rebuilt, StoreError> {
    let mut rebuilt = Rebuilt::default();
    let mut logged = BTreeSet::new();
    let mut after = None;
    loop {
        let slice = Slice { limit: AT_ONCE, after, oldest_first: true, ..Slice::default() };
        let page = table.list::<LogRecord>(&log(scope), slice).await?;
        for record in &page.items {
            let expected = rebuilt.rows + 1;
            rebuilt.findings.extend((expected..record.seq).map(|seq| Finding::Gap { seq }));
            rebuilt.rows = record.seq;
            logged.insert(record.event_id);
        }
        rewrite(table, scope, &page.items, &mut rebuilt).await?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    check_head(table, scope, &mut rebuilt).await?;
    remove_foreign(table, scope, &logged, &mut rebuilt).await?;
    Ok(rebuilt)
}

async fn rewrite(
    table: &Table,
    scope: &TenantScope,
    rows: &[LogRecord],
    rebuilt: &mut Rebuilt,
) -> Result<(), StoreError> {
    let events = events(table, scope, rows).await?;
    let keys: Vec<Key> = rows.iter().map(|row| entries(scope).item(row.event_id)).collect();
    let stored: Vec<EntryRecord> = table.get_many(&keys).await?;
    let stored: BTreeMap<u64, EntryRecord> = stored.into_iter().map(|record| (record.seq, record)).collect();
    let mut transaction = Transaction::new();
    for row in rows {
        let (seq, id) = (row.seq, row.event_id);
        let before = stored.get(&seq);
        let entry = match events.get(&id) {
            Some(entry) if entry.leaf() == row.leaf => EntryRecord::new(seq, entry)?,
            // An entry that still is what was logged is better evidence than an event that is not.
            found => {
                rebuilt.findings.push(match found {
                    Some(_) => Finding::EventChanged { seq, id },
                    None => Finding::EventMissing { seq, id },
                });
                match before.filter(|entry| leaf_hash(entry.event.as_bytes()) == row.leaf) {
                    Some(entry) => entry.clone(),
                    None => continue,
                }
            }
        };
        if before != Some(&entry) {
            rebuilt.restored += 1;
            rebuilt.findings.extend(before.map(|_| Finding::EntryChanged { seq, id }));
        }
        write(&mut transaction, scope, &entry, id)?;
        transaction.put(&number(scope, id), &NumberRecord { seq })?;
    }
    if transaction.is_empty() { Ok(()) } else { table.commit(&transaction).await }
}

/// The stored events of some rows. What cannot be read as an event of this tenant is missing.
async fn events(
    table: &Table,
    scope: &TenantScope,
    rows: &[LogRecord],
) -> Result<BTreeMap<EventId, Entry>, StoreError> {
    let keys: Vec<Key> = rows.iter().map(|row| history::key_of(scope, &row.aggregate, row.version)).collect();
    let records: Vec<EventRecord> = table.get_many(&keys).await?;
    let entries = records.iter().filter_map(|record| Entry::new(&record.event().ok()?).ok());
    Ok(entries.map(|entry| (entry.event().id, entry)).collect())
}

async fn check_head(table: &Table, scope: &TenantScope, rebuilt: &mut Rebuilt) -> Result<(), StoreError> {
    let found: Option<HeadRecord> = table.get(&head(scope)).await?;
    let next = found.map_or(1, |head| head.next_seq);
    // Rows that were appended since they were walked are no fault, if they are there.
    let appended = next > rebuilt.rows + 1 && table.get::<LogRecord>(&row(scope, next - 1)).await?.is_some();
    if next != rebuilt.rows + 1 && !appended {
        rebuilt.findings.push(Finding::Head { next, rows: rebuilt.rows });
    }
    Ok(())
}

async fn remove_foreign(
    table: &Table,
    scope: &TenantScope,
    logged: &BTreeSet<EventId>,
    rebuilt: &mut Rebuilt,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let slice = Slice { limit: 1000, after, oldest_first: true, ..Slice::default() };
        let page = table.list::<EntryRecord>(&entries(scope), slice).await?;
        for record in page.items {
            let id = record.clone().read()?.event.id;
            if logged.contains(&id) {
                continue;
            }
            // The log may have grown since it was walked.
            let row: Option<LogRecord> = table.get(&row(scope, record.seq)).await?;
            if row.is_some_and(|row| row.event_id == id) {
                continue;
            }
            let mut transaction = Transaction::new();
            for partition in places(scope, &record) {
                transaction.remove(&partition.item(id));
            }
            table.commit(&transaction).await?;
            rebuilt.findings.push(Finding::Foreign { id });
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
