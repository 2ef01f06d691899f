//! `GET /v1/users`: listing and finding people.

use axum::extract::State;
use rookery_domain::id::OrganizationId;
use rookery_domain::permission::right;
use rookery_domain::user::{Search, User, UserState};
use rookery_edge::{Answer, Context, Document, Page, Params, Problem, Reach, wire};
use rookery_store::user::{self, Which};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the people that the caller may see, newest first; with `q` those who are found by it, by the word that finds them.
///
/// `q` is one or more words. The mail address, or a word of the name, must begin with each of them, whatever the case. A page may hold
/// fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/users",
    operation_id = "list_users",
    tag = "people",
    params(
        ("q" = Option<String>, Query, max_length = 200),
        ("organization" = Option<OrganizationId>, Query),
        ("state" = Option<UserState>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A page of people.", body = Page<wire::User>),
        (status = 400, description = "A parameter is faulty.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::UserList>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let search: Option<Search> = params.take("q");
    let which = Which { organization: params.take("organization"), state: params.take("state") };
    let (slice, paging) = params.paging(&reach.tenant)?;
    let table = context.table()?;
    let mut listed = match &search {
        Some(search) => user::search(table, &reach.tenant, search, which, slice).await?,
        None => user::list(table, &reach.tenant, which, slice).await?,
    };
    listed.items = reach.keep(&context, listed.items, User::home).await?;
    Answer::ok(&paging.page(listed, wire::User::from))
}
