//! API keys: `rk_<id>_<secret>`. Only the SHA-256 of the secret is kept.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;

use crate::binding::Range;
use crate::fault::Faults;
use crate::hash::Sha256;
use crate::id::{Id as _, KeyId, TenantId, UserId};
use crate::node::NodeId;
use crate::permission::Permission;
use crate::text::{Name, ParseError};
use crate::token;

/// Most address ranges of a key.
pub const MOST_RANGES: usize = 20;
/// How long the secret before a rotation may go on working, in seconds: seven days.
pub const LONGEST_OVERLAP_S: u32 = 7 * 24 * 60 * 60;

/// What a key may do at the most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scopes {
    /// Everything that its owner may, what is added to the platform later included.
    All,
    /// These permissions.
    Some(BTreeSet<Permission>),
}

impl Scopes {
    /// Whether the scopes hold a permission.
    pub fn allow(&self, permission: Permission) -> bool {
        match self {
            Self::All => true,
            Self::Some(permissions) => permissions.contains(&permission),
        }
    }

    /// Whether the scopes hold everything that others hold, so that a key never makes a stronger one.
    pub fn cover(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Some(_), Self::All) => false,
            (Self::Some(own), Self::Some(others)) => others.is_subset(own),
        }
    }

    /// What both hold.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        match (self, others) {
            (Self::All, scopes) | (scopes, Self::All) => scopes.clone(),
            (Self::Some(own), Self::Some(others)) => Self::Some(own & others),
        }
    }

    /// The scopes as they stand on the wire: permissions, or `*` alone.
    pub fn to_strings(&self) -> Vec<String> {
        match self {
            Self::All => vec!["*".to_owned()],
            Self::Some(permissions) => permissions.iter().map(ToString::to_string).collect(),
        }
    }

    /// Reads what [`Scopes::to_strings`] wrote. An error gives the positions of all entries that are none.
    pub fn from_strings<S: AsRef<str>>(texts: &[S]) -> Result<Self, Vec<(usize, ParseError)>> {
        if let [only] = texts
            && only.as_ref() == "*"
        {
            return Ok(Self::All);
        }
        let (mut permissions, mut faults) = (BTreeSet::new(), Vec::new());
        for (at, text) in texts.iter().enumerate() {
            match text.as_ref().parse() {
                Ok(permission) => {
                    permissions.insert(permission);
                }
                Err(fault) => faults.push((at, fault)),
            }
        }
        if faults.is_empty() { Ok(Self::Some(permissions)) } else { Err(faults) }
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_strings().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Self::from_strings(&texts).map_err(|_| serde::de::Error::custom("an entry is not a permission"))
    }
}

/// Whose key it is, and so whose rights it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyOwner {
    /// A person: a personal key, which can do what its owner can.
    User(UserId),
    /// A place in the tree: a service key, which can do what was given to the key itself, there and below.
    Node(NodeId),
}

impl KeyOwner {
    /// The owner as a place: what the key is managed below.
    pub const fn node(self) -> NodeId {
        match self {
            Self::User(id) => NodeId::User(id),
            Self::Node(node) => node,
        }
    }
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node().fmt(f)
    }
}

impl FromStr for KeyOwner {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse::<NodeId>()? {
            NodeId::User(id) => Ok(Self::User(id)),
            node if node.bears_bindings() => Ok(Self::Node(node)),
            _ => Err(ParseError::new("is neither a person nor a place that keys work for")),
        }
    }
}

crate::text::text_type!(KeyOwner, format = r"^[a-z]{2,3}_[0-7][0-9a-hjkmnp-tv-z]{25}$");

/// What the text of every key begins with.
const PREFIX: &str = "rk";

/// The whole key as its holder has it. Shown once; never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Which key it is.
    pub id: KeyId,
    secret: [u8; 32],
}

impl Token {
    /// Makes a token of 256 random bits.
    pub const fn new(id: KeyId, random: [u8; 32]) -> Self {
        Self { id, secret: random }
    }

    /// What is stored of the secret. The secret has 256 bits of entropy, so a plain hash cannot be searched.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that its holder presents.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.id.uuid(), &self.secret)
    }
}

impl FromStr for Token {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not an API key"))?;
        Ok(Self { id: KeyId::from_uuid(id), secret })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.id)
    }
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, the middle part of the token.
    pub id: KeyId,
    /// The tenant it acts in.
    pub tenant: TenantId,
    /// Whose key it is.
    pub owner: KeyOwner,
    /// What people call it.
    pub name: Name,
    /// What it may do at the most.
    pub scopes: Scopes,
    /// From where it may be used; from anywhere if empty.
    pub addresses: Vec<Range>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works.
    pub previous_until: Option<Timestamp>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What decides about a key that is presented: the part that authentication reads.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Credential {
    /// The tenant that the key acts in.
    pub tenant: TenantId,
    /// Whose key it is.
    pub owner: KeyOwner,
    /// The digest that the presented secret must have.
    pub digest: Sha256,
    /// The secret before the last rotation, while both work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// What the key may do at the most.
    pub scopes: Scopes,
    /// From where it may be used; from anywhere if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Range>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// The secret that a key had before its last rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Previous {
    /// Its digest.
    pub digest: Sha256,
    /// Until when it works; not included.
    pub until: Timestamp,
}

impl Credential {
    /// Whether the key is good at an instant.
    pub fn valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// What the key allows at the most.
    pub fn limits(&self) -> Limits {
        Limits { scopes: self.scopes.clone(), addresses: self.addresses.clone(), expires_at: self.expires_at }
    }

    /// Whether the key may be used from an address. One that is not known is within no range.
    pub fn good_from(&self, address: Option<IpAddr>) -> bool {
        self.addresses.is_empty()
            || address.is_some_and(|address| self.addresses.iter().any(|range| range.contains(address)))
    }
}

/// What a key allows at the most: everything about it that must not be widened by whoever holds only the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// What it may do.
    pub scopes: Scopes,
    /// From where; from anywhere if empty.
    pub addresses: Vec<Range>,
    /// Until when; for ever if `None`.
    pub expires_at: Option<Timestamp>,
}

impl Limits {
    /// No limits at all: those of whoever acts without a key.
    pub const NONE: Self = Self { scopes: Scopes::All, addresses: Vec::new(), expires_at: None };

    /// In what others go beyond these, with the field of each fault. A key neither makes, changes nor renews a key that can do
    /// something that it cannot do itself.
    pub fn faults(&self, others: &Self) -> Faults {
        let mut faults = Faults::default();
        if !self.scopes.cover(&others.scopes) {
            faults.push("/scopes", "go beyond the scopes of the key that asks for it");
        }
        let within = |range: &Range| self.addresses.iter().any(|own| own.covers(*range));
        if !self.addresses.is_empty() && (others.addresses.is_empty() || !others.addresses.iter().all(within))
        {
            faults.push("/addresses", "go beyond the addresses of the key that asks for it");
        }
        if self.expires_at.is_some_and(|end| others.expires_at.is_none_or(|expiry| expiry > end)) {
            faults.push("/expires_at", "is not within the life of the key that asks for it");
        }
        faults
    }
}

impl ApiKey {
    /// The credential that belongs to the key.
    pub fn credential(&self, digest: Sha256, previous: Option<Sha256>) -> Credential {
        let previous = previous.zip(self.previous_until);
        Credential {
            tenant: self.tenant,
            owner: self.owner,
            digest,
            previous: previous.map(|(digest, until)| Previous { digest, until }),
            scopes: self.scopes.clone(),
            addresses: self.addresses.clone(),
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }

    /// What it allows at the most.
    pub fn limits(&self) -> Limits {
        Limits { scopes: self.scopes.clone(), addresses: self.addresses.clone(), expires_at: self.expires_at }
    }

    /// The key with another name and other limits.
    #[must_use]
    pub fn changed(&self, name: Name, limits: Limits, at: Timestamp) -> Self {
        let Limits { scopes, addresses, expires_at } = limits;
        Self {
            name,
            scopes,
            addresses,
            expires_at,
            version: self.version + 1,
            updated_at: at,
            ..self.clone()
        }
    }

    /// The key after a rotation: the secret that it had works until `until`, beside the new one.
    #[must_use]
    pub fn rotated(&self, until: Timestamp, at: Timestamp) -> Self {
        Self { previous_until: Some(until), version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The key after its revocation. Revoking twice keeps the first date.
    #[must_use]
    pub fn revoked(&self, at: Timestamp) -> Self {
        let mut key = self.clone();
        key.revoked_at = key.revoked_at.or(Some(at));
        key.version += 1;
        key.updated_at = at;
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_never_covers_more_than_itself() {
        let some = |permissions: &[Permission]| Scopes::Some(permissions.iter().copied().collect());
        let (read, more) =
            (some(&[Permission::AppRead]), some(&[Permission::AppRead, Permission::AppCreate]));
        assert!(Scopes::All.cover(&Scopes::All) && Scopes::All.cover(&more) && more.cover(&read));
        assert!(!read.cover(&more) && !more.cover(&Scopes::All));
        assert!(read.allow(Permission::AppRead) && !read.allow(Permission::AppCreate));
    }

    #[test]
    fn a_key_hands_on_no_more_than_its_limits() {
        let limits = |scopes: &[&str], addresses: &[&str], end: Option<&str>| Limits {
            scopes: Scopes::from_strings(scopes).unwrap(),
            addresses: addresses.iter().map(|range| range.parse().unwrap()).collect(),
            expires_at: end.map(|end| end.parse().unwrap()),
        };
        let (soon, later) = (Some("2026-11-21T09:00:00Z"), Some("2026-11-22T09:00:00Z"));
        let own = limits(&["app.read"], &["10.0.0.0/8", "2001:db8::/32"], soon);
        let fields =
            |others: &Limits| own.faults(others).0.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>();
        assert_eq!(fields(&own), Vec::<String>::new());
        assert_eq!(fields(&limits(&["app.read"], &["10.1.0.0/16"], soon)), Vec::<String>::new());
        assert_eq!(fields(&limits(&["*"], &[], later)), ["/scopes", "/addresses", "/expires_at"]);
        assert_eq!(fields(&limits(&["app.read"], &["10.1.0.0/16", "11.0.0.1"], soon)), ["/addresses"]);
        assert_eq!(fields(&limits(&["app.read"], &["0.0.0.0/0"], None)), ["/addresses", "/expires_at"]);
        assert_eq!(Limits::NONE.faults(&own).0, []);
    }

    #[test]
    fn a_star_stands_alone() {
        assert_eq!(Scopes::from_strings(&["*"]), Ok(Scopes::All));
        assert_eq!(Scopes::from_strings(&["app.read", "*"]).unwrap_err()[0].0, 1);
        assert_eq!(Scopes::from_strings(&["app.*", "app.read", "x"]).unwrap_err().len(), 2);
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let token = Token::new(KeyId::from_uuid(uuid::Uuid::nil()), [7; 32]);
        assert_eq!(format!("{token:?}"), "Token(key_00000000000000000000000000, …)");
    }

    proptest! {
        #[test]
        fn tokens_are_read_as_they_are_written(id: u128, secret: [u8; 32]) {
            let token = Token::new(KeyId::from_uuid(uuid::Uuid::from_u128(id)), secret);
            prop_assert_eq!(token.reveal().parse::<Token>().unwrap(), token);
        }

        #[test]
        fn parsing_never_panics(text in "(rk_)?\\PC{0,100}") {
            let _ = text.parse::<Token>();
        }
    }
}
