//! Those who operate the platform. They belong to no tenant, and their tokens have a form of their own: `rop_<id>_<secret>`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::hash::Sha256;
use crate::id::{Id as _, OperatorId};
use crate::text::{Name, ParseError};
use crate::token;

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

/// What the text of every operator's token begins with.
const PREFIX: &str = "rop";

/// The whole token as its holder has it. Shown once; never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: OperatorId,
    secret: [u8; 32],
}

impl Token {
    /// Makes a token of 256 random bits.
    pub const fn new(id: OperatorId, random: [u8; 32]) -> Self {
        Self { id, secret: random }
    }

    /// Whose token it is.
    pub const fn id(&self) -> OperatorId {
        self.id
    }

    /// What is stored of the secret, which has 256 bits of entropy: a plain hash cannot be searched.
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
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not an operator's token"))?;
        Ok(Self { id: OperatorId::from_uuid(id), secret })
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
    use crate::id::KeyId;
    use crate::key;
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
