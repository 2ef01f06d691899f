//! What people say of clients and devices, and what follows from it.

use axum::response::Response;
use jiff::Timestamp;
use rookery_domain::consent::Consent;
use rookery_domain::device_grant::{Said, Wish};
use rookery_domain::event::{Action, Actor, ActorKind, DenialReason, Event, Origin, Resource, changes};
use rookery_domain::id::UserId;
use rookery_domain::oauth_code::{Code, GOOD_FOR, Promise};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::oauth_request::Request;
use rookery_domain::session::Session;
use rookery_edge::{Context, Problem};
use rookery_store::{Transaction, consent, device_grant, oauth_code};
use serde_json::{Value, json};

use super::{Errand, Stop, Visit, back};
use crate::browser::Browser;
use crate::page::{self, Fault};
use crate::{failure, form};

impl Visit {
    /// What the person lets the client do already.
    pub(super) async fn consent(
        &self,
        context: &Context,
        person: UserId,
    ) -> Result<Option<Consent>, Problem> {
        Ok(consent::find(context.table()?, &self.scope, (person, self.client.id)).await?)
    }

    /// What the person lets the client do from now on.
    pub(super) fn extended(&self, before: Option<Consent>, now: Timestamp) -> Consent {
        let before = before.unwrap_or_else(|| Consent::to(self.client.id, now));
        match &self.errand {
            Errand::Code(request) => before.extended(&request.scope, &request.redirect_uri, now),
            Errand::Device(wish) => before.extended_on_device(&wish.scope, now),
        }
    }

    /// Sends the person back with a code, and remembers what it let the client do if it was asked just now.
    pub(super) async fn send(
        &self,
        context: &Context,
        origin: &Origin,
        browser: &Browser,
        (session, request): (&Session, &Request),
        consent: Option<Consent>,
    ) -> Result<Response, Stop> {
        let now = context.now();
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
        let mut transaction = Transaction::new();
        oauth_code::create(&mut transaction, &code, &promise)?;
        self.tell(context, origin, &mut transaction, session, consent.as_ref())?;
        self.carry_out(context, &transaction).await?;
        let text = code.reveal();
        let mut fields = vec![("code", text.as_str())];
        fields.extend(request.state.as_deref().map(|state| ("state", state)));
        fields.push(("iss", browser.issuer.0.as_str()));
        Ok(page::send_on(browser, &request.redirect_uri.with(&form::write(&fields)))?)
    }

    /// Lets a device in, which is told when it asks the next time.
    pub(super) async fn let_device_in(
        &self,
        context: &Context,
        origin: &Origin,
        browser: &Browser,
        session: &Session,
        wish: &Wish,
    ) -> Result<Response, Stop> {
        let before = self.consent(context, session.user).await?;
        let consent = self.extended(before, context.now());
        let said = Said::Yes { user: session.user, proof: session.proof.clone() };
        let mut transaction = Transaction::new();
        device_grant::say(&mut transaction, wish, said)?;
        self.tell(context, origin, &mut transaction, session, Some(&consent))?;
        self.carry_out(context, &transaction).await?;
        Ok(page::device_allowed(browser)?)
    }

    /// Adds to a transaction that the client is let in, and what the person said if it was asked just now.
    fn tell(
        &self,
        context: &Context,
        origin: &Origin,
        transaction: &mut Transaction,
        session: &Session,
        consent: Option<&Consent>,
    ) -> Result<(), Problem> {
        let said = json!({"client_id": self.client.id, "scope": self.wanted().to_string()});
        let authorized = self.event(context, origin, session, Action::OAUTH_AUTHORIZE, &said);
        transaction.event(&self.scope, &authorized)?;
        if let Some(consent) = consent {
            consent::put(transaction, &self.scope, session.user, consent)?;
            let consented = self.event(context, origin, session, Action::OAUTH_CONSENT, &said);
            transaction.event(&self.scope, &consented)?;
        }
        Ok(())
    }

    /// Something that a person does with its own account: a use that changes none of its records.
    pub(crate) fn event(
        &self,
        context: &Context,
        origin: &Origin,
        session: &Session,
        action: Action,
        said: &Value,
    ) -> Event {
        let (resource, person) =
            (Resource::new("user", session.user), Actor::new(ActorKind::User, session.user));
        let event = context.event(self.scope.tenant(), action, resource, (person, origin));
        Event { changes: changes(&Value::Null, said), ..event }
    }

    /// The person does not let the client in.
    pub(crate) async fn refuse(
        &self,
        context: &Context,
        origin: &Origin,
        browser: &Browser,
    ) -> Result<Response, Stop> {
        let of = (&self.scope, &self.client);
        let reason = DenialReason::ConsentRefused;
        match failure::record(context, origin, of, Action::OAUTH_CONSENT, reason).await {
            // Many may share an address. Nothing more is recorded then, and whoever wants to leave may.
            Ok(()) | Err(Problem::TooManyRequests { .. }) => {}
            Err(problem) => return Err(problem.into()),
        }
        match &self.errand {
            Errand::Code(request) => {
                Err(back(request, OauthError::AccessDenied, "the person did not let the client in"))
            }
            Errand::Device(wish) => {
                let mut transaction = Transaction::new();
                device_grant::say(&mut transaction, wish, Said::No)?;
                self.carry_out(context, &transaction).await?;
                Ok(page::device_denied(browser)?)
            }
        }
    }

    /// Commits what a person says. Somebody else may have said something of the same device meanwhile.
    async fn carry_out(&self, context: &Context, transaction: &Transaction) -> Result<(), Stop> {
        match context.carry_out(&self.scope, transaction).await {
            Err(Problem::Conflict { .. }) if self.request().is_none() => Err(Stop::Here(Fault::DeviceCode)),
            done => Ok(done?),
        }
    }
}
