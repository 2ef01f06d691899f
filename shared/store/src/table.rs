//! Reading from the table, and committing transactions to it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::record::{Item, Record, from_item, key_attributes, to_item};
use crate::{Key, Partition, Refusal, StoreError, Transaction};

/// How often a commit is tried again that met other writes on the same items.
const CONFLICT_RETRIES: u32 = 5;

/// Most keys of one `BatchGetItem`.
const BATCH: usize = 100;

/// How many items are read at once to fill a filtered page, and how many times that is done for one page.
const READ_AT_ONCE: u32 = 400;
const READS_PER_PAGE: usize = 5;

/// The single table.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// Which part of a collection to list.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// How many at the most.
    pub limit: u32,
    /// Behind which sort key to go on.
    pub after: Option<String>,
    /// Whether to begin with the smallest key. Collections are listed newest first, which is the largest.
    pub oldest_first: bool,
    /// Only sort keys between these two, both included.
    pub between: Option<(String, String)>,
    /// Only items that this holds for.
    pub filter: Option<Filter>,
}

/// A condition on items that DynamoDB evaluates after reading them; a page may therefore hold fewer than its limit.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Attributes that must equal a text.
    pub equal: Vec<(&'static str, String)>,
}

/// A part of a collection.
#[derive(Debug, Clone)]
pub struct Listed<R> {
    /// The items.
    pub items: Vec<R>,
    /// Behind which sort key the next part begins, if there may be one.
    pub next: Option<String>,
}

impl<R> Listed<R> {
    /// A part of what was read as a whole, because there is little of it by a rule of the domain: sorted as `slice` asks, by `key`, behind
    /// which the next part begins.
    pub fn part_of(mut all: Vec<R>, slice: &Slice, key: impl Fn(&R) -> String) -> Self {
        if let Some(after) = &slice.after {
            all.retain(|item| if slice.oldest_first { key(item) > *after } else { key(item) < *after });
        }
        let limit = usize::try_from(slice.limit).unwrap_or(usize::MAX);
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more).map(&key);
        Self { items: all, next }
    }
}

impl Table {
    /// The table of this name.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    pub(crate) fn client(&self) -> (&Client, &str) {
        (&self.client, &self.name)
    }

    /// Reads an item, as of the last write.
    pub async fn get<R: Record>(&self, key: &Key) -> Result<Option<R>, StoreError> {
        self.read(key, true).await
    }

    /// Reads an item for half the price, perhaps not yet with what was written a moment ago.
    pub async fn glance<R: Record>(&self, key: &Key) -> Result<Option<R>, StoreError> {
        self.read(key, false).await
    }

    async fn read<R: Record>(&self, key: &Key, consistent: bool) -> Result<Option<R>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|source| StoreError::failed("GetItem", source))?;
        answer.item.map(from_item).transpose()
    }

    /// Reads many items, in no order; those that do not exist are missing from the answer.
    pub async fn get_many<R: Record>(&self, keys: &[Key]) -> Result<Vec<R>, StoreError> {
        Ok(self.get_keyed(keys).await?.into_iter().map(|(_, record)| record).collect())
    }

    /// As [`Table::get_many`], each with its sort key.
    pub async fn get_keyed<R: Record>(&self, keys: &[Key]) -> Result<Vec<(String, R)>, StoreError> {
        let items = self.get_items(keys).await?.into_iter().map(|item| {
            let sort =
                sort_key(&item).ok_or_else(|| StoreError::corrupt(R::KIND, "an item has no sort key"))?;
            Ok((sort, from_item(item)?))
        });
        items.collect()
    }

    /// Reads two items of different kinds in one request, as of the last write.
    pub async fn get_both<A: Record, B: Record>(
        &self,
        one: &Key,
        other: &Key,
    ) -> Result<(Option<A>, Option<B>), StoreError> {
        let mut items = self.get_items(&[one.clone(), other.clone()]).await?;
        let mut take = |key: &Key| {
            let wanted = key_attributes(key);
            let is_it = |item: &Item| wanted.iter().all(|(name, value)| item.get(name) == Some(value));
            Some(items.swap_remove(items.iter().position(is_it)?))
        };
        let (one, other) = (take(one), take(other));
        Ok((one.map(from_item).transpose()?, other.map(from_item).transpose()?))
    }

    async fn get_items(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH) {
            let mut wanted: Vec<Item> = chunk.iter().map(key_attributes).collect();
            // DynamoDB may answer a part and hand the rest back.
            for attempt in 0..=CONFLICT_RETRIES {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(true)
                    .build()
                    .map_err(|source| StoreError::corrupt("BatchGetItem", source))?;
                let answer = self
                    .client
                    .batch_get_item()
                    .request_items(&self.name, request)
                    .send()
                    .await
                    .map_err(|source| StoreError::failed("BatchGetItem", source))?;
                found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
                wanted =
                    answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, keys)| keys.keys).collect();
                if wanted.is_empty() {
                    break;
                }
                if attempt == CONFLICT_RETRIES {
                    return Err(StoreError::unavailable("BatchGetItem", "keys were left unprocessed"));
                }
                back_off(attempt).await;
            }
        }
        Ok(found)
    }

    /// Lists a part of a collection.
    pub async fn list<R: Record>(
        &self,
        partition: &Partition,
        slice: Slice,
    ) -> Result<Listed<R>, StoreError> {
        let Listed { items, next } = self.query(partition, slice).await?;
        Ok(Listed { items: items.into_iter().map(|(_, record)| record).collect(), next })
    }

    /// As [`Table::list`], reading on while the filter leaves the page short. It may still be short, or even empty, and have a
    /// next one: the filter looked at many items and found few.
    pub async fn list_filled<R: Record>(
        &self,
        partition: &Partition,
        slice: Slice,
    ) -> Result<Listed<R>, StoreError> {
        if slice.filter.is_none() {
            return self.list(partition, slice).await;
        }
        let wanted = usize::try_from(slice.limit).unwrap_or(usize::MAX);
        let (mut found, mut next) = (Vec::new(), slice.after.clone());
        for _ in 0..READS_PER_PAGE {
            let limit = READ_AT_ONCE.max(slice.limit);
            let part = self.query(partition, Slice { limit, after: next, ..slice.clone() }).await?;
            found.extend(part.items);
            next = part.next;
            if found.len() > wanted {
                found.truncate(wanted);
                next = found.last().map(|(sort, _)| sort.clone());
            }
            if found.len() == wanted || next.is_none() {
                break;
            }
        }
        Ok(Listed { items: found.into_iter().map(|(_, record)| record).collect(), next })
    }

    /// A part of a collection, each item with its sort key.
    async fn query<R: Record>(
        &self,
        partition: &Partition,
        slice: Slice,
    ) -> Result<Listed<(String, R)>, StoreError> {
        let mut names = HashMap::from([("#pk".to_owned(), "pk".to_owned())]);
        let mut values = Item::from([(":pk".into(), AttributeValue::S(partition.as_str().into()))]);
        let mut condition = "#pk = :pk".to_owned();
        if let Some((low, high)) = slice.between {
            condition.push_str(" AND #sk BETWEEN :low AND :high");
            names.insert("#sk".into(), "sk".into());
            values.insert(":low".into(), AttributeValue::S(low));
            values.insert(":high".into(), AttributeValue::S(high));
        }
        let mut terms = Vec::new();
        for (at, (name, value)) in slice.filter.iter().flat_map(|filter| &filter.equal).enumerate() {
            terms.push(format!("#f{at} = :f{at}"));
            names.insert(format!("#f{at}"), (*name).to_owned());
            values.insert(format!(":f{at}"), AttributeValue::S(value.clone()));
        }
        let start = slice.after.map(|sort| key_attributes(&partition.item(sort)));
        let limit = i32::try_from(slice.limit).unwrap_or(i32::MAX);
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression(condition)
            .set_filter_expression((!terms.is_empty()).then(|| terms.join(" AND ")))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .set_exclusive_start_key(start)
            .scan_index_forward(slice.oldest_first)
            .consistent_read(true)
            .limit(limit)
            .send()
            .await
            .map_err(|source| StoreError::failed("Query", source))?;
        let next = answer.last_evaluated_key.as_ref().and_then(sort_key);
        let items = answer.items.unwrap_or_default().into_iter().map(|item| {
            let sort = sort_key(&item).ok_or_else(|| StoreError::corrupt(R::KIND, "it has no sort key"))?;
            Ok((sort, from_item(item)?))
        });
        Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, next })
    }

    /// Lists a whole collection. For collections that are small by a rule of the domain.
    pub async fn list_all<R: Record>(&self, partition: &Partition) -> Result<Vec<R>, StoreError> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let slice = Slice { limit: 1000, after, oldest_first: true, ..Slice::default() };
            let page = self.list(partition, slice).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// Writes an item that must not exist, outside of any transaction.
    pub async fn create<R: Record>(&self, key: &Key, record: &R, refusal: Refusal) -> Result<(), StoreError> {
        let put = self.client.put_item().set_item(Some(to_item(key, record)?));
        let written = self.put_if(put.condition_expression("attribute_not_exists(pk)")).await?;
        if written { Ok(()) } else { Err(StoreError::Refused(refusal)) }
    }

    /// Writes an item, unless there is one of a later or the same time, outside of any transaction. The time is its attribute
    /// `at`, a number.
    pub(crate) async fn put_newer<R: Record>(
        &self,
        key: &Key,
        record: &R,
        at: i64,
    ) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .set_item(Some(to_item(key, record)?))
            .condition_expression("attribute_not_exists(pk) OR #at < :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", AttributeValue::N(at.to_string()));
        self.put_if(put).await.map(drop)
    }

    /// Writes an item under a condition, and answers whether it held.
    async fn put_if(&self, put: PutItemFluentBuilder) -> Result<bool, StoreError> {
        match put.table_name(&self.name).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(source) => Err(StoreError::failed("PutItem", source)),
        }
    }

    /// Changes attributes of an item by an update expression if a condition holds, outside of any transaction, and answers whether it
    /// held. The attribute `ttl` stands in both as `#ttl`, and must.
    pub(crate) async fn update_if(
        &self,
        key: &Key,
        expression: &'static str,
        condition: &'static str,
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<bool, StoreError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .update_expression(expression)
            .condition_expression(condition)
            .expression_attribute_names("#ttl", "ttl");
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(source) => Err(StoreError::failed("UpdateItem", source)),
        }
    }

    /// Adds one to a counter and answers its new value. The item disappears at `expires`, in seconds of Unix time.
    pub async fn count(&self, key: &Key, expires: i64) -> Result<u64, StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .update_expression("ADD #count :one SET #ttl = :ttl")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .expression_attribute_values(":ttl", AttributeValue::N(expires.to_string()))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|source| StoreError::failed("UpdateItem", source))?;
        match answer.attributes.as_ref().and_then(|attributes| attributes.get("count")) {
            Some(AttributeValue::N(count)) => {
                count.parse().map_err(|source| StoreError::corrupt("counter", source))
            }
            _ => Err(StoreError::corrupt("counter", "no count came back")),
        }
    }

    /// Commits a transaction: all of its writes, or none and the reason.
    pub async fn commit(&self, transaction: &Transaction) -> Result<(), StoreError> {
        for attempt in 0..=CONFLICT_RETRIES {
            let answer = self
                .client
                .transact_write_items()
                .set_transact_items(Some(transaction.requests(&self.name)?))
                .send()
                .await;
            match answer {
                Ok(_) => return Ok(()),
                Err(error) => match cancelled(&error, transaction) {
                    Some(Refusal::Busy) => back_off(attempt).await,
                    Some(refusal) => return Err(StoreError::Refused(refusal)),
                    None if invalid(&error) => {
                        let source = Box::new(error);
                        return Err(StoreError::Rejected { operation: "TransactWriteItems", source });
                    }
                    None => return Err(StoreError::failed("TransactWriteItems", error)),
                },
            }
        }
        Err(StoreError::Refused(Refusal::Busy))
    }
}

fn sort_key(item: &Item) -> Option<String> {
    item.get("sk")?.as_s().ok().cloned()
}

/// Why DynamoDB cancelled a transaction, if it did: the first condition that did not hold, or a conflict with other writes.
fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>, transaction: &Transaction) -> Option<Refusal> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let codes: Vec<&str> = cancelled
                .cancellation_reasons()
                .iter()
                .map(|reason| reason.code().unwrap_or("None"))
                .collect();
            let failed = codes.iter().position(|code| *code == "ConditionalCheckFailed");
            match failed {
                Some(at) => transaction.writes.get(at).map(|write| write.refusal),
                None => codes.contains(&"TransactionConflict").then_some(Refusal::Busy),
            }
        }
        TransactWriteItemsError::TransactionInProgressException(_) => Some(Refusal::Busy),
        _ => None,
    }
}

/// Whether DynamoDB cancelled a transaction because one of its writes is not what it should be.
fn invalid<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return false;
    };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some("ValidationError"))
}

/// Waits 20 ms, 40 ms, … with jitter, so that two writers that met do not meet again.
pub(crate) async fn back_off(attempt: u32) {
    let base = 20_u64 << attempt.min(5);
    let jitter = u64::from(crate::random::byte()) * base / 256;
    tokio::time::sleep(Duration::from_millis(base + jitter)).await;
}
