//! What only an operator does: looking through the whole table. No function is allowed to scan it.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::id::TenantId;
use serde::{Deserialize, Serialize};

use crate::bus::{self, MOST, Outgoing, WEIGHT};
use crate::history::EventRecord;
use crate::record::{Item, Record, from_item};
use crate::table::back_off;
use crate::{Clients, StoreError, Table, TenantScope, audit, usage};

/// How often an event is handed to a bus that has no room for it.
const ATTEMPTS: u32 = 8;

/// Events younger than this are left to the relay, in seconds: they are on their way.
const ON_THEIR_WAY_SECONDS: i64 = 60;

/// A tenant, as much of it as its existence takes.
#[derive(Debug, Serialize, Deserialize)]
struct TenantKey {
    sk: TenantId,
}

impl Record for TenantKey {
    const KIND: &'static str = "tenant";
}

/// Every tenant of the platform.
pub async fn tenants(table: &Table) -> Result<Vec<TenantId>, StoreError> {
    let mut found = BTreeSet::new();
    let mut start = None;
    loop {
        let (items, next) = scan(table, TenantKey::KIND, None, start).await?;
        for item in items {
            found.insert(from_item::<TenantKey>(item)?.sk);
        }
        match next {
            Some(next) => start = Some(next),
            None => return Ok(found.into_iter().collect()),
        }
    }
}

/// What became of the events that are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// How many events there are.
    pub events: u64,
    /// How many had not arrived everywhere and were put on the bus again.
    pub published: u64,
    /// Keys of what is stored as an event and cannot be read as one.
    pub unreadable: Vec<String>,
}

/// Puts the events on the bus again that never reached the audit log, or whose usage was never counted: those that the relay
/// could not pass on, and those that a dead-letter queue has lost.
pub async fn publish_missing(
    clients: &Clients,
    tenant: Option<TenantId>,
    now: Timestamp,
) -> Result<Published, StoreError> {
    let table = clients.table()?;
    let mut published = Published::default();
    let mut start = None;
    loop {
        let (items, next) = scan(table, EventRecord::KIND, tenant, start).await?;
        let mut missing = Vec::new();
        for item in items {
            published.events += 1;
            let place = place(&item);
            let Ok(event) = from_item::<EventRecord>(item).and_then(Outgoing::read) else {
                published.unreadable.push(place);
                continue;
            };
            if is_missing(table, &event, now).await? {
                missing.push(event);
            }
        }
        published.published += u64::try_from(missing.len()).unwrap_or(u64::MAX);
        publish(clients, &missing).await?;
        match next {
            Some(next) => start = Some(next),
            None => return Ok(published),
        }
    }
}

async fn is_missing(table: &Table, outgoing: &Outgoing, now: Timestamp) -> Result<bool, StoreError> {
    let event = outgoing.event();
    let age = now.as_second() - event.at.as_second();
    if age < ON_THEIR_WAY_SECONDS {
        return Ok(false);
    }
    let scope = TenantScope::of_event(event);
    if !audit::has(table, &scope, event.id).await? {
        return Ok(true);
    }
    let counts = event.measures.values().any(|count| *count > 0) && age < usage::COUNTED_SECONDS;
    Ok(counts && !usage::has(table, &scope, event.id).await?)
}

async fn publish(clients: &Clients, events: &[Outgoing]) -> Result<(), StoreError> {
    let mut rest: Vec<&Outgoing> = events.iter().collect();
    let mut attempt = 0;
    while !rest.is_empty() {
        let mut weight = 0;
        let fitting = rest.iter().take(MOST).take_while(|event| {
            weight += event.weight();
            weight <= WEIGHT
        });
        let count = fitting.count().max(1);
        let answers = bus::put(clients, &rest[..count]).await?;
        let refused: Vec<_> = answers
            .iter()
            .enumerate()
            .filter_map(|(at, answer)| Some((at, answer.as_ref().err()?)))
            .collect();
        if let Some((_, rejection)) = refused.first()
            && (rejection.is_final() || attempt == ATTEMPTS)
        {
            return Err(StoreError::unavailable("PutEvents", (*rejection).clone()));
        }
        let again: Vec<&Outgoing> = refused.iter().map(|(at, _)| rest[*at]).collect();
        attempt = if again.is_empty() { 0 } else { attempt + 1 };
        if attempt > 0 {
            back_off(attempt).await;
        }
        rest = again.into_iter().chain(rest.split_off(count)).collect();
    }
    Ok(())
}

/// A part of everything of a kind that the table holds, and where the next part begins.
async fn scan(
    table: &Table,
    kind: &str,
    tenant: Option<TenantId>,
    start: Option<Item>,
) -> Result<(Vec<Item>, Option<Item>), StoreError> {
    let (client, name) = table.client();
    let mut request = client
        .scan()
        .table_name(name)
        .consistent_read(true)
        .set_exclusive_start_key(start)
        .expression_attribute_names("#kind", "kind")
        .expression_attribute_values(":kind", AttributeValue::S(kind.to_owned()));
    request = match tenant {
        None => request.filter_expression("#kind = :kind"),
        Some(tenant) => request
            .filter_expression("#kind = :kind AND begins_with(#pk, :prefix)")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_values(":prefix", AttributeValue::S(format!("{tenant}#"))),
    };
    let answer = request.send().await.map_err(|source| StoreError::failed("Scan", source))?;
    Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
}

fn place(item: &Item) -> String {
    let text = |name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    };
    format!("{} / {}", text("pk"), text("sk"))
}
