//! Tokens for a client that acts by itself, with the rights of its service key (RFC 6749, section 4.4).

use jiff::Timestamp;
use rookery_domain::access_token::{Claims, Holder, LIFE_S};
use rookery_domain::event::DenialReason;
use rookery_domain::id::EventId;
use rookery_domain::oauth_client::Scope;
use rookery_domain::oauth_error::OauthError;
use rookery_domain::token_key::Algorithm;
use rookery_edge::token::ACCESS_TOKEN;
use rookery_store::credential;

use super::Asked;
use crate::failure::Failure;
use crate::token::TokenAnswer;

pub(super) async fn answer(asked: &Asked<'_>) -> Result<TokenAnswer, Failure> {
    let (context, client) = (asked.context, &asked.known.client);
    let (table, now) = (context.table()?, context.now());
    let found = match client.terms.service_key {
        Some(key) => credential::find(table, &asked.known.scope, key).await?,
        None => None,
    };
    let Some(found) = found.filter(|found| found.credential().valid_at(now)) else {
        let why = "the client's service key is good no more";
        return Err(asked.refuse(DenialReason::KeyRevoked, OauthError::UnauthorizedClient, why).await);
    };
    let own = client.terms.scope.rights();
    let scope = asked.fields.get("scope").map_or_else(|| own.clone(), |wanted| own.of_asked(wanted));
    if scope == Scope::default() {
        let why = "scope has nothing that the client may ask for by itself";
        return Err(Failure::Told(OauthError::InvalidScope, why));
    }
    let (from, end) = (now.as_second(), found.key.expires_at.map_or(i64::MAX, Timestamp::as_second));
    let claims = Claims {
        iss: asked.issuer.0.clone(),
        aud: asked.issuer.0.clone(),
        sub: Holder::Key(found.key.id),
        tenant: client.tenant,
        sid: None,
        iat: from,
        nbf: from,
        exp: end.min(from + LIFE_S),
        jti: context.new_id::<EventId>().to_string(),
        amr: Vec::new(),
        auth_time: None,
        mfa_at: None,
        client_id: Some(client.id.to_string()),
        scope: Some(scope.to_string()),
        act: None,
        trust: None,
    };
    Ok(TokenAnswer {
        access_token: context.sign_token(Algorithm::Rs256, ACCESS_TOKEN, &claims).await?,
        token_type: "Bearer",
        expires_in: claims.exp - claims.iat,
        refresh_token: None,
        id_token: None,
        scope: scope.to_string(),
        issued_token_type: None,
    })
}
