//! Passwords as people choose and present them, and what is kept of one. How good one is, and hashing it, is the business of the crate
//! for factors.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::text::ParseError;

/// Shortest password, in characters: the least that NIST SP 800-63B-4 allows anywhere.
pub const SHORTEST: u8 = 8;
/// Longest password, in bytes, so that hashing stays cheap.
pub const LONGEST: usize = 1024;
/// How many passwords of a person are remembered, the present one included; none of them may be chosen again.
pub const HISTORY: usize = 5;

/// A password: at most 1024 bytes of anything. Never shown, never logged. In the form NFKC, so that what is typed on two keyboards is one
/// password.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password that somebody chooses.
    pub fn parse(text: String) -> Result<Self, ParseError> {
        let password = Self::presented(text)?;
        if password.0.chars().count() < usize::from(SHORTEST) {
            return Err(PasswordLength::default().fault());
        }
        Ok(password)
    }

    /// A password that somebody presents: what it may be was asked when it was chosen, and only its length is bounded here.
    #[expect(clippy::needless_pass_by_value, reason = "who presents one has no further use for its text")]
    pub fn presented(text: String) -> Result<Self, ParseError> {
        if text.len() > LONGEST {
            return Err(ParseError::new("is longer than 1024 bytes"));
        }
        Ok(Self(text.nfkc().collect()))
    }

    /// The password itself, for hashing it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// How many characters a tenant asks of a password, at the least: 8 to 64, for whoever asks for more gets shorter words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PasswordLength(u8);

impl PasswordLength {
    /// A length within the bounds.
    pub const fn new(characters: u8) -> Option<Self> {
        if SHORTEST <= characters && characters <= 64 { Some(Self(characters)) } else { None }
    }

    /// The number.
    pub const fn characters(self) -> u8 {
        self.0
    }

    /// What is wrong with a shorter password.
    pub const fn fault(self) -> ParseError {
        match self.0 {
            SHORTEST => ParseError::new("is shorter than 8 characters"),
            _ => ParseError::new("is shorter than the tenant's settings ask for"),
        }
    }
}

impl Default for PasswordLength {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

impl serde::Serialize for PasswordLength {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for PasswordLength {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let characters = <u8 as serde::Deserialize>::deserialize(deserializer)?;
        Self::new(characters).ok_or_else(|| serde::de::Error::custom("is not 8 to 64"))
    }
}

/// The hash of a password in the PHC string format. It stays in the record that it was read from: it is neither shown nor logged, and no
/// event has it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps what hashing made.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
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
        assert_eq!(format!("{:?}", PasswordHash::new("$argon2id$".into())), "PasswordHash(…)");
    }

    #[test]
    fn one_password_in_two_spellings_is_one_password() {
        let [composed, decomposed] =
            ["Zoë fliegt", "Zoe\u{308} fliegt"].map(|text| Password::parse(text.to_owned()).unwrap());
        assert_eq!(composed, decomposed);
    }

    #[test]
    fn a_tenant_asks_for_something_within_bounds() {
        for (characters, good) in [(0, false), (7, false), (8, true), (64, true), (65, false)] {
            assert_eq!(PasswordLength::new(characters).is_some(), good, "{characters}");
            assert_eq!(serde_json::from_str::<PasswordLength>(&characters.to_string()).is_ok(), good);
        }
    }
}
