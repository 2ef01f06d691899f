//! Events as the platform makes them: with an id, and the time at which it happens.

use std::collections::BTreeMap;

use rookery_domain::event::{Action, Actor, ActorKind, DenialReason, Event, Origin, Outcome, Resource};
use rookery_domain::id::TenantId;

use crate::Context;

impl Context {
    /// Something that is done: a use that changes nothing, unless a version and changes are put into it.
    pub fn event(
        &self,
        tenant: TenantId,
        action: impl Into<Action>,
        resource: Resource,
        (actor, origin): (Actor, &Origin),
    ) -> Event {
        Event {
            id: self.new_id(),
            tenant,
            action: action.into(),
            resource,
            version: 0,
            at: self.now(),
            actor,
            origin: origin.clone(),
            outcome: Outcome::Allowed,
            reason: None,
            changes: Vec::new(),
            measures: BTreeMap::new(),
        }
    }

    /// Something that somebody who did not prove who it is tried and did not get.
    pub fn strangers_attempt(
        &self,
        tenant: TenantId,
        action: Action,
        resource: Resource,
        origin: &Origin,
        reason: DenialReason,
    ) -> Event {
        let stranger = Actor::new(ActorKind::Unknown, "unknown");
        let event = self.event(tenant, action, resource, (stranger, origin));
        Event { version: 1, outcome: Outcome::Denied, reason: Some(reason), ..event }
    }
}
