//! The next tokens of a session (RFC 6749, section 6). A refresh token is good once; one of before ends the session.

use rookery_domain::event::DenialReason;
use rookery_domain::oauth_client::Scope;
use rookery_domain::oauth_error::OauthError;
use rookery_domain::session::RefreshToken;
use rookery_edge::Problem;
use rookery_edge::session::Refreshed;

use super::Asked;
use crate::failure::Failure;
use crate::token::TokenAnswer;

pub(super) async fn answer(asked: &Asked<'_>) -> Result<TokenAnswer, Failure> {
    let text = asked.field("refresh_token", "refresh_token is missing")?;
    let Ok(token) = text.parse::<RefreshToken>() else { return Err(wrong(asked).await) };
    let client = asked.known.client.id.to_string();
    let refreshed = asked.context.refresh(asked.origin, &token, Some(&client)).await;
    let Refreshed { session, token, .. } = match refreshed {
        Err(Problem::Unauthenticated | Problem::TenantSuspended) => return Err(wrong(asked).await),
        refreshed => refreshed?,
    };
    // What was let is narrowed by what the client may ask for today.
    let own = asked.known.client.terms.scope.of_asked(session.scope.as_deref().unwrap_or_default());
    let scope = match asked.fields.get("scope") {
        Some(wanted) => narrowed(&own, wanted)?,
        None => own,
    };
    asked.tokens(&session, &scope, Some(&token), None).await
}

/// What of the session's scope is asked for: never more (RFC 6749, section 6).
fn narrowed(own: &Scope, wanted: &str) -> Result<Scope, Failure> {
    let all_held = wanted.split(' ').all(|word| word.parse().is_ok_and(|word| own.holds(word)));
    if all_held {
        return Ok(own.of_asked(wanted));
    }
    Err(Failure::Told(OauthError::InvalidScope, "scope has something that the client was not let do"))
}

async fn wrong(asked: &Asked<'_>) -> Failure {
    let why = "there is no such refresh token of the client's, or it is good no more";
    asked.refuse(DenialReason::WrongGrant, OauthError::InvalidGrant, why).await
}
