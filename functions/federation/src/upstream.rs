//! What is asked of a provider: who it is, its keys, and who somebody is that came back from there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rookery_domain::event::DenialReason;
use rookery_domain::id_token::{Expected, Fault, IdClaims};
use rookery_domain::identity_provider::{GITHUB, IdentityProvider, Kind};
use rookery_edge::jwks::{Keys, Published};
use rookery_edge::{Context, Problem};
use rookery_store::StoreError;
use rookery_store::outbound::{Failure, Outbound};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::browser::Bound;

/// For how long what a provider publishes is believed.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long after a reading an unknown key is believed to be unknown without another one.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// Most providers that are remembered; everything is forgotten when there are so many.
const MOST: usize = 1000;

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// For a reason of the login itself, with what the log says of it.
    Login(DenialReason, &'static str),
    /// The provider did not answer, or not with what was asked for.
    Provider(Failure),
    /// Something else went wrong.
    Problem(Problem),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Provider(failure)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Login(DenialReason::ProviderToken, fault.as_str())
    }
}

/// What a provider says of itself (`OpenID` Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Described {
    issuer: String,
    pub(crate) authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

impl Described {
    /// Which scopes are asked for.
    pub(crate) fn scopes(&self, provider: &IdentityProvider) -> String {
        if provider.kind == Kind::Github {
            return "read:user user:email".to_owned();
        }
        let mut scopes = "openid email profile".to_owned();
        let groups = provider.choice.group_claim.is_some();
        if groups && self.scopes_supported.iter().any(|scope| scope == "groups") {
            scopes.push_str(" groups");
        }
        scopes
    }
}

/// Somebody as a provider knows it.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The provider's name for it.
    pub(crate) subject: String,
    /// Mail addresses that the provider says are its own.
    pub(crate) emails: Vec<String>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Values of the group claim.
    pub(crate) groups: Vec<String>,
}

/// What somebody brought back from a provider.
pub(crate) struct Brought<'a> {
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) bound: &'a Bound,
    pub(crate) secret: Option<&'a str>,
}

/// What providers said a while ago. All of it is public, and the same for every tenant.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    described: Mutex<HashMap<String, (Timestamp, Arc<Described>)>>,
    keys: Mutex<HashMap<String, (Timestamp, Arc<Keys>)>>,
}

fn recall<T>(
    of: &Mutex<HashMap<String, (Timestamp, Arc<T>)>>,
    key: &str,
    now: Timestamp,
) -> Option<(Timestamp, Arc<T>)> {
    let known = of.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
    known.filter(|(read, _)| now.duration_since(*read) < KEPT)
}

fn remember<T>(
    of: &Mutex<HashMap<String, (Timestamp, Arc<T>)>>,
    key: &str,
    now: Timestamp,
    value: T,
) -> Arc<T> {
    let value = Arc::new(value);
    let mut known = of.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(key.to_owned(), (now, Arc::clone(&value)));
    value
}

/// `name=value` pairs as a form writes them.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

impl Memory {
    /// What a provider says of itself.
    pub(crate) async fn described(
        &self,
        context: &Context,
        provider: &IdentityProvider,
    ) -> Result<Arc<Described>, Refusal> {
        if provider.kind == Kind::Github {
            return Ok(Arc::new(github(provider)));
        }
        let issuer = provider.issuer.as_str();
        if let Some((_, known)) = recall(&self.described, issuer, context.now()) {
            return Ok(known);
        }
        let url = provider.issuer.join("/.well-known/openid-configuration");
        let described: Described = context.clients().outbound().get(&url, &[]).await?;
        if described.issuer != issuer {
            return Err(Refusal::Login(DenialReason::ProviderAnswer, "the provider says that it is another"));
        }
        Ok(remember(&self.described, issuer, context.now(), described))
    }

    /// Who somebody is that came back with a code.
    pub(crate) async fn identify(
        &self,
        context: &Context,
        provider: &IdentityProvider,
        brought: &Brought<'_>,
    ) -> Result<Identity, Refusal> {
        let described = self.described(context, provider).await?;
        let outbound = context.clients().outbound();
        let answer = exchange(outbound, provider, &described, brought).await?;
        match provider.kind {
            Kind::Github => github_identity(outbound, provider, &answer).await,
            Kind::Oidc | Kind::Google => {
                let claims = self.believe(context, &described, &answer).await?;
                let expected = Expected {
                    issuer: provider.issuer.as_str(),
                    client_id: &provider.choice.client_id,
                    nonce: &brought.bound.nonce,
                    now: context.now(),
                };
                claims.check(expected)?;
                identity(outbound, provider, &described, &answer, claims).await
            }
        }
    }

    /// What the provider's token says, if one of its keys signed it. Where none has the name of the token's key, they are read again, at
    /// most once in a few seconds.
    async fn believe(
        &self,
        context: &Context,
        described: &Described,
        answer: &TokenAnswer,
    ) -> Result<IdClaims, Refusal> {
        let token = answer.id_token.as_deref();
        let token = token.ok_or(Refusal::Login(DenialReason::ProviderAnswer, "there is no ID token"))?;
        let now = context.now();
        if let Some((read, keys)) = recall(&self.keys, &described.jwks_uri, now) {
            match keys.read(token) {
                Err(Fault::UnknownKey) if now.duration_since(read) >= READ_AGAIN_AFTER => {}
                told => return Ok(told?),
            }
        }
        let published: Published = context.clients().outbound().get(&described.jwks_uri, &[]).await?;
        let keys = remember(&self.keys, &described.jwks_uri, now, Keys::from(published));
        Ok(keys.read(token)?)
    }
}

fn github(provider: &IdentityProvider) -> Described {
    Described {
        issuer: provider.issuer.to_string(),
        authorization_endpoint: provider.issuer.join("/login/oauth/authorize"),
        token_endpoint: provider.issuer.join("/login/oauth/access_token"),
        jwks_uri: String::new(),
        userinfo_endpoint: None,
        token_endpoint_auth_methods_supported: Some(vec!["client_secret_post".to_owned()]),
        scopes_supported: Vec::new(),
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

async fn exchange(
    outbound: &Outbound,
    provider: &IdentityProvider,
    described: &Described,
    brought: &Brought<'_>,
) -> Result<TokenAnswer, Refusal> {
    let client = provider.choice.client_id.as_str();
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", brought.code),
        ("redirect_uri", brought.redirect_uri),
        ("code_verifier", brought.bound.verifier.as_str()),
    ];
    let mut headers = Vec::new();
    // Basic, unless the provider knows the other way only (RFC 6749, section 2.3.1).
    let methods = described.token_endpoint_auth_methods_supported.as_ref();
    let basic = methods.is_none_or(|known| known.iter().any(|method| method == "client_secret_basic"));
    match brought.secret {
        Some(secret) if basic => {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let both = BASE64.encode(format!("{}:{}", encode(client), encode(secret)));
            headers.push(("authorization", format!("Basic {both}")));
        }
        Some(secret) => pairs.extend([("client_id", client), ("client_secret", secret)]),
        None => pairs.push(("client_id", client)),
    }
    Ok(outbound.post(&described.token_endpoint, &headers, form(&pairs)).await?)
}

fn bearer(answer: &TokenAnswer) -> Result<[(&'static str, String); 1], Refusal> {
    let token = answer.access_token.as_deref().filter(|token| !token.is_empty());
    let token = token.ok_or(Refusal::Login(DenialReason::ProviderAnswer, "there is no access token"))?;
    Ok([("authorization", format!("Bearer {token}"))])
}

async fn identity(
    outbound: &Outbound,
    provider: &IdentityProvider,
    described: &Described,
    answer: &TokenAnswer,
    claims: IdClaims,
) -> Result<Identity, Refusal> {
    let wanted = provider.choice.group_claim.as_deref();
    let lacks = !claims.has_email() || wanted.is_some_and(|claim| claims.texts(claim).is_empty());
    let claims = match &described.userinfo_endpoint {
        Some(endpoint) if lacks && answer.access_token.is_some() => {
            let further: Map<String, Value> = outbound.get(endpoint, &bearer(answer)?).await?;
            let further = IdClaims::new(further);
            // Another person's answer may be put in the place of this one's (OpenID Connect Core 1.0, section 5.3.2).
            if further.subject() != claims.subject() {
                return Err(Fault::Subject.into());
            }
            claims.completed_by(further)
        }
        _ => claims,
    };
    Ok(Identity {
        subject: claims.subject().ok_or(Fault::Subject)?.to_owned(),
        emails: claims.verified_email().map(str::to_owned).into_iter().collect(),
        name: claims.name().map(str::to_owned),
        groups: wanted.map(|claim| claims.texts(claim)).unwrap_or_default(),
    })
}

#[derive(Debug, Deserialize)]
struct GithubUser {
    id: u64,
    #[serde(default)]
    name: Option<String>,
    login: String,
}

#[derive(Debug, Deserialize)]
struct GithubEmail {
    email: String,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    verified: bool,
}

async fn github_identity(
    outbound: &Outbound,
    provider: &IdentityProvider,
    answer: &TokenAnswer,
) -> Result<Identity, Refusal> {
    let headers = bearer(answer)?;
    let base = match provider.issuer.as_str() {
        GITHUB => "https://api.github.com".to_owned(),
        _ => provider.issuer.join("/api/v3"),
    };
    let user: GithubUser = outbound.get(&format!("{base}/user"), &headers).await?;
    let mut emails: Vec<GithubEmail> = outbound.get(&format!("{base}/user/emails"), &headers).await?;
    emails.retain(|email| email.verified);
    emails.sort_by_key(|email| !email.primary);
    Ok(Identity {
        subject: user.id.to_string(),
        emails: emails.into_iter().map(|email| email.email).collect(),
        name: user.name.or(Some(user.login)),
        groups: Vec::new(),
    })
}
