//! The answer to a device, written once per release.

use bytes::Bytes;
use rookery_domain::app::AppKey;
use rookery_domain::channel::Offer;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{PackageId, ReleaseId};
use rookery_domain::package::{FilePath, FileSize, Manifest, PackageVersion, Split};
use rookery_domain::properties::Config;
use rookery_edge::Problem;
use rookery_store::serving::SignedManifest;
use serde::Serialize;
use utoipa::ToSchema;

/// What a device should run, with everything that it takes to fetch and verify it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Update<'a> {
    /// The release, which reports of the device name.
    release_id: ReleaseId,
    package: UpdatePackage<'a>,
    /// Whether to install it at once.
    mandatory: bool,
    /// What the release tells the app.
    config: &'a Config,
    signature: UpdateSignature<'a>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UpdatePackage<'a> {
    id: PackageId,
    version: &'a PackageVersion,
    /// The file to start with.
    index: &'a FilePath,
    files: Vec<UpdateFile<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UpdateFile<'a> {
    path: &'a FilePath,
    /// Leads to the file's bytes, by a redirect.
    url: String,
    size: FileSize,
    sha256: Sha256,
    split: Split,
}

/// The signature of the package's manifest.
#[derive(Debug, Serialize, ToSchema)]
struct UpdateSignature<'a> {
    /// `ed25519`.
    algorithm: &'a str,
    /// Which of the app's public keys verifies it.
    key_id: &'a str,
    /// The signature of the manifest's bytes, in base64.
    value: &'a str,
    /// The SHA-256 of the manifest's bytes.
    manifest_sha256: Sha256,
    /// Where the manifest's bytes are.
    manifest_url: String,
}

/// Writes an answer. What it lists is read from the signed bytes themselves, whose digest must be the one that was released.
pub(crate) fn render(
    base: &str,
    app_key: AppKey,
    offer: &Offer,
    mandatory: bool,
    signed: &SignedManifest,
) -> Result<Bytes, Problem> {
    let manifest = Manifest::parse(signed.manifest.as_bytes()).map_err(Problem::internal)?;
    if manifest.sha256() != offer.package.manifest_sha256 {
        return Err(Problem::internal(format!("the manifest of {} is another one", offer.package.id)));
    }
    let root = format!("{base}/v1/device/{app_key}/packages/{}", offer.package.id);
    let files = manifest.files().iter().map(|file| UpdateFile {
        path: &file.path,
        url: format!("{root}/files/{}", file.sha256),
        size: file.size,
        sha256: file.sha256,
        split: file.split,
    });
    let update = Update {
        release_id: offer.release_id,
        package: UpdatePackage {
            id: offer.package.id,
            version: manifest.version(),
            index: manifest.index(),
            files: files.collect(),
        },
        mandatory,
        config: &offer.config,
        signature: UpdateSignature {
            algorithm: &signed.algorithm,
            key_id: &signed.key_id,
            value: &signed.signature,
            manifest_sha256: manifest.sha256(),
            manifest_url: format!("{root}/manifest"),
        },
    };
    Ok(serde_json::to_vec(&update).map_err(Problem::internal)?.into())
}
