//! Whether the caller may do what a route does, with what its path names.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use rookery_access::{Decision, Denial, Membership, Principal as Holder, Rights};
use rookery_domain::binding::{Grant, Subject};
use rookery_domain::event::{Action, Change, DenialReason, Event, Resource};
use rookery_domain::id::{TenantId, UserId};
use rookery_domain::node::{Lineage, NodeId, NodeState};
use rookery_domain::permission::{Permission, Right};
use rookery_domain::role::RoleRef;
use rookery_store::node::{Known, Node};
use rookery_store::{TenantScope, access, node};

use crate::holding::covered;
use crate::recent::Recent;
use crate::{Caller, Context, Problem};

/// A caller who holds the right `R` on the place that the request is about: the first thing in its path that stands in the tree, or
/// the tenant where the path names none.
#[derive(Debug)]
pub struct Scope<R> {
    caller: Caller,
    place: Lineage,
    right: PhantomData<R>,
}

/// A caller who holds the right `R` somewhere or other, on a path that names no place: enough to list what may be seen, and to make
/// something in a place that the body names, once [`Reach::at`] has decided about that place.
#[derive(Debug)]
pub struct Reach<R> {
    caller: Caller,
    path: String,
    right: PhantomData<R>,
}

impl<R> Deref for Scope<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<R> Deref for Reach<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<R> Scope<R> {
    /// The place that the decision was made about, with everything above it.
    pub const fn place(&self) -> &Lineage {
        &self.place
    }
}

impl<R: Right> Scope<R> {
    /// The event of what this route does: the action is the right that it takes.
    pub fn event(&self, context: &Context, resource: Resource, version: u64, changes: Vec<Change>) -> Event {
        let event = self.caller.event_of(context, R::PERMISSION.into(), resource);
        Event { version, changes, ..event }
    }
}

impl<R: Right> Reach<R> {
    /// Narrows the right to a place, if the caller holds it there. A place that does not exist is not found.
    pub async fn at(self, context: &Context, place: impl Into<NodeId>) -> Result<Scope<R>, Problem> {
        let id = place.into();
        let place = context.lineage(&self.caller.tenant, id).await?.ok_or(Problem::NotFound(id.kind()))?;
        decide(context, &self.caller, R::PERMISSION, &place, &self.path).await?;
        Ok(Scope { caller: self.caller, place, right: PhantomData })
    }

    /// Refuses who holds the right neither on a place nor on anything below it: there is nothing to list for them.
    pub async fn within(&self, context: &Context, place: impl Into<NodeId>) -> Result<(), Problem> {
        let id = place.into();
        let place = context.lineage(&self.caller.tenant, id).await?.ok_or(Problem::NotFound(id.kind()))?;
        for given in self.caller.rights.places(R::PERMISSION, context.now()) {
            if place.is_within(given) {
                return Ok(());
            }
            let given = context.lineage(&self.caller.tenant, given).await?;
            if given.is_some_and(|given| given.is_within(id)) {
                return Ok(());
            }
        }
        Err(forbid(context, &self.caller, R::PERMISSION, &self.path, DenialReason::NoBinding).await?)
    }

    /// Whether the caller holds the right on a place.
    pub async fn holds_at(&self, context: &Context, place: impl Into<NodeId>) -> Result<bool, Problem> {
        let place = context.lineage(&self.caller.tenant, place.into()).await?;
        match place {
            Some(place) => self.caller.may(context, R::PERMISSION, &place),
            None => Ok(false),
        }
    }

    /// Keeps of a page what the caller may see.
    pub async fn keep<T, N: Into<NodeId>>(
        &self,
        context: &Context,
        items: Vec<T>,
        place: impl Fn(&T) -> N,
    ) -> Result<Vec<T>, Problem> {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            if self.holds_at(context, place(&item)).await? {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

impl Caller {
    /// The event of something that a route does beside what it is for, such as what goes with a person who is deleted: the action is
    /// the permission that it would take by itself.
    pub fn consequence(
        &self,
        context: &Context,
        permission: Permission,
        resource: Resource,
        version: u64,
        changes: Vec<Change>,
    ) -> Event {
        let event = self.event_of(context, permission.into(), resource);
        Event { version, changes, ..event }
    }

    /// The event of what somebody does with what is its own, and takes no permission.
    pub fn own_event(&self, context: &Context, action: Action, resource: Resource, version: u64) -> Event {
        Event { version, ..self.event_of(context, action, resource) }
    }

    /// Whether the caller may do something with a place, by its own rights and by the scopes of its key.
    pub fn may(&self, context: &Context, permission: Permission, place: &Lineage) -> Result<bool, Problem> {
        Ok(self.principal.allows(permission) && self.decision(context, permission, place)?.is_allowed())
    }

    /// Refuses what the caller may not do with a further place than the one that its route is about, and records the attempt.
    pub async fn demand(
        &self,
        context: &Context,
        permission: Permission,
        place: &Lineage,
        path: &str,
    ) -> Result<(), Problem> {
        decide(context, self, permission, place, path).await
    }

    /// What the caller's rights say, whatever the scopes of its key.
    pub fn decision(
        &self,
        context: &Context,
        permission: Permission,
        place: &Lineage,
    ) -> Result<Decision, Problem> {
        let circumstances = self.circumstances(context.now());
        let decide =
            |rights: &Rights| rights.decide(permission, place, &circumstances).map_err(Problem::internal);
        let decision = decide(&self.rights)?;
        match &self.bounds {
            Some(bounds) if decision.is_allowed() => match decide(bounds)? {
                Decision::Allowed(_) => Ok(decision),
                denied @ Decision::Denied(_) => Ok(denied),
            },
            _ => Ok(decision),
        }
    }

    /// The first of some permissions that the caller cannot hand on: because it does not have it at the place, because its key's
    /// scopes do not hold it, or because it has it under a condition or for less long than `until` (`None`: for ever).
    pub fn cannot_hand_on(
        &self,
        context: &Context,
        permissions: &BTreeSet<Permission>,
        place: &Lineage,
        until: Option<Timestamp>,
    ) -> Result<Option<Permission>, Problem> {
        let now = context.now();
        let both = std::iter::once(&self.rights).chain(&self.bounds);
        let lasting = both.map(|rights| rights.lasting(until, now)).collect::<Result<Vec<_>, _>>();
        let lasting = lasting.map_err(Problem::internal)?;
        let circumstances = self.circumstances(now);
        for permission in permissions {
            let mut held = self.principal.allows(*permission);
            for rights in &lasting {
                let decision =
                    rights.decide(*permission, place, &circumstances).map_err(Problem::internal)?;
                held &= decision.is_allowed();
            }
            if !held {
                return Ok(Some(*permission));
            }
        }
        Ok(None)
    }

    /// Whether the caller holds everything that these grants give, where and for as long as they give it. Whoever makes somebody a
    /// member of a group, or acts on somebody's record, gains what that group or person has.
    pub async fn covers(
        &self,
        context: &Context,
        grants: impl IntoIterator<Item = &Grant>,
    ) -> Result<bool, Problem> {
        let lacks = |permissions: &BTreeSet<Permission>, place: &Lineage, until| {
            self.cannot_hand_on(context, permissions, place, until)
        };
        covered(context, &self.tenant, grants, lacks).await
    }
}

impl Caller {
    /// The person who acts, for what people do with their own account, whatever roles they have. A key of the person's stands in for
    /// the person as far as its scopes go; a service key is nobody, and whoever acts in somebody's place may only look.
    pub async fn oneself(
        &self,
        context: &Context,
        permission: Permission,
        path: &str,
    ) -> Result<UserId, Problem> {
        let looks = matches!(permission.parts().1, "list" | "read");
        let reason = match () {
            () if !self.principal.allows(permission) => Some(DenialReason::KeyScope),
            () if self.principal.impersonator().is_some() && !looks => Some(DenialReason::Impersonated),
            () => None,
        };
        if let Some(reason) = reason {
            return Err(forbid(context, self, permission, path, reason).await?);
        }
        self.principal.person().ok_or(Problem::Closed("this is for people; a service key is none"))
    }

    /// Refuses who acts on a person that has more rights than the caller. On oneself one may act.
    pub async fn must_outrank(
        &self,
        context: &Context,
        permission: Permission,
        person: UserId,
    ) -> Result<(), Problem> {
        if self.principal.person() == Some(person) {
            return Ok(());
        }
        let given = access::given(context.table()?, &self.tenant, Subject::User(person)).await?;
        let grants: Vec<Grant> =
            given.unwrap_or_default().grants.into_iter().map(|(_, grant)| grant).collect();
        if self.covers(context, &grants).await? {
            return Ok(());
        }
        let path = format!("/v1/users/{person}");
        Err(self.beyond_own_rights(context, permission, permission, &path).await?)
    }
}

/// Refuses what the caller may not do with a place, and records the attempt.
async fn decide(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    place: &Lineage,
    path: &str,
) -> Result<(), Problem> {
    let reason = if caller.principal.allows(permission) {
        match caller.decision(context, permission, place)? {
            Decision::Allowed(_) => None,
            Decision::Denied(Denial::NoBinding) => Some(DenialReason::NoBinding),
            Decision::Denied(Denial::OutOfTime) => Some(DenialReason::OutOfTime),
            Decision::Denied(Denial::Condition) => Some(DenialReason::Condition),
        }
    } else {
        Some(DenialReason::KeyScope)
    };
    if let Some(reason) = reason {
        return Err(forbid(context, caller, permission, path, reason).await?);
    }
    match place.stopped {
        Some((node, state)) if !state.lets(permission) => {
            let (code, state) = match state {
                NodeState::Pending => ("not-provisioned", "not provisioned: that is being done, or failed"),
                NodeState::Closing => ("suspended", "being deleted"),
                NodeState::Suspended | NodeState::Active => ("suspended", "suspended"),
            };
            let detail = format!("the {} {node} is {state}; nothing below it can be changed", node.kind());
            Err(Problem::conflict(code, detail))
        }
        _ => Ok(()),
    }
}

impl Caller {
    /// Refuses to hand on what the caller does not hold itself, or not for as long, and records the attempt.
    pub async fn beyond_own_rights(
        &self,
        context: &Context,
        attempted: Permission,
        lacking: Permission,
        path: &str,
    ) -> Result<Problem, Problem> {
        let reason = DenialReason::BeyondOwnRights;
        self.record_denial(context, Action::from(attempted), path, reason).await?;
        Ok(Problem::Forbidden(lacking))
    }

    /// Refuses what the caller may not do, and records the attempt with its reason, which the caller is not told.
    pub async fn refuse(
        &self,
        context: &Context,
        permission: Permission,
        path: &str,
        reason: DenialReason,
    ) -> Result<Problem, Problem> {
        forbid(context, self, permission, path, reason).await
    }
}

async fn forbid(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    path: &str,
    reason: DenialReason,
) -> Result<Problem, Problem> {
    caller.record_denial(context, Action::from(permission), path, reason).await?;
    Ok(Problem::Forbidden(permission))
}

/// The first place that a path names, by the names of its parameters. An id of another kind names nothing.
async fn place_in(parts: &mut Parts, context: &Context, caller: &Caller) -> Result<NodeId, Problem> {
    let Ok(params) = RawPathParams::from_request_parts(parts, context).await else {
        return Err(Problem::NotFound("resource"));
    };
    for (name, value) in &params {
        if let Some(kind) = PLACES.iter().find(|kind| **kind == name) {
            // Everybody's roles belong to no place below the tenant.
            if *kind == "role" && matches!(value.parse(), Ok(RoleRef::Predefined(_))) {
                break;
            }
            let id: NodeId = value.parse().map_err(|_| Problem::NotFound(kind))?;
            return if id.kind() == *kind { Ok(id) } else { Err(Problem::NotFound(kind)) };
        }
    }
    Ok(caller.tenant.tenant().into())
}

/// The names that parameters of paths have which name a place.
const PLACES: [&str; 11] = [
    "organization",
    "division",
    "workspace",
    "project",
    "app",
    "group",
    "user",
    "key",
    "role",
    "binding",
    "invitation",
];

impl<R: Right> FromRequestParts<Context> for Scope<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, context).await?;
        let id = place_in(parts, context, &caller).await?;
        let place = context.lineage(&caller.tenant, id).await?.ok_or(Problem::NotFound(id.kind()))?;
        decide(context, &caller, R::PERMISSION, &place, parts.uri.path()).await?;
        Ok(Self { caller, place, right: PhantomData })
    }
}

impl<R: Right> FromRequestParts<Context> for Reach<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, context).await?;
        let path = parts.uri.path().to_owned();
        let permission = R::PERMISSION;
        let reason = if !caller.principal.allows(permission) {
            DenialReason::KeyScope
        } else if caller.rights.anywhere(permission, context.now()) {
            return Ok(Self { caller, path, right: PhantomData });
        } else {
            DenialReason::NoBinding
        };
        Err(forbid(context, &caller, permission, &path, reason).await?)
    }
}

/// A principal as it was a moment ago.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) suspended: bool,
    pub(crate) rights: Arc<Rights>,
}

/// What was read a moment ago of principals and of the tree. Changes of rights take effect once an entry is older than the cache's
/// time, which is 15 seconds unless configured, and never more than 60.
#[derive(Debug)]
pub(crate) struct AccessCache {
    standings: Recent<(TenantId, Holder), Option<Standing>>,
    nodes: Recent<(TenantId, NodeId), Option<Node>>,
}

impl AccessCache {
    pub(crate) fn new(kept: SignedDuration) -> Self {
        Self { standings: Recent::new(kept), nodes: Recent::new(kept) }
    }
}

/// The part of the tree that a tenant's requests met a moment ago.
struct KnownNodes<'a> {
    cache: &'a AccessCache,
    tenant: TenantId,
    now: Timestamp,
}

impl Known for KnownNodes<'_> {
    fn recall(&self, id: NodeId) -> Option<Option<Node>> {
        self.cache.nodes.recall(&(self.tenant, id), self.now)
    }

    fn remember(&mut self, id: NodeId, found: Option<Node>) {
        // That something does not exist may change with the next request of the same caller.
        if found.is_some() {
            self.cache.nodes.remember((self.tenant, id), found, self.now);
        }
    }
}

impl Context {
    /// The way from a place up to the tenant, as it was at most some seconds ago. For deciding about rights; what a write rests on is
    /// read anew, with [`node::lineage`].
    pub async fn lineage(&self, scope: &TenantScope, id: NodeId) -> Result<Option<Lineage>, Problem> {
        let mut known = KnownNodes { cache: self.access_cache(), tenant: scope.tenant(), now: self.now() };
        Ok(node::lineage(self.table()?, scope, id, &mut known).await?)
    }

    /// A principal with its rights, as of at most some seconds ago; `None` if there is no such principal.
    pub(crate) async fn standing(
        &self,
        scope: &TenantScope,
        holder: Holder,
    ) -> Result<Option<Standing>, Problem> {
        let (cache, now) = (self.access_cache(), self.now());
        let key = (scope.tenant(), holder);
        if let Some(standing) = cache.standings.recall(&key, now) {
            return Ok(standing);
        }
        let standing = self.read_standing(scope, holder).await?;
        cache.standings.remember(key, standing.clone(), now);
        Ok(standing)
    }

    pub(crate) async fn read_standing(
        &self,
        scope: &TenantScope,
        holder: Holder,
    ) -> Result<Option<Standing>, Problem> {
        let Some(given) = access::given(self.table()?, scope, holder.subject()).await? else {
            return Ok(None);
        };
        let membership = Membership { direct: given.direct, above: given.above };
        let rights = Rights::new(holder, membership, given.grants, given.roles).map_err(Problem::internal)?;
        Ok(Some(Standing { suspended: given.suspended, rights: Arc::new(rights) }))
    }

    /// The rights of any principal of the tenant, as of now; `None` if there is no such principal.
    pub async fn rights_of(
        &self,
        scope: &TenantScope,
        holder: Holder,
    ) -> Result<Option<Arc<Rights>>, Problem> {
        Ok(self.read_standing(scope, holder).await?.map(|standing| standing.rights))
    }
}
