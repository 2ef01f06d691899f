//! Representations of this area.

use jiff::Timestamp;
use rookery_domain::group::Member;
use rookery_domain::id::{DivisionId, GroupId, InvitationId, OrganizationId, UserId};
use rookery_domain::invitation::{self, Standing};
use rookery_domain::node::NodeId;
use rookery_domain::role::RoleRef;
use rookery_domain::text::{Email, Name};
pub use rookery_roster::wire::Group;
use serde::Serialize;
use utoipa::ToSchema;

/// A group in a list or in the tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedGroup {
    /// The group.
    #[serde(flatten)]
    pub group: Group,
    /// In the view `tree`: the groups directly below it, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub children: Option<Vec<ListedGroup>>,
}

/// Somebody's place in a group.
#[derive(Debug, Serialize, ToSchema)]
pub struct Membership {
    /// Who.
    pub user_id: UserId,
    /// The group that the person is a member of itself.
    pub group_id: GroupId,
    /// The way from that group up to the one that was asked about, both included.
    pub path: Vec<GroupId>,
    /// Since when.
    pub added_at: Timestamp,
}

impl Membership {
    /// A membership, and the way up from it.
    pub fn new(member: &Member, path: Vec<GroupId>) -> Self {
        Self { user_id: member.user, group_id: member.group, path, added_at: member.added_at }
    }
}

/// What becomes of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// It can be accepted.
    Pending,
    /// It was accepted.
    Accepted,
    /// It was cancelled.
    Cancelled,
    /// Its time is over; it can be sent again.
    Expired,
}

/// An invitation. The link is in the mail and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited; `null` once it was accepted or cancelled.
    pub email: Option<Email>,
    /// The person's name, as far as it was given; `null` once it was accepted or cancelled.
    pub name: Option<Name>,
    /// The organization that the person will belong to.
    pub organization_id: OrganizationId,
    /// The division that the person will belong to, if to one.
    pub division_id: Option<DivisionId>,
    /// The groups that the person will be a member of.
    pub groups: Vec<GroupId>,
    /// The role that the person will have, if one.
    pub role: Option<RoleRef>,
    /// Where the person will have that role.
    pub node: Option<NodeId>,
    /// What became of it.
    pub state: InvitationState,
    /// Until when the link is good.
    pub expires_at: Timestamp,
    /// Who accepted it.
    pub user_id: Option<UserId>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Invitation {
    /// An invitation as it is at an instant.
    pub fn at(invitation: &invitation::Invitation, now: Timestamp) -> Self {
        let invitation = invitation.clone();
        Self {
            id: invitation.id,
            state: match invitation.standing(now) {
                Standing::Pending => InvitationState::Pending,
                Standing::Accepted => InvitationState::Accepted,
                Standing::Cancelled => InvitationState::Cancelled,
                Standing::Expired => InvitationState::Expired,
            },
            email: invitation.email,
            name: invitation.name,
            organization_id: invitation.organization,
            division_id: invitation.division,
            groups: invitation.groups,
            role: invitation.role.map(|(role, _)| role),
            node: invitation.role.map(|(_, node)| node),
            expires_at: invitation.expires_at,
            user_id: invitation.user,
            version: invitation.version,
            created_at: invitation.created_at,
            updated_at: invitation.updated_at,
        }
    }
}
