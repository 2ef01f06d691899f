//! Access tokens: signed JWTs (RFC 7519), made and believed.
//!
//! What is believed is narrow on purpose: one type, the algorithm that the named key is for, and a header that says nothing else. A key
//! that a token brings along or points to is never looked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use rookery_domain::access_token::{Claims, Fault, LONGEST};
use rookery_domain::token_key::{self as plan, Algorithm, TokenKey};
use rookery_store::token_key::{self, Signer, Verifier};
use rookery_store::{StoreError, Variable};
use serde::{Deserialize, Serialize};

use crate::request::gateway_base;
use crate::{Context, Problem};

/// The type of an access token (RFC 9068, section 2.1).
pub const ACCESS_TOKEN: &str = "at+jwt";
/// For how long the published keys are believed before they are read again: a key that an operator withdraws is refused after that.
const KEYS_KEPT: SignedDuration = SignedDuration::from_secs(60);
/// How long after a reading an unknown key is believed to be unknown without another one.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// How long a private key stays in memory.
const OPENED_KEPT: SignedDuration = SignedDuration::from_mins(5);

/// Who makes tokens here, and whom they are for: the platform's base URL, as it is configured, or else as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(pub String);

impl FromRequestParts<Context> for Issuer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        if let Some(configured) = context.settings().get(Variable::PublicUrl) {
            return Ok(Self(configured.trim_end_matches('/').to_owned()));
        }
        gateway_base(parts).map(Self)
    }
}

/// The header of every token of ours. Anything else in it is refused, `jku`, `x5u`, `jwk` and `crit` among them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// The public keys that are believed, ready for use.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, (Verifier, Timestamp)>);

impl Keys {
    /// The keys that are believed at an instant.
    pub fn of(keys: &[TokenKey], now: Timestamp) -> Result<Self, StoreError> {
        let believed = keys.iter().filter(|key| key.is_believed(now));
        let ready =
            |key: &TokenKey| Ok((key.kid.clone(), (Verifier::new(key.algorithm, &key.public)?, key.gone_at)));
        Ok(Self(believed.map(ready).collect::<Result<_, StoreError>>()?))
    }

    /// What an access token says, if it is to be believed.
    pub fn read(&self, token: &str, issuer: &str, now: Timestamp) -> Result<Claims, Fault> {
        let claims: Claims = self.signed(token, ACCESS_TOKEN, now)?;
        claims.check(issuer, now)?;
        Ok(claims)
    }

    /// What a token of a type says that a key of ours signed. Whether it is to be believed here and now is for the caller to ask.
    pub fn signed<T: for<'de> Deserialize<'de>>(
        &self,
        token: &str,
        kind: &str,
        now: Timestamp,
    ) -> Result<T, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Malformed)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| Fault::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Fault::Header)?;
        if header.typ != kind {
            return Err(Fault::Header);
        }
        let known = self.0.get(&header.kid).filter(|(_, gone_at)| now < *gone_at);
        let (verifier, _) = known.ok_or(Fault::UnknownKey)?;
        if header.alg != verifier.algorithm.as_str() {
            return Err(Fault::Header);
        }
        if !verifier.verify(signed.as_bytes(), &decode(signature)?) {
            return Err(Fault::Signature);
        }
        serde_json::from_slice(&decode(payload)?).map_err(|_| Fault::Malformed)
    }
}

/// A token of a type, signed.
pub fn write(signer: &Signer, kind: &str, payload: &impl Serialize) -> Result<String, Problem> {
    let header = Header { typ: kind.to_owned(), alg: signer.algorithm.to_string(), kid: signer.kid.clone() };
    let part = |json: serde_json::Result<Vec<u8>>| json.map(|json| BASE64URL.encode(json));
    let header = part(serde_json::to_vec(&header)).map_err(Problem::internal)?;
    let payload = part(serde_json::to_vec(payload)).map_err(Problem::internal)?;
    let text = format!("{header}.{payload}");
    let signature = BASE64URL.encode(signer.sign(text.as_bytes())?);
    Ok(format!("{text}.{signature}"))
}

/// The keys that were read a moment ago.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    believed: Mutex<Option<(Timestamp, Arc<Keys>)>>,
    opened: Mutex<HashMap<Algorithm, Opened>>,
}

#[derive(Debug, Clone)]
struct Opened {
    signer: Arc<Signer>,
    /// When it was opened.
    at: Timestamp,
    /// When it was last known to be the one that signs.
    confirmed: Timestamp,
}

impl Context {
    /// What an access token says, if it is to be believed; or why not, which is for logs alone.
    pub async fn believe(&self, token: &str, issuer: &str) -> Result<Result<Claims, Fault>, Problem> {
        self.with_keys(|keys, now| keys.read(token, issuer, now)).await
    }

    /// What a token of another type says that a key of ours signed. Whether it is to be believed here and now is for the caller to ask.
    pub async fn read_signed<T: for<'de> Deserialize<'de>>(
        &self,
        token: &str,
        kind: &str,
    ) -> Result<Result<T, Fault>, Problem> {
        self.with_keys(|keys, now| keys.signed(token, kind, now)).await
    }

    /// Reads a token with the keys that were read a moment ago, and once more if they may have changed since.
    async fn with_keys<T>(
        &self,
        read: impl Fn(&Keys, Timestamp) -> Result<T, Fault>,
    ) -> Result<Result<T, Fault>, Problem> {
        let now = self.now();
        let known = self.key_ring().believed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let recent = known.filter(|(read, _)| now.duration_since(*read) < KEYS_KEPT);
        let Some((since, keys)) = recent else {
            return Ok(read(self.read_keys(now).await?.as_ref(), now));
        };
        match read(&keys, now) {
            Err(Fault::UnknownKey) if now.duration_since(since) >= READ_AGAIN_AFTER => {
                Ok(read(self.read_keys(now).await?.as_ref(), now))
            }
            told => Ok(told),
        }
    }

    async fn read_keys(&self, now: Timestamp) -> Result<Arc<Keys>, Problem> {
        let keys = Arc::new(Keys::of(&token_key::list(self.table()?).await?, now)?);
        let known = Some((now, Arc::clone(&keys)));
        *self.key_ring().believed.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(keys)
    }

    /// Signs a token of a type. Whoever finds no key that signs makes one.
    pub async fn sign_token(
        &self,
        algorithm: Algorithm,
        kind: &str,
        payload: &(impl Serialize + Sync),
    ) -> Result<String, Problem> {
        write(self.signer(algorithm).await?.as_ref(), kind, payload)
    }

    async fn signer(&self, algorithm: Algorithm) -> Result<Arc<Signer>, Problem> {
        let now = self.now();
        let known =
            self.key_ring().opened.lock().unwrap_or_else(PoisonError::into_inner).get(&algorithm).cloned();
        let known = known.filter(|opened| now.duration_since(opened.at) < OPENED_KEPT);
        if let Some(opened) = &known
            && now.duration_since(opened.confirmed) < KEYS_KEPT
        {
            return Ok(Arc::clone(&opened.signer));
        }
        let key = self.signing_key(algorithm, now).await?;
        let opened = match known {
            Some(opened) if opened.signer.kid == key.kid => Opened { confirmed: now, ..opened },
            _ => {
                let signer = token_key::open(self.clients(), &key).await?;
                let signer = signer.ok_or_else(|| Problem::internal("the private half of a key is gone"))?;
                Opened { signer: Arc::new(signer), at: now, confirmed: now }
            }
        };
        let signer = Arc::clone(&opened.signer);
        self.key_ring().opened.lock().unwrap_or_else(PoisonError::into_inner).insert(algorithm, opened);
        Ok(signer)
    }

    async fn signing_key(&self, algorithm: Algorithm, now: Timestamp) -> Result<TokenKey, Problem> {
        let keys = token_key::list(self.table()?).await?;
        if let Some(key) = plan::signer(&keys, algorithm, now) {
            return Ok(key.clone());
        }
        token_key::make(self.clients(), plan::at_once(&keys, algorithm, now)).await?;
        let keys = token_key::list(self.table()?).await?;
        let key = plan::signer(&keys, algorithm, now).cloned();
        key.ok_or_else(|| Problem::internal("a key for tokens that was made does not sign"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,200}", parts in proptest::collection::vec("[A-Za-z0-9_=-]{0,40}", 0..5)) {
            let keys = Keys::default();
            prop_assert!(keys.read(&text, "", Timestamp::UNIX_EPOCH).is_err());
            prop_assert!(keys.read(&parts.join("."), "", Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
