//! The keys that others publish, and whose signature a token has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rookery_domain::id_token::{Fault, LONGEST};
use rookery_domain::token_key::{Algorithm, PublicKey};
use rookery_store::token_key::Verifier;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Keys as they are published (RFC 7517).
#[derive(Debug, Deserialize)]
pub struct Published {
    keys: Vec<Value>,
}

/// The published keys that can be used: those that sign by an algorithm that is known.
#[derive(Debug, Default)]
pub struct Keys(Vec<(Option<String>, Verifier)>);

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl From<Published> for Keys {
    fn from(published: Published) -> Self {
        Self(published.keys.iter().filter_map(usable).collect())
    }
}

fn usable(jwk: &Value) -> Option<(Option<String>, Verifier)> {
    if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let algorithm = match (jwk["kty"].as_str()?, jwk["crv"].as_str()) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        _ => return None,
    };
    if jwk.get("alg").is_some_and(|named| named != algorithm.as_str()) {
        return None;
    }
    let public: PublicKey = serde_json::from_value(jwk.clone()).ok()?;
    let verifier = Verifier::new(algorithm, &public).ok()?;
    Some((jwk["kid"].as_str().map(str::to_owned), verifier))
}

impl Keys {
    /// What a token says that one of the keys signed. The algorithm is the key's own; keys that a token brings along or points to are
    /// never looked at.
    ///
    /// # Errors
    ///
    /// Why it is not believed: for logs and the audit trail, for whoever shows the token is not told. Whom it is for and when it is good is
    /// for the caller to ask.
    pub fn read<T: DeserializeOwned>(&self, token: &str) -> Result<T, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Malformed)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| Fault::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Fault::Malformed)?;
        let algorithm: Algorithm = header.alg.parse().map_err(|_| Fault::Header)?;
        if header.crit.is_some() {
            return Err(Fault::Header);
        }
        let verifier = self.find(header.kid.as_deref(), algorithm)?;
        if !verifier.verify(signed.as_bytes(), &decode(signature)?) {
            return Err(Fault::Signature);
        }
        serde_json::from_slice(&decode(payload)?).map_err(|_| Fault::Malformed)
    }

    /// The key of a name; of a token that names none, the only key there is for its algorithm.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Verifier, Fault> {
        let mut fitting = self.0.iter().filter(|(known, _)| kid.is_none() || known.as_deref() == kid);
        let mut of_algorithm = fitting.clone().filter(|(_, key)| key.algorithm == algorithm);
        match (of_algorithm.next(), of_algorithm.next()) {
            (Some((_, key)), None) => Ok(key),
            (None, _) if kid.is_some() && fitting.next().is_some() => Err(Fault::Header),
            _ => Err(Fault::UnknownKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_told_from_what_is_not_signed() {
        let keys = Keys::default();
        let header = |json: &str| BASE64URL.encode(json);
        for (token, fault) in [
            (String::new(), Fault::Malformed),
            ("a.b.c".to_owned(), Fault::Malformed),
            (format!("{}.e30.", header(r#"{"alg":"none"}"#)), Fault::Header),
            (format!("{}.e30.", header(r#"{"alg":"HS256"}"#)), Fault::Header),
            (format!("{}.e30.", header(r#"{"alg":"RS256","crit":["b64"]}"#)), Fault::Header),
            (format!("{}.e30.", header(r#"{"alg":"RS256","kid":"1"}"#)), Fault::UnknownKey),
            ("x".repeat(LONGEST + 1), Fault::TooLong),
        ] {
            assert_eq!(keys.read::<Value>(&token).err(), Some(fault), "{token:.40}");
        }
    }
}
