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
}

pub(crate) fn to_item<R: Record>(key: &Key, record: &R) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(record).map_err(|source| StoreError::corrupt(R::KIND, source))?;
    item.extend(key_attributes(key));
    item.insert("kind".into(), AttributeValue::S(R::KIND.into()));
    item.insert("schema".into(), AttributeValue::N(R::SCHEMA.to_string()));
    Ok(item)
}

pub(crate) fn from_item<R: Record>(item: Item) -> Result<R, StoreError> {
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
