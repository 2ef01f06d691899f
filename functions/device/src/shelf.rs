//! What a function keeps in memory between calls, so that a warm one makes no call to AWS.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rookery_edge::Problem;
use tokio::sync::Mutex as AsyncMutex;

/// Most things of a shelf, whatever they weigh.
const MOST: usize = 4096;

/// What everything weighs at least, in bytes: its key, and what it takes to keep it.
const LEAST_BYTES: usize = 256;

/// For how long a thing is good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Good {
    /// It may change: it is loaded again after this time. That there is no such thing is kept as long.
    For(SignedDuration),
    /// It never changes once it exists.
    Always,
}

/// Things by key, each loaded once however many ask for it at a time.
///
/// Only answers are kept, never failures: whoever asks after a failed load loads again. When the shelf is full it is
/// cleared, which costs one load of each thing and needs no account of who used what.
#[derive(Debug)]
pub(crate) struct Shelf<K, V> {
    most_bytes: usize,
    weigh: fn(&V) -> usize,
    slots: Mutex<Slots<K, V>>,
}

#[derive(Debug)]
struct Slots<K, V> {
    by_key: HashMap<K, Arc<Slot<V>>>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot<V> {
    kept: Mutex<Option<Kept<V>>>,
    loading: AsyncMutex<()>,
}

#[derive(Debug)]
struct Kept<V> {
    since: Timestamp,
    value: Option<V>,
    bytes: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Shelf<K, V> {
    /// An empty shelf that bears so many bytes.
    pub(crate) fn new(most_bytes: usize, weigh: fn(&V) -> usize) -> Self {
        let slots = Mutex::new(Slots { by_key: HashMap::new(), bytes: 0 });
        Self { most_bytes, weigh, slots }
    }

    /// Takes a thing from the shelf, or loads it. `None` is that there is no such thing.
    pub(crate) async fn get(
        &self,
        key: &K,
        good: Good,
        now: Timestamp,
        load: impl Future<Output = Result<Option<V>, Problem>>,
    ) -> Result<Option<V>, Problem> {
        let slot = self.slot(key);
        if let Some(value) = slot.fresh(good, now) {
            return Ok(value);
        }
        let _only_one = slot.loading.lock().await;
        if let Some(value) = slot.fresh(good, now) {
            return Ok(value);
        }
        let value = load.await?;
        if value.is_some() || matches!(good, Good::For(_)) {
            self.keep(key, &slot, now, value.clone());
        }
        Ok(value)
    }

    fn slot(&self, key: &K) -> Arc<Slot<V>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.by_key.get(key) {
            return Arc::clone(slot);
        }
        if slots.by_key.len() >= MOST {
            slots.by_key.clear();
            slots.bytes = 0;
        }
        let slot = Arc::new(Slot { kept: Mutex::new(None), loading: AsyncMutex::new(()) });
        slots.by_key.insert(key.clone(), Arc::clone(&slot));
        slot
    }

    fn keep(&self, key: &K, slot: &Arc<Slot<V>>, since: Timestamp, value: Option<V>) {
        let bytes = value.as_ref().map_or(0, self.weigh).max(LEAST_BYTES);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // The shelf may have been cleared while this was loaded, and then hold another slot or none: what counts is the weight
        // of the slot that it holds.
        let held = slots.by_key.insert(key.clone(), Arc::clone(slot));
        let before = held.map_or(0, |held| held.bytes());
        let mut kept = slot.kept.lock().unwrap_or_else(PoisonError::into_inner);
        slots.bytes = slots.bytes.saturating_sub(before) + bytes;
        if slots.bytes > self.most_bytes {
            slots.by_key.clear();
            slots.bytes = 0;
            if bytes > self.most_bytes {
                return;
            }
            slots.by_key.insert(key.clone(), Arc::clone(slot));
            slots.bytes = bytes;
        }
        *kept = Some(Kept { since, value, bytes });
    }
}

impl<V: Clone> Slot<V> {
    fn bytes(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |kept| kept.bytes)
    }

    #[expect(clippy::option_option, reason = "nothing fresh, or fresh knowledge that there is nothing")]
    fn fresh(&self, good: Good, now: Timestamp) -> Option<Option<V>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.as_ref()?;
        let fresh = match good {
            Good::For(time) => now.duration_since(kept.since) < time,
            Good::Always => true,
        };
        fresh.then(|| kept.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const FIVE_SECONDS: Good = Good::For(SignedDuration::from_secs(5));

    struct Source(AtomicU32);

    impl Source {
        async fn load(&self, value: Option<u32>) -> Result<Option<u32>, Problem> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(value)
        }

        fn loads(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn shelf<K: Eq + Hash + Clone>(most_bytes: usize) -> Shelf<K, u32> {
        Shelf::new(most_bytes, |value| usize::try_from(*value).unwrap())
    }

    #[tokio::test]
    async fn things_are_kept_for_their_time() {
        let shelf = shelf(10_000);
        let source = Source(AtomicU32::new(0));
        for (second, loads) in [(0, 1), (4, 1), (5, 2), (9, 2), (60, 3)] {
            assert_eq!(
                shelf.get(&"a", FIVE_SECONDS, at(second), source.load(Some(1))).await.unwrap(),
                Some(1)
            );
            assert_eq!(source.loads(), loads, "at {second} s");
        }
        assert_eq!(shelf.get(&"b", FIVE_SECONDS, at(60), source.load(None)).await.unwrap(), None);
        assert_eq!(shelf.get(&"b", FIVE_SECONDS, at(61), source.load(Some(1))).await.unwrap(), None);
        assert_eq!(source.loads(), 4);
    }

    #[tokio::test]
    async fn nothing_is_kept_for_no_time() {
        let shelf = shelf(10_000);
        let source = Source(AtomicU32::new(0));
        for loads in 1..=3 {
            shelf.get(&"a", Good::For(SignedDuration::ZERO), at(0), source.load(Some(1))).await.unwrap();
            assert_eq!(source.loads(), loads);
        }
    }

    #[tokio::test]
    async fn that_something_does_not_exist_yet_is_not_for_good() {
        let shelf = shelf(10_000);
        let source = Source(AtomicU32::new(0));
        assert_eq!(shelf.get(&"a", Good::Always, at(0), source.load(None)).await.unwrap(), None);
        assert_eq!(shelf.get(&"a", Good::Always, at(0), source.load(Some(1))).await.unwrap(), Some(1));
        assert_eq!(shelf.get(&"a", Good::Always, at(1 << 37), source.load(Some(2))).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let shelf = shelf(10_000);
        let fails = async { Err(Problem::internal("down")) };
        assert!(shelf.get(&"a", FIVE_SECONDS, at(0), fails).await.is_err());
        let source = Source(AtomicU32::new(0));
        assert_eq!(shelf.get(&"a", FIVE_SECONDS, at(0), source.load(Some(1))).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn many_at_once_load_once() {
        let shelf = shelf(10_000);
        let source = Source(AtomicU32::new(0));
        let asks = (0..20).map(|_| shelf.get(&"a", FIVE_SECONDS, at(0), source.load(Some(1))));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.unwrap(), Some(1));
        }
        assert_eq!(source.loads(), 1);
    }

    #[tokio::test]
    async fn what_the_shelf_lost_meanwhile_is_not_subtracted() {
        let shelf = shelf(1000);
        let source = Source(AtomicU32::new(0));
        shelf.get(&"a", FIVE_SECONDS, at(0), source.load(Some(600))).await.unwrap();
        let renewed = async {
            // While "a" is loaded again, others need its place.
            for key in ["b", "c"] {
                shelf.get(&key, FIVE_SECONDS, at(10), source.load(Some(450))).await.unwrap();
            }
            source.load(Some(300)).await
        };
        shelf.get(&"a", FIVE_SECONDS, at(10), renewed).await.unwrap();
        let weight = || {
            let slots = shelf.slots.lock().unwrap();
            let held: usize = slots.by_key.values().map(|slot| slot.bytes()).sum();
            (slots.bytes, held)
        };
        assert_eq!(weight(), (300, 300), "it was cleared again, for 450, 450 and 300 are too much");
        // Two that load the same into slots of different times: only the one that is held weighs.
        let overtaken = async {
            shelf.get(&"d", FIVE_SECONDS, at(20), source.load(Some(900))).await.unwrap();
            shelf.get(&"a", FIVE_SECONDS, at(20), source.load(Some(400))).await.unwrap();
            source.load(Some(500)).await
        };
        shelf.get(&"a", FIVE_SECONDS, at(20), overtaken).await.unwrap();
        assert_eq!(weight(), (500, 500));
    }

    #[tokio::test]
    async fn the_weight_is_bounded() {
        let shelf = shelf(1000);
        let source = Source(AtomicU32::new(0));
        for key in 0..100 {
            shelf.get(&key, Good::Always, at(0), source.load(Some(300))).await.unwrap();
            let slots = shelf.slots.lock().unwrap();
            assert!(slots.bytes <= 1000 && slots.by_key.len() <= 3, "{} bytes", slots.bytes);
        }
        // What is heavier than the shelf bears is answered and not kept.
        assert_eq!(shelf.get(&1000, Good::Always, at(0), source.load(Some(5000))).await.unwrap(), Some(5000));
        assert_eq!(shelf.get(&1000, Good::Always, at(0), source.load(Some(5000))).await.unwrap(), Some(5000));
        assert_eq!(source.loads(), 102);
        for key in 0..10_000 {
            shelf.get(&key, Good::Always, at(0), source.load(None)).await.unwrap();
        }
        assert!(shelf.slots.lock().unwrap().by_key.len() <= MOST);
    }
}
