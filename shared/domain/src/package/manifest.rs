//! The manifest: what a package is, in bytes that have one spelling.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{FILES_PER_PACKAGE, FilePath, FileSize, PackageVersion, Split};
use crate::fault::Faults;
use crate::hash::Sha256;
use crate::id::AppId;
use crate::properties::Metadata;

/// The value of a manifest's `format`. It also keeps a signature of a manifest from passing as one of something else.
pub const FORMAT: &str = "rookery-manifest-1";

/// Largest manifest in bytes. It is stored in one item of the table, which holds 400 KB.
pub const MANIFEST_BYTES: usize = 350_000;

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Where it lies.
    pub path: FilePath,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// How many bytes it has.
    pub size: FileSize,
    /// When a device needs it.
    pub split: Split,
}

/// Checks the files of a package, each a path and when it is needed, against each other, and names every fault by its place in `{"index", "files": […]}`:
/// there are 1 to [`FILES_PER_PACKAGE`]; no two paths are equal, not even to a file system that ignores case; no path is a
/// directory of another; the index is one of the files, and important.
pub fn check(index: &FilePath, files: &[(&FilePath, Split)]) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if files.is_empty() {
        faults.push("/files", "is empty; a package has at least its index");
    }
    if files.len() > FILES_PER_PACKAGE {
        // Going through an endless list to name each of its faults would help nobody.
        faults.push("/files", format!("has more than {FILES_PER_PACKAGE} files"));
        return Err(faults);
    }
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(files.len());
    for (at, (path, _)) in files.iter().enumerate() {
        if let Some(first) = seen.get(&path.folded()) {
            let same = files[*first].0 == *path;
            let how = if same { "is the same path as" } else { "differs only in case from" };
            faults.push(format!("/files/{at}/path"), format!("{how} /files/{first}/path"));
        } else {
            seen.insert(path.folded(), at);
        }
    }
    for (at, (path, _)) in files.iter().enumerate() {
        let folded = path.folded();
        let directories = folded.match_indices('/').map(|(end, _)| &folded[..end]);
        for other in directories.filter_map(|directory| seen.get(directory)) {
            faults.push(
                format!("/files/{at}/path"),
                format!("lies below /files/{other}/path, which is a file"),
            );
        }
    }
    match files.iter().find(|(path, _)| *path == index) {
        None => faults.push("/index", "is not one of the files"),
        Some((_, Split::Lazy)) => {
            faults.push("/index", "is a lazy file; the index is needed to start and has to be important");
        }
        Some(_) => {}
    }
    faults.into_result()
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// They are not JSON of a manifest's shape.
    #[error("the manifest cannot be read")]
    Shape(#[from] serde_json::Error),
    /// They are of a format that this version does not know.
    #[error("the manifest has the unknown format {0:?}")]
    Format(String),
    /// They break a rule of manifests.
    #[error("the manifest is not valid")]
    Rules(#[from] Faults),
    /// They say the same as a manifest would, but are spelt differently.
    #[error("the manifest is not in canonical form")]
    NotCanonical,
}

/// What a package is: whose, which version, which files. Its canonical form is RFC 8785 JSON, the SHA-256 of which is the
/// package's identity and which the app's key signs. Files are sorted by the bytes of their paths, so that it does not
/// matter in which order they were listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    app: AppId,
    version: PackageVersion,
    index: FilePath,
    files: Vec<ManifestFile>,
    metadata: Metadata,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    app_id: AppId,
    version: PackageVersion,
    index: FilePath,
    files: Vec<ManifestFile>,
    metadata: Metadata,
}

impl Manifest {
    /// Assembles a manifest, or names every fault.
    pub fn new(
        app: AppId,
        version: PackageVersion,
        index: FilePath,
        mut files: Vec<ManifestFile>,
        metadata: Metadata,
    ) -> Result<Self, Faults> {
        let listed: Vec<_> = files.iter().map(|file| (&file.path, file.split)).collect();
        check(&index, &listed)?;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let wire = Wire { format: FORMAT.to_owned(), app_id: app, version, index, files, metadata };
        let bytes = serde_json_canonicalizer::to_vec(&wire)
            .map_err(|error| Faults::one("", format!("has no canonical form: {error}")))?;
        if bytes.len() > MANIFEST_BYTES {
            let length = bytes.len();
            return Err(Faults::one(
                "/files",
                format!("make a manifest of {length} bytes; at most {MANIFEST_BYTES} are allowed"),
            ));
        }
        let Wire { version, index, files, metadata, .. } = wire;
        Ok(Self { app, version, index, files, metadata, bytes })
    }

    /// Reads canonical bytes. Accepts exactly what [`Manifest::bytes`] gives.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let wire: Wire = serde_json::from_slice(bytes)?;
        if wire.format != FORMAT {
            return Err(ManifestError::Format(wire.format));
        }
        let manifest = Self::new(wire.app_id, wire.version, wire.index, wire.files, wire.metadata)?;
        if manifest.bytes == bytes { Ok(manifest) } else { Err(ManifestError::NotCanonical) }
    }

    /// The canonical form: what is hashed, signed, stored and sent, never written again after signing.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The package's identity.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    /// Whose package it is.
    pub fn app(&self) -> AppId {
        self.app
    }

    /// The package's version.
    pub fn version(&self) -> &PackageVersion {
        &self.version
    }

    /// The file to start with.
    pub fn index(&self) -> &FilePath {
        &self.index
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// What the package says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The bytes of all files together, as a device unpacks them.
    pub fn total_size(&self) -> u64 {
        self.files.iter().map(|file| file.size.bytes()).sum()
    }

    /// The distinct contents: a file that lies at two paths is stored once.
    pub fn contents(&self) -> BTreeMap<Sha256, FileSize> {
        self.files.iter().map(|file| (file.sha256, file.size)).collect()
    }
}
