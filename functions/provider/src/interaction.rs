//! `POST /oauth/interaction`: what people do on the pages: log in, show a code, let a client in, or leave it.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rookery_domain::event::{Action, DenialReason, Event, Origin, Resource};
use rookery_domain::id::UserId;
use rookery_domain::known_device::DeviceToken;
use rookery_domain::password::Password;
use rookery_domain::pending_login::PendingToken;
use rookery_domain::session::{Method, Proof, Session};
use rookery_domain::text::Email;
use rookery_edge::password as hashing;
use rookery_edge::session::seen;
use rookery_edge::{Context, Guess, Problem, RequestFacts};
use rookery_login::passkey::{self, Alone, Assertion};
use rookery_login::password::{self, Proved};
use rookery_login::second::{self, RecoveryCodes, Shown};
use rookery_store::pending_login::{Pending, Waits};
use rookery_store::{Transaction, factor, known_device, pending_login, user};
use serde_json::Value;
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

/// Decides anew as long as somebody else was quicker to change what the decision rests on.
macro_rules! again {
    ($decide:expr) => {{
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match $decide.await {
                Err(Stop::Else(Problem::Conflict { code: Problem::OVERTAKEN, .. })) if left > 0 => {}
                decided => break decided,
            }
        }
    }};
}

/// A login that waits for a second factor, of whoever has the page.
struct Login {
    token: PendingToken,
    user: UserId,
    /// What was proved.
    proof: Proof,
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
            "passkey-alone" => self.show_passkey_alone(&visit, browser).await,
            "code" => again!(self.show_code(&visit, browser)),
            "passkey" => self.show_passkey(&visit, browser).await,
            "enrol" => again!(self.enrol(&visit, browser)),
            "go-on" => {
                let session = visit.session(self.context, browser).await?;
                visit.go_on(self.context, origin, browser, session.as_ref(), false).await
            }
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
        if !factors.has_second() && tenant.settings.require_second_factor {
            let found = user::find(context.table()?, &visit.scope, user).await?;
            let found = found.ok_or(Problem::Unauthenticated)?;
            let offer = second::offer(context, &mut transaction, &visit.scope, &found, &factors).await?;
            let token = PendingToken::new(context.random(), context.random());
            pending_login::put(&mut transaction, &visit.scope, &token, user, &proof)?;
            context.carry_out(&visit.scope, &transaction).await?;
            return Ok(visit.enrol(context, browser, (&token.reveal(), &offer), None).await?);
        }
        if aged {
            let hash = hashing::hash(context, &presented)?;
            factor::put(&mut transaction, &visit.scope, user, &factors, &factors.rehashed(hash))?;
        }
        if factors.has_second() {
            let token = PendingToken::new(context.random(), context.random());
            pending_login::put(&mut transaction, &visit.scope, &token, user, &proof)?;
            context.carry_out(&visit.scope, &transaction).await?;
            return Ok(visit.code(context, browser, (&token, &factors), None).await?);
        }
        self.begin(visit, browser, transaction, (user, proof), None).await
    }

    /// Looks at a passkey that comes instead of an address and a password. People may have some with other tenants, which log nobody in
    /// here.
    async fn show_passkey_alone(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let (context, origin) = (self.context, &self.facts.origin);
        let taken = match Assertion::read(self.field("passkey")) {
            Some(assertion) => Alone::take(context, origin, &browser.issuer, assertion).await,
            None => Err(Problem::Unauthenticated),
        };
        let wrong = match taken {
            Ok(alone) if alone.scope == visit.scope => {
                return again!(self.use_alone(visit, browser, &alone));
            }
            Ok(_) | Err(Problem::Unauthenticated) => {
                visit.record(context, origin, DenialReason::WrongPasskey).await?;
                Wrong::PasskeyAlone
            }
            Err(Problem::TooManyRequests { retry_after_s }) => Wrong::Wait(retry_after_s),
            Err(problem) => return Err(problem.into()),
        };
        Ok(visit.log_in(context, browser, None, Some(wrong)).await?)
    }

    async fn use_alone(&self, visit: &Visit, browser: &mut Browser, alone: &Alone) -> Result<Response, Stop> {
        let context = self.context;
        let mut transaction = Transaction::new();
        match alone.used(context, &mut transaction, &self.facts.origin).await {
            Ok(proof) => self.begin(visit, browser, transaction, (alone.user, proof), None).await,
            Err(Problem::Unauthenticated) => {
                Ok(visit.log_in(context, browser, None, Some(Wrong::PasskeyAlone)).await?)
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// Looks at a code of a second factor.
    async fn show_code(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let (context, origin, scope) = (self.context, &self.facts.origin, &visit.scope);
        let Some(login) = self.pending(visit).await? else {
            // It waited too long: from the beginning.
            return Ok(visit.log_in(context, browser, None, None).await?);
        };
        let before = factor::find(context.table()?, scope, login.user).await?;
        let guess = match self.counted(login.user).await? {
            Ok(guess) => guess,
            Err(wait) => {
                return Ok(visit.code(context, browser, (&login.token, &before), Some(wait)).await?);
            }
        };
        let code = self.field("code").trim();
        let shown = if self.field("recovery").is_empty() { Shown::Code(code) } else { Shown::Recovery(code) };
        let mut transaction = Transaction::new();
        let used = second::used(context, scope, login.user, &before, shown).await?;
        let Some((after, method)) = used else {
            self.record_wrong(visit, login.user, origin, DenialReason::WrongCode).await?;
            return Ok(visit.code(context, browser, (&login.token, &before), Some(Wrong::Code)).await?);
        };
        factor::put(&mut transaction, scope, login.user, &before, &after)?;
        pending_login::spend(&mut transaction, &login.token);
        guess.was_right(&mut transaction);
        let proof = login.proof.and(method, context.now());
        self.begin(visit, browser, transaction, (login.user, proof), None).await
    }

    /// Looks at a passkey as the second factor. Its challenge is spent by it.
    async fn show_passkey(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let context = self.context;
        let Some(login) = self.pending(visit).await? else {
            return Ok(visit.log_in(context, browser, None, None).await?);
        };
        let guess = match self.counted(login.user).await? {
            Ok(guess) => guess,
            Err(wait) => {
                let before = factor::find(context.table()?, &visit.scope, login.user).await?;
                return Ok(visit.code(context, browser, (&login.token, &before), Some(wait)).await?);
            }
        };
        let shown = match Assertion::read(self.field("passkey")) {
            Some(assertion) => {
                Some(passkey::Shown::second(context, &browser.issuer, assertion, &login.token).await?)
            }
            None => None,
        };
        again!(self.use_passkey(visit, browser, &login, (shown.as_ref(), &guess)))
    }

    async fn use_passkey(
        &self,
        visit: &Visit,
        browser: &mut Browser,
        login: &Login,
        (shown, guess): (Option<&passkey::Shown>, &Guess),
    ) -> Result<Response, Stop> {
        let (context, scope) = (self.context, &visit.scope);
        let before = factor::find(context.table()?, scope, login.user).await?;
        let used = shown.ok_or(DenialReason::WrongPasskey);
        let (after, method) = match used.and_then(|shown| shown.used_besides(context, &before)) {
            Ok(used) => used,
            Err(reason) => {
                self.record_wrong(visit, login.user, &self.facts.origin, reason).await?;
                return Ok(visit
                    .code(context, browser, (&login.token, &before), Some(Wrong::Passkey))
                    .await?);
            }
        };
        let mut transaction = Transaction::new();
        factor::put(&mut transaction, scope, login.user, &before, &after)?;
        pending_login::spend(&mut transaction, &login.token);
        guess.was_right(&mut transaction);
        let proof = login.proof.clone().and(method, context.now());
        self.begin(visit, browser, transaction, (login.user, proof), None).await
    }

    /// Looks at the first code of an authenticator that was offered on a page.
    async fn enrol(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let (context, origin, scope) = (self.context, &self.facts.origin, &visit.scope);
        let (table, text) = (context.table()?, self.field("pending"));
        let Some(login) = self.pending(visit).await? else {
            return Ok(visit.log_in(context, browser, None, None).await?);
        };
        let before = factor::find(table, scope, login.user).await?;
        let found = user::find(table, scope, login.user).await?.ok_or(Problem::Unauthenticated)?;
        let offer = second::offered(context, scope, &found, &before).await?;
        // Who has a factor meanwhile shows that one; and an offer does not wait for ever.
        let Some(offer) = offer.filter(|_| !before.has_second()) else {
            return Ok(visit.log_in(context, browser, None, None).await?);
        };
        let guess = match self.counted(login.user).await? {
            Ok(guess) => guess,
            Err(wait) => return Ok(visit.enrol(context, browser, (text, &offer), Some(wait)).await?),
        };
        let code = self.field("code").trim();
        let confirmed = second::confirmed(context, scope, login.user, &before, code).await?;
        let Some((after, codes)) = confirmed else {
            let wrong = Some(Wrong::Code);
            self.record_wrong(visit, login.user, origin, DenialReason::WrongCode).await?;
            return Ok(visit.enrol(context, browser, (text, &offer), wrong).await?);
        };
        let mut transaction = Transaction::new();
        factor::put(&mut transaction, scope, login.user, &before, &after)?;
        pending_login::spend(&mut transaction, &login.token);
        guess.was_right(&mut transaction);
        let proof = login.proof.and(Method::Otp, context.now());
        self.begin(visit, browser, transaction, (login.user, proof), Some(codes)).await
    }

    /// The login that waits for a second factor, if it is one of this tenant and waits still.
    async fn pending(&self, visit: &Visit) -> Result<Option<Login>, Stop> {
        let Ok(token) = self.field("pending").parse::<PendingToken>() else { return Ok(None) };
        let known = pending_login::find(self.context.table()?, &token, self.context.now()).await?;
        Ok(match known {
            Some(Pending { scope, user, waits: Waits::Login(proof) }) if scope == visit.scope => {
                Some(Login { token, user, proof })
            }
            _ => None,
        })
    }

    /// Counts a guess at what somebody has to show, or answers what the page says to whoever has to wait.
    async fn counted(&self, user: UserId) -> Result<Result<Guess, Wrong>, Stop> {
        let guess = Guess::at_code(user);
        match guess.count(self.context).await {
            Ok(()) => Ok(Ok(guess)),
            Err(Problem::TooManyRequests { retry_after_s }) => Ok(Err(Wrong::Wait(retry_after_s))),
            Err(problem) => Err(problem.into()),
        }
    }

    async fn record_wrong(
        &self,
        visit: &Visit,
        user: UserId,
        origin: &Origin,
        reason: DenialReason,
    ) -> Result<(), Stop> {
        let context = self.context;
        let event = failure::denied(context, origin, &visit.client, Action::MFA_USE, reason);
        let resource = Resource::new("user", user);
        let mut transaction = Transaction::new();
        transaction.event(&visit.scope, &Event { resource, ..event })?;
        Ok(context.carry_out(&visit.scope, &transaction).await?)
    }

    /// Begins the session of somebody who proved who it is, in this browser, and goes on.
    async fn begin(
        &self,
        visit: &Visit,
        browser: &mut Browser,
        mut transaction: Transaction,
        (user, proof): (UserId, Proof),
        codes: Option<RecoveryCodes>,
    ) -> Result<Response, Stop> {
        let (context, origin, scope) = (self.context, &self.facts.origin, &visit.scope);
        let found = user::find(context.table()?, scope, user).await?.ok_or(Problem::Unauthenticated)?;
        let of = (scope.tenant(), user);
        let by_password = proof.methods.contains(&Method::Password);
        let session = Session::begin(context.new_id(), of, proof, seen(origin), context.now()).of_browser();
        let before = visit.session(context, browser).await?;
        let token = match context.begin_session(&mut transaction, scope, origin, &session).await {
            Err(Problem::Unauthenticated) => {
                let (email, wrong) = if by_password {
                    (Some(found.user.email.as_str()), Wrong::Password)
                } else {
                    (None, Wrong::PasskeyAlone)
                };
                return Ok(visit.log_in(context, browser, email, Some(wrong)).await?);
            }
            begun => begun?,
        };
        if let Some(before) = before {
            context.end_session(&mut transaction, scope, origin, &before)?;
        }
        let device = DeviceToken::new(user, context.random());
        if codes.is_some() {
            let enrolled = visit.event(context, origin, &session, Action::MFA_ENROL, &Value::Null);
            transaction.event(scope, &enrolled)?;
        }
        known_device::remember(&mut transaction, scope, &device, &found.user.email, context.now())?;
        context.carry_out(scope, &transaction).await?;
        browser.keep_session(&token);
        browser.keep_device(&device);
        if let Some(RecoveryCodes { recovery_codes }) = codes {
            return Ok(visit.recovery_codes(context, browser, &recovery_codes).await?);
        }
        visit.go_on(context, origin, browser, Some(&session), false).await
    }

    /// The person lets the client in: the one that was shown the page.
    async fn allow(&self, visit: &Visit, browser: &mut Browser) -> Result<Response, Stop> {
        let session = visit.session(self.context, browser).await?;
        let asked = session.as_ref().is_some_and(|session| visit.shown_to == Some(session.id));
        visit.go_on(self.context, &self.facts.origin, browser, session.as_ref(), asked).await
    }
}
