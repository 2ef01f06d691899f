//! What was read a moment ago, kept in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Most entries; everything is forgotten when there are so many.
const MOST: usize = 10_000;

/// Values that were read, each for as long as it is believed.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    kept: SignedDuration,
    entries: Mutex<HashMap<K, (Timestamp, V)>>,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// Knows nothing yet, and believes what it hears for a time.
    pub(crate) fn new(kept: SignedDuration) -> Self {
        Self { kept, entries: Mutex::default() }
    }

    /// A value that was read not long ago.
    pub(crate) fn recall(&self, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, value) = entries.get(key).filter(|(since, _)| now.duration_since(*since) < self.kept)?;
        Some(value.clone())
    }

    /// Remembers a value that was read now.
    pub(crate) fn remember(&self, key: K, value: V, now: Timestamp) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.clear();
        }
        entries.insert(key, (now, value));
    }
}
