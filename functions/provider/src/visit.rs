//! Somebody who was sent here by a client: what the client asks for, who is in front of the browser, and what has to happen next.

use std::collections::BTreeMap;

use axum::response::Response;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use rookery_domain::event::{
    Action, Actor, ActorKind, DenialReason, Event, Origin, Outcome, Resource, changes,
};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{ClientId, SessionId, UserId};
use rookery_domain::oauth_client::{OauthClient, Scope};
use rookery_domain::oauth_code::{Code, GOOD_FOR, Promise};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::oauth_request::{
    self as request, LONGEST, Next, Parameters, Present, Refusal, Request, Return,
};
use rookery_domain::session::{BROWSER_CLIENT, Presented, Session};
use rookery_domain::token_key::Algorithm;
use rookery_edge::{Context, Guess, Problem};
use rookery_store::{
    StoreError, TenantScope, Transaction, consent, oauth_client, oauth_code, session, tenant, user,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// What the client asks for, as a query.
    query: String,
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

/// Somebody who was sent here.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The scope of the client's tenant.
    pub(crate) scope: TenantScope,
    /// The client.
    pub(crate) client: OauthClient,
    /// What it asks for.
    pub(crate) request: Request,
    /// The same as a query.
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
                Ok(Self { scope, client, request, query: query.to_owned(), begun, shown_to: None })
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
        let visit = Self::open(context, origin, browser, &ticket.query, begun).await?;
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

    /// Where the client hears what became of it.
    pub(crate) fn back(&self, error: OauthError, why: &'static str) -> Stop {
        let Request { redirect_uri, state, .. } = &self.request;
        Stop::Back(Return { to: redirect_uri.clone(), state: state.clone() }, error, why)
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
        let Some(hint) = &self.request.id_token_hint else { return Ok(true) };
        match context.read_signed::<Hint>(hint, ID_TOKEN).await? {
            Ok(hint) if hint.iss == browser.issuer.0 => Ok(hint.sub == person),
            _ => Err(self.back(OauthError::InvalidRequest, "id_token_hint is none of ours")),
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
        let present = match session {
            Some(session) => {
                let is_expected = self.expects(context, browser, session.user).await?;
                Some(Present { logged_in_at: session.proof.at, is_expected })
            }
            None => None,
        };
        let let_in = match session {
            Some(session) => self.let_in(context, session.user).await?,
            None => None,
        };
        let mut request = self.request.clone();
        request.prompt.consent &= !asked;
        let known = if asked { Some(&self.request.scope) } else { let_in.as_ref() };
        let next = request.next(present, known, self.begun, context.now());
        match (next, session) {
            (Ok(Next::Send), Some(session)) => {
                self.send(context, origin, browser, session, let_in.filter(|_| asked), asked).await
            }
            (Ok(Next::Ask), Some(session)) => self.ask(context, browser, session).await,
            (Ok(_), _) => Ok(self.log_in(context, browser, None, None).await?),
            (Err(error), _) => {
                Err(self.back(error, "it takes a page, and prompt=none lets the platform show none"))
            }
        }
    }

    async fn let_in(&self, context: &Context, person: UserId) -> Result<Option<Scope>, Problem> {
        let of = (person, self.client.id);
        Ok(consent::find(context.table()?, &self.scope, of, &self.request.redirect_uri).await?)
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
        let hint = self.request.login_hint.as_deref().filter(|hint| hint.len() <= 254);
        let tenant = self.tenant(context).await?;
        page::log_in(
            browser,
            self.about(&ticket, tenant.name.as_str()),
            email.or(hint).unwrap_or_default(),
            wrong,
        )
    }

    /// The page to show a code of a second factor on.
    pub(crate) async fn code(
        &self,
        context: &Context,
        browser: &mut Browser,
        pending: &str,
        wrong: Option<page::Wrong>,
    ) -> Result<Response, Problem> {
        let ticket = self.ticket(context, browser, None).await?;
        let tenant = self.tenant(context).await?;
        page::code(browser, self.about(&ticket, tenant.name.as_str()), pending, wrong)
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
        Ok(page::consent(browser, about, person.email.as_str(), &self.request.scope)?)
    }

    fn about<'a>(&'a self, ticket: &'a str, tenant: &'a str) -> About<'a> {
        let client = self.client.terms.name.as_str();
        About { ticket, tenant, client, to: &self.request.redirect_uri }
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
            begun: self.begun.as_millisecond(),
            until: until.as_millisecond(),
            visitor: Sha256::of(visitor.as_bytes()),
            session,
        };
        context.sign_token(Algorithm::Rs256, TICKET, &ticket).await
    }

    /// Sends the person back with a code, and remembers what it let the client do if it was asked just now.
    async fn send(
        &self,
        context: &Context,
        origin: &Origin,
        browser: &Browser,
        session: &Session,
        before: Option<Scope>,
        asked: bool,
    ) -> Result<Response, Stop> {
        let (now, request) = (context.now(), &self.request);
        let code = Code::new(context.new_id(), context.random());
        let promise = Promise {
            session: code.session,
            tenant: self.scope.tenant(),
            user: session.user,
            proof: session.proof.clone(),
            within: session.id,
            client: self.client.id,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge,
            nonce: request.nonce.clone(),
            scope: request.scope.clone(),
            expires_at: now.saturating_add(GOOD_FOR).map_err(Problem::internal)?,
            spent: false,
        };
        let said = json!({"client_id": self.client.id, "scope": request.scope.to_string()});
        let mut transaction = Transaction::new();
        oauth_code::create(&mut transaction, &code, &promise)?;
        let authorized = self.event(context, origin, session, Action::OAUTH_AUTHORIZE, &said);
        transaction.event(&self.scope, &authorized)?;
        if asked {
            let words = before.into_iter().flat_map(|before| before.0).chain(request.scope.0.iter().copied());
            let let_in = Scope(words.collect());
            let of = (session.user, self.client.id);
            consent::put(&mut transaction, &self.scope, of, (&let_in, &request.redirect_uri), now)?;
            let consented = self.event(context, origin, session, Action::OAUTH_CONSENT, &said);
            transaction.event(&self.scope, &consented)?;
        }
        context.carry_out(&self.scope, &transaction).await?;
        let text = code.reveal();
        let mut fields = vec![("code", text.as_str())];
        fields.extend(request.state.as_deref().map(|state| ("state", state)));
        fields.push(("iss", browser.issuer.0.as_str()));
        Ok(page::send_on(browser, &request.redirect_uri.with(&form::write(&fields)))?)
    }

    /// Something that a person does with its own account: a use that changes none of its records.
    fn event(
        &self,
        context: &Context,
        origin: &Origin,
        session: &Session,
        action: Action,
        said: &Value,
    ) -> Event {
        Event {
            id: context.new_id(),
            tenant: self.scope.tenant(),
            action,
            resource: Resource::new("user", session.user),
            version: 0,
            at: context.now(),
            actor: Actor::new(ActorKind::User, session.user),
            origin: origin.clone(),
            outcome: Outcome::Allowed,
            reason: None,
            changes: changes(&Value::Null, said),
            measures: BTreeMap::new(),
        }
    }
}

/// Whether a page was sent from the platform's own: browsers say from where a form comes, and it is nobody else's to say.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"))
}
