//! How often secrets were guessed, in `directory#attempt#<digest>`: of accounts whether they exist or not, of devices, of addresses.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::attempt::{Patience, TooEarly, Tries};
use rookery_domain::hash::Sha256;
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, Transaction};

/// How often a try is decided again that others overtook.
const AGAIN: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
struct TriesRecord {
    tries: i64,
    /// In milliseconds of Unix time.
    closed_until: i64,
    ttl: i64,
}

impl Record for TriesRecord {
    const KIND: &'static str = "attempt";
}

impl TriesRecord {
    fn tries(&self) -> Result<Tries, StoreError> {
        let closed_until = Timestamp::from_millisecond(self.closed_until)
            .map_err(|source| StoreError::corrupt("attempt", source))?;
        Ok(Tries { count: u32::try_from(self.tries.max(0)).unwrap_or(u32::MAX), closed_until })
    }
}

/// Whose tries are counted.
#[derive(Debug, Clone)]
pub struct Counter {
    key: Key,
    patience: Patience,
}

impl Counter {
    /// A counter of its own for everything that is told apart by a kind and texts.
    pub fn new(kind: &str, of: &[&str], patience: Patience) -> Self {
        let mut parts: Vec<&[u8]> = vec![kind.as_bytes()];
        for part in of {
            parts.extend([b"\0", part.as_bytes()]);
        }
        let key = Partition::directory("attempt", Sha256::of_parts(&parts)).only();
        Self { key, patience }
    }

    /// Counts a try before it is looked at, or says that it comes too early, which is not counted. However many come at once, no more of
    /// them are let through than if they had come one after the other.
    pub async fn count(&self, table: &Table, now: Timestamp) -> Result<Result<(), TooEarly>, StoreError> {
        if self.write(table, Tries::first(now), None, now).await? {
            return Ok(Ok(()));
        }
        for _ in 0..AGAIN {
            let Some(known) = table.get::<TriesRecord>(&self.key).await? else {
                if self.write(table, Tries::first(now), None, now).await? {
                    return Ok(Ok(()));
                }
                continue;
            };
            let next = match known.tries()?.further(self.patience, now) {
                Ok(next) => next,
                Err(early) => return Ok(Err(early)),
            };
            if self.write(table, next, Some(known.tries), now).await? {
                return Ok(Ok(()));
            }
        }
        Ok(Err(TooEarly { retry_after_s: 1 }))
    }

    /// Writes what is known from now on if nobody else counted meanwhile; of an account that nobody guessed at lately, if there is nothing.
    async fn write(
        &self,
        table: &Table,
        next: Tries,
        before: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SET: &str = "SET tries = :tries, closed_until = :until, #ttl = :ttl, kind = :kind";
        let number = |number: i64| AttributeValue::N(number.to_string());
        let ttl = (now + self.patience.remembered).as_second();
        let mut values = vec![
            (":tries", number(i64::from(next.count))),
            (":until", number(next.closed_until.as_millisecond())),
            (":ttl", number(ttl)),
            (":kind", AttributeValue::S(TriesRecord::KIND.into())),
        ];
        let condition = if let Some(before) = before {
            values.push((":before", number(before)));
            "tries = :before"
        } else {
            values.push((":now", number(now.as_second())));
            "attribute_not_exists(pk) OR #ttl < :now"
        };
        table.update_if(&self.key, SET, condition, values).await
    }

    /// Adds to a transaction that the secret was right, and what was tried before is forgotten.
    pub fn forget(&self, transaction: &mut Transaction) {
        transaction.remove(&self.key);
    }

    /// Adds to a transaction that the try which was counted last was no guess. What others tried stays counted.
    pub fn give_back(&self, transaction: &mut Transaction) {
        let minus = AttributeValue::N("-1".into());
        transaction.update(&self.key, "ADD tries :minus", None, [(":minus", minus)], Refusal::Busy);
    }
}
