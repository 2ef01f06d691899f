//! A package as the platform keeps it, beside its manifest: what identifies it, who signed it, and what lists show.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FilePath, Manifest, PackageVersion};
use crate::app::{Ancestors, App};
use crate::event::Actor;
use crate::hash::Sha256;
use crate::id::{AppId, PackageId};
use crate::properties::Metadata;

/// A signature over the canonical bytes of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Signature {
    /// Always `ed25519` (RFC 8032).
    pub algorithm: String,
    /// Which of the application's keys made it.
    pub key_id: String,
    /// Its 64 bytes in base64.
    pub value: String,
}

/// A package. It never changes, so it has no version of its own to count.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Its id.
    pub id: PackageId,
    /// What is above its application.
    pub ancestors: Ancestors,
    /// The application.
    pub app: AppId,
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
    /// The signature of its manifest.
    pub signature: Signature,
    /// What it says of itself.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
}

impl Package {
    /// The package that a signed manifest describes.
    pub fn new(
        id: PackageId,
        app: &App,
        manifest: &Manifest,
        signature: Signature,
        at: Timestamp,
        by: Actor,
    ) -> Self {
        Self {
            id,
            ancestors: app.ancestors,
            app: app.id,
            version: manifest.version().clone(),
            index: manifest.index().clone(),
            sha256: manifest.sha256(),
            total_size: manifest.total_size(),
            file_count: manifest.files().len() as u64,
            signature,
            metadata: manifest.metadata().clone(),
            created_at: at,
            created_by: by,
        }
    }
}
