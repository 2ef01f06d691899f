//! The records of packages. The manifest lies in an item of its own, so that lists do not read it.

use jiff::Timestamp;
use rookery_domain::app::Ancestors;
use rookery_domain::event::Actor;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{AppId, PackageId};
use rookery_domain::package::{FilePath, Manifest, Package, PackageVersion, Signature};
use serde::{Deserialize, Serialize};

use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};
use crate::{node, record::Marker};

#[derive(Debug, Serialize, Deserialize)]
struct PackageRecord {
    id: PackageId,
    ancestors: Ancestors,
    app: AppId,
    version: PackageVersion,
    index: FilePath,
    sha256: Sha256,
    total_size: u64,
    file_count: u64,
    signature: Signature,
    /// JSON as text: the table's numbers are not those of JSON.
    metadata: String,
    created_at: Timestamp,
    created_by: Actor,
}

impl Record for PackageRecord {
    const KIND: &'static str = "package";
}

/// The bytes that were signed, as they were signed.
#[derive(Debug, Serialize, Deserialize)]
struct ManifestRecord {
    manifest: String,
}

impl Record for ManifestRecord {
    const KIND: &'static str = "manifest";
}

impl PackageRecord {
    fn new(package: &Package) -> Result<Self, StoreError> {
        let metadata = serde_json::to_string(&package.metadata)
            .map_err(|source| StoreError::corrupt("package", source))?;
        let package = package.clone();
        Ok(Self {
            id: package.id,
            ancestors: package.ancestors,
            app: package.app,
            version: package.version,
            index: package.index,
            sha256: package.sha256,
            total_size: package.total_size,
            file_count: package.file_count,
            signature: package.signature,
            metadata,
            created_at: package.created_at,
            created_by: package.created_by,
        })
    }

    fn into_package(self) -> Result<Package, StoreError> {
        let metadata =
            serde_json::from_str(&self.metadata).map_err(|source| StoreError::corrupt("package", source))?;
        Ok(Package {
            id: self.id,
            ancestors: self.ancestors,
            app: self.app,
            version: self.version,
            index: self.index,
            sha256: self.sha256,
            total_size: self.total_size,
            file_count: self.file_count,
            signature: self.signature,
            metadata,
            created_at: self.created_at,
            created_by: self.created_by,
        })
    }
}

fn collection(scope: &TenantScope, app: AppId) -> Partition {
    scope.partition(&[&app.to_string(), "package"])
}

fn manifest_key(scope: &TenantScope, app: AppId, id: PackageId) -> Key {
    scope.partition(&[&app.to_string(), "manifest"]).item(id)
}

fn guard(scope: &TenantScope, app: AppId, version: &PackageVersion) -> Key {
    unique(scope, "package", &app.to_string(), version.as_str())
}

/// Adds a new package with its manifest to a transaction, and claims its version within its application, which must still
/// exist and cannot be deleted from then on.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    package: &Package,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let text = std::str::from_utf8(manifest.bytes())
        .map_err(|source| StoreError::corrupt("manifest", source))?
        .to_owned();
    node::count(transaction, scope, package.app.into(), 1);
    transaction.claim(&guard(scope, package.app, &package.version), "version");
    transaction.create(
        &collection(scope, package.app).item(package.id),
        &PackageRecord::new(package)?,
        Refusal::Taken("id"),
    )?;
    transaction.create(
        &manifest_key(scope, package.app, package.id),
        &ManifestRecord { manifest: text },
        Refusal::Taken("id"),
    )
}

/// Whether the application has a package of this version.
pub async fn version_taken(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    version: &PackageVersion,
) -> Result<bool, StoreError> {
    Ok(table.get::<Marker>(&guard(scope, app, version)).await?.is_some())
}

/// Reads a package of an application.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    id: PackageId,
) -> Result<Option<Package>, StoreError> {
    let record: Option<PackageRecord> = table.get(&collection(scope, app).item(id)).await?;
    record.map(PackageRecord::into_package).transpose()
}

/// Reads the manifest of a package: the bytes that were signed.
pub async fn manifest(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    id: PackageId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let record: Option<ManifestRecord> = table.get(&manifest_key(scope, app, id)).await?;
    Ok(record.map(|record| record.manifest.into_bytes()))
}

/// Lists the packages of an application.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    slice: Slice,
) -> Result<Listed<Package>, StoreError> {
    let listed = table.list::<PackageRecord>(&collection(scope, app), slice).await?;
    let items = listed.items.into_iter().map(PackageRecord::into_package).collect::<Result<_, _>>()?;
    Ok(Listed { items, next: listed.next })
}
