//! The worker that counts usage. Two kinds of messages come to its queue: events that measure something, from the bus, and
//! batches of what functions counted.

use std::collections::BTreeMap;

use rookery_domain::id::{KeyId, TenantId};
use rookery_domain::usage::{Batch, COUNTS_PER_BATCH, KeyUse};
use rookery_edge::{Boxed, Context, Message, SqsBatchResponse, SqsEvent, WorkerError, handle_together};
use rookery_store::usage::Part;
use rookery_store::{TenantScope, bus, credential, usage};
use serde_json::Value;

/// Works through a batch of the usage queue.
pub fn work(context: Context, batch: SqsEvent) -> Boxed<SqsBatchResponse> {
    Box::pin(async move { handle_together(batch, read, |batches| count(&context, batches)).await })
}

/// Reads a message. An event that measures nothing is an empty answer, not a fault.
fn read(message: &Message) -> Result<Option<Batch>, WorkerError> {
    let value: Value = serde_json::from_str(&message.body).map_err(WorkerError::malformed)?;
    if value.get("detail-type").is_some() {
        let event = bus::read(&message.body).map_err(WorkerError::malformed)?;
        return Ok(Batch::of_event(&event));
    }
    let batch: Batch = serde_json::from_value(value).map_err(WorkerError::malformed)?;
    if batch.counts.len() > COUNTS_PER_BATCH || batch.keys.len() > COUNTS_PER_BATCH {
        return Err(WorkerError::malformed("it holds too many counts"));
    }
    if batch.counts.iter().any(|count| i64::try_from(count.count).is_err()) {
        return Err(WorkerError::malformed("it counts more than there can be"));
    }
    Ok(Some(batch))
}

async fn count(context: &Context, batches: Vec<Option<Batch>>) -> Result<(), WorkerError> {
    let mut tenants: BTreeMap<TenantId, Vec<Part>> = BTreeMap::new();
    for batch in batches.iter().flatten() {
        for (tenant, counts) in batch.by_tenant() {
            tenants.entry(tenant).or_default().push(Part { batch: batch.id, counts });
        }
    }
    let now = context.now();
    for (tenant, mut parts) in tenants {
        let arrived = parts.len();
        parts.retain(|part| part.is_countable(now));
        if parts.len() < arrived {
            tracing::warn!(
                tenant.id = %tenant,
                usage.dropped = arrived - parts.len(),
                "usage of long ago was dropped: it may have been counted before"
            );
        }
        let scope = TenantScope::of_message(tenant);
        let counted = usage::count(context.table()?, &scope, &parts, now).await?;
        tracing::info!(
            tenant.id = %tenant,
            usage.batches = parts.len(),
            usage.counted = counted,
            "usage counted for {tenant}"
        );
    }
    note_uses(context, batches.iter().flatten()).await
}

/// Notes when keys were last used: once for each key, however many batches tell of it.
async fn note_uses(context: &Context, batches: impl Iterator<Item = &Batch>) -> Result<(), WorkerError> {
    let mut latest: BTreeMap<(TenantId, KeyId), KeyUse> = BTreeMap::new();
    for used in batches.flat_map(|batch| &batch.keys) {
        let known = latest.entry((used.tenant, used.key)).or_insert(*used);
        known.at = known.at.max(used.at);
    }
    for used in latest.values() {
        let scope = TenantScope::of_message(used.tenant);
        credential::note_use(context.table()?, &scope, used).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> Message {
        let text = match name {
            "usage" => include_str!("../../../events/usage-worker.json"),
            _ => include_str!("../../../events/audit-worker.json"),
        };
        let batch: Value = serde_json::from_str(text).unwrap();
        Message { id: name.into(), body: batch["Records"][0]["body"].as_str().unwrap().into(), attempt: 1 }
    }

    #[test]
    fn batches_and_events_come_through_one_queue() {
        assert_eq!(read(&sample("usage")).unwrap().unwrap().counts.len(), 1);
        assert_eq!(read(&sample("event")).unwrap(), None);
        let mut measured = sample("event");
        measured.body = measured.body.replace("\"outcome\"", "\"measures\":{\"stored_bytes\":7},\"outcome\"");
        let batch = read(&measured).unwrap().unwrap();
        assert_eq!(batch.id.to_string(), "evt_01h455vb4pex5vsknk084sn02q");
        assert_eq!(batch.counts[0].count, 7);
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let huge = sample("usage").body.replace("\"count\":12", "\"count\":18446744073709551615");
        let negative = sample("usage").body.replace("\"count\":12", "\"count\":-1");
        let foreign = sample("event").body.replace("\"source\":\"rookery\"", "\"source\":\"other\"");
        for body in
            [huge, negative, foreign, "{}".into(), "[]".into(), "null".into(), String::new(), "\u{0}".into()]
        {
            assert!(read(&Message { id: "1".into(), body: body.clone(), attempt: 1 }).is_err(), "{body}");
        }
    }
}
