//! The records of invitations, and what is known of the links that were sent.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::binding::Subject;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{DivisionId, GroupId, InvitationId, OrganizationId, TenantId, UserId};
use rookery_domain::invitation::{Invitation, InvitationToken, State};
use rookery_domain::node::NodeId;
use rookery_domain::role::RoleRef;
use rookery_domain::text::{Email, Name};
use serde::{Deserialize, Serialize};

use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

/// For how long after an invitation's end its link is still known, so that whoever uses it again is told what became of it.
const KNOWN_SECONDS: i64 = 90 * 24 * 3600;

#[derive(Debug, Serialize, Deserialize)]
struct InvitationRecord {
    id: InvitationId,
    tenant: TenantId,
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    division: Option<DivisionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    groups: Vec<GroupId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<(RoleRef, NodeId)>,
    sender: Subject,
    state: State,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for InvitationRecord {
    const KIND: &'static str = "invitation";
}

impl From<&Invitation> for InvitationRecord {
    fn from(invitation: &Invitation) -> Self {
        let invitation = invitation.clone();
        Self {
            id: invitation.id,
            tenant: invitation.tenant,
            organization: invitation.organization,
            division: invitation.division,
            email: invitation.email,
            name: invitation.name,
            groups: invitation.groups,
            role: invitation.role,
            sender: invitation.sender,
            state: invitation.state,
            expires_at: invitation.expires_at,
            user: invitation.user,
            version: invitation.version,
            created_at: invitation.created_at,
            updated_at: invitation.updated_at,
        }
    }
}

impl From<InvitationRecord> for Invitation {
    fn from(record: InvitationRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            organization: record.organization,
            division: record.division,
            email: record.email,
            name: record.name,
            groups: record.groups,
            role: record.role,
            sender: record.sender,
            state: record.state,
            expires_at: record.expires_at,
            user: record.user,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// What is known of the newest link of an invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    tenant: TenantId,
    digest: Sha256,
    ttl: i64,
}

impl Record for Link {
    const KIND: &'static str = "invitation_link";
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["invitation"])
}

fn guard(scope: &TenantScope, email: &Email) -> Key {
    unique(scope, "invitation", "tenant", &email.normalized())
}

fn link(id: InvitationId) -> Key {
    Partition::directory("invitation", id).only()
}

/// Adds a new invitation to a transaction. Somebody is invited once at a time.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    invitation: &Invitation,
) -> Result<(), StoreError> {
    if let Some(email) = &invitation.email {
        transaction.claim(&guard(scope, email), "mail address");
    }
    let record = InvitationRecord::from(invitation);
    transaction.create(&collection(scope).item(invitation.id), &record, Refusal::Taken("id"))
}

/// Adds a changed invitation to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Invitation,
    after: &Invitation,
) -> Result<(), StoreError> {
    if let (Some(email), None) = (&before.email, &after.email) {
        transaction.remove(&guard(scope, email));
    }
    let record = InvitationRecord::from(after);
    transaction.replace(&collection(scope).item(after.id), &record, before.version)
}

/// Adds to a transaction that no link that was sent is good any more.
pub fn void_link(transaction: &mut Transaction, id: InvitationId) {
    transaction.remove(&link(id));
}

/// Adds a new link to a transaction; the one before is good no more. The invitation must still be as it was read.
pub fn put_link(
    transaction: &mut Transaction,
    scope: &TenantScope,
    invitation: &Invitation,
    digest: Sha256,
) -> Result<(), StoreError> {
    let record = InvitationRecord::from(invitation);
    transaction.follow(&collection(scope).item(invitation.id), &record, invitation.version)?;
    let ttl = invitation.expires_at.as_second() + KNOWN_SECONDS;
    transaction.put(&link(invitation.id), &Link { tenant: scope.tenant(), digest, ttl })
}

/// Reads the newest link of an invitation. Whose it is is not known before.
pub async fn look_up(table: &Table, id: InvitationId) -> Result<Option<Link>, StoreError> {
    table.get(&link(id)).await
}

/// Compares what somebody holds with what is known of the link, in constant time. The scope is that of who invites.
pub fn check(token: &InvitationToken, known: Option<&Link>) -> Option<TenantScope> {
    let presented = token.digest();
    let expected = known.map_or(Sha256::from_bytes([0; 32]), |link| link.digest);
    let equal = verify_slices_are_equal(presented.as_bytes(), expected.as_bytes()).is_ok();
    known.filter(|_| equal).map(|link| TenantScope::of_invitation(link.tenant))
}

/// Reads an invitation of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: InvitationId,
) -> Result<Option<Invitation>, StoreError> {
    let record: Option<InvitationRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(Invitation::from))
}

/// Lists the tenant's invitations, newest first.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    slice: Slice,
) -> Result<Listed<Invitation>, StoreError> {
    let listed = table.list::<InvitationRecord>(&collection(scope), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Invitation::from).collect(), next: listed.next })
}
