//! Identity providers of a tenant: who else may say who somebody is, and for which mail addresses.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{GroupId, IdentityProviderId, OrganizationId, TenantId};
use crate::text::{Email, Name, ParseError};

/// Most identity providers of a tenant.
pub const MOST: usize = 20;
/// Most mail domains of a provider.
pub const MOST_DOMAINS: usize = 20;
/// Most groups that a provider's claims lead to.
pub const MOST_GROUPS: usize = 20;
/// Google's issuer.
pub const GOOGLE: &str = "https://accounts.google.com";
/// Where GitHub is, unless a tenant has one of its own.
pub const GITHUB: &str = "https://github.com";

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[deserr(rename_all = lowercase)]
pub enum Kind {
    /// `OpenID` Connect, found by discovery.
    Oidc,
    /// Google, which is `OpenID` Connect with a known issuer.
    Google,
    /// GitHub, which has `OAuth` 2.0 and tells in an interface of its own who somebody is.
    Github,
}

impl Kind {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Google => "google",
            Self::Github => "github",
        }
    }

    /// Where it is unless the tenant says so.
    pub const fn usual_issuer(self) -> Option<&'static str> {
        match self {
            Self::Oidc => None,
            Self::Google => Some(GOOGLE),
            Self::Github => Some(GITHUB),
        }
    }
}

/// The URL of an issuer: `https`, a host and perhaps a path, and nothing else. Plain `http` may be written for this very machine only;
/// whether it is asked there, the platform's operator decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IssuerUrl(String);

impl IssuerUrl {
    /// The URL as it was given: issuers are compared letter by letter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL with a path behind it.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.trim_end_matches('/'))
    }
}

impl FromStr for IssuerUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_AN_ISSUER: ParseError =
            ParseError::new("is not an issuer's URL: https, a host, and perhaps a port and a path");
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let rest = match text.split_once("://") {
            Some(("https", rest)) => rest,
            Some(("http", rest)) if loopback.iter().any(|known| text.starts_with(known)) => rest,
            _ => return Err(NOT_AN_ISSUER),
        };
        let host = rest.split('/').next().unwrap_or_default();
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\\\"<>".contains(&byte));
        if host.is_empty() || text.len() > 512 || !plain {
            return Err(NOT_AN_ISSUER);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(IssuerUrl, format = r"^https?://[^/?#@]+(/[^?#@]*)?$");

/// A domain of mail addresses, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailDomain(String);

impl MailDomain {
    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain of an address.
    pub fn of(email: &Email) -> Option<Self> {
        email.normalized().rsplit_once('@').and_then(|(_, domain)| domain.parse().ok())
    }

    /// The name whose text record shows that a domain is the tenant's own.
    pub fn record(&self) -> String {
        format!("_rookery.{}", self.0)
    }
}

impl FromStr for MailDomain {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if text.len() <= 253 && text.contains('.') && text.split('.').all(label) {
            Ok(Self(text))
        } else {
            Err(ParseError::new("is not a domain of mail addresses; write others than ASCII in punycode"))
        }
    }
}

impl fmt::Display for MailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(MailDomain, format = r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$");

/// What the text record of a domain says which a provider is to vouch for.
pub fn challenge(provider: IdentityProviderId) -> String {
    format!("rookery-verification={provider}")
}

/// A mail domain that a provider is to vouch for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDomain {
    /// The domain.
    pub domain: MailDomain,
    /// When it was shown that it is the tenant's own. Until then nobody comes by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
}

/// A value of the group claim, and the group that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema)]
#[deserr(error = crate::fault::Faults, deny_unknown_fields)]
pub struct MappedGroup {
    /// What the claim holds.
    pub value: String,
    /// The group that people with this value are in as long as they have it.
    pub group_id: GroupId,
}

/// What may be chosen of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its name on the login page.
    pub name: Name,
    /// Whether anybody may log in by it.
    pub enabled: bool,
    /// The client that the platform is there.
    pub client_id: String,
    /// The mail domains that it vouches for.
    pub domains: Vec<OwnDomain>,
    /// The organization in which people are made who come for the first time; nobody is made where there is none.
    pub organization: Option<OrganizationId>,
    /// The claim that names somebody's groups.
    pub group_claim: Option<String>,
    /// Which groups they are here.
    pub groups: Vec<MappedGroup>,
}

/// An identity provider of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its id.
    pub id: IdentityProviderId,
    /// The tenant.
    pub tenant: TenantId,
    /// What it speaks.
    pub kind: Kind,
    /// Who it is.
    pub issuer: IssuerUrl,
    /// What was chosen.
    pub choice: Choice,
    /// Since when the client's secret is what it is; `None` for a client without one.
    pub secret_set_at: Option<Timestamp>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl IdentityProvider {
    /// The provider after a change. Domains keep what was shown of them.
    #[must_use]
    pub fn changed(&self, choice: Choice, secret_set_at: Option<Timestamp>, at: Timestamp) -> Self {
        Self { choice, secret_set_at, version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// Whether it vouches for an address.
    pub fn vouches_for(&self, email: &Email) -> bool {
        let Some(domain) = MailDomain::of(email) else { return false };
        self.choice.domains.iter().any(|own| own.domain == domain && own.verified_at.is_some())
    }

    /// The verified domains.
    pub fn verified(&self) -> impl Iterator<Item = &MailDomain> {
        self.choice.domains.iter().filter(|own| own.verified_at.is_some()).map(|own| &own.domain)
    }

    /// The groups that somebody is in whose claim has these values, and those that it is not in.
    pub fn groups_of(&self, values: &[String]) -> (Vec<GroupId>, Vec<GroupId>) {
        let mut inside: Vec<GroupId> = Vec::new();
        for mapped in self.choice.groups.iter().filter(|mapped| values.contains(&mapped.value)) {
            if !inside.contains(&mapped.group_id) {
                inside.push(mapped.group_id);
            }
        }
        let outside = self.choice.groups.iter().map(|mapped| mapped.group_id);
        let outside = outside.filter(|group| !inside.contains(group)).collect();
        (inside, outside)
    }
}

/// The domains that were chosen, with what was shown before of those that stay.
pub fn domains(chosen: Vec<MailDomain>, before: &[OwnDomain]) -> Vec<OwnDomain> {
    let mut domains: Vec<OwnDomain> = Vec::new();
    for domain in chosen {
        if domains.iter().all(|own| own.domain != domain) {
            let verified_at = before.iter().find(|own| own.domain == domain).and_then(|own| own.verified_at);
            domains.push(OwnDomain { domain, verified_at });
        }
    }
    domains
}

/// A place of the platform's own pages that somebody is led back to: a path, and nothing that a browser takes for another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReturnTo {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte));
        if text.starts_with('/') && !text.starts_with("//") && text.len() <= 512 && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("is not a path of these pages, such as /welcome"))
        }
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(ReturnTo, format = r"^/([^/\\#].*)?$");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn issuers_are_https_or_on_this_machine() {
        for good in ["https://login.example.com", "https://a.example:8443/realms/x", "http://127.0.0.1:8/x"] {
            assert!(good.parse::<IssuerUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "https://",
            "https:///x",
            "https://a@b.example",
            "https://a.example?x=1",
            "https://a.example#x",
            "file:///etc/passwd",
            "https://a b",
            "HTTPS://a.example",
            "",
        ] {
            assert!(bad.parse::<IssuerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_is_led_elsewhere() {
        for good in ["/", "/welcome", "/a/b?c=d&e=https://x.example", "/a//b"] {
            assert!(good.parse::<ReturnTo>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example",
            "evil.example",
            "/a\r\nb",
            "/a#b",
            "/\t/evil.example",
            "javascript:alert(1)",
            " /a",
        ] {
            assert!(bad.parse::<ReturnTo>().is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_are_told_apart_as_mail_is_delivered() {
        let domain: MailDomain = "Example.COM".parse().unwrap();
        assert_eq!(MailDomain::of(&"ada+x@EXAMPLE.com".parse().unwrap()), Some(domain.clone()));
        assert_ne!(MailDomain::of(&"ada@sub.example.com".parse().unwrap()), Some(domain.clone()));
        assert_eq!(domain.record(), "_rookery.example.com");
        for bad in ["com", "-a.com", "a..com", "a.com.", "a b.com", "ä.com", ""] {
            assert!(bad.parse::<MailDomain>().is_err(), "{bad}");
        }
        let before = [OwnDomain { domain: domain.clone(), verified_at: Some(Timestamp::UNIX_EPOCH) }];
        let other: MailDomain = "other.example".parse().unwrap();
        let after = domains(vec![other.clone(), domain.clone(), other.clone()], &before);
        assert_eq!(after, [OwnDomain { domain: other, verified_at: None }, before[0].clone()]);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(https://|/)?\\PC{0,80}") {
            let _ = text.parse::<IssuerUrl>();
            let _ = text.parse::<MailDomain>();
            if let Ok(to) = text.parse::<ReturnTo>() {
                prop_assert!(to.as_str().starts_with('/') && !to.as_str()[1..].starts_with(['/', '\\']));
            }
        }
    }
}
