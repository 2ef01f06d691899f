//! Everything that a principal may do, and decisions about it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision as Verdict, Entities, Entity, EntityUid, PolicySet, Request, Response,
    RestrictedExpression,
};
use jiff::Timestamp;
use rookery_domain::binding::{Circumstances, Grant, Subject};
use rookery_domain::id::{BindingId, GroupId, KeyId, RoleId, UserId};
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_domain::role::{RoleRef, is_for_oneself};

use crate::policy::{self, Failure, OWN, Type, Writer, uid};

/// Whose rights they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A person, who also acts through personal keys.
    User(UserId),
    /// A service key.
    Key(KeyId),
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Key(id) => id.fmt(f),
        }
    }
}

impl Principal {
    /// The principal as the subject of bindings.
    pub const fn subject(self) -> Subject {
        match self {
            Self::User(id) => Subject::User(id),
            Self::Key(id) => Subject::Key(id),
        }
    }
}

/// The groups that a principal is in: those it is a member of, and the one above each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// Those it is a member of itself.
    pub direct: Vec<GroupId>,
    /// The group above each group, for all groups that count.
    pub above: BTreeMap<GroupId, GroupId>,
}

impl Membership {
    /// The way from a membership up to a group, both included; `None` if there is none.
    pub fn path_to(&self, group: GroupId) -> Option<Vec<GroupId>> {
        self.direct.iter().find_map(|direct| {
            let path: Vec<GroupId> = self.ascent(*direct).collect();
            let at = path.iter().position(|passed| *passed == group)?;
            Some(path[..=at].to_vec())
        })
    }

    /// A group and all above it.
    fn ascent(&self, from: GroupId) -> impl Iterator<Item = GroupId> {
        // A ring of groups cannot be made; that this ends does not depend on it.
        std::iter::successors(Some(from), |group| self.above.get(group).copied()).take(self.above.len() + 1)
    }

    /// All groups that count.
    pub fn all(&self) -> BTreeSet<GroupId> {
        self.direct.iter().flat_map(|direct| self.ascent(*direct)).collect()
    }
}

/// What a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The binding.
    pub binding: BindingId,
    /// Its role.
    pub role: RoleRef,
    /// Where it was given: the place itself, or one above it.
    pub node: NodeId,
    /// Who has it: the principal or a group.
    pub subject: Subject,
    /// The way from the principal to that group, the principal's own group first; empty without a group.
    pub groups: Vec<GroupId>,
}

/// Why something is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// By a binding: the first of those that allow it on the nearest place where one does.
    Bound(Basis),
    /// Because it is the principal's own.
    Own,
}

/// Why something is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No binding gives it, here or above.
    NoBinding,
    /// A binding would, but its time has not come or is over.
    OutOfTime,
    /// A binding would, but its condition does not hold.
    Condition,
}

/// Whether something is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Allowed(Why),
    /// It is not.
    Denied(Denial),
}

impl Decision {
    /// Whether it is.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// Everything that a principal may do.
#[derive(Debug, Clone)]
pub struct Rights {
    principal: Principal,
    membership: Membership,
    grants: Vec<(Subject, Grant)>,
    roles: BTreeMap<RoleId, BTreeSet<Permission>>,
    own: EntityUid,
    /// The policies apart by the place that each is about: a decision looks at those on the way up from its place only.
    slices: HashMap<NodeId, Slice>,
}

/// The policies about one place, with what is needed to ask them. What of principal, groups and roles no policy here names is left
/// out, so that a decision costs by what was given on its way up and not by what somebody is and has elsewhere.
#[derive(Debug, Clone)]
struct Slice {
    policies: PolicySet,
    /// The groups of the principal that a policy names.
    groups: HashSet<EntityUid>,
    /// The roles that policies give, with the actions that stand for them.
    roles: Vec<(Given, EntityUid)>,
    /// Whether any policy asks for the circumstances.
    limited: bool,
}

/// What a policy gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Own,
    Role(RoleRef),
}

impl Slice {
    fn new() -> Self {
        Self { policies: PolicySet::new(), groups: HashSet::new(), roles: Vec::new(), limited: false }
    }

    fn give(&mut self, given: Given, role: &str) -> Result<(), Failure> {
        if !self.roles.iter().any(|(known, _)| *known == given) {
            self.roles.push((given, policy::role_action(role)?));
        }
        Ok(())
    }
}

impl Rights {
    /// The rights that follow from what was given to a principal and to its groups. A grant of a role that is not among the custom
    /// `roles` gives nothing.
    pub fn new(
        principal: Principal,
        membership: Membership,
        grants: Vec<(Subject, Grant)>,
        roles: BTreeMap<RoleId, BTreeSet<Permission>>,
    ) -> Result<Self, Failure> {
        let name = principal.to_string();
        let own = uid(Type::Principal, &name)?;
        let (mut slices, mut writer) = (HashMap::<NodeId, Slice>::new(), Writer::default());
        let slice = slices.entry(principal.subject().into()).or_insert_with(Slice::new);
        slice.give(Given::Own, OWN)?;
        writer.add(&mut slice.policies, OWN, own.clone(), OWN, &name, None)?;
        let member_of = membership.all();
        for (subject, grant) in &grants {
            let kind = if matches!(subject, Subject::Group(_)) { Type::Group } else { Type::Principal };
            let (id, role) = (grant.binding.to_string(), grant.role.to_string());
            let uid = uid(kind, subject.to_string())?;
            let slice = slices.entry(grant.node).or_insert_with(Slice::new);
            if matches!(subject, Subject::Group(group) if member_of.contains(group)) {
                slice.groups.insert(uid.clone());
            }
            slice.give(Given::Role(grant.role), &role)?;
            slice.limited |=
                grant.condition.is_some() || grant.starts_at.is_some() || grant.expires_at.is_some();
            writer.add(&mut slice.policies, &id, uid, &role, &grant.node.to_string(), Some(grant))?;
        }
        Ok(Self { principal, membership, grants, roles, own, slices })
    }

    /// Whose rights they are.
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    /// The groups that count.
    pub const fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Everything that was given, with who was given it.
    pub fn grants(&self) -> &[(Subject, Grant)] {
        &self.grants
    }

    /// Decides whether something may be done with a place.
    pub fn decide(
        &self,
        permission: Permission,
        place: &Lineage,
        circumstances: &Circumstances,
    ) -> Result<Decision, Failure> {
        let mut error = None;
        for node in std::iter::once(place.node).chain(place.above.iter().copied()) {
            let Some(slice) = self.slices.get(&node) else { continue };
            let holders = self.holders(slice, permission);
            if holders.is_empty() {
                continue;
            }
            // All policies permit. So it makes no difference whether they are asked together or one place after the other.
            let response = self.ask(slice, permission, holders, (place.node, node), circumstances)?;
            if response.decision() == Verdict::Allow {
                let reasons = response.diagnostics().reason().map(ToString::to_string).collect();
                return Ok(Decision::Allowed(self.why(&reasons)));
            }
            error = error.or_else(|| response.diagnostics().errors().next().cloned());
        }
        // A policy that cannot be evaluated does not count. That some could not is a fault of ours and must be known.
        match error {
            Some(error) => Err(Failure::new("the evaluation of a policy", error)),
            None => Ok(Decision::Denied(self.denial(permission, place, circumstances))),
        }
    }

    /// Asks the policies about a place, `above`, whether something may be done with a place that is it or below it.
    fn ask(
        &self,
        slice: &Slice,
        permission: Permission,
        holders: HashSet<EntityUid>,
        (node, above): (NodeId, NodeId),
        circumstances: &Circumstances,
    ) -> Result<Response, Failure> {
        let action = uid(Type::Action, permission.as_str())?;
        let resource = uid(Type::Node, node.to_string())?;
        let mut parents = HashSet::new();
        if node != above {
            parents.insert(uid(Type::Node, above.to_string())?);
        }
        let entities = [
            Entity::new_no_attrs(self.own.clone(), slice.groups.clone()),
            Entity::new_no_attrs(action.clone(), holders),
            Entity::new_no_attrs(resource.clone(), parents),
        ];
        let entities = Entities::from_entities(entities, None)
            .map_err(|source| Failure::new("the entities of a request", source))?;
        let context = if slice.limited { context(circumstances)? } else { Context::empty() };
        let request = Request::new(self.own.clone(), action, resource, context, None)
            .map_err(|source| Failure::new("a request", source))?;
        Ok(Authorizer::new().is_authorized(&request, &slice.policies, &entities))
    }

    /// Whether something may be done at some place or other: enough to ask for a list, of which only what may be seen is shown.
    pub fn anywhere(&self, permission: Permission, now: Timestamp) -> bool {
        is_for_oneself(permission) || self.places(permission, now).next().is_some()
    }

    /// The places that something was given on, each with everything below it; under what conditions is left open.
    pub fn places(&self, permission: Permission, now: Timestamp) -> impl Iterator<Item = NodeId> {
        self.grants
            .iter()
            .filter(move |(_, grant)| grant.is_current(now) && self.holds(grant.role, permission))
            .map(|(_, grant)| grant.node)
    }

    /// The rights that can be handed on until an instant, `None` for ever: those that neither depend on a condition nor end before.
    pub fn lasting(&self, until: Option<Timestamp>, now: Timestamp) -> Result<Self, Failure> {
        let lasting = |(_, grant): &&(Subject, Grant)| grant.lasts_until(until, now);
        let grants = self.grants.iter().filter(lasting).cloned().collect();
        Self::new(self.principal, self.membership.clone(), grants, self.roles.clone())
    }

    /// Everything that a role holds; nothing if it is a role that no longer exists.
    pub fn permissions_of(&self, role: RoleRef) -> BTreeSet<Permission> {
        role.permissions(&self.roles)
    }

    fn holds(&self, role: RoleRef, permission: Permission) -> bool {
        match role {
            RoleRef::Predefined(role) => role.holds(permission),
            RoleRef::Custom(id) => self.roles.get(&id).is_some_and(|held| held.contains(&permission)),
        }
    }

    /// The roles among those that a place's policies give which hold a permission, as the actions that stand for them.
    fn holders(&self, slice: &Slice, permission: Permission) -> HashSet<EntityUid> {
        let holds = |given: Given| match given {
            Given::Own => is_for_oneself(permission),
            Given::Role(role) => self.holds(role, permission),
        };
        slice.roles.iter().filter(|(given, _)| holds(*given)).map(|(_, action)| action.clone()).collect()
    }

    fn why(&self, reasons: &HashSet<String>) -> Why {
        let by = self.grants.iter().find(|(_, grant)| reasons.contains(&grant.binding.to_string()));
        let Some((subject, grant)) = by else { return Why::Own };
        let groups = match subject {
            Subject::Group(group) => self.membership.path_to(*group).unwrap_or_default(),
            Subject::User(_) | Subject::Key(_) => Vec::new(),
        };
        Why::Bound(Basis {
            binding: grant.binding,
            role: grant.role,
            node: grant.node,
            subject: *subject,
            groups,
        })
    }

    fn denial(&self, permission: Permission, place: &Lineage, circumstances: &Circumstances) -> Denial {
        let mut denial = Denial::NoBinding;
        for (_, grant) in &self.grants {
            if !place.is_within(grant.node) || !self.holds(grant.role, permission) {
                continue;
            }
            if grant.is_current(circumstances.now) {
                return Denial::Condition;
            }
            denial = Denial::OutOfTime;
        }
        denial
    }
}

fn context(circumstances: &Circumstances) -> Result<Context, Failure> {
    let long = |number: i64| RestrictedExpression::new_long(number);
    let (weekday, minute) = circumstances.day_and_minute();
    let mut pairs = vec![
        ("now_ms".to_owned(), long(circumstances.now.as_millisecond())),
        ("weekday".to_owned(), long(weekday.into())),
        ("minute".to_owned(), long(minute.into())),
    ];
    if let Some(address) = circumstances.address {
        let text = address.to_canonical().to_string();
        pairs.push(("address".to_owned(), RestrictedExpression::new_ip(text)));
    }
    if let Some(age) = circumstances.second_factor_age_s {
        pairs.push(("second_factor_age_s".to_owned(), long(age)));
    }
    Context::from_pairs(pairs).map_err(|source| Failure::new("the circumstances of a request", source))
}
