//! Reading a record of the table's stream.

use rookery_store::bus::Outgoing;
use rookery_store::history::{self, EventRecord};
use rookery_store::{StoreError, TenantScope};
use serde::Deserialize;
use serde_json::Value;

/// What a record of the stream turns out to be.
#[derive(Debug)]
pub(crate) enum Reading {
    /// An event that was written.
    Event(Box<Outgoing>),
    /// Something that is not the relay's business.
    Other,
    /// An event that nobody can read.
    Malformed(StoreError),
}

#[derive(Debug, Deserialize)]
struct StreamRecord {
    #[serde(rename = "eventName")]
    name: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
struct Change {
    #[serde(rename = "NewImage", default)]
    image: Value,
}

/// The number by which the stream knows a record.
pub(crate) fn sequence(record: &Value) -> Option<&str> {
    record["dynamodb"]["SequenceNumber"].as_str()
}

/// Reads a record. An event must lie where its tenant, aggregate and version say: one that does not was not written by the
/// platform, or not whole.
pub(crate) fn read(record: &Value) -> Reading {
    let change = match StreamRecord::deserialize(record) {
        Ok(change) => change,
        Err(source) => return Reading::Malformed(corrupt(source)),
    };
    let text = |name: &str| change.dynamodb.image[name]["S"].as_str();
    if change.name != "INSERT" || text("kind") != Some("event") {
        return Reading::Other;
    }
    let (Some(detail), Some(action)) = (text("detail"), text("action")) else {
        return Reading::Malformed(corrupt("it has no detail or no action"));
    };
    let stored = EventRecord { detail: detail.to_owned(), action: action.to_owned() };
    let outgoing = match Outgoing::read(stored) {
        Ok(outgoing) => outgoing,
        Err(fault) => return Reading::Malformed(fault),
    };
    let event = outgoing.event();
    let key = history::key(&TenantScope::of_event(event), event);
    let here = (text("pk"), text("sk")) == (Some(key.partition()), Some(key.sort()));
    if !here || event.action.as_str() != action {
        return Reading::Malformed(corrupt("it is not what its key says"));
    }
    Reading::Event(Box::new(outgoing))
}

fn corrupt(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt { what: "stream record", source: source.into() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// The stream's record of an event, made of the sample that the function is run with.
    pub(crate) fn sample(version: u64) -> Value {
        let text = include_str!("../../../events/relay.json");
        let mut record = serde_json::from_str::<Value>(text).unwrap()["Records"][0].take();
        let image = &mut record["dynamodb"]["NewImage"];
        image["sk"]["S"] = format!("{version:012}").into();
        let mut detail: Value = serde_json::from_str(image["detail"]["S"].as_str().unwrap()).unwrap();
        detail["version"] = version.into();
        image["detail"]["S"] = detail.to_string().into();
        record["dynamodb"]["SequenceNumber"] = (100 + version).to_string().into();
        record
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let record = sample(2);
        let Reading::Event(outgoing) = read(&record) else { panic!("{:?}", read(&record)) };
        assert_eq!(outgoing.event().version, 2);
        assert_eq!(sequence(&record), Some("102"));
    }

    #[test]
    fn what_is_no_new_event_is_left_alone() {
        for (at, value) in
            [("/eventName", "REMOVE"), ("/eventName", "MODIFY"), ("/dynamodb/NewImage/kind/S", "app")]
        {
            let mut record = sample(2);
            *record.pointer_mut(at).unwrap() = value.into();
            assert!(matches!(read(&record), Reading::Other), "{at}");
        }
        let expired = json!({"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "1", "Keys": {}}});
        assert!(matches!(read(&expired), Reading::Other));
    }

    #[test]
    fn an_event_that_is_not_whole_is_malformed() {
        for at in [
            "/dynamodb/NewImage/detail/S",
            "/dynamodb/NewImage/action/S",
            "/dynamodb/NewImage/pk/S",
            "/dynamodb/NewImage/sk/S",
        ] {
            let mut record = sample(2);
            *record.pointer_mut(at).unwrap() = "{}".into();
            assert!(matches!(read(&record), Reading::Malformed(_)), "{at}");
        }
        assert!(matches!(read(&json!({})), Reading::Malformed(_)));
        assert!(matches!(read(&Value::Null), Reading::Malformed(_)));
    }
}
