//! Channels and releases.

use std::collections::BTreeSet;

use http::Method;
use rookery_domain::event::Event;
use rookery_store::TenantScope;
use rookery_store::history::EventRecord;
use rookery_tests::released_app::ReleasedApp;
use rookery_tests::world::{Actor, World};
use serde_json::{Value, json};

async fn start() -> (World, Actor, ReleasedApp) {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let hello = ReleasedApp::new(&world, &owner, "Hello").await;
    (world, owner, hello)
}

/// The events of a resource, oldest first.
async fn events(world: &World, owner: &Actor, resource: &str) -> Vec<Event> {
    let scope = TenantScope::founding(owner.tenant.parse().unwrap());
    let records: Vec<EventRecord> =
        world.context().table().unwrap().list_all(&scope.partition(&[resource, "ev"])).await.unwrap();
    records.iter().map(|record| record.event().unwrap()).collect()
}

fn states(list: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(|item| (text(item, "id"), text(item, "state"))).collect()
}

#[tokio::test]
async fn a_release_is_ramped_paused_resumed_and_concluded() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1.0.0").await;
    let made = hello
        .release(
            &world,
            &owner,
            package,
            json!({"rollout_bp": 100, "notes": "first", "config": {"": 1e-200}}),
        )
        .await
        .expect(201);
    let id = made.text("/id");
    assert_eq!(made.text("/state"), "active");
    assert_eq!(made.body["rollout_bp"], 100);
    assert_eq!(made.text("/package/version"), "1.0.0");
    assert_eq!(made.headers["etag"], "\"1\"");
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(path, hello.path(&format!("/releases/{id}")));

    for (verb, body, state, share) in [
        ("ramp", json!({"rollout_bp": 2500}), "active", 2500),
        ("pause", json!({}), "paused", 2500),
        ("ramp", json!({"rollout_bp": 5000}), "paused", 5000),
        ("resume", json!({}), "active", 5000),
        ("conclude", json!({}), "concluded", 10_000),
    ] {
        let after = hello.command(&world, &owner, &id, verb, body).await.expect(200);
        assert_eq!(
            (after.text("/state").as_str(), &after.body["rollout_bp"]),
            (state, &json!(share)),
            "{verb}"
        );
    }
    let read = world.get(&owner, &path).await.expect(200);
    assert_eq!(read.body["version"], 6);
    let verbs: Vec<&str> = read.body["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["command"].as_str().unwrap())
        .collect();
    assert_eq!(verbs, ["create", "ramp", "pause", "ramp", "resume", "conclude"]);
    assert_eq!(
        read.body["adoption"],
        json!({"downloaded": 0, "installed": 0, "launched": 0, "failed": 0, "rolled_back": 0})
    );
    assert_eq!(read.body["failures"], json!([]));
    assert_eq!(read.body["config"], json!({"": 1e-200}));

    let events = events(&world, &owner, &id).await;
    let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "release.create",
            "release.ramp",
            "release.pause",
            "release.ramp",
            "release.resume",
            "release.conclude"
        ]
    );
    let versions: Vec<u64> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    let ramp = serde_json::to_value(&events[1].changes).unwrap();
    assert_eq!(ramp, json!([{"field": "rollout_bp", "before": 100, "after": 2500}]));
}

#[tokio::test]
async fn what_the_state_rules_out_is_told_with_what_is_possible() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1").await;
    let id = hello.release(&world, &owner, package, json!({})).await.expect(201).text("/id");
    let resumed = hello.command(&world, &owner, &id, "resume", json!({})).await.expect(409);
    assert_eq!(resumed.problem(), "illegal-transition");
    let detail = resumed.text("/detail");
    assert!(detail.contains("active") && detail.contains("ramp, pause, conclude, rollback"), "{detail}");
    hello.command(&world, &owner, &id, "conclude", json!({})).await.expect(200);
    for (verb, body) in [
        ("ramp", json!({"rollout_bp": 1})),
        ("pause", json!({})),
        ("resume", json!({})),
        ("conclude", json!({})),
    ] {
        let reply = hello.command(&world, &owner, &id, verb, body).await.expect(409);
        assert_eq!(reply.problem(), "illegal-transition", "{verb}");
    }
    assert_eq!(events(&world, &owner, &id).await.len(), 2, "what is refused leaves no event");
}

#[tokio::test]
async fn rolling_back_mints_a_release_of_the_earlier_package() {
    let (world, owner, hello) = start().await;
    let (first, second) = (hello.package(&world, "1").await, hello.package(&world, "2").await);
    let good = hello.release(&world, &owner, first, json!({})).await.expect(201).text("/id");
    let bad =
        hello.release(&world, &owner, second, json!({"rollout_bp": 2500})).await.expect(201).text("/id");
    let minted =
        hello.command(&world, &owner, &bad, "rollback", json!({"notes": "it crashed"})).await.expect(201);
    let id = minted.text("/id");
    assert!(id > bad && minted.headers["location"].to_str().unwrap().ends_with(&id));
    assert_eq!(minted.text("/package/id"), first.to_string());
    assert_eq!(minted.body["kind"], json!({"type": "rollback", "of": bad, "restores": good}));
    assert_eq!((minted.text("/notes").as_str(), &minted.body["rollout_bp"]), ("it crashed", &json!(10_000)));

    let ended = world.get(&owner, &hello.path(&format!("/releases/{bad}"))).await.expect(200);
    assert_eq!(ended.text("/state"), "rolled_back");
    let reply = hello.command(&world, &owner, &bad, "rollback", json!({})).await.expect(409);
    assert_eq!(reply.problem(), "illegal-transition");

    // One event, of the release that was rolled back, tells both.
    let told = events(&world, &owner, &bad).await;
    assert_eq!(told.last().unwrap().action.as_str(), "release.rollback");
    let replacement =
        told.last().unwrap().changes.iter().find(|change| change.field == "replacement").unwrap();
    assert_eq!(replacement.after["id"], json!(id));
    assert!(events(&world, &owner, &id).await.is_empty());
    hello.command(&world, &owner, &id, "pause", json!({})).await.expect(200);
    assert_eq!(events(&world, &owner, &id).await[0].version, 2);
}

#[tokio::test]
async fn only_an_earlier_release_of_the_channel_can_be_gone_back_to() {
    let (world, owner, hello) = start().await;
    world.post(&owner, &hello.path("/channels"), json!({"name": "beta"})).await.expect(201);
    let (one, two) = (hello.package(&world, "1").await, hello.package(&world, "2").await);
    let only = hello.release(&world, &owner, one, json!({})).await.expect(201).text("/id");
    let nowhere = hello.command(&world, &owner, &only, "rollback", json!({})).await.expect(409);
    assert_eq!(nowhere.problem(), "nothing-to-restore");

    let beta = hello.release(&world, &owner, one, json!({"channel": "beta"})).await.expect(201).text("/id");
    let middle = hello.release(&world, &owner, two, json!({})).await.expect(201).text("/id");
    let last = hello.release(&world, &owner, one, json!({})).await.expect(201).text("/id");
    for to in [&beta, &middle, &last, "rel_01h455vb4pex5vsknk084sn02q"] {
        let reply = hello.command(&world, &owner, &middle, "rollback", json!({"to": to})).await.expect(422);
        assert_eq!(reply.pointers(), ["/to"], "{}", reply.body);
    }
    let minted = hello.command(&world, &owner, &last, "rollback", json!({"to": only})).await.expect(201);
    assert_eq!(minted.text("/kind/restores"), only);
}

#[tokio::test]
async fn concluding_supersedes_what_came_before() {
    let (world, owner, hello) = start().await;
    let mut ids = Vec::new();
    for version in ["1", "2", "3"] {
        let package = hello.package(&world, version).await;
        ids.push(hello.release(&world, &owner, package, json!({})).await.expect(201).text("/id"));
    }
    hello.command(&world, &owner, &ids[1], "conclude", json!({})).await.expect(200);
    let list = world.get(&owner, &hello.path("/releases")).await.expect(200);
    let expected = [(&ids[2], "active"), (&ids[1], "concluded"), (&ids[0], "superseded")];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(id, state)| ((*id).clone(), (*state).to_owned())).collect();
    assert_eq!(states(&list.body), expected);
    let event = events(&world, &owner, &ids[1]).await.pop().unwrap();
    let superseded = event.changes.iter().find(|change| change.field == "superseded").unwrap();
    assert_eq!(superseded.after, json!([ids[0]]));
}

#[tokio::test]
async fn releases_are_listed_by_channel_and_state_in_pages() {
    let (world, owner, hello) = start().await;
    world.post(&owner, &hello.path("/channels"), json!({"name": "beta"})).await.expect(201);
    let package = hello.package(&world, "1").await;
    for n in 0..12 {
        let channel = if n % 4 == 0 { "beta" } else { "production" };
        hello
            .release(&world, &owner, package, json!({"channel": channel, "rollout_bp": n}))
            .await
            .expect(201);
    }
    let path = hello.path("/releases");
    let beta = world.get(&owner, &format!("{path}?channel=beta&state=active&limit=2")).await.expect(200);
    assert_eq!(beta.body["items"].as_array().unwrap().len(), 2);
    let cursor = beta.text("/next_cursor");
    let rest = world
        .get(&owner, &format!("{path}?channel=beta&state=active&limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest.body["next_cursor"], Value::Null);
    let reply = world.get(&owner, &format!("{path}?limit=2&cursor={cursor}")).await.expect(400);
    assert_eq!(reply.pointers(), ["?cursor"]);
    let faulty =
        world.get(&owner, &format!("{path}?state=sleeping&channel=No&limit=0&colour=red")).await.expect(400);
    assert_eq!(faulty.pointers().into_iter().collect::<BTreeSet<_>>().len(), 4);

    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = world.get(&owner, &format!("{path}?limit=5{next}")).await.expect(200);
        seen.extend(states(&page.body).into_iter().map(|(id, _)| id));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 12);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
}

#[tokio::test]
async fn what_is_not_of_the_app_cannot_be_released() {
    let (world, owner, hello) = start().await;
    let other = ReleasedApp::new(&world, &owner, "Other").await;
    let (own, foreign) = (hello.package(&world, "1").await, other.package(&world, "1").await);
    let reply = hello.release(&world, &owner, foreign, json!({})).await.expect(422);
    assert_eq!(reply.pointers(), ["/package_id"]);
    let reply = hello.release(&world, &owner, own, json!({"channel": "beta"})).await.expect(422);
    assert_eq!(reply.pointers(), ["/channel"]);
    let reply =
        hello.release(&world, &owner, own, json!({"target": {"platforms": ["tv"]}})).await.expect(422);
    assert_eq!(reply.pointers(), ["/target/platforms"]);
    let body = json!({"package_id": "pkg_x", "channel": "No", "rollout_bp": 10_001, "mandatory": "yes",
        "target": {"colour": 1}, "config": [], "notes": 7, "state": "active"});
    let reply = world.post(&owner, &hello.path("/releases"), body).await.expect(422);
    assert_eq!(reply.pointers().len(), 8, "{}", reply.body);
    for points in [json!(-1), json!(10_001), json!(0.5), json!("1"), Value::Null] {
        let id = hello.release(&world, &owner, own, json!({})).await.expect(201).text("/id");
        let reply =
            hello.command(&world, &owner, &id, "ramp", json!({"rollout_bp": points})).await.expect(422);
        assert_eq!(reply.pointers(), ["/rollout_bp"]);
    }
}

#[tokio::test]
async fn a_stranger_finds_nothing_and_a_reader_changes_nothing() {
    let (world, owner, hello) = start().await;
    let stranger = world.sign_up().await;
    let package = hello.package(&world, "1").await;
    let id = hello.release(&world, &owner, package, json!({})).await.expect(201).text("/id");
    let releases = hello.path("/releases");
    for path in [hello.path("/channels"), releases.clone(), format!("{releases}/{id}")] {
        world.get(&stranger, &path).await.expect(404);
        world.get(&Actor::anonymous(), &path).await.expect(401);
    }
    let reader = world.member(&owner, &["release.read", "release.list"]).await;
    for verb in ["ramp", "pause", "resume", "conclude", "rollback"] {
        let body = if verb == "ramp" { json!({"rollout_bp": 1}) } else { json!({}) };
        hello.command(&world, &stranger, &id, verb, body.clone()).await.expect(404);
        hello.command(&world, &reader, &id, verb, body).await.expect(403);
    }
    hello.release(&world, &stranger, package, json!({})).await.expect(404);
    hello.release(&world, &reader, package, json!({})).await.expect(403);
    let read = world.get(&reader, &format!("{releases}/{id}")).await.expect(200);
    assert_eq!(read.body["version"], 1);
}

#[tokio::test]
async fn a_stale_if_match_and_a_repeated_request_change_nothing() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1").await;
    let id = hello.release(&world, &owner, package, json!({})).await.expect(201).text("/id");
    let path = hello.path(&format!("/releases/{id}"));
    let body = json!({"rollout_bp": 5000});
    let ramp = format!("{path}/ramp");
    let stale = world.call_with(&owner, Method::POST, &ramp, Some(&body), &[("if-match", "\"7\"")]).await;
    assert_eq!(stale.expect(412).problem(), "precondition-failed");
    let key = [("idempotency-key", "once"), ("if-match", "\"1\"")];
    let first = world.call_with(&owner, Method::POST, &ramp, Some(&body), &key).await.expect(200);
    let again = world.call_with(&owner, Method::POST, &ramp, Some(&body), &key).await.expect(200);
    assert_eq!((first.body, &first.headers["etag"]), (again.body, &again.headers["etag"]));
    let other = world.call_with(&owner, Method::POST, &ramp, Some(&json!({"rollout_bp": 1})), &key).await;
    other.expect(409);
    assert_eq!(world.get(&owner, &path).await.expect(200).body["version"], 2);
}

#[tokio::test]
async fn of_two_commands_at_once_each_is_done_wholly_or_not_at_all() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1").await;
    let id = hello.release(&world, &owner, package, json!({})).await.expect(201).text("/id");
    let (left, right) = tokio::join!(
        hello.command(&world, &owner, &id, "pause", json!({})),
        hello.command(&world, &owner, &id, "conclude", json!({})),
    );
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", left.body, right.body);
    assert_eq!(events(&world, &owner, &id).await.len(), 2);
}

#[tokio::test]
async fn releases_of_one_channel_do_not_get_in_each_others_way() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1").await;
    let (a, b, c, d) = tokio::join!(
        hello.release(&world, &owner, package, json!({})),
        hello.release(&world, &owner, package, json!({})),
        hello.release(&world, &owner, package, json!({})),
        hello.release(&world, &owner, package, json!({})),
    );
    let ids: Vec<String> = [a, b, c, d].into_iter().map(|reply| reply.expect(201).text("/id")).collect();
    let (pause, ramp, conclude) = tokio::join!(
        hello.command(&world, &owner, &ids[0], "pause", json!({})),
        hello.command(&world, &owner, &ids[1], "ramp", json!({"rollout_bp": 0})),
        hello.command(&world, &owner, &ids[3], "pause", json!({})),
    );
    for reply in [pause, ramp, conclude] {
        reply.expect(200);
    }
}

#[tokio::test]
async fn a_channel_that_is_only_released_to_makes_room_by_itself() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1").await;
    for _ in 0..23 {
        hello.release(&world, &owner, package, json!({})).await.expect(201);
    }
    let path = hello.path("/releases?limit=100");
    let list = states(&world.get(&owner, &path).await.expect(200).body);
    assert_eq!(list.iter().filter(|(_, state)| state == "active").count(), 20);
    assert!(list[20..].iter().all(|(_, state)| state == "superseded"), "the oldest go first");

    world.post(&owner, &hello.path("/channels"), json!({"name": "split"})).await.expect(201);
    let partial = json!({"channel": "split", "rollout_bp": 500});
    for _ in 0..20 {
        hello.release(&world, &owner, package, partial.clone()).await.expect(201);
    }
    let full = hello.release(&world, &owner, package, partial).await.expect(409);
    assert_eq!(full.problem(), "too-many-live-releases");
}

#[tokio::test]
async fn channels_are_made_once_and_listed_by_name() {
    let (world, owner, hello) = start().await;
    let path = hello.path("/channels");
    let made = world.post(&owner, &path, json!({"name": "beta"})).await.expect(201);
    assert_eq!((made.text("/name"), made.text("/app_id")), ("beta".into(), hello.app.id.to_string()));
    assert_eq!(
        world.post(&owner, &path, json!({"name": "beta"})).await.expect(409).problem(),
        "already-exists"
    );
    for name in [json!("Beta"), json!(""), json!("a b"), json!(7), json!("x".repeat(65))] {
        assert_eq!(world.post(&owner, &path, json!({"name": name})).await.expect(422).pointers(), ["/name"]);
    }
    let (left, right) = tokio::join!(
        world.post(&owner, &path, json!({"name": "twin"})),
        world.post(&owner, &path, json!({"name": "twin"})),
    );
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let list = world.get(&owner, &format!("{path}?limit=2")).await.expect(200);
    let cursor = list.text("/next_cursor");
    let rest = world.get(&owner, &format!("{path}?limit=2&cursor={cursor}")).await.expect(200);
    let names: Vec<&str> = [&list, &rest]
        .iter()
        .flat_map(|page| page.body["items"].as_array().unwrap())
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["beta", "production", "twin"]);
    let event = events(&world, &owner, &format!("{}/beta", hello.app.id)).await.pop().unwrap();
    assert_eq!((event.action.as_str(), event.resource.kind.as_ref()), ("channel.create", "channel"));
}
