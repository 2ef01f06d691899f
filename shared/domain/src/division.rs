//! Divisions: the parts of an organization, which may hold further ones.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::id::{DivisionId, OrganizationId, TenantId};
use crate::node::NodeId;
use crate::text::{Name, ParseError};

/// Longest code, in characters.
pub const CODE_LENGTH: usize = 32;

/// What an organization's own books call a division: 1 to 32 of `A-Z`, `a-z`, `0-9`, `-` and `_`. Kept as it was written, and
/// compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DivisionCode(String);

impl DivisionCode {
    /// The form that uniqueness is decided on.
    pub fn normalized(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for DivisionCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=CODE_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("is not 1 to 32 of A-Z, a-z, 0-9, - and _"))
        }
    }
}

impl fmt::Display for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(DivisionCode, format = "^[A-Za-z0-9_-]{1,32}$");

/// A division.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// Its id.
    pub id: DivisionId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The organization it belongs to, for good.
    pub organization: OrganizationId,
    /// The division that it is directly below; `None` directly below the organization.
    pub parent: Option<DivisionId>,
    /// Its name, unique among its siblings.
    pub name: Name,
    /// Its code, unique within the organization.
    pub code: DivisionCode,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Division {
    /// What it stands below in the tree.
    pub fn place(&self) -> NodeId {
        self.parent.map_or(self.organization.into(), NodeId::from)
    }

    /// The division with another name or code; `None` keeps.
    #[must_use]
    pub fn changed(&self, name: Option<Name>, code: Option<DivisionCode>, at: Timestamp) -> Self {
        let mut division = self.clone();
        division.name = name.unwrap_or(division.name);
        division.code = code.unwrap_or(division.code);
        division.version += 1;
        division.updated_at = at;
        division
    }

    /// The division at another place.
    #[must_use]
    pub fn moved(&self, parent: Option<DivisionId>, at: Timestamp) -> Self {
        Self { parent, version: self.version + 1, updated_at: at, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_short_and_plain() {
        for code in ["A", "r-d_7", "0", &"x".repeat(32)] {
            assert_eq!(code.parse::<DivisionCode>().unwrap().to_string(), code);
        }
        for code in
            ["", " ", "a b", "ä", "a#b", "a/b", "a.b", "a\n", "١", &"x".repeat(33), &"x".repeat(10_000)]
        {
            assert!(code.parse::<DivisionCode>().is_err(), "{code:?} was accepted");
        }
        let (left, right): (DivisionCode, DivisionCode) =
            ("Sales".parse().unwrap(), "sALES".parse().unwrap());
        assert_eq!(left.normalized(), right.normalized());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            if let Ok(code) = text.parse::<DivisionCode>() {
                prop_assert_eq!(code.to_string(), text);
            }
        }
    }
}
