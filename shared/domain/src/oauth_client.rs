//! Clients: programs that people log in to through the platform, or that act with the rights of a service key (RFC 6749,
//! `OpenID` Connect).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::Faults;
use crate::hash::Sha256;
use crate::id::{ClientId, Id as _, KeyId, TenantId};
use crate::key::Scopes;
use crate::permission::Permission;
use crate::text::{Name, ParseError, text_type};
use crate::token;
use crate::token_key::Algorithm;

mod redirect_uri;

pub use redirect_uri::RedirectUri;

/// Most addresses of a kind that a client may have.
pub const MOST_URIS: usize = 20;
/// How a client gets tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// A person logs in and is sent back with a code.
    AuthorizationCode,
    /// Tokens that it has, for the next ones.
    RefreshToken,
    /// By itself, with the rights of a service key.
    ClientCredentials,
    /// A person lets a device in that has no browser, by a code that it shows (RFC 8628).
    DeviceCode,
}

impl Grant {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Grant {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|grant| grant.as_str() == text);
        known.ok_or(ParseError::new("is not a grant type that the platform knows"))
    }
}

text_type!(Grant, format = "^[a-z0-9:_-]+$");

/// What a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeWord {
    /// Who the person is: an id token, and `userinfo`.
    Openid,
    /// The person's name.
    Profile,
    /// The person's mail address.
    Email,
    /// Tokens that outlast the visit: a refresh token.
    OfflineAccess,
    /// Everything that the person may do.
    Everything,
    /// One thing that the person may do.
    May(Permission),
}

impl ScopeWord {
    /// Those that are about who the person is.
    pub const PLAIN: [Self; 4] = [Self::Openid, Self::Profile, Self::Email, Self::OfflineAccess];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openid => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
            Self::Everything => "*",
            Self::May(permission) => permission.as_str(),
        }
    }
}

impl fmt::Display for ScopeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ScopeWord {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = Self::PLAIN.into_iter().chain([Self::Everything]).find(|word| word.as_str() == text);
        let may = || text.parse().ok().filter(|one: &Permission| !one.is_of_the_platform()).map(Self::May);
        let neither =
            ParseError::new("is neither openid, profile, email, offline_access, * nor a permission");
        plain.or_else(may).ok_or(neither)
    }
}

text_type!(ScopeWord, format = r"^([a-z_]+(\.[a-z_]+)?|\*)$");

/// What a client may do, or was let do: words apart by spaces on the wire of OAuth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope(pub BTreeSet<ScopeWord>);

impl Scope {
    /// Those of some words that are among these. What is not understood is left out (`OpenID` Connect Core, section 3.1.2.1). Whoever may do
    /// everything may do each thing.
    #[must_use]
    pub fn of_asked(&self, asked: &str) -> Self {
        let words = asked.split(' ').filter_map(|word| word.parse().ok());
        Self(words.filter(|word| self.holds(*word)).collect())
    }

    /// Whether a word is among these, or follows from one that is.
    pub fn holds(&self, word: ScopeWord) -> bool {
        let follows = matches!(word, ScopeWord::May(_)) && self.0.contains(&ScopeWord::Everything);
        follows || self.0.contains(&word)
    }

    /// Whether all of some words are among these.
    pub fn covers(&self, others: &Self) -> bool {
        others.0.iter().all(|word| self.holds(*word))
    }

    /// Those that are rights, without those about who the person is.
    #[must_use]
    pub fn rights(&self) -> Self {
        Self(self.0.iter().copied().filter(|word| !ScopeWord::PLAIN.contains(word)).collect())
    }

    /// The rights among them, as keys have them.
    pub fn as_scopes(&self) -> Scopes {
        if self.0.contains(&ScopeWord::Everything) {
            return Scopes::All;
        }
        let permission = |word: &ScopeWord| match word {
            ScopeWord::May(permission) => Some(*permission),
            _ => None,
        };
        Scopes::Some(self.0.iter().filter_map(permission).collect())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{word}")?;
        }
        Ok(())
    }
}

/// What else a client is told of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtraClaim {
    /// The roles that they have somewhere.
    Roles,
    /// What they may do somewhere.
    Permissions,
    /// The groups that they are in, those above included.
    Groups,
}

impl ExtraClaim {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Roles, Self::Permissions, Self::Groups];

    /// The claim's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Permissions => "permissions",
            Self::Groups => "groups",
        }
    }
}

impl fmt::Display for ExtraClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ExtraClaim {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|claim| claim.as_str() == text);
        known.ok_or(ParseError::new("is neither roles, permissions nor groups"))
    }
}

text_type!(ExtraClaim, format = "^(roles|permissions|groups)$");

/// What can be changed of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What people call it, and see when they log in.
    pub name: Name,
    /// Where people may be sent back to with a code.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where people may be sent to who logged out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// How it gets tokens.
    pub grants: BTreeSet<Grant>,
    /// What it may ask for.
    pub scope: Scope,
    /// What else it is told of people.
    pub claims: BTreeSet<ExtraClaim>,
    /// How its id tokens are signed.
    pub id_token_algorithm: Algorithm,
    /// Whether it has to prove that the code that it comes with was asked for by itself (RFC 7636).
    pub require_pkce: bool,
    /// The service key whose rights it acts with by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_key: Option<KeyId>,
}

impl Terms {
    /// What can not be so, with the field of each fault. A client that keeps no secret proves nothing by being it.
    pub fn faults(&self, confidential: bool) -> Faults {
        let mut faults = Faults::default();
        for (field, uris) in [
            ("/redirect_uris", &self.redirect_uris),
            ("/post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ] {
            if uris.len() > MOST_URIS {
                faults.push(field, "has more than 20 addresses");
            }
            for (at, uri) in uris.iter().enumerate() {
                if confidential && uri.is_private_use() {
                    faults.push(
                        format!("{field}/{at}"),
                        "is of an app's own scheme, and an app keeps no secret",
                    );
                }
                if uris[..at].contains(uri) {
                    faults.push(format!("{field}/{at}"), "stands here twice");
                }
            }
        }
        if self.grants.is_empty() {
            faults.push("/grants", "is empty");
        }
        if self.grants.contains(&Grant::AuthorizationCode) && self.redirect_uris.is_empty() {
            faults.push("/redirect_uris", "is empty, and people could not be sent back");
        }
        if self.grants.contains(&Grant::ClientCredentials) {
            if !confidential {
                faults.push("/grants", "has client_credentials, which takes a secret");
            }
            if self.service_key.is_none() {
                faults.push("/service_key_id", "is missing, and client_credentials would act with no rights");
            }
        }
        if !confidential && !self.require_pkce {
            faults.push(
                "/require_pkce",
                "is false, and a client that keeps no secret has nothing else to prove itself by",
            );
        }
        faults
    }
}

/// A client without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthClient {
    /// Its id, which is public.
    pub id: ClientId,
    /// The tenant whose people log in to it.
    pub tenant: TenantId,
    /// Whether it keeps a secret.
    pub confidential: bool,
    /// What it may do.
    pub terms: Terms,
    /// Until when the secret before its last rotation works.
    pub previous_until: Option<Timestamp>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl OauthClient {
    /// The client on other terms.
    #[must_use]
    pub fn changed(&self, terms: Terms, at: Timestamp) -> Self {
        Self { terms, version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The client with another secret, beside which the one before works for a while.
    #[must_use]
    pub fn rotated(&self, previous_until: Timestamp, at: Timestamp) -> Self {
        let previous_until = Some(previous_until);
        Self { previous_until, version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The address that a request names, if the client has registered it: letter by letter, but for the port where an app that keeps no secret
    /// listens on the person's own machine.
    pub fn returns_to(&self, named: &str) -> Option<RedirectUri> {
        let named: RedirectUri = named.parse().ok()?;
        let is =
            |known: &RedirectUri| *known == named || (!self.confidential && known.differs_by_port(&named));
        self.terms.redirect_uris.iter().any(is).then_some(named)
    }

    /// Whether it gets tokens in a way.
    pub fn may(&self, grant: Grant) -> bool {
        self.terms.grants.contains(&grant)
    }
}

/// What the text of every secret begins with.
const PREFIX: &str = "rc";

/// The secret of a client as it has it. Shown once; never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// Which client it is.
    pub id: ClientId,
    secret: [u8; 32],
}

impl ClientSecret {
    /// Makes a secret of 256 random bits.
    pub const fn new(id: ClientId, random: [u8; 32]) -> Self {
        Self { id, secret: random }
    }

    /// What is stored of it, which has 256 bits of entropy: a plain hash cannot be searched.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that the client presents.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.id.uuid(), &self.secret)
    }
}

impl FromStr for ClientSecret {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not a secret of a client"))?;
        Ok(Self { id: ClientId::from_uuid(id), secret })
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientSecret({}, …)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_app_listens_on_any_port_of_its_own_machine() {
        let client = |confidential, uris: &[&str]| OauthClient {
            id: "cli_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            tenant: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            confidential,
            terms: Terms {
                name: "x".parse().unwrap(),
                redirect_uris: uris.iter().map(|uri| uri.parse().unwrap()).collect(),
                post_logout_redirect_uris: Vec::new(),
                grants: [Grant::AuthorizationCode].into(),
                scope: Scope::default(),
                claims: BTreeSet::new(),
                id_token_algorithm: Algorithm::Rs256,
                require_pkce: true,
                service_key: None,
            },
            previous_until: None,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let uris = [
            "http://127.0.0.1/cb?a=b",
            "http://[::1]:8000",
            "http://localhost:80/cb",
            "https://app.example.com/cb",
        ];
        let app = client(false, &uris);
        for good in [
            "http://127.0.0.1/cb?a=b",
            "http://127.0.0.1:49152/cb?a=b",
            "http://[::1]:1",
            "http://[::1]",
            "http://localhost:80/cb",
            "https://app.example.com/cb",
        ] {
            assert_eq!(app.returns_to(good).unwrap().as_str(), good);
        }
        for bad in [
            "http://127.0.0.1:49152/cb",
            "http://127.0.0.1:49152/cb?a=b&c=d",
            "http://127.0.0.1:99999/cb?a=b",
            "http://127.0.0.1:/cb?a=b",
            "http://127.0.0.1:80@evil.example/cb?a=b",
            "http://127.0.0.1.evil.example/cb?a=b",
            "http://127.0.0.2/cb?a=b",
            "https://127.0.0.1/cb?a=b",
            "http://[::1]:1/",
            "http://localhost:81/cb",
            "https://app.example.com:444/cb",
            "",
        ] {
            assert_eq!(app.returns_to(bad), None, "{bad}");
        }
        // Who keeps a secret does not run on a person's machine.
        let server = client(true, &uris);
        assert!(server.returns_to("http://127.0.0.1/cb?a=b").is_some());
        assert_eq!(server.returns_to("http://127.0.0.1:49152/cb?a=b"), None);
    }

    #[test]
    fn what_is_asked_for_and_not_understood_is_left_out() {
        let own = Scope([ScopeWord::Openid, ScopeWord::Email, ScopeWord::May(Permission::AppRead)].into());
        assert_eq!(
            own.of_asked("openid app.read app.create telepathy  profile").to_string(),
            "openid app.read"
        );
        assert_eq!(own.of_asked("*").to_string(), "");
        let all = Scope([ScopeWord::Everything].into());
        assert_eq!(all.of_asked("openid app.read").to_string(), "app.read");
        assert!(all.covers(&own.rights()) && !all.covers(&own) && !own.covers(&all));
        assert!("platform_tenant.list".parse::<ScopeWord>().is_err());
    }

    #[test]
    fn terms_that_cannot_be_are_told_with_their_fields() {
        let terms = Terms {
            name: "x".parse().unwrap(),
            redirect_uris: vec!["com.example.app:/cb".parse().unwrap()],
            post_logout_redirect_uris: Vec::new(),
            grants: [Grant::AuthorizationCode].into(),
            scope: Scope::default(),
            claims: BTreeSet::new(),
            id_token_algorithm: Algorithm::Rs256,
            require_pkce: true,
            service_key: None,
        };
        let fields = |terms: &Terms, confidential| -> Vec<String> {
            terms.faults(confidential).0.into_iter().map(|fault| fault.pointer).collect()
        };
        assert_eq!(fields(&terms, false), [""; 0]);
        assert_eq!(fields(&terms, true), ["/redirect_uris/0"]);
        let loose = Terms { require_pkce: false, redirect_uris: Vec::new(), ..terms.clone() };
        assert_eq!(fields(&loose, false), ["/redirect_uris", "/require_pkce"]);
        let robot = Terms { grants: [Grant::ClientCredentials].into(), ..loose };
        assert_eq!(fields(&robot, true), ["/service_key_id"]);
        assert_eq!(fields(&Terms { grants: BTreeSet::new(), ..terms }, false), ["/grants"]);
    }

    proptest! {
        #[test]
        fn secrets_are_read_as_they_are_written(id: u128, secret: [u8; 32]) {
            let secret = ClientSecret::new(ClientId::from_uuid(uuid::Uuid::from_u128(id)), secret);
            prop_assert_eq!(secret.reveal().parse::<ClientSecret>().unwrap(), secret);
        }
    }
}
