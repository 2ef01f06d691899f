//! `POST /v1/auth/password/reset`: choosing another password by a link that was mailed.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::Action;
use rookery_domain::fault::Faults;
use rookery_domain::link::{LinkToken, Purpose};
use rookery_edge::password::Chosen;
use rookery_edge::{Answer, Context, Document, Json, Problem, RequestFacts, deciding};
use rookery_store::{Transaction, factor, link, user};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{holder, person};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(reset))
}

/// Another password.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Reset {
    /// What stands in the link, behind the `#`.
    token: String,
    /// The new password: as long as the tenant asks for, not easy to guess, none of the last five.
    password: Chosen,
}

impl std::fmt::Debug for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reset(…)")
    }
}

/// Choose another password by a link that was mailed. Every session of the person ends, and the mail address counts as verified.
///
/// An address may try a few times an hour.
#[utoipa::path(
    post,
    path = "/v1/auth/password/reset",
    operation_id = "reset_password",
    tag = "login",
    request_body = Reset,
    security(()),
    responses(
        (status = 204, description = "Chosen."),
        (status = 409, description = "The link was used at the same moment.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The link was used, is too old, or another one was sent after it; or the password will not do.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn reset(
    State(context): State<Context>,
    facts: RequestFacts,
    Json(value): Json<Reset>,
) -> Result<Answer, Problem> {
    let held = holder::of(&context, &facts.origin, &value.token, Purpose::Reset).await?;
    deciding(|| choose(&context, &held.scope, &held.token, &held.user, &value.password, &facts)).await
}

async fn choose(
    context: &Context,
    scope: &rookery_store::TenantScope,
    token: &LinkToken,
    found: &user::Found,
    Chosen(password): &Chosen,
    facts: &RequestFacts,
) -> Result<Answer, Problem> {
    let (before, now) = (&found.user, context.now());
    let known = factor::find(context.table()?, scope, before.id).await?;
    let hash = person::chosen(context, scope, before, password, &known).await?;

    let mut transaction = Transaction::new();
    link::spend(&mut transaction, token);
    factor::put(&mut transaction, scope, before.id, &known, &known.with_password(hash, now))?;
    person::log_out(context, &mut transaction, scope, &facts.origin, before.id, None).await?;
    let mut version = 0;
    // Whoever holds the link gets the mails of that address.
    if !before.email_verified {
        let after = before.verified(now);
        version = after.version;
        user::replace(&mut transaction, scope, found, &after)?;
    }
    let event = person::event(
        context,
        scope,
        before.id,
        (Action::PASSWORD_RESET, version),
        &facts.origin,
        Vec::new(),
    );
    transaction.event(scope, &event)?;
    context.commit(scope, None, transaction, Answer::no_content()).await
}
