//! What clients are told when they do not get what they ask for (RFC 6749, section 5.2), and what is recorded of it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rookery_domain::event::{Action, DenialReason, Event, Origin, Resource};
use rookery_domain::oauth_client::OauthClient;
use rookery_domain::oauth_error::OauthError;
use rookery_edge::{Context, Guess, OwnWords, Problem};
use rookery_store::{StoreError, TenantScope, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a client does not get what it asks for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client is told in the words of its protocol.
    Told(OauthError, &'static str),
    /// Something that has nothing to do with the protocol.
    Else(Problem),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Else(problem)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Else(error.into())
    }
}

/// What went wrong, as OAuth says it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OauthFailure {
    /// By its name.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// For those who write clients.
    error_description: &'static str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (error, why) = match self {
            Self::Told(error, why) => (error, why),
            Self::Else(problem) => return problem.into_response(),
        };
        let status = match error {
            OauthError::InvalidClient => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = axum::Json(OauthFailure { error: error.as_str(), error_description: why });
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"rookery\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(OwnWords);
        response
    }
}

/// Something that was tried with a client and refused.
pub(crate) fn denied(
    context: &Context,
    origin: &Origin,
    client: &OauthClient,
    action: Action,
    reason: DenialReason,
) -> Event {
    let resource = Resource::new("oauth_client", client.id);
    context.strangers_attempt(client.tenant, action, resource, origin, reason)
}

/// Records that something was refused. Whoever is refused too often has to wait, and nothing more is recorded of it until then.
pub(crate) async fn record(
    context: &Context,
    origin: &Origin,
    (scope, client): (&TenantScope, &OauthClient),
    action: Action,
    reason: DenialReason,
) -> Result<(), Problem> {
    Guess::at_client(origin).count(context).await?;
    let mut transaction = Transaction::new();
    transaction.event(scope, &denied(context, origin, client, action, reason))?;
    Ok(context.table()?.commit(&transaction).await?)
}
