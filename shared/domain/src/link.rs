//! Links that are mailed to people: to choose another password, to show that a mail address is theirs.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use crate::hash::Sha256;
use crate::id::{Id as _, UserId};
use crate::text::ParseError;
use crate::token;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Choosing another password.
    Reset,
    /// Showing that a mail address is one's own.
    Verify,
}

impl Purpose {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Reset, Self::Verify];

    /// The name in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "password-reset",
            Self::Verify => "email-verify",
        }
    }

    /// What the text of its tokens begins with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Reset => "rp",
            Self::Verify => "rv",
        }
    }

    /// For how long a link is good.
    pub const fn good_for(self) -> SignedDuration {
        match self {
            Self::Reset => SignedDuration::from_mins(30),
            Self::Verify => SignedDuration::from_hours(24),
        }
    }
}

/// What stands in a link behind the `#`: `rp_<id>_<secret>` or `rv_<id>_<secret>`. Only the SHA-256 of the secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken {
    /// What it is for.
    pub purpose: Purpose,
    /// Whose it is.
    pub user: UserId,
    secret: [u8; 32],
}

impl LinkToken {
    /// Makes a token of 256 random bits.
    pub const fn new(purpose: Purpose, user: UserId, random: [u8; 32]) -> Self {
        Self { purpose, user, secret: random }
    }

    /// What is stored of the secret, which has 256 bits of entropy: a plain hash cannot be searched.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that stands in the mail.
    pub fn reveal(&self) -> String {
        token::write(self.purpose.prefix(), self.user.uuid(), &self.secret)
    }
}

impl FromStr for LinkToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Purpose::ALL
            .into_iter()
            .find_map(|purpose| {
                let (id, secret) = token::read(purpose.prefix(), text)?;
                Some(Self { purpose, user: UserId::from_uuid(id), secret })
            })
            .ok_or(ParseError::new("is not what stands in a link of a mail"))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkToken({}, {}, …)", self.purpose.as_str(), self.user)
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
            for purpose in Purpose::ALL {
                let token = LinkToken::new(purpose, UserId::from_uuid(Uuid::from_u128(id)), secret);
                prop_assert_eq!(token.reveal().parse::<LinkToken>().unwrap(), token);
            }
        }

        #[test]
        fn parsing_never_panics(text in "(r[pv]_)?\\PC{0,100}") {
            let _ = text.parse::<LinkToken>();
        }
    }
}
