//! Clients as the API shows them.

use jiff::Timestamp;
use rookery_domain::id::{ClientId, KeyId};
use rookery_domain::oauth_client::{self, ExtraClaim, Grant, RedirectUri, ScopeWord};
use rookery_domain::text::{Name, ParseError};
use rookery_domain::token_key::Algorithm;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a client keeps a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, deserr::Deserr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[deserr(try_from(&String) = Kind::parse -> ParseError)]
pub enum Kind {
    /// It does: it runs where nobody else looks.
    Confidential,
    /// It does not: it runs in browsers or on devices.
    Public,
}

impl Kind {
    fn parse(text: &str) -> Result<Self, ParseError> {
        match text {
            "confidential" => Ok(Self::Confidential),
            "public" => Ok(Self::Public),
            _ => Err(ParseError::new("is neither confidential nor public")),
        }
    }
}

/// A client that people log in to.
#[derive(Debug, Serialize, ToSchema)]
pub struct OauthClient {
    /// Its id, by which it asks.
    pub id: ClientId,
    /// What people call it, and see when they log in.
    pub name: Name,
    /// Whether it keeps a secret.
    pub kind: Kind,
    /// Where people may be sent back to with a code, compared letter by letter.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where people may be sent to who logged out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// How it gets tokens.
    pub grants: Vec<Grant>,
    /// What it may ask for: `openid`, `profile`, `email`, `offline_access`, permissions, or `*`.
    pub scopes: Vec<ScopeWord>,
    /// What else it is told of people: `roles`, `permissions`, `groups`.
    pub claims: Vec<ExtraClaim>,
    /// How its id tokens are signed.
    pub id_token_algorithm: Algorithm,
    /// Whether it has to prove that the code that it comes with was asked for by itself (RFC 7636).
    pub require_pkce: bool,
    /// The service key whose rights it acts with by itself.
    pub service_key_id: Option<KeyId>,
    /// Until when the secret before its last rotation works beside the current one.
    pub previous_secret_until: Option<Timestamp>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<oauth_client::OauthClient> for OauthClient {
    fn from(client: oauth_client::OauthClient) -> Self {
        let terms = client.terms;
        Self {
            id: client.id,
            name: terms.name,
            kind: if client.confidential { Kind::Confidential } else { Kind::Public },
            redirect_uris: terms.redirect_uris,
            post_logout_redirect_uris: terms.post_logout_redirect_uris,
            grants: terms.grants.into_iter().collect(),
            scopes: terms.scope.0.into_iter().collect(),
            claims: terms.claims.into_iter().collect(),
            id_token_algorithm: terms.id_token_algorithm,
            require_pkce: terms.require_pkce,
            service_key_id: terms.service_key,
            previous_secret_until: client.previous_until,
            version: client.version,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// A client in the one answer that shows its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewOauthClient {
    /// The client.
    #[serde(flatten)]
    pub client: OauthClient,
    /// What it shows at the token endpoint; a public client has none. Shown here and never again.
    #[schema(example = "rc_…")]
    pub secret: Option<String>,
}
