//! Grants as Cedar policies.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, SlotId, Template};
use rookery_domain::binding::{Condition, Grant};
use rookery_domain::permission::Permission;
use rookery_domain::role::{self, Predefined};

/// What went wrong between us and Cedar: a fault of this crate, since everything that reaches it was parsed.
#[derive(Debug, thiserror::Error)]
#[error("Cedar refused {what}")]
pub struct Failure {
    what: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure {
    pub(crate) fn new(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what, source: source.into() }
    }
}

/// The types of entities. Principals and what they act on are of different types even where they are the same thing, so that
/// being a member of a group never counts as standing below it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    Principal,
    Group,
    Action,
    Node,
}

static TYPES: LazyLock<[Option<EntityTypeName>; 4]> = LazyLock::new(|| {
    ["Principal", "Group", "Action", "Node"].map(|name| EntityTypeName::from_str(name).ok())
});

/// The uid of an entity.
pub(crate) fn uid(kind: Type, id: impl AsRef<str>) -> Result<EntityUid, Failure> {
    let name =
        TYPES[kind as usize].clone().ok_or_else(|| Failure::new("the name of a type", "not a name"))?;
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
}

/// The name of what everybody may do with what is their own, as a role.
pub(crate) const OWN: &str = "own";

/// The name of the role that those have who operate the platform. It is given outside of any tenant.
pub(crate) const PLATFORM: &str = "platform_operator";

/// The action that stands for a role: every action that the role holds is in it.
pub(crate) fn role_action(role: impl std::fmt::Display) -> Result<EntityUid, Failure> {
    uid(Type::Action, format!("role/{role}"))
}

/// Writes policies. Each is linked from a template; the template of a role is read once, however many sets it is used in.
#[derive(Default)]
pub(crate) struct Writer {
    templates: HashMap<PolicyId, Template>,
}

impl Writer {
    /// Adds a policy to a set: `subject` may do what `role` holds on `node`, in the time and under the condition of the grant.
    pub(crate) fn add(
        &mut self,
        set: &mut PolicySet,
        id: &str,
        subject: EntityUid,
        role: &str,
        node: &str,
        grant: Option<&Grant>,
    ) -> Result<(), Failure> {
        let limits = grant.map(limits).unwrap_or_default();
        let name = if limits.is_empty() { format!("role/{role}") } else { format!("limited/{id}") };
        let name = PolicyId::new(name);
        if set.template(&name).is_none() {
            let template = if let Some(known) = self.templates.get(&name) {
                known.clone()
            } else {
                let template = Template::parse(Some(name.clone()), text(role, &limits))
                    .map_err(|source| Failure::new("the policy of a role", source))?;
                self.templates.insert(name.clone(), template.clone());
                template
            };
            set.add_template(template).map_err(|source| Failure::new("the policy of a role", source))?;
        }
        let slots = [(SlotId::principal(), subject), (SlotId::resource(), uid(Type::Node, node)?)];
        set.link(name, PolicyId::new(id), slots.into())
            .map_err(|source| Failure::new("the policy of a binding", source))
    }
}

/// The text of a policy. Its parts are names and numbers of our own making, never a caller's text.
fn text(role: &str, limits: &[String]) -> String {
    let mut text =
        format!("permit(principal in ?principal, action in Action::\"role/{role}\", resource in ?resource)");
    if !limits.is_empty() {
        let _ = write!(text, " when {{ {} }}", limits.join(" && "));
    }
    text.push(';');
    text
}

/// What must hold in the circumstances of a request for a grant to count, as Cedar expressions.
fn limits(grant: &Grant) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(start) = grant.starts_at {
        limits.push(format!("context.now_ms >= {}", start.as_millisecond()));
    }
    if let Some(end) = grant.expires_at {
        limits.push(format!("context.now_ms < {}", end.as_millisecond()));
    }
    limits.extend(grant.condition.iter().flat_map(conditions));
    limits
}

fn conditions(condition: &Condition) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(minutes) = condition.second_factor_within_minutes {
        let seconds = u64::from(minutes) * 60;
        limits.push(format!("context has second_factor_age_s && context.second_factor_age_s <= {seconds}"));
    }
    if !condition.addresses.is_empty() {
        let ranges: Vec<String> = condition
            .addresses
            .iter()
            .map(|range| format!("context.address.isInRange(ip(\"{range}\"))"))
            .collect();
        limits.push(format!("context has address && ({})", ranges.join(" || ")));
    }
    if let Some(window) = &condition.window {
        let days: Vec<String> = window.days.iter().map(|day| day.number().to_string()).collect();
        let (from, to) = (window.from.minutes(), window.to.minutes());
        let both = if from < to { "&&" } else { "||" };
        limits.push(format!(
            "[{}].contains(context.weekday) && (context.minute >= {from} {both} context.minute < {to})",
            days.join(", ")
        ));
    }
    limits
}

/// The roles that hold an action and that everybody knows.
pub(crate) fn predefined(permission: Permission) -> impl Iterator<Item = &'static str> {
    let own = role::is_for_oneself(permission).then_some(OWN);
    let platform = permission.is_of_the_platform().then_some(PLATFORM);
    Predefined::ALL
        .into_iter()
        .filter(move |role| role.holds(permission))
        .map(Predefined::as_str)
        .chain(own)
        .chain(platform)
}

/// The Cedar schema that all policies are valid in, with these custom roles.
pub fn schema(custom: &[(String, Vec<Permission>)]) -> String {
    let mut text = String::from(
        "entity Group in [Group];\nentity Principal in [Group, Principal];\nentity Node in [Node];\n",
    );
    let mut roles: Vec<&str> = Predefined::ALL.into_iter().map(Predefined::as_str).collect();
    roles.extend([OWN, PLATFORM]);
    roles.extend(custom.iter().map(|(name, _)| name.as_str()));
    for role in roles {
        let _ = writeln!(text, "action \"role/{role}\";");
    }
    for permission in Permission::ALL {
        let mut holders: Vec<&str> = predefined(*permission).collect();
        holders.extend(
            custom
                .iter()
                .filter(|(_, permissions)| permissions.contains(permission))
                .map(|(name, _)| name.as_str()),
        );
        let holders: Vec<String> = holders.iter().map(|role| format!("\"role/{role}\"")).collect();
        let _ = writeln!(
            text,
            "action \"{permission}\" in [{}] appliesTo {{ principal: [Principal], resource: [Node], context: {{ \
             now_ms: Long, weekday: Long, minute: Long, address?: ipaddr, second_factor_age_s?: Long }} }};",
            holders.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::{Schema, ValidationMode, Validator};

    #[test]
    fn every_form_of_policy_is_valid_in_the_schema() {
        let role = "rol_01h455vb4pex5vsknk084sn02q";
        let custom = [(role.to_owned(), vec![Permission::ReleaseRamp, Permission::ReleasePause])];
        let (schema, warnings) = Schema::from_cedarschema_str(&schema(&custom)).unwrap();
        assert_eq!(warnings.count(), 0);
        let grant = |condition| Grant {
            binding: "bnd_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            role: role.parse().unwrap(),
            node: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            starts_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            expires_at: Some("2027-01-01T00:00:00Z".parse().unwrap()),
            condition: Some(condition),
        };
        let window = |from: &str, to: &str| rookery_domain::binding::Window {
            days: ["mon".parse().unwrap(), "sun".parse().unwrap()].into(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        };
        let condition = |from, to| Condition {
            second_factor_within_minutes: Some(5),
            addresses: vec!["203.0.113.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            window: Some(window(from, to)),
        };
        let (mut set, mut writer) = (PolicySet::new(), Writer::default());
        let group = || uid(Type::Group, "grp_01h455vb4pex5vsknk084sn02q").unwrap();
        for name in Predefined::ALL.into_iter().map(Predefined::as_str).chain([OWN, PLATFORM, role]) {
            let id = format!("plain/{name}");
            writer.add(&mut set, &id, group(), name, "ten_01h455vb4pex5vsknk084sn02q", None).unwrap();
        }
        for (at, (from, to)) in [("08:00", "18:00"), ("22:00", "06:00")].into_iter().enumerate() {
            let grant = grant(condition(from, to));
            let (id, app) = (format!("limited-{at}"), "app_01h455vb4pex5vsknk084sn02q");
            writer.add(&mut set, &id, group(), role, app, Some(&grant)).unwrap();
        }
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        let errors: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}
