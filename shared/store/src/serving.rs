//! What devices are offered: the items that the device functions read, and nothing else.
//!
//! They lie in the partition of an app's public key. Whoever writes them holds the [`App`], which only a tenant's own scope
//! can load.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rookery_domain::app::{App, AppKey, Platform};
use rookery_domain::channel::{ChannelName, ServedApp, Serving};
use rookery_domain::id::{AppId, PackageId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, Slice, StoreError, Table, Transaction};

/// What a channel offers. The content is kept as JSON: configurations of releases may hold keys and numbers that the table's
/// own types refuse.
#[derive(Debug, Serialize, Deserialize)]
struct ServingRecord {
    tenant: TenantId,
    app: AppId,
    version: u64,
    content: String,
}

impl Record for ServingRecord {
    const KIND: &'static str = "serving";
}

impl ServingRecord {
    fn new(serving: &Serving) -> Result<Self, StoreError> {
        let content =
            serde_json::to_string(serving).map_err(|source| StoreError::corrupt(Self::KIND, source))?;
        Ok(Self { tenant: serving.tenant, app: serving.app, version: serving.version, content })
    }

    fn into_serving(self) -> Result<Serving, StoreError> {
        serde_json::from_str(&self.content).map_err(|source| StoreError::corrupt(Self::KIND, source))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct ServedAppRecord {
    tenant: TenantId,
    app: AppId,
    app_key: AppKey,
    channels: BTreeSet<ChannelName>,
    version: u64,
}

impl Record for ServedAppRecord {
    const KIND: &'static str = "served-app";
}

impl From<&ServedApp> for ServedAppRecord {
    fn from(served: &ServedApp) -> Self {
        let ServedApp { tenant, app, app_key, channels, version } = served.clone();
        Self { tenant, app, app_key, channels, version }
    }
}

impl From<ServedAppRecord> for ServedApp {
    fn from(record: ServedAppRecord) -> Self {
        let ServedAppRecord { tenant, app, app_key, channels, version } = record;
        Self { tenant, app, app_key, channels, version }
    }
}

/// The signed manifest of a package, as devices may have it. A copy of what the package's record holds, written when the
/// package is first released, and never changed or removed while the app exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedManifest {
    /// Whose package it is.
    pub tenant: TenantId,
    /// The app.
    pub app: AppId,
    /// The package.
    pub package: PackageId,
    /// How it is signed, such as `ed25519`.
    pub algorithm: String,
    /// Which of the app's keys signed it.
    pub key_id: String,
    /// The signature of the manifest's bytes, in base64.
    pub signature: String,
    /// The manifest's canonical bytes, which are UTF-8.
    pub manifest: String,
}

impl Record for SignedManifest {
    const KIND: &'static str = "manifest";
}

fn app_item(key: AppKey) -> Key {
    Partition::serving(key).item("app")
}

fn channel_item(key: AppKey, channel: &ChannelName) -> Key {
    Partition::serving(key).item(format_args!("channel#{channel}"))
}

fn manifest_item(key: AppKey, package: PackageId) -> Key {
    Partition::serving(key).item(format_args!("manifest#{package}"))
}

/// Adds what a new app shows to devices.
pub(crate) fn open_app(transaction: &mut Transaction, served: &ServedApp) -> Result<(), StoreError> {
    transaction.create(&app_item(served.app_key), &ServedAppRecord::from(served), Refusal::Taken("app key"))
}

/// Adds a changed list of channels.
pub(crate) fn replace_app(
    transaction: &mut Transaction,
    before: &ServedApp,
    after: &ServedApp,
) -> Result<(), StoreError> {
    transaction.follow(&app_item(after.app_key), &ServedAppRecord::from(after), before.version)
}

/// Adds what a new channel offers.
pub(crate) fn open(transaction: &mut Transaction, serving: &Serving) -> Result<(), StoreError> {
    transaction.create(
        &channel_item(serving.app_key, &serving.channel),
        &ServingRecord::new(serving)?,
        Refusal::Taken("name"),
    )
}

/// Adds what a channel offers after a change. When others changed it meanwhile, the refusal is [`Refusal::Overtaken`].
pub fn replace(transaction: &mut Transaction, before: &Serving, after: &Serving) -> Result<(), StoreError> {
    let key = channel_item(after.app_key, &after.channel);
    transaction.follow(&key, &ServingRecord::new(after)?, before.version)
}

/// Adds new platforms of an app to everything that its channels offer. `servings` are all of the app's. A channel that is
/// made at the same time, with the platforms of before, makes the transaction fail, or fails.
pub fn set_platforms(
    transaction: &mut Transaction,
    served: &ServedApp,
    servings: &[Serving],
    platforms: &[Platform],
    at: Timestamp,
) -> Result<(), StoreError> {
    replace_app(transaction, served, &ServedApp { version: served.version + 1, ..served.clone() })?;
    servings.iter().try_for_each(|serving| {
        replace(transaction, serving, &serving.with_platforms(platforms.to_vec(), at))
    })
}

/// Adds the end of everything that an app shows to devices. No release or channel that is made at the same time commits.
pub(crate) fn close_app(transaction: &mut Transaction, served: &ServedApp, servings: &[Serving]) {
    transaction.delete(&app_item(served.app_key), served.version);
    for serving in servings {
        transaction.delete(&channel_item(serving.app_key, &serving.channel), serving.version);
    }
}

/// Adds the manifest of a package that is released. It is the same whenever it is written.
pub fn put_manifest(
    transaction: &mut Transaction,
    app: &App,
    manifest: &SignedManifest,
) -> Result<(), StoreError> {
    transaction.put(&manifest_item(app.app_key, manifest.package), manifest)
}

/// Reads what a channel of an app offers, as of the last write.
pub async fn find(table: &Table, app: &App, channel: &ChannelName) -> Result<Option<Serving>, StoreError> {
    let record: Option<ServingRecord> = table.get(&channel_item(app.app_key, channel)).await?;
    record.map(ServingRecord::into_serving).transpose()
}

/// Reads what all channels of an app offer.
pub async fn of_app(table: &Table, app: &App) -> Result<Vec<Serving>, StoreError> {
    let mut servings = Vec::new();
    let mut after = None;
    loop {
        let slice = Slice {
            limit: 100,
            after,
            between: Some(("channel#".to_owned(), "channel#~".to_owned())),
            ..Slice::default()
        };
        let page = table.list::<ServingRecord>(&Partition::serving(app.app_key), slice).await?;
        for record in page.items {
            servings.push(record.into_serving()?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(servings),
        }
    }
}

/// Reads the channels of an app, as of the last write.
pub async fn channels(table: &Table, app: &App) -> Result<Option<ServedApp>, StoreError> {
    let record: Option<ServedAppRecord> = table.get(&app_item(app.app_key)).await?;
    Ok(record.map(ServedApp::from))
}

/// What a device learns of a channel. Half the price of [`find`], and perhaps a moment old.
pub async fn glance(
    table: &Table,
    key: AppKey,
    channel: &ChannelName,
) -> Result<Option<Serving>, StoreError> {
    let record: Option<ServingRecord> = table.glance(&channel_item(key, channel)).await?;
    record.map(ServingRecord::into_serving).transpose()
}

/// What a device learns of an app.
pub async fn glance_app(table: &Table, key: AppKey) -> Result<Option<ServedApp>, StoreError> {
    let record: Option<ServedAppRecord> = table.glance(&app_item(key)).await?;
    Ok(record.map(ServedApp::from))
}

/// What a device learns of a package that is or was released.
pub async fn glance_manifest(
    table: &Table,
    key: AppKey,
    package: PackageId,
) -> Result<Option<SignedManifest>, StoreError> {
    table.glance(&manifest_item(key, package)).await
}
