//! `POST /v1/auth/password/forgot`: asking for a link to choose another password.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Action, DenialReason, Origin, Resource};
use rookery_domain::fault::Faults;
use rookery_domain::text::{Email, Slug};
use rookery_domain::user::UserState;
use rookery_edge::{Answer, Context, Document, Guess, Json, Problem, RequestFacts, Secret};
use rookery_store::{TenantScope, Transaction, tenant, user};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::person;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(forgot))
}

/// Who forgot a password.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Forgotten {
    /// The slug of the tenant.
    tenant: Slug,
    /// The mail address.
    email: Email,
}

/// That a mail is sent if there is somebody to send it to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Asked {}

/// Ask for a mail with a link to choose another password. The link is good once, for 30 minutes, until another one is asked for.
///
/// The answer is the same, and takes the same work, whether or not there is such a person. After five mails to one account the next ones
/// have to wait.
#[utoipa::path(
    post,
    path = "/v1/auth/password/forgot",
    operation_id = "forgot_password",
    tag = "login",
    request_body = Forgotten,
    security(()),
    responses(
        (status = 202, description = "If there is such a person, a mail is on its way.", body = Asked),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many for this account or from this address.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn forgot(
    State(context): State<Context>,
    facts: RequestFacts,
    Json(value): Json<Forgotten>,
) -> Result<Answer, Problem> {
    let Forgotten { tenant, email } = value;
    Guess::new(Secret::Mail, tenant.as_str(), &email, &facts.origin).count(&context).await?;
    if let Some(scope) = tenant::of_slug(context.table()?, &tenant).await? {
        context.bind(&scope);
        ask(&context, &scope, &email, &facts.origin).await?;
    }
    Answer::accepted(&Asked {})
}

/// Writes that a mail is asked for, or that nobody gets one: one write in either case. The mail is sent later, by somebody else.
async fn ask(context: &Context, scope: &TenantScope, email: &Email, origin: &Origin) -> Result<(), Problem> {
    let found = user::of_email(context.table()?, scope, email).await?.map(|found| found.user);
    let event = if let Some(user) = found.filter(|user| user.state == UserState::Active) {
        person::event(context, scope, user.id, (Action::PASSWORD_FORGOT, 0), origin, Vec::new())
    } else {
        let place = Resource::new("attempted", "/v1/auth/password/forgot");
        let (action, reason) = (Action::PASSWORD_FORGOT, DenialReason::UnknownPerson);
        context.strangers_attempt(scope.tenant(), action, place, origin, reason)
    };
    let mut transaction = Transaction::new();
    transaction.event(scope, &event)?;
    Ok(context.table()?.commit(&transaction).await?)
}
