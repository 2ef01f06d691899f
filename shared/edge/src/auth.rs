//! Who is asking.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use rookery_access::{Principal as Holder, Rights};
use rookery_domain::binding::Circumstances;
use rookery_domain::event::{Action, Actor, ActorKind, DenialReason, Event, Origin, Outcome, Resource};
use rookery_domain::id::{KeyId, SUFFIX_LENGTH};
use rookery_domain::key::{Credential, KeyOwner, Limits, Scopes, Token};
use rookery_domain::node::NodeState;
use rookery_domain::usage;
use rookery_store::credential::{self, Presented};
use rookery_store::{Settings, TenantScope, Transaction, Variable, guard};

use crate::recent::Recent;
use crate::request::{Known, RequestFacts};
use crate::{Context, Problem};

/// Who acts.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The key that was presented.
    pub id: KeyId,
    /// Whose key it is.
    pub owner: KeyOwner,
    /// What the key may do at the most.
    pub scopes: Scopes,
    /// Everything that the key must not hand on more of than it has.
    pub limits: Limits,
}

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
}

impl Caller {
    /// The caller as events and histories name it.
    pub fn actor(&self) -> Actor {
        Actor { kind: ActorKind::ApiKey, id: self.principal.id.to_string() }
    }

    /// The circumstances of the request, as conditions of bindings ask for them.
    pub fn circumstances(&self, now: Timestamp) -> Circumstances {
        Circumstances { now, address: self.address(), second_factor_age_s: None }
    }

    /// The network address that the request came from, as far as it is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.origin.address.as_deref().and_then(|text| text.parse().ok())
    }

    pub(crate) fn event_of(&self, context: &Context, action: Action, resource: Resource) -> Event {
        Event {
            id: context.new_id(),
            tenant: self.tenant.tenant(),
            action,
            resource,
            version: 1,
            at: context.now(),
            actor: self.actor(),
            origin: self.origin.clone(),
            outcome: Outcome::Allowed,
            reason: None,
            changes: Vec::new(),
            measures: BTreeMap::new(),
        }
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
        let token: Token = bearer(parts).ok_or(Problem::Unauthenticated)?;
        let Presented { scope, key, credential } =
            context.credentials().present(context, &token).await?.ok_or(Problem::Unauthenticated)?;
        guard::bind(&scope);
        let holder = match credential.owner {
            KeyOwner::User(user) => Holder::User(user),
            KeyOwner::Node(_) => Holder::Key(key),
        };
        let standing = context.standing(&scope, holder).await?.ok_or(Problem::Unauthenticated)?;
        let tenant = context.lineage(&scope, scope.tenant().into()).await?.ok_or(Problem::Unauthenticated)?;
        let caller = Self {
            tenant: scope,
            principal: Principal {
                id: key,
                owner: credential.owner,
                scopes: credential.scopes.clone(),
                limits: credential.limits(),
            },
            origin: facts.origin,
            rights: standing.rights,
        };
        let refused = match (&credential, tenant.stopped) {
            _ if credential.revoked_at.is_some() => Some(DenialReason::KeyRevoked),
            _ if !credential.valid_at(context.now()) => Some(DenialReason::KeyExpired),
            _ if !credential.good_from(caller.address()) => Some(DenialReason::KeyAddress),
            _ if standing.suspended => Some(DenialReason::Suspended),
            (_, Some((_, NodeState::Suspended | NodeState::Closing))) => Some(DenialReason::TenantSuspended),
            _ => None,
        };
        if let Some(reason) = refused {
            caller.record_denial(context, Action::API_KEY_USE, parts.uri.path(), reason).await?;
            return Err(match reason {
                DenialReason::TenantSuspended => Problem::TenantSuspended,
                _ => Problem::Unauthenticated,
            });
        }
        context.meter().used(scope.tenant(), key, context.now());
        context.meter().count(scope.tenant(), usage::Meter::ApiCalls, 1, context.now());
        if let Some(known) = parts.extensions.get::<Known>() {
            known.0.get_or_init(|| caller.clone());
        }
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
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
