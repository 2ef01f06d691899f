//! Tokens for a code that a person brought (RFC 6749, section 4.1.3; RFC 7636).

use rookery_domain::event::{Action, DenialReason};
use rookery_domain::oauth_client::{Grant, ScopeWord};
use rookery_domain::oauth_code::{Broken, Brought, Code, Promise};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::session::Session;
use rookery_edge::session::seen;
use rookery_edge::{Guess, Problem};
use rookery_store::{Transaction, oauth_code, session};

use super::Asked;
use crate::failure::{self, Failure};
use crate::token::TokenAnswer;

pub(super) async fn answer(asked: &Asked<'_>) -> Result<TokenAnswer, Failure> {
    let text = asked.field("code", "code is missing")?;
    let table = asked.context.table()?;
    let promise = match text.parse::<Code>() {
        Ok(code) => oauth_code::find(table, &code).await?.map(|promise| (code, promise)),
        Err(_) => None,
    };
    let Some((code, promise)) = promise.filter(|(_, promise)| promise.client == asked.known.client.id) else {
        return Err(wrong(asked, "there is no such code of the client's").await);
    };
    let brought = Brought {
        client: asked.known.client.id,
        redirect_uri: asked.fields.get("redirect_uri"),
        verifier: asked.fields.get("code_verifier"),
    };
    match promise.check(brought, asked.context.now()) {
        Ok(()) => {}
        Err(Broken::Reused) => return Err(reused(asked, &promise).await?),
        Err(Broken::Wrong(why)) => return Err(wrong(asked, why).await),
    }
    match taken(asked, &code, &promise).await {
        // Somebody else was quicker with the same code.
        Err(Failure::Else(Problem::Conflict { code: Problem::OVERTAKEN, .. })) => {
            Err(reused(asked, &promise).await?)
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

/// Begins the session that a code stands for, and spends the code.
async fn taken(asked: &Asked<'_>, code: &Code, promise: &Promise) -> Result<TokenAnswer, Failure> {
    let Asked { context, origin, known, .. } = asked;
    let refreshed = promise.scope.holds(ScopeWord::OfflineAccess) && known.client.may(Grant::RefreshToken);
    let of = (promise.tenant, promise.user);
    let session = Session::begin(promise.session, of, promise.proof.clone(), seen(origin), context.now());
    let scope = promise.scope.to_string();
    let session = session.of_client(&known.client.id.to_string(), scope, Some(promise.within), refreshed);
    let mut transaction = Transaction::new();
    oauth_code::spend(&mut transaction, code, promise)?;
    let refresh = if refreshed {
        Some(context.begin_session(&mut transaction, &known.scope, origin, &session).await?)
    } else {
        context.begin_brief_session(&mut transaction, &known.scope, origin, &session).await?;
        None
    };
    // Signed before it is written: a key that cannot sign costs nobody the code.
    let answer = asked.tokens(&session, &promise.scope, refresh.as_ref(), promise.nonce.as_deref()).await?;
    context.carry_out(&known.scope, &transaction).await?;
    Ok(answer)
}

/// Ends what was made of a code that comes again: two have it, and one of them should not.
async fn reused(asked: &Asked<'_>, promise: &Promise) -> Result<Failure, Failure> {
    let Asked { context, origin, known, .. } = asked;
    Guess::at_client(origin).count(context).await?;
    let (table, scope) = (context.table()?, &known.scope);
    let mut transaction = Transaction::new();
    if let Some(session) = session::find(table, scope, promise.user, promise.session).await? {
        context.end_session(&mut transaction, scope, origin, &session)?;
    }
    let reason = DenialReason::CodeReused;
    let event = failure::denied(context, origin, &known.client, Action::OAUTH_TOKEN, reason);
    transaction.event(scope, &event)?;
    context.carry_out(scope, &transaction).await?;
    tracing::warn!(session.id = %promise.session, "a code was presented again; what was made of it ended");
    Ok(Failure::Told(OauthError::InvalidGrant, "the code was used before"))
}
