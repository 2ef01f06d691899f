//! `POST /oauth/interaction`: what people do on the pages: log in, show a code, let a client in, or leave it.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rookery_domain::event::{Action, DenialReason};
use rookery_domain::id::UserId;
use rookery_domain::known_device::DeviceToken;
use rookery_domain::password::Password;
use rookery_domain::pending_login::PendingToken;
use rookery_domain::session::{Proof, Session};
use rookery_domain::text::Email;
use rookery_edge::password as hashing;
use rookery_edge::session::seen;
use rookery_edge::{Context, Guess, Problem, RequestFacts};
use rookery_login::password::{self, Proved};
use rookery_login::second::{self, Shown};
use rookery_store::{Transaction, factor, known_device, pending_login, user};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::browser::Browser;
use crate::failure;
use crate::form::Form;
use crate::page::{Fault, Wrong};
use crate::visit::{Stop, Visit, is_own, stopped};

/// How often a code is looked at again when others change the person's factors at the same time.
const ATTEMPTS: u32 = 3;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(interact))
}

/// Go on from one of the platform's own pages, in the browser that it was shown in.
#[utoipa::path(
    post,
    path = "/oauth/interaction",
    operation_id = "interact",
    tag = "oauth",
    security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The next page.", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the client, with a code or an error."),
        (status = 400, description = "The page is too old, or was shown in another browser.", body = String, content_type = "text/html"),
        (status = 401, description = "Not so: the same page again.", body = String, content_type = "text/html"),
        (status = 429, description = "Too many tries: the same page again.", body = String, content_type = "text/html"),
    )
)]
async fn interact(
    State(context): State<Context>,
    facts: RequestFacts,
    headers: HeaderMap,
    mut browser: Browser,
    form: Form,
) -> Result<Response, Problem> {
    let done = Step { context: &context, facts: &facts, form: &form };
    match done.take(&headers, &mut browser).await {
        Ok(response) => Ok(response),
        Err(stop) => stopped(&browser, stop),
    }
}

/// What was done on a page.
struct Step<'a> {
    context: &'a Context,
    facts: &'a RequestFacts,
    form: &'a Form,
}

impl Step<'_> {
    fn field(&self, name: &str) -> &str {
        self.form.fields().get(name).unwrap_or_default()
    }

    async fn take(&self, headers: &HeaderMap, browser: &mut Browser) -> Result<Response, Stop> {
        if !is_own(headers) {
            return Err(Stop::Here(Fault::Old));
        }
        let origin = &self.facts.origin;
        let visit = Visit::resume(self.context, origin, browser, self.field("ticket")).await?;
        match self.field("step") {
            "login" => self.log_in(&visit, browser).await,
            "code" => self.show_code(&visit, browser).await,
            "allow" => self.allow(&visit, browser).await,
            "cancel" => visit.refuse(self.context, origin, browser).await,
            _ => Err(Stop::Here(Fault::Unreadable)),
        }
    }

    /// Looks at a password.
    async fn log_in(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let (context, origin) = (self.context, &self.facts.origin);
        let typed = self.field("email").trim();
        let again = |wrong| (Some(typed), Some(wrong));
        let presented =
            typed.parse::<Email>().ok().zip(Password::presented(self.field("password").to_owned()).ok());
        let Some((email, presented)) = presented else {
            let (email, wrong) = again(Wrong::Password);
            return Ok(visit.log_in(context, browser, email, wrong).await?);
        };
        let tenant = visit.tenant(context).await?;
        let named = (&tenant.slug, &email);
        let proved = password::prove(context, origin, named, &presented, browser.device.as_ref()).await;
        let Proved { user, proof, guess, factors, aged, .. } = match proved {
            Ok(proved) if proved.scope == visit.scope => proved,
            Ok(_) | Err(Problem::Unauthenticated) => {
                let (email, wrong) = again(Wrong::Password);
                return Ok(visit.log_in(context, browser, email, wrong).await?);
            }
            Err(Problem::TooManyRequests { retry_after_s }) => {
                let (email, wrong) = again(Wrong::Wait(retry_after_s));
                return Ok(visit.log_in(context, browser, email, wrong).await?);
            }
            Err(problem) => return Err(problem.into()),
        };
        let mut transaction = Transaction::new();
        guess.was_right(&mut transaction);
        if aged {
            let hash = hashing::hash(context, &presented)?;
            factor::put(&mut transaction, &visit.scope, user, &factors, &factors.rehashed(hash))?;
        }
        if !factors.has_second() && tenant.settings.require_second_factor {
            context.carry_out(&visit.scope, &transaction).await?;
            let (email, wrong) = again(Wrong::FactorMissing);
            return Ok(visit.log_in(context, browser, email, wrong).await?);
        }
        if factors.has_second() {
            let token = PendingToken::new(context.random(), context.random());
            pending_login::put(&mut transaction, &visit.scope, &token, user, &proof)?;
            context.carry_out(&visit.scope, &transaction).await?;
            return Ok(visit.code(context, browser, &token.reveal(), None).await?);
        }
        self.begin(visit, browser, transaction, user, proof).await
    }

    /// Looks at a code of a second factor.
    async fn show_code(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        for _ in 1..ATTEMPTS {
            match self.try_code(visit, browser).await {
                Err(Stop::Else(Problem::Conflict { code: Problem::OVERTAKEN, .. })) => {}
                done => return done,
            }
        }
        self.try_code(visit, browser).await
    }

    async fn try_code(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let (context, origin, scope) = (self.context, &self.facts.origin, &visit.scope);
        let (table, text) = (context.table()?, self.field("pending"));
        let pending = match text.parse::<PendingToken>() {
            Ok(token) => pending_login::find(table, &token, context.now()).await?.map(|known| (token, known)),
            Err(_) => None,
        };
        let Some((token, pending)) = pending.filter(|(_, pending)| pending.scope == *scope) else {
            // It waited too long: from the beginning.
            return Ok(visit.log_in(context, browser, None, None).await?);
        };
        let guess = Guess::at_code(pending.user);
        if let Err(problem) = guess.count(context).await {
            let Problem::TooManyRequests { retry_after_s } = problem else { return Err(problem.into()) };
            return Ok(visit.code(context, browser, text, Some(Wrong::Wait(retry_after_s))).await?);
        }
        let before = factor::find(table, scope, pending.user).await?;
        let code = self.field("code").trim();
        let shown = if self.field("recovery").is_empty() { Shown::Code(code) } else { Shown::Recovery(code) };
        let mut transaction = Transaction::new();
        let used = second::used(context, scope, pending.user, &before, shown).await?;
        let Some((after, method)) = used else {
            let reason = DenialReason::WrongCode;
            let event = failure::denied(context, origin, &visit.client, Action::MFA_USE, reason);
            let resource = rookery_domain::event::Resource::new("user", pending.user);
            transaction.event(scope, &rookery_domain::event::Event { resource, ..event })?;
            context.carry_out(scope, &transaction).await?;
            return Ok(visit.code(context, browser, text, Some(Wrong::Code)).await?);
        };
        factor::put(&mut transaction, scope, pending.user, &before, &after)?;
        pending_login::spend(&mut transaction, &token);
        guess.was_right(&mut transaction);
        let proof = pending.proof.and(method, context.now());
        self.begin(visit, browser, transaction, pending.user, proof).await
    }

    /// Begins the session of somebody who proved who it is, in this browser, and goes on.
    async fn begin(
        &self,
        visit: &Visit,
        browser: &mut Browser,
        mut transaction: Transaction,
        user: UserId,
        proof: Proof,
    ) -> Result<Response, Stop> {
        let (context, origin, scope) = (self.context, &self.facts.origin, &visit.scope);
        let found = user::find(context.table()?, scope, user).await?.ok_or(Problem::Unauthenticated)?;
        let of = (scope.tenant(), user);
        let session = Session::begin(context.new_id(), of, proof, seen(origin), context.now()).of_browser();
        let before = visit.session(context, browser).await?;
        let token = match context.begin_session(&mut transaction, scope, origin, &session).await {
            Err(Problem::Unauthenticated) => {
                let email = Some(found.user.email.as_str());
                return Ok(visit.log_in(context, browser, email, Some(Wrong::Password)).await?);
            }
            begun => begun?,
        };
        if let Some(before) = before {
            context.end_session(&mut transaction, scope, origin, &before)?;
        }
        let device = DeviceToken::new(user, context.random());
        known_device::remember(&mut transaction, scope, &device, &found.user.email, context.now())?;
        context.carry_out(scope, &transaction).await?;
        browser.keep_session(&token);
        browser.keep_device(&device);
        visit.go_on(context, origin, browser, Some(&session), false).await
    }

    /// The person lets the client in: the one that was shown the page.
    async fn allow(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let session = visit.session(self.context, browser).await?;
        let asked = session.as_ref().is_some_and(|session| visit.shown_to == Some(session.id));
        visit.go_on(self.context, &self.facts.origin, browser, session.as_ref(), asked).await
    }
}
