//! The chain on the deployed stack: what happens to events, batches and reports between the table and those who act on them,
//! when deliveries come twice, in another order, malformed, or to a worker that dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::stack_chain::{
    Table, assert_without_gaps, delivered, drained, entries, event, new_tenant, numbers, operator, processes,
    queue, send, signal, suffix,
};
use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use jiff::Timestamp;
use rookery_domain::event::Event;
use rookery_domain::hash::Sha256;
use rookery_operations::{redrive, replay};
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::Actor;
use serde_json::{Value, json};

/// The audit trail as the API lists it.
async fn trail(stack: &Stack, owner: &Actor, query: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = stack.get(owner, &format!("/v1/audit/events?limit=3{query}{cursor}")).await.expect(200);
        found.extend(page.body["items"].as_array().expect("items").clone());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

async fn trail_of(stack: &Stack, owner: &Actor, count: usize) -> Vec<Value> {
    eventually("the audit trail is complete", async || {
        let found = trail(stack, owner, "").await;
        if found.len() == count { Ok(found) } else { Err(format!("{} of {count}: {found:?}", found.len())) }
    })
    .await
}

/// The leaf hash of an entry as its documentation says anybody can find it.
fn leaf(entry: &Value) -> String {
    let mut event = entry.as_object().expect("an object").clone();
    event.remove("seq");
    event.remove("leaf_hash");
    for name in ["changes", "measures"] {
        if event[name].as_array().is_some_and(Vec::is_empty) || event[name] == json!({}) {
            event.remove(name);
        }
    }
    let event: Event = serde_json::from_value(Value::Object(event)).expect("an event");
    let entry = rookery_domain::audit::Entry::new(&event).expect("an entry");
    Sha256::of_parts(&[&[0], entry.bytes()]).to_string()
}

#[tokio::test]
async fn every_mutation_leaves_one_event_and_one_entry() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let owner = stack.sign_up().await;
    let headers = [
        ("x-request-id", "chain-1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let made = stack
        .call_with(&owner, Method::POST, "/v1/organizations", Some(&json!({"name": "Second"})), &headers)
        .await
        .expect(201);
    let path = format!("/v1/organizations/{}", made.text("/id"));
    stack.call_with(&owner, Method::PATCH, &path, Some(&json!({"name": "Renamed"})), &[]).await.expect(200);
    let member = stack.member(&owner, &["organization.read"]).await;
    // Three attempts that change nothing: one denied, which is told, and two that are faulty, which are not.
    stack.call_with(&member, Method::DELETE, &path, None, &[]).await.expect(403);
    stack.post(&owner, "/v1/organizations", json!({"name": "Renamed"})).await.expect(409);
    stack.post(&owner, "/v1/organizations", json!({"name": 7})).await.expect(422);
    stack.call_with(&owner, Method::DELETE, &path, None, &[]).await.expect(204);

    let entries = trail_of(&stack, &owner, 6).await;
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = [
        "organization.delete",
        "organization.delete",
        "api_key.create",
        "organization.update",
        "organization.create",
        "tenant.sign_up",
    ];
    assert_eq!(actions, expected, "newest first");
    assert_eq!(table.events(&owner.tenant).await.len(), 6);
    let seen: BTreeSet<u64> = entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seen, (1..=6).collect());
    for entry in &entries {
        assert_eq!(leaf(entry), entry["leaf_hash"], "{entry}");
    }

    let denied = trail(&stack, &owner, "&outcome=denied").await;
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["resource"]["id"], made.text("/id"));
    let own = trail(&stack, &owner, &format!("&resource={}&outcome=allowed", made.text("/id"))).await;
    assert_eq!(own.len(), 3);
    let created = &own[2];
    assert_eq!(
        (&created["origin"]["request_id"], &created["origin"]["trace_parent"]),
        (&json!("chain-1"), &json!(headers[1].1))
    );
    assert_eq!(own[1]["changes"], json!([{"field": "name", "before": "Second", "after": "Renamed"}]));
    assert_eq!(trail(&stack, &owner, "&action=api_key.create").await.len(), 1);
    let by_member = format!("&actor={}", denied[0]["actor"]["id"].as_str().unwrap());
    assert_eq!(trail(&stack, &owner, &by_member).await.len(), 1);
    assert_eq!(trail(&stack, &owner, "&to=2026-01-01").await.len(), 0);
    let fault = stack.get(&owner, "/v1/audit/events?from=2026-02-01&to=2026-01-01").await.expect(400);
    assert_eq!(fault.pointers(), ["?to"]);
}

#[tokio::test]
async fn what_is_delivered_again_in_another_order_changes_nothing() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let (forward, backward) = (new_tenant(1), new_tenant(2));
    let batch = |tenant: &str, n: u64| {
        let count = json!({"tenant": tenant, "meter": "update_checks", "hour": format!("2026-11-{:02}T09", 1 + n % 3), "count": n});
        json!({"id": format!("evt_{}", suffix(n)), "counts": [count]}).to_string()
    };
    let events: Vec<Value> = (1..=6).map(|n| event(&forward, n)).collect();
    let batches: Vec<String> = (1..=6).map(|n| batch(&forward, n)).collect();
    // The same for the other tenant, the other way round, each twice.
    let in_name_of = |text: String| text.replace(&forward, &backward);
    for (event, batch) in events.iter().zip(&batches) {
        send(&stack, "audit", &delivered(event)).await;
        send(&stack, "usage", batch).await;
    }
    for (event, batch) in events.iter().zip(&batches).rev() {
        for _ in 0..2 {
            send(&stack, "audit", &in_name_of(delivered(event))).await;
            send(&stack, "usage", &in_name_of(batch.clone())).await;
        }
    }
    let (one, other) = (entries(&table, &forward, 6).await, entries(&table, &backward, 6).await);
    assert_without_gaps(&one);
    assert_without_gaps(&other);
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    drained(&stack, "usage").await;
    let counters = async |tenant: &str| {
        let items = table.items(tenant, "usage#").await.into_iter();
        items
            .map(|((_, sort), item)| (sort, item["count"].as_n().unwrap().clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let counted = counters(&forward).await;
    assert_eq!(counted["month#2026-11"], "21");
    assert_eq!(counted, counters(&backward).await);

    let before = table.items(&forward, "").await;
    for (event, batch) in events.iter().zip(&batches) {
        send(&stack, "audit", &delivered(event)).await;
        send(&stack, "usage", batch).await;
    }
    drained(&stack, "audit").await;
    drained(&stack, "usage").await;
    assert_eq!(table.items(&forward, "").await, before);
}

#[tokio::test]
async fn a_malformed_message_is_parked_and_its_companions_are_not() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let tenant = new_tenant(3);
    let poison = format!("{{\"counts\": \"{tenant}\"}}");
    let batch = |n: u64| {
        let count = json!({"tenant": tenant, "meter": "api_calls", "hour": "2026-11-21T09", "count": 1});
        json!({"id": format!("evt_{}", suffix(n)), "counts": [count]}).to_string()
    };
    for body in [batch(1), poison.clone(), batch(2), batch(3)] {
        send(&stack, "usage", &body).await;
    }
    eventually("its companions are counted", async || {
        let items = table.items(&tenant, "usage#api_calls").await;
        let hour = items.get(&(format!("{tenant}#usage#api_calls"), "hour#2026-11-21T09".to_owned()));
        let count = hour.map_or("nothing", |item| item["count"].as_n().unwrap());
        if count == "3" { Ok(()) } else { Err(count.to_owned()) }
    })
    .await;
    let clients = stack.operator();
    let dead_letters = queue(&stack, "usage_dead_letters");
    let parked = eventually("the malformed one is parked", async || {
        let request = clients.queues().receive_message().queue_url(&dead_letters).max_number_of_messages(10);
        let answer = request.visibility_timeout(1).send().await.expect("an answer");
        let found = answer.messages.unwrap_or_default();
        found
            .into_iter()
            .find(|message| message.body() == Some(&poison))
            .ok_or_else(|| "not there yet".to_owned())
    })
    .await;
    let request = clients.queues().delete_message().queue_url(&dead_letters);
    request.set_receipt_handle(parked.receipt_handle).send().await.expect("it is taken away");
}

#[tokio::test]
async fn a_parked_message_comes_home() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let tenant = new_tenant(4);
    // Something is wrong with the tenant's log, so that nothing can be appended.
    let text = |text: String| AttributeValue::S(text);
    let head = (format!("{tenant}#audit-head"), "-".to_owned());
    let broken =
        [("pk", text(head.0.clone())), ("sk", text(head.1.clone())), ("next_seq", text("what?".into()))];
    table.put(broken.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).await;
    let lost = event(&tenant, 1);
    send(&stack, "audit", &delivered(&lost)).await;
    let id = lost["id"].as_str().unwrap().to_owned();
    let clients = stack.operator();
    eventually("it is parked", async || {
        let request = clients.queues().receive_message().queue_url(queue(&stack, "audit_dead_letters"));
        // Hidden from nobody, for it is to be sent home at once.
        let answer =
            request.max_number_of_messages(10).visibility_timeout(0).send().await.expect("an answer");
        let found = answer.messages.unwrap_or_default();
        let is_it = |body: Option<&str>| body.is_some_and(|body| body.contains(&id));
        if found.iter().any(|message| is_it(message.body())) {
            Ok(())
        } else {
            Err("not there yet".to_owned())
        }
    })
    .await;
    assert!(numbers(&table, &tenant).await.is_empty());

    // It is mended, and the message sent again.
    table.delete(&head).await;
    let moved = redrive(&operator(), "audit").await.expect("it is moved");
    assert!(moved >= 1);
    let found = entries(&table, &tenant, 1).await;
    assert_eq!(found, BTreeMap::from([(id, 1)]));
}

#[tokio::test]
async fn a_worker_killed_in_the_midst_loses_nothing() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let tenant = new_tenant(5);
    let events: Vec<Value> = (1..=40).map(|n| event(&tenant, n)).collect();
    for event in &events {
        send(&stack, "audit", &delivered(event)).await;
    }
    let killed = AtomicUsize::new(0);
    let found = eventually("every event is logged", async || {
        let found = numbers(&table, &tenant).await.len();
        // Fewer kills than a message has attempts.
        let kills = killed.load(Ordering::Relaxed);
        if kills < 3 && found > kills * 8 {
            for id in processes(&stack, "AuditWorkerFunction") {
                signal(id, "-KILL");
            }
            killed.store(kills + 1, Ordering::Relaxed);
        }
        if found == events.len() {
            Ok(numbers(&table, &tenant).await)
        } else {
            Err(format!("{found} entries"))
        }
    })
    .await;
    assert!(killed.into_inner() > 0, "a worker was killed while it worked");
    assert_without_gaps(&found);
    let wanted: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
    assert_eq!(table.items(&tenant, "audit-log").await.len(), events.len());
}

#[tokio::test]
async fn reports_count_once_and_those_of_unknown_releases_not_at_all() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let (tenant, app) = (new_tenant(6), format!("app_{}", suffix(6)));
    let (known, unknown) = (format!("rel_{}", suffix(6)), format!("rel_{}", suffix(7)));
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let release =
        [("pk", text(&format!("{tenant}#{app}#release"))), ("sk", text(&known)), ("id", text(&known))];
    table.put(release.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).await;

    let report = |device: u64, release: &str, event: &str| {
        let mut report = json!({"device_id": format!("d{device}"), "release_id": release, "event": event, "at": Timestamp::now()});
        if event == "failed" {
            report["reason"] = json!("signature mismatch");
        }
        report
    };
    let delivery = |reports: Vec<Value>| {
        json!({
            "tenant": tenant, "app": app, "app_key": format!("ak_{}", suffix(6)), "received_at": Timestamp::now(),
            "request_id": "req-1", "reports": reports,
        })
        .to_string()
    };
    let first = delivery(vec![
        report(1, &known, "installed"),
        report(2, &known, "failed"),
        report(1, &unknown, "installed"),
    ]);
    let second = delivery(vec![
        report(1, &known, "installed"),
        report(3, &known, "installed"),
        report(3, &known, "failed"),
    ]);
    for body in [&first, &second, &first] {
        send(&stack, "reports", body).await;
    }
    drained(&stack, "reports").await;
    let counts = async |release: &str, what: &str| {
        let items = table.items(&tenant, &format!("{release}#{what}")).await.into_values();
        items.map(|item| item["count"].as_n().unwrap().clone()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&known, "adoption").await, ["2", "2"], "two failed, two installed");
    assert_eq!(counts(&known, "failure").await, ["2"]);
    assert!(table.items(&tenant, &unknown).await.is_empty());
}

#[tokio::test]
async fn audit_and_usage_are_rebuilt_as_they_were() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let owner = stack.sign_up().await;
    for n in 0..4 {
        stack
            .post(&owner, "/v1/organizations", json!({"name": format!("Organization {n}")}))
            .await
            .expect(201);
    }
    // The table tells when the trail is complete, so that the calls are as many as they are here: four, and two pages.
    entries(&table, &owner.tenant, 5).await;
    let trail_before = trail(&stack, &owner, "").await;
    assert_eq!(trail_before.len(), 5);
    let settled = eventually("every call is counted", async || {
        let usage = table.items(&owner.tenant, "usage").await;
        let months = usage.iter().filter(|((partition, sort), _)| {
            partition.ends_with("#usage#api_calls") && sort.starts_with("month#")
        });
        let counted: u64 =
            months.map(|(_, item)| item["count"].as_n().unwrap().parse::<u64>().unwrap()).sum();
        if counted == 6 { Ok(usage) } else { Err(format!("{counted} calls")) }
    })
    .await;
    let audit = table.items(&owner.tenant, "audit").await;

    let evidence = [format!("{}#audit-log", owner.tenant), format!("{}#audit-head", owner.tenant)];
    let batches = format!("{}#usage-batch", owner.tenant);
    for key in audit.keys().filter(|(partition, _)| !evidence.contains(partition)) {
        table.delete(key).await;
    }
    for key in settled.keys().filter(|(partition, _)| *partition != batches) {
        table.delete(key).await;
    }
    let tenant = owner.tenant.parse().unwrap();
    let replayed = replay(&operator(), Some(tenant)).await.expect("a replay");
    assert!(replayed.is_sound(), "{:?}", replayed.lines());
    // A message that is delivered again meanwhile restores its entry by itself; what is there in the end is compared below.
    assert_eq!(replayed.tenants[0].audit.rows, 5);
    assert!((1..=5).contains(&replayed.tenants[0].audit.restored), "{:?}", replayed.lines());
    assert_eq!(table.items(&owner.tenant, "audit").await, audit);
    assert_eq!(table.items(&owner.tenant, "usage").await, settled);
    assert_eq!(trail(&stack, &owner, "").await, trail_before);

    // An event that never got onto the bus: it is written as something else first, which the stream's filter leaves out.
    let mut lost = event(&owner.tenant, 1);
    lost["at"] = json!(Timestamp::now() - jiff::SignedDuration::from_mins(5));
    lost["resource"]["id"] = json!(format!("app_{}", suffix(9)));
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let partition = format!("{}#{}#ev", owner.tenant, lost["resource"]["id"].as_str().unwrap());
    let item = |kind: &str| {
        [
            ("pk", text(&partition)),
            ("sk", text("000000000001")),
            ("kind", text(kind)),
            ("detail", text(&lost.to_string())),
            ("action", text("app.update")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    };
    table.put(item("held back")).await;
    table.put(item("event")).await;
    let replayed = replay(&operator(), Some(tenant)).await.expect("a replay");
    assert_eq!(replayed.events.published, 1, "{:?}", replayed.lines());
    let found = trail_of(&stack, &owner, 6).await;
    assert!(found.iter().any(|entry| entry["id"] == lost["id"]));
}

#[tokio::test]
async fn what_the_stream_cannot_tell_goes_to_the_failure_queue_and_holds_nothing_up() {
    let (stack, table) = (Stack::connect(), Table::of(&Stack::connect()));
    let owner = stack.sign_up().await;
    let mark = suffix(7);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let key = (format!("{}#app_{mark}#ev", owner.tenant), "000000000001".to_owned());
    let item = [
        ("pk", text(&key.0)),
        ("sk", text(&key.1)),
        ("kind", text("event")),
        ("detail", text("{\"half\": ")),
        ("action", text("app.update")),
    ];
    table.put(item.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).await;
    stack.post(&owner, "/v1/organizations", json!({"name": "Behind it"})).await.expect(201);
    trail_of(&stack, &owner, 2).await;
    let clients = stack.operator();
    let failures = queue(&stack, "relay_failures");
    let parked = eventually("it is parked", async || {
        let request = clients.queues().receive_message().queue_url(&failures).max_number_of_messages(10);
        let answer = request.visibility_timeout(1).send().await.expect("an answer");
        let is_it = |body: Option<&str>| body.is_some_and(|body| body.contains(&mark));
        let found = answer.messages.unwrap_or_default();
        found.into_iter().find(|message| is_it(message.body())).ok_or_else(|| "not there yet".to_owned())
    })
    .await;
    let body: Value = serde_json::from_str(parked.body().unwrap()).unwrap();
    assert!(body["reason"].as_str().unwrap().contains("cannot be read"), "{body}");
    let request = clients.queues().delete_message().queue_url(&failures);
    request.set_receipt_handle(parked.receipt_handle).send().await.expect("it is taken away");
    table.delete(&key).await;
}
