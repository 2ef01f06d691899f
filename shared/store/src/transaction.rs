//! One write: the new state, the guards of uniqueness, and the event that says what happened.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use rookery_domain::event::Event;
use rookery_domain::hash::Sha256;
use rookery_domain::quota::{Holder, Quota};

use crate::record::{Item, Record, key_attributes, to_item};
use crate::{Key, StoreError, TenantScope, history};

/// What it means that a condition of a write does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Something with this property exists already.
    Taken(&'static str),
    /// The item was changed since it was read.
    Stale,
    /// Something else that the decision rests on was changed since it was read: deciding again may lead to the same end.
    Overtaken,
    /// Something that the write rests on does not exist, or no more.
    Gone(&'static str),
    /// Something still has children.
    NotEmpty(&'static str),
    /// The effect took place before: a message that came twice, a request that was sent twice.
    Repeated,
    /// There may not be so much more of something.
    Exceeded(Holder, Quota),
    /// DynamoDB found the items in use by other writes, several times in a row.
    Busy,
}

/// The writes of one transaction, each with what it means if its condition fails. Names no table: that is added at commit.
#[derive(Debug, Default)]
pub struct Transaction {
    pub(crate) writes: Vec<Write>,
}

#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) action: WriteAction,
    pub(crate) refusal: Refusal,
}

#[derive(Debug, Clone)]
pub(crate) enum WriteAction {
    Put {
        item: Item,
        condition: Option<&'static str>,
        values: Item,
    },
    Delete {
        key: Item,
        condition: Option<&'static str>,
        values: Item,
    },
    Check {
        key: Item,
        condition: &'static str,
    },
    Update {
        key: Item,
        expression: &'static str,
        condition: Option<&'static str>,
        values: Item,
    },
    Add {
        key: Item,
        amounts: Vec<(String, i64)>,
        texts: Vec<(&'static str, String)>,
        condition: Option<&'static str>,
        values: Item,
    },
}

const ABSENT: &str = "attribute_not_exists(pk)";
const PRESENT: &str = "attribute_exists(pk)";
const UNCHANGED: &str = "#version = :expected";
const COUNTED: &str = "#count = :expected";
/// Longest value that a guard holds as it is, in bytes.
const LONGEST_GUARDED: usize = 900;
const ABSENT_OR_OVER: &str = "attribute_not_exists(pk) OR #ttl < :now";

impl Transaction {
    /// A transaction that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes an item that must not exist; `refusal` says what it means if it does.
    pub fn create<R: Record>(&mut self, key: &Key, record: &R, refusal: Refusal) -> Result<(), StoreError> {
        let item = to_item(key, record)?;
        self.push(WriteAction::Put { item, condition: Some(ABSENT), values: Item::new() }, refusal);
        Ok(())
    }

    /// As [`Transaction::create`], but an item whose time is over counts as absent: DynamoDB deletes it some time later.
    pub fn create_or_renew<R: Record>(
        &mut self,
        key: &Key,
        record: &R,
        now: Timestamp,
        refusal: Refusal,
    ) -> Result<(), StoreError> {
        let item = to_item(key, record)?;
        let values = Item::from([(":now".into(), AttributeValue::N(now.as_second().to_string()))]);
        self.push(WriteAction::Put { item, condition: Some(ABSENT_OR_OVER), values }, refusal);
        Ok(())
    }

    /// Replaces an item that must still have the version that was read.
    pub fn replace<R: Record>(&mut self, key: &Key, record: &R, expected: u64) -> Result<(), StoreError> {
        let item = to_item(key, record)?;
        self.push(
            WriteAction::Put { item, condition: Some(UNCHANGED), values: expected_version(expected) },
            Refusal::Stale,
        );
        Ok(())
    }

    /// As [`Transaction::replace`], for an item that follows from the one that the caller changes: when only this one was
    /// changed by others meanwhile, the caller may decide again.
    pub fn follow<R: Record>(&mut self, key: &Key, record: &R, expected: u64) -> Result<(), StoreError> {
        self.replace(key, record, expected)?;
        if let Some(write) = self.writes.last_mut() {
            write.refusal = Refusal::Overtaken;
        }
        Ok(())
    }

    /// Writes an item whatever was there. For copies that follow from an item of the same transaction.
    pub fn put<R: Record>(&mut self, key: &Key, record: &R) -> Result<(), StoreError> {
        let item = to_item(key, record)?;
        self.push(WriteAction::Put { item, condition: None, values: Item::new() }, Refusal::Busy);
        Ok(())
    }

    /// Deletes an item that must still have the version that was read.
    pub fn delete(&mut self, key: &Key, expected: u64) {
        self.push(
            WriteAction::Delete {
                key: key_attributes(key),
                condition: Some(UNCHANGED),
                values: expected_version(expected),
            },
            Refusal::Stale,
        );
    }

    /// Deletes an item if it exists.
    pub fn remove(&mut self, key: &Key) {
        let key = key_attributes(key);
        self.push(WriteAction::Delete { key, condition: None, values: Item::new() }, Refusal::Busy);
    }

    /// Changes attributes of an item by an update expression, under a condition; `refusal` says what it means if it does not
    /// hold. Other writers of the same item do not need to have read the same version.
    pub(crate) fn update<const N: usize>(
        &mut self,
        key: &Key,
        expression: &'static str,
        condition: Option<&'static str>,
        values: [(&str, AttributeValue); N],
        refusal: Refusal,
    ) {
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        self.push(WriteAction::Update { key: key_attributes(key), expression, condition, values }, refusal);
    }

    /// Deletes an item for which a condition holds; `refusal` says what it means if it does not.
    pub(crate) fn delete_if<const N: usize>(
        &mut self,
        key: &Key,
        condition: &'static str,
        values: [(&str, AttributeValue); N],
        refusal: Refusal,
    ) {
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        let key = key_attributes(key);
        self.push(WriteAction::Delete { key, condition: Some(condition), values }, refusal);
    }

    /// Demands that an item exists when the transaction commits.
    pub fn require(&mut self, key: &Key, what: &'static str) {
        self.push(WriteAction::Check { key: key_attributes(key), condition: PRESENT }, Refusal::Gone(what));
    }

    /// Adds to number attributes, making item and attributes where they are missing.
    pub fn add(&mut self, key: &Key, amounts: Vec<(String, i64)>) {
        let key = key_attributes(key);
        self.push(
            WriteAction::Add { key, amounts, texts: Vec::new(), condition: None, values: Item::new() },
            Refusal::Busy,
        );
    }

    /// As [`Transaction::add`] to one attribute, `count`, and notes texts beside it that say what is counted.
    pub fn count(&mut self, key: &Key, amount: i64, texts: Vec<(&'static str, String)>) {
        let key = key_attributes(key);
        let amounts = vec![("count".to_owned(), amount)];
        self.push(
            WriteAction::Add { key, amounts, texts, condition: None, values: Item::new() },
            Refusal::Busy,
        );
    }

    /// Sets the attribute `count` of a counter that must still stand at what was read; without a value the counter goes.
    pub fn recount(&mut self, key: &Key, before: Option<u64>, after: Option<u64>) {
        let key = key_attributes(key);
        let (condition, values) = match before {
            Some(before) => (COUNTED, expected_version(before)),
            None => (ABSENT, Item::new()),
        };
        let condition = Some(condition);
        let action = match after {
            Some(after) => {
                let difference = i128::from(after) - i128::from(before.unwrap_or(0));
                let amount = i64::try_from(difference).unwrap_or(i64::MAX);
                let amounts = vec![("count".to_owned(), amount)];
                WriteAction::Add { key, amounts, texts: Vec::new(), condition, values }
            }
            None => WriteAction::Delete { key, condition, values },
        };
        self.push(action, Refusal::Stale);
    }

    /// Takes a value that must be unique among its siblings: a name within a parent, say.
    pub fn claim(&mut self, guard: &Key, what: &'static str) {
        let mut item = key_attributes(guard);
        item.insert("kind".into(), AttributeValue::S("guard".into()));
        self.push(
            WriteAction::Put { item, condition: Some(ABSENT), values: Item::new() },
            Refusal::Taken(what),
        );
    }

    /// Records what the transaction makes happen.
    pub fn event(&mut self, scope: &TenantScope, event: &Event) -> Result<(), StoreError> {
        self.create(&history::key(scope, event), &history::EventRecord::from_event(event)?, Refusal::Stale)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub(crate) fn push(&mut self, action: WriteAction, refusal: Refusal) {
        self.writes.push(Write { action, refusal });
    }

    pub(crate) fn requests(&self, table: &str) -> Result<Vec<TransactWriteItem>, StoreError> {
        self.writes.iter().map(|write| write.action.request(table)).collect()
    }
}

/// The guard of a value that is unique within a parent. A value that would not fit into a sort key, of which DynamoDB takes 1024
/// bytes, is represented by its digest: a name for people may grow to many times its length when it is normalised.
pub fn unique(scope: &TenantScope, kind: &str, parent: &str, value: &str) -> Key {
    let guards = scope.partition(&["unique"]);
    if value.len() <= LONGEST_GUARDED {
        guards.item(format_args!("{kind}#{parent}#{value}"))
    } else {
        // No value has a control character, so that none is taken for a digest.
        guards.item(format_args!("{kind}#{parent}#\u{1}{}", Sha256::of(value.as_bytes())))
    }
}

fn expected_version(expected: u64) -> Item {
    Item::from([(":expected".into(), AttributeValue::N(expected.to_string()))])
}

impl WriteAction {
    fn request(&self, table: &str) -> Result<TransactWriteItem, StoreError> {
        let malformed = |source| StoreError::corrupt("transaction", source);
        // DynamoDB refuses an empty map of values and a name that no expression uses.
        let given = |values: &Item| (!values.is_empty()).then(|| values.clone());
        // Names that DynamoDB reserves stand in expressions with a mark before them.
        let names = |condition: Option<&str>| {
            let name = ["version", "ttl", "count", "state"]
                .into_iter()
                .find(|name| condition.is_some_and(|text| text.contains(&format!("#{name} "))))?;
            Some(HashMap::from([(format!("#{name}"), name.to_owned())]))
        };
        let item = TransactWriteItem::builder();
        Ok(match self {
            Self::Put { item: attributes, condition, values } => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(attributes.clone()))
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names(*condition))
                    .set_expression_attribute_values(given(values))
                    .build()
                    .map_err(malformed)?,
            ),
            Self::Delete { key, condition, values } => item.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(key.clone()))
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names(*condition))
                    .set_expression_attribute_values(given(values))
                    .build()
                    .map_err(malformed)?,
            ),
            Self::Check { key, condition } => item.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key.clone()))
                    .condition_expression(*condition)
                    .build()
                    .map_err(malformed)?,
            ),
            Self::Update { key, expression, condition, values } => item.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(key.clone()))
                    .update_expression(*expression)
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names(Some(expression)).or_else(|| names(*condition)))
                    .set_expression_attribute_values(given(values))
                    .build()
                    .map_err(malformed)?,
            ),
            Self::Add { key, amounts, texts, condition, values } => {
                let mut update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key.clone()))
                    .set_condition_expression(condition.map(str::to_owned));
                let mut terms = Vec::with_capacity(amounts.len());
                for (at, (name, amount)) in amounts.iter().enumerate() {
                    terms.push(format!("#n{at} :a{at}"));
                    update = update
                        .expression_attribute_names(format!("#n{at}"), name)
                        .expression_attribute_values(
                            format!(":a{at}"),
                            AttributeValue::N(amount.to_string()),
                        );
                }
                let mut expression = format!("ADD {}", terms.join(", "));
                let mut labels = Vec::with_capacity(texts.len());
                for (at, (name, text)) in texts.iter().enumerate() {
                    labels.push(format!("#t{at} = :t{at}"));
                    update = update
                        .expression_attribute_names(format!("#t{at}"), *name)
                        .expression_attribute_values(format!(":t{at}"), AttributeValue::S(text.clone()));
                }
                if !labels.is_empty() {
                    expression = format!("{expression} SET {}", labels.join(", "));
                }
                for (placeholder, name) in names(*condition).into_iter().flatten() {
                    update = update.expression_attribute_names(placeholder, name);
                }
                for (name, value) in values {
                    update = update.expression_attribute_values(name, value.clone());
                }
                item.update(update.update_expression(expression).build().map_err(malformed)?)
            }
        }
        .build())
    }
}
