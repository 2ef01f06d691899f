//! Logins that lack a second factor still.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::hash::Sha256;
use crate::text::ParseError;
use crate::token;

/// For how long a login waits for its second factor.
pub const WAITS_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What the text of every token of a login begins with.
const PREFIX: &str = "rm";

/// What somebody holds whose password was right: `rm_<id>_<secret>`. Only the SHA-256 of the secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingToken {
    /// Which login it is.
    pub id: Uuid,
    secret: [u8; 32],
}

impl PendingToken {
    /// Makes a token of random bits.
    pub const fn new(id: [u8; 16], random: [u8; 32]) -> Self {
        Self { id: Uuid::from_bytes(id), secret: random }
    }

    /// What is stored of the secret, which has 256 bits of entropy: a plain hash cannot be searched.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that is answered.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.id, &self.secret)
    }
}

impl FromStr for PendingToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not the token of a login"))?;
        Ok(Self { id, secret })
    }
}

impl fmt::Debug for PendingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_are_read_as_they_are_written(id: [u8; 16], secret: [u8; 32]) {
            let token = PendingToken::new(id, secret);
            prop_assert_eq!(token.reveal().parse::<PendingToken>().unwrap(), token);
        }
    }
}
