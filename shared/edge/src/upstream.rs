//! Tokens that others sign: believed by the keys that they publish (`OpenID` Connect Discovery), which are kept in memory for a while.
//!
//! A tenant names the issuer. So a token chooses nothing of where its keys are read: neither its own claims nor its header do, and an
//! unknown key is looked for again only so often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jiff::{SignedDuration, Timestamp};
use rookery_domain::identity_provider::IssuerUrl;
use rookery_domain::token_key::{Algorithm, PublicKey};
use rookery_store::outbound::{Failure, Outbound};
use rookery_store::token_key::Verifier;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Context;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;
/// For how long the keys of an issuer are believed before they are read again.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long after a reading an unknown key is believed to be unknown without another one.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How many issuers are remembered at a time.
const MOST_ISSUERS: usize = 200;

/// Why a token is not believed. For logs and the audit trail; whoever shows it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Longer than any that is looked at.
    TooLong,
    /// Not a token.
    Malformed,
    /// The header names no key, an algorithm that is not the key's, or demands what is not known.
    Header,
    /// No key of the issuer has the name.
    UnknownKey,
    /// Another key signed, or nobody.
    Signature,
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
        }
    }
}

/// What of a header is looked at. Keys that it brings along or points to are not.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

#[derive(Debug, Deserialize)]
struct Published {
    keys: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    #[serde(flatten)]
    public: PublicKey,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

/// The keys of an issuer, by their names.
#[derive(Debug, Default)]
struct Keys(HashMap<String, Verifier>);

impl Keys {
    /// Those of the published keys that sign, with an algorithm that is known here. Others are none of ours.
    fn of(published: Published) -> Self {
        Self(published.keys.into_iter().filter_map(usable).collect())
    }

    fn read(&self, token: &str) -> Result<Map<String, Value>, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Malformed)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| Fault::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Fault::Header)?;
        let kid = header.kid.filter(|_| header.crit.is_none()).ok_or(Fault::Header)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let verifier = self.0.get(&kid).ok_or(Fault::UnknownKey)?;
        if header.alg != verifier.algorithm.as_str() {
            return Err(Fault::Header);
        }
        if !verifier.verify(signed.as_bytes(), &signature) {
            return Err(Fault::Signature);
        }
        serde_json::from_slice(&payload).map_err(|_| Fault::Malformed)
    }
}

fn usable(key: Value) -> Option<(String, Verifier)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let algorithm = match &key.public {
        PublicKey::Rsa { .. } => Algorithm::Rs256,
        PublicKey::Ec { .. } => Algorithm::Es256,
    };
    let signs = key.purpose.is_none_or(|purpose| purpose == "sig");
    let fits = key.alg.is_none_or(|named| named == algorithm.as_str());
    let verifier = Verifier::new(algorithm, &key.public).ok().filter(|_| signs && fits)?;
    Some((key.kid, verifier))
}

/// The keys of issuers that were read a while ago; of those that did not answer, none.
#[derive(Debug, Default)]
pub(crate) struct Upstreams(Mutex<HashMap<String, (Timestamp, Arc<Keys>)>>);

impl Upstreams {
    fn recall(&self, issuer: &IssuerUrl) -> Option<(Timestamp, Arc<Keys>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(issuer.as_str()).cloned()
    }

    fn remember(&self, issuer: &IssuerUrl, keys: Arc<Keys>, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_ISSUERS {
            known.clear();
        }
        known.insert(issuer.as_str().to_owned(), (now, keys));
    }
}

impl Context {
    /// What a token says that an issuer signed, or why it is not believed, which is for logs alone. Whom it is for and when it is good is
    /// for the caller to ask.
    pub async fn believe_upstream(
        &self,
        issuer: &IssuerUrl,
        token: &str,
    ) -> Result<Map<String, Value>, Fault> {
        let now = self.now();
        let known = self.upstreams().recall(issuer);
        if let Some((read, keys)) = known.filter(|(read, _)| now.duration_since(*read) < KEYS_KEPT) {
            match keys.read(token) {
                Err(Fault::UnknownKey) if now.duration_since(read) >= READ_AGAIN_AFTER => {}
                told => return told,
            }
        } else if let Err(fault @ (Fault::TooLong | Fault::Malformed | Fault::Header)) =
            Keys::default().read(token)
        {
            return Err(fault);
        }
        let read = keys_of(self.clients().outbound(), issuer).await;
        // Also that there was no answer is remembered: a stranger does not make the platform ask again and again.
        let keys = Arc::new(read.unwrap_or_else(|failure| {
            tracing::warn!(upstream.issuer = %issuer, error = %failure, "the keys of an issuer cannot be read");
            Keys::default()
        }));
        self.upstreams().remember(issuer, Arc::clone(&keys), now);
        keys.read(token)
    }
}

async fn keys_of(outbound: &Outbound, issuer: &IssuerUrl) -> Result<Keys, Failure> {
    let discovered: Discovered = outbound.get(&issuer.join("/.well-known/openid-configuration"), &[]).await?;
    if discovered.issuer != issuer.as_str() {
        return Err(Failure::Address("the document is another issuer's"));
    }
    Ok(Keys::of(outbound.get(&discovered.jwks_uri, &[]).await?))
}
