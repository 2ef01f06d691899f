//! Tokens that others sign: believed by the keys that they publish (`OpenID` Connect Discovery), which are kept in memory for a while.
//!
//! A tenant names the issuer. So a token chooses nothing of where its keys are read: neither its own claims nor its header do, and an
//! unknown key is looked for again only so often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rookery_domain::id_token::Fault;
use rookery_domain::identity_provider::IssuerUrl;
use rookery_store::outbound::{Failure, Outbound};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Context;
use crate::jwks::{Keys, Published};

/// For how long the keys of an issuer are believed before they are read again.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long after a reading an unknown key is believed to be unknown without another one.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How many issuers are remembered at a time.
const MOST_ISSUERS: usize = 200;

#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
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
            Keys::default().read::<Value>(token)
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
    let published: Published = outbound.get(&discovered.jwks_uri, &[]).await?;
    Ok(Keys::from(published))
}
