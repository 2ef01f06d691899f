//! `/oauth/authorize`: where clients send people to be let in (RFC 6749, section 4.1; `OpenID` Connect Core, section 3.1.2).

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use rookery_domain::oauth_request::LONGEST;
use rookery_edge::{Context, Problem, RequestFacts};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::browser::Browser;
use crate::form::{self, Form};
use crate::page;
use crate::visit::{Stop, Visit, stopped};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(authorize, authorize_by_form))
}

/// Log in to a client: where it sends people, who come back to it with a code.
///
/// Whoever is logged in already and has let the client in is sent back at once. What is wrong is told to the client if it has registered
/// the address, and to the person if not.
#[utoipa::path(
    get,
    path = "/oauth/authorize",
    operation_id = "authorize",
    tag = "oauth",
    security(()),
    params(
        ("client_id" = Option<String>, Query, description = "The client."),
        ("redirect_uri" = Option<String>, Query, description = "One of its addresses, letter by letter."),
        ("response_type" = Option<String>, Query, description = "`code`."),
        ("scope" = Option<String>, Query, description = "What it asks for, apart by spaces."),
        ("state" = Option<String>, Query, description = "Comes back as it is."),
        ("nonce" = Option<String>, Query, description = "Comes back in the id token."),
        ("code_challenge" = Option<String>, Query, description = "The SHA-256 of a secret in base64url (RFC 7636)."),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`."),
        ("prompt" = Option<String>, Query, description = "`none`, or `login` and `consent`."),
        ("max_age" = Option<String>, Query, description = "How long ago the person may have logged in, in seconds."),
        ("login_hint" = Option<String>, Query, description = "The mail address of whom the client expects."),
        ("id_token_hint" = Option<String>, Query, description = "An id token of whom the client expects."),
        ("ui_locales" = Option<String>, Query, description = "Languages for the pages: `en`, `de`."),
    ),
    responses(
        (status = 200, description = "A page to log in, or to let the client in, on.", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the client, with a code or an error."),
        (status = 400, description = "The client or its address is not known: a page that says so.", body = String, content_type = "text/html"),
    )
)]
async fn authorize(
    State(context): State<Context>,
    facts: RequestFacts,
    browser: Browser,
    uri: Uri,
) -> Result<Response, Problem> {
    answered(&context, &facts, browser, uri.query().unwrap_or_default()).await
}

/// The same by a form. One that another site's page sent is answered with the link: browsers keep cookies from such forms, and bring them
/// where a link is followed.
#[utoipa::path(
    post,
    path = "/oauth/authorize",
    operation_id = "authorize_by_form",
    tag = "oauth",
    security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page to log in, or to let the client in, on.", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the client, with a code or an error."),
        (status = 400, description = "The client or its address is not known: a page that says so.", body = String, content_type = "text/html"),
    )
)]
async fn authorize_by_form(
    State(context): State<Context>,
    facts: RequestFacts,
    browser: Browser,
    form: Form,
) -> Result<Response, Problem> {
    let fields: Vec<(&str, &str)> =
        form.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let query = form::write(&fields);
    // A page of another site had this sent, and browsers let no cookies come along: following a link, they do.
    if browser.is_bare() && query.len() <= LONGEST {
        let link = format!("{}/oauth/authorize?{query}", browser.issuer.0);
        return page::send_on(&browser, &link);
    }
    answered(&context, &facts, browser, &query).await
}

async fn answered(
    context: &Context,
    facts: &RequestFacts,
    mut browser: Browser,
    query: &str,
) -> Result<Response, Problem> {
    match carried_out(context, facts, &mut browser, query).await {
        Ok(response) => Ok(response),
        Err(stop) => stopped(&browser, stop),
    }
}

async fn carried_out(
    context: &Context,
    facts: &RequestFacts,
    browser: &mut Browser,
    query: &str,
) -> Result<Response, Stop> {
    let visit = Visit::begin(context, &facts.origin, browser, query).await?;
    let session = visit.session(context, browser).await?;
    visit.go_on(context, &facts.origin, browser, session.as_ref(), false).await
}
