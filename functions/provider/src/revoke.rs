//! `POST /oauth/revoke`: ending what a token is of (RFC 7009).

use axum::extract::State;
use http::HeaderMap;
use rookery_domain::access_token::Holder;
use rookery_domain::event::DenialReason;
use rookery_domain::id::{SessionId, UserId};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::session::RefreshToken;
use rookery_edge::{Answer, Context, Document, Issuer, RequestFacts};
use rookery_store::{Transaction, session};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client::{self, Known};
use crate::failure::{Failure, OauthFailure};
use crate::form::Form;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// Which token is good no more.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read as a form, and described here")]
pub struct RevocationRequest {
    /// An access token or a refresh token of the client's.
    #[schema(format = Password)]
    token: String,
    /// `access_token` or `refresh_token`. It can be told without.
    token_type_hint: Option<String>,
    /// The client, unless it is in the header.
    client_id: Option<String>,
    /// Its secret, unless it is in the header, or there is none.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Revoke a token of the client's.
///
/// The session that it is of ends, and with it every other token of that session. A token that nobody knows, or that is good no more, is
/// answered alike. Tokens without a session, which clients get by themselves, end by themselves within a quarter of an hour.
#[utoipa::path(
    post,
    path = "/oauth/revoke",
    operation_id = "revoke_token",
    tag = "oauth",
    security(()),
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is good no more."),
        (status = 400, description = "Not so, and why: it is another client's, or of a kind that cannot be revoked.", body = OauthFailure),
        (status = 401, description = "There is no such client, or its secret is another.", body = OauthFailure),
        (status = 415, description = "It is not a form.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn revoke(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    headers: HeaderMap,
    form: Form,
) -> Result<Answer, Failure> {
    let known = client::authenticate(&context, &facts, &headers, form.fields()).await?;
    let token = form.fields().get("token");
    let token = token.ok_or(Failure::Told(OauthError::InvalidRequest, "token is missing"))?;
    let named = match token.parse::<RefreshToken>() {
        Ok(token) => of_refresh(&context, &known, &token).await?,
        Err(_) => of_access(&context, &issuer, &known, token).await?,
    };
    let done = Answer::ok(&json!({}))?;
    let Some((user, id)) = named else { return Ok(done) };
    let Some(found) = session::find(context.table()?, &known.scope, user, id).await? else { return Ok(done) };
    if found.client != Some(known.client.id.to_string()) {
        let of = (&known.scope, &known.client);
        client::refuse(&context, &facts.origin, of, DenialReason::WrongGrant).await?;
        return Err(Failure::Told(OauthError::InvalidGrant, "the token is not the client's"));
    }
    let mut transaction = Transaction::new();
    context.end_session(&mut transaction, &known.scope, &facts.origin, &found)?;
    context.table()?.commit(&transaction).await?;
    Ok(done)
}

/// Whose session a refresh token is of. One that was used before ends it as well: whoever shows it means it.
async fn of_refresh(
    context: &Context,
    known: &Known,
    token: &RefreshToken,
) -> Result<Option<(UserId, SessionId)>, Failure> {
    let met = session::look_up(context.table()?, token, context.now()).await?;
    let met = met.filter(|met| met.scope.tenant() == known.scope.tenant());
    Ok(met.map(|met| (met.user, token.session)))
}

async fn of_access(
    context: &Context,
    issuer: &Issuer,
    known: &Known,
    token: &str,
) -> Result<Option<(UserId, SessionId)>, Failure> {
    let Ok(claims) = context.believe(token, &issuer.0).await? else { return Ok(None) };
    if claims.tenant != known.scope.tenant() {
        return Ok(None);
    }
    match (claims.sub, claims.sid) {
        (Holder::User(user), Some(session)) => Ok(Some((user, session))),
        _ => {
            Err(Failure::Told(OauthError::UnsupportedTokenType, "the token is of no session that could end"))
        }
    }
}
