//! Beginning, refreshing and ending sessions: what every way of logging in ends with.
//!
//! Whoever has proved who it is, in whatever way, comes to [`Context::log_in`] with a [`Proof`]; what stands between, such as a second
//! factor, is for that way to ask.

use jiff::Timestamp;
use rookery_access::Principal as Holder;
use rookery_domain::access_token::{Acting, Claims, Holder as Subject, LIFE_S};
use rookery_domain::event::{
    Action, Actor, ActorKind, DenialReason, Event, Origin, Outcome, Resource, changes,
};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{EventId, SessionId, UserId};
use rookery_domain::node::NodeState;
use rookery_domain::permission::Permission;
use rookery_domain::session::{Method, Presented, Proof, RefreshToken, Seen, Session, crowded_out};
use rookery_domain::token_key::Algorithm;
use rookery_store::session::{self, Met};
use rookery_store::{TenantScope, Transaction};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::token::ACCESS_TOKEN;
use crate::{Context, Issuer, Problem};

/// How often a refresh is decided anew when another one of the same token was quicker.
const ATTEMPTS: u32 = 5;

/// What whoever logs in is given. Shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
    /// What to send as `Authorization: Bearer …`: good for a quarter of an hour.
    #[schema(example = "eyJ…")]
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// For how many seconds the access token is good.
    pub expires_in: i64,
    /// What the next access token is asked with, once. There is none where somebody acts in another's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rr_…")]
    pub refresh_token: Option<String>,
    /// The session that began.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
}

/// A session that was refreshed.
#[derive(Debug)]
pub struct Refreshed {
    /// The scope of its tenant.
    pub scope: TenantScope,
    /// The session.
    pub session: Session,
    /// Its next refresh token.
    pub token: RefreshToken,
}

/// Where a request comes from, as sessions remember it.
pub fn seen(origin: &Origin) -> Seen {
    Seen { device: origin.user_agent.clone(), address: origin.address.clone() }
}

/// The person of a session as one who acts.
fn actor(session: &Session) -> Actor {
    let impersonator = session.impersonator.as_ref().map(|by| by.user);
    Actor { impersonator, ..Actor::new(ActorKind::User, session.user) }
}

/// An event of a session that its own person causes.
fn event(context: &Context, origin: &Origin, session: &Session, action: Action, version: u64) -> Event {
    let resource = Resource::new("session", session.id);
    let event = context.event(session.tenant, action, resource, (actor(session), origin));
    Event { version, ..event }
}

/// What the audit trail says of a session; from where it is used stands beside it.
pub fn described(session: &Session) -> Value {
    json!({
        "user_id": session.user,
        "client_id": session.client,
        "methods": session.proof.methods,
        "ends_at": session.ends_at,
    })
}

impl Context {
    /// Refuses who may not log in whatever they prove: a person who is suspended or gone, or whose tenant is stopped.
    pub async fn may_log_in(&self, scope: &TenantScope, user: UserId) -> Result<(), Problem> {
        let standing = self.standing(scope, Holder::User(user)).await?;
        if standing.is_none_or(|standing| standing.suspended) {
            return Err(Problem::Unauthenticated);
        }
        let tenant = self.lineage(scope, scope.tenant().into()).await?.ok_or(Problem::Unauthenticated)?;
        match tenant.stopped {
            Some((_, NodeState::Suspended | NodeState::Closing)) => Err(Problem::TenantSuspended),
            _ => Ok(()),
        }
    }

    /// Adds the session of somebody who proved who it is to a transaction, with its event and the end of those that it crowds out, and
    /// answers its first refresh token. It begins when the transaction commits.
    pub async fn begin_session(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        origin: &Origin,
        session: &Session,
    ) -> Result<RefreshToken, Problem> {
        let token = RefreshToken::first(session.id, self.random());
        self.begin(transaction, scope, origin, session, Some(&token)).await?;
        Ok(token)
    }

    /// As [`Context::begin_session`], for a session that is not refreshed.
    pub async fn begin_brief_session(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        origin: &Origin,
        session: &Session,
    ) -> Result<(), Problem> {
        self.begin(transaction, scope, origin, session, None).await
    }

    async fn begin(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        origin: &Origin,
        session: &Session,
        token: Option<&RefreshToken>,
    ) -> Result<(), Problem> {
        self.may_log_in(scope, session.user).await?;
        session::create(transaction, scope, session, token)?;
        let began = changes(&Value::Null, &described(session));
        let begins = Event { changes: began, ..event(self, origin, session, Action::SESSION_BEGIN, 1) };
        transaction.event(scope, &begins)?;
        // Each client has room of its own, so that none crowds out where else the person is logged in.
        let mut others = session::list(self.table()?, scope, session.user, self.now()).await?;
        others.retain(|other| other.client == session.client);
        for crowded in crowded_out(&others, self.now()) {
            self.end_session(transaction, scope, origin, crowded)?;
        }
        Ok(())
    }

    /// As [`Context::begin_session`], for the platform's own login: with the answer to give.
    pub async fn log_in(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        (origin, issuer): (&Origin, &Issuer),
        user: UserId,
        proof: Proof,
    ) -> Result<Tokens, Problem> {
        let of = (scope.tenant(), user);
        let session = Session::begin(self.new_id(), of, proof, seen(origin), self.now());
        let token = self.begin_session(transaction, scope, origin, &session).await?;
        self.tokens(issuer, &session, Some(&token)).await
    }

    /// The tokens of a session.
    pub async fn tokens(
        &self,
        issuer: &Issuer,
        session: &Session,
        refresh: Option<&RefreshToken>,
    ) -> Result<Tokens, Problem> {
        let claims = self.claims(issuer, session);
        Ok(Tokens {
            access_token: self.sign_token(Algorithm::Rs256, ACCESS_TOKEN, &claims).await?,
            token_type: "Bearer",
            expires_in: claims.exp - claims.iat,
            refresh_token: refresh.map(RefreshToken::reveal),
            session_id: session.id,
            user_id: session.user,
        })
    }

    /// What an access token of a session says. One that is never refreshed lasts as long as its session.
    pub fn claims(&self, issuer: &Issuer, session: &Session) -> Claims {
        let now = self.now().as_second();
        let end = session.expires_at.as_second();
        Claims {
            iss: issuer.0.clone(),
            aud: issuer.0.clone(),
            sub: Subject::User(session.user),
            tenant: session.tenant,
            sid: Some(session.id),
            iat: now,
            nbf: now,
            exp: if session.impersonator.is_some() { end } else { end.min(now + LIFE_S) },
            jti: self.new_id::<EventId>().to_string(),
            amr: session.proof.methods.iter().map(|method| method.as_str().to_owned()).collect(),
            auth_time: Some(session.proof.at.as_second()),
            mfa_at: session.proof.second_factor_at.map(Timestamp::as_second),
            client_id: session.client.clone(),
            scope: session.scope.clone(),
            act: session.impersonator.as_ref().map(|by| Acting { sub: by.user }),
            trust: None,
        }
    }

    /// Turns a refresh token into the next, for the client that the session is of. Whatever is wrong, the answer is the same; a token of
    /// before ends the session.
    pub async fn refresh(
        &self,
        origin: &Origin,
        token: &RefreshToken,
        client: Option<&str>,
    ) -> Result<Refreshed, Problem> {
        for _ in 1..ATTEMPTS {
            match self.try_refresh(origin, token, client).await {
                Err(Problem::Conflict { code: Problem::OVERTAKEN, .. }) => {}
                decided => return decided,
            }
        }
        self.try_refresh(origin, token, client).await
    }

    async fn try_refresh(
        &self,
        origin: &Origin,
        token: &RefreshToken,
        client: Option<&str>,
    ) -> Result<Refreshed, Problem> {
        let (table, now) = (self.table()?, self.now());
        let met = session::look_up(table, token, now).await?.ok_or(Problem::Unauthenticated)?;
        let Met { scope, user, presented, known } = met;
        self.bind(&scope);
        let found = session::find(table, &scope, user, token.session).await?;
        let before = found.filter(|found| found.is_alive(now)).ok_or(Problem::Unauthenticated)?;
        if before.client.as_deref() != client {
            return Err(Problem::Unauthenticated);
        }
        match presented {
            Presented::Lost(token) => {
                self.may_log_in(&scope, user).await?;
                Ok(Refreshed { scope, session: before, token })
            }
            Presented::Current => {
                self.may_log_in(&scope, user).await?;
                let salt = Sha256::from_bytes(self.random());
                let (family, token) = known.family().turn(token, salt, now);
                let session = before.refreshed(seen(origin), now);
                let mut transaction = Transaction::new();
                session::turn(&mut transaction, &known, &session, family)?;
                session::replace(&mut transaction, &scope, &before, &session)?;
                table.commit(&transaction).await?;
                Ok(Refreshed { scope, session, token })
            }
            Presented::Reused | Presented::Unknown => {
                let mut transaction = Transaction::new();
                session::end(&mut transaction, &scope, &before);
                let used = event(self, origin, &before, Action::SESSION_USE, 1);
                let actor = Actor::new(ActorKind::Unknown, "unknown");
                let (outcome, reason) = (Outcome::Denied, Some(DenialReason::TokenReused));
                transaction.event(&scope, &Event { actor, outcome, reason, ..used })?;
                table.commit(&transaction).await?;
                tracing::warn!(session.id = %before.id, "a refresh token was used again; its session ended");
                Err(Problem::Unauthenticated)
            }
        }
    }

    /// Adds to a transaction that the person of a session that runs used a second factor again, and answers the session after it.
    pub async fn step_up(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        origin: &Origin,
        (user, id): (UserId, SessionId),
        method: Method,
    ) -> Result<Session, Problem> {
        let now = self.now();
        let found = session::find(self.table()?, scope, user, id).await?;
        let before = found.filter(|found| found.is_alive(now)).ok_or(Problem::Unauthenticated)?;
        let after = before.stepped_up(method, now);
        session::replace(transaction, scope, &before, &after)?;
        let changed = changes(&described(&before), &described(&after));
        let shown = event(self, origin, &after, Action::MFA_USE, after.version);
        transaction.event(scope, &Event { changes: changed, ..shown })?;
        Ok(after)
    }

    /// Adds the end of a session, by its own person, to a transaction.
    pub fn end_session(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        origin: &Origin,
        session: &Session,
    ) -> Result<(), Problem> {
        session::end(transaction, scope, session);
        let action = Permission::SessionEnd.into();
        Ok(transaction.event(scope, &event(self, origin, session, action, session.version + 1))?)
    }

    /// Records that somebody did not prove who it is.
    pub async fn record_failed_login(
        &self,
        scope: &TenantScope,
        origin: &Origin,
        user: Option<UserId>,
        reason: DenialReason,
    ) -> Result<(), Problem> {
        let resource = match user {
            Some(user) => Resource::new("user", user),
            None => Resource::new("attempted", "login"),
        };
        let action = Action::SESSION_BEGIN;
        let event = self.strangers_attempt(scope.tenant(), action, resource, origin, reason);
        let mut transaction = Transaction::new();
        transaction.event(scope, &event)?;
        Ok(self.table()?.commit(&transaction).await?)
    }
}

/// A session as people see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionBody {
    /// Its id.
    pub id: SessionId,
    /// What the person logged in with, as it named itself.
    pub device: Option<String>,
    /// The network address from where it was last refreshed.
    pub address: Option<String>,
    /// The client that it is of; `null` for the platform's own login.
    pub client_id: Option<String>,
    /// Who acts in the person's place.
    pub impersonator_id: Option<UserId>,
    /// How the person proved who it is, by the names of RFC 8176.
    pub methods: Vec<Method>,
    /// When the person last used a second factor.
    pub second_factor_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed: at most a quarter of an hour before its last use.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl SessionBody {
    /// A session as whoever is in the session `current` sees it.
    pub fn of(session: Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            device: session.device,
            address: session.address,
            client_id: session.client,
            impersonator_id: session.impersonator.map(|by| by.user),
            methods: session.proof.methods,
            second_factor_at: session.proof.second_factor_at,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            current: current == Some(session.id),
        }
    }
}
