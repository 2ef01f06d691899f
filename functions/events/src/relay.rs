//! The relay: events go from the table's stream to the bus, those of one aggregate in their order.
//!
//! Two things can be in the way, and they are treated differently. When the bus does not take an event now, the relay
//! reports the event's place in the stream, and the stream begins again there: nothing is passed over, and what is sent twice
//! is recognised by its id. When an event cannot be read, trying again is of no use and would hold up everything behind it:
//! the record goes to the relay's failure queue as it is, and the stream goes on.

use std::collections::BTreeSet;

use lambda_runtime::Error;
use rookery_edge::{Boxed, Context, chain};
use rookery_store::bus::{self, MOST, Outgoing, WEIGHT};
use rookery_store::{StoreError, Variable, queue};
use serde::Serialize;
use serde_json::{Value, json};

use crate::record::{self, Reading};

/// A record in the failure queue, with the reason why it is there.
#[derive(Debug, Serialize)]
struct Parked<'a> {
    reason: String,
    record: &'a Value,
}

/// An event on its way, and the record that it came in.
struct Pending<'a> {
    record: &'a Value,
    outgoing: Box<Outgoing>,
}

/// Where the stream has to begin again: at this record.
struct Stopped<'a>(&'a Value);

/// Passes on what a batch of the stream holds.
pub fn relay(context: Context, batch: Value) -> Boxed<Result<Value, Error>> {
    Box::pin(async move {
        let records = batch["Records"].as_array().map_or(&[][..], Vec::as_slice);
        match pass_on(&context, records).await {
            Ok(()) => Ok(json!({"batchItemFailures": []})),
            Err(Stopped(record)) => match record::sequence(record) {
                Some(sequence) => Ok(json!({"batchItemFailures": [{"itemIdentifier": sequence}]})),
                // Without a number the stream cannot be told where to begin again, only that it has to.
                None => Err("a record without a sequence number could not be passed on".into()),
            },
        }
    })
}

async fn pass_on<'a>(context: &Context, records: &'a [Value]) -> Result<(), Stopped<'a>> {
    let mut pending = Vec::new();
    for record in records {
        match record::read(record) {
            Reading::Event(outgoing) => pending.push(Pending { record, outgoing }),
            Reading::Other => {}
            Reading::Malformed(fault) => {
                // What lies before it goes first: if that fails, the stream comes here again.
                send(context, std::mem::take(&mut pending)).await?;
                park(context, record, &fault).await?;
            }
        }
    }
    send(context, pending).await
}

async fn send<'a>(context: &Context, pending: Vec<Pending<'a>>) -> Result<(), Stopped<'a>> {
    let mut rest = &pending[..];
    while let Some(first) = rest.first() {
        let (call, behind) = rest.split_at(fitting(rest));
        let events: Vec<&Outgoing> = call.iter().map(|pending| pending.outgoing.as_ref()).collect();
        let answers = bus::put(context.clients(), &events).await.map_err(|fault| {
            tracing::error!(error.chain = chain(&fault), "the bus did not answer; the stream begins again");
            Stopped(first.record)
        })?;
        for (Pending { record, outgoing }, answer) in call.iter().zip(answers) {
            let event = outgoing.event();
            match answer {
                Ok(()) => tracing::info!(
                    event.id = %event.id,
                    event.action = %event.action,
                    tenant.id = %event.tenant,
                    request.id = event.origin.request_id,
                    trace.parent = event.origin.trace_parent,
                    "event {} passed on",
                    event.id
                ),
                Err(fault) if fault.is_final() => park(context, record, &fault).await?,
                Err(fault) => {
                    tracing::warn!(event.id = %event.id, error.chain = chain(&fault), "the stream begins again");
                    return Err(Stopped(record));
                }
            }
        }
        rest = behind;
    }
    Ok(())
}

/// How many of the first events go into one call. The bus may take one and refuse the next, so those of one aggregate go in
/// calls of their own: none overtakes another.
fn fitting(pending: &[Pending<'_>]) -> usize {
    let (mut weight, mut aggregates) = (0, BTreeSet::new());
    let fits = pending.iter().take(MOST).take_while(|Pending { outgoing, .. }| {
        weight += outgoing.weight();
        weight <= WEIGHT && aggregates.insert(outgoing.event().aggregate())
    });
    // An event that is too heavy for a call with others goes alone.
    fits.count().max(1)
}

async fn park<'a>(
    context: &Context,
    record: &'a Value,
    fault: &(dyn std::error::Error + Sync),
) -> Result<(), Stopped<'a>> {
    let parked = Parked { reason: chain(fault), record };
    let sent: Result<(), StoreError> = queue::send(context.clients(), Variable::RelayFailures, &parked).await;
    sent.map_err(|fault| {
        tracing::error!(error.chain = chain(&fault), "a record could not be parked; the stream begins again");
        Stopped(record)
    })?;
    tracing::error!(
        record.sequence = record::sequence(record),
        error.chain = parked.reason,
        "a record cannot be passed on; it waits in the failure queue"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    fn pending(record: &Value) -> Pending<'_> {
        let Reading::Event(outgoing) = record::read(record) else { panic!("not an event") };
        Pending { record, outgoing }
    }

    fn of_release(number: u64) -> Value {
        let mut record = sample(1);
        let text = record["dynamodb"]["NewImage"].to_string();
        let other = format!("rel_01h455vb4pex5vsknk084{number:05}");
        record["dynamodb"]["NewImage"] =
            serde_json::from_str(&text.replace("rel_01h455vb4pex5vsknk084sn02q", &other)).unwrap();
        record
    }

    #[test]
    fn events_of_one_aggregate_go_one_after_the_other() {
        let records = [of_release(1), of_release(2), of_release(1), of_release(3)];
        let pending: Vec<_> = records.iter().map(pending).collect();
        assert_eq!(fitting(&pending), 2);
        assert_eq!(fitting(&pending[2..]), 2);
        assert_eq!(fitting(&pending[3..]), 1);
    }

    #[test]
    fn a_call_has_no_more_than_ten_events_and_a_quarter_of_a_megabyte() {
        let records: Vec<Value> = (0..25).map(of_release).collect();
        let many: Vec<_> = records.iter().map(pending).collect();
        assert_eq!(fitting(&many), 10);

        let heavy = |number| {
            let mut record = of_release(number);
            let detail = record["dynamodb"]["NewImage"]["detail"]["S"].as_str().unwrap().to_owned();
            let agent = format!("\"user_agent\":\"{}\"", "x".repeat(200_000));
            record["dynamodb"]["NewImage"]["detail"]["S"] =
                detail.replace("\"user_agent\":\"rookery-sample\"", &agent).into();
            record
        };
        let records = [heavy(1), heavy(2)];
        let two: Vec<_> = records.iter().map(pending).collect();
        assert_eq!(fitting(&two), 1);
    }
}
