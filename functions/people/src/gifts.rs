//! What comes with an invitation: groups and a role. Whoever invites, or sends an invitation again, must hold it.

use rookery_domain::binding::Grant;
use rookery_domain::id::{BindingId, GroupId};
use rookery_domain::invitation::Invitation;
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_domain::role::RoleRef;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::{TenantScope, access, group};

use crate::load;

/// What a role gives that somebody has at a place for good.
pub(crate) fn grant(binding: BindingId, (role, node): (RoleRef, NodeId)) -> Grant {
    Grant { binding, role, node, starts_at: None, expires_at: None, condition: None }
}

/// Whether there still are the role and the place that it is given on.
pub(crate) async fn exists(
    context: &Context,
    scope: &TenantScope,
    (role, node): (RoleRef, NodeId),
) -> Result<bool, Problem> {
    let role_exists = match role {
        RoleRef::Predefined(_) => true,
        RoleRef::Custom(id) => load::place(context, scope, id.into()).await?.is_some(),
    };
    Ok(role_exists && load::place(context, scope, node).await?.is_some())
}

/// Refuses what an invitation promises unless whoever sent it last could still send it: an invitation is no way to keep rights beyond
/// one's own.
pub(crate) async fn must_still_be_own(
    context: &Context,
    scope: &TenantScope,
    invitation: &Invitation,
    home: &Lineage,
    grants: &[Grant],
) -> Result<(), Problem> {
    let wanted = (Permission::InvitationCreate, home);
    if context.still_holds(scope, invitation.sender, wanted, grants).await? {
        return Ok(());
    }
    let detail = "whoever sent the invitation could not send it any more; ask somebody else to send it again";
    Err(Problem::conflict("invitation-void", detail))
}

/// Refuses who may not let people into the groups or give roles at the place, or lacks some of what comes with them.
pub(crate) async fn must_be_own(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    groups: &[GroupId],
    role: Option<(RoleRef, NodeId)>,
    path: &str,
) -> Result<(), Problem> {
    let mut grants = Vec::new();
    for id in groups {
        // A group that is gone gives nothing.
        let Some(group) = group::find(context.table()?, &caller.tenant, *id).await? else { continue };
        load::must_hold(context, caller, Permission::GroupMemberAdd, group.home(), path).await?;
        grants.extend(load::given_to(context, &caller.tenant, *id).await?);
    }
    if let Some((role, node)) = role {
        let place = load::place(context, &caller.tenant, node).await?;
        place.ok_or_else(|| Problem::invalid("/node", "is not a place of this tenant"))?;
        if let RoleRef::Custom(id) = role {
            let known = access::roles(context.table()?, &caller.tenant, [role].into_iter()).await?;
            if !known.contains_key(&id) {
                return Err(Problem::invalid("/role", "is not a role of this tenant"));
            }
        }
        load::must_hold(context, caller, Permission::BindingCreate, node, path).await?;
        grants.push(grant(context.new_id(), (role, node)));
    }
    load::must_cover(context, caller, permission, &grants, path).await
}
