//! Secrets of an application. Values are sealed; the types here never hold one.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;

use crate::id::{AppId, SecretId};
use crate::text::ParseError;

/// Longest secret value, in bytes of UTF-8. Larger things are files.
pub const VALUE_LENGTH: usize = 65_536;

/// How many versions of a secret are kept; the oldest give way. Deleting a secret removes all of them in one transaction,
/// which takes 100 writes at the most.
pub const VERSIONS_KEPT: u64 = 50;

/// The name of a secret: 1 to 128 of letters, digits, `_`, `-` and `.`, beginning with a letter or `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if begins_well && text.len() <= 128 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(
                "is not a secret's name: 1 to 128 of letters, digits, _, - and ., beginning with a letter or _",
            ))
        }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(SecretName, format = r"^[A-Za-z_][A-Za-z0-9_.\-]{0,127}$");

/// What a secret keeps: 1 to [`VALUE_LENGTH`] bytes of text. It is never serialised and never shown, not even for debugging.
#[derive(Clone, PartialEq, Eq, deserr::Deserr, utoipa::ToSchema)]
#[deserr(try_from(String) = SecretValue::parse -> ParseError)]
#[schema(value_type = String, format = Password, min_length = 1, max_length = 65_536)]
pub struct SecretValue(String);

impl SecretValue {
    /// Accepts a value that is neither empty nor too long.
    pub fn parse(text: String) -> Result<Self, ParseError> {
        match text.len() {
            0 => Err(ParseError::new("is empty")),
            1..=VALUE_LENGTH => Ok(Self(text)),
            _ => Err(ParseError::new("is longer than 65536 bytes of UTF-8")),
        }
    }

    /// The value itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// The application it belongs to.
    pub app: AppId,
    /// Its name, unique within the application.
    pub name: SecretName,
    /// Number of the current value, from 1.
    pub current: u64,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last got a new value; equal to `created_at` until then.
    pub rotated_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Secret {
    /// A new secret with its first value.
    pub fn new(id: SecretId, app: AppId, name: SecretName, at: Timestamp) -> Self {
        Self { id, app, name, current: 1, version: 1, created_at: at, rotated_at: at, updated_at: at }
    }

    /// The secret after it got a new value.
    #[must_use]
    pub fn rotated(&self, at: Timestamp) -> Self {
        Self {
            current: self.current + 1,
            version: self.version + 1,
            rotated_at: at,
            updated_at: at,
            ..self.clone()
        }
    }

    /// The numbers of the values that are kept, oldest first.
    pub fn kept(&self) -> RangeInclusive<u64> {
        self.current.saturating_sub(VERSIONS_KEPT - 1).max(1)..=self.current
    }
}

/// One value of a secret, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// The secret.
    pub secret: SecretId,
    /// Its number, from 1.
    pub number: u64,
    /// When it was set.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn secret() -> Secret {
        let (id, app) = (SecretId::from_uuid(Uuid::nil()), AppId::from_uuid(Uuid::nil()));
        Secret::new(id, app, "token".parse().unwrap(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn names_are_those_of_variables_and_files() {
        for name in ["API_TOKEN", "_x", "a.b-c", &"a".repeat(128)] {
            assert!(name.parse::<SecretName>().is_ok(), "{name:?} was refused");
        }
        for name in ["", "1a", "-a", "a b", "a/b", "ä", "a\0", &"a".repeat(129)] {
            assert!(name.parse::<SecretName>().is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn values_have_bounds_and_are_not_shown() {
        assert!(SecretValue::parse(String::new()).is_err());
        assert!(SecretValue::parse("ä".repeat(VALUE_LENGTH / 2)).is_ok());
        assert!(SecretValue::parse("ä".repeat(VALUE_LENGTH / 2 + 1)).is_err());
        assert_eq!(format!("{:?}", SecretValue::parse("hunter2".to_owned()).unwrap()), "SecretValue(…)");
    }

    #[test]
    fn the_newest_versions_are_kept() {
        let mut secret = secret();
        assert_eq!(secret.kept(), 1..=1);
        for _ in 1..VERSIONS_KEPT {
            secret = secret.rotated(Timestamp::UNIX_EPOCH);
        }
        assert_eq!(secret.kept(), 1..=VERSIONS_KEPT);
        let next = secret.rotated(Timestamp::UNIX_EPOCH);
        assert_eq!(next.kept(), 2..=VERSIONS_KEPT + 1);
        assert_eq!((next.current, next.version), (VERSIONS_KEPT + 1, VERSIONS_KEPT + 1));
    }

    proptest! {
        #[test]
        fn no_name_panics(text in "\\PC{0,140}") {
            if let Ok(name) = text.parse::<SecretName>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
