//! Applications: what packages and releases belong to.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::id::{self, AppId, OrganizationId, ProjectId, TenantId, WorkspaceId};
use crate::node::Lineage;
use crate::text::{Name, ParseError};

/// How many platforms an application may name.
pub const PLATFORMS: std::ops::RangeInclusive<usize> = 1..=16;

/// A platform that an application runs on: 1 to 32 of `a-z`, `0-9` and `-`, beginning with a letter, such as `ios`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(String);

impl Platform {
    /// The platform's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Platform {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins_well && text.len() <= 32 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("is not a platform: 1 to 32 of a-z, 0-9 and -, beginning with a letter"))
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(Platform, format = "^[a-z][a-z0-9-]{0,31}$");

/// The public name of an application towards devices, `ak_` and 26 characters of base32. It is compiled into the
/// application and no secret; being random it cannot be guessed from the application's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppKey(uuid::Uuid);

impl AppKey {
    /// Makes a key of 128 random bits.
    pub const fn from_random(bits: u128) -> Self {
        Self(uuid::Uuid::from_u128(bits))
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ak_{}", id::encode(self.0))
    }
}

impl FromStr for AppKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.strip_prefix("ak_").and_then(id::decode).map(Self).ok_or(ParseError::new("is not an app key"))
    }
}

crate::text::text_type!(AppKey, format = "^ak_[0-7][0-9a-hjkmnp-tv-z]{25}$");

/// The public half of a key that signs an application's packages.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct SigningKey {
    /// Names the key in signatures: the first 16 hex digits of the SHA-256 of the public key.
    pub id: String,
    /// Always `ed25519` (RFC 8032).
    pub algorithm: String,
    /// The 32 bytes of the public key in base64.
    pub public_key: String,
    /// The same key as a PEM block (RFC 8410), as `openssl` reads it.
    pub public_key_pem: String,
    /// When the key was made.
    pub created_at: Timestamp,
}

/// Where in the tree an application stands: everything above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ancestors {
    /// The tenant.
    pub tenant: TenantId,
    /// The organization.
    pub organization: OrganizationId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The project.
    pub project: ProjectId,
}

impl Ancestors {
    /// The project as a place in the tree. Projects above it are left out; they may move.
    pub fn project_place(&self) -> Lineage {
        let above = vec![self.workspace.into(), self.organization.into(), self.tenant.into()];
        Lineage { node: self.project.into(), above, stopped: None }
    }
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// What is above it.
    pub ancestors: Ancestors,
    /// Its name, unique within its project.
    pub name: Name,
    /// Where it runs; at least one, no two alike.
    pub platforms: Vec<Platform>,
    /// Its name towards devices.
    pub app_key: AppKey,
    /// The keys that its packages are signed with, newest first.
    pub signing_keys: Vec<SigningKey>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl App {
    /// The application with another name or other platforms; `None` keeps.
    #[must_use]
    pub fn changed(&self, name: Option<Name>, platforms: Option<Vec<Platform>>, at: Timestamp) -> Self {
        let mut app = self.clone();
        app.name = name.unwrap_or(app.name);
        app.platforms = platforms.unwrap_or(app.platforms);
        app.version += 1;
        app.updated_at = at;
        app
    }
}

/// Checks a list of platforms as a whole.
pub fn platforms(list: Vec<Platform>) -> Result<Vec<Platform>, ParseError> {
    if !PLATFORMS.contains(&list.len()) {
        return Err(ParseError::new("does not have 1 to 16 platforms"));
    }
    let mut sorted: Vec<&Platform> = list.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ParseError::new("names a platform twice"));
    }
    Ok(list)
}
