//! Text with rules: names, slugs, addresses. A value of these types was checked once, where it came in.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// Why a value was refused: one sentence without its subject, so that it reads behind the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(&'static str);

impl ParseError {
    /// Wraps a sentence such as "is empty".
    pub const fn new(sentence: &'static str) -> Self {
        Self(sentence)
    }
}

/// Gives a type that is read with `FromStr` and written with `Display` the rest of what values on the wire need: serde as
/// a string, deserr with every fault collected, and a string schema with a pattern.
macro_rules! text_type {
    ($name:ident, format = $pattern:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<E: deserr::DeserializeError> deserr::Deserr<E> for $name {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef<'_>,
            ) -> Result<Self, E> {
                $crate::fault::parse_text(value, location)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($pattern))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}
pub(crate) use text_type;

/// Longest name, in characters as a person counts code points.
pub const NAME_LENGTH: usize = 200;

/// A name for people: any script, emoji, right-to-left text. Normalised to NFC and trimmed; never empty, no control
/// characters, no bidirectional overrides that would let a name rearrange the text around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name as given, normalised.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that uniqueness is decided on: case, width and composition do not make a second name.
    pub fn normalized(&self) -> String {
        self.0.nfkc().flat_map(char::to_lowercase).collect()
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name: String = text.trim().nfc().collect();
        if name.is_empty() {
            return Err(ParseError::new("is empty"));
        }
        if name.chars().count() > NAME_LENGTH {
            return Err(ParseError::new("is longer than 200 characters"));
        }
        if name.chars().any(char::is_control) {
            return Err(ParseError::new("contains a control character"));
        }
        if name.chars().any(is_bidirectional_control) {
            return Err(ParseError::new("contains a character that overrides the direction of text"));
        }
        Ok(Self(name))
    }
}

/// The embeddings, overrides and isolates of the Unicode bidirectional algorithm (UAX #9). Right-to-left scripts need none.
fn is_bidirectional_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Name, format = r"^[^\u0000-\u001f\u007f]{1,200}$");

/// A name for URLs and commands: 3 to 63 of `a-z`, `0-9` and `-`, beginning with a letter and not ending in `-`. The rule
/// of a DNS label, so that a slug may become a host name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    /// The slug's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !(3..=63).contains(&text.len()) {
            return Err(ParseError::new("is not 3 to 63 characters long"));
        }
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !text.bytes().all(allowed) {
            return Err(ParseError::new("contains something other than a-z, 0-9 and -"));
        }
        if !text.as_bytes()[0].is_ascii_lowercase() || text.ends_with('-') {
            return Err(ParseError::new("does not begin with a letter, or ends with -"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Slug, format = "^[a-z][a-z0-9-]{1,61}[a-z0-9]$");

/// A mail address: something, an `@`, and a domain with a dot. Whether it receives mail only a mail can tell.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The address as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that addresses are compared in.
    pub fn normalized(&self) -> String {
        self.0.nfkc().flat_map(char::to_lowercase).collect()
    }
}

impl FromStr for Email {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_AN_ADDRESS: ParseError = ParseError::new("is not a mail address");
        // 254 octets is what RFC 5321's path limit leaves for an address; 64 its limit for the local part.
        if text.len() > 254 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(NOT_AN_ADDRESS);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(NOT_AN_ADDRESS)?;
        let labels_hold = domain.contains('.')
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        if local.is_empty() || local.len() > 64 || local.contains('@') || !labels_hold {
            return Err(NOT_AN_ADDRESS);
        }
        Ok(Self(text.nfc().collect()))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// Addresses are personal data and stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

text_type!(Email, format = r"^[^\s@]{1,64}@[^\s@]+\.[^\s@]+$");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_for_people() {
        for name in ["Rookery", "Zoë's 🐧 Kolonie", "מושבה", "مستعمرة", "コロニー"] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
        assert_eq!("  padded ".parse::<Name>().unwrap().as_str(), "padded");
        assert_eq!("Zoe\u{308}".parse::<Name>().unwrap().as_str(), "Zoë");
        for name in ["", "   ", "a\u{0}b", "a\nb", "evil\u{202e}txt", &"x".repeat(201)] {
            assert!(name.parse::<Name>().is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn one_name_in_two_spellings_is_one_name() {
        let (left, right): (Name, Name) = ("ＡＣＭＥ".parse().unwrap(), "acme".parse().unwrap());
        assert_eq!(left.normalized(), right.normalized());
    }

    #[test]
    fn slugs_are_labels() {
        for slug in ["acme", "a-1", "rookery-2026"] {
            assert!(slug.parse::<Slug>().is_ok(), "{slug:?} was refused");
        }
        for slug in ["Acme", "ab", "-abc", "abc-", "1abc", "a_b", "añb", "a b", "", &"a".repeat(64)] {
            assert!(slug.parse::<Slug>().is_err(), "{slug:?} was accepted");
        }
    }

    #[test]
    fn addresses_are_plausible() {
        for address in
            ["ada@example.com", "ada+ci@mail.example.org", "zoë@bücher.example", "\"o'neil\"@example.com"]
        {
            assert!(address.parse::<Email>().is_ok(), "{address:?} was refused");
        }
        for address in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "a@b@example.com",
            "a@.com",
            "a@-x.com",
        ] {
            assert!(address.parse::<Email>().is_err(), "{address:?} was accepted");
        }
        assert_eq!(format!("{:?}", "ada@example.com".parse::<Email>().unwrap()), "Email(…)");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text in "\\PC{0,80}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.as_str().parse::<Name>().unwrap(), name);
            }
            let _ = text.parse::<Slug>();
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>().unwrap(), email);
            }
        }
    }
}
