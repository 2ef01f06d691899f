//! What is wrong with an input: every fault with a pointer to its place, not only the first.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::str::FromStr;

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind, ValuePointerRef,
};

use crate::text::ParseError;

/// One fault: where, as a JSON pointer (RFC 6901), and what.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// Where in the body, such as `/files/3/path`; the empty string is the whole body. Query parameters are `?name`.
    pub pointer: String,
    /// What is wrong there, in a sentence without its subject.
    pub detail: String,
}

/// All faults of one input, in the order in which they were met. Never empty when it stands for an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("the input has {} faults", .0.len())]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A single fault.
    pub fn one(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.push(pointer, detail);
        faults
    }

    /// Notes a further fault.
    pub fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.into(), detail: detail.into() });
    }

    /// `Ok` when nothing was noted.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// Writes a place as a JSON pointer.
pub fn pointer(location: ValuePointerRef<'_>) -> String {
    fn write(location: ValuePointerRef<'_>, out: &mut String) {
        match location {
            ValuePointerRef::Origin => {}
            ValuePointerRef::Key { key, prev } => {
                write(*prev, out);
                out.push('/');
                out.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            ValuePointerRef::Index { index, prev } => {
                write(*prev, out);
                let _ = write!(out, "/{index}");
            }
        }
    }
    let mut out = String::new();
    write(location, &mut out);
    out
}

impl MergeWithError<Self> for Faults {
    fn merge(self_: Option<Self>, other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut faults = self_.unwrap_or_default();
        faults.0.extend(other.0);
        ControlFlow::Continue(faults)
    }
}

impl MergeWithError<ParseError> for Faults {
    fn merge(self_: Option<Self>, other: ParseError, at: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut faults = self_.unwrap_or_default();
        faults.push(pointer(at), other.to_string());
        ControlFlow::Continue(faults)
    }
}

impl MergeWithError<Infallible> for Faults {
    fn merge(_: Option<Self>, other: Infallible, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        match other {}
    }
}

impl DeserializeError for Faults {
    fn error<V: IntoValue>(
        self_: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let mut faults = self_.unwrap_or_default();
        let at = pointer(location);
        match error {
            ErrorKind::IncorrectValueKind { actual, accepted } => {
                faults.push(at, format!("is {}, not {}", kind_name(actual.kind()), kind_names(accepted)));
            }
            ErrorKind::MissingField { field } => faults.push(format!("{at}/{field}"), "is missing"),
            ErrorKind::UnknownKey { key, accepted } => {
                let key = key.replace('~', "~0").replace('/', "~1");
                faults.push(
                    format!("{at}/{key}"),
                    format!("is not a known field; known are {}", accepted.join(", ")),
                );
            }
            ErrorKind::UnknownValue { accepted, .. } => {
                faults.push(at, format!("is not one of {}", accepted.join(", ")));
            }
            ErrorKind::BadSequenceLen { expected, .. } => {
                faults.push(at, format!("does not have {expected} items"));
            }
            ErrorKind::Unexpected { msg } => faults.push(at, msg),
        }
        ControlFlow::Continue(faults)
    }
}

fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Boolean => "a boolean",
        ValueKind::Integer => "an integer",
        ValueKind::NegativeInteger => "a negative integer",
        ValueKind::Float => "a fraction",
        ValueKind::String => "a string",
        ValueKind::Sequence => "an array",
        ValueKind::Map => "an object",
    }
}

fn kind_names(kinds: &[ValueKind]) -> String {
    kinds.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>().join(" or ")
}

/// Reads a string value into a type that parses itself.
pub fn parse_text<T, V, E>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<T, E>
where
    T: FromStr<Err = ParseError>,
    V: IntoValue,
    E: DeserializeError,
{
    let unexpected = |error: ErrorKind<'_, V>| Err(deserr::take_cf_content(E::error(None, error, location)));
    match value {
        Value::String(text) => match text.parse() {
            Ok(parsed) => Ok(parsed),
            Err(fault) => unexpected(ErrorKind::Unexpected { msg: fault.to_string() }),
        },
        actual => unexpected(ErrorKind::IncorrectValueKind { actual, accepted: &[ValueKind::String] }),
    }
}

/// A field of a PATCH: absent keeps the value, `null` clears it (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was absent.
    #[default]
    Keep,
    /// The field was `null`.
    Clear,
    /// The field had a value.
    Set(T),
}

impl<T> Patch<T> {
    /// The value after the patch.
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The new value of something that cannot be empty, if there is one; `null` is a fault.
    pub fn required(self, pointer: &str, faults: &mut Faults) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Clear => {
                faults.push(pointer, "is null, and cannot be empty");
                None
            }
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Deserr<E>, E: DeserializeError> Deserr<E> for Patch<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match value {
            Value::Null => Ok(Self::Clear),
            value => T::deserialize_from_value(value, location).map(Self::Set),
        }
    }
}

/// A JSON object that the platform carries and does not look into.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct JsonObject(pub serde_json::Map<String, serde_json::Value>);

impl JsonObject {
    /// Length of the object written without white space, in bytes.
    pub fn encoded_length(&self) -> usize {
        serde_json::to_vec(&self.0).map_or(usize::MAX, |bytes| bytes.len())
    }
}

impl<E: DeserializeError> Deserr<E> for JsonObject {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match value {
            Value::Map(_) => match serde_json::Value::deserialize_from_value(value, location)? {
                serde_json::Value::Object(map) => Ok(Self(map)),
                _ => Ok(Self::default()),
            },
            actual => Err(deserr::take_cf_content(E::error(
                None,
                ErrorKind::IncorrectValueKind { actual, accepted: &[ValueKind::Map] },
                location,
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Name, Slug};
    use serde_json::json;

    #[derive(Debug, Deserr)]
    #[deserr(error = Faults, deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "read for its faults only")]
        name: Name,
        #[expect(dead_code, reason = "read for its faults only")]
        slugs: Vec<Slug>,
        #[deserr(default)]
        note: Patch<Name>,
    }

    fn faults(body: serde_json::Value) -> Vec<(String, String)> {
        let error = deserr::deserialize::<Body, _, Faults>(body).unwrap_err();
        error.0.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
    }

    #[test]
    fn every_fault_is_named_at_its_place() {
        let found = faults(json!({"name": 7, "slugs": ["good", "Bad", null], "a/b~c": 1}));
        let places: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(places, ["/name", "/slugs/1", "/slugs/2", "/a~1b~0c"]);
        assert_eq!(faults(json!({})).len(), 2);
        assert_eq!(faults(json!([]))[0].0, "");
    }

    #[test]
    fn a_patch_tells_absent_from_null() {
        let read = |note: serde_json::Value| {
            let mut body = json!({"name": "a", "slugs": []});
            if let Some(fields) = note.as_object() {
                body.as_object_mut().unwrap().extend(fields.clone());
            }
            deserr::deserialize::<Body, _, Faults>(body).unwrap().note
        };
        assert_eq!(read(json!({})), Patch::Keep);
        assert_eq!(read(json!({"note": null})), Patch::Clear);
        assert_eq!(read(json!({"note": "x"})), Patch::Set("x".parse().unwrap()));
    }
}
