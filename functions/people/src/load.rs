//! What several routes of this area read and ask first.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use rookery_domain::binding::{Grant, Subject};
use rookery_domain::event::{Change, DenialReason};
use rookery_domain::group::{Full, Group};
use rookery_domain::id::{DivisionId, GroupId, OrganizationId};
use rookery_domain::invitation::Invitation;
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::{TenantScope, access, group, invitation, node, user};

/// A parameter of the path, on routes that do not decide about the place that it names before they read it.
pub(crate) fn named(
    path: Result<Path<String>, PathRejection>,
    kind: &'static str,
) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| Problem::NotFound(kind))
}

/// A group of the tenant.
pub(crate) async fn group(context: &Context, scope: &TenantScope, id: &str) -> Result<Group, Problem> {
    group::find(context.table()?, scope, id.parse()?).await?.ok_or(Problem::NotFound("group"))
}

/// A person of the tenant.
pub(crate) async fn user(context: &Context, scope: &TenantScope, id: &str) -> Result<user::Found, Problem> {
    user::find(context.table()?, scope, id.parse()?).await?.ok_or(Problem::NotFound("user"))
}

/// A place as of the last write.
pub(crate) async fn place(
    context: &Context,
    scope: &TenantScope,
    id: NodeId,
) -> Result<Option<Lineage>, Problem> {
    Ok(node::lineage(context.table()?, scope, id, &mut node::Unknown).await?)
}

/// The place of an organization or of a division in it. A division that is not in it is a fault in the body.
pub(crate) async fn home(
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
pub(crate) async fn given_to(
    context: &Context,
    scope: &TenantScope,
    id: GroupId,
) -> Result<Vec<Grant>, Problem> {
    let mut grants = Vec::new();
    for group in group::ascent(context.table()?, scope, id).await? {
        let access = access::find(context.table()?, scope, Subject::Group(group.id)).await?;
        grants.extend(access.unwrap_or_default().grants);
    }
    Ok(grants)
}

/// Refuses who does not hold a right on a further place than the one that the route decided about.
pub(crate) async fn must_hold(
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
pub(crate) async fn must_cover(
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
pub(crate) fn full(full: Full) -> Problem {
    Problem::conflict("limit-reached", full.to_string())
}

/// Names the fields that changed without what they hold. The audit trail outlives the person: it knows people by their ids.
pub(crate) fn without_personal_data(changes: Vec<Change>) -> Vec<Change> {
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

/// An invitation of the tenant.
pub(crate) async fn invitation(
    context: &Context,
    scope: &TenantScope,
    id: &str,
) -> Result<Invitation, Problem> {
    invitation::find(context.table()?, scope, id.parse()?).await?.ok_or(Problem::NotFound("invitation"))
}

/// The problem with an invitation that was accepted.
pub(crate) fn accepted() -> Problem {
    Problem::conflict("invitation-accepted", "the invitation was accepted; a link is good once")
}

/// The problem with an invitation that was cancelled.
pub(crate) fn cancelled() -> Problem {
    Problem::conflict("invitation-cancelled", "the invitation was cancelled")
}
