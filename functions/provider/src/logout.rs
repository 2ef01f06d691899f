//! `/oauth/logout`: where clients send people who log out (`OpenID` Connect RP-Initiated Logout 1.0).
//!
//! Whoever comes with an id token of their own is logged out at once: only somebody who was let in by them has it. Anybody else is asked,
//! for a page elsewhere could have sent the browser here.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use jiff::{SignedDuration, Timestamp};
use rookery_domain::event::{Action, DenialReason, Origin};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{ClientId, SessionId, TenantId, UserId};
use rookery_domain::oauth_request::{Parameters, Return};
use rookery_domain::session::{BROWSER_CLIENT, Presented, Session};
use rookery_domain::token_key::Algorithm;
use rookery_edge::{Context, Guess, Problem, RequestFacts};
use rookery_store::{TenantScope, Transaction, oauth_client, session, tenant, user};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::browser::Browser;
use crate::failure;
use crate::form::{self, Form};
use crate::id_token::ID_TOKEN;
use crate::page::{self, Fault};
use crate::visit::{Stop, is_own, stopped};
use crate::words::Language;

/// The type of the token that the page carries.
const TICKET: &str = "rookery-logout+jwt";
/// For how long the page can be used.
const USABLE: SignedDuration = SignedDuration::from_mins(30);
/// Longest request: an id token with all that it may say, and as a field of a page a third longer.
const LONGEST: usize = 8_000;
/// How many sessions end in one transaction: three writes each.
const TOGETHER: usize = 30;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(log_out, log_out_by_form))
}

/// Log out: where clients send people.
///
/// The session of the browser ends, and with it all that clients were given in it. Whoever comes without an id token of their own is asked
/// first. Then they are sent on to an address that the client has registered for it, or told that they are logged out.
#[utoipa::path(
    get,
    path = "/oauth/logout",
    operation_id = "log_out_of_clients",
    tag = "oauth",
    security(()),
    params(
        ("id_token_hint" = Option<String>, Query, description = "An id token of whom logs out, old or not."),
        ("client_id" = Option<String>, Query, description = "The client, where there is no id token."),
        ("post_logout_redirect_uri" = Option<String>, Query, description = "One of the client's addresses for it, letter by letter."),
        ("state" = Option<String>, Query, description = "Comes back as it is."),
        ("ui_locales" = Option<String>, Query, description = "Languages for the pages: `en`, `de`."),
    ),
    responses(
        (status = 200, description = "A page that asks, or that says that it is done.", body = String, content_type = "text/html"),
        (status = 303, description = "On to the client."),
        (status = 400, description = "The address is none of the client's: a page that says so.", body = String, content_type = "text/html"),
        (status = 429, description = "Too many tries: a page that says so.", body = String, content_type = "text/html"),
    )
)]
async fn log_out(
    State(context): State<Context>,
    facts: RequestFacts,
    mut browser: Browser,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = uri.query().unwrap_or_default();
    let done = leave(&context, &facts.origin, &mut browser, query, None).await;
    done.or_else(|stop| stopped(&browser, stop))
}

/// The same by a form; and what people say on the page that asks.
#[utoipa::path(
    post,
    path = "/oauth/logout",
    operation_id = "log_out_of_clients_by_form",
    tag = "oauth",
    security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page that asks, or that says what became of it.", body = String, content_type = "text/html"),
        (status = 303, description = "On to the client."),
        (status = 400, description = "The address is none of the client's, or the page is too old: a page that says so.", body = String, content_type = "text/html"),
        (status = 429, description = "Too many tries: a page that says so.", body = String, content_type = "text/html"),
    )
)]
async fn log_out_by_form(
    State(context): State<Context>,
    facts: RequestFacts,
    headers: HeaderMap,
    mut browser: Browser,
    form: Form,
) -> Result<Response, Problem> {
    let done = match form.fields().get("ticket") {
        Some(ticket) if is_own(&headers) => {
            let step = form.fields().get("step").unwrap_or_default();
            answered(&context, &facts.origin, &mut browser, ticket, step).await
        }
        Some(_) => Err(Stop::Here(Fault::Old)),
        None => {
            let fields: Vec<(&str, &str)> =
                form.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let query = form::write(&fields);
            if browser.session.is_none() {
                // A browser brings no cookies with a form of another site. It does when it follows a link.
                return page::send_on(&browser, &format!("{}/oauth/logout?{query}", browser.issuer.0));
            }
            leave(&context, &facts.origin, &mut browser, &query, None).await
        }
    };
    done.or_else(|stop| stopped(&browser, stop))
}

/// What the page carries, signed by the platform.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    /// What the client asked for, as a query.
    query: String,
    /// From when on the page is too old.
    until: i64,
    /// The digest of what the browser keeps that the page was shown in.
    visitor: Sha256,
    /// The session that the page asks about.
    session: SessionId,
}

/// What somebody said who was asked.
async fn answered(
    context: &Context,
    origin: &Origin,
    browser: &mut Browser,
    ticket: &str,
    step: &str,
) -> Result<Response, Stop> {
    let Ok(ticket) = context.read_signed::<Ticket>(ticket, TICKET).await? else {
        Guess::at_client(origin).count(context).await?;
        return Err(Stop::Here(Fault::Old));
    };
    let digest = browser.visitor.as_ref().map(|visitor| Sha256::of(visitor.as_bytes()));
    if context.now().as_millisecond() >= ticket.until || digest != Some(ticket.visitor) {
        return Err(Stop::Here(Fault::Old));
    }
    match step {
        "logout" => leave(context, origin, browser, &ticket.query, Some(ticket.session)).await,
        "cancel" => Ok(page::stayed(browser)?),
        _ => Err(Stop::Here(Fault::Unreadable)),
    }
}

/// What an id token says that a client shows, old or not.
#[derive(Debug, Deserialize)]
struct Hint {
    iss: String,
    aud: ClientId,
    sub: UserId,
    tenant: TenantId,
    sid: SessionId,
}

impl Hint {
    fn is_of(&self, session: &Session) -> bool {
        self.tenant == session.tenant && self.sub == session.user
    }
}

/// What a client asks for that sends somebody here.
struct Request {
    hint: Option<Hint>,
    client: Option<oauth_client::Found>,
    /// Where the person goes in the end.
    to: Option<Return>,
}

impl Request {
    async fn read(
        context: &Context,
        origin: &Origin,
        browser: &mut Browser,
        query: &str,
    ) -> Result<Self, Stop> {
        if query.len() > LONGEST {
            return Err(Stop::Here(Fault::Unreadable));
        }
        let given = form::parse(query.as_bytes());
        let given = Parameters::new(&given);
        if let Some(language) = given.get("ui_locales").and_then(Language::among) {
            browser.language = language;
        }
        if given.repeated().is_some() {
            return Err(Stop::Here(Fault::Unreadable));
        }
        let hint = match given.get("id_token_hint") {
            Some(text) => context.read_signed::<Hint>(text, ID_TOKEN).await?.ok(),
            None => None,
        };
        let hint = hint.filter(|hint| hint.iss == browser.issuer.0);
        let named = given.get("client_id");
        let id = match &hint {
            Some(hint) if named.is_some_and(|named| named != hint.aud.to_string()) => {
                return Err(Stop::Here(Fault::Unreadable));
            }
            Some(hint) => Some(hint.aud),
            None => named.and_then(|named| named.parse().ok()),
        };
        let client = match id {
            Some(id) => oauth_client::look_up(context.table()?, id).await?,
            None => None,
        };
        let to = match (given.get("post_logout_redirect_uri"), &client) {
            (Some(asked), Some(found)) => {
                let known = found.client.terms.post_logout_redirect_uris.iter();
                let Some(to) = known.into_iter().find(|known| known.as_str() == asked).cloned() else {
                    return Err(strange_address(context, origin, found).await?);
                };
                Some(Return { to, state: given.get("state").map(str::to_owned) })
            }
            // Nobody is sent to an address of whom nobody knows.
            _ => None,
        };
        Ok(Self { hint, client, to })
    }

    /// Sends the person on, or says that it is done.
    fn end(self, browser: &Browser) -> Result<Response, Problem> {
        let Some(Return { to, state }) = self.to else { return page::logged_out(browser) };
        match state {
            Some(state) => page::send_on(browser, &to.with(&form::write(&[("state", &state)]))),
            None => page::send_on(browser, to.as_str()),
        }
    }
}

async fn strange_address(
    context: &Context,
    origin: &Origin,
    found: &oauth_client::Found,
) -> Result<Stop, Problem> {
    let scope = found.scope();
    context.bind(&scope);
    let of = (&scope, &found.client);
    failure::record(context, origin, of, Action::OAUTH_LOGOUT, DenialReason::RedirectUri).await?;
    Ok(Stop::Here(Fault::Address))
}

/// Logs somebody out who was sent here, or asks. `said` is the session that the person said it about.
async fn leave(
    context: &Context,
    origin: &Origin,
    browser: &mut Browser,
    query: &str,
    said: Option<SessionId>,
) -> Result<Response, Stop> {
    let request = Request::read(context, origin, browser, query).await?;
    let hint = request.hint.as_ref();
    match present(context, browser).await? {
        Some((scope, here)) if said == Some(here.id) || hint.is_some_and(|hint| hint.is_of(&here)) => {
            let shown = hint.filter(|hint| hint.is_of(&here)).map(|hint| hint.sid);
            let ends = |other: &Session| {
                other.id == here.id || other.within == Some(here.id) || shown == Some(other.id)
            };
            end(context, origin, (&scope, here.user), ends).await?;
        }
        Some((scope, here)) => return ask(context, browser, query, &request, (&scope, &here)).await,
        None => {
            // Nobody is logged in here any more, but the client may still have what it was given.
            if let Some((hint, found)) = hint.zip(request.client.as_ref())
                && found.client.tenant == hint.tenant
            {
                let scope = found.scope();
                context.bind(&scope);
                end(context, origin, (&scope, hint.sub), |other| other.id == hint.sid).await?;
            }
        }
    }
    browser.forget_session();
    Ok(request.end(browser)?)
}

/// The session that somebody has in this browser, in whichever tenant.
async fn present(context: &Context, browser: &Browser) -> Result<Option<(TenantScope, Session)>, Problem> {
    let Some(token) = &browser.session else { return Ok(None) };
    let (table, now) = (context.table()?, context.now());
    let met = session::look_up(table, token, now).await?;
    let Some(met) = met.filter(|met| met.presented == Presented::Current) else { return Ok(None) };
    context.bind(&met.scope);
    let found = session::find(table, &met.scope, met.user, token.session).await?;
    let here = found.filter(|found| found.is_alive(now) && found.client.as_deref() == Some(BROWSER_CLIENT));
    Ok(here.map(|here| (met.scope, here)))
}

/// Ends those of a person's sessions that end with this. The browser's goes last: should anything fail, the same link ends the rest.
async fn end(
    context: &Context,
    origin: &Origin,
    (scope, person): (&TenantScope, UserId),
    ends: impl Fn(&Session) -> bool,
) -> Result<(), Problem> {
    let mut ended = session::list(context.table()?, scope, person, context.now()).await?;
    ended.retain(ends);
    ended.sort_by_key(|session| session.client.as_deref() == Some(BROWSER_CLIENT));
    for together in ended.chunks(TOGETHER) {
        let mut transaction = Transaction::new();
        for session in together {
            context.end_session(&mut transaction, scope, origin, session)?;
        }
        context.table()?.commit(&transaction).await?;
    }
    Ok(())
}

/// The page that asks whether the person wants to log out.
async fn ask(
    context: &Context,
    browser: &mut Browser,
    query: &str,
    request: &Request,
    (scope, here): (&TenantScope, &Session),
) -> Result<Response, Stop> {
    let visitor = browser.visitor(context);
    let until: Timestamp = context.now().saturating_add(USABLE).map_err(Problem::internal)?;
    let ticket = Ticket {
        query: query.to_owned(),
        until: until.as_millisecond(),
        visitor: Sha256::of(visitor.as_bytes()),
        session: here.id,
    };
    let ticket = context.sign_token(Algorithm::Rs256, TICKET, &ticket).await?;
    let table = context.table()?;
    let person = user::find(table, scope, here.user).await?.ok_or(Problem::Unauthenticated)?.user;
    let tenant = tenant::find(table, scope).await?;
    let tenant = tenant.ok_or_else(|| Problem::internal("a person has no tenant"))?;
    let to = request.to.as_ref().map(|back| &back.to);
    Ok(page::log_out(browser, &ticket, (person.email.as_str(), tenant.name.as_str()), to)?)
}
