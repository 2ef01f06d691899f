//! Requests made from the OpenAPI document, and every place in them where an id stands: in the path, in the query, in the body. What
//! an id looks like is what the document's patterns say, so that a route that is added is understood without a change here.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::fuzz::{Operation, body_schema};
use crate::ids::{Ids, body_for};

/// How deep bodies are looked into.
const DEPTH: usize = 5;

/// What belongs to ids in a pattern: the length of all of them.
const OF_IDS: &str = "{25}";

/// What paths name that belongs to nobody.
const OF_NOBODY: [&str; 3] = ["resource_type", "schema", "endpoint"];

/// Where an id stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the path, as a placeholder.
    Path(String),
    /// In the query.
    Query(String),
    /// In the body, by JSON pointer.
    Body(String),
}

/// A request that is sound for whoever the ids belong to.
#[derive(Debug, Clone)]
pub struct Sample {
    path: String,
    query: Map<String, Value>,
    body: Option<Value>,
    path_ids: Map<String, Value>,
    /// Where ids may stand, each with a pattern that they fit.
    pub places: Vec<(Place, Option<Regex>)>,
}

impl Sample {
    /// A request to an operation with these ids, wherever the document lets an id stand.
    pub fn of(api: &Value, operation: &Operation, ids: &Ids) -> Self {
        let mut sample = Self {
            path: operation.path.clone(),
            query: Map::new(),
            body: None,
            path_ids: Map::new(),
            places: Vec::new(),
        };
        for parameter in operation.description["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let schema = resolve(api, &parameter["schema"]);
            match parameter["in"].as_str() {
                Some("path") => {
                    let Some(own) = ids.0.get(&name) else {
                        panic!("{} names {name}, of which `Ids` makes none", operation.path)
                    };
                    sample.path_ids.insert(name.clone(), own.clone());
                    sample.places.push((Place::Path(name), None));
                }
                // Cursors have a test of their own: no id is one.
                Some("query") if name != "cursor" && may_be_id(&name, schema, true) => {
                    sample.places.push((Place::Query(name), pattern(schema)));
                }
                Some("query") if parameter["required"] == true => {
                    sample.query.insert(name.clone(), value(api, &name, schema, ids, DEPTH));
                }
                _ => {}
            }
        }
        let schema = body_schema(operation);
        if !schema.is_null() {
            let mut body = value(api, "", schema, ids, DEPTH);
            // What is known to be sound beyond what the schema says.
            let known = body_for(operation, ids).unwrap_or_default();
            for (name, field) in known.as_object().into_iter().flatten() {
                body[name.as_str()] = field.clone();
            }
            let mut found = Vec::new();
            places(api, schema, "", DEPTH, &mut found);
            sample.places.extend(found.into_iter().map(|(at, pattern)| (Place::Body(at), pattern)));
            sample.body = Some(body);
        }
        sample
    }

    /// The path with its query, and the body.
    pub fn request(&self) -> (String, Option<Value>) {
        let mut path = self.path.clone();
        for (name, id) in &self.path_ids {
            path = path.replace(&format!("{{{name}}}"), id.as_str().unwrap_or_default());
        }
        for (at, (name, value)) in self.query.iter().enumerate() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(path, "{}{name}={text}", if at == 0 { '?' } else { '&' });
        }
        (path, self.body.clone())
    }

    /// The same with an id in one of its places.
    #[must_use]
    pub fn with(&self, place: &Place, id: &str) -> Self {
        let mut other = self.clone();
        match place {
            Place::Path(name) => {
                other.path_ids.insert(name.clone(), json!(id));
            }
            Place::Query(name) => {
                other.query.insert(name.clone(), json!(id));
            }
            Place::Body(at) => put(other.body.get_or_insert_with(|| json!({})), at, json!(id)),
        }
        other
    }

    /// Those of some ids that may stand in a place: for a path the one of that name, elsewhere whatever fits the pattern.
    pub fn fitting(place: &Place, pattern: Option<&Regex>, ids: &Ids) -> BTreeSet<String> {
        let text = |id: &Value| id.as_str().map(str::to_owned);
        match place {
            Place::Path(name) => ids.0.get(name).and_then(text).into_iter().collect(),
            Place::Query(_) | Place::Body(_) => {
                let all = ids.0.iter().filter(|(name, _)| !OF_NOBODY.contains(&name.as_str()));
                let all = all.filter_map(|(_, id)| text(id));
                all.filter(|id| pattern.is_none_or(|pattern| pattern.is_match(id))).collect()
            }
        }
    }
}

/// An id of the same form that nobody has.
pub fn unknown(id: &str) -> String {
    match id.split_once('_') {
        Some((kind, _)) => format!("{kind}_01h455vb4pex5vsknk084sn02q"),
        None => "f".repeat(id.len()),
    }
}

/// What a schema stands for, references followed and `null` as an alternative left out.
fn resolve<'a>(api: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return resolve(api, &api["components"]["schemas"][name]);
    }
    let parts = ["oneOf", "anyOf"].into_iter().find_map(|combination| schema[combination].as_array());
    match parts.and_then(|parts| parts.iter().find(|part| part["type"] != "null")) {
        Some(part) => resolve(api, part),
        None => schema,
    }
}

fn is(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        known => known == kind,
    }
}

fn pattern(schema: &Value) -> Option<Regex> {
    schema["pattern"].as_str().map(|pattern| Regex::new(pattern).expect("a pattern of the document"))
}

/// Whether an id can stand here: it is of the form of ids, or says by its name that it is one, or takes any text where `any` is
/// enough.
fn may_be_id(name: &str, schema: &Value, any: bool) -> bool {
    if !is(schema, "string") || schema["enum"].is_array() || schema["format"].is_string() {
        return false;
    }
    match schema["pattern"].as_str() {
        Some(pattern) => pattern.contains(OF_IDS),
        None => any || name.ends_with("_id") || name.ends_with("_ids"),
    }
}

fn places(api: &Value, schema: &Value, at: &str, depth: usize, found: &mut Vec<(String, Option<Regex>)>) {
    let schema = resolve(api, schema);
    let name = at.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    if may_be_id(name, schema, false) {
        found.push((at.to_owned(), pattern(schema)));
    }
    if depth == 0 {
        return;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        places(api, part, at, depth - 1, found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        places(api, field, &format!("{at}/{name}"), depth - 1, found);
    }
    if is(schema, "array") {
        places(api, &schema["items"], &format!("{at}/0"), depth - 1, found);
    }
}

/// Sets what a pointer leads to, and makes what is missing on the way.
fn put(body: &mut Value, at: &str, value: Value) {
    let mut here = body;
    for part in at.split('/').skip(1) {
        if let Ok(index) = part.parse::<usize>() {
            if !here.is_array() {
                *here = json!([]);
            }
            let items = here.as_array_mut().expect("a list");
            while items.len() <= index {
                items.push(Value::Null);
            }
            here = &mut items[index];
        } else {
            if !here.is_object() {
                *here = json!({});
            }
            here = &mut here[part];
        }
    }
    *here = value;
}

/// A value that a schema allows, with no more than it requires.
fn value(api: &Value, name: &str, schema: &Value, ids: &Ids, depth: usize) -> Value {
    let schema = resolve(api, schema);
    if let Some(values) = schema["enum"].as_array() {
        return values.first().cloned().unwrap_or_default();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().filter_map(|part| value(api, name, part, ids, depth).as_object().cloned());
        return Value::Object(parts.flatten().collect());
    }
    if is(schema, "string") {
        return text(name, schema, ids);
    }
    if is(schema, "array") {
        let many = schema["minItems"].as_u64().unwrap_or_default().min(3);
        return (0..many).map(|_| value(api, name, &schema["items"], ids, depth)).collect();
    }
    if schema["properties"].is_object() && depth > 0 {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let field =
            |name: &str| (name.to_owned(), value(api, name, &schema["properties"][name], ids, depth - 1));
        return Value::Object(required.map(field).collect());
    }
    if is(schema, "integer") || is(schema, "number") {
        return json!(schema["minimum"].as_i64().unwrap_or(1).max(1));
    }
    if is(schema, "boolean") { json!(false) } else { json!({}) }
}

fn text(name: &str, schema: &Value, ids: &Ids) -> Value {
    if may_be_id(name, schema, false) {
        let named = ids.0.get(name.trim_end_matches("_id"));
        let pattern = pattern(schema);
        let fits = |id: &&Value| {
            pattern.as_ref().is_none_or(|pattern| id.as_str().is_some_and(|id| pattern.is_match(id)))
        };
        return named.into_iter().chain(ids.0.values()).find(fits).cloned().unwrap_or_default();
    }
    match (schema["pattern"].as_str(), schema["format"].as_str()) {
        (Some(pattern), _) => {
            let bare = pattern.trim_start_matches('^').trim_end_matches('$');
            let made = proptest::string::string_regex(bare).expect("a pattern of the document");
            let mut runner = TestRunner::deterministic();
            json!(made.new_tree(&mut runner).expect("a text").current())
        }
        (None, Some("date-time")) => json!("2026-11-21T09:00:00Z"),
        (None, _) => {
            json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(8)).unwrap_or(8)))
        }
    }
}
