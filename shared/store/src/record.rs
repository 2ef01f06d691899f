//! What is stored: items with their key, their kind and the version of their schema.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Key, StoreError};

/// An item's attributes.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The stored form of something. Not the domain's type and not the wire's: it changes only with a migration.
pub trait Record: Serialize + DeserializeOwned {
    /// The value of the attribute `kind`.
    const KIND: &'static str;
    /// The version of the stored form, attribute `schema`.
    const SCHEMA: u32 = 1;

    /// Brings an item of an earlier form to the present one, before it is read. The attributes are those of the item.
    fn upgrade(_item: &mut HashMap<String, AttributeValue>, _from: u32) {}
}

pub(crate) fn to_item<R: Record>(key: &Key, record: &R) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(record).map_err(|source| StoreError::corrupt(R::KIND, source))?;
    item.extend(key_attributes(key));
    item.insert("kind".into(), AttributeValue::S(R::KIND.into()));
    item.insert("schema".into(), AttributeValue::N(R::SCHEMA.to_string()));
    Ok(item)
}

/// Reads an item, whatever earlier form it has. One of a later form is refused: a function of this release does not know what it
/// would lose by writing it again.
pub(crate) fn from_item<R: Record>(mut item: Item) -> Result<R, StoreError> {
    let schema = match item.get("schema") {
        Some(AttributeValue::N(number)) => number.parse().unwrap_or(R::SCHEMA),
        // Counters and guards carry none.
        _ => R::SCHEMA,
    };
    if schema > R::SCHEMA {
        return Err(StoreError::corrupt(
            R::KIND,
            format!("it has form {schema}, this release knows {}", R::SCHEMA),
        ));
    }
    if schema < R::SCHEMA {
        R::upgrade(&mut item, schema);
    }
    serde_dynamo::from_item(item).map_err(|source| StoreError::corrupt(R::KIND, source))
}

pub(crate) fn key_attributes(key: &Key) -> Item {
    HashMap::from([
        ("pk".into(), AttributeValue::S(key.partition().into())),
        ("sk".into(), AttributeValue::S(key.sort().into())),
    ])
}

/// An item of which only the existence matters.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(crate) struct Marker {}

impl Record for Marker {
    const KIND: &'static str = "guard";
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Serialize, Deserialize)]
    struct Person {
        name: String,
    }

    impl Record for Person {
        const KIND: &'static str = "person";
        const SCHEMA: u32 = 2;

        fn upgrade(item: &mut HashMap<String, AttributeValue>, from: u32) {
            if from < 2
                && let Some(name) = item.remove("called")
            {
                item.insert("name".into(), name);
            }
        }
    }

    fn stored(schema: &str, attribute: &str) -> Item {
        HashMap::from([
            ("schema".to_owned(), AttributeValue::N(schema.into())),
            (attribute.to_owned(), AttributeValue::S("Ada".into())),
        ])
    }

    #[test]
    fn an_earlier_form_is_upgraded_and_a_later_one_refused() {
        assert_eq!(from_item::<Person>(stored("1", "called")).unwrap().name, "Ada");
        assert_eq!(from_item::<Person>(stored("2", "name")).unwrap().name, "Ada");
        assert!(from_item::<Person>(stored("2", "called")).is_err());
        assert!(from_item::<Person>(stored("3", "name")).is_err());
    }
}
