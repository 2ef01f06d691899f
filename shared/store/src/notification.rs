//! Which events a mail was sent for, so that none is sent twice.
//!
//! Sending a mail and writing down that it was sent are two systems. A worker first takes the event for itself, for a while; then
//! sends; then notes it. Only where it dies between the last two, the mail is sent again.

use jiff::{SignedDuration, Timestamp};
use rookery_domain::id::EventId;
use serde::{Deserialize, Serialize};

use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// For how long a worker has an event for itself: longer than it may run, and shorter than the queue takes to hand a message out for
/// the last time, so that a worker which dies never uses a message up. A test holds the template to both.
pub const TAKEN_FOR: SignedDuration = SignedDuration::from_secs(20);
/// For how long it is known that a mail was sent: longer than any message can lie in a queue and its dead-letter queue.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Debug, Serialize, Deserialize)]
struct NotificationRecord {
    sent: bool,
    ttl: i64,
}

impl Record for NotificationRecord {
    const KIND: &'static str = "notification";
}

fn key(scope: &TenantScope, event: EventId) -> Key {
    scope.partition(&["notification"]).item(event)
}

/// Adds to a transaction that a worker takes an event for itself; refused while another one has it or when its mail was sent.
pub fn take(
    transaction: &mut Transaction,
    scope: &TenantScope,
    event: EventId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = NotificationRecord { sent: false, ttl: (now + TAKEN_FOR).as_second() };
    transaction.create_or_renew(&key(scope, event), &record, now, Refusal::Repeated)
}

/// Lets an event go whose mail could not be sent.
pub async fn let_go(table: &Table, scope: &TenantScope, event: EventId) -> Result<(), StoreError> {
    let mut transaction = Transaction::new();
    transaction.remove(&key(scope, event));
    table.commit(&transaction).await
}

/// Notes that the mail was sent.
pub async fn note(
    table: &Table,
    scope: &TenantScope,
    event: EventId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = NotificationRecord { sent: true, ttl: (now + KNOWN_FOR).as_second() };
    let mut transaction = Transaction::new();
    transaction.put(&key(scope, event), &record)?;
    table.commit(&transaction).await
}

/// Whether the mail of an event was sent.
pub async fn was_sent(table: &Table, scope: &TenantScope, event: EventId) -> Result<bool, StoreError> {
    let record: Option<NotificationRecord> = table.get(&key(scope, event)).await?;
    Ok(record.is_some_and(|record| record.sent))
}
