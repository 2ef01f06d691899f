//! `POST /v1/auth/login`: logging in with a password.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::id::UserId;
use rookery_domain::known_device::DeviceToken;
use rookery_domain::pending_login::{PendingToken, WAITS_FOR};
use rookery_domain::session::Proof;
use rookery_domain::text::{Email, Slug};
use rookery_edge::password::Presented;
use rookery_edge::session::Tokens;
use rookery_edge::{Answer, Body, Context, Document, Issuer, Problem, RequestFacts, password as hashing};
use rookery_store::factor::Factors;
use rookery_store::{TenantScope, Transaction, factor, known_device, pending_login, tenant, user};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::passkey::{self, RequestOptions};
use crate::password::{self, Proved};
use crate::second::RecoveryCodes;

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
    /// What an earlier login from the same device answered: whoever guesses from elsewhere does not keep it waiting.
    #[deserr(default)]
    device_token: Option<String>,
}

/// What whoever logs in is given.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedIn {
    /// The session's tokens.
    #[serde(flatten)]
    tokens: Tokens,
    /// What to send with the next login from this device, for 180 days. It proves nothing by itself. Absent where somebody was logged in.
    #[schema(example = "rd_…")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
    /// Recovery codes, where an authenticator was set up by logging in. Shown here and never again.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<RecoveryCodes>,
}

/// That the password was right, and is not enough.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactorAsked {
    /// What to send with the second factor to `POST /v1/auth/mfa`.
    #[schema(example = "rm_…")]
    mfa_token: String,
    /// For how many seconds the login waits.
    expires_in: i64,
    /// Whether there is a second factor. Otherwise the tenant asks for one, and all that can be done is to set up an authenticator, by
    /// `POST /v1/auth/mfa/enrol`.
    enrolled: bool,
    /// What `navigator.credentials.get` takes, where the person has passkeys. `POST /v1/auth/passkeys/options` answers it anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<RequestOptions>,
}

impl SecondFactorAsked {
    /// What is asked of somebody who gets a token.
    pub(crate) fn new(token: &PendingToken, factors: &Factors, passkey: Option<RequestOptions>) -> Self {
        let (mfa_token, expires_in) = (token.reveal(), WAITS_FOR.as_secs());
        Self { mfa_token, expires_in, enrolled: factors.has_second(), passkey }
    }
}

/// Log in with a password.
///
/// Whether the tenant, the person or the password is not the right one is not told. After five wrong ones each further try waits, up to
/// a minute; a device that somebody logged in from before is counted by itself.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    operation_id = "log_in",
    tag = "login",
    request_body = Login,
    security(()),
    responses(
        (status = 200, description = "Logged in.", body = LoggedIn),
        (status = 202, description = "The password was right; a second factor is asked for.", body = SecondFactorAsked),
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
    let device: Option<DeviceToken> = value.device_token.as_deref().and_then(|text| text.parse().ok());
    let named = (&value.tenant, &value.email);
    let Proved { scope, user, proof, guess, factors, aged } =
        password::prove(&context, &facts.origin, named, &value.password.0, device.as_ref()).await?;
    let mut transaction = Transaction::new();
    guess.was_right(&mut transaction);
    if aged {
        let hash = hashing::hash(&context, &value.password.0)?;
        factor::put(&mut transaction, &scope, user, &factors, &factors.rehashed(hash))?;
    }
    let tenant = tenant::find(context.table()?, &scope).await?.ok_or(Problem::Unauthenticated)?;
    if factors.has_second() || tenant.settings.require_second_factor {
        context.may_log_in(&scope, user).await?;
        let token = PendingToken::new(context.random(), context.random());
        pending_login::put(&mut transaction, &scope, &token, user, &proof)?;
        let passkey = passkey::second_factor(&context, &mut transaction, &issuer, &token, &factors)?;
        let body = SecondFactorAsked::new(&token, &factors, passkey);
        let answer = Answer::accepted(&body)?.with_secret();
        return context.commit(&scope, idempotency.as_ref(), transaction, answer).await;
    }
    let from = (&facts.origin, &issuer);
    let body = begin(&context, &mut transaction, &scope, from, (user, proof), None).await?;
    let answer = Answer::ok(&body)?.with_secret();
    context.commit(&scope, idempotency.as_ref(), transaction, answer).await
}

/// Adds the session of somebody who proved everything that is asked to a transaction, and the device as one that is known.
pub(crate) async fn begin(
    context: &Context,
    transaction: &mut Transaction,
    scope: &TenantScope,
    from: (&rookery_domain::event::Origin, &Issuer),
    (user, proof): (UserId, Proof),
    recovery_codes: Option<RecoveryCodes>,
) -> Result<LoggedIn, Problem> {
    let found = user::find(context.table()?, scope, user).await?.ok_or(Problem::Unauthenticated)?;
    let device = DeviceToken::new(user, context.random());
    known_device::remember(transaction, scope, &device, &found.user.email, context.now())?;
    let tokens = context.log_in(transaction, scope, from, user, proof).await?;
    Ok(LoggedIn { tokens, device_token: Some(device.reveal()), recovery_codes })
}

impl LoggedIn {
    /// The next access token of a session that runs. What else its client has stays good.
    pub(crate) const fn still(tokens: Tokens) -> Self {
        Self { tokens, device_token: None, recovery_codes: None }
    }
}
