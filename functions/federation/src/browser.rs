//! The browser that a login by a provider began in: it holds a secret in a cookie, without which nothing of that login is good.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::header;
use http::request::Parts;
use rookery_domain::hash::Sha256;
use rookery_edge::{Context, Issuer, Problem};
use rookery_store::federation::WAITS_FOR;

/// Bound to the host by its name (RFC 6265bis, section 4.1.3.2): no other host of the domain can put one there.
const NAME: &str = "__Host-rookery-login";
/// Browsers keep `Secure` cookies over plain HTTP nowhere; so on this very machine the cookie goes without.
const NAME_ON_LOOPBACK: &str = "rookery-login";

/// Whether the platform is asked without TLS, which is so on this machine only.
pub(crate) fn is_loopback(issuer: &Issuer) -> bool {
    ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|own| {
        issuer.0.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// A token of 256 bits in its text.
pub(crate) fn reveal(token: &[u8; 32]) -> String {
    BASE64URL.encode(token)
}

/// The token of a text.
pub(crate) fn parse(text: &str) -> Option<[u8; 32]> {
    BASE64URL.decode(text).ok()?.try_into().ok()
}

/// The secret of the browser that asks, if it has one.
pub(crate) struct Browser(pub(crate) Option<[u8; 32]>);

impl Browser {
    /// The digest of the secret; of none, one that nothing has.
    pub(crate) fn is(&self, digest: &Sha256) -> bool {
        self.0.is_some_and(|secret| Sha256::of(&secret) == *digest)
    }
}

impl FromRequestParts<Context> for Browser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let issuer = Issuer::from_request_parts(parts, context).await?;
        let name = if is_loopback(&issuer) { NAME_ON_LOOPBACK } else { NAME };
        let headers = parts.headers.get_all(header::COOKIE).iter();
        let cookies = headers.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
        let own =
            cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(known, _)| *known == name);
        Ok(Self(own.and_then(|(_, value)| parse(value))))
    }
}

/// What lets the browser keep its secret for as long as a login may take.
pub(crate) fn cookie(issuer: &Issuer, secret: &[u8; 32]) -> String {
    let (name, secure) = if is_loopback(issuer) { (NAME_ON_LOOPBACK, "") } else { (NAME, "; Secure") };
    let seconds = 2 * WAITS_FOR.as_secs();
    format!("{name}={}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", reveal(secret))
}

/// What a login is bound to besides its state, made of the state and the browser's secret: neither is stored, and neither goes through
/// an address without the other.
pub(crate) struct Bound {
    /// The nonce that the provider writes into its token.
    pub(crate) nonce: String,
    /// The verifier of the code (RFC 7636).
    pub(crate) verifier: String,
}

impl Bound {
    pub(crate) fn new(state: &[u8; 32], secret: &[u8; 32]) -> Self {
        let of = |what: &[u8]| BASE64URL.encode(Sha256::of_parts(&[what, state, secret]).as_bytes());
        Self { nonce: of(b"rookery federation nonce"), verifier: of(b"rookery federation verifier") }
    }

    /// What the provider is shown of the verifier.
    pub(crate) fn challenge(&self) -> String {
        BASE64URL.encode(Sha256::of(self.verifier.as_bytes()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_goes_without_tls() {
        for (issuer, expected) in [
            ("http://127.0.0.1:4566/x", true),
            ("http://localhost", true),
            ("http://[::1]:80", true),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("https://localhost", false),
            ("https://rookery.test", false),
        ] {
            assert_eq!(is_loopback(&Issuer(issuer.to_owned())), expected, "{issuer}");
        }
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn a_challenge_is_the_digest_of_the_verifier() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let bound = Bound { nonce: String::new(), verifier };
        assert_eq!(bound.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
