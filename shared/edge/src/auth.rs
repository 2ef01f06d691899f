//! Who is asking.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use rookery_access::{Principal as Holder, Rights};
use rookery_domain::access_token::{self, Claims};
use rookery_domain::binding::Circumstances;
use rookery_domain::event::{Action, Actor, DenialReason, Event, Origin, Outcome, Resource};
use rookery_domain::id::{KeyId, SUFFIX_LENGTH, SessionId, UserId};
use rookery_domain::key::{Credential, KeyOwner, Limits, Token};
use rookery_domain::node::NodeState;
use rookery_domain::session::Session;
use rookery_domain::text::ParseError;
use rookery_domain::usage;
use rookery_store::credential::{self, Presented};
use rookery_store::{Settings, TenantScope, Transaction, Variable, session};

use crate::principal::{KeyHolder, Person};
use crate::recent::Recent;
use crate::request::{Known, RequestFacts};
use crate::{Context, Issuer, Principal, Problem};

/// An authenticated caller, who may or may not hold any particular right.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The scope of the caller's tenant.
    pub tenant: TenantScope,
    /// Who acts.
    pub principal: Principal,
    /// From where.
    pub origin: Origin,
    /// What may be done by whoever acts, before the scopes of the key: the rights of its owner, or a service key's own.
    pub rights: Arc<Rights>,
    /// The rights of whoever acts in the principal's place, without which nothing is allowed either.
    pub(crate) bounds: Option<Arc<Rights>>,
}

impl Caller {
    /// The caller as events and histories name it.
    pub fn actor(&self) -> Actor {
        self.principal.actor()
    }

    /// The circumstances of the request, as conditions of bindings ask for them.
    pub fn circumstances(&self, now: Timestamp) -> Circumstances {
        let second_factor_at = match &self.principal {
            Principal::Key(_) => None,
            Principal::Person(person) => person.second_factor_at,
        };
        let age = |at: Timestamp| now.duration_since(at).as_secs().max(0);
        Circumstances { now, address: self.address(), second_factor_age_s: second_factor_at.map(age) }
    }

    /// The network address that the request came from, as far as it is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.origin.address.as_deref().and_then(|text| text.parse().ok())
    }

    pub(crate) fn event_of(&self, context: &Context, action: Action, resource: Resource) -> Event {
        let event = context.event(self.tenant.tenant(), action, resource, (self.actor(), &self.origin));
        Event { version: 1, ..event }
    }

    /// Records an attempt that was refused.
    pub async fn record_denial(
        &self,
        context: &Context,
        action: Action,
        path: &str,
        reason: DenialReason,
    ) -> Result<(), Problem> {
        let mut event = self.event_of(context, action, attempted(path));
        event.outcome = Outcome::Denied;
        event.reason = Some(reason);
        let mut transaction = Transaction::new();
        transaction.event(&self.tenant, &event)?;
        Ok(context.table()?.commit(&transaction).await?)
    }
}

/// What an attempt was aimed at: the innermost id of the path, or the path.
fn attempted(path: &str) -> Resource {
    let id = path.rsplit('/').find(|part| {
        part.rsplit_once('_').is_some_and(|(prefix, rest)| !prefix.is_empty() && rest.len() == SUFFIX_LENGTH)
    });
    match id {
        Some(id) => Resource::new("attempted", id),
        None => Resource::new("attempted", path),
    }
}

impl FromRequestParts<Context> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let facts = RequestFacts::from_request_parts(parts, context).await?;
        let presented: Bearer = bearer(parts).ok_or(Problem::Unauthenticated)?;
        let Recognised { caller, used, refused } = match presented {
            Bearer::Key(token) => by_key(context, facts.origin, &token).await?,
            Bearer::Token(token) => {
                by_token(context, facts.origin, &token, &issuer(parts, context).await?).await?
            }
        };
        let lineage = context.lineage(&caller.tenant, caller.tenant.tenant().into()).await?;
        let stopped = lineage.ok_or(Problem::Unauthenticated)?.stopped;
        let refused = refused.or(match stopped {
            Some((_, NodeState::Suspended | NodeState::Closing)) => Some(DenialReason::TenantSuspended),
            _ => None,
        });
        if let Some(reason) = refused {
            caller.record_denial(context, used, parts.uri.path(), reason).await?;
            return Err(match reason {
                DenialReason::TenantSuspended => Problem::TenantSuspended,
                _ => Problem::Unauthenticated,
            });
        }
        let tenant = caller.tenant.tenant();
        if let Principal::Key(key) = &caller.principal {
            context.meter().used(tenant, key.id, context.now());
        }
        context.meter().count(tenant, usage::Meter::ApiCalls, 1, context.now());
        if let Some(known) = parts.extensions.get::<Known>() {
            known.0.get_or_init(|| caller.clone());
        }
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

async fn issuer(parts: &mut Parts, context: &Context) -> Result<String, Problem> {
    Ok(Issuer::from_request_parts(parts, context).await?.0)
}

/// What callers present: an API key, or else an access token.
enum Bearer {
    Key(Token),
    Token(String),
}

impl FromStr for Bearer {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse() {
            Ok(key) => Ok(Self::Key(key)),
            Err(_) if text.bytes().filter(|byte| *byte == b'.').count() == 2 => {
                Ok(Self::Token(text.to_owned()))
            }
            Err(fault) => Err(fault),
        }
    }
}

/// Who presented something that is ours, and why it is refused nevertheless, if it is.
struct Recognised {
    caller: Caller,
    used: Action,
    refused: Option<DenialReason>,
}

async fn by_key(context: &Context, origin: Origin, token: &Token) -> Result<Recognised, Problem> {
    let presented = context.credentials().present(context, token).await?;
    let Presented { scope, key, credential } = presented.ok_or(Problem::Unauthenticated)?;
    context.bind(&scope);
    by_credential(context, origin, scope, key, &credential, credential.limits()).await
}

/// Whoever has the rights of a key, within these limits.
async fn by_credential(
    context: &Context,
    origin: Origin,
    scope: TenantScope,
    key: KeyId,
    credential: &Credential,
    limits: Limits,
) -> Result<Recognised, Problem> {
    let holder = match credential.owner {
        KeyOwner::User(user) => Holder::User(user),
        KeyOwner::Node(_) => Holder::Key(key),
    };
    let standing = context.standing(&scope, holder).await?.ok_or(Problem::Unauthenticated)?;
    let principal = Principal::Key(KeyHolder { id: key, owner: credential.owner, limits });
    let caller = Caller { tenant: scope, principal, origin, rights: standing.rights, bounds: None };
    let refused = match credential {
        _ if credential.revoked_at.is_some() => Some(DenialReason::KeyRevoked),
        _ if !credential.valid_at(context.now()) => Some(DenialReason::KeyExpired),
        _ if !credential.good_from(caller.address()) => Some(DenialReason::KeyAddress),
        _ if standing.suspended => Some(DenialReason::Suspended),
        _ => None,
    };
    Ok(Recognised { caller, used: Action::API_KEY_USE, refused })
}

async fn by_token(
    context: &Context,
    origin: Origin,
    token: &str,
    issuer: &str,
) -> Result<Recognised, Problem> {
    let claims = match context.believe(token, issuer).await? {
        Ok(claims) => claims,
        Err(fault) => {
            tracing::warn!(token.fault = fault.as_str(), "an access token was refused");
            return Err(Problem::Unauthenticated);
        }
    };
    let scope = TenantScope::of_token(&claims);
    context.bind(&scope);
    let recognised = match claims.sub {
        access_token::Holder::User(user) => by_session(context, origin, scope, user, &claims).await?,
        access_token::Holder::Key(key) => {
            let known = context.credentials().known(context, key).await?;
            let credential =
                known.filter(|known| known.tenant == claims.tenant).ok_or(Problem::Unauthenticated)?;
            let own = credential.limits();
            let end = Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX);
            let limits = Limits {
                scopes: own.scopes.and(&claims.scopes()),
                expires_at: Some(own.expires_at.map_or(end, |expiry| expiry.min(end))),
                ..own
            };
            by_credential(context, origin, scope, key, &credential, limits).await?
        }
    };
    let backed = context.is_backed(&scope, &claims).await?;
    let refused = recognised.refused.or((!backed).then_some(DenialReason::ClientGone));
    Ok(Recognised { refused, ..recognised })
}

async fn by_session(
    context: &Context,
    origin: Origin,
    scope: TenantScope,
    user: UserId,
    claims: &Claims,
) -> Result<Recognised, Problem> {
    let id = claims.sid.ok_or(Problem::Unauthenticated)?;
    let standing = context.standing(&scope, Holder::User(user)).await?.ok_or(Problem::Unauthenticated)?;
    let session = context.session(&scope, user, id).await?;
    let end = claims.act.and_then(|_| session.as_ref().map(|session| session.ends_at));
    let bounds = match (&claims.act, &session) {
        (Some(_), Some(session)) => Some(impersonator(context, &scope, session).await?),
        _ => None,
    };
    let principal = Principal::Person(Person {
        id: user,
        session: id,
        client: claims.client_id.clone(),
        scope: claims.scope.clone(),
        impersonator: claims.act.map(|acting| acting.sub),
        second_factor_at: claims.second_factor_at(),
        limits: Limits { scopes: claims.scopes(), addresses: Vec::new(), expires_at: end },
    });
    let lost = bounds.as_ref().is_some_and(Option::is_none);
    let caller =
        Caller { tenant: scope, principal, origin, rights: standing.rights, bounds: bounds.flatten() };
    let alive = session.is_some_and(|session| session.is_alive(context.now()));
    let refused = match () {
        () if !alive || lost => Some(DenialReason::SessionEnded),
        () if standing.suspended => Some(DenialReason::Suspended),
        () => None,
    };
    Ok(Recognised { caller, used: Action::SESSION_USE, refused })
}

/// The rights of whoever acts in a person's place; `None` once that somebody is logged in no more, or may not act.
async fn impersonator(
    context: &Context,
    scope: &TenantScope,
    session: &Session,
) -> Result<Option<Arc<Rights>>, Problem> {
    let Some(by) = &session.impersonator else { return Ok(None) };
    let own = context.session(scope, by.user, by.session).await?;
    if !own.is_some_and(|own| own.is_alive(context.now())) {
        return Ok(None);
    }
    let standing = context.standing(scope, Holder::User(by.user)).await?;
    Ok(standing.filter(|standing| !standing.suspended).map(|standing| standing.rights))
}

/// The token of `Authorization: Bearer …`. The scheme's name is case-insensitive (RFC 9110, section 11.1).
pub(crate) fn bearer<T: FromStr>(parts: &Parts) -> Option<T> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().parse().ok())?
}

/// For how long what decides about callers is kept in memory.
pub(crate) fn cache_time(settings: &Settings) -> SignedDuration {
    let seconds = settings.get(Variable::AuthCacheSeconds).and_then(|text| text.parse::<i64>().ok());
    SignedDuration::from_secs(seconds.unwrap_or(15).clamp(0, 60))
}

/// What was read a moment ago of the keys that were presented; of unknown ones, that they are: an unknown key costs what a
/// known one with a wrong secret does. A revoked key is refused once its entry is older than the cache's time, which is
/// 15 seconds unless configured, and never more than 60.
#[derive(Debug)]
pub(crate) struct CredentialCache(Recent<KeyId, Entry>);

#[derive(Debug, Clone)]
struct Entry {
    known: Option<Credential>,
    /// When it was read because a secret did not fit what was known before.
    again: Option<Timestamp>,
}

/// How long after such a reading another secret that does not fit is believed to be wrong without one.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(1);

impl CredentialCache {
    pub(crate) fn new(kept: SignedDuration) -> Self {
        Self(Recent::new(kept))
    }

    /// Whoever presents a token, if its secret is right. A secret that does not fit what is in memory may be one that the key was given
    /// since: it is read again, once a second at the most.
    async fn present(&self, context: &Context, token: &Token) -> Result<Option<Presented>, Problem> {
        let now = context.now();
        let Some(Entry { known, again }) = self.0.recall(&token.id, now) else {
            let known = self.read(context, token.id, now, None).await?;
            return Ok(credential::check(token, known.as_ref(), now));
        };
        let presented = credential::check(token, known.as_ref(), now);
        if presented.is_some() || again.is_some_and(|read| now.duration_since(read) < READ_AGAIN_AFTER) {
            return Ok(presented);
        }
        let known = self.read(context, token.id, now, Some(now)).await?;
        Ok(credential::check(token, known.as_ref(), now))
    }

    /// What is known of a key, for whoever has a token with its rights.
    async fn known(&self, context: &Context, id: KeyId) -> Result<Option<Credential>, Problem> {
        let now = context.now();
        match self.0.recall(&id, now) {
            Some(Entry { known, .. }) => Ok(known),
            None => self.read(context, id, now, None).await,
        }
    }

    async fn read(
        &self,
        context: &Context,
        id: KeyId,
        now: Timestamp,
        again: Option<Timestamp>,
    ) -> Result<Option<Credential>, Problem> {
        let known = credential::look_up(context.table()?, id).await?;
        self.0.remember(id, Entry { known: known.clone(), again }, now);
        Ok(known)
    }
}

/// What was read a moment ago of the sessions that were used. One that has ended is refused once its entry is older than the cache's
/// time.
#[derive(Debug)]
pub(crate) struct SessionCache(Recent<SessionId, Option<Arc<Session>>>);

impl SessionCache {
    pub(crate) fn new(kept: SignedDuration) -> Self {
        Self(Recent::new(kept))
    }
}

impl Context {
    /// A session, as it was at most some seconds ago; `None` if it has ended.
    async fn session(
        &self,
        scope: &TenantScope,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Arc<Session>>, Problem> {
        let now = self.now();
        if let Some(known) = self.sessions().0.recall(&id, now) {
            return Ok(known.filter(|known| known.user == user && known.tenant == scope.tenant()));
        }
        let found = session::find(self.table()?, scope, user, id).await?.map(Arc::new);
        self.sessions().0.remember(id, found.clone(), now);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_names_the_innermost_id() {
        let path = "/v1/apps/app_01h455vb4pex5vsknk084sn02q/releases/rel_01h455vb4pex5vsknk084sn02q/ramp";
        assert_eq!(attempted(path).id, "rel_01h455vb4pex5vsknk084sn02q");
        assert_eq!(attempted("/v1/apps").id, "/v1/apps");
    }
}
