//! Groups: a tree of them in each organization, and the people in them.
//!
//! Rights flow down the tree: whoever is in a group has what was given to it and to every group above it. Membership therefore flows
//! up: the people of a group are its own members and those of all groups below it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::id::{DivisionId, GroupId, OrganizationId, TenantId};
use crate::node::{DEEPEST, Misplaced, NodeId};
use crate::text::Name;

/// Most groups of an organization, so that its whole tree is read at once.
pub const MOST_GROUPS: u64 = 1_000;
/// Most members that a group has itself.
pub const MOST_MEMBERS: u64 = 5_000;
/// Most groups that a person is a member of itself, so that what decides about it is read at once.
pub const MOST_MEMBERSHIPS: usize = 50;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// The division it belongs to, if it belongs to one: those who manage the division manage the group.
    pub division: Option<DivisionId>,
    /// The group above it, if there is one.
    pub parent: Option<GroupId>,
    /// Its name, unlike that of any other below the same group.
    pub name: Name,
    /// How many members it has itself.
    pub members: u64,
    /// Counts its changes, from 1. People who come and go are changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Somebody's place in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The group.
    pub group: GroupId,
    /// Who.
    pub user: crate::id::UserId,
    /// Since when.
    pub added_at: Timestamp,
}

/// A limit that would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The organization has [`MOST_GROUPS`].
    #[error("the organization has 1000 groups, which is the limit")]
    Groups,
    /// The group has [`MOST_MEMBERS`].
    #[error("the group has 5000 members, which is the limit")]
    Members,
    /// The person is in [`MOST_MEMBERSHIPS`] groups.
    #[error("the person is a member of 50 groups, which is the limit")]
    Memberships,
}

impl Group {
    /// Where the group stands in the tree that rights are given on.
    pub fn home(&self) -> NodeId {
        self.division.map_or(self.organization.into(), NodeId::from)
    }

    fn changed(&self, at: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The group under another name.
    #[must_use]
    pub fn renamed(&self, name: Name, at: Timestamp) -> Self {
        Self { name, ..self.changed(at) }
    }

    /// The group below another one, or at the top. Whether it may go there is for [`Forest::may_move`] to say.
    #[must_use]
    pub fn moved(&self, parent: Option<GroupId>, at: Timestamp) -> Self {
        Self { parent, ..self.changed(at) }
    }

    /// The group with one member more; `memberships` is in how many groups that person is already.
    pub fn joined(&self, memberships: usize, at: Timestamp) -> Result<Self, Full> {
        if self.members >= MOST_MEMBERS {
            return Err(Full::Members);
        }
        if memberships >= MOST_MEMBERSHIPS {
            return Err(Full::Memberships);
        }
        Ok(Self { members: self.members + 1, ..self.changed(at) })
    }

    /// The group with one member less.
    #[must_use]
    pub fn left(&self, at: Timestamp) -> Self {
        Self { members: self.members.saturating_sub(1), ..self.changed(at) }
    }
}

/// All groups of an organization.
#[derive(Debug, Clone, Default)]
pub struct Forest(BTreeMap<GroupId, Group>);

impl FromIterator<Group> for Forest {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        Self(groups.into_iter().map(|group| (group.id, group)).collect())
    }
}

impl Forest {
    /// A group of the organization.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.0.get(&id)
    }

    /// All groups, the oldest first.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.0.values()
    }

    /// A group and all above it, up to the top. Empty for a group that is not of this organization.
    pub fn ascent(&self, id: GroupId) -> Vec<GroupId> {
        // A ring cannot be made; that this ends does not depend on it.
        std::iter::successors(self.get(id), |group| self.get(group.parent?))
            .take(self.0.len())
            .map(|group| group.id)
            .collect()
    }

    /// The way from a group up to another one, both included; `None` if it is not above.
    pub fn path(&self, from: GroupId, to: GroupId) -> Option<Vec<GroupId>> {
        let mut ascent = self.ascent(from);
        let at = ascent.iter().position(|passed| *passed == to)?;
        ascent.truncate(at + 1);
        Some(ascent)
    }

    /// A group and everything below it, each with the way up to that group; the newest first.
    pub fn below(&self, id: GroupId) -> Vec<(&Group, Vec<GroupId>)> {
        self.0.values().rev().filter_map(|group| Some((group, self.path(group.id, id)?))).collect()
    }

    /// How many groups stand above each other from one downwards, that one included.
    pub fn height(&self, id: GroupId) -> usize {
        self.below(id).iter().map(|(_, path)| path.len()).max().unwrap_or(0)
    }

    /// Decides whether a group may be made below another one.
    pub fn may_create(&self, parent: Option<GroupId>) -> Result<(), Misplaced> {
        self.fits(parent, 1)
    }

    /// Decides whether a group may be moved below another one, or to the top.
    pub fn may_move(&self, moved: GroupId, parent: Option<GroupId>) -> Result<(), Misplaced> {
        if parent.is_some_and(|parent| self.ascent(parent).contains(&moved)) {
            return Err(Misplaced::Cycle);
        }
        self.fits(parent, self.height(moved))
    }

    fn fits(&self, parent: Option<GroupId>, height: usize) -> Result<(), Misplaced> {
        let above = match parent {
            None => 0,
            Some(parent) if self.get(parent).is_none() => return Err(Misplaced::Elsewhere),
            Some(parent) => self.ascent(parent).len(),
        };
        if above + height > DEEPEST { Err(Misplaced::TooDeep) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn id(number: u128) -> GroupId {
        GroupId::from_uuid(Uuid::from_u128(number))
    }

    fn group(number: u128, parent: Option<u128>) -> Group {
        Group {
            id: id(number),
            tenant: TenantId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            division: None,
            parent: parent.map(id),
            name: "g".parse().unwrap(),
            members: 0,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// 1 ← 2 ← … ← `last`.
    fn chain(last: u128) -> Vec<Group> {
        (1..=last).map(|number| group(number, (number > 1).then(|| number - 1))).collect()
    }

    #[test]
    fn membership_flows_up() {
        let forest: Forest = chain(3).into_iter().chain([group(9, None)]).collect();
        assert_eq!(forest.path(id(3), id(1)), Some(vec![id(3), id(2), id(1)]));
        assert_eq!(forest.path(id(1), id(3)), None);
        let below: Vec<GroupId> = forest.below(id(2)).iter().map(|(group, _)| group.id).collect();
        assert_eq!(below, [id(3), id(2)]);
        assert_eq!((forest.height(id(1)), forest.height(id(3)), forest.height(id(7))), (3, 1, 0));
    }

    #[test]
    fn a_group_is_not_moved_below_itself() {
        let forest: Forest = chain(3).into_iter().collect();
        for parent in [1, 2, 3] {
            assert_eq!(forest.may_move(id(1), Some(id(parent))), Err(Misplaced::Cycle));
        }
        assert_eq!(forest.may_move(id(3), Some(id(1))), Ok(()));
        assert_eq!(forest.may_move(id(3), None), Ok(()));
        assert_eq!(forest.may_move(id(3), Some(id(8))), Err(Misplaced::Elsewhere));
    }

    #[test]
    fn eight_stand_above_each_other_and_no_more() {
        let tower: Forest = chain(8).into_iter().chain([group(20, None), group(21, Some(20))]).collect();
        assert_eq!(tower.may_create(Some(id(7))), Ok(()));
        assert_eq!(tower.may_create(Some(id(8))), Err(Misplaced::TooDeep));
        // The tallest branch counts.
        assert_eq!(tower.may_move(id(20), Some(id(6))), Ok(()));
        assert_eq!(tower.may_move(id(20), Some(id(7))), Err(Misplaced::TooDeep));
    }

    #[test]
    fn groups_and_people_have_limits() {
        let full = Group { members: MOST_MEMBERS, ..group(1, None) };
        assert_eq!(full.joined(0, Timestamp::UNIX_EPOCH), Err(Full::Members));
        let almost = Group { members: MOST_MEMBERS - 1, ..group(1, None) };
        assert_eq!(almost.joined(MOST_MEMBERSHIPS, Timestamp::UNIX_EPOCH), Err(Full::Memberships));
        let joined = almost.joined(MOST_MEMBERSHIPS - 1, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((joined.members, joined.version), (MOST_MEMBERS, 2));
        assert_eq!(joined.left(Timestamp::UNIX_EPOCH).members, MOST_MEMBERS - 1);
    }

    proptest! {
        #[test]
        fn moves_that_are_allowed_keep_a_tree(moves in prop::collection::vec((1..12_u128, 0..12_u128), 0..60)) {
            let mut groups: BTreeMap<GroupId, Group> =
                (1..12).map(|number| (id(number), group(number, None))).collect();
            for (moved, parent) in moves {
                let forest: Forest = groups.values().cloned().collect();
                let parent = (parent > 0).then(|| id(parent));
                if forest.may_move(id(moved), parent).is_ok() {
                    groups.insert(id(moved), forest.get(id(moved)).unwrap().moved(parent, Timestamp::UNIX_EPOCH));
                }
                let forest: Forest = groups.values().cloned().collect();
                for group in forest.groups() {
                    let ascent = forest.ascent(group.id);
                    prop_assert!(ascent.len() <= DEEPEST);
                    prop_assert_eq!(forest.get(*ascent.last().unwrap()).unwrap().parent, None);
                }
            }
        }
    }
}
