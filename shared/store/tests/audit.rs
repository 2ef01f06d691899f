//! The audit log: numbered without gaps whoever writes, one entry per event however often it comes, and rebuilt from evidence.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::platform::{Platform, event, scope, tenant};
use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;
use rookery_domain::audit::{Entry, ids_between};
use rookery_domain::event::{Event, Outcome};
use rookery_domain::id::EventId;
use rookery_domain::moment::Moment;
use rookery_store::audit::{self, Appended, Finding, Query};
use rookery_store::{Slice, StoreError, Transaction};
use serde_json::json;

fn entry(event: &Event) -> Entry {
    Entry::new(event).unwrap()
}

async fn append(platform: &Platform, event: &Event) -> Appended {
    audit::append(platform.table(), &scope(1), &entry(event)).await.unwrap()
}

/// Every entry that a question finds, page by page.
async fn all(platform: &Platform, query: &Query, limit: u32) -> Vec<(u64, EventId)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let slice = Slice { limit, after, ..Slice::default() };
        let page = audit::list(platform.table(), &scope(1), query, slice).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items.iter().map(|logged| (logged.seq, logged.event.id)));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_leave_no_gap_and_no_double() {
    let platform = Arc::new(Platform::new().await);
    let events: Arc<Vec<Event>> = Arc::new((0..30).map(|n| event(1, n, &json!({}))).collect());
    let mut writers = Vec::new();
    for writer in 0..6 {
        let (platform, events) = (platform.clone(), events.clone());
        // Every event is delivered twice, and each writer has another order.
        writers.push(tokio::spawn(async move {
            for step in 0..10 {
                append(&platform, &events[(writer * 5 + step * 7) % 30]).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for event in events.iter() {
        append(&platform, event).await;
    }
    let found = all(&platform, &Query::default(), 7).await;
    let numbers: BTreeSet<u64> = found.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=30).collect());
    assert_eq!(found.len(), 30);
    assert_eq!(platform.items(&format!("{}#audit-log", tenant(1))).await.len(), 30);
}

#[tokio::test]
async fn what_comes_again_changes_nothing() {
    let platform = Platform::new().await;
    let (first, second) = (event(1, 0, &json!({})), event(1, 1, &json!({})));
    assert_eq!(append(&platform, &second).await, Appended::New(1));
    assert_eq!(append(&platform, &first).await, Appended::New(2));
    let before = platform.items("").await;
    assert_eq!(append(&platform, &first).await, Appended::Known(2));
    assert_eq!(append(&platform, &second).await, Appended::Known(1));
    assert_eq!(platform.items("").await, before);
}

#[tokio::test]
async fn a_lost_entry_comes_back_with_its_number() {
    let platform = Platform::new().await;
    let events: Vec<Event> = (0..3).map(|n| event(1, n, &json!({}))).collect();
    for event in &events {
        append(&platform, event).await;
    }
    let before = platform.items("").await;
    platform.delete(&(format!("{}#audit", tenant(1)), events[1].id.to_string())).await;
    assert_eq!(append(&platform, &events[1]).await, Appended::Restored(2));
    assert_eq!(platform.items("").await, before);
}

#[tokio::test]
async fn another_event_under_a_known_id_is_refused() {
    let platform = Platform::new().await;
    let original = event(1, 0, &json!({}));
    append(&platform, &original).await;
    let before = platform.items("").await;
    let forged = event(1, 0, &json!({"actor": {"kind": "api_key", "id": "key_somebody_else"}}));
    let refused = audit::append(platform.table(), &scope(1), &entry(&forged)).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    assert_eq!(platform.items("").await, before);
}

#[tokio::test]
async fn tenants_are_numbered_apart_and_see_their_own() {
    let platform = Platform::new().await;
    append(&platform, &event(1, 0, &json!({}))).await;
    let other = event(2, 1, &json!({}));
    let appended = audit::append(platform.table(), &scope(2), &entry(&other)).await.unwrap();
    assert_eq!(appended, Appended::New(1));
    assert_eq!(all(&platform, &Query::default(), 10).await.len(), 1);
}

#[tokio::test]
async fn a_long_path_is_found_by_what_it_is() {
    let platform = Platform::new().await;
    let path = format!("/v1/{}", "a/".repeat(3000));
    let denied = event(1, 0, &json!({"outcome": "denied", "resource": {"kind": "attempted", "id": path}}));
    append(&platform, &denied).await;
    let query = Query { resource: Some(path), outcome: Some(Outcome::Denied), ..Query::default() };
    assert_eq!(all(&platform, &query, 10).await, [(1, denied.id)]);
}

/// An event that is also stored where events are.
async fn happen(platform: &Platform, event: &Event) {
    let mut transaction = Transaction::new();
    transaction.event(&scope(1), event).unwrap();
    platform.table().commit(&transaction).await.unwrap();
    append(platform, event).await;
}

#[tokio::test]
async fn the_trail_is_rebuilt_as_it_was() {
    let platform = Platform::new().await;
    // More than are dealt with at once.
    for n in 0..45 {
        happen(&platform, &event(1, n, &json!({}))).await;
    }
    let before = platform.items("").await;
    let evidence = [format!("{}#audit-log", tenant(1)), format!("{}#audit-head", tenant(1))];
    for key in
        before.keys().filter(|(partition, _)| partition.contains("#audit") && !evidence.contains(partition))
    {
        platform.delete(key).await;
    }
    assert!(all(&platform, &Query::default(), 10).await.is_empty());

    let rebuilt = audit::rebuild(platform.table(), &scope(1)).await.unwrap();
    assert_eq!((rebuilt.rows, rebuilt.restored, rebuilt.findings), (45, 45, vec![]));
    assert_eq!(platform.items("").await, before);
    let again = audit::rebuild(platform.table(), &scope(1)).await.unwrap();
    assert_eq!((again.restored, again.findings), (0, vec![]));
    assert_eq!(platform.items("").await, before);
}

#[tokio::test]
async fn tampering_is_told_and_evidence_is_kept() {
    let platform = Platform::new().await;
    let events: Vec<Event> = (0..6).map(|n| event(1, n, &json!({}))).collect();
    for event in &events {
        happen(&platform, event).await;
    }
    let before = platform.items("").await;
    let place =
        |event: &Event| (format!("{}#{}#ev", tenant(1), event.aggregate()), format!("{:012}", event.version));
    let text = |text: String| AttributeValue::S(text);
    // The second event is changed, the third is gone, the fifth's entry is changed, and one is made up.
    let mut changed = before[&place(&events[1])].clone();
    let detail = changed["detail"].as_s().unwrap().replace("app.update", "app.delete");
    changed.insert("detail".into(), text(detail));
    platform.put(changed).await;
    platform.delete(&place(&events[2])).await;
    let entries = format!("{}#audit", tenant(1));
    let mut entry = before[&(entries.clone(), events[4].id.to_string())].clone();
    let mut made_up = entry.clone();
    entry.insert("actor".into(), text("somebody else".into()));
    platform.put(entry).await;
    let foreign = event(1, 99, &json!({}));
    made_up.insert("sk".into(), text(foreign.id.to_string()));
    made_up.insert(
        "event".into(),
        text(String::from_utf8(Entry::new(&foreign).unwrap().bytes().to_vec()).unwrap()),
    );
    platform.put(made_up).await;
    // And the row of the sixth is cut out of the log.
    platform.delete(&(format!("{}#audit-log", tenant(1)), format!("{:016}", 4))).await;

    let rebuilt = audit::rebuild(platform.table(), &scope(1)).await.unwrap();
    let id = |n: usize| events[n].id;
    assert_eq!(
        rebuilt.findings,
        [
            Finding::Gap { seq: 4 },
            Finding::EventChanged { seq: 2, id: id(1) },
            Finding::EventMissing { seq: 3, id: id(2) },
            Finding::EntryChanged { seq: 5, id: id(4) },
            Finding::Foreign { id: id(3) },
            Finding::Foreign { id: foreign.id },
        ]
    );
    let after = platform.items(&entries).await;
    for kept in [1, 2, 4, 5] {
        let key = (entries.clone(), id(kept).to_string());
        assert_eq!(after[&key], before[&key], "entry {kept}");
    }
}

/// What events of the paging test are made of: actor, resource, action, denied.
type Made = (u8, u8, u8, bool);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is asked, the pages together hold what was asked for, all of it, newest first.
    #[test]
    fn pages_end_where_the_answer_ends(
        made in proptest::collection::vec(any::<Made>(), 0..25),
        actor in proptest::option::of(0_u8..2), resource in proptest::option::of(0_u8..2),
        action in proptest::option::of(0_u8..2), denied in proptest::option::of(any::<bool>()),
        span in proptest::option::of((0_i64..25, 1_i64..25)), limit in 1_u32..6,
    ) {
        let outcome = |denied| if denied { "denied" } else { "allowed" };
        let name = |kind: &str, n: u8| format!("{kind}.{}", n % 2);
        let events: Vec<Event> = made.iter().zip(0..).map(|((actor, resource, action, denied), n)| event(1, n, &json!({
            "actor": {"kind": "user", "id": name("actor", *actor)},
            "resource": {"kind": "app", "id": name("resource", *resource)},
            "action": name("action", *action), "outcome": outcome(*denied),
        }))).collect();
        let moment = |second: i64| Moment::from(jiff::Timestamp::from_second(super::platform::NOW + second).unwrap());
        let query = Query {
            actor: actor.map(|n| name("actor", n)),
            resource: resource.map(|n| name("resource", n)),
            action: action.map(|n| name("action", n)),
            outcome: denied.map(|denied| if denied { Outcome::Denied } else { Outcome::Allowed }),
            between: span.and_then(|(from, length)| ids_between(Some(moment(from)), Some(moment(from + length)))),
        };
        let seconds: Vec<(&Event, i64)> = events.iter().zip(0..).collect();
        let wanted: Vec<EventId> = seconds.into_iter().rev().filter(|(event, second)| {
            actor.is_none_or(|n| event.actor.id == name("actor", n))
                && resource.is_none_or(|n| event.resource.id == name("resource", n))
                && action.is_none_or(|n| event.action.as_str() == name("action", n))
                && denied.is_none_or(|denied| (event.outcome == Outcome::Denied) == denied)
                && span.is_none_or(|(from, length)| (from..from + length).contains(second))
        }).map(|(event, _)| event.id).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let platform = Platform::new().await;
            for event in &events {
                append(&platform, event).await;
            }
            all(&platform, &query, limit).await
        });
        prop_assert_eq!(found.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), wanted);
    }
}
