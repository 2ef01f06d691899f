//! Making a tenant's counters again, from the batches that are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rookery_domain::usage::{Bucket, Granularity, Meter, totals};

use super::{BatchRecord, CounterRecord, WRITES, batches, counter, counters, first_kept};
use crate::table::back_off;
use crate::{Refusal, Slice, StoreError, Table, TenantScope, Transaction};

/// How often a rebuild begins anew when something was counted meanwhile.
const ATTEMPTS: u32 = 8;

type Counters = BTreeMap<(Meter, Bucket), u64>;

/// What a rebuild did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many batches were folded.
    pub batches: u64,
    /// How many counters there are.
    pub counters: u64,
    /// How many of them were missing or wrong.
    pub corrected: u64,
}

/// Sets every counter of the last 90 days to what the batches of that time add up to. What lies further back is left as it
/// is, for its batches are gone; a day or month that begins further back is the sum of its hours. Runs beside the worker that
/// counts: a counter is only set if it still stands at what was read before the batches were.
pub async fn rebuild(table: &Table, scope: &TenantScope, now: Timestamp) -> Result<Rebuilt, StoreError> {
    let first = first_kept(now);
    for attempt in 0..ATTEMPTS {
        let before = stored(table, scope).await?;
        let (kept, folded) = fold(table, scope, first).await?;
        let after = expected(&before, kept, first);
        let mut corrections: Vec<_> = Vec::new();
        for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(key))) {
            let (was, is) = (before.get(key).copied(), after.get(key).copied());
            if was != is {
                corrections.push((*key, was, is));
            }
        }
        let rebuilt = Rebuilt {
            batches: folded,
            counters: u64::try_from(after.len()).unwrap_or(u64::MAX),
            corrected: u64::try_from(corrections.len()).unwrap_or(u64::MAX),
        };
        let mut overtaken = false;
        for chunk in corrections.chunks(WRITES) {
            let mut transaction = Transaction::new();
            for ((meter, bucket), was, is) in chunk {
                transaction.recount(&counter(scope, *meter, *bucket), *was, *is);
            }
            match table.commit(&transaction).await {
                Ok(()) => {}
                Err(StoreError::Refused(Refusal::Stale | Refusal::Busy)) => overtaken = true,
                Err(error) => return Err(error),
            }
        }
        if !overtaken {
            return Ok(rebuilt);
        }
        back_off(attempt).await;
    }
    Err(StoreError::Refused(Refusal::Busy))
}

/// Every counter of the tenant as it stands.
async fn stored(table: &Table, scope: &TenantScope) -> Result<Counters, StoreError> {
    let mut found = Counters::new();
    for meter in Meter::ALL {
        for record in table.list_all::<CounterRecord>(&counters(scope, meter)).await? {
            found.insert((meter, record.bucket()?), record.count);
        }
    }
    Ok(found)
}

/// What the batches say of the hours from `first` on, and how many batches there are.
async fn fold(table: &Table, scope: &TenantScope, first: Bucket) -> Result<(Counters, u64), StoreError> {
    let (mut sums, mut folded) = (Counters::new(), 0);
    let mut after = None;
    loop {
        let slice = Slice { limit: 1000, after, oldest_first: true, ..Slice::default() };
        let page = table.list::<BatchRecord>(&batches(scope), slice).await?;
        for batch in &page.items {
            folded += 1;
            for ((_, meter, bucket), sum) in totals(&batch.counts) {
                if bucket.granularity() == Granularity::Hour && bucket >= first {
                    *sums.entry((meter, bucket)).or_default() += sum;
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((sums, folded)),
        }
    }
}

/// All counters as they should be: those that lie wholly before `first` as they are, the hours from then on as the batches
/// say, and the days and months that these fall into as the sums of their hours.
fn expected(before: &Counters, kept: Counters, first: Bucket) -> Counters {
    let is_past = |bucket: Bucket| bucket < first.within(bucket.granularity());
    let mut after: Counters =
        before.iter().filter(|((_, bucket), _)| is_past(*bucket)).map(|(key, sum)| (*key, *sum)).collect();
    let hours_before = before.iter().filter(|((_, bucket), _)| bucket.granularity() == Granularity::Hour);
    let hours_before = hours_before.filter(|((_, bucket), _)| *bucket < first);
    let hours = hours_before.map(|(key, sum)| (*key, *sum)).chain(kept.iter().map(|(key, sum)| (*key, *sum)));
    for ((meter, hour), sum) in hours {
        for granularity in [Granularity::Day, Granularity::Month] {
            let bucket = hour.within(granularity);
            if !is_past(bucket) {
                *after.entry((meter, bucket)).or_default() += sum;
            }
        }
    }
    after.extend(kept);
    after
}
