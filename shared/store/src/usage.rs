//! What tenants used: counters by meter and hour, day and month, and the batches that they were counted from.
//!
//! A batch is written in the transaction that counts it, so that it counts once however often it arrives. Batches are kept
//! for 90 days; within that time the counters can be made of them again ([`rebuild`]).

mod rebuild;

use std::collections::BTreeSet;

use jiff::Timestamp;
use rookery_domain::id::EventId;
use rookery_domain::usage::{Bucket, Count, Granularity, Meter, Range, Totals, totals};
use serde::{Deserialize, Serialize};

pub use rebuild::{Rebuilt, rebuild};

use crate::{Key, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

/// How long a batch is kept, in seconds: 90 days.
pub const KEPT_SECONDS: i64 = 90 * 24 * 60 * 60;

/// How old use may be to be counted, in seconds: 80 days. The batch of anything older may have been counted and forgotten, so
/// whether it comes for the first time cannot be told.
pub const COUNTED_SECONDS: i64 = KEPT_SECONDS - 10 * 24 * 60 * 60;

/// Most writes of one transaction.
const WRITES: usize = 100;
/// Most counts of a batch that are counted in one transaction: each may add to three counters.
const COUNTS_AT_ONCE: usize = 30;

/// A batch, or a part of a large one, that was counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct BatchRecord {
    counts: Vec<Count>,
    ttl: i64,
}

impl Record for BatchRecord {
    const KIND: &'static str = "usage-batch";
}

/// A counter as it is read. The sort key tells its bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CounterRecord {
    sk: String,
    count: u64,
}

impl Record for CounterRecord {
    const KIND: &'static str = "usage-counter";
}

impl CounterRecord {
    fn bucket(&self) -> Result<Bucket, StoreError> {
        let (_, bucket) = self.sk.split_once('#').unwrap_or_default();
        bucket
            .parse()
            .map_err(|source: rookery_domain::text::ParseError| StoreError::corrupt(Self::KIND, source))
    }
}

fn batches(scope: &TenantScope) -> Partition {
    scope.partition(&["usage-batch"])
}

fn counters(scope: &TenantScope, meter: Meter) -> Partition {
    scope.partition(&["usage", meter.as_str()])
}

fn sort(bucket: Bucket) -> String {
    format!("{}#{bucket}", bucket.granularity())
}

fn counter(scope: &TenantScope, meter: Meter, bucket: Bucket) -> Key {
    counters(scope, meter).item(sort(bucket))
}

/// What one batch says of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The batch.
    pub batch: EventId,
    /// Its counts of this tenant.
    pub counts: Vec<Count>,
}

impl Part {
    /// Whether all of it was used so lately that it can be counted exactly once.
    pub fn is_countable(&self, now: Timestamp) -> bool {
        let age = |count: &Count| now.as_second() - count.hour.start().as_second();
        self.counts.iter().all(|count| age(count) < COUNTED_SECONDS)
    }
}

/// A piece that is counted in one transaction.
#[derive(Debug, Clone)]
struct Piece {
    key: Key,
    counts: Vec<Count>,
}

/// Counts parts of batches; those that were counted before change nothing. Several are counted in one transaction where they
/// fit, which costs less and meets other writers less often. Answers how many pieces were new.
pub async fn count(
    table: &Table,
    scope: &TenantScope,
    parts: &[Part],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut counted = 0;
    for group in grouped(pieces(scope, parts)) {
        match table.commit(&counting(scope, &group, now)?).await {
            Ok(()) => counted += group.len(),
            Err(StoreError::Refused(Refusal::Repeated)) if group.len() == 1 => {}
            // One of them was counted before: each by itself tells which.
            Err(StoreError::Refused(Refusal::Repeated)) => {
                for piece in group {
                    match table.commit(&counting(scope, &[piece], now)?).await {
                        Ok(()) => counted += 1,
                        Err(StoreError::Refused(Refusal::Repeated)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(counted)
}

/// Cuts parts into pieces that fit into a transaction. A batch that comes again is cut in the same places.
fn pieces(scope: &TenantScope, parts: &[Part]) -> Vec<Piece> {
    let mut seen = BTreeSet::new();
    let fresh = parts.iter().filter(|part| seen.insert(part.batch));
    let cut = fresh.flat_map(|part| {
        part.counts.chunks(COUNTS_AT_ONCE).enumerate().map(|(at, counts)| {
            let key = match at {
                0 => batches(scope).item(part.batch),
                _ => batches(scope).item(format_args!("{}#{at}", part.batch)),
            };
            Piece { key, counts: counts.to_vec() }
        })
    });
    cut.collect()
}

/// Lays pieces together as long as their markers and counters fit into one transaction.
fn grouped(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    let mut sums = Totals::new();
    for piece in pieces {
        let own = totals(&piece.counts);
        let new = own.keys().filter(|key| !sums.contains_key(*key)).count();
        match groups.last_mut() {
            Some(group) if group.len() + 1 + sums.len() + new <= WRITES => group.push(piece),
            _ => {
                groups.push(vec![piece]);
                sums.clear();
            }
        }
        sums.extend(own);
    }
    groups
}

fn counting(scope: &TenantScope, pieces: &[Piece], now: Timestamp) -> Result<Transaction, StoreError> {
    let mut transaction = Transaction::new();
    for piece in pieces {
        let record = BatchRecord { counts: piece.counts.clone(), ttl: now.as_second() + KEPT_SECONDS };
        transaction.create(&piece.key, &record, Refusal::Repeated)?;
    }
    for ((_, meter, bucket), sum) in totals(pieces.iter().flat_map(|piece| &piece.counts)) {
        let amount = i64::try_from(sum).map_err(|source| StoreError::corrupt("usage batch", source))?;
        transaction.count(&counter(scope, meter, bucket), amount, Vec::new());
    }
    Ok(transaction)
}

/// Whether a batch was counted.
pub async fn has(table: &Table, scope: &TenantScope, batch: EventId) -> Result<bool, StoreError> {
    Ok(table.get::<BatchRecord>(&batches(scope).item(batch)).await?.is_some())
}

/// The counters of a meter within a range, earliest first. A bucket in which nothing was used has none.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    meter: Meter,
    range: Range,
) -> Result<Vec<(Bucket, u64)>, StoreError> {
    let between = Some((sort(range.first()), sort(range.last())));
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let slice =
            Slice { limit: 1000, after, between: between.clone(), oldest_first: true, ..Slice::default() };
        let page = table.list::<CounterRecord>(&counters(scope, meter), slice).await?;
        for record in page.items {
            found.push((record.bucket()?, record.count));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}

/// How much of a meter was counted in the current month. What was used a few seconds ago may be missing.
pub async fn of_month(
    table: &Table,
    scope: &TenantScope,
    meter: Meter,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let month = counter(scope, meter, Bucket::of(Granularity::Month, now));
    Ok(table.glance::<CounterRecord>(&month).await?.map_or(0, |record| record.count))
}

/// The first hour whose batches are certainly all kept.
fn first_kept(now: Timestamp) -> Bucket {
    let oldest = Timestamp::from_second(now.as_second() - KEPT_SECONDS).unwrap_or(Timestamp::MIN);
    let hour = Bucket::of(Granularity::Hour, oldest);
    hour.moved(1).unwrap_or(hour)
}
