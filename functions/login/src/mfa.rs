//! `POST /v1/auth/mfa` and `/v1/auth/mfa/enrol`: the second half of a login. `POST /v1/me/mfa`: that half alone, for a session that runs.

use axum::extract::State;
use deserr::Deserr;
use http::Uri;
use rookery_domain::event::{Action, DenialReason, Resource};
use rookery_domain::fault::Faults;
use rookery_domain::pending_login::PendingToken;
use rookery_domain::session::Method;
use rookery_edge::{Answer, Caller, Context, Document, Guess, Issuer, Json, Problem, RequestFacts, deciding};
use rookery_store::factor::Factors;
use rookery_store::pending_login::{self, Pending, Waits};
use rookery_store::{Transaction, factor};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::login::{LoggedIn, SecondFactorAsked};
use crate::passkey::{self, Assertion};
use crate::second::{self, Offer, Shown};
use crate::{login, person};

/// The routes that take a second factor, and that ask for one again.
pub fn ending() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(ask_again))
}

/// The route that offers an authenticator.
pub fn enrolling() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(enrol))
}

/// A second factor: a code, a passkey, or a recovery code.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SecondFactor {
    /// What logging in answered.
    mfa_token: String,
    /// The code that the authenticator shows.
    #[deserr(default)]
    code: Option<String>,
    /// One of the recovery codes.
    #[deserr(default)]
    recovery_code: Option<String>,
    /// What the browser answered that used a passkey.
    #[deserr(default)]
    passkey: Option<Assertion>,
}

/// Which login.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Enrolment {
    /// What logging in answered.
    mfa_token: String,
}

/// The login that somebody holds a token of.
pub(crate) async fn pending(context: &Context, text: &str) -> Result<(PendingToken, Pending), Problem> {
    let token: PendingToken = text.parse().map_err(|_| Problem::Unauthenticated)?;
    let known = pending_login::find(context.table()?, &token, context.now()).await?;
    let known = known.ok_or(Problem::Unauthenticated)?;
    context.bind(&known.scope);
    Ok((token, known))
}

/// Ask to show one's second factor once more, without logging in again: for what may only be done shortly after one was used.
///
/// What comes next is `POST /v1/auth/mfa`. It answers an access token of the same session; the session's refresh token stays good.
#[utoipa::path(
    post,
    path = "/v1/me/mfa",
    operation_id = "ask_for_second_factor",
    tag = "login",
    responses(
        (status = 202, description = "A second factor is asked for.", body = SecondFactorAsked),
        (status = 409, description = "There is no second factor.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn ask_again(
    State(context): State<Context>,
    caller: Caller,
    issuer: Issuer,
    uri: Uri,
) -> Result<Answer, Problem> {
    let (user, session) = person::logged_in(&context, &caller, &uri).await?;
    let (scope, table) = (&caller.tenant, context.table()?);
    let factors = factor::find(table, scope, user).await?;
    if !factors.has_second() {
        return Err(Problem::conflict("not-enrolled", "the person has no second factor"));
    }
    let token = PendingToken::new(context.random(), context.random());
    let mut transaction = Transaction::new();
    pending_login::put_again(&mut transaction, scope, &token, (user, session), context.now())?;
    let passkey = passkey::second_factor(&context, &mut transaction, &issuer, &token, &factors)?;
    table.commit(&transaction).await?;
    Ok(Answer::accepted(&SecondFactorAsked::new(&token, &factors, passkey))?.with_secret())
}

/// Show a second factor, and so end logging in. A code is good once; so is a recovery code, and what a passkey signs.
///
/// Where the login had to set up an authenticator, its first code confirms it, and the answer has recovery codes. After five wrong codes
/// each further one waits.
#[utoipa::path(
    post,
    path = "/v1/auth/mfa",
    operation_id = "show_second_factor",
    tag = "login",
    request_body = SecondFactor,
    security(()),
    responses(
        (status = 200, description = "Logged in.", body = LoggedIn),
        (status = 401, description = "There is no such login, or it waited too long.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The code or the passkey is wrong, or was used.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong codes.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn show(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    Json(value): Json<SecondFactor>,
) -> Result<Answer, Problem> {
    let given = match (value.code, value.recovery_code, value.passkey) {
        (Some(code), None, None) => Given::Code(code),
        (None, Some(code), None) => Given::Recovery(code),
        (None, None, Some(assertion)) => Given::Passkey(assertion),
        _ => return Err(Problem::invalid("", "has not one of code, recovery_code and passkey")),
    };
    let (token, pending) = pending(&context, &value.mfa_token).await?;
    let guess = Guess::at_code(pending.user);
    guess.count(&context).await?;
    let (pointer, shown) = match given {
        Given::Code(code) => ("/code", Given::Code(code)),
        Given::Recovery(code) => ("/recovery_code", Given::Recovery(code)),
        Given::Passkey(assertion) => {
            let shown = passkey::Shown::second(&context, &issuer, assertion, &token).await?;
            ("/passkey", Given::Passkey(shown))
        }
    };
    deciding(|| async {
        let Pending { scope, user, waits } = pending.clone();
        let before = factor::find(context.table()?, &scope, user).await?;
        let mut transaction = Transaction::new();
        let (after, method, codes) = match looked_at(&context, &pending, &before, &shown).await? {
            Ok(looked_at) => looked_at,
            Err(reason) => {
                let (resource, action) = (Resource::new("user", user), Action::MFA_USE);
                let event =
                    context.strangers_attempt(scope.tenant(), action, resource, &facts.origin, reason);
                transaction.event(&scope, &event)?;
                context.table()?.commit(&transaction).await?;
                return Err(Problem::invalid(pointer, "is wrong, or was used"));
            }
        };
        factor::put(&mut transaction, &scope, user, &before, &after)?;
        pending_login::spend(&mut transaction, &token);
        guess.was_right(&mut transaction);
        if codes.is_some() {
            let action = (Action::MFA_ENROL, 0);
            let event = person::event(&context, &scope, user, action, &facts.origin, Vec::new());
            transaction.event(&scope, &event)?;
        }
        let body = match waits {
            Waits::Session(session) => {
                let of = (user, session);
                let session = context.step_up(&mut transaction, &scope, &facts.origin, of, method).await?;
                LoggedIn::still(context.tokens(&issuer, &session, None).await?)
            }
            Waits::Login(proof) => {
                let (proof, from) = (proof.and(method, context.now()), (&facts.origin, &issuer));
                login::begin(&context, &mut transaction, &scope, from, (user, proof), codes).await?
            }
        };
        context.commit(&scope, None, transaction, Answer::ok(&body)?.with_secret()).await
    })
    .await
}

/// What somebody shows; `P` is a passkey.
enum Given<P> {
    Code(String),
    Recovery(String),
    Passkey(P),
}

type LookedAt = (Factors, Method, Option<second::RecoveryCodes>);

/// What the person logs in with from now on, or why it was not the right factor.
async fn looked_at(
    context: &Context,
    pending: &Pending,
    before: &Factors,
    given: &Given<passkey::Shown>,
) -> Result<Result<LookedAt, DenialReason>, Problem> {
    let Pending { scope, user, waits } = pending;
    let shown = match given {
        // Setting one up ends a login, and nothing else: its recovery codes are shown with the login.
        Given::Code(code) if !before.has_second() && matches!(waits, Waits::Login(_)) => {
            let confirmed = second::confirmed(context, scope, *user, before, code).await?;
            let confirmed = confirmed.map(|(after, codes)| (after, Method::Otp, Some(codes)));
            return Ok(confirmed.ok_or(DenialReason::WrongCode));
        }
        Given::Code(code) => Shown::Code(code),
        Given::Recovery(code) => Shown::Recovery(code),
        Given::Passkey(passkey) => {
            let used = passkey.used_besides(context, before);
            return Ok(used.map(|(after, method)| (after, method, None)));
        }
    };
    let used = second::used(context, scope, *user, before, shown).await?;
    Ok(used.map(|(after, method)| (after, method, None)).ok_or(DenialReason::WrongCode))
}

/// Set up an authenticator while logging in, where the tenant asks for a second factor and the person has none. Its first code goes to
/// `POST /v1/auth/mfa`.
#[utoipa::path(
    post,
    path = "/v1/auth/mfa/enrol",
    operation_id = "enrol_at_login",
    tag = "login",
    request_body = Enrolment,
    security(()),
    responses(
        (status = 200, description = "The authenticator. It counts once its first code was shown.", body = Offer),
        (status = 401, description = "There is no such login, or it waited too long.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The person has a second factor.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn enrol(State(context): State<Context>, Json(value): Json<Enrolment>) -> Result<Answer, Problem> {
    let (_, Pending { scope, user, waits: Waits::Login(_) }) = pending(&context, &value.mfa_token).await?
    else {
        return Err(Problem::Unauthenticated);
    };
    deciding(|| async {
        let found = person::active(&context, &scope, user).await?.ok_or(Problem::Unauthenticated)?;
        let before = factor::find(context.table()?, &scope, user).await?;
        if before.has_second() {
            return Err(Problem::conflict("already-enrolled", "the person has a second factor; show it"));
        }
        let mut transaction = Transaction::new();
        let offer = second::offer(&context, &mut transaction, &scope, &found, &before).await?;
        context.commit(&scope, None, transaction, Answer::ok(&offer)?.with_secret()).await
    })
    .await
}
