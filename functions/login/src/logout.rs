//! `POST /v1/auth/logout`: ending one's session.

use axum::extract::{FromRequestParts as _, State};
use deserr::Deserr;
use http::request::Parts;
use rookery_domain::fault::Faults;
use rookery_domain::id::{SessionId, UserId};
use rookery_domain::session::RefreshToken;
use rookery_edge::{Answer, Body, Caller, Context, Document, Problem, RequestFacts};
use rookery_store::{TenantScope, Transaction, session};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(log_out))
}

/// Which session ends.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Logout {
    /// A refresh token of the session, for whoever has no access token any more that is good.
    #[deserr(default)]
    refresh_token: Option<String>,
}

impl std::fmt::Debug for Logout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logout(…)")
    }
}

/// Log out: end the session of the refresh token that is given, or else of the access token that is presented.
///
/// A session that has ended already, or a token of none, is answered alike.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    operation_id = "log_out",
    tag = "login",
    request_body = Logout,
    security((), ("bearer" = [])),
    responses(
        (status = 204, description = "Logged out, now or before."),
        (status = 401, description = "Neither a refresh token nor a good access token.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "An API key was presented, which has no session.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn log_out(
    State(context): State<Context>,
    facts: RequestFacts,
    mut parts: Parts,
    Body { value, idempotency }: Body<Logout>,
) -> Result<Answer, Problem> {
    let known = match value.refresh_token {
        Some(token) => of_token(&context, &token).await?,
        None => Some(of_caller(&Caller::from_request_parts(&mut parts, &context).await?)?),
    };
    let Some((scope, user, id)) = known else { return Ok(Answer::no_content()) };
    let Some(found) = session::find(context.table()?, &scope, user, id).await? else {
        return Ok(Answer::no_content());
    };
    let mut transaction = Transaction::new();
    context.end_session(&mut transaction, &scope, &facts.origin, &found)?;
    context.commit(&scope, idempotency.as_ref(), transaction, Answer::no_content()).await
}

async fn of_token(
    context: &Context,
    token: &str,
) -> Result<Option<(TenantScope, UserId, SessionId)>, Problem> {
    let Ok(token) = token.parse::<RefreshToken>() else { return Ok(None) };
    let met = session::look_up(context.table()?, &token, context.now()).await?;
    Ok(met.map(|met| {
        context.bind(&met.scope);
        (met.scope, met.user, token.session)
    }))
}

fn of_caller(caller: &Caller) -> Result<(TenantScope, UserId, SessionId), Problem> {
    let person = caller.principal.person().zip(caller.principal.session());
    let (user, session) = person.ok_or(Problem::Closed("an API key has no session to end"))?;
    Ok((caller.tenant, user, session))
}
