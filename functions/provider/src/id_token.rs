//! Id tokens: who the person is and how it logged in, for one client (`OpenID` Connect Core, section 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rookery_domain::access_token::LIFE_S;
use rookery_domain::hash::Sha256;
use rookery_domain::oauth_client::Scope;
use rookery_domain::session::Session;
use rookery_edge::{Context, Issuer, Problem};
use serde_json::{Value, json};

use crate::client::Known;
use crate::person;

/// What the header of an id token says it is.
pub(crate) const ID_TOKEN: &str = "JWT";

/// The level of a login with one factor.
pub(crate) const ONE_FACTOR: &str = "aal1";
/// The level of a login with two.
pub(crate) const TWO_FACTORS: &str = "aal2";

/// The id token that goes with an access token of a session.
pub(crate) async fn write(
    context: &Context,
    issuer: &Issuer,
    known: &Known,
    (session, scope): (&Session, &Scope),
    nonce: Option<&str>,
    access_token: &str,
) -> Result<String, Problem> {
    let now = context.now().as_second();
    let terms = &known.client.terms;
    let mut claims = person::claims(context, &known.scope, session.user, scope, terms).await?;
    let proof = &session.proof;
    let level = if proof.second_factor_at.is_some() { TWO_FACTORS } else { ONE_FACTOR };
    let methods: Vec<&str> = proof.methods.iter().map(|method| method.as_str()).collect();
    for (name, value) in [
        ("iss", json!(issuer.0)),
        ("aud", json!(known.client.id)),
        ("azp", json!(known.client.id)),
        ("iat", json!(now)),
        ("exp", json!(now + LIFE_S)),
        ("auth_time", json!(proof.at.as_second())),
        ("amr", json!(methods)),
        ("acr", json!(level)),
        ("sid", json!(session.id)),
        ("at_hash", json!(half_hash(access_token))),
        ("nonce", nonce.map_or(Value::Null, Value::from)),
    ] {
        if !value.is_null() {
            claims.insert(name.to_owned(), value);
        }
    }
    context.sign_token(terms.id_token_algorithm, ID_TOKEN, &claims).await
}

/// The left half of a token's digest: what binds it to the id token (`OpenID` Connect Core, section 3.1.3.6).
fn half_hash(token: &str) -> String {
    BASE64URL.encode(&Sha256::of(token.as_bytes()).as_bytes()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_core_holds() {
        // `OpenID` Connect Core, appendix A.3: the access token and `at_hash` of its id token.
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
