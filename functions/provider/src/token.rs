//! `POST /oauth/token`: tokens for clients.

use axum::extract::State;
use http::HeaderMap;
use rookery_edge::{Answer, Context, Document, Issuer, RequestFacts};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::failure::{Failure, OauthFailure};
use crate::form::Form;
use crate::{client, exchange, grant};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(token))
}

/// What is asked for. Which fields there are depends on `grant_type`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read as a form, and described here")]
pub struct TokenRequest {
    /// `authorization_code`, `refresh_token`, `client_credentials`, `urn:ietf:params:oauth:grant-type:device_code`, or
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    grant_type: String,
    /// The client, unless it is in the header.
    client_id: Option<String>,
    /// Its secret, unless it is in the header, or there is none.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// The code that the person brought.
    code: Option<String>,
    /// The address that the code was asked for with.
    redirect_uri: Option<String>,
    /// The secret behind the challenge that the code was asked for with.
    #[schema(format = Password)]
    code_verifier: Option<String>,
    /// The code of a device.
    #[schema(format = Password)]
    device_code: Option<String>,
    /// The token to refresh.
    #[schema(format = Password)]
    refresh_token: Option<String>,
    /// The token of a workload, for one of the platform's.
    #[schema(format = Password)]
    subject_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:id_token` or `urn:ietf:params:oauth:token-type:jwt`.
    subject_token_type: Option<String>,
    /// The trust by which a workload gets it.
    audience: Option<String>,
    /// What is asked for, where it is less than what may be had.
    scope: Option<String>,
}

/// Tokens.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TokenAnswer {
    /// What to send as `Authorization: Bearer …`.
    #[schema(example = "eyJ…")]
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// For how many seconds the access token is good.
    pub expires_in: i64,
    /// What the next tokens are asked with, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rr_…")]
    pub refresh_token: Option<String>,
    /// Who the person is, for the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "eyJ…")]
    pub id_token: Option<String>,
    /// What the access token is good for.
    pub scope: String,
    /// What was given for another's token: `urn:ietf:params:oauth:token-type:access_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
}

/// Get tokens.
///
/// For a code that a person brought, which is good once and for a minute; for a refresh token, which is good once; for the code of a device that
/// a person let in, which may be asked about every few seconds; or for the client itself, which acts with the rights of its service key; or for the token
/// of a workload that the tenant trusts, which takes no client. A code that comes again ends what was made of it.
#[utoipa::path(
    post,
    path = "/oauth/token",
    operation_id = "get_tokens",
    tag = "oauth",
    security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens.", body = TokenAnswer),
        (status = 400, description = "Not so, and why.", body = OauthFailure),
        (status = 401, description = "There is no such client, or its secret is another.", body = OauthFailure),
        (status = 415, description = "It is not a form.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn token(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    headers: HeaderMap,
    form: Form,
) -> Result<Answer, Failure> {
    if form.fields().get("grant_type") == Some(exchange::GRANT) {
        return Ok(Answer::ok(&exchange::answer(&context, &issuer, &facts.origin, form.fields()).await?)?);
    }
    let known = client::authenticate(&context, &facts, &headers, form.fields()).await?;
    let asked = grant::Asked {
        context: &context,
        issuer: &issuer,
        origin: &facts.origin,
        known,
        fields: form.fields(),
    };
    Ok(Answer::ok(&grant::answer(&asked).await?)?)
}
