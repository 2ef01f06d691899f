//! The records of channels, with what they offer to devices.

use jiff::Timestamp;
use rookery_domain::app::App;
use rookery_domain::channel::{Channel, ChannelName, ServedApp, Serving};
use rookery_domain::id::{AppId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{
    Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, serving,
};

#[derive(Debug, Serialize, Deserialize)]
struct ChannelRecord {
    tenant: TenantId,
    app: AppId,
    name: ChannelName,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ChannelRecord {
    const KIND: &'static str = "channel";
}

impl From<&Channel> for ChannelRecord {
    fn from(channel: &Channel) -> Self {
        let channel = channel.clone();
        Self {
            tenant: channel.tenant,
            app: channel.app,
            name: channel.name,
            version: channel.version,
            created_at: channel.created_at,
            updated_at: channel.updated_at,
        }
    }
}

impl From<ChannelRecord> for Channel {
    fn from(record: ChannelRecord) -> Self {
        Self {
            tenant: record.tenant,
            app: record.app,
            name: record.name,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn collection(scope: &TenantScope, app: AppId) -> Partition {
    scope.partition(&[&app.to_string(), "channel"])
}

/// Adds the first channel of a new app to a transaction, and everything that devices may know of the app: 3 items.
pub fn open_app(transaction: &mut Transaction, scope: &TenantScope, app: &App) -> Result<(), StoreError> {
    let channel = Channel::new(scope.tenant(), app.id, ChannelName::default(), app.created_at);
    serving::open_app(transaction, &ServedApp::new(scope.tenant(), app.id, app.app_key))?;
    add(transaction, scope, app, &channel)
}

/// Adds a further channel to a transaction. `before` and `after` are the app's channels without and with it.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    app: &App,
    channel: &Channel,
    (before, after): (&ServedApp, &ServedApp),
) -> Result<(), StoreError> {
    serving::replace_app(transaction, before, after)?;
    add(transaction, scope, app, channel)
}

fn add(
    transaction: &mut Transaction,
    scope: &TenantScope,
    app: &App,
    channel: &Channel,
) -> Result<(), StoreError> {
    let key = collection(scope, app.id).item(&channel.name);
    transaction.create(&key, &ChannelRecord::from(channel), Refusal::Taken("name"))?;
    serving::open(transaction, &Serving::new(channel, app.app_key, app.platforms.clone()))
}

/// Adds the end of all channels of an app to a transaction, and of everything that devices may know of it. `servings` are all
/// of the app's, and offer nothing. A release or channel that is made at the same time makes the transaction fail, or fails.
pub fn close_app(
    transaction: &mut Transaction,
    scope: &TenantScope,
    app: &App,
    served: &ServedApp,
    servings: &[Serving],
) {
    serving::close_app(transaction, served, servings);
    for channel in &served.channels {
        transaction.remove(&collection(scope, app.id).item(channel));
    }
}

/// Lists the channels of an app by name.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    slice: Slice,
) -> Result<Listed<Channel>, StoreError> {
    let slice = Slice { oldest_first: true, ..slice };
    let listed = table.list::<ChannelRecord>(&collection(scope, app), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Channel::from).collect(), next: listed.next })
}
