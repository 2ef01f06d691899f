//! What is read and asked first, before anything becomes of people and groups.

use rookery_domain::binding::{Grant, Subject};
use rookery_domain::event::{Change, DenialReason};
use rookery_domain::group::{Full, Group};
use rookery_domain::id::{DivisionId, GroupId, OrganizationId};
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::{TenantScope, access, group, node, user};

/// A group of the tenant.
pub async fn group(context: &Context, scope: &TenantScope, id: &str) -> Result<Group, Problem> {
    group::find(context.table()?, scope, id.parse()?).await?.ok_or(Problem::NotFound("group"))
}

/// A person of the tenant.
pub async fn user(context: &Context, scope: &TenantScope, id: &str) -> Result<user::Found, Problem> {
    user::find(context.table()?, scope, id.parse()?).await?.ok_or(Problem::NotFound("user"))
}

/// A place as of the last write.
pub async fn place(context: &Context, scope: &TenantScope, id: NodeId) -> Result<Option<Lineage>, Problem> {
    Ok(node::lineage(context.table()?, scope, id, &mut node::Unknown).await?)
}

/// The place of an organization or of a division in it. A division that is not in it is a fault in the body.
pub async fn home(
    context: &Context,
    scope: &TenantScope,
    organization: OrganizationId,
    division: Option<DivisionId>,
) -> Result<Lineage, Problem> {
    let Some(division) = division else {
        return place(context, scope, organization.into()).await?.ok_or(Problem::NotFound("organization"));
    };
    let found = place(context, scope, division.into()).await?;
    found
        .filter(|place| place.organization() == Some(organization))
        .ok_or_else(|| Problem::invalid("/division_id", "is not a division of this organization"))
}

/// What was given to a group and to those above it, and so to everybody in it.
pub async fn given_to(context: &Context, scope: &TenantScope, id: GroupId) -> Result<Vec<Grant>, Problem> {
    let mut grants = Vec::new();
    for group in group::ascent(context.table()?, scope, id).await? {
        let access = access::find(context.table()?, scope, Subject::Group(group.id)).await?;
        grants.extend(access.unwrap_or_default().grants);
    }
    Ok(grants)
}

/// Refuses who does not hold a right on a further place than the one that the route decided about.
pub async fn must_hold(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    at: NodeId,
    path: &str,
) -> Result<(), Problem> {
    let place = context.lineage(&caller.tenant, at).await?.ok_or(Problem::NotFound(at.kind()))?;
    if caller.may(context, permission, &place)? {
        return Ok(());
    }
    Err(caller.refuse(context, permission, path, DenialReason::NoBinding).await?)
}

/// Refuses who does not hold everything that some grants give: nobody hands on what they lack.
pub async fn must_cover(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    grants: &[Grant],
    path: &str,
) -> Result<(), Problem> {
    if caller.covers(context, grants).await? {
        return Ok(());
    }
    Err(caller.beyond_own_rights(context, permission, permission, path).await?)
}

/// A limit that is reached.
pub fn full(full: Full) -> Problem {
    Problem::conflict("limit-reached", full.to_string())
}

/// A field that changed, without what it held and holds.
pub(crate) fn unsaid(field: &str) -> Change {
    Change { field: field.to_owned(), before: serde_json::Value::Null, after: serde_json::Value::Null }
}

/// Names the fields that changed without what they hold. The audit trail outlives the person: it knows people by their ids.
pub fn without_personal_data(changes: Vec<Change>) -> Vec<Change> {
    changes
        .into_iter()
        .map(|change| match change.field.as_str() {
            "email" | "name" => {
                Change { before: serde_json::Value::Null, after: serde_json::Value::Null, ..change }
            }
            _ => change,
        })
        .collect()
}
