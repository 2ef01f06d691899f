//! Those who operate the platform. They belong to no tenant, and their tokens have a form of their own: `rop_<id>_<secret>`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::hash::Sha256;
use crate::id::{KeyId, OperatorId};
use crate::key;
use crate::text::{Name, ParseError};

/// Somebody who operates the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The id, the middle part of the token.
    pub id: OperatorId,
    /// What people call them.
    pub name: Name,
    /// When they were let in.
    pub created_at: Timestamp,
    /// Since when they are not let in any more.
    pub revoked_at: Option<Timestamp>,
}

/// The whole token as its holder has it. Shown once; never stored, never logged.
///
/// Its secret is made, hashed and written as that of an API key is; only the first letters differ, so that neither is ever read as the
/// other.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(key::Token);

const OWN: &str = "rop_";
const OF_KEYS: &str = "rk_";

impl Token {
    /// Makes a token of 256 random bits.
    pub fn new(id: OperatorId, random: [u8; 32]) -> Self {
        Self(key::Token::new(KeyId::from_uuid(crate::id::Id::uuid(id)), random))
    }

    /// Whose token it is.
    pub fn id(&self) -> OperatorId {
        OperatorId::from_uuid(crate::id::Id::uuid(self.0.id))
    }

    /// What is stored of the secret.
    pub fn digest(&self) -> Sha256 {
        self.0.digest()
    }

    /// The text that its holder presents.
    pub fn reveal(&self) -> String {
        let text = self.0.reveal();
        format!("{OWN}{}", text.strip_prefix(OF_KEYS).unwrap_or_default())
    }
}

impl FromStr for Token {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_A_TOKEN: ParseError = ParseError::new("is not an operator's token");
        let rest = text.strip_prefix(OWN).ok_or(NOT_A_TOKEN)?;
        format!("{OF_KEYS}{rest}").parse().map(Self).map_err(|_| NOT_A_TOKEN)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn tokens_are_read_as_they_are_written(id: u128, secret: [u8; 32]) {
            let token = Token::new(OperatorId::from_uuid(Uuid::from_u128(id)), secret);
            let text = token.reveal();
            prop_assert!(text.starts_with("rop_"));
            prop_assert_eq!(text.parse::<Token>().unwrap(), token.clone());
            prop_assert_eq!(token.id().to_string(), format!("opr_{}", &text[4..30]));
            // Neither kind of credential is read as the other.
            prop_assert!(text.parse::<key::Token>().is_err());
            let key = key::Token::new(KeyId::from_uuid(Uuid::from_u128(id)), secret);
            prop_assert!(key.reveal().parse::<Token>().is_err());
            let shown = format!("{token:?}");
            prop_assert!(!shown.contains(&text[31..]));
        }

        #[test]
        fn parsing_never_panics(text in "(rop_)?\\PC*") {
            let _ = text.parse::<Token>();
        }
    }
}
