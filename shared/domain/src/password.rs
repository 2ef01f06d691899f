//! Passwords as people choose and present them. What is kept of one is a hash, which is made elsewhere.

use crate::text::ParseError;

/// Shortest password, in characters: the least that NIST SP 800-63B-4 allows anywhere.
pub const SHORTEST: usize = 8;
/// Longest password, in bytes, so that hashing stays cheap.
pub const LONGEST: usize = 1024;

/// A password: 8 characters to 1024 bytes of anything. Never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password that somebody chooses.
    pub fn parse(text: String) -> Result<Self, ParseError> {
        if text.chars().count() < SHORTEST {
            return Err(ParseError::new("is shorter than 8 characters"));
        }
        Self::presented(text)
    }

    /// A password that somebody presents: what it may be was asked when it was chosen, and only its length is bounded here.
    pub fn presented(text: String) -> Result<Self, ParseError> {
        if text.len() > LONGEST {
            return Err(ParseError::new("is longer than 1024 bytes"));
        }
        Ok(Self(text))
    }

    /// The password itself, for hashing it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lengths_are_bounded_here() {
        assert!(Password::parse("1234567".to_owned()).is_err());
        assert!(Password::parse("ß".repeat(8)).is_ok());
        assert!(Password::presented(String::new()).is_ok());
        assert!(Password::presented("x".repeat(LONGEST + 1)).is_err());
        assert_eq!(format!("{:?}", Password::parse("12345678".to_owned())), "Ok(Password(…))");
    }
}
