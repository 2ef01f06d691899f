//! Counting: in memory first, then in batches that are counted once however often they arrive.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Bucket, Granularity, Meter};
use crate::event::Event;
use crate::id::{EventId, KeyId, TenantId};

/// Most counts of one batch. Each takes about 100 bytes of JSON, and a queue carries 256 KB without asking twice.
pub const COUNTS_PER_BATCH: usize = 1000;

/// How much of a meter a tenant used within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The tenant.
    pub tenant: TenantId,
    /// The meter.
    pub meter: Meter,
    /// The hour in which it was used, not the one in which it was sent.
    #[serde(deserialize_with = "hour")]
    pub hour: Bucket,
    /// How much, in the unit of the meter.
    pub count: u64,
}

fn hour<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bucket, D::Error> {
    let bucket = Bucket::deserialize(deserializer)?;
    match bucket.granularity() {
        Granularity::Hour => Ok(bucket),
        _ => Err(serde::de::Error::custom("is not an hour")),
    }
}

/// That an API key was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// The key's tenant.
    pub tenant: TenantId,
    /// The key.
    pub key: KeyId,
    /// When, the last time that the process knows of.
    pub at: Timestamp,
}

/// Counts that are sent, stored and counted as one. A batch that arrives again has the same id and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The event that was counted, or a fresh id of the same form where counts were gathered.
    pub id: EventId,
    /// The counts; no two of the same tenant, meter and hour.
    pub counts: Vec<Count>,
    /// The keys that were used meanwhile. They travel with the counts and are no part of them: the latest use of a key is what is
    /// kept, however often and in whatever order it arrives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyUse>,
}

impl Batch {
    /// What an event used; `None` if nothing.
    pub fn of_event(event: &Event) -> Option<Self> {
        let mut tally = Tally::default();
        for (meter, count) in &event.measures {
            tally.add(event.tenant, *meter, event.at, *count);
        }
        tally.take(event.id)
    }

    /// The counts of each tenant, for tenants are stored apart.
    pub fn by_tenant(&self) -> BTreeMap<TenantId, Vec<Count>> {
        let mut tenants = BTreeMap::<_, Vec<Count>>::new();
        for count in &self.counts {
            tenants.entry(count.tenant).or_default().push(*count);
        }
        tenants
    }
}

/// What was used so far and not yet sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(TenantId, Meter, Bucket), u64>);

impl Tally {
    /// Counts something.
    pub fn add(&mut self, tenant: TenantId, meter: Meter, at: Timestamp, count: u64) {
        if count > 0 {
            let sum = self.0.entry((tenant, meter, Bucket::of(Granularity::Hour, at))).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// How many counts there are: of different tenants, meters or hours.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes up to [`COUNTS_PER_BATCH`] counts out, under an id of fresh bits; `None` if there are none. The batch has to
    /// be sent with this id until it has arrived.
    pub fn take(&mut self, id: EventId) -> Option<Batch> {
        let rest = self.0.keys().nth(COUNTS_PER_BATCH).copied();
        let rest = rest.map_or_else(BTreeMap::new, |first| self.0.split_off(&first));
        let taken = std::mem::replace(&mut self.0, rest);
        let count = |((tenant, meter, hour), count)| Count { tenant, meter, hour, count };
        let counts: Vec<Count> = taken.into_iter().map(count).collect();
        (!counts.is_empty()).then_some(Batch { id, counts, keys: Vec::new() })
    }
}

/// How long a process waits until it tells of the same key again, in seconds.
const KEY_USE_INTERVAL_S: i64 = 30;

/// Most keys that are remembered; what was told of them is forgotten when there are more.
const KEYS_REMEMBERED: usize = 10_000;

/// The keys that were used, told of every 30 seconds at the most. So the last use that is known of a key is older than
/// the true one by that at the most, and by the way of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLog {
    told: BTreeMap<KeyId, Timestamp>,
    waiting: BTreeMap<KeyId, KeyUse>,
}

impl KeyLog {
    /// Notes that a key was used.
    pub fn note(&mut self, tenant: TenantId, key: KeyId, at: Timestamp) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.at = waiting.at.max(at);
            return;
        }
        let told = self.told.get(&key);
        if told.is_none_or(|told| at.as_second() - told.as_second() >= KEY_USE_INTERVAL_S) {
            self.waiting.insert(key, KeyUse { tenant, key, at });
        }
    }

    /// Takes up to [`COUNTS_PER_BATCH`] uses out.
    pub fn take(&mut self) -> Vec<KeyUse> {
        let rest = self.waiting.keys().nth(COUNTS_PER_BATCH).copied();
        let rest = rest.map_or_else(BTreeMap::new, |first| self.waiting.split_off(&first));
        let taken = std::mem::replace(&mut self.waiting, rest);
        if self.told.len() + taken.len() > KEYS_REMEMBERED {
            self.told.clear();
        }
        self.told.extend(taken.values().map(|used| (used.key, used.at)));
        taken.into_values().collect()
    }
}

/// Sums by tenant, meter and bucket of every granularity.
pub type Totals = BTreeMap<(TenantId, Meter, Bucket), u64>;

/// What counts add to the hours, days and months they fall into.
pub fn totals<'a>(counts: impl IntoIterator<Item = &'a Count>) -> Totals {
    let mut totals = Totals::new();
    for count in counts {
        for granularity in Granularity::ALL {
            let bucket = count.hour.within(granularity);
            let sum = totals.entry((count.tenant, count.meter, bucket)).or_default();
            *sum = sum.saturating_add(count.count);
        }
    }
    totals
}

/// The sums of batches that may have arrived in any order and more than once.
pub fn fold<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Totals {
    let mut seen = BTreeSet::new();
    let once = batches.into_iter().filter(|batch| seen.insert(batch.id));
    totals(once.flat_map(|batch| &batch.counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    fn tenant(n: u8) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(n.into()))
    }

    fn id(n: u128) -> EventId {
        EventId::from_uuid(Uuid::from_u128(n))
    }

    fn used() -> impl Strategy<Value = Vec<(u8, usize, i64, u64)>> {
        proptest::collection::vec((0_u8..3, 0_usize..5, 1_795_000_000_i64..1_800_000_000, 0_u64..1000), 0..60)
    }

    fn tally(used: &[(u8, usize, i64, u64)]) -> Tally {
        let mut tally = Tally::default();
        for (owner, meter, second, count) in used {
            tally.add(tenant(*owner), Meter::ALL[*meter], Timestamp::from_second(*second).unwrap(), *count);
        }
        tally
    }

    #[test]
    fn a_batch_has_one_spelling() {
        let batch = tally(&[(1, 1, 1_795_251_600, 2), (1, 1, 1_795_251_601, 3)]).take(id(7)).unwrap();
        let expected = json!({"id": id(7), "counts": [
            {"tenant": tenant(1), "meter": "update_checks", "hour": "2026-11-21T09", "count": 5}
        ]});
        assert_eq!(serde_json::to_value(&batch).unwrap(), expected);
        let day = expected.to_string().replace("T09", "");
        assert!(serde_json::from_str::<Batch>(&day).is_err());
    }

    #[test]
    fn a_key_is_told_of_twice_a_minute() {
        let (mut log, key) = (KeyLog::default(), KeyId::from_uuid(Uuid::from_u128(1)));
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut told = Vec::new();
        for second in 0..=70 {
            log.note(tenant(1), key, at(second));
            if second % 4 == 0 {
                told.extend(log.take().into_iter().map(|used| used.at.as_second()));
            }
        }
        // Noted at 30 and 62, and sent with the batch after it, with the latest use.
        assert_eq!(told, [0, 32, 64]);
        assert_eq!(log.take(), []);
    }

    #[test]
    fn many_keys_leave_in_several_batches() {
        let mut log = KeyLog::default();
        for key in 0..2500 {
            log.note(tenant(1), KeyId::from_uuid(Uuid::from_u128(key)), Timestamp::UNIX_EPOCH);
        }
        let sizes: Vec<usize> = std::iter::repeat_with(|| log.take().len()).take(4).collect();
        assert_eq!(sizes, [1000, 1000, 500, 0]);
    }

    #[test]
    fn a_large_tally_leaves_in_several_batches() {
        let mut tally = Tally::default();
        for hour in 0..2500 {
            tally.add(tenant(1), Meter::Reports, Timestamp::from_second(hour * 3600).unwrap(), 1);
        }
        let sizes: Vec<usize> =
            std::iter::from_fn(|| tally.take(id(1))).map(|batch| batch.counts.len()).collect();
        assert_eq!(sizes, [1000, 1000, 500]);
        assert!(tally.is_empty());
    }

    #[test]
    fn hours_days_and_months_agree() {
        let batch = tally(&[(1, 0, 1_795_251_600, 2), (1, 0, 1_795_255_200, 3)]).take(id(1)).unwrap();
        let sums: Vec<(String, u64)> = totals(&batch.counts)
            .into_iter()
            .map(|((_, _, bucket), sum)| (bucket.to_string(), sum))
            .collect();
        let expected = [("2026-11-21T09", 2), ("2026-11-21T10", 3), ("2026-11-21", 5), ("2026-11", 5)];
        assert_eq!(sums, expected.map(|(key, sum)| (key.to_owned(), sum)));
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_matters(
            parts in proptest::collection::vec(used(), 1..6),
            arrivals in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let batches: Vec<Batch> =
                parts.iter().zip(1..).filter_map(|(used, n)| tally(used).take(id(n))).collect();
            let direct = tally(&parts.concat()).take(id(99)).map(|batch| totals(&batch.counts)).unwrap_or_default();
            prop_assert_eq!(&fold(&batches), &direct);

            let mut arrived: Vec<&Batch> = batches.iter().rev().collect();
            if !batches.is_empty() {
                arrived.extend(arrivals.iter().map(|index| index.get(&batches)));
            }
            prop_assert_eq!(&fold(arrived), &direct);
        }

        #[test]
        fn tenants_are_taken_apart_without_loss(used in used()) {
            if let Some(batch) = tally(&used).take(id(1)) {
                let apart = batch.by_tenant();
                for (owner, counts) in &apart {
                    prop_assert!(counts.iter().all(|count| count.tenant == *owner));
                }
                prop_assert_eq!(totals(apart.values().flatten()), totals(&batch.counts));
            }
        }
    }
}
