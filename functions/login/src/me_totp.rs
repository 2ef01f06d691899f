//! `/v1/me/mfa/totp` and `/v1/me/mfa/recovery-codes`: one's own second factor.

use axum::extract::State;
use deserr::Deserr;
use http::Uri;
use rookery_domain::event::Action;
use rookery_domain::fault::Faults;
use rookery_domain::permission::Permission;
use rookery_edge::{Answer, Caller, Context, Document, Json, Problem, deciding};
use rookery_store::{Transaction, factor};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::person;
use crate::proof::{self, Confirmed};
use crate::second::{self, Offer, RecoveryCodes};

/// The route of the authenticator.
pub fn authenticator() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, offer, confirm, remove))
}

/// The route of recovery codes.
pub fn recovery_codes() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(regenerate))
}

/// The first code.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct FirstCode {
    /// The code that the authenticator shows.
    code: String,
}

/// What there is of a second factor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactorState {
    /// Since when an authenticator counts; `null` if there is none.
    confirmed_at: Option<jiff::Timestamp>,
    /// How many recovery codes are left.
    recovery_codes_left: usize,
}

/// See whether one has an authenticator, and how many recovery codes are left.
#[utoipa::path(
    get,
    path = "/v1/me/mfa/totp",
    operation_id = "read_my_authenticator",
    tag = "login",
    responses((status = 200, description = "What there is.", body = SecondFactorState))
)]
async fn read(State(context): State<Context>, caller: Caller, uri: Uri) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::UserRead, uri.path()).await?;
    let factors = factor::find(context.table()?, &caller.tenant, user).await?;
    Answer::ok(&SecondFactorState {
        confirmed_at: factors.authenticator.as_ref().map(|known| known.confirmed_at),
        recovery_codes_left: factors.recovery.len(),
    })
}

/// Set up an authenticator, or another one. It counts once its first code was shown; until then one that there is goes on counting.
#[utoipa::path(
    post,
    path = "/v1/me/mfa/totp",
    operation_id = "offer_my_authenticator",
    tag = "login",
    request_body = Confirmed,
    responses(
        (status = 200, description = "The authenticator, shown here and never again.", body = Offer),
        (status = 422, description = "The password is another.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong passwords.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn offer(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Json(value): Json<Confirmed>,
) -> Result<Answer, Problem> {
    let whose = person::logged_in(&context, &caller, &uri).await?;
    let guess = proof::counted(&context, whose.0).await?;
    deciding(|| async {
        let before = proof::given(&context, &caller, whose, &value, Action::MFA_ENROL).await?;
        let found =
            person::active(&context, &caller.tenant, whose.0).await?.ok_or(Problem::NotFound("user"))?;
        let mut transaction = Transaction::new();
        guess.was_right(&mut transaction);
        let offer = second::offer(&context, &mut transaction, &caller.tenant, &found, &before).await?;
        context.commit(&caller.tenant, None, transaction, Answer::ok(&offer)?.with_secret()).await
    })
    .await
}

/// Show the first code of an authenticator that was set up: from now on logging in takes one. The answer has recovery codes.
#[utoipa::path(
    put,
    path = "/v1/me/mfa/totp",
    operation_id = "confirm_my_authenticator",
    tag = "login",
    request_body = FirstCode,
    responses(
        (status = 200, description = "It counts. The codes are shown here and never again.", body = RecoveryCodes),
        (status = 422, description = "The code is wrong, or nothing was set up within the last 15 minutes.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong codes.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn confirm(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Json(value): Json<FirstCode>,
) -> Result<Answer, Problem> {
    let (user, _) = person::logged_in(&context, &caller, &uri).await?;
    let guess = proof::counted(&context, user).await?;
    deciding(|| async {
        let scope = &caller.tenant;
        let before = factor::find(context.table()?, scope, user).await?;
        let confirmed = second::confirmed(&context, scope, user, &before, &value.code).await?;
        let Some((after, codes)) = confirmed else {
            return Err(Problem::invalid("/code", "is wrong, or nothing waits for it"));
        };
        let mut transaction = Transaction::new();
        guess.was_right(&mut transaction);
        factor::put(&mut transaction, scope, user, &before, &after)?;
        let action = (Action::MFA_ENROL, 0);
        let event = person::event(&context, scope, user, action, &caller.origin, Vec::new());
        transaction.event(scope, &event)?;
        context.commit(scope, None, transaction, Answer::ok(&codes)?.with_secret()).await
    })
    .await
}

/// Remove one's authenticator, with the recovery codes unless there is a passkey. Not the last second factor where the tenant asks for one.
#[utoipa::path(
    delete,
    path = "/v1/me/mfa/totp",
    operation_id = "remove_my_authenticator",
    tag = "login",
    request_body = Confirmed,
    responses(
        (status = 204, description = "Removed."),
        (status = 409, description = "The tenant asks for a second factor.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The password is another.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong passwords.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn remove(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Json(value): Json<Confirmed>,
) -> Result<Answer, Problem> {
    let whose = person::logged_in(&context, &caller, &uri).await?;
    let (scope, user) = (&caller.tenant, whose.0);
    let guess = proof::counted(&context, user).await?;
    deciding(|| async {
        let before = proof::given(&context, &caller, whose, &value, Action::MFA_REMOVE).await?;
        let after = before.without_authenticator();
        second::may_be_left(&context, scope, &after).await?;
        let mut transaction = Transaction::new();
        guess.was_right(&mut transaction);
        factor::put(&mut transaction, scope, user, &before, &after)?;
        let action = (Action::MFA_REMOVE, 0);
        let event = person::event(&context, scope, user, action, &caller.origin, Vec::new());
        transaction.event(scope, &event)?;
        context.commit(scope, None, transaction, Answer::no_content()).await
    })
    .await
}

/// Have ten new recovery codes. Those before are good no more.
#[utoipa::path(
    post,
    path = "/v1/me/mfa/recovery-codes",
    operation_id = "regenerate_my_recovery_codes",
    tag = "login",
    request_body = Confirmed,
    responses(
        (status = 200, description = "The codes, shown here and never again.", body = RecoveryCodes),
        (status = 409, description = "There is no second factor that they could stand in for.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The password is another.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong passwords.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn regenerate(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Json(value): Json<Confirmed>,
) -> Result<Answer, Problem> {
    let whose = person::logged_in(&context, &caller, &uri).await?;
    let (scope, user) = (&caller.tenant, whose.0);
    let guess = proof::counted(&context, user).await?;
    deciding(|| async {
        let before = proof::given(&context, &caller, whose, &value, Action::MFA_RECOVERY_CODES).await?;
        let (codes, digests) = second::codes(&context, user);
        let Some(after) = before.with_recovery(digests) else {
            return Err(Problem::conflict("not-enrolled", "there is no second factor to recover from"));
        };
        let mut transaction = Transaction::new();
        guess.was_right(&mut transaction);
        factor::put(&mut transaction, scope, user, &before, &after)?;
        let action = (Action::MFA_RECOVERY_CODES, 0);
        let event = person::event(&context, scope, user, action, &caller.origin, Vec::new());
        transaction.event(scope, &event)?;
        context.commit(scope, None, transaction, Answer::ok(&codes)?.with_secret()).await
    })
    .await
}
