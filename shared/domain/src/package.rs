//! Packages: immutable sets of files with a manifest that says exactly which.

mod manifest;
mod path;
mod signed;
mod upload;

use std::fmt;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValueKind, ValuePointerRef};
use serde::{Deserialize, Serialize};

pub use manifest::{FORMAT, MANIFEST_BYTES, Manifest, ManifestError, ManifestFile, check};
pub use path::FilePath;
pub use signed::{Package, Signature};
pub use upload::{Upload, check_uploads};

use crate::text::{ParseError, text_type};

/// Most files of a package.
pub const FILES_PER_PACKAGE: usize = 2000;

/// Most files of one call that asks for upload URLs.
pub const FILES_PER_UPLOAD: usize = 500;

/// Largest file in bytes: 5 GiB, what S3 takes in a single PUT.
pub const FILE_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The size of a file in bytes: 1 to 5 GiB. An empty file is refused: it is more often a failed build than meant, and a
/// checksum of nothing proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct FileSize(u64);

impl FileSize {
    /// Accepts 1 to [`FILE_BYTES`].
    pub fn new(bytes: u64) -> Result<Self, ParseError> {
        match bytes {
            0 => Err(ParseError::new("is zero; empty files are not accepted")),
            1..=FILE_BYTES => Ok(Self(bytes)),
            _ => Err(ParseError::new("is larger than 5368709120 bytes, the most that one upload takes")),
        }
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for FileSize {
    type Error = ParseError;

    fn try_from(bytes: u64) -> Result<Self, ParseError> {
        Self::new(bytes)
    }
}

impl From<FileSize> for u64 {
    fn from(size: FileSize) -> Self {
        size.0
    }
}

impl<E: DeserializeError> Deserr<E> for FileSize {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let refused = |kind: ErrorKind<'_, V>| Err(deserr::take_cf_content(E::error(None, kind, location)));
        match value {
            Value::Integer(bytes) => {
                Self::new(bytes).or_else(|fault| refused(ErrorKind::Unexpected { msg: fault.to_string() }))
            }
            actual => refused(ErrorKind::IncorrectValueKind { actual, accepted: &[ValueKind::Integer] }),
        }
    }
}

impl utoipa::PartialSchema for FileSize {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(1))
            .maximum(Some(FILE_BYTES))
            .description(Some("Bytes."))
            .into()
    }
}

impl utoipa::ToSchema for FileSize {}

/// The version of a package as its maker writes it: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `+` and `-`. It is compared
/// for equality only; which release is newer is decided by when it was released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageVersion(String);

impl PackageVersion {
    /// The version's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackageVersion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !(1..=64).contains(&text.len()) {
            return Err(ParseError::new("is not 1 to 64 characters long"));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)) {
            return Err(ParseError::new("contains something other than A-Z, a-z, 0-9, ., _, + and -"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PackageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(PackageVersion, format = "^[A-Za-z0-9._+-]{1,64}$");

/// When a device needs a file.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Deserr, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[deserr(rename_all = lowercase)]
pub enum Split {
    /// Before the app starts with the package: all of these or none.
    #[default]
    Important,
    /// After the start, when it gets round to it.
    Lazy,
}

/// A media type as HTTP carries it (RFC 9110, section 8.3.1): type and subtype, optionally parameters; at most 127 ASCII
/// characters. Stored in lower case up to the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentType(String);

impl ContentType {
    /// The type's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a file is served as when its uploader did not say: by the extension of its path, and otherwise
    /// `application/octet-stream`, which no browser tries to run.
    pub fn of_path(path: &FilePath) -> Self {
        Self::known(path).unwrap_or_else(|| Self("application/octet-stream".to_owned()))
    }

    /// The type that the extension of a path tells, if it tells one.
    pub fn known(path: &FilePath) -> Option<Self> {
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
        let (_, content_type) = TYPES.iter().find(|(listed, _)| *listed == extension)?;
        Some(Self((*content_type).to_owned()))
    }
}

/// The IANA media types of what app bundles are made of.
const TYPES: [(&str, &str); 30] = [
    ("aac", "audio/aac"),
    ("avif", "image/avif"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

impl FromStr for ContentType {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_A_TYPE: ParseError =
            ParseError::new("is not a media type such as text/html; charset=utf-8");
        // RFC 9110, section 5.6.2.
        let is_token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        let (essence, parameters) =
            text.split_once(';').map_or((text, None), |(essence, rest)| (essence, Some(rest)));
        let (kind, subtype) = essence.trim_end().split_once('/').ok_or(NOT_A_TYPE)?;
        if text.len() > 127 || !is_token(kind) || !is_token(subtype) {
            return Err(NOT_A_TYPE);
        }
        let essence = essence.trim_end().to_ascii_lowercase();
        let Some(parameters) = parameters else { return Ok(Self(essence)) };
        if parameters.trim().is_empty() || parameters.bytes().any(|b| !(b.is_ascii_graphic() || b == b' ')) {
            return Err(NOT_A_TYPE);
        }
        Ok(Self(format!("{essence}; {}", parameters.trim())))
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(ContentType, format = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+ *(;[ -~]+)?$");

#[cfg(test)]
mod tests;
