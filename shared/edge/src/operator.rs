//! Those who operate the platform: their token opens the routes of the platform, and no other; no key of a tenant opens those.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;
use rookery_domain::event::{Actor, ActorKind, Change, Event, Origin, Resource};
use rookery_domain::id::{OperatorId, TenantId};
use rookery_domain::operator::Token;
use rookery_domain::permission::Right;
use rookery_store::operator;

use crate::auth::bearer;
use crate::{Context, Problem, RequestFacts};

/// Somebody who operates the platform and holds the right `R`. The one role that there is, `platform_operator`, holds every right of
/// the platform and none in a tenant.
#[derive(Debug)]
pub struct Operator<R> {
    /// Who acts.
    pub id: OperatorId,
    /// From where.
    pub origin: Origin,
    right: PhantomData<R>,
}

impl<R: Right> Operator<R> {
    /// The operator as events name it.
    pub fn actor(&self) -> Actor {
        Actor::new(ActorKind::Operator, self.id)
    }

    /// The event, in the log of a tenant, of what this route does to it.
    pub fn event(
        &self,
        context: &Context,
        tenant: TenantId,
        resource: Resource,
        version: u64,
        changes: Vec<Change>,
    ) -> Event {
        let event = context.event(tenant, R::PERMISSION, resource, (self.actor(), &self.origin));
        Event { version, changes, ..event }
    }
}

/// Who acts, for what comes after authentication.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acting(pub(crate) OperatorId);

impl<R: Right> FromRequestParts<Context> for Operator<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        if !R::PERMISSION.is_of_the_platform() {
            return Err(Problem::Forbidden(R::PERMISSION));
        }
        let facts = RequestFacts::from_request_parts(parts, context).await?;
        let token: Token = bearer(parts).ok_or(Problem::Unauthenticated)?;
        let known = operator::recognise(context.table()?, &token).await?;
        let Some(known) = known else {
            tracing::warn!(operator.id = %token.id(), "a token of an operator was refused");
            return Err(Problem::Unauthenticated);
        };
        tracing::info!(operator.id = %known.id, "an operator acts");
        parts.extensions.insert(Acting(known.id));
        Ok(Self { id: known.id, origin: facts.origin, right: PhantomData })
    }
}
