//! Events as they are stored: under their aggregate, in the order of its versions.

use rookery_domain::event::Event;
use serde::{Deserialize, Serialize};

use crate::{Key, Record, StoreError, TenantScope};

/// A stored event. The text is kept as it was written, so that what is hashed later is what was written then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventRecord {
    /// The event as JSON.
    pub detail: String,
    /// The event's action, which the relay passes on as the type of the message.
    pub action: String,
}

impl Record for EventRecord {
    const KIND: &'static str = "event";
}

impl EventRecord {
    /// Writes an event down.
    pub fn from_event(event: &Event) -> Result<Self, StoreError> {
        let detail = serde_json::to_string(event).map_err(|source| StoreError::corrupt("event", source))?;
        Ok(Self { detail, action: event.action.to_string() })
    }

    /// Reads the event back.
    pub fn event(&self) -> Result<Event, StoreError> {
        serde_json::from_str(&self.detail).map_err(|source| StoreError::corrupt("event", source))
    }
}

/// Where an event is stored. Versions are padded so that they sort as text.
pub fn key(scope: &TenantScope, event: &Event) -> Key {
    key_of(scope, &event.aggregate(), event.version)
}

/// Where the event of an aggregate's version is stored.
pub fn key_of(scope: &TenantScope, aggregate: &str, version: u64) -> Key {
    scope.partition(&[aggregate, "ev"]).item(format_args!("{version:012}"))
}
