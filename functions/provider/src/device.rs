//! `/oauth/device`: where people type in the code that a device shows (RFC 8628, section 3.3).

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use rookery_domain::attempt::Patience;
use rookery_domain::device_grant::UserCode;
use rookery_domain::event::Origin;
use rookery_domain::oauth_request::Parameters;
use rookery_edge::{Context, Problem, RequestFacts};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::browser::Browser;
use crate::form::{self, Form};
use crate::page::{self, Fault, Wrong};
use crate::visit::{Stop, Visit, is_own, stopped};
use crate::words::Language;

/// How much of what an address brings along for the field is put there, in characters.
const LONGEST: usize = 20;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(show, take))
}

/// Let a device in: the page to type in on what it shows.
///
/// A code that the address brings along stands in the field already; nothing happens by the address alone.
#[utoipa::path(
    get,
    path = "/oauth/device",
    operation_id = "show_device_page",
    tag = "oauth",
    security(()),
    params(
        ("user_code" = Option<String>, Query, description = "What the device shows."),
        ("ui_locales" = Option<String>, Query, description = "Languages for the pages: `en`, `de`."),
    ),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
async fn show(mut browser: Browser, uri: Uri) -> Result<Response, Problem> {
    let given = form::parse(uri.query().unwrap_or_default().as_bytes());
    let given = Parameters::new(&given);
    if let Some(language) = given.get("ui_locales").and_then(Language::among) {
        browser.language = language;
    }
    let code = given.get("user_code").unwrap_or_default();
    page::device(&browser, &code.chars().take(LONGEST).collect::<String>(), None)
}

/// Type in what a device shows: then whoever does logs in, if need be, and says whether the device may.
#[utoipa::path(
    post,
    path = "/oauth/device",
    operation_id = "take_user_code",
    tag = "oauth",
    security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page to log in, or to let the device in, on.", body = String, content_type = "text/html"),
        (status = 400, description = "No device shows such a code: the same page again.", body = String, content_type = "text/html"),
        (status = 429, description = "Too many tries: a page that says so.", body = String, content_type = "text/html"),
    )
)]
async fn take(
    State(context): State<Context>,
    facts: RequestFacts,
    headers: HeaderMap,
    mut browser: Browser,
    form: Form,
) -> Result<Response, Problem> {
    let code = form.fields().get("user_code").unwrap_or_default();
    let done = if is_own(&headers) {
        taken(&context, &facts.origin, &mut browser, code).await
    } else {
        Err(Stop::Here(Fault::Old))
    };
    done.or_else(|stop| stopped(&browser, stop))
}

async fn taken(
    context: &Context,
    origin: &Origin,
    browser: &mut Browser,
    typed: &str,
) -> Result<Response, Stop> {
    let visit = match typed.parse::<UserCode>() {
        Ok(code) => {
            // Each is counted, right or not: whoever has one code of its own could guess at others between.
            context.pace(origin, "user-code-from", Patience::ADDRESS).await?;
            Visit::of_device(context, &code).await?
        }
        Err(_) => None,
    };
    let Some(visit) = visit else {
        let typed: String = typed.chars().take(LONGEST).collect();
        return Ok(page::device(browser, &typed, Some(Wrong::DeviceCode))?);
    };
    let session = visit.session(context, browser).await?;
    visit.go_on(context, origin, browser, session.as_ref(), false).await
}
