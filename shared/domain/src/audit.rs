//! The audit trail: one entry for every event, in bytes that anybody can hash again.

use jiff::Timestamp;
use uuid::Uuid;

use crate::event::Event;
use crate::hash::Sha256;
use crate::id::EventId;
use crate::moment::Moment;

/// The hash of a leaf of a Merkle tree: SHA-256 over a zero byte and the leaf (RFC 6962, section 2.1). The zero byte keeps
/// a leaf from passing as an inner node.
pub fn leaf_hash(leaf: &[u8]) -> Sha256 {
    Sha256::of_parts(&[&[0], leaf])
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
#[error("the entry cannot be written or read as an event")]
pub struct EntryError(#[from] serde_json::Error);

/// An event as the audit trail keeps it: its RFC 8785 JSON and the leaf hash of these bytes.
///
/// The entry is nothing but the event, so that rebuilding the trail from the events gives the same bytes. Its place in the
/// tenant's numbering is not part of it: that is given when it is appended, and the log vouches for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    event: Event,
    bytes: Vec<u8>,
}

impl Entry {
    /// Makes the entry of an event.
    pub fn new(event: &Event) -> Result<Self, EntryError> {
        let bytes = serde_json_canonicalizer::to_vec(event)?;
        // Canonical JSON writes numbers as doubles. The event is read back from it, so that what is shown is what was
        // hashed even where a number was rounded.
        let event = serde_json::from_slice(&bytes)?;
        Ok(Self { event, bytes })
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Its canonical form, which is what the leaf is of.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its leaf hash.
    pub fn leaf(&self) -> Sha256 {
        leaf_hash(&self.bytes)
    }
}

/// How many bits of a `UUIDv7` come behind its milliseconds (RFC 9562, section 5.7).
const BELOW_MILLISECONDS: u32 = 80;
/// The last millisecond that a `UUIDv7` can tell.
const LAST_MILLISECOND: u128 = (1 << 48) - 1;

/// The smallest and the largest id that an event between two moments can have: from the first millisecond on, up to the last
/// one before `to`. Exact to the millisecond, which is what ids are made of. `None` when no id lies between.
pub fn ids_between(from: Option<Moment>, to: Option<Moment>) -> Option<(EventId, EventId)> {
    let millisecond = |timestamp: Timestamp| u128::try_from(timestamp.as_millisecond()).unwrap_or(0);
    let first = from.map_or(0, |from| millisecond(from.timestamp()));
    let end = to.map_or(LAST_MILLISECOND + 1, |to| {
        let to = to.timestamp();
        let whole = to.subsec_nanosecond() % 1_000_000 == 0;
        millisecond(to) + u128::from(!whole)
    });
    let end = end.min(LAST_MILLISECOND + 1);
    if first >= end {
        return None;
    }
    // Of all 128 bits the upper ones are the milliseconds, so one less than the end is the last id before it.
    let last = (end << BELOW_MILLISECONDS).wrapping_sub(1);
    let id = |bits| EventId::from_uuid(Uuid::from_u128(bits));
    Some((id(first << BELOW_MILLISECONDS), id(last)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The first leaves of the test data of Certificate Transparency, hashed with Python's hashlib.
    #[test]
    fn leaf_hashes_are_those_of_rfc_6962() {
        for (leaf, expected) in [
            ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            ("00", "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
            ("10", "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"),
            ("2021", "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7"),
        ] {
            assert_eq!(leaf_hash(&hex::decode(leaf).unwrap()).to_string(), expected, "leaf {leaf:?}");
        }
    }

    fn event(fields: &serde_json::Value) -> Event {
        let mut event = json!({
            "id": "evt_01h455vb4pex5vsknk084sn02q",
            "tenant": "ten_01h455vb4pex5vsknk084sn02q",
            "action": "release.ramp",
            "resource": {"kind": "release", "id": "rel_01h455vb4pex5vsknk084sn02q"},
            "version": 3,
            "at": "2026-11-21T09:00:00.25Z",
            "actor": {"kind": "api_key", "id": "key_01h455vb4pex5vsknk084sn02q"},
            "origin": {"address": "192.0.2.1", "request_id": "req-1"},
            "outcome": "allowed",
            "changes": [{"field": "rollout_bp", "before": 100, "after": 2500}],
        });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn an_entry_has_one_spelling() {
        let entry = Entry::new(&event(&json!({}))).unwrap();
        let expected =
            r#"{"action":"release.ramp","actor":{"id":"key_01h455vb4pex5vsknk084sn02q","kind":"api_key"},"#
                .to_owned()
                + r#""at":"2026-11-21T09:00:00.25Z","changes":[{"after":2500,"before":100,"field":"rollout_bp"}],"#
                + r#""id":"evt_01h455vb4pex5vsknk084sn02q","origin":{"address":"192.0.2.1","request_id":"req-1"},"#
                + r#""outcome":"allowed","resource":{"id":"rel_01h455vb4pex5vsknk084sn02q","kind":"release"},"#
                + r#""tenant":"ten_01h455vb4pex5vsknk084sn02q","version":3}"#;
        assert_eq!(String::from_utf8_lossy(entry.bytes()), expected);
        assert_eq!(entry.leaf(), leaf_hash(expected.as_bytes()));
    }

    #[test]
    fn an_entry_of_an_entry_is_itself() {
        let changes = json!([{"field": "config", "after": {"\u{20ac}": 1.0, "big": 9_007_199_254_740_993_u64, "a": "\u{1f426}"}}]);
        let entry = Entry::new(&event(&json!({"changes": changes}))).unwrap();
        assert_eq!(Entry::new(entry.event()).unwrap(), entry);
    }

    #[test]
    fn whatever_changes_in_an_event_changes_its_leaf() {
        let leaf = |fields: &serde_json::Value| Entry::new(&event(fields)).unwrap().leaf();
        let original = leaf(&json!({}));
        for changed in [
            json!({"version": 4}),
            json!({"outcome": "denied"}),
            json!({"changes": []}),
            json!({"origin": {}}),
        ] {
            assert_ne!(leaf(&changed), original, "{changed}");
        }
    }

    #[test]
    fn a_span_of_time_is_a_span_of_ids() {
        let at = |text: &str| Some(text.parse::<Moment>().unwrap());
        let (low, high) = ids_between(at("2023-07-15T00:00:00Z"), at("2023-07-15T00:00:00.001Z")).unwrap();
        assert_eq!(high.to_string().cmp(&low.to_string()), std::cmp::Ordering::Greater);
        let (first, last) = ids_between(None, None).unwrap();
        assert_eq!(first.to_string(), "evt_00000000000000000000000000");
        assert_eq!(last.to_string(), "evt_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(ids_between(at("2026-11-21"), at("2026-11-21")), None);
        assert_eq!(ids_between(at("2026-11-22"), at("2026-11-21")), None);
        assert_eq!(ids_between(None, at("1969-12-31T23:59:59Z")), None);
    }

    proptest! {
        #[test]
        fn an_id_lies_in_every_span_that_holds_its_millisecond(
            at in 0_i64..4_000_000_000_000, random: u128, before in 0_i64..1000, after in 1_i64..1000
        ) {
            let bits = u128::try_from(at).unwrap() << 80 | random >> 48;
            let id = EventId::from_uuid(Uuid::from_u128(bits)).to_string();
            let moment = |ms: i64| Some(Moment::from(Timestamp::from_millisecond(ms).unwrap()));
            let (low, high) = ids_between(moment(at - before), moment(at + after)).unwrap();
            prop_assert!(low.to_string() <= id && id <= high.to_string());
            if let Some((low, high)) = ids_between(moment(at - 1000), moment(at)) {
                prop_assert!(id < low.to_string() || high.to_string() < id);
            }
            let (low, _) = ids_between(moment(at + 1), None).unwrap();
            prop_assert!(id < low.to_string());
        }
    }
}
