//! `POST /v1/auth/refresh`: the next access token.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::session::RefreshToken;
use rookery_edge::session::Tokens;
use rookery_edge::{Answer, Body, Context, Document, Issuer, Problem, RequestFacts};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(refresh))
}

/// What the next tokens are asked with.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token of the last answer. It is good once.
    refresh_token: String,
}

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refresh(…)")
    }
}

/// Ask for the next access token, and the next refresh token.
///
/// A refresh token that was used before ends its session: somebody has it who should not. Only for 10 seconds the last one is answered
/// again, with the same next one, for a client that lost the answer.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    operation_id = "refresh",
    tag = "login",
    request_body = Refresh,
    security(()),
    responses(
        (status = 200, description = "The next tokens.", body = Tokens),
        (status = 401, description = "The token is good no more; log in again.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "The tenant is suspended.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn refresh(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    Body { value, idempotency }: Body<Refresh>,
) -> Result<Answer, Problem> {
    let token: RefreshToken = value.refresh_token.parse().map_err(|_| Problem::Unauthenticated)?;
    let refreshed = context.refresh(&facts.origin, &token, None).await?;
    let tokens = context.tokens(&issuer, &refreshed.session, Some(&refreshed.token)).await?;
    context.commit_nothing(idempotency.as_ref(), Answer::ok(&tokens)?).await
}
