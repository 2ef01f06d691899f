//! Representations of applications, packages and secrets.

use jiff::Timestamp;
use rookery_domain::app::{self, AppKey, Platform, SigningKey};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{AppId, OrganizationId, PackageId, ProjectId, SecretId, WorkspaceId};
use rookery_domain::package::{self, FilePath, ManifestFile, PackageVersion, Signature};
use rookery_domain::properties::Metadata;
use rookery_domain::secret::{self, SecretName};
use rookery_domain::text::Name;
use serde::Serialize;
use utoipa::ToSchema;

/// An application.
#[derive(Debug, Serialize, ToSchema)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// Its name, unique within its project.
    pub name: Name,
    /// Where it runs.
    pub platforms: Vec<Platform>,
    /// Its public name towards devices.
    pub app_key: AppKey,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// The workspace of the project.
    pub workspace_id: WorkspaceId,
    /// The organization of the workspace.
    pub organization_id: OrganizationId,
    /// The public keys that its packages are verified with, newest first.
    pub signing_keys: Vec<SigningKey>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<app::App> for App {
    fn from(app: app::App) -> Self {
        Self {
            id: app.id,
            name: app.name,
            platforms: app.platforms,
            app_key: app.app_key,
            project_id: app.ancestors.project,
            workspace_id: app.ancestors.workspace,
            organization_id: app.ancestors.organization,
            signing_keys: app.signing_keys,
            version: app.version,
            created_at: app.created_at,
            updated_at: app.updated_at,
        }
    }
}

/// A package. It never changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Package {
    /// Its id.
    pub id: PackageId,
    /// The application it belongs to.
    pub app_id: AppId,
    /// Its version as its maker wrote it, unique within the application.
    pub version: PackageVersion,
    /// The file to start with.
    pub index: FilePath,
    /// The SHA-256 of its canonical manifest: its identity.
    pub sha256: Sha256,
    /// The bytes of all files together.
    pub total_size: u64,
    /// How many files it has.
    pub file_count: u64,
    /// The signature of the canonical manifest by a key of the application.
    pub signature: Signature,
    /// What it says of itself.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// The id of whoever made it.
    pub created_by: String,
}

impl From<package::Package> for Package {
    fn from(package: package::Package) -> Self {
        Self {
            id: package.id,
            app_id: package.app,
            version: package.version,
            index: package.index,
            sha256: package.sha256,
            total_size: package.total_size,
            file_count: package.file_count,
            signature: package.signature,
            metadata: package.metadata,
            created_at: package.created_at,
            created_by: package.created_by.id,
        }
    }
}

/// A package with its files.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackageWithFiles {
    /// The package.
    #[serde(flatten)]
    pub package: Package,
    /// Its files, sorted by path.
    pub files: Vec<ManifestFile>,
}

/// A secret. Its value is never part of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// The application it belongs to.
    pub app_id: AppId,
    /// Its name, unique within the application.
    pub name: SecretName,
    /// The number of its current value, from 1.
    pub current: u64,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last got a new value; equal to `created_at` until then.
    pub rotated_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<secret::Secret> for Secret {
    fn from(secret: secret::Secret) -> Self {
        Self {
            id: secret.id,
            app_id: secret.app,
            name: secret.name,
            current: secret.current,
            version: secret.version,
            created_at: secret.created_at,
            rotated_at: secret.rotated_at,
            updated_at: secret.updated_at,
        }
    }
}

/// One of the values that a secret had, without the value.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretVersion {
    /// The secret.
    pub secret_id: SecretId,
    /// Its number, from 1.
    pub number: u64,
    /// Whether it is the current one.
    pub current: bool,
    /// When it was set.
    pub created_at: Timestamp,
}

impl SecretVersion {
    /// A version, as seen from a secret with this current number.
    pub(crate) fn of(version: &secret::SecretVersion, current: u64) -> Self {
        Self {
            secret_id: version.secret,
            number: version.number,
            current: version.number == current,
            created_at: version.created_at,
        }
    }
}
