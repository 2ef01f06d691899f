//! `POST /oauth/introspect`: whether a token is good (RFC 7662).

use axum::extract::State;
use http::HeaderMap;
use rookery_domain::access_token::{Claims, Holder as Subject};
use rookery_domain::event::DenialReason;
use rookery_domain::id::{SessionId, TenantId, UserId};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::session::{Presented, RefreshToken, Session};
use rookery_edge::{Answer, Context, Document, Issuer, Problem, RequestFacts};
use rookery_store::{TenantScope, credential, session};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client::{self, Known};
use crate::failure::{Failure, OauthFailure};
use crate::form::Form;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(introspect))
}

/// Which token is looked at.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read as a form, and described here")]
pub struct IntrospectionRequest {
    /// An access token, or a refresh token of the client's own.
    #[schema(format = Password)]
    token: String,
    /// `access_token` or `refresh_token`. It can be told without.
    token_type_hint: Option<String>,
    /// The client, unless it is in the header.
    client_id: Option<String>,
    /// Its secret, unless it is in the header.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// What a token is good for. Of one that is good for nothing, nothing else is said.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether it is good now.
    active: bool,
    /// What may be done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The client that it was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// `Bearer` for an access token, `refresh_token` for the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Whose rights it has: a person, or a service key.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    sid: Option<SessionId>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// When it was made, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// From when on it is good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// Until when it is good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// Its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl Introspection {
    fn of_access(claims: Claims) -> Self {
        Self {
            active: true,
            // A token of the platform's own login may do whatever its person may.
            scope: Some(claims.scope.unwrap_or_else(|| "*".to_owned())),
            client_id: claims.client_id,
            token_type: Some("Bearer"),
            sub: Some(claims.sub.to_string()),
            tenant: Some(claims.tenant),
            sid: claims.sid,
            iss: Some(claims.iss),
            aud: Some(claims.aud),
            iat: Some(claims.iat),
            nbf: Some(claims.nbf),
            exp: Some(claims.exp),
            jti: Some(claims.jti),
        }
    }

    fn of_refresh(session: Session, issuer: &Issuer) -> Self {
        Self {
            active: true,
            scope: session.scope,
            client_id: session.client,
            token_type: Some("refresh_token"),
            sub: Some(session.user.to_string()),
            tenant: Some(session.tenant),
            sid: Some(session.id),
            iss: Some(issuer.0.clone()),
            iat: Some(session.last_seen_at.as_second()),
            exp: Some(session.expires_at.as_second()),
            ..Self::default()
        }
    }
}

/// Ask whether a token is good.
///
/// For clients that keep a secret. Of an access token of anybody in the client's tenant it is told what it says, of a refresh token only if
/// it is the client's own. Whatever else is shown is answered with `active: false`. That a session ended or a key was revoked is noticed at once, that
/// somebody was suspended within seconds.
#[utoipa::path(
    post,
    path = "/oauth/introspect",
    operation_id = "introspect_token",
    tag = "oauth",
    security(()),
    request_body(content = IntrospectionRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether it is good, and for what.", body = Introspection),
        (status = 400, description = "Not so, and why.", body = OauthFailure),
        (status = 401, description = "There is no such client, its secret is another, or it keeps none.", body = OauthFailure),
        (status = 415, description = "It is not a form.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn introspect(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    headers: HeaderMap,
    form: Form,
) -> Result<Answer, Failure> {
    let known = client::authenticate(&context, &facts, &headers, form.fields()).await?;
    if !known.client.confidential {
        let of = (&known.scope, &known.client);
        client::refuse(&context, &facts.origin, of, DenialReason::WrongClient).await?;
        return Err(Failure::Told(OauthError::InvalidClient, "the client keeps no secret to be known by"));
    }
    let token = form.fields().get("token");
    let token = token.ok_or(Failure::Told(OauthError::InvalidRequest, "token is missing"))?;
    let told = match token.parse::<RefreshToken>() {
        Ok(token) => of_refresh(&context, &issuer, &known, &token).await?,
        Err(_) => of_access(&context, &issuer, &known, token).await?,
    };
    Ok(Answer::ok(&told.unwrap_or_default())?)
}

async fn of_refresh(
    context: &Context,
    issuer: &Issuer,
    known: &Known,
    token: &RefreshToken,
) -> Result<Option<Introspection>, Problem> {
    let Some(met) = session::look_up(context.table()?, token, context.now()).await? else { return Ok(None) };
    if met.scope.tenant() != known.scope.tenant() || matches!(met.presented, Presented::Reused) {
        return Ok(None);
    }
    let session = alive(context, &known.scope, met.user, token.session).await?;
    let own = session.filter(|session| session.client == Some(known.client.id.to_string()));
    Ok(own.map(|session| Introspection::of_refresh(session, issuer)))
}

async fn of_access(
    context: &Context,
    issuer: &Issuer,
    known: &Known,
    token: &str,
) -> Result<Option<Introspection>, Problem> {
    let Ok(claims) = context.believe(token, &issuer.0).await? else { return Ok(None) };
    if claims.tenant != known.scope.tenant() || claims.exp <= context.now().as_second() {
        return Ok(None);
    }
    let good = match (claims.sub, claims.sid) {
        (Subject::User(user), Some(sid)) => {
            let session = alive(context, &known.scope, user, sid).await?;
            match session.map(|session| session.impersonator) {
                None => false,
                Some(None) => claims.act.is_none(),
                Some(Some(by)) => alive(context, &known.scope, by.user, by.session).await?.is_some(),
            }
        }
        (Subject::User(_), None) => false,
        (Subject::Key(key), _) => {
            let found = credential::find(context.table()?, &known.scope, key).await?;
            let valid = found.is_some_and(|found| found.credential().valid_at(context.now()));
            let tenant = context.lineage(&known.scope, known.scope.tenant().into()).await?;
            valid && tenant.is_some_and(|tenant| tenant.stopped.is_none())
        }
    };
    let good = good && context.is_backed(&known.scope, &claims).await?;
    Ok(good.then(|| Introspection::of_access(claims)))
}

/// A session that lasts, of somebody who may be logged in.
async fn alive(
    context: &Context,
    scope: &TenantScope,
    user: UserId,
    id: SessionId,
) -> Result<Option<Session>, Problem> {
    let found = session::find(context.table()?, scope, user, id).await?;
    let Some(session) = found.filter(|found| found.is_alive(context.now())) else { return Ok(None) };
    match context.may_log_in(scope, user).await {
        Ok(()) => Ok(Some(session)),
        Err(Problem::Unauthenticated | Problem::TenantSuspended) => Ok(None),
        Err(problem) => Err(problem),
    }
}
