//! Trust in workloads: whose tokens are taken for access tokens with the rights of a service key (RFC 8693), so that a build keeps no
//! secret.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access_token::LEEWAY_S;
use crate::fault::Faults;
use crate::id::{KeyId, TenantId, WorkloadTrustId};
use crate::identity_provider::IssuerUrl;
use crate::text::{Name, ParseError, text_type};

/// Most conditions of a trust.
pub const MOST_CONDITIONS: usize = 20;
/// Longest name of a claim, in bytes.
const LONGEST_CLAIM: usize = 100;
/// Longest value of a claim that is compared, in bytes.
const LONGEST_VALUE: usize = 500;

/// Issuers that make tokens for everybody in the world, with the claims that say for whom. One of these is a condition of every trust in
/// them, or anybody's build would be let in.
const FOR_EVERYBODY: [(&str, &[&str]); 2] = [
    (
        "https://token.actions.githubusercontent.com",
        &["sub", "repository", "repository_id", "repository_owner", "repository_owner_id"],
    ),
    ("https://gitlab.com", &["sub", "project_id", "project_path", "namespace_id", "namespace_path"]),
];

/// The name of a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimName(String);

impl ClaimName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClaimName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        if text.is_empty() || text.len() > LONGEST_CLAIM || !text.bytes().all(plain) {
            return Err(ParseError::new(
                "is not the name of a claim: 1 to 100 of a-z, A-Z, 0-9, _, -, ., : and /",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(ClaimName, format = "^[A-Za-z0-9_.:/-]{1,100}$");

/// What a claim says, compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimValue(String);

impl ClaimValue {
    /// The value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClaimValue {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() || text.len() > LONGEST_VALUE {
            return Err(ParseError::new("is not 1 to 500 bytes long"));
        }
        if text.chars().any(char::is_control) {
            return Err(ParseError::new("has a control character"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(ClaimValue, format = r"^[^\u0000-\u001f\u007f]{1,500}$");

/// What a token has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The claim.
    pub claim: ClaimName,
    /// Its value, which is a text.
    pub equals: ClaimValue,
}

/// What can be changed of a trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What people call it.
    pub name: Name,
    /// Whose tokens are taken.
    pub issuer: IssuerUrl,
    /// Whom they have to be for.
    pub audience: ClaimValue,
    /// What they have to say, all of it.
    pub conditions: Vec<Condition>,
    /// The service key whose rights are given for them.
    pub service_key: KeyId,
}

impl Terms {
    /// What can not be so, with the field of each fault.
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.conditions.is_empty() {
            faults.push("/conditions", "is empty, and every token of the issuer would be taken");
        }
        if self.conditions.len() > MOST_CONDITIONS {
            faults.push("/conditions", "has more than 20 conditions");
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            if self.conditions[..at].iter().any(|other| other.claim == condition.claim) {
                faults.push(format!("/conditions/{at}/claim"), "has a condition already");
            }
        }
        let issuer = self.issuer.as_str().trim_end_matches('/');
        let of_everybody = FOR_EVERYBODY.iter().find(|(known, _)| *known == issuer);
        if let Some((_, claims)) = of_everybody
            && !self.conditions.iter().any(|condition| claims.contains(&condition.claim.as_str()))
        {
            faults.push("/conditions", "do not say whose: this issuer makes tokens for everybody");
        }
        faults
    }
}

/// A trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadTrust {
    /// Its id, by which workloads name it.
    pub id: WorkloadTrustId,
    /// The tenant that trusts.
    pub tenant: TenantId,
    /// Whom, with what.
    pub terms: Terms,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why a token is not taken that the issuer signed. For logs and the audit trail; whoever shows it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It names another issuer.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// Its time is over, or it never is.
    Expired,
    /// Its time has not come.
    NotYet,
    /// It says something else than it has to.
    Condition,
}

impl Refused {
    /// The name in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Condition => "condition",
        }
    }
}

impl WorkloadTrust {
    /// The trust on other terms.
    #[must_use]
    pub fn changed(&self, terms: Terms, at: Timestamp) -> Self {
        Self { terms, version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// Whether a token is taken that says this and that the issuer signed.
    pub fn admits(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Refused> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let seconds = |name: &str| claims.get(name).map(seconds);
        if text("iss") != Some(self.terms.issuer.as_str()) {
            return Err(Refused::Issuer);
        }
        let audience = self.terms.audience.as_str();
        let is_for_us = match claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            _ => false,
        };
        if !is_for_us {
            return Err(Refused::Audience);
        }
        let now = now.as_second();
        if seconds("exp").flatten().is_none_or(|end| now >= end.saturating_add(LEEWAY_S)) {
            return Err(Refused::Expired);
        }
        for name in ["nbf", "iat"] {
            let early = |from: Option<i64>| from.is_none_or(|from| now < from.saturating_sub(LEEWAY_S));
            if seconds(name).is_some_and(early) {
                return Err(Refused::NotYet);
            }
        }
        let holds = |condition: &Condition| text(condition.claim.as_str()) == Some(condition.equals.as_str());
        if self.terms.conditions.iter().all(holds) { Ok(()) } else { Err(Refused::Condition) }
    }
}

/// An instant, which may be written with a fraction (RFC 7519, section 2).
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds that are compared")]
    let whole = |number: f64| (number.abs() < 1e15).then_some(number as i64);
    value.as_i64().or_else(|| whole(value.as_f64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn terms(issuer: &str, conditions: &[(&str, &str)]) -> Terms {
        let condition = |(claim, equals): &(&str, &str)| Condition {
            claim: claim.parse().unwrap(),
            equals: equals.parse().unwrap(),
        };
        Terms {
            name: "CI".parse().unwrap(),
            issuer: issuer.parse().unwrap(),
            audience: "rookery".parse().unwrap(),
            conditions: conditions.iter().map(condition).collect(),
            service_key: "key_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_is_taken_when_all_of_it_fits() {
        let trust = WorkloadTrust {
            id: "wtr_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            tenant: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            terms: terms("https://ci.example", &[("repository", "acme/app"), ("ref", "refs/heads/main")]),
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let now = Timestamp::from_second(1_000).unwrap();
        for (change, expected) in [
            (json!({}), Ok(())),
            (json!({"aud": ["other", "rookery"], "nbf": 1_030, "exp": 1_000.5}), Ok(())),
            (json!({"exp": 971}), Ok(())),
            (json!({"iss": "https://ci.example/"}), Err(Refused::Issuer)),
            (json!({"iss": null}), Err(Refused::Issuer)),
            (json!({"aud": "rookery2"}), Err(Refused::Audience)),
            (json!({"aud": []}), Err(Refused::Audience)),
            (json!({"aud": {"rookery": true}}), Err(Refused::Audience)),
            (json!({"exp": 970}), Err(Refused::Expired)),
            (json!({"exp": null}), Err(Refused::Expired)),
            (json!({"exp": "2000"}), Err(Refused::Expired)),
            (json!({"nbf": 1_031}), Err(Refused::NotYet)),
            (json!({"iat": 1_031}), Err(Refused::NotYet)),
            (json!({"iat": "then"}), Err(Refused::NotYet)),
            (json!({"repository": "acme/app2"}), Err(Refused::Condition)),
            (json!({"repository": "Acme/app"}), Err(Refused::Condition)),
            (json!({"repository": ["acme/app"]}), Err(Refused::Condition)),
            (json!({"ref": null}), Err(Refused::Condition)),
        ] {
            let mut claims = json!({
                "iss": "https://ci.example", "aud": "rookery", "exp": 2_000, "iat": 900,
                "repository": "acme/app", "ref": "refs/heads/main",
            });
            for (name, value) in change.as_object().unwrap() {
                claims[name] = value.clone();
            }
            assert_eq!(trust.admits(claims.as_object().unwrap(), now), expected, "{change}");
        }
    }

    #[test]
    fn a_trust_says_whose_tokens_are_taken() {
        let places = |issuer: &str, conditions: &[(&str, &str)]| -> Vec<String> {
            terms(issuer, conditions).faults().0.into_iter().map(|fault| fault.pointer).collect()
        };
        let github = "https://token.actions.githubusercontent.com";
        assert_eq!(places("https://ci.example", &[]), ["/conditions"]);
        assert_eq!(places("https://ci.example", &[("ref", "x"), ("ref", "y")]), ["/conditions/1/claim"]);
        assert_eq!(places("https://ci.example", &[("ref", "x")]), [""; 0]);
        assert_eq!(places(github, &[("ref", "refs/heads/main")]), ["/conditions"]);
        assert_eq!(places(github, &[("repository_owner_id", "1")]), [""; 0]);
        assert_eq!(places("https://gitlab.com/", &[("ref", "main")]), ["/conditions"]);
        assert_eq!(places("https://gitlab.com", &[("project_path", "acme/app")]), [""; 0]);
    }
}
