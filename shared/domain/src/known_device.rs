//! Devices that somebody logged in from before. They prove nothing but that: whoever guesses at an account from elsewhere does not keep
//! its owner waiting.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use crate::hash::Sha256;
use crate::id::{Id as _, UserId};
use crate::text::ParseError;
use crate::token;

/// For how long a device is known after the login that made it so.
pub const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);

/// What the text of every token of a device begins with.
const PREFIX: &str = "rd";

/// What a client keeps from one login to the next: `rd_<id>_<secret>`. Only the SHA-256 of the secret is kept here.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// Who logged in.
    pub user: UserId,
    secret: [u8; 32],
}

impl DeviceToken {
    /// Makes a token of 256 random bits.
    pub const fn new(user: UserId, random: [u8; 32]) -> Self {
        Self { user, secret: random }
    }

    /// What is stored of the secret, which has 256 bits of entropy: a plain hash cannot be searched.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that the client keeps.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.user.uuid(), &self.secret)
    }
}

impl FromStr for DeviceToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) =
            token::read(PREFIX, text).ok_or(ParseError::new("is not the token of a device"))?;
        Ok(Self { user: UserId::from_uuid(id), secret })
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceToken({}, …)", self.user)
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
            let token = DeviceToken::new(UserId::from_uuid(Uuid::from_u128(id)), secret);
            prop_assert_eq!(token.reveal().parse::<DeviceToken>().unwrap(), token);
        }

        #[test]
        fn parsing_never_panics(text in "(rd_)?\\PC{0,100}") {
            let _ = text.parse::<DeviceToken>();
        }
    }
}
