//! `POST /v1/auth/login`: logging in with a password.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::text::{Email, Slug};
use rookery_edge::password::Presented;
use rookery_edge::session::Tokens;
use rookery_edge::{Answer, Body, Context, Document, Issuer, Problem, RequestFacts};
use rookery_store::Transaction;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::password::{self, Proved};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(log_in))
}

/// Who logs in where.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Login {
    /// The tenant's slug.
    tenant: Slug,
    email: Email,
    password: Presented,
}

/// Log in with a password.
///
/// Whether the tenant, the person or the password is not the right one is not told.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    operation_id = "log_in",
    tag = "login",
    request_body = Login,
    security(()),
    responses(
        (status = 200, description = "Logged in.", body = Tokens),
        (status = 401, description = "Not so.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "The tenant is suspended.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn log_in(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    Body { value, idempotency }: Body<Login>,
) -> Result<Answer, Problem> {
    let named = (&value.tenant, &value.email);
    let Proved { scope, user, proof, guess } =
        password::prove(&context, &facts.origin, named, &value.password.0).await?;
    let mut transaction = Transaction::new();
    guess.was_right(&mut transaction);
    let tokens = context.log_in(&mut transaction, &scope, (&facts.origin, &issuer), user, proof).await?;
    let answer = Answer::ok(&tokens)?.with_secret();
    context.commit(&scope, idempotency.as_ref(), transaction, answer).await
}
