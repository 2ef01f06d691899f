//! Requests made from the OpenAPI document: mostly what a schema asks for, here and there something it does not.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

/// A small generator of numbers, the same for the same seed (`SplitMix64`).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True once in so many rolls.
    pub fn one_in(&mut self, many: u64) -> bool {
        self.roll().is_multiple_of(many)
    }

    /// A text that tends to surprise.
    pub fn nasty(&mut self) -> &'static str {
        self.pick::<&'static str>(&NASTY)
    }

    /// One of some things.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        let at = usize::try_from(self.roll() % things.len() as u64).unwrap_or_default();
        &things[at]
    }
}

/// An operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path with placeholders.
    pub path: String,
    /// What the document says of it.
    pub description: Value,
}

/// What operations do, by which a walk through all of them is divided into tests that can run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// They read.
    Read,
    /// They make something, or ask for something to be done.
    Do,
    /// They change or delete.
    Change,
}

impl Operation {
    /// What it does.
    pub fn deed(&self) -> Deed {
        match self.method {
            Method::GET => Deed::Read,
            Method::POST => Deed::Do,
            _ => Deed::Change,
        }
    }
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Its body, which may be neither JSON nor UTF-8.
    pub body: Option<Bytes>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// Texts that tend to surprise.
const NASTY: [&str; 16] = [
    "",
    " ",
    "\u{0}",
    "a\u{202e}b",
    "../../etc/passwd",
    "/absolute",
    "C:\\x",
    "🐧🐧🐧",
    "null",
    "%00",
    "ten_00000000000000000000000000",
    "'; DROP TABLE x; --",
    "{{7*7}}",
    "\u{feff}x",
    "مرحبا",
    "rk_01h455vb4pex5vsknk084sn02q_x",
];

/// The operations of a document.
pub fn operations(api: &Value) -> Vec<Operation> {
    let paths = api["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().filter_map(move |(method, description)| {
                let method = method.to_uppercase().parse().ok()?;
                Some(Operation { method, path: path.clone(), description: description.clone() })
            })
        })
        .collect()
}

/// What an operation takes as its body, whatever kind of JSON it is; `null` for none.
pub fn body_schema(operation: &Operation) -> &Value {
    let content = &operation.description["requestBody"]["content"];
    match &content["application/json"]["schema"] {
        Value::Null => &content["application/scim+json"]["schema"],
        schema => schema,
    }
}

/// A request to an operation. `known` are ids that exist, by the name of their placeholder.
pub fn shot(api: &Value, operation: &Operation, known: &Map<String, Value>, dice: &mut Dice) -> Shot {
    let mut path = operation.path.clone();
    let mut query = Vec::new();
    let mut headers = Vec::new();
    for parameter in operation.description["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let value = text_of(&value(api, &parameter["schema"], dice, 0));
        match parameter["in"].as_str() {
            Some("path") => {
                let existing = known.get(name).and_then(Value::as_str).map(str::to_owned);
                let filled = existing.filter(|_| !dice.one_in(8)).unwrap_or(value);
                // Bytes that no UTF-8 text has.
                let escaped = if dice.one_in(24) { "%FF%C0".to_owned() } else { escape(&filled) };
                path = path.replace(&format!("{{{name}}}"), &escaped);
            }
            Some("query") if !dice.one_in(3) => query.push(format!("{}={}", escape(name), escape(&value))),
            Some("header") if dice.one_in(3) => {
                let visible: String = value.chars().filter(char::is_ascii_graphic).collect();
                headers.push((name.to_lowercase(), visible));
            }
            _ => {}
        }
    }
    if dice.one_in(6) {
        query.push(format!("{}={}", escape(dice.nasty()), escape(dice.nasty())));
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    if dice.one_in(5) {
        headers.push(("idempotency-key".to_owned(), format!("k{}", dice.roll() % 4)));
    }
    let schema = body_schema(operation);
    let body = (!schema.is_null()).then(|| {
        let mut body = value(api, schema, dice, 0);
        name_known(&mut body, &operation.path, known, dice);
        let mut bytes = body.to_string().into_bytes();
        if dice.one_in(12) {
            bytes.truncate(bytes.len() / 2 + 1);
        }
        if dice.one_in(16) {
            bytes.insert(bytes.len() / 2, 0xff);
        }
        Bytes::from(bytes)
    });
    Shot { method: operation.method.clone(), path, body, headers }
}

/// Puts ids that exist where a body names something, most of the time.
fn name_known(body: &mut Value, path: &str, known: &Map<String, Value>, dice: &mut Dice) {
    // What may stand below its like is moved below it, or made there.
    let like = ["division", "project", "group"].into_iter().find(|kind| path.contains(&format!("/{kind}s")));
    for (name, field) in body.as_object_mut().into_iter().flatten() {
        let kind = match name.as_str() {
            "to" => "release",
            "parent_id" => like.unwrap_or("parent"),
            name => name.trim_end_matches("_id"),
        };
        if let Some(id) = known.get(kind)
            && !dice.one_in(4)
        {
            *field = id.clone();
        }
    }
}

fn value(api: &Value, schema: &Value, dice: &mut Dice, depth: usize) -> Value {
    if dice.one_in(14) {
        return dice
            .pick(&[
                json!(null),
                json!(-1),
                json!(1.5),
                json!(u64::MAX),
                json!([]),
                json!({}),
                json!(true),
                json!("x".repeat(5000)),
                json!([[[[[]]]]]),
            ])
            .clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return value(api, &api["components"]["schemas"][name], dice, depth + 1);
    }
    for combination in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[combination].as_array() {
            let part = dice.pick(parts).clone();
            return value(api, &part, dice, depth + 1);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return dice.pick(values).clone();
    }
    if schema["properties"].is_object() {
        return object(api, schema, dice, depth);
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => dice.pick(kinds).as_str().unwrap_or("null").to_owned(),
        _ => "object".to_owned(),
    };
    match kind.as_str() {
        "null" => Value::Null,
        "boolean" => json!(dice.one_in(2)),
        "integer" => json!(*dice.pick(&[0_u64, 1, 2, 25, 100, 2500, 10_000, 10_001, 5_368_709_121])),
        "number" => json!(0.5),
        "array" if depth < 6 => {
            let many = dice.roll() % 4;
            (0..many).map(|_| value(api, &schema["items"], dice, depth + 1)).collect()
        }
        "array" => json!([]),
        "string" => json!(text(schema, dice)),
        _ => json!({"colour": "red", "nested": {"depth": [1, 2, {"x": null}]}}),
    }
}

fn object(api: &Value, schema: &Value, dice: &mut Dice, depth: usize) -> Value {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields = Map::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let wanted = if required.contains(&name.as_str()) { !dice.one_in(15) } else { dice.one_in(2) };
        if wanted {
            fields.insert(name.clone(), value(api, field, dice, depth + 1));
        }
    }
    if dice.one_in(10) {
        fields.insert(dice.nasty().to_owned(), json!(1));
    }
    Value::Object(fields)
}

/// A text that may fit: many patterns are those of ids, so that a plausible one of the right kind is made.
fn text(schema: &Value, dice: &mut Dice) -> String {
    if dice.one_in(5) {
        return dice.nasty().to_owned();
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    if let Some(prefix) = pattern.strip_prefix('^').and_then(|rest| rest.split('_').next())
        && pattern.contains("{25}")
    {
        return format!("{prefix}_01h455vb4pex5vsknk084sn{:03}", dice.roll() % 1000);
    }
    if pattern.contains("{64}") {
        return format!("{:016x}", dice.roll()).repeat(4);
    }
    let number = dice.roll() % 10_000;
    (*dice.pick(&[
        format!("name-{number}"),
        format!("a{number}@example.com"),
        format!("1.{}.0", number % 20),
        "index.html".to_owned(),
        "assets/app.js".to_owned(),
        "2026-11-21T09:00:00Z".to_owned(),
        "important".to_owned(),
        "installed".to_owned(),
        "production".to_owned(),
        "web".to_owned(),
        "app.read".to_owned(),
    ]))
    .clone()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
