//! Tokens for a device that a person let in (RFC 8628, section 3.4).

use rookery_domain::device_grant::{DeviceCode, Granted, NotYet, Wish};
use rookery_domain::event::DenialReason;
use rookery_domain::oauth_client::{Grant, ScopeWord};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::session::Session;
use rookery_edge::Problem;
use rookery_edge::session::seen;
use rookery_store::{Transaction, device_grant};

use super::Asked;
use crate::failure::Failure;
use crate::token::TokenAnswer;

pub(super) async fn answer(asked: &Asked<'_>) -> Result<TokenAnswer, Failure> {
    let text = asked.field("device_code", "device_code is missing")?;
    let (table, now) = (asked.context.table()?, asked.context.now());
    let known = match text.parse::<DeviceCode>() {
        Ok(code) => device_grant::find(table, &code).await?,
        Err(_) => None,
    };
    let Some((wish, said)) = known.filter(|(wish, _)| wish.client == asked.known.client.id) else {
        return Err(wrong(asked, "there is no such code of the client's, or it was used before").await);
    };
    let granted = match wish.decide(said.as_ref(), now) {
        Ok(granted) => granted,
        Err(NotYet::Expired) => {
            return Err(Failure::Told(OauthError::ExpiredToken, "the code is too old; ask for another"));
        }
        Err(NotYet::Denied) => {
            return Err(Failure::Told(OauthError::AccessDenied, "the person did not let the device in"));
        }
        Err(NotYet::Pending) if device_grant::ask(table, &wish, now).await? => {
            return Err(Failure::Told(OauthError::AuthorizationPending, "nobody has let the device in yet"));
        }
        Err(NotYet::Pending) => {
            return Err(Failure::Told(OauthError::SlowDown, "wait for the interval between two questions"));
        }
    };
    match taken(asked, &wish, granted).await {
        // Somebody else was quicker with the same code.
        Err(Failure::Else(Problem::Conflict { code: Problem::OVERTAKEN, .. })) => {
            Err(wrong(asked, "the code was used before").await)
        }
        Err(Failure::Else(Problem::Unauthenticated | Problem::TenantSuspended)) => {
            Err(wrong(asked, "the person may not log in any more").await)
        }
        answer => answer,
    }
}

async fn wrong(asked: &Asked<'_>, why: &'static str) -> Failure {
    asked.refuse(DenialReason::WrongGrant, OauthError::InvalidGrant, why).await
}

/// Begins the session of the device, and spends its code. It lasts when the person leaves the browser in which it was let in.
async fn taken(asked: &Asked<'_>, wish: &Wish, granted: Granted<'_>) -> Result<TokenAnswer, Failure> {
    let Asked { context, origin, known, .. } = asked;
    // What was let is narrowed by what the client may ask for today.
    let scope = known.client.terms.scope.of_asked(&wish.scope.to_string());
    let refreshed = scope.holds(ScopeWord::OfflineAccess) && known.client.may(Grant::RefreshToken);
    let of = (wish.tenant, granted.user);
    let session = Session::begin(wish.session, of, granted.proof.clone(), seen(origin), context.now());
    let session = session.of_client(&known.client.id.to_string(), scope.to_string(), None, refreshed);
    let mut transaction = Transaction::new();
    device_grant::spend(&mut transaction, wish);
    let refresh = if refreshed {
        Some(context.begin_session(&mut transaction, &known.scope, origin, &session).await?)
    } else {
        context.begin_brief_session(&mut transaction, &known.scope, origin, &session).await?;
        None
    };
    // Signed before it is written: a key that cannot sign costs nobody the code.
    let answer = asked.tokens(&session, &scope, refresh.as_ref(), None).await?;
    context.carry_out(&known.scope, &transaction).await?;
    Ok(answer)
}
