//! The event bus: what is put on it, and what it delivers to queues.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use rookery_domain::event::Event;
use serde::Deserialize;

use crate::history::EventRecord;
use crate::{Clients, StoreError, Variable};

/// The source that every event on the bus names.
pub const SOURCE: &str = "rookery";

/// Most events of one call.
pub const MOST: usize = 10;

/// What a call may weigh, in bytes: the smaller of the limits that `EventBridge` has had. A single event may weigh more.
pub const WEIGHT: usize = 256 * 1024;

/// An event on its way to the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    event: Event,
    /// The event as it was written, which is what is sent.
    detail: String,
}

impl Outgoing {
    /// Reads a stored event.
    pub fn read(record: EventRecord) -> Result<Self, StoreError> {
        Ok(Self { event: record.event()?, detail: record.detail })
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What it adds to the weight of a call, as `EventBridge` reckons: 14 bytes for the time, and the texts.
    pub fn weight(&self) -> usize {
        14 + SOURCE.len() + self.event.action.as_str().len() + self.detail.len()
    }

    fn request(&self, bus: &str) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(self.event.action.as_str())
            .detail(&self.detail)
            .time(DateTime::from_secs(self.event.at.as_second()))
            .build()
    }
}

/// Why the bus did not take an event that it was handed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bus refused the event: {code}")]
pub struct Rejection {
    /// The bus's own code.
    pub code: String,
}

impl Rejection {
    /// Whether the event itself is at fault, so that sending it again is of no use.
    pub fn is_final(&self) -> bool {
        matches!(self.code.as_str(), "InvalidArgument" | "MalformedDetail" | "RedactionFailure")
    }
}

/// Puts up to [`MOST`] events on the bus, and answers for each whether the bus took it.
pub async fn put(clients: &Clients, events: &[&Outgoing]) -> Result<Vec<Result<(), Rejection>>, StoreError> {
    let bus = clients.settings().needed(Variable::EventBus)?;
    let entries = events.iter().map(|event| event.request(bus)).collect();
    let answer = clients
        .bus()
        .put_events()
        .set_entries(Some(entries))
        .send()
        .await
        .map_err(|source| StoreError::failed("PutEvents", source))?;
    if answer.entries().len() != events.len() {
        return Err(StoreError::unavailable("PutEvents", "the answer has another number of entries"));
    }
    let taken = answer.entries().iter().map(|entry| match entry.error_code() {
        Some(code) => Err(Rejection { code: code.to_owned() }),
        None => Ok(()),
    });
    Ok(taken.collect())
}

/// What the bus delivers.
#[derive(Debug, Deserialize)]
pub struct Delivered {
    /// Who put it on the bus.
    pub source: String,
    /// The event.
    pub detail: Event,
}

/// Reads what the bus delivered. Of another source than ours it is not an event, whatever it says.
pub fn read(text: &str) -> Result<Event, serde_json::Error> {
    let delivered: Delivered = serde_json::from_str(text)?;
    if delivered.source != SOURCE {
        return Err(serde::de::Error::custom("it comes from another source"));
    }
    Ok(delivered.detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_events_of_our_own_are_read() {
        let detail = json!({
            "id": "evt_01h455vb4pex5vsknk084sn02q", "tenant": "ten_01h455vb4pex5vsknk084sn02q", "action": "app.create",
            "resource": {"kind": "app", "id": "app_01h455vb4pex5vsknk084sn02q"}, "version": 1,
            "at": "2026-11-21T09:00:00Z", "actor": {"kind": "api_key", "id": "key_01h455vb4pex5vsknk084sn02q"},
            "origin": {}, "outcome": "allowed"
        });
        let envelope = |source: &str| json!({"version": "0", "id": "1", "source": source, "detail-type": "app.create", "detail": detail});
        assert_eq!(read(&envelope("rookery").to_string()).unwrap().version, 1);
        for text in [envelope("elsewhere").to_string(), detail.to_string(), "{}".into(), String::new()] {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
