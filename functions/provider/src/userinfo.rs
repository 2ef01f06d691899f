//! `/oauth/userinfo`: who the person is, for a client that was let in (`OpenID` Connect Core, section 5.3).

use axum::extract::State;
use rookery_domain::id::ClientId;
use rookery_domain::oauth_client::{Scope, ScopeWord};
use rookery_edge::{Answer, Caller, Context, Document, Principal, Problem};
use rookery_store::oauth_client;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::person;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, read_by_post))
}

/// Read who the person is that let the client in: as much of it as it let the client see.
#[utoipa::path(
    get,
    path = "/oauth/userinfo",
    operation_id = "read_userinfo",
    tag = "oauth",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The claims.", body = Object),
        (status = 401, description = "No good access token.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "It is not the token of a client that was let see it.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(State(context): State<Context>, caller: Caller) -> Result<Answer, Problem> {
    answered(&context, &caller).await
}

/// The same, for clients that post.
#[utoipa::path(
    post,
    path = "/oauth/userinfo",
    operation_id = "read_userinfo_by_post",
    tag = "oauth",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The claims.", body = Object),
        (status = 401, description = "No good access token.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "It is not the token of a client that was let see it.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read_by_post(State(context): State<Context>, caller: Caller) -> Result<Answer, Problem> {
    answered(&context, &caller).await
}

async fn answered(context: &Context, caller: &Caller) -> Result<Answer, Problem> {
    const CLOSED: Problem =
        Problem::Closed("this takes the token of a client that was let know who the person is");
    let Principal::Person(person) = &caller.principal else { return Err(CLOSED) };
    let client = person.client.as_deref().and_then(|id| id.parse::<ClientId>().ok()).ok_or(CLOSED)?;
    let words = person.scope.as_deref().unwrap_or_default().split(' ');
    let scope = Scope(words.filter_map(|word| word.parse().ok()).collect());
    if !scope.0.contains(&ScopeWord::Openid) {
        return Err(CLOSED);
    }
    let found = oauth_client::find(context.table()?, &caller.tenant, client).await?;
    let terms = found.ok_or(Problem::Unauthenticated)?.client.terms;
    Answer::ok(&person::claims(context, &caller.tenant, person.id, &scope, &terms).await?)
}
