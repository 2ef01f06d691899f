//! What somebody can hand on: only what they hold themselves, without condition and for long enough.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rookery_access::Principal as Holder;
use rookery_domain::binding::{Circumstances, Grant, Subject};
use rookery_domain::node::Lineage;
use rookery_domain::permission::Permission;
use rookery_store::{TenantScope, access, credential};

use crate::{Context, Problem};

/// Whether everything that some grants give can be handed on; `lacks` tells the first of some permissions that cannot be, at a place and
/// until an instant.
pub(crate) async fn covered(
    context: &Context,
    tenant: &TenantScope,
    grants: impl IntoIterator<Item = &Grant>,
    lacks: impl Fn(&BTreeSet<Permission>, &Lineage, Option<Timestamp>) -> Result<Option<Permission>, Problem>,
) -> Result<bool, Problem> {
    let grants: Vec<_> = grants.into_iter().collect();
    let roles = access::roles(context.table()?, tenant, grants.iter().map(|grant| grant.role)).await?;
    for grant in grants {
        if grant.expires_at.is_some_and(|end| end <= context.now()) {
            continue;
        }
        let permissions = grant.role.permissions(&roles);
        // What is given on a place that is gone gives nothing.
        let Some(place) = context.lineage(tenant, grant.node).await? else { continue };
        if lacks(&permissions, &place, grant.expires_at)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Context {
    /// Whether somebody who asked earlier may still do something about a place, under some circumstances or other, and still holds
    /// everything that these grants give: for what is done in their name later. Nobody who is suspended or gone does.
    pub async fn still_holds(
        &self,
        scope: &TenantScope,
        subject: Subject,
        (permission, place): (Permission, &Lineage),
        grants: &[Grant],
    ) -> Result<bool, Problem> {
        let holder = match subject {
            Subject::User(user) => Holder::User(user),
            Subject::Key(key) => {
                let found = credential::find(self.table()?, scope, key).await?;
                if found.is_none_or(|found| found.key.revoked_at.is_some()) {
                    return Ok(false);
                }
                Holder::Key(key)
            }
            Subject::Group(_) => return Ok(false),
        };
        let now = self.now();
        let Some(standing) = self.read_standing(scope, holder).await? else { return Ok(false) };
        let may = standing.rights.places(permission, now).any(|given| place.is_within(given));
        if standing.suspended || !may {
            return Ok(false);
        }
        let lasting = |until| standing.rights.lasting(until, now).map_err(Problem::internal);
        let circumstances = Circumstances { now, address: None, second_factor_age_s: None };
        let lacks = |permissions: &BTreeSet<Permission>, place: &Lineage, until: Option<Timestamp>| {
            let lasting = lasting(until)?;
            for permission in permissions {
                let decision = lasting.decide(*permission, place, &circumstances);
                if !decision.map_err(Problem::internal)?.is_allowed() {
                    return Ok(Some(*permission));
                }
            }
            Ok(None)
        };
        covered(self, scope, grants, lacks).await
    }
}
