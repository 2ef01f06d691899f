//! Somebody who was sent here by a client, or who lets a device in: what is asked for, who is in front of the browser, and what has to
//! happen next.

mod let_in;

use axum::response::Response;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use rookery_domain::device_grant::{UserCode, Wish};
use rookery_domain::event::{Action, DenialReason, Origin};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{ClientId, SessionId, UserId};
use rookery_domain::oauth_client::{Grant, OauthClient, Scope};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::oauth_request::{
    self as request, LONGEST, Next, Parameters, Present, Refusal, Request, Return,
};
use rookery_domain::pending_login::PendingToken;
use rookery_domain::session::{BROWSER_CLIENT, Presented, Session};
use rookery_domain::token_key::Algorithm;
use rookery_edge::{Context, Guess, Problem};
use rookery_login::passkey;
use rookery_login::second::Offer;
use rookery_store::factor::Factors;
use rookery_store::{
    StoreError, TenantScope, Transaction, device_grant, oauth_client, session, tenant, user,
};
use serde::{Deserialize, Serialize};

use crate::browser::Browser;
use crate::id_token::ID_TOKEN;
use crate::page::{self, About, Fault};
use crate::words::Language;
use crate::{failure, form};

/// The type of the token that a page carries from one step to the next.
const TICKET: &str = "rookery-visit+jwt";
/// For how long a page can be used.
const USABLE: SignedDuration = SignedDuration::from_mins(30);

/// Why it ends here.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The person is told.
    Here(Fault),
    /// The client is.
    Back(Return, OauthError, &'static str),
    /// Something that neither can do anything about.
    Else(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::TooManyRequests { retry_after_s } => Self::Here(Fault::Often(retry_after_s)),
            Problem::TenantSuspended => Self::Here(Fault::Suspended),
            other => Self::Else(other),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

/// The answer to somebody for whom it ends here.
pub(crate) fn stopped(browser: &Browser, stop: Stop) -> Result<Response, Problem> {
    match stop {
        Stop::Here(fault) => page::error(browser, fault),
        Stop::Back(Return { to, state }, error, why) => {
            let mut fields = vec![("error", error.as_str()), ("error_description", why)];
            fields.extend(state.as_deref().map(|state| ("state", state)));
            fields.push(("iss", browser.issuer.0.as_str()));
            page::send_on(browser, &to.with(&form::write(&fields)))
        }
        Stop::Else(problem) => Err(problem),
    }
}

/// What a page carries from one step to the next, signed by the platform.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ticket {
    /// What the client asks for, as a query; or the code that a device shows.
    query: String,
    /// Whether it is a device that is let in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    device: bool,
    /// When it came, in milliseconds of Unix time.
    begun: i64,
    /// From when on the page is too old.
    until: i64,
    /// The digest of what the browser keeps that the page was shown in: whoever sends it from another one is refused.
    visitor: Sha256,
    /// The session that was shown the page, if somebody was logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

/// What somebody came for.
#[derive(Debug)]
pub(crate) enum Errand {
    /// A client sent the person, and wants a code.
    Code(Request),
    /// A device wants to be let in, and shows a code.
    Device(Wish),
}

/// Somebody who came here.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The scope of the client's tenant.
    pub(crate) scope: TenantScope,
    /// The client.
    pub(crate) client: OauthClient,
    /// What the person came for.
    pub(crate) errand: Errand,
    /// The same as a query; or the code that a device shows.
    query: String,
    /// When it came.
    begun: Timestamp,
    /// The session that was shown the page that was sent back.
    pub(crate) shown_to: Option<SessionId>,
}

impl Visit {
    /// What a client asks for that sends somebody here.
    pub(crate) async fn begin(
        context: &Context,
        origin: &Origin,
        browser: &mut Browser,
        query: &str,
    ) -> Result<Self, Stop> {
        Self::open(context, origin, browser, query, context.now()).await
    }

    async fn open(
        context: &Context,
        origin: &Origin,
        browser: &mut Browser,
        query: &str,
        begun: Timestamp,
    ) -> Result<Self, Stop> {
        if query.len() > LONGEST {
            return Err(Stop::Here(Fault::Unreadable));
        }
        let given = form::parse(query.as_bytes());
        let given = Parameters::new(&given);
        if let Some(language) = given.get("ui_locales").and_then(Language::among) {
            browser.language = language;
        }
        let id = given.get("client_id").and_then(|text| text.parse::<ClientId>().ok());
        let found = match id {
            Some(id) => oauth_client::look_up(context.table()?, id).await?,
            None => None,
        };
        let Some(found) = found else {
            Guess::at_client(origin).count(context).await?;
            return Err(Stop::Here(Fault::Client));
        };
        let (scope, client) = (found.scope(), found.client);
        context.bind(&scope);
        match request::read(given, &client) {
            Ok(request) => {
                let errand = Errand::Code(request);
                Ok(Self { scope, client, errand, query: query.to_owned(), begun, shown_to: None })
            }
            Err(refusal) => {
                let reason = match refusal {
                    Refusal::Here => DenialReason::RedirectUri,
                    Refusal::Back(..) => DenialReason::BadRequest,
                };
                let of = (&scope, &client);
                failure::record(context, origin, of, Action::OAUTH_AUTHORIZE, reason).await?;
                Err(match refusal {
                    Refusal::Here => Stop::Here(Fault::Address),
                    Refusal::Back(to, error, why) => Stop::Back(to, error, why),
                })
            }
        }
    }

    /// Somebody who lets a device in that shows a code. `None` if no device shows it.
    pub(crate) async fn of_device(context: &Context, code: &UserCode) -> Result<Option<Self>, Problem> {
        let (table, now) = (context.table()?, context.now());
        let Some(wish) = device_grant::shown(table, code, now).await? else { return Ok(None) };
        let Some(found) = oauth_client::look_up(table, wish.client).await? else { return Ok(None) };
        let (scope, client) = (found.scope(), found.client);
        context.bind(&scope);
        // What the client was registered for when the device asked, it may not be any more.
        if !client.may(Grant::DeviceCode) || !client.terms.scope.covers(&wish.scope) {
            return Ok(None);
        }
        let errand = Errand::Device(wish);
        Ok(Some(Self { scope, client, errand, query: code.to_string(), begun: now, shown_to: None }))
    }

    /// The visit that a page was shown in, if this is the browser that it was shown to. Whoever makes somebody's browser send a page of
    /// another one's gets nothing by it.
    pub(crate) async fn resume(
        context: &Context,
        origin: &Origin,
        browser: &mut Browser,
        ticket: &str,
    ) -> Result<Self, Stop> {
        let Ok(ticket) = context.read_signed::<Ticket>(ticket, TICKET).await? else {
            Guess::at_client(origin).count(context).await?;
            return Err(Stop::Here(Fault::Old));
        };
        if context.now().as_millisecond() >= ticket.until {
            return Err(Stop::Here(Fault::Old));
        }
        let begun = Timestamp::from_millisecond(ticket.begun).map_err(Problem::internal)?;
        let visit = if ticket.device {
            let code = ticket.query.parse::<UserCode>().map_err(Problem::internal)?;
            Self::of_device(context, &code).await?.ok_or(Stop::Here(Fault::DeviceCode))?
        } else {
            Self::open(context, origin, browser, &ticket.query, begun).await?
        };
        let digest = browser.visitor.as_ref().map(|visitor| Sha256::of(visitor.as_bytes()));
        if digest != Some(ticket.visitor) {
            visit.record(context, origin, DenialReason::BadRequest).await?;
            return Err(Stop::Here(Fault::Old));
        }
        Ok(Self { shown_to: ticket.session, ..visit })
    }

    /// Records that something was refused.
    pub(crate) async fn record(
        &self,
        context: &Context,
        origin: &Origin,
        reason: DenialReason,
    ) -> Result<(), Problem> {
        let of = (&self.scope, &self.client);
        failure::record(context, origin, of, Action::OAUTH_AUTHORIZE, reason).await
    }

    /// What is asked for.
    const fn wanted(&self) -> &Scope {
        match &self.errand {
            Errand::Code(request) => &request.scope,
            Errand::Device(wish) => &wish.scope,
        }
    }

    /// What the client asks for that sent the person.
    const fn request(&self) -> Option<&Request> {
        match &self.errand {
            Errand::Code(request) => Some(request),
            Errand::Device(_) => None,
        }
    }

    /// The session that somebody has in this browser, in the client's tenant.
    pub(crate) async fn session(
        &self,
        context: &Context,
        browser: &Browser,
    ) -> Result<Option<Session>, Problem> {
        let Some(token) = &browser.session else { return Ok(None) };
        let (table, now) = (context.table()?, context.now());
        let met = session::look_up(table, token, now).await?;
        let own = |met: &session::Met| met.scope == self.scope && met.presented == Presented::Current;
        let Some(met) = met.filter(own) else { return Ok(None) };
        let found = session::find(table, &self.scope, met.user, token.session).await?;
        let alive = |found: &Session| found.is_alive(now) && found.client.as_deref() == Some(BROWSER_CLIENT);
        let Some(found) = found.filter(alive) else { return Ok(None) };
        match context.may_log_in(&self.scope, found.user).await {
            Ok(()) => Ok(Some(found)),
            Err(Problem::Unauthenticated) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Whether a person is the one that the client expects, as far as it says.
    async fn expects(&self, context: &Context, browser: &Browser, person: UserId) -> Result<bool, Stop> {
        #[derive(Deserialize)]
        struct Hint {
            iss: String,
            sub: UserId,
        }
        let Some(request) = self.request() else { return Ok(true) };
        let Some(hint) = &request.id_token_hint else { return Ok(true) };
        match context.read_signed::<Hint>(hint, ID_TOKEN).await? {
            Ok(hint) if hint.iss == browser.issuer.0 => Ok(hint.sub == person),
            _ => Err(back(request, OauthError::InvalidRequest, "id_token_hint is none of ours")),
        }
    }

    /// What happens next, now that this is known of the person. `asked` says that it was asked just now, and let the client in.
    pub(crate) async fn go_on(
        &self,
        context: &Context,
        origin: &Origin,
        browser: &mut Browser,
        session: Option<&Session>,
        asked: bool,
    ) -> Result<Response, Stop> {
        let request = match (&self.errand, session) {
            (Errand::Code(request), _) => request,
            (Errand::Device(_), None) => return Ok(self.log_in(context, browser, None, None).await?),
            // Each time: a code that somebody else sent looks like one's own.
            (Errand::Device(_), Some(session)) if !asked => return self.ask(context, browser, session).await,
            (Errand::Device(wish), Some(session)) => {
                return self.let_device_in(context, origin, browser, session, wish).await;
            }
        };
        let present = match session {
            Some(session) => {
                let is_expected = self.expects(context, browser, session.user).await?;
                Some(Present { logged_in_at: session.proof.at, is_expected })
            }
            None => None,
        };
        let before = match session {
            Some(session) => self.consent(context, session.user).await?,
            None => None,
        };
        let mut open = request.clone();
        open.prompt.consent &= !asked;
        let known = match &before {
            _ if asked => Some(&request.scope),
            before => before.as_ref().and_then(|before| before.known(&request.redirect_uri)),
        };
        let next = open.next(present, known, self.begun, context.now());
        match (next, session) {
            (Ok(Next::Send), Some(session)) => {
                let consent = asked.then(|| self.extended(before, context.now()));
                self.send(context, origin, browser, (session, request), consent).await
            }
            (Ok(Next::Ask), Some(session)) => self.ask(context, browser, session).await,
            (Ok(_), _) => Ok(self.log_in(context, browser, None, None).await?),
            (Err(error), _) => {
                Err(back(request, error, "it takes a page, and prompt=none lets the platform show none"))
            }
        }
    }

    /// The page to log in on.
    pub(crate) async fn log_in(
        &self,
        context: &Context,
        browser: &mut Browser,
        email: Option<&str>,
        wrong: Option<page::Wrong>,
    ) -> Result<Response, Problem> {
        let ticket = self.ticket(context, browser, None).await?;
        let hint =
            self.request().and_then(|request| request.login_hint.as_deref()).filter(|hint| hint.len() <= 254);
        let tenant = self.tenant(context).await?;
        page::log_in(
            browser,
            self.about(&ticket, tenant.name.as_str()),
            email.or(hint).unwrap_or_default(),
            wrong,
        )
    }

    /// The page to show a second factor on, of those that the person has.
    pub(crate) async fn code(
        &self,
        context: &Context,
        browser: &mut Browser,
        (pending, factors): (&PendingToken, &Factors),
        wrong: Option<page::Wrong>,
    ) -> Result<Response, Problem> {
        let ticket = self.ticket(context, browser, None).await?;
        let tenant = self.tenant(context).await?;
        let mut transaction = Transaction::new();
        let asked = passkey::second_factor(context, &mut transaction, &browser.issuer, pending, factors)?;
        let options = asked.as_ref().map(serde_json::to_string).transpose().map_err(Problem::internal)?;
        if options.is_some() {
            context.carry_out(&self.scope, &transaction).await?;
        }
        let pending = pending.reveal();
        let authenticator = factors.authenticator.is_some();
        let shown = page::Shown { pending: &pending, authenticator, passkey: options.as_deref() };
        page::code(browser, self.about(&ticket, tenant.name.as_str()), shown, wrong)
    }

    /// The page to set up an authenticator on, for whoever has to and has none. `pending` is the login that waits for it.
    pub(crate) async fn enrol(
        &self,
        context: &Context,
        browser: &mut Browser,
        (pending, offer): (&str, &Offer),
        wrong: Option<page::Wrong>,
    ) -> Result<Response, Problem> {
        let ticket = self.ticket(context, browser, None).await?;
        let tenant = self.tenant(context).await?;
        page::enrol(browser, self.about(&ticket, tenant.name.as_str()), (pending, offer), wrong)
    }

    /// The page that shows somebody its recovery codes.
    pub(crate) async fn recovery_codes(
        &self,
        context: &Context,
        browser: &mut Browser,
        codes: &[String],
    ) -> Result<Response, Problem> {
        let ticket = self.ticket(context, browser, None).await?;
        let tenant = self.tenant(context).await?;
        page::recovery_codes(browser, self.about(&ticket, tenant.name.as_str()), codes)
    }

    async fn ask(
        &self,
        context: &Context,
        browser: &mut Browser,
        session: &Session,
    ) -> Result<Response, Stop> {
        let ticket = self.ticket(context, browser, Some(session.id)).await?;
        let person = user::find(context.table()?, &self.scope, session.user).await?;
        let person = person.ok_or(Problem::Unauthenticated)?.user;
        let tenant = self.tenant(context).await?;
        let about = self.about(&ticket, tenant.name.as_str());
        Ok(page::consent(browser, about, person.email.as_str(), self.wanted())?)
    }

    fn about<'a>(&'a self, ticket: &'a str, tenant: &'a str) -> About<'a> {
        let client = self.client.terms.name.as_str();
        let (to, device) = match &self.errand {
            Errand::Code(request) => (Some(&request.redirect_uri), None),
            Errand::Device(_) => (None, Some(self.query.as_str())),
        };
        About { ticket, tenant, client, to, device }
    }

    /// The tenant whose people log in to the client.
    pub(crate) async fn tenant(&self, context: &Context) -> Result<rookery_domain::tenant::Tenant, Problem> {
        let found = tenant::find(context.table()?, &self.scope).await?;
        found.ok_or_else(|| Problem::internal("a client has no tenant"))
    }

    async fn ticket(
        &self,
        context: &Context,
        browser: &mut Browser,
        session: Option<SessionId>,
    ) -> Result<String, Problem> {
        let visitor = browser.visitor(context);
        let until = context.now().saturating_add(USABLE).map_err(Problem::internal)?;
        let ticket = Ticket {
            query: self.query.clone(),
            device: self.request().is_none(),
            begun: self.begun.as_millisecond(),
            until: until.as_millisecond(),
            visitor: Sha256::of(visitor.as_bytes()),
            session,
        };
        context.sign_token(Algorithm::Rs256, TICKET, &ticket).await
    }
}

/// Where the client hears what became of it.
fn back(request: &Request, error: OauthError, why: &'static str) -> Stop {
    let Request { redirect_uri, state, .. } = request;
    Stop::Back(Return { to: redirect_uri.clone(), state: state.clone() }, error, why)
}

/// Whether a page was sent from the platform's own: browsers say from where a form comes, and it is nobody else's to say.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"))
}
