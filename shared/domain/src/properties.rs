//! JSON objects that customers attach to packages and releases, and that the platform carries to devices unread.

use std::borrow::Cow;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef};
use serde_json::Value as Json;

use utoipa::openapi::schema::{AdditionalProperties, Schema, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};

use crate::fault::{Faults, JsonObject, pointer};

/// Largest metadata of a package, in bytes of JSON without white space.
pub const METADATA_BYTES: usize = 16 * 1024;

/// Largest configuration of a release, in bytes of JSON without white space. A serving item holds the configuration of
/// every live release of a channel, and an item of the table holds 400 KB.
pub const CONFIG_BYTES: usize = 4 * 1024;

/// How deep objects and arrays may nest, the outermost object counted. The table's limit is 32.
pub const DEPTH: usize = 16;

/// Largest magnitude of a number: 2^53 − 1, up to which every JSON reader keeps integers exactly (RFC 7493, section 2.2).
/// The manifest's canonical form writes numbers as doubles (RFC 8785, section 3.2.2.3), so a larger one would change
/// silently.
pub const LARGEST_NUMBER: f64 = 9_007_199_254_740_991.0;

/// What a package says of itself.
pub type Metadata = Properties<METADATA_BYTES>;

/// What a release tells the app.
pub type Config = Properties<CONFIG_BYTES>;

/// A JSON object of at most `BYTES`, [`DEPTH`] and [`LARGEST_NUMBER`].
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "JsonObject", into = "JsonObject")]
pub struct Properties<const BYTES: usize>(JsonObject);

impl<const BYTES: usize> Properties<BYTES> {
    /// Accepts an object within the limits; otherwise names every fault, with pointers relative to the object.
    pub fn new(object: JsonObject) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        check(&object, BYTES, ValuePointerRef::Origin, &mut |at, detail| faults.push(pointer(at), detail));
        faults.into_result()?;
        Ok(Self(object))
    }

    /// The object.
    pub fn as_object(&self) -> &JsonObject {
        &self.0
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }
}

type Report<'a> = dyn FnMut(ValuePointerRef<'_>, String) + 'a;

fn check(object: &JsonObject, limit_bytes: usize, at: ValuePointerRef<'_>, report: &mut Report<'_>) {
    if object.encoded_length() > limit_bytes {
        report(at, format!("is longer than {limit_bytes} bytes of JSON"));
    }
    for (key, value) in &object.0 {
        check_value(value, at.push_key(key), 1, report);
    }
}

/// `depth` is the number of objects and arrays around the value.
fn check_value(value: &Json, at: ValuePointerRef<'_>, depth: usize, report: &mut Report<'_>) {
    match value {
        Json::Number(number) => {
            if number.as_f64().is_none_or(|number| number.abs() > LARGEST_NUMBER) {
                report(
                    at,
                    "is beyond 2^53 - 1, where readers of JSON round; write it as a string".to_owned(),
                );
            }
        }
        Json::Array(_) | Json::Object(_) if depth == DEPTH => {
            report(at, format!("nests deeper than {DEPTH} levels"));
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item, at.push_index(index), depth + 1, report);
            }
        }
        Json::Object(members) => {
            for (key, value) in members {
                check_value(value, at.push_key(key), depth + 1, report);
            }
        }
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}

impl<const BYTES: usize> TryFrom<JsonObject> for Properties<BYTES> {
    type Error = Faults;

    fn try_from(object: JsonObject) -> Result<Self, Faults> {
        Self::new(object)
    }
}

impl<const BYTES: usize> From<Properties<BYTES>> for JsonObject {
    fn from(properties: Properties<BYTES>) -> Self {
        properties.0
    }
}

impl<const BYTES: usize, E: DeserializeError> Deserr<E> for Properties<BYTES> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let object = JsonObject::deserialize_from_value(value, location)?;
        let mut error = None;
        check(&object, BYTES, location, &mut |at, detail| {
            let more = E::error::<V>(error.take(), ErrorKind::Unexpected { msg: detail }, at);
            error = Some(deserr::take_cf_content(more));
        });
        error.map_or(Ok(Self(object)), Err)
    }
}

impl<const BYTES: usize> utoipa::PartialSchema for Properties<BYTES> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .description(Some(format!("Any JSON object of at most {BYTES} bytes without white space.")))
            .into()
    }
}

impl<const BYTES: usize> utoipa::ToSchema for Properties<BYTES> {
    fn name() -> Cow<'static, str> {
        match BYTES {
            METADATA_BYTES => Cow::Borrowed("Metadata"),
            CONFIG_BYTES => Cow::Borrowed("Config"),
            other => Cow::Owned(format!("Properties{other}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Small = Properties<64>;

    fn faults(value: Json) -> Vec<String> {
        let error = deserr::deserialize::<Small, _, Faults>(value).unwrap_err();
        error.0.into_iter().map(|fault| fault.pointer).collect()
    }

    fn nested(levels: usize) -> Json {
        (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
    }

    #[test]
    fn limits_are_exact() {
        assert!(deserr::deserialize::<Small, _, Faults>(json!({"a": "x".repeat(56)})).is_ok());
        assert_eq!(faults(json!({"a": "x".repeat(57)})), [""]);
        assert!(deserr::deserialize::<Metadata, _, Faults>(nested(DEPTH)).is_ok());
        let deep = deserr::deserialize::<Metadata, _, Faults>(nested(DEPTH + 1)).unwrap_err();
        assert_eq!(deep.0[0].pointer, "/a".repeat(DEPTH));
        assert!(deserr::deserialize::<Small, _, Faults>(json!({"n": 9_007_199_254_740_991_u64})).is_ok());
    }

    #[test]
    fn every_fault_has_its_place() {
        let places = faults(json!({"a": [1, 1_u64 << 53], "b/c": {"d": -1e16}}));
        assert_eq!(places, ["/a/1", "/b~1c/d"]);
        assert_eq!(faults(json!([])), [""]);
        assert!(serde_json::from_value::<Small>(json!({"n": u64::MAX})).is_err());
    }
}
