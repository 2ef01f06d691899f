//! Devices that people logged in from, at `<tenant>#known-device`.

use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::known_device::{DeviceToken, KNOWN_FOR};
use rookery_domain::text::Email;
use serde::{Deserialize, Serialize};

use crate::{Key, Record, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct KnownDeviceRecord {
    /// The digest of the mail address that was logged in with: the device is known for no other account.
    address: Sha256,
    ttl: i64,
}

impl Record for KnownDeviceRecord {
    const KIND: &'static str = "known_device";
}

fn key(scope: &TenantScope, token: &DeviceToken) -> Key {
    scope.partition(&["known-device"]).item(format_args!("{}#{}", token.user, token.digest()))
}

fn digest(address: &Email) -> Sha256 {
    Sha256::of(address.normalized().as_bytes())
}

/// Adds to a transaction that somebody logs in from a device.
pub fn remember(
    transaction: &mut Transaction,
    scope: &TenantScope,
    token: &DeviceToken,
    email: &Email,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = KnownDeviceRecord { address: digest(email), ttl: (now + KNOWN_FOR).as_second() };
    transaction.put(&key(scope, token), &record)
}

/// Whether somebody logged in with this mail address from a device. The key holds the digest of the whole secret, so that looking it up
/// compares nothing that could be timed.
pub async fn is_known(
    table: &Table,
    scope: &TenantScope,
    token: &DeviceToken,
    email: &Email,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let record: Option<KnownDeviceRecord> = table.get(&key(scope, token)).await?;
    Ok(record.is_some_and(|record| record.address == digest(email) && now.as_second() < record.ttl))
}
