//! Access tokens: what they say (RFC 9068), and whether that is believed. Signatures are looked at elsewhere.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{KeyId, SessionId, TenantId, UserId, WorkloadTrustId};
use crate::key::Scopes;
use crate::permission::Permission;
use crate::text::{ParseError, text_type};

/// For how long an access token is good, in seconds: a quarter of an hour.
pub const LIFE_S: i64 = 15 * 60;
/// How far clocks may be apart, in seconds.
pub const LEEWAY_S: i64 = 30;
/// Longest token that is looked at, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// Whose rights a token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A person.
    User(UserId),
    /// A service key, whose rights a workload has.
    Key(KeyId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Key(id) => id.fmt(f),
        }
    }
}

impl FromStr for Holder {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let user = text.parse().map(Self::User);
        user.or_else(|_| text.parse().map(Self::Key))
            .map_err(|_: ParseError| ParseError::new("is neither a person nor a key"))
    }
}

text_type!(Holder, format = "^(usr|key)_[0-7][0-9a-hjkmnp-tv-z]{25}$");

/// Who acts in the place of the subject (RFC 8693, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// The person who acts.
    pub sub: UserId,
}

/// What an access token says. Times are in seconds of Unix time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token: the base of the platform's URLs.
    pub iss: String,
    /// Whom it is for: the same.
    pub aud: String,
    /// Whose rights it has.
    pub sub: Holder,
    /// The tenant.
    pub tenant: TenantId,
    /// The session that it belongs to; a workload has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// When it was made.
    pub iat: i64,
    /// From when on it is good.
    pub nbf: i64,
    /// Until when it is good; not included.
    pub exp: i64,
    /// Its own name.
    pub jti: String,
    /// How the person proved who it is (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When the person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// When the person last used a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_at: Option<i64>,
    /// The client that the token was given to; the platform's own have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What the client may do at the most, apart by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Who acts in the subject's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Acting>,
    /// The trust by which a workload got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<WorkloadTrustId>,
}

/// Why a token is not believed. What its bearer is told is the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is longer than any of ours.
    TooLong,
    /// It is not of the form of a token.
    Malformed,
    /// Its header is not one of ours: another type or algorithm, or a key that it brings along or points to.
    Header,
    /// No key of ours has its name.
    UnknownKey,
    /// The key did not sign it.
    Signature,
    /// Somebody else made it, or for somebody else.
    Issuer,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
}

impl Fault {
    /// The name in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::NotYet => "not_yet",
            Self::Expired => "expired",
        }
    }
}

impl Claims {
    /// Whether claims that a key of ours signed are to be believed here and now.
    pub fn check(&self, issuer: &str, now: Timestamp) -> Result<(), Fault> {
        if self.iss != issuer || self.aud != issuer {
            return Err(Fault::Issuer);
        }
        let now = now.as_second();
        if now >= self.exp.saturating_add(LEEWAY_S) {
            return Err(Fault::Expired);
        }
        if now < self.nbf.saturating_sub(LEEWAY_S) || now < self.iat.saturating_sub(LEEWAY_S) {
            return Err(Fault::NotYet);
        }
        Ok(())
    }

    /// What may be done with the token at the most. The platform's own clients may do what the subject may; another client what its
    /// scope names. Of a scope, words that are no permissions say something else.
    pub fn scopes(&self) -> Scopes {
        let scope = match (&self.client_id, &self.scope) {
            (None, None) => return Scopes::All,
            (_, scope) => scope.as_deref().unwrap_or_default(),
        };
        let words: Vec<&str> = scope.split(' ').collect();
        if words.contains(&"*") {
            return Scopes::All;
        }
        Scopes::Some(words.iter().filter_map(|word| word.parse::<Permission>().ok()).collect())
    }

    /// When the person last used a second factor.
    pub fn second_factor_at(&self) -> Option<Timestamp> {
        self.mfa_at.and_then(|at| Timestamp::from_second(at).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://rookery.test";

    fn claims() -> Claims {
        Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: "usr_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            tenant: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            sid: None,
            iat: 1000,
            nbf: 1000,
            exp: 1900,
            jti: "x".to_owned(),
            amr: Vec::new(),
            auth_time: None,
            mfa_at: None,
            client_id: None,
            scope: None,
            act: None,
            trust: None,
        }
    }

    #[test]
    fn claims_are_believed_in_their_time_and_from_their_issuer() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for (second, expected) in
            [(969, Err(Fault::NotYet)), (970, Ok(())), (1929, Ok(())), (1930, Err(Fault::Expired))]
        {
            assert_eq!(claims().check(ISSUER, at(second)), expected, "{second}");
        }
        for issuer in ["https://rookery.test/", "https://ROOKERY.test", "", "https://other.test"] {
            assert_eq!(claims().check(issuer, at(1000)), Err(Fault::Issuer), "{issuer}");
        }
        let elsewhere = Claims { aud: "https://other.test".to_owned(), ..claims() };
        assert_eq!(elsewhere.check(ISSUER, at(1000)), Err(Fault::Issuer));
        let early = Claims { nbf: 1800, ..claims() };
        assert_eq!(early.check(ISSUER, at(1000)), Err(Fault::NotYet));
        let endless = Claims { exp: i64::MAX, nbf: i64::MIN, ..claims() };
        assert_eq!(endless.check(ISSUER, at(1000)), Ok(()));
    }

    #[test]
    fn a_client_may_do_what_its_scope_names() {
        let of = |client: Option<&str>, scope: Option<&str>| {
            let client_id = client.map(str::to_owned);
            Claims { client_id, scope: scope.map(str::to_owned), ..claims() }.scopes().to_strings()
        };
        assert_eq!(of(None, None), ["*"]);
        assert_eq!(of(Some("c"), None), Vec::<String>::new());
        assert_eq!(of(Some("c"), Some("openid app.read profile")), ["app.read"]);
        assert_eq!(of(None, Some("app.read")), ["app.read"]);
        assert_eq!(of(Some("c"), Some("openid *")), ["*"]);
    }

    #[test]
    fn what_a_token_says_is_read_as_it_is_written() {
        let text = serde_json::to_string(&claims()).unwrap();
        assert_eq!(serde_json::from_str::<Claims>(&text).unwrap(), claims());
        assert!(!text.contains("null"));
        let other = text.replace("usr_", "app_");
        assert!(serde_json::from_str::<Claims>(&other).is_err());
    }
}
