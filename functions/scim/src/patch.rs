//! Patches (RFC 7644, section 3.5.2): read into steps, and carried out on what a resource says of itself.

use rookery_domain::fault::JsonObject;
use rookery_edge::Problem;
use serde_json::{Map, Value};

use crate::fault;
use crate::filter::{self, Equals, equal};
use crate::schema::{Attribute, Mutability, Resource, find};

/// Most operations of a patch.
const MOST: usize = 1000;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Adds a value to those that are there.
    Add,
    /// Puts a value in the place of those that are there.
    Replace,
    /// Takes values away.
    Remove,
}

/// What a step is about: an attribute, perhaps only some of its values, perhaps only a part of each.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The attribute.
    pub attribute: &'static Attribute,
    /// Which of its values; all, without.
    pub filter: Option<Vec<Equals>>,
    /// Which part of them.
    pub part: Option<&'static Attribute>,
}

/// A step of a patch.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What it does.
    pub verb: Verb,
    /// What it is about.
    pub target: Target,
    /// The value; `None` for none, which replaces as nothing does.
    pub value: Option<Value>,
}

fn field<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    of.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Reads a patch.
pub(crate) fn steps(resource: &Resource, JsonObject(sent): &JsonObject) -> Result<Vec<Step>, Problem> {
    let Some(Value::Array(all)) = field(sent, "Operations") else {
        return Err(fault::syntax("Operations is not a list of operations"));
    };
    if all.len() > MOST {
        return Err(fault::syntax(format!("there are more than {MOST} operations")));
    }
    let mut read = Vec::new();
    for one in all {
        let Value::Object(operation) = one else {
            return Err(fault::syntax("an operation is not an object"));
        };
        let verb =
            match field(operation, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
                Some("add") => Verb::Add,
                Some("replace") => Verb::Replace,
                Some("remove") => Verb::Remove,
                _ => return Err(fault::syntax("op is neither add nor replace nor remove")),
            };
        let value = field(operation, "value");
        match field(operation, "path") {
            Some(Value::String(path)) => {
                let target = target(resource, path)?;
                if target.attribute.mutability == Mutability::ReadOnly {
                    return Err(fault::mutability(format!("{path} is told, and not changed")));
                }
                if value.is_none() && verb != Verb::Remove {
                    return Err(fault::value(format!("{path} is given no value")));
                }
                read.push(step(verb, target, value));
            }
            None | Some(Value::Null) => read.extend(without_path(resource, verb, value)?),
            Some(_) => return Err(fault::path("path is not text")),
        }
    }
    Ok(read)
}

/// The steps of an operation whose value names the attributes. What is not known, or only told, is not looked at there, as in a resource
/// that is sent whole.
fn without_path(resource: &Resource, verb: Verb, value: Option<&Value>) -> Result<Vec<Step>, Problem> {
    if verb == Verb::Remove {
        return Err(fault::no_target("what is removed is not named by a path"));
    }
    let Some(Value::Object(fields)) = value else {
        return Err(fault::value("without a path the value is an object"));
    };
    let known = fields.iter().filter_map(|(name, value)| Some((target(resource, name).ok()?, value)));
    let known = known.filter(|(target, _)| target.attribute.mutability != Mutability::ReadOnly);
    Ok(known.map(|(target, value)| step(verb, target, Some(value))).collect())
}

fn step(verb: Verb, target: Target, value: Option<&Value>) -> Step {
    let value = value.and_then(|value| match (target.part, &target.filter) {
        (Some(part), _) => part.normal(value),
        (None, Some(_)) => target.attribute.normal_one(value),
        (None, None) => target.attribute.normal(value),
    });
    Step { verb, target, value }
}

/// Reads a path: `attribute`, `attribute.part`, `attribute[filter]` or `attribute[filter].part`.
pub(crate) fn target(resource: &Resource, path: &str) -> Result<Target, Problem> {
    let unknown = || fault::path(format!("{path} is no attribute that is known here"));
    let bare = resource.bare(path.trim());
    let (name, filter, part) = match bare.split_once('[') {
        None => match bare.split_once('.') {
            None => (bare, None, None),
            Some((name, part)) => (name, None, Some(part)),
        },
        Some((name, rest)) => {
            let (inside, behind) = rest.rsplit_once(']').ok_or_else(unknown)?;
            let part = match behind {
                "" => None,
                _ => Some(behind.strip_prefix('.').ok_or_else(unknown)?),
            };
            (name, Some(inside), part)
        }
    };
    let attribute = resource.attribute(name).ok_or_else(unknown)?;
    let part = match part {
        None => None,
        Some(part) => Some(find(attribute.parts(), part).ok_or_else(unknown)?),
    };
    let filter = match filter {
        None => None,
        Some(_) if !attribute.multi => {
            return Err(fault::path(format!("{name} has no values to choose from")));
        }
        Some(text) => {
            let terms = filter::parse(text).map_err(fault::filter)?;
            if let Some(term) = terms.iter().find(|term| find(attribute.parts(), &term.attribute).is_none()) {
                return Err(fault::filter(format!("{} is no part of {name}", term.attribute)));
            }
            Some(terms)
        }
    };
    Ok(Target { attribute, filter, part })
}

impl Target {
    fn selects(&self, item: &Value) -> bool {
        let parts = self.attribute.parts();
        self.filter.iter().flatten().all(|term| {
            find(parts, &term.attribute).is_some_and(|part| equal(part, &item[part.name], &term.value))
        })
    }

    /// What the filter says of a value that it selects.
    fn selected(&self) -> Map<String, Value> {
        let parts = self.attribute.parts();
        let said = self
            .filter
            .iter()
            .flatten()
            .filter_map(|term| Some((find(parts, &term.attribute)?.name.to_owned(), term.value.clone())));
        said.collect()
    }
}

/// Carries a step out on what a resource says of itself.
pub(crate) fn apply(resource: &mut Map<String, Value>, step: &Step) -> Result<(), Problem> {
    let name = step.target.attribute.name;
    let before = resource.remove(name);
    let after = if step.target.attribute.multi {
        let items = match before {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let items = many(items, step)?;
        (!items.is_empty()).then_some(Value::Array(items))
    } else {
        one(before, step)
    };
    if let Some(after) = after {
        resource.insert(name.to_owned(), after);
    }
    Ok(())
}

fn one(before: Option<Value>, step: &Step) -> Option<Value> {
    let fields = |value: Option<Value>| match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let value = step.value.clone().filter(|_| step.verb != Verb::Remove);
    if let Some(part) = step.target.part {
        let mut fields = fields(before);
        put(&mut fields, part.name, value);
        return (!fields.is_empty()).then_some(Value::Object(fields));
    }
    match value {
        None if step.verb == Verb::Add => before,
        None => None,
        Some(Value::Object(new)) => {
            let mut fields = fields(before);
            fields.extend(new);
            Some(Value::Object(fields))
        }
        Some(value) => Some(value),
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            fields.insert(name.to_owned(), value);
        }
        None => {
            fields.remove(name);
        }
    }
}

fn many(mut items: Vec<Value>, step: &Step) -> Result<Vec<Value>, Problem> {
    let Step { verb, target, value } = step;
    let primary = value.as_ref().is_some_and(claims_primary)
        || target.part.is_some_and(|part| part.name == "primary" && *value == Some(Value::Bool(true)));
    if target.filter.is_none() && target.part.is_none() {
        let new = match value {
            Some(Value::Array(new)) => new.clone(),
            _ => Vec::new(),
        };
        return Ok(match verb {
            Verb::Replace => new,
            Verb::Remove if new.is_empty() => Vec::new(),
            // Some directories name what is to go by its value instead of by a filter.
            Verb::Remove => {
                items.retain(|item| !new.iter().any(|gone| same(item, gone)));
                items
            }
            Verb::Add => {
                if primary {
                    items.iter_mut().for_each(yield_primary);
                }
                items.retain(|item| !new.iter().any(|other| same(item, other)));
                items.extend(new);
                items
            }
        });
    }
    if primary {
        items.iter_mut().for_each(yield_primary);
    }
    let mut met = false;
    for item in items.iter_mut().filter(|item| target.selects(item)) {
        met = true;
        let Value::Object(fields) = item else { continue };
        match (target.part, value.clone().filter(|_| *verb != Verb::Remove)) {
            (Some(part), value) => put(fields, part.name, value),
            (None, Some(Value::Object(new))) => fields.extend(new),
            (None, _) => fields.clear(),
        }
    }
    items.retain(|item| item.as_object().is_none_or(|fields| !fields.is_empty()));
    if met || *verb == Verb::Remove {
        return Ok(items);
    }
    if *verb == Verb::Replace {
        return Err(fault::no_target(format!("no value of {} is selected", target.attribute.name)));
    }
    let mut made = target.selected();
    match (target.part, value) {
        (Some(part), value) => put(&mut made, part.name, value.clone()),
        (None, Some(Value::Object(new))) => made.extend(new.clone()),
        (None, _) => {}
    }
    items.push(Value::Object(made));
    Ok(items)
}

fn same(left: &Value, right: &Value) -> bool {
    match (left["value"].as_str(), right["value"].as_str()) {
        (Some(left), Some(right)) => left.eq_ignore_ascii_case(right),
        _ => left == right,
    }
}

fn claims_primary(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(claims_primary),
        item => item["primary"] == true,
    }
}

/// There is one primary value at the most: the one that was last called so (RFC 7644, section 3.5.2).
fn yield_primary(item: &mut Value) {
    if item["primary"] == true {
        item["primary"] = Value::Bool(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::USERS;
    use serde_json::json;

    fn patched(operations: &Value) -> Result<Value, Problem> {
        let mut ada = json!({
            "userName": "ada",
            "name": {"givenName": "Ada"},
            "emails": [
                {"value": "work@example.com", "type": "work", "primary": true},
                {"value": "home@example.com", "type": "home"},
            ],
        });
        let patch = json!({"Operations": operations});
        let patch = JsonObject(patch.as_object().unwrap().clone());
        for step in steps(&USERS, &patch)? {
            apply(ada.as_object_mut().unwrap(), &step)?;
        }
        Ok(ada)
    }

    fn word(operations: &Value) -> &'static str {
        patched(operations).unwrap_err().code()
    }

    #[test]
    fn plain_attributes_and_parts() {
        let after = patched(&json!([
            {"op": "Replace", "path": "USERNAME", "value": "grace"},
            {"op": "add", "path": "name.familyName", "value": "Hopper"},
            {"op": "replace", "value": {"displayName": "Grace", "id": "x", "title": "y", "name.givenName": "Grace"}},
            {"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:externalId", "value": "e"},
            {"op": "replace", "path": "active", "value": "False"},
        ]));
        let after = after.unwrap();
        assert_eq!(after["userName"], "grace");
        assert_eq!(after["name"], json!({"givenName": "Grace", "familyName": "Hopper"}));
        assert_eq!((&after["displayName"], &after["externalId"]), (&json!("Grace"), &json!("e")));
        assert_eq!((&after["active"], after.get("id"), after.get("title")), (&json!(false), None, None));
        let after = patched(&json!([{"op": "remove", "path": "name.givenName"}])).unwrap();
        assert_eq!(after.get("name"), None);
    }

    #[test]
    fn values_are_chosen_by_filters() {
        let after = patched(&json!([
            {"op": "replace", "path": "emails[type eq \"WORK\"].value", "value": "new@example.com"},
            {"op": "remove", "path": "emails[type eq \"home\"]"},
        ]));
        let emails = after.unwrap()["emails"].clone();
        assert_eq!(emails, json!([{"value": "new@example.com", "type": "work", "primary": true}]));
        let after = patched(
            &json!([{"op": "add", "path": "emails[type eq \"other\"].value", "value": "o@example.com"}]),
        );
        assert_eq!(after.unwrap()["emails"][2], json!({"type": "other", "value": "o@example.com"}));
        let gone = patched(&json!([{"op": "remove", "path": "emails[type eq \"other\"]"}]));
        assert_eq!(gone.unwrap()["emails"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn one_value_is_primary_and_none_comes_twice() {
        let new = json!([{"value": "home@example.com", "primary": true}]);
        let after = patched(&json!([{"op": "add", "path": "emails", "value": new}])).unwrap();
        let expected = json!([
            {"value": "work@example.com", "type": "work", "primary": false},
            {"value": "home@example.com", "primary": true},
        ]);
        assert_eq!(after["emails"], expected);
        let by_value = json!([{"op": "remove", "path": "emails", "value": [{"value": "WORK@example.com"}]}]);
        assert_eq!(patched(&by_value).unwrap()["emails"].as_array().unwrap().len(), 1);
        let all = patched(&json!([{"op": "remove", "path": "emails"}])).unwrap();
        assert_eq!(all.get("emails"), None);
    }

    #[test]
    fn faults_have_the_protocols_names() {
        assert_eq!(word(&json!([{"op": "replace", "path": "title", "value": "x"}])), "invalidPath");
        assert_eq!(
            word(&json!([{"op": "replace", "path": "userName[value eq \"x\"]", "value": "x"}])),
            "invalidPath"
        );
        assert_eq!(
            word(&json!([{"op": "replace", "path": "emails[type co \"x\"]", "value": {}}])),
            "invalidFilter"
        );
        assert_eq!(
            word(&json!([{"op": "replace", "path": "emails[size eq \"x\"]", "value": {}}])),
            "invalidFilter"
        );
        assert_eq!(
            word(&json!([{"op": "replace", "path": "emails[type eq \"x\"].value", "value": "x"}])),
            "noTarget"
        );
        assert_eq!(word(&json!([{"op": "remove"}])), "noTarget");
        assert_eq!(word(&json!([{"op": "replace", "path": "id", "value": "x"}])), "mutability");
        assert_eq!(word(&json!([{"op": "move", "path": "id", "value": "x"}])), "invalidSyntax");
        assert_eq!(word(&json!([{"op": "add", "path": "userName"}])), "invalidValue");
        assert_eq!(word(&json!({})), "invalidSyntax");
    }
}
