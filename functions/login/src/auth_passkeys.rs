//! `POST /v1/auth/passkeys` and `/v1/auth/passkeys/options`: logging in with a passkey and nothing else.

use axum::extract::State;
use deserr::Deserr;
use jiff::SignedDuration;
use rookery_domain::attempt::Patience;
use rookery_domain::fault::Faults;
use rookery_edge::{Answer, Context, Document, Issuer, Json, Problem, RequestFacts, deciding};
use rookery_store::{Transaction, factor};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::login::{self, LoggedIn};
use crate::mfa;
use crate::passkey::{self, Alone, Assertion, RequestOptions};

/// How often one address may ask for a challenge: the page to log in on asks whenever somebody wants to use a passkey.
const PATIENCE: Patience = Patience { free: 200, remembered: SignedDuration::from_mins(10) };

/// The routes.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(log_in)).routes(routes!(options))
}

/// What the passkey is for.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = PasskeyWanted)]
pub struct Wanted {
    /// What logging in answered, for a passkey as the second factor; absent for a passkey alone.
    #[deserr(default)]
    mfa_token: Option<String>,
}

/// A passkey.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = PasskeyLogin)]
pub struct LogIn {
    /// What the browser answered.
    passkey: Assertion,
}

/// Ask what a browser needs for using a passkey: for logging in with it alone, whoever it is, or as the second factor of a login that
/// waits.
#[utoipa::path(
    post,
    path = "/v1/auth/passkeys/options",
    operation_id = "ask_for_passkey",
    tag = "login",
    request_body = Wanted,
    security(()),
    responses(
        (status = 200, description = "What the browser takes. It can be answered once, within five minutes.", body = RequestOptions),
        (status = 401, description = "There is no such login, or it waited too long.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The person has no passkey.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many challenges.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn options(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    Json(value): Json<Wanted>,
) -> Result<Answer, Problem> {
    context.pace(&facts.origin, "passkey-options-from", PATIENCE).await?;
    let mut transaction = Transaction::new();
    let options = if let Some(text) = &value.mfa_token {
        let (token, pending) = mfa::pending(&context, text).await?;
        let factors = factor::find(context.table()?, &pending.scope, pending.user).await?;
        let asked = passkey::second_factor(&context, &mut transaction, &issuer, &token, &factors)?;
        asked.ok_or(Problem::conflict("not-enrolled", "the person has no passkey"))?
    } else {
        passkey::alone(&context, &mut transaction, &issuer)?
    };
    context.table()?.commit(&transaction).await?;
    Answer::ok(&options)
}

/// Log in with a passkey. It must have been seen who uses it, by a code, a finger or a face: then it is two factors at once, and no other
/// is asked for.
///
/// Whatever is wrong, the answer is the same.
#[utoipa::path(
    post,
    path = "/v1/auth/passkeys",
    operation_id = "log_in_with_passkey",
    tag = "login",
    request_body = LogIn,
    security(()),
    responses(
        (status = 200, description = "Logged in.", body = LoggedIn),
        (status = 401, description = "Not so.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "The tenant is suspended.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn log_in(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    Json(value): Json<LogIn>,
) -> Result<Answer, Problem> {
    let alone = Alone::take(&context, &facts.origin, &issuer, value.passkey).await?;
    context.bind(&alone.scope);
    deciding(|| async {
        let mut transaction = Transaction::new();
        let proof = alone.used(&context, &mut transaction, &facts.origin).await?;
        let (scope, from) = (&alone.scope, (&facts.origin, &issuer));
        let body = login::begin(&context, &mut transaction, scope, from, (alone.user, proof), None).await?;
        context.commit(scope, None, transaction, Answer::ok(&body)?.with_secret()).await
    })
    .await
}
