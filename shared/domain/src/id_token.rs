//! ID tokens of other providers: whether what they say is meant for us, now, and for this very login (`OpenID` Connect Core 1.0, section
//! 3.1.3.7). Whose signature it is was seen before.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest token that is looked at, in bytes.
pub const LONGEST: usize = 16 * 1024;
/// By how many seconds clocks may differ.
const LEEWAY_S: i64 = 30;
/// How old a token may be, in seconds, however long it calls itself good.
const OLDEST_S: i64 = 600;
/// Longest name that a provider has for somebody (section 2).
const SUBJECT_LENGTH: usize = 255;

/// Why a token is not believed. For logs and the audit trail; whoever asks is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Longer than any that is looked at.
    TooLong,
    /// Not a token, or its claims cannot be read.
    Malformed,
    /// The header names an algorithm that is not the key's, or demands what is not known.
    Header,
    /// No key of the provider has the name.
    UnknownKey,
    /// Another key signed, or nobody.
    Signature,
    /// Another issuer.
    Issuer,
    /// For somebody else.
    Audience,
    /// For several, and we are not the one that asked.
    AuthorizedParty,
    /// Its time is over.
    Expired,
    /// Made later than now, or long ago.
    IssuedAt,
    /// Of another login.
    Nonce,
    /// It names nobody.
    Subject,
}

impl Fault {
    /// The name in logs and in the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::AuthorizedParty => "authorized_party",
            Self::Expired => "expired",
            Self::IssuedAt => "issued_at",
            Self::Nonce => "nonce",
            Self::Subject => "subject",
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct IdClaims(Map<String, Value>);

/// What a login expects.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who vouches.
    pub issuer: &'a str,
    /// The client that asked.
    pub client_id: &'a str,
    /// What the login was begun with.
    pub nonce: &'a str,
    /// The time.
    pub now: Timestamp,
}

impl IdClaims {
    /// What was read elsewhere than in a token.
    pub const fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(|value| value.as_i64().or_else(|| whole(value.as_f64()?)))
    }

    /// The provider's name for the person, which is nobody else's there, ever.
    pub fn subject(&self) -> Option<&str> {
        self.text("sub").filter(|sub| !sub.is_empty() && sub.len() <= SUBJECT_LENGTH)
    }

    /// The mail address, if the provider says that it is the person's.
    pub fn verified_email(&self) -> Option<&str> {
        // Some providers write the truth as text.
        let verified = match self.0.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        self.text("email").filter(|_| verified)
    }

    /// Whether a mail address is in it, verified or not.
    pub fn has_email(&self) -> bool {
        self.0.contains_key("email")
    }

    /// The person's name.
    pub fn name(&self) -> Option<&str> {
        self.text("name").or_else(|| self.text("preferred_username"))
    }

    /// The texts of a claim that holds one or several.
    pub fn texts(&self, claim: &str) -> Vec<String> {
        match self.0.get(claim) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// These claims, and of others what is not in them.
    #[must_use]
    pub fn completed_by(mut self, others: Self) -> Self {
        for (name, value) in others.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// Whether this is meant for us, now, and for this login.
    pub fn check(&self, expected: Expected<'_>) -> Result<(), Fault> {
        let Expected { issuer, client_id, nonce, now } = expected;
        let now = now.as_second();
        if self.text("iss") != Some(issuer) {
            return Err(Fault::Issuer);
        }
        let audience = self.texts("aud");
        if !audience.iter().any(|one| one == client_id) {
            return Err(Fault::Audience);
        }
        match self.0.get("azp") {
            None if audience.len() == 1 => {}
            Some(Value::String(party)) if party == client_id => {}
            _ => return Err(Fault::AuthorizedParty),
        }
        if self.seconds("exp").is_none_or(|end| end.saturating_add(LEEWAY_S) <= now) {
            return Err(Fault::Expired);
        }
        let age = self.seconds("iat").map(|made| now.saturating_sub(made));
        if age.is_none_or(|age| !(-LEEWAY_S..=OLDEST_S).contains(&age)) {
            return Err(Fault::IssuedAt);
        }
        if self.text("nonce") != Some(nonce) {
            return Err(Fault::Nonce);
        }
        self.subject().map(|_| ()).ok_or(Fault::Subject)
    }
}

/// Instants may be written with a fraction (RFC 7519, section 2).
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds that were just compared")]
    (number.abs() < 1e15).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://id.example",
        client_id: "rookery",
        nonce: "n",
        now: Timestamp::UNIX_EPOCH,
    };

    fn claims(with: &Value) -> IdClaims {
        let mut claims = json!({"iss": "https://id.example", "aud": "rookery", "exp": 60, "iat": 0, "nonce": "n", "sub": "1"});
        for (name, value) in with.as_object().unwrap() {
            claims[name] = value.clone();
        }
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn a_token_is_for_us_and_for_this_login() {
        for (with, fault) in [
            (json!({}), None),
            (json!({"aud": ["rookery"], "azp": "rookery"}), None),
            (json!({"aud": ["other", "rookery"], "azp": "rookery"}), None),
            (json!({"exp": 60.5, "iat": -0.5}), None),
            (json!({"exp": -29}), None),
            (json!({"iss": "https://id.example/"}), Some(Fault::Issuer)),
            (json!({"iss": null}), Some(Fault::Issuer)),
            (json!({"aud": "other"}), Some(Fault::Audience)),
            (json!({"aud": []}), Some(Fault::Audience)),
            (json!({"aud": ["other", "rookery"]}), Some(Fault::AuthorizedParty)),
            (json!({"azp": "other"}), Some(Fault::AuthorizedParty)),
            (json!({"azp": 1}), Some(Fault::AuthorizedParty)),
            (json!({"exp": -30}), Some(Fault::Expired)),
            (json!({"exp": "60"}), Some(Fault::Expired)),
            (json!({"iat": 31}), Some(Fault::IssuedAt)),
            (json!({"iat": -601}), Some(Fault::IssuedAt)),
            (json!({"iat": null}), Some(Fault::IssuedAt)),
            (json!({"nonce": "m"}), Some(Fault::Nonce)),
            (json!({"nonce": null}), Some(Fault::Nonce)),
            (json!({"sub": ""}), Some(Fault::Subject)),
            (json!({"sub": "x".repeat(256)}), Some(Fault::Subject)),
        ] {
            assert_eq!(claims(&with).check(EXPECTED).err(), fault, "{with}");
        }
    }

    #[test]
    fn a_mail_address_counts_once_it_is_verified() {
        for (with, verified) in [
            (json!({"email": "a@b.example", "email_verified": true}), true),
            (json!({"email": "a@b.example", "email_verified": "true"}), true),
            (json!({"email": "a@b.example", "email_verified": false}), false),
            (json!({"email": "a@b.example", "email_verified": 1}), false),
            (json!({"email": "a@b.example"}), false),
        ] {
            assert_eq!(claims(&with).verified_email().is_some(), verified, "{with}");
        }
        assert_eq!(claims(&json!({"groups": ["a", 1, "b"]})).texts("groups"), ["a", "b"]);
    }
}
