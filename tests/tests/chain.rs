//! The workers and the routes that show what they made, in one process: an operator's and a tenant's view of audit and usage.

use http::Method;
use rookery_domain::usage::{Meter, Tally};
use rookery_edge::{Context, Kind, SqsBatchResponse};
use rookery_tests::world::{Actor, World, all_routes};
use serde_json::{Value, json};

/// Hands messages to a worker, and answers which of them it reports as failed.
async fn deliver(context: &Context, worker: &str, bodies: &[String]) -> Vec<String> {
    let route = all_routes().into_iter().find(|route| route.handler == worker).expect("a worker");
    let Kind::Queue(work) = route.kind else { panic!("{worker} works through no queue") };
    let record = |(at, body): (usize, &String)| json!({"messageId": at.to_string(), "body": body});
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    let batch = serde_json::from_value(json!({"Records": records})).expect("a batch");
    let SqsBatchResponse { batch_item_failures, .. } = work(context.clone(), batch).await;
    batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn counted(world: &World, owner: &Actor, meter: Meter, count: u64) -> String {
    let mut tally = Tally::default();
    tally.add(owner.tenant.parse().expect("an id"), meter, world.context().now(), count);
    serde_json::to_string(&tally.take(world.context().new_id())).expect("a batch")
}

#[tokio::test]
async fn usage_is_told_by_hour_day_and_month() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let first = counted(&world, &owner, Meter::UpdateChecks, 5);
    world.wait(2 * 3600);
    let second = counted(&world, &owner, Meter::UpdateChecks, 7);
    let bytes = counted(&world, &owner, Meter::StoredBytes, 5_000_000_000);
    let failed =
        deliver(world.context(), "usage-worker", &[first.clone(), "{".into(), second, bytes, first]).await;
    assert_eq!(failed, ["1"], "only the malformed one goes back");

    let usage = world.get(&owner, "/v1/usage?granularity=hour&meter=update_checks").await.expect(200);
    assert_eq!(usage.body["totals"], json!({"update_checks": 12}));
    assert_eq!(
        usage.body["items"],
        json!([
            {"meter": "update_checks", "period": "2026-01-01T09", "from": "2026-01-01T09:00:00Z", "count": 5},
            {"meter": "update_checks", "period": "2026-01-01T11", "from": "2026-01-01T11:00:00Z", "count": 7},
        ])
    );
    let days = world.get(&owner, "/v1/usage").await.expect(200);
    assert_eq!(days.body["granularity"], "day");
    assert_eq!(days.body["items"].as_array().unwrap().len(), 2);
    let totals = json!({"api_calls": 0, "update_checks": 12, "reports": 0, "stored_bytes": 5_000_000_000_u64, "downloaded_bytes": 0});
    assert_eq!(days.body["totals"], totals);
    let none =
        world.get(&stranger, "/v1/usage?granularity=month&from=2025-12-01&to=2026-02-01").await.expect(200);
    assert_eq!(none.body["items"], json!([]));
}

#[tokio::test]
async fn a_question_for_usage_that_cannot_be_answered_is_told_why() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for (query, pointers) in [
        ("meter=tea", &["?meter"][..]),
        ("granularity=week&from=yesterday&colour=red", &["?granularity", "?from", "?colour"]),
        ("from=2026-01-01&to=2025-01-01", &["?to"]),
        ("from=2020-01-01", &["?from"]),
        ("granularity=hour&from=2025-10-01", &["?from"]),
        ("meter=reports&meter=reports", &["?meter"]),
    ] {
        let reply = world.get(&owner, &format!("/v1/usage?{query}")).await.expect(400);
        assert_eq!(reply.pointers(), pointers, "{query}");
    }
    let member = world.member(&owner, &["audit.read"]).await;
    world.get(&member, "/v1/usage").await.expect(403);
    world.get(&Actor::anonymous(), "/v1/usage").await.expect(401);
    world.call_with(&owner, Method::POST, "/v1/usage", Some(&json!({})), &[]).await.expect(405);
}

#[tokio::test]
async fn the_audit_trail_is_the_tenants_own_and_pages_within_its_question() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let event = |n: u64| {
        json!({"source": "rookery", "detail-type": "app.update", "detail": {
            "id": world.context().new_id::<rookery_domain::id::EventId>(), "tenant": owner.tenant, "action": "app.update",
            "resource": {"kind": "app", "id": format!("app_{}", n % 2)}, "version": n, "at": world.context().now(),
            "actor": {"kind": "api_key", "id": "key_1"}, "origin": {}, "outcome": "allowed"
        }})
        .to_string()
    };
    let mut bodies: Vec<String> = (0..7).map(event).collect();
    bodies.insert(3, bodies[0].replace("\"rookery\"", "\"elsewhere\""));
    assert_eq!(deliver(world.context(), "audit-worker", &bodies).await, ["3"]);

    let first = world.get(&owner, "/v1/audit/events?limit=3").await.expect(200);
    let numbers = |body: &Value| -> Vec<u64> {
        body["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&first.body), [7, 6, 5]);
    assert_eq!(first.body["items"][0]["changes"], json!([]));
    let cursor = first.text("/next_cursor");
    let rest = world.get(&owner, &format!("/v1/audit/events?limit=25&cursor={cursor}")).await.expect(200);
    assert_eq!((numbers(&rest.body), &rest.body["next_cursor"]), (vec![4, 3, 2, 1], &Value::Null));
    let odd = world.get(&owner, "/v1/audit/events?resource=app_1&actor=key_1").await.expect(200);
    assert_eq!(numbers(&odd.body), [6, 4, 2]);

    for path in ["resource=app_1&", "outcome=allowed&"] {
        let reply = world.get(&owner, &format!("/v1/audit/events?{path}cursor={cursor}")).await.expect(400);
        assert_eq!(reply.pointers(), ["?cursor"], "a cursor of another question");
    }
    assert_eq!(numbers(&world.get(&stranger, "/v1/audit/events").await.expect(200).body), [0_u64; 0]);
    world.get(&stranger, &format!("/v1/audit/events?cursor={cursor}")).await.expect(400);
    for (query, pointer) in [
        ("outcome=maybe", "?outcome"),
        ("from=soon", "?from"),
        ("to=2026-13-01", "?to"),
        ("limit=101", "?limit"),
        ("action=release.explode", "?action"),
        ("actor=%FF", "?actor"),
    ] {
        let reply = world.get(&owner, &format!("/v1/audit/events?{query}")).await.expect(400);
        assert_eq!(reply.pointers(), [pointer]);
    }
    for action in ["app.update", "tenant.sign_up", "api_key.use"] {
        world.get(&owner, &format!("/v1/audit/events?action={action}")).await.expect(200);
    }

    // The first nine bytes of a cursor say which question it is of, so here one of the right question points before its range.
    let range = "from=2000-01-01&limit=1";
    let cursor =
        world.get(&owner, &format!("/v1/audit/events?{range}")).await.expect(200).text("/next_cursor");
    world.get(&owner, &format!("/v1/audit/events?{range}&cursor={cursor}")).await.expect(200);
    let forged = format!("{}ZXZ0", &cursor[..12]);
    let reply = world.get(&owner, &format!("/v1/audit/events?{range}&cursor={forged}")).await.expect(400);
    assert_eq!(reply.pointers(), ["?cursor"]);
}
