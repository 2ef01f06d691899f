//! The records of applications, with their sealed signing keys.

use jiff::Timestamp;
use rookery_domain::app::{Ancestors, App, AppKey, Platform, SigningKey};
use rookery_domain::id::AppId;
use rookery_domain::quota::Quota;
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::seal::Sealed;
use crate::transaction::unique;
use crate::{
    Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, node, quota,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct AppRecord {
    id: AppId,
    ancestors: Ancestors,
    name: Name,
    platforms: Vec<Platform>,
    app_key: AppKey,
    signing_keys: Vec<StoredSigningKey>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A signing key as it is stored: its public half, and its private half sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredSigningKey {
    /// What everybody may know of it.
    pub public: SigningKey,
    /// The private key in PKCS#8, sealed.
    pub private: Sealed,
}

impl Record for AppRecord {
    const KIND: &'static str = "app";
}

/// An application as it was found, with the sealed halves of its keys.
#[derive(Debug, Clone)]
pub struct Found {
    /// The application.
    pub app: App,
    /// Its signing keys, newest first.
    pub signing_keys: Vec<StoredSigningKey>,
}

impl AppRecord {
    fn new(app: &App, signing_keys: &[StoredSigningKey]) -> Self {
        let app = app.clone();
        Self {
            id: app.id,
            ancestors: app.ancestors,
            name: app.name,
            platforms: app.platforms,
            app_key: app.app_key,
            signing_keys: signing_keys.to_vec(),
            version: app.version,
            created_at: app.created_at,
            updated_at: app.updated_at,
        }
    }

    fn into_found(self) -> Found {
        let app = App {
            id: self.id,
            ancestors: self.ancestors,
            name: self.name,
            platforms: self.platforms,
            app_key: self.app_key,
            signing_keys: self.signing_keys.iter().map(|key| key.public.clone()).collect(),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        Found { app, signing_keys: self.signing_keys }
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["app"])
}

fn guard(scope: &TenantScope, app: &App) -> Key {
    unique(scope, "app", &app.ancestors.project.to_string(), &app.name.normalized())
}

/// The key of an application, for writes that must find it still there.
pub fn key(scope: &TenantScope, id: AppId) -> Key {
    collection(scope).item(id)
}

/// Adds a new application to a transaction, claims its name within its project, and places it there.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    app: &App,
    signing_keys: &[StoredSigningKey],
) -> Result<(), StoreError> {
    transaction.claim(&guard(scope, app), "name");
    node::create(transaction, scope, app.id, &app.ancestors.project_place())?;
    quota::take(transaction, scope, &app.ancestors.project_place(), Quota::Apps, 1);
    transaction.create(
        &collection(scope).item(app.id),
        &AppRecord::new(app, signing_keys),
        Refusal::Taken("id"),
    )
}

/// Adds a changed application to a transaction, and moves its claim when the name changed.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &App,
) -> Result<(), StoreError> {
    if guard(scope, &before.app) != guard(scope, after) {
        transaction.claim(&guard(scope, after), "name");
        transaction.remove(&guard(scope, &before.app));
    }
    transaction.replace(
        &collection(scope).item(after.id),
        &AppRecord::new(after, &before.signing_keys),
        before.app.version,
    )
}

/// Adds the deletion of an application to a transaction. It is refused while packages or secrets are below it. Releases are not
/// counted: each needs a package.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, app: &App) {
    node::delete(transaction, scope, app.id, app.ancestors.project.into(), "packages or secrets");
    quota::give_back(transaction, scope, &app.ancestors.project_place(), Quota::Apps, 1);
    transaction.remove(&guard(scope, app));
    transaction.delete(&collection(scope).item(app.id), app.version);
}

/// Reads an application of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: AppId) -> Result<Option<Found>, StoreError> {
    let record: Option<AppRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(AppRecord::into_found))
}

/// Lists the tenant's applications.
pub async fn list(table: &Table, scope: &TenantScope, slice: Slice) -> Result<Listed<App>, StoreError> {
    let listed = table.list::<AppRecord>(&collection(scope), slice).await?;
    Ok(Listed {
        items: listed.items.into_iter().map(|record| record.into_found().app).collect(),
        next: listed.next,
    })
}
