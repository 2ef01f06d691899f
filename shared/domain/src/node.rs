//! The tree that rights are given on: everything that a path names, and what it stands below.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{
    AppId, BindingId, DivisionId, GroupId, InvitationId, KeyId, OrganizationId, ProjectId, RoleId, TenantId,
    UserId, WorkspaceId,
};
use crate::permission::Permission;
use crate::text::ParseError;

/// How many divisions may stand above each other within an organization, and likewise projects within a workspace and groups
/// within an organization.
pub const DEEPEST: usize = 8;

macro_rules! nodes {
    ($($(#[$doc:meta])* $kind:ident($id:ident) = $name:literal;)*) => {
        /// A place in the tree of a tenant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NodeId {$(
            $(#[$doc])*
            $kind($id),
        )*}

        impl NodeId {
            /// What kind of thing it is, as paths and messages name it.
            pub const fn kind(self) -> &'static str {
                match self {$(Self::$kind(_) => $name,)*}
            }
        }

        impl fmt::Display for NodeId {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {$(Self::$kind(id) => id.fmt(f),)*}
            }
        }

        impl FromStr for NodeId {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                $(if let Ok(id) = text.parse::<$id>() {
                    return Ok(Self::$kind(id));
                })*
                Err(ParseError::new("is not an id of anything in the tree"))
            }
        }

        $(impl From<$id> for NodeId {
            fn from(id: $id) -> Self {
                Self::$kind(id)
            }
        })*
    };
}

nodes! {
    /// The root.
    Tenant(TenantId) = "tenant";
    /// Below the tenant.
    Organization(OrganizationId) = "organization";
    /// Below an organization or another division.
    Division(DivisionId) = "division";
    /// Below an organization or a division.
    Workspace(WorkspaceId) = "workspace";
    /// Below a workspace or another project.
    Project(ProjectId) = "project";
    /// Below a project.
    App(AppId) = "app";
    /// Below an organization or a division. (That a group is within another group is not the tree's business.)
    Group(GroupId) = "group";
    /// Below an organization or a division.
    User(UserId) = "user";
    /// Below its owner: a person, or the node that a service key works for.
    Key(KeyId) = "key";
    /// Below the tenant.
    Role(RoleId) = "role";
    /// Below the node that it gives a role on.
    Binding(BindingId) = "binding";
    /// Below the organization or division that somebody is invited to.
    Invitation(InvitationId) = "invitation";
}

crate::text::text_type!(NodeId, format = r"^[a-z]{2,3}_[0-7][0-9a-hjkmnp-tv-z]{25}$");

impl NodeId {
    /// Whether roles may be given on it. What has rights itself, or gives them, is managed by those who hold rights above it.
    pub const fn bears_bindings(self) -> bool {
        matches!(
            self,
            Self::Tenant(_)
                | Self::Organization(_)
                | Self::Division(_)
                | Self::Workspace(_)
                | Self::Project(_)
                | Self::App(_)
        )
    }
}

/// Whether what is below a node may be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It may.
    Active,
    /// It can be looked at, and nothing below it can be changed.
    Suspended,
    /// As suspended, because what it needs is not there: it is being made, or could not be.
    Pending,
    /// As suspended, and on its way to being deleted.
    Closing,
}

impl NodeState {
    /// Whether something may be done below a node in this state. What concerns the life of the node itself always may, or
    /// nobody could wake it again.
    pub fn lets(self, permission: Permission) -> bool {
        let (resource, action) = permission.parts();
        self == Self::Active || matches!(action, "list" | "read" | "check") || resource == "workspace"
    }
}

/// A place with everything above it: the way to the root, nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The place.
    pub node: NodeId,
    /// What is above it, nearest first; the tenant last. Empty for the tenant itself.
    pub above: Vec<NodeId>,
    /// The first place on the way, this one included, that is not active, with its state.
    pub stopped: Option<(NodeId, NodeState)>,
}

impl Lineage {
    /// Whether a place is this one or above it.
    pub fn is_within(&self, node: NodeId) -> bool {
        self.node == node || self.above.contains(&node)
    }

    /// The first place of a kind on the way up, this one included.
    pub fn nearest<T>(&self, of: impl Fn(NodeId) -> Option<T>) -> Option<T> {
        std::iter::once(self.node).chain(self.above.iter().copied()).find_map(of)
    }

    /// The way up from something directly below this place.
    pub fn below(&self) -> Vec<NodeId> {
        std::iter::once(self.node).chain(self.above.iter().copied()).collect()
    }

    /// The organization that the place is in, if it is in one.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.nearest(|node| match node {
            NodeId::Organization(id) => Some(id),
            _ => None,
        })
    }

    /// The division that the place is in, if it is in one.
    pub fn division(&self) -> Option<DivisionId> {
        self.nearest(|node| match node {
            NodeId::Division(id) => Some(id),
            _ => None,
        })
    }

    /// The workspace that the place is in, if it is in one.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.nearest(|node| match node {
            NodeId::Workspace(id) => Some(id),
            _ => None,
        })
    }

    /// How many places of the same kind as the node's stand on the way, the node included.
    pub fn depth(&self) -> usize {
        let kind = self.node.kind();
        self.below().iter().filter(|node| node.kind() == kind).count()
    }
}

/// Why something cannot be placed where it was asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// The new place is the thing itself or below it.
    #[error("is the moved one itself, or below it")]
    Cycle,
    /// More than [`DEEPEST`] would stand above each other.
    #[error("would be nested deeper than 8 levels")]
    TooDeep,
    /// The new place belongs to another organization or workspace.
    #[error("belongs elsewhere: nothing moves to another organization or workspace")]
    Elsewhere,
}

/// Decides whether something with `height` levels of its own kind, itself included, may be moved below a place.
pub fn may_move(moved: NodeId, height: usize, from: &Lineage, to: &Lineage) -> Result<(), Misplaced> {
    if to.is_within(moved) {
        return Err(Misplaced::Cycle);
    }
    if from.organization() != to.organization() || from.workspace() != to.workspace() {
        return Err(Misplaced::Elsewhere);
    }
    fits(moved, height, to)
}

/// Decides whether something may be made below a place.
pub fn may_make(made: NodeId, to: &Lineage) -> Result<(), Misplaced> {
    fits(made, 1, to)
}

fn fits(node: NodeId, height: usize, to: &Lineage) -> Result<(), Misplaced> {
    let kind = node.kind();
    let already = to.below().iter().filter(|node| node.kind() == kind).count();
    if already + height > DEEPEST { Err(Misplaced::TooDeep) } else { Ok(()) }
}

/// How many levels something has with all that is below it, itself included. `all` are the things of its kind, each with the one
/// that it is directly below.
pub fn height<I: Copy + Ord>(of: I, all: impl IntoIterator<Item = (I, Option<I>)>) -> usize {
    let mut below: BTreeMap<I, Vec<I>> = BTreeMap::new();
    for (id, parent) in all {
        if let Some(parent) = parent {
            below.entry(parent).or_default().push(id);
        }
    }
    let mut levels = 0;
    let mut level = vec![of];
    // Taking what was met out of the map ends this even for a ring, which cannot be made.
    while !level.is_empty() {
        levels += 1;
        level = level.iter().filter_map(|id| below.remove(id)).flatten().collect();
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn division(number: u128) -> NodeId {
        DivisionId::from_uuid(Uuid::from_u128(number)).into()
    }

    fn at(node: NodeId, divisions: &[u128]) -> Lineage {
        let mut above: Vec<NodeId> = divisions.iter().map(|number| division(*number)).collect();
        above.push(OrganizationId::from_uuid(Uuid::from_u128(1)).into());
        above.push(TenantId::from_uuid(Uuid::from_u128(1)).into());
        Lineage { node, above, stopped: None }
    }

    #[test]
    fn ids_tell_their_kind() {
        for text in ["ten_", "org_", "div_", "ws_", "prj_", "app_", "grp_", "usr_", "key_", "rol_", "bnd_"] {
            let id = format!("{text}01h455vb4pex5vsknk084sn02q");
            assert_eq!(id.parse::<NodeId>().unwrap().to_string(), id);
        }
        assert!("rel_01h455vb4pex5vsknk084sn02q".parse::<NodeId>().is_err());
    }

    #[test]
    fn nothing_moves_below_itself() {
        let (moved, from) = (division(2), at(division(2), &[]));
        assert_eq!(may_move(moved, 1, &from, &from), Err(Misplaced::Cycle));
        assert_eq!(may_move(moved, 1, &from, &at(division(3), &[2])), Err(Misplaced::Cycle));
        assert_eq!(may_move(moved, 1, &from, &at(division(3), &[4])), Ok(()));
    }

    #[test]
    fn the_tallest_branch_counts() {
        let (moved, from) = (division(2), at(division(2), &[]));
        let deep = at(division(10), &[11, 12, 13, 14, 15]);
        assert_eq!(may_move(moved, 2, &from, &deep), Ok(()));
        assert_eq!(may_move(moved, 3, &from, &deep), Err(Misplaced::TooDeep));
    }

    #[test]
    fn there_is_room_for_eight_levels() {
        let last = at(division(10), &[11, 12, 13, 14, 15, 16]);
        assert_eq!(may_make(division(2), &last), Ok(()));
        let full = at(division(10), &[11, 12, 13, 14, 15, 16, 17]);
        assert_eq!(may_make(division(2), &full), Err(Misplaced::TooDeep));
        // What stands there already is of another kind.
        assert_eq!(may_make(NodeId::Project(ProjectId::from_uuid(Uuid::nil())), &full), Ok(()));
    }

    #[test]
    fn a_height_is_that_of_the_tallest_branch() {
        let all = [(1, None), (2, Some(1)), (3, Some(1)), (4, Some(3)), (5, Some(4)), (6, None)];
        assert_eq!([1, 2, 3, 5, 6].map(|of| height(of, all)), [4, 1, 3, 1, 1]);
        assert_eq!(height(9, all), 1);
        assert_eq!(height(1, [(1, Some(2)), (2, Some(1))]), 3);
    }

    #[test]
    fn nothing_moves_to_another_organization() {
        let (moved, from) = (division(2), at(division(2), &[]));
        let mut to = at(division(3), &[]);
        to.above[0] = OrganizationId::from_uuid(Uuid::from_u128(9)).into();
        assert_eq!(may_move(moved, 1, &from, &to), Err(Misplaced::Elsewhere));
    }

    #[test]
    fn a_suspended_place_can_be_looked_at_and_woken() {
        for permission in [Permission::AppRead, Permission::ReleaseList, Permission::WorkspaceResume] {
            assert!(NodeState::Suspended.lets(permission), "{permission}");
        }
        for permission in [Permission::AppCreate, Permission::ReleaseRamp, Permission::BindingCreate] {
            assert!(!NodeState::Suspended.lets(permission), "{permission}");
            assert!(!NodeState::Pending.lets(permission), "{permission}");
            assert!(NodeState::Active.lets(permission), "{permission}");
        }
    }
}
