//! Cedar against a naive evaluator, over random trees, groups and bindings.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rookery_access::{Decision, Denial, Membership, Principal, Rights, Why};
use rookery_domain::binding::{Circumstances, Condition, Grant, Subject, Window};
use rookery_domain::id::{AppId, BindingId, DivisionId, GroupId, OrganizationId, RoleId, TenantId, UserId};
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_domain::role::{Predefined, RoleRef, is_for_oneself};
use uuid::Uuid;

/// Places: 0 is the tenant, 1 an organization, then divisions, each below one with a smaller number; the last is an app.
#[derive(Debug, Clone)]
struct World {
    parents: Vec<usize>,
    group_parents: Vec<Option<usize>>,
    member_of: Vec<usize>,
    bindings: Vec<Given>,
    role: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Given {
    group: Option<usize>,
    role: usize,
    node: usize,
    starts: Option<i64>,
    ends: Option<i64>,
    condition: Option<Condition>,
}

fn bits(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

fn node(number: usize, last: usize) -> NodeId {
    match number {
        0 => TenantId::from_uuid(bits(0)).into(),
        1 => OrganizationId::from_uuid(bits(1)).into(),
        _ if number == last => AppId::from_uuid(bits(number)).into(),
        _ => DivisionId::from_uuid(bits(number)).into(),
    }
}

fn group(number: usize) -> GroupId {
    GroupId::from_uuid(bits(number))
}

/// Roles 0 to 5 are the predefined ones, 6 is a role of the tenant, 7 one that does not exist any more.
fn role(number: usize) -> RoleRef {
    match number {
        0..=5 => RoleRef::Predefined(Predefined::ALL[number]),
        _ => RoleRef::Custom(RoleId::from_uuid(bits(number))),
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let ranges = prop::sample::subsequence(vec!["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::/0"], 0..3);
    let window = (prop::collection::btree_set(0_usize..7, 1..4), 0_u16..1440, 0_u16..1441);
    (prop::option::of(1_u32..20), ranges, prop::option::of(window)).prop_map(|(minutes, ranges, window)| {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let clock =
            |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60).parse().expect("a time");
        Condition {
            second_factor_within_minutes: minutes,
            addresses: ranges.iter().map(|range| range.parse().expect("a range")).collect(),
            window: window.map(|(chosen, from, to)| Window {
                days: chosen.into_iter().map(|day| days[day].parse().expect("a day")).collect(),
                from: clock(from),
                to: clock(to),
            }),
        }
    })
}

fn world() -> impl Strategy<Value = World> {
    (3_usize..10, 1_usize..8).prop_flat_map(|(nodes, groups)| {
        let parents = (2..nodes).map(|at| 1..at).collect::<Vec<_>>();
        let group_parents = (0..groups).map(|at| prop::option::of(0..at.max(1))).collect::<Vec<_>>();
        let given = (
            prop::option::of(0..groups),
            0_usize..8,
            0..nodes,
            prop::option::weighted(0.2, -1000_i64..1000),
            prop::option::weighted(0.2, -1000_i64..1000),
            prop::option::weighted(0.3, condition()),
        )
            .prop_map(|(group, role, node, starts, ends, condition)| Given {
                group,
                role,
                node,
                starts,
                ends,
                condition,
            });
        (
            parents,
            group_parents,
            prop::collection::vec(0..groups, 0..3),
            prop::collection::vec(given, 0..6),
            prop::collection::vec(0..Permission::ALL.len(), 1..10),
        )
            .prop_map(|(above, mut group_parents, member_of, bindings, role)| {
                group_parents[0] = None;
                let parents = [vec![0, 0], above].concat();
                World { parents, group_parents, member_of, bindings, role }
            })
    })
}

impl World {
    fn lineage(&self, number: usize) -> Lineage {
        let last = self.parents.len() - 1;
        let mut above = Vec::new();
        let mut at = number;
        while at != 0 {
            at = self.parents[at];
            above.push(node(at, last));
        }
        Lineage { node: node(number, last), above, stopped: None }
    }

    fn is_below(&self, mut low: usize, high: usize) -> bool {
        while low != high && low != 0 {
            low = self.parents[low];
        }
        low == high
    }

    fn is_member(&self, wanted: usize) -> bool {
        self.member_of.iter().any(|direct| {
            let mut at = Some(*direct);
            while let Some(group) = at {
                if group == wanted {
                    return true;
                }
                at = self.group_parents[group];
            }
            false
        })
    }

    fn holds(&self, number: usize, permission: Permission) -> bool {
        match number {
            0..=5 => Predefined::ALL[number].holds(permission),
            6 => self.role.iter().any(|held| Permission::ALL[*held] == permission),
            _ => false,
        }
    }

    /// What the rules say, read off one by one.
    fn allows(&self, permission: Permission, place: usize, circumstances: &Circumstances) -> bool {
        self.bindings.iter().any(|given| {
            let second = circumstances.now.as_second();
            given.group.is_none_or(|group| self.is_member(group))
                && self.holds(given.role, permission)
                && self.is_below(place, given.node)
                && given.starts.is_none_or(|start| start <= second)
                && given.ends.is_none_or(|end| second < end)
                && given.condition.as_ref().is_none_or(|condition| condition.holds(circumstances))
        })
    }

    fn rights(&self) -> Rights {
        let last = self.parents.len() - 1;
        let user = UserId::from_uuid(bits(7));
        let above = self.group_parents.iter().enumerate();
        let membership = Membership {
            direct: self.member_of.iter().map(|number| group(*number)).collect(),
            above: above.filter_map(|(at, parent)| Some((group(at), group((*parent)?)))).collect(),
        };
        let moment = |second: i64| jiff::Timestamp::from_second(second).expect("a time");
        let all = self.bindings.iter().enumerate();
        // What is given to groups that the user is not in is not read either: it must not matter if it is.
        let grants = all.map(|(at, given)| {
            let subject = given.group.map_or(Subject::User(user), |number| Subject::Group(group(number)));
            let grant = Grant {
                binding: BindingId::from_uuid(bits(at)),
                role: role(given.role),
                node: node(given.node, last),
                starts_at: given.starts.map(moment),
                expires_at: given.ends.map(moment),
                condition: given.condition.clone(),
            };
            (subject, grant)
        });
        let own: BTreeSet<Permission> = self.role.iter().map(|at| Permission::ALL[*at]).collect();
        let roles = BTreeMap::from([(RoleId::from_uuid(bits(6)), own)]);
        Rights::new(Principal::User(user), membership, grants.collect(), roles).expect("rights")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn cedar_decides_as_the_rules_read(
        world in world(),
        permission in 0..Permission::ALL.len(),
        place in 0_usize..10,
        second in -1100_i64..1100,
        address in prop::option::of(prop::sample::select(vec!["10.1.2.3", "192.0.2.7", "192.0.2.8", "2001:db8::1", "::1"])),
        factor in prop::option::of(0_i64..1500),
    ) {
        let place = place.min(world.parents.len() - 1);
        let permission = Permission::ALL[permission];
        let circumstances = Circumstances {
            now: jiff::Timestamp::from_second(second).unwrap(),
            address: address.map(|text| text.parse().unwrap()),
            second_factor_age_s: factor,
        };
        let rights = world.rights();
        let decision = rights.decide(permission, &world.lineage(place), &circumstances).unwrap();
        let expected = world.allows(permission, place, &circumstances);
        prop_assert_eq!(decision.is_allowed(), expected, "{:?}", decision);
        match decision {
            Decision::Allowed(Why::Bound(basis)) => {
                prop_assert!(world.lineage(place).is_within(basis.node));
                prop_assert!(rights.permissions_of(basis.role).contains(&permission));
                prop_assert_eq!(matches!(basis.subject, Subject::Group(_)), !basis.groups.is_empty());
            }
            Decision::Allowed(Why::Own) => prop_assert!(false, "nothing in this world is the user's own"),
            Decision::Denied(denial) => prop_assert!(matches!(
                denial,
                Denial::NoBinding | Denial::OutOfTime | Denial::Condition
            )),
        }
        if expected {
            prop_assert!(rights.anywhere(permission, circumstances.now));
        }
        // What can be handed on is always less than what one has.
        let lasting = rights.lasting(None, circumstances.now).unwrap();
        if lasting.decide(permission, &world.lineage(place), &circumstances).unwrap().is_allowed() {
            prop_assert!(expected);
        }
    }

    #[test]
    fn everybody_may_do_with_what_is_their_own(permission in 0..Permission::ALL.len(), mine: bool) {
        let permission = Permission::ALL[permission];
        let (user, other) = (UserId::from_uuid(bits(7)), UserId::from_uuid(bits(8)));
        let rights =
            Rights::new(Principal::User(user), Membership::default(), Vec::new(), BTreeMap::new()).unwrap();
        let place = Lineage {
            node: NodeId::User(if mine { user } else { other }),
            above: vec![node(1, 9), node(0, 9)],
            stopped: None,
        };
        let circumstances = Circumstances {
            now: jiff::Timestamp::UNIX_EPOCH,
            address: None,
            second_factor_age_s: None,
        };
        let decision = rights.decide(permission, &place, &circumstances).unwrap();
        prop_assert_eq!(decision.is_allowed(), mine && is_for_oneself(permission));
    }
}
