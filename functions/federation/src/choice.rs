//! What somebody chooses of a provider: whether it can be, and whether it is theirs to choose.

use rookery_domain::binding::{Grant, Subject};
use rookery_domain::fault::Faults;
use rookery_domain::id::{GroupId, OrganizationId};
use rookery_domain::identity_provider::{Choice, MOST_DOMAINS, MOST_GROUPS};
use rookery_domain::permission::Permission;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::{access, group};

/// Longest client id and value of a claim, in bytes.
const TEXT: usize = 256;
/// Longest secret, in bytes.
const SECRET: usize = 2048;

fn is_plain(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
}

/// Notes what is wrong with a choice by itself.
pub(crate) fn check(choice: &Choice, secret: Option<&str>) -> Result<(), Problem> {
    let mut faults = Faults::default();
    if !is_plain(&choice.client_id, TEXT) {
        faults.push("/client_id", "is empty, longer than 256 bytes, or has control characters");
    }
    if secret.is_some_and(|secret| !is_plain(secret, SECRET)) {
        faults.push("/client_secret", "is empty, longer than 2048 bytes, or has control characters");
    }
    if choice.domains.len() > MOST_DOMAINS {
        faults.push("/mail_domains", "are more than 20");
    }
    if choice.groups.len() > MOST_GROUPS {
        faults.push("/groups", "are more than 20");
    }
    if choice.group_claim.as_deref().is_some_and(|claim| !is_plain(claim, TEXT)) {
        faults.push("/group_claim", "is empty, longer than 256 bytes, or has control characters");
    }
    for (at, mapped) in choice.groups.iter().enumerate() {
        if !is_plain(&mapped.value, TEXT) {
            let pointer = format!("/groups/{at}/value");
            faults.push(pointer, "is empty, longer than 256 bytes, or has control characters");
        }
    }
    if !choice.groups.is_empty() && choice.group_claim.is_none() {
        faults.push("/group_claim", "is missing: without it the groups are never looked at");
    }
    faults.into_result().map_err(Problem::Invalid)
}

/// Refuses who could not invite people where they would be made, or could not let people into the groups, or lacks what those give:
/// whoever answers for a provider could make itself somebody there.
pub(crate) async fn must_be_own(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    before: Option<&Choice>,
    after: &Choice,
) -> Result<(), Problem> {
    const PATH: &str = "/v1/identity-providers";
    if let Some(organization) = after.organization
        && before.and_then(|before| before.organization) != Some(organization)
    {
        must_invite(context, caller, organization, PATH).await?;
    }
    for (at, mapped) in after.groups.iter().enumerate() {
        if before.is_some_and(|before| before.groups.contains(mapped)) {
            continue;
        }
        let found = group::find(context.table()?, &caller.tenant, mapped.group_id).await?;
        let pointer = format!("/groups/{at}/group_id");
        let found = found.ok_or_else(|| Problem::invalid(&*pointer, "does not exist"))?;
        if after.organization.is_some_and(|organization| organization != found.organization) {
            return Err(Problem::invalid(pointer, "is a group of another organization"));
        }
        let home = context.lineage(&caller.tenant, found.home()).await?;
        let home = home.ok_or_else(|| Problem::invalid(&*pointer, "does not exist"))?;
        if !caller.may(context, Permission::GroupMemberAdd, &home)? {
            let lacking = Permission::GroupMemberAdd;
            return Err(caller.beyond_own_rights(context, permission, lacking, PATH).await?);
        }
        if !caller.covers(context, &given_to(context, caller, mapped.group_id).await?).await? {
            return Err(caller.beyond_own_rights(context, permission, permission, PATH).await?);
        }
    }
    Ok(())
}

async fn must_invite(
    context: &Context,
    caller: &Caller,
    organization: OrganizationId,
    path: &str,
) -> Result<(), Problem> {
    let place = context.lineage(&caller.tenant, organization.into()).await?;
    let place = place.ok_or_else(|| Problem::invalid("/organization_id", "does not exist"))?;
    if caller.may(context, Permission::InvitationCreate, &place)? {
        return Ok(());
    }
    let (attempted, lacking) = (Permission::InvitationCreate, Permission::InvitationCreate);
    Err(caller.beyond_own_rights(context, attempted, lacking, path).await?)
}

async fn given_to(context: &Context, caller: &Caller, id: GroupId) -> Result<Vec<Grant>, Problem> {
    let mut grants = Vec::new();
    for group in group::ascent(context.table()?, &caller.tenant, id).await? {
        let access = access::find(context.table()?, &caller.tenant, Subject::Group(group.id)).await?;
        grants.extend(access.unwrap_or_default().grants);
    }
    Ok(grants)
}
