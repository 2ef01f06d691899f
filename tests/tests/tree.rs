//! Divisions: the tree of an organization.

use http::Method;
use rookery_domain::node::{DEEPEST, NodeId};
use rookery_domain::role::Predefined;
use rookery_store::node;
use rookery_tests::place::{Place, names};
use rookery_tests::world::{Actor, TABLE, World};
use serde_json::{Value, json};

#[tokio::test]
async fn a_division_is_made_changed_and_deleted() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let made = place.ask_division(owner, "North", None).await.expect(201);
    let (id, path) = (made.text("/id"), made.headers["location"].to_str().unwrap().to_owned());
    assert_eq!(path, format!("/v1/divisions/{id}"));
    assert_eq!(made.body["organization_id"], json!(place.organization));
    assert_eq!((&made.body["parent_id"], &made.headers["etag"]), (&Value::Null, &"\"1\"".parse().unwrap()));
    assert_eq!(world.get(owner, &path).await.expect(200).body, made.body);

    let changed = world.patch(owner, &path, json!({"name": "South", "code": "S-1"})).await.expect(200);
    assert_eq!((changed.text("/name"), changed.text("/code")), ("South".into(), "S-1".into()));
    let same = world.patch(owner, &path, json!({"code": "S-1"})).await.expect(200);
    assert_eq!(same.body["version"], 2, "what changes nothing is no change");
    let stale = [("if-match", "\"1\"")];
    let body = json!({"name": "West"});
    world.call_with(owner, Method::PATCH, &path, Some(&body), &stale).await.expect(412);
    world.call_with(owner, Method::DELETE, &path, None, &stale).await.expect(412);
    let body = json!({"parent_id": null});
    world.call_with(owner, Method::POST, &format!("{path}/move"), Some(&body), &stale).await.expect(412);
    // Name and code of before are free again.
    place.ask_division(owner, "North", None).await.expect(201);

    world.delete(owner, &path).await.expect(204);
    world.get(owner, &path).await.expect(404);
    assert_eq!(place.history(&id).await, ["division.create", "division.update", "division.delete"]);
    let list = world.get(owner, &format!("/v1/organizations/{}/divisions", place.organization)).await;
    assert_eq!(names(&list), ["North"]);
}

#[tokio::test]
async fn names_are_unique_among_siblings_and_codes_in_the_organization() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let path = format!("/v1/organizations/{}/divisions", place.organization);
    let north = place.division("North", None).await;
    let ask = |name: &'static str, code: &'static str, parent: Option<String>| {
        let path = path.clone();
        async move { world.post(owner, &path, json!({"name": name, "code": code, "parent_id": parent})).await }
    };
    let taken = ask("nORTH", "x", None).await.expect(409);
    assert_eq!(
        (taken.problem().as_str(), taken.text("/detail").as_str()),
        ("already-exists", "this name is taken")
    );
    let taken = ask("Other", "NORTH", Some(north.clone())).await.expect(409);
    assert_eq!(taken.text("/detail"), "this code is taken");
    // Elsewhere the same name is another one; and a move takes its claim along.
    let inner = ask("North", "n2", Some(north.clone())).await.expect(201).text("/id");
    place.move_division(owner, &inner, None).await.expect(409);
    assert_eq!(place.parent_of(&inner).await, json!(north));
    world.patch(owner, &format!("/v1/divisions/{inner}"), json!({"name": "South"})).await.expect(200);
    place.move_division(owner, &inner, None).await.expect(200);
    ask("south", "s", None).await.expect(409);
    ask("South", "s", Some(north)).await.expect(201);
    // Codes count within one organization.
    let other = world.post(owner, "/v1/organizations", json!({"name": "Other"})).await.expect(201);
    let path = format!("/v1/organizations/{}/divisions", other.text("/id"));
    world.post(owner, &path, json!({"name": "North", "code": "North"})).await.expect(201);
}

#[tokio::test]
async fn divisions_nest_eight_deep_and_the_tallest_branch_counts() {
    let place = Place::new().await;
    let owner = &place.owner;
    let deep = place.chain(&["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"], None).await;
    assert_eq!(deep.len(), DEEPEST);
    let ninth = place.ask_division(owner, "a9", Some(&deep[7])).await.expect(422);
    assert_eq!(ninth.pointers(), ["/parent_id"]);
    let pair = place.chain(&["b1", "b2"], None).await;
    let refused = place.move_division(owner, &pair[0], Some(&deep[6])).await.expect(422);
    assert_eq!(refused.pointers(), ["/parent_id"]);
    place.move_division(owner, &pair[0], Some(&deep[5])).await.expect(200);
    place.ask_division(owner, "b3", Some(&pair[1])).await.expect(422);
}

#[tokio::test]
async fn a_division_moves_with_all_that_is_below_it_and_never_below_itself() {
    let place = Place::new().await;
    let owner = &place.owner;
    let chain = place.chain(&["a", "b", "c"], None).await;
    let other = place.division("other", None).await;
    for below in &chain {
        let refused = place.move_division(owner, &chain[0], Some(below)).await.expect(422);
        assert_eq!(refused.pointers(), ["/parent_id"]);
    }
    let moved = place.move_division(owner, &chain[1], Some(&other)).await.expect(200);
    assert_eq!((moved.text("/parent_id"), &moved.body["version"]), (other.clone(), &json!(2)));
    assert_eq!(place.parent_of(&chain[2]).await, json!(chain[1]));
    let again = place.move_division(owner, &chain[1], Some(&other)).await.expect(200);
    assert_eq!(again.body["version"], 2, "where it is already");
    // The old place is empty now, the new one is not.
    place.world.delete(owner, &format!("/v1/divisions/{other}")).await.expect(409);
    place.world.delete(owner, &format!("/v1/divisions/{}", chain[0])).await.expect(204);
    place.move_division(owner, &chain[1], None).await.expect(200);
    place.world.delete(owner, &format!("/v1/divisions/{other}")).await.expect(204);
    assert_eq!(place.history(&chain[1]).await, ["division.create", "division.move", "division.move"]);
}

#[tokio::test]
async fn nothing_moves_to_another_organization_or_tenant() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let mine = place.division("mine", None).await;
    let other = world.post(owner, "/v1/organizations", json!({"name": "Other"})).await.expect(201);
    let path = format!("/v1/organizations/{}/divisions", other.text("/id"));
    let elsewhere = world.post(owner, &path, json!({"name": "e", "code": "e"})).await.expect(201).text("/id");
    let stranger = world.sign_up().await;
    let theirs = world.get(&stranger, "/v1/organizations").await.text("/items/0/id");
    let path = format!("/v1/organizations/{theirs}/divisions");
    let foreign =
        world.post(&stranger, &path, json!({"name": "f", "code": "f"})).await.expect(201).text("/id");
    let unknown = "div_01h455vb4pex5vsknk084sn02q";
    for target in [&elsewhere, &foreign, unknown] {
        let moved = place.move_division(owner, &mine, Some(target)).await.expect(422);
        assert_eq!(moved.pointers(), ["/parent_id"]);
        let made = place.ask_division(owner, "new", Some(target)).await.expect(422);
        assert_eq!(made.pointers(), ["/parent_id"]);
    }
    for wrong in [&place.organization, &place.workspace, &owner.tenant, "div_", "", "x"] {
        let moved = place.move_division(owner, &mine, Some(wrong)).await.expect(422);
        assert_eq!(moved.pointers(), ["/parent_id"]);
        world.get(owner, &format!("/v1/divisions/{wrong}")).await.expect(404);
        world.get(owner, &format!("/v1/projects/{wrong}")).await.expect(404);
    }
    for path in [format!("/v1/organizations/{mine}/divisions"), format!("/v1/workspaces/{mine}/projects")] {
        world.get(owner, &path).await.expect(404);
    }
    assert_eq!(place.parent_of(&mine).await, Value::Null);
}

#[tokio::test]
async fn two_moves_at_once_make_no_ring() {
    for round in 0..6 {
        let place = Place::new().await;
        let owner = &place.owner;
        let (a, b) = (place.division("a", None).await, place.division("b", None).await);
        let (left, right) =
            tokio::join!(place.move_division(owner, &a, Some(&b)), place.move_division(owner, &b, Some(&a)),);
        let done = [&left, &right].iter().filter(|reply| reply.status == 200).count();
        assert_eq!(done, 1, "round {round}: {} and {}", left.body, right.body);
        let parents = [place.parent_of(&a).await, place.parent_of(&b).await];
        assert_eq!(parents.iter().filter(|parent| parent.is_null()).count(), 1, "{parents:?}");
    }
}

#[tokio::test]
async fn what_grows_while_it_is_moved_stays_within_eight_levels() {
    for _ in 0..6 {
        let place = Place::new().await;
        let owner = &place.owner;
        let deep = place.chain(&["a1", "a2", "a3", "a4", "a5", "a6"], None).await;
        let pair = place.chain(&["b1", "b2"], None).await;
        let (moved, made) = tokio::join!(
            place.move_division(owner, &pair[0], Some(&deep[5])),
            place.ask_division(owner, "b3", Some(&pair[1])),
        );
        let done = (moved.status.as_u16(), made.status.as_u16());
        assert!(matches!(done, (200, 422) | (422, 201)), "{done:?}: {} and {}", moved.body, made.body);
    }
}

#[tokio::test]
async fn deleting_refuses_while_anything_is_below_also_at_the_same_moment() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    for round in 0..6 {
        let parent = place.division(&format!("parent-{round}"), None).await;
        let other = place.division(&format!("other-{round}"), None).await;
        let path = format!("/v1/divisions/{parent}");
        let name = format!("child-{round}");
        let (deleted, made, moved) = tokio::join!(
            world.delete(owner, &path),
            place.ask_division(owner, &name, Some(&parent)),
            place.move_division(owner, &other, Some(&parent)),
        );
        let below = [&made, &moved].iter().filter(|reply| reply.status.is_success()).count();
        if deleted.status == 204 {
            assert_eq!(below, 0, "{} and {}", made.body, moved.body);
            assert!(place.parent_of(&other).await.is_null());
        } else {
            assert_eq!(deleted.expect(409).problem(), "not-empty");
            assert!(below > 0);
        }
    }
}

#[tokio::test]
async fn of_two_deletes_at_once_one_deletes() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let id = place.division("once", None).await;
    let path = format!("/v1/divisions/{id}");
    let (left, right) = tokio::join!(world.delete(owner, &path), world.delete(owner, &path));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204);
    assert!(matches!(statuses[1], 404 | 409), "{statuses:?}");
    // Counted once: the organization's count would otherwise be below what it holds.
    let home: NodeId = place.organization.parse().unwrap();
    let found = node::find(world.table(), &world.scope(owner), home).await.unwrap().unwrap();
    assert_eq!(found.children, 2, "a workspace and a person");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_place() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let path = format!("/v1/organizations/{}/divisions", place.organization);
    let long = "x".repeat(10_000);
    for (body, pointers) in [
        (json!({}), vec!["/name", "/code"]),
        (json!({"name": long, "code": "a"}), vec!["/name"]),
        (json!({"name": "a\u{0}b", "code": "a b"}), vec!["/name", "/code"]),
        (json!({"name": "a", "code": ""}), vec!["/code"]),
        (json!({"name": "a", "code": "ä"}), vec!["/code"]),
        (json!({"name": "a", "code": "a#b"}), vec!["/code"]),
        (json!({"name": "a", "code": "x".repeat(33)}), vec!["/code"]),
        (json!({"name": "a", "code": 7}), vec!["/code"]),
        (json!({"name": "a", "code": "a", "parent_id": 7}), vec!["/parent_id"]),
        (json!({"name": "a", "code": "a", "parent": null}), vec!["/parent"]),
    ] {
        assert_eq!(world.post(owner, &path, body).await.expect(422).pointers(), pointers);
    }
    let id = place.division("good", None).await;
    let path = format!("/v1/divisions/{id}");
    for (body, pointers) in [
        (json!({"name": null, "code": null}), vec!["/name", "/code"]),
        (json!({"name": long, "code": "é"}), vec!["/name", "/code"]),
        (json!({"parent_id": null}), vec!["/parent_id"]),
    ] {
        assert_eq!(world.patch(owner, &path, body).await.expect(422).pointers(), pointers);
    }
    let organization = format!("/v1/organizations/{}", place.organization);
    assert_eq!(
        world.patch(owner, &organization, json!({"name": null})).await.expect(422).pointers(),
        ["/name"]
    );
    assert_eq!(
        world.post(owner, &format!("{path}/move"), json!({})).await.expect(422).pointers(),
        ["/parent_id"]
    );
    // A name that grows when it is normalised is a name like another.
    let growing = "\u{fdfa}".repeat(200);
    for status in [201, 409] {
        world.post(owner, "/v1/organizations", json!({"name": growing})).await.expect(status);
        place
            .world
            .post(owner, &format!("{organization}/divisions"), json!({"name": growing, "code": "grow"}))
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn who_may_and_who_may_not() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let id = place.division("mine", None).await;
    let (stranger, viewer) =
        (world.sign_up().await, place.person(&[(Predefined::Viewer, &place.organization)]).await);
    let nobody = place.person(&[]).await;
    let divisions = format!("/v1/organizations/{}/divisions", place.organization);
    let own = format!("/v1/divisions/{id}");
    let new = json!({"name": "n", "code": "n"});
    for (who, reading, writing) in
        [(Actor::anonymous(), 401, 401), (stranger, 404, 404), (nobody, 403, 403), (viewer, 200, 403)]
    {
        world.get(&who, &divisions).await.expect(reading);
        world.get(&who, &own).await.expect(reading);
        world.post(&who, &divisions, new.clone()).await.expect(writing);
        world.patch(&who, &own, json!({"name": "x"})).await.expect(writing);
        place.move_division(&who, &id, None).await.expect(writing);
        world.delete(&who, &own).await.expect(writing);
    }
    world.get(owner, &own).await.expect(200);
}

#[tokio::test]
async fn an_admin_of_a_division_rules_there_and_neither_beside_nor_above() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let own = place.division("own", None).await;
    let inner = place.division("inner", Some(&own)).await;
    let beside = place.division("beside", None).await;
    let admin = place.person(&[(Predefined::Admin, &own)]).await;

    let made = place.ask_division(&admin, "made", Some(&inner)).await.expect(201).text("/id");
    place.ask_division(&admin, "above", None).await.expect(403);
    place.ask_division(&admin, "aside", Some(&beside)).await.expect(403);
    world.get(&admin, &format!("/v1/divisions/{made}")).await.expect(200);
    world.get(&admin, &format!("/v1/divisions/{beside}")).await.expect(403);
    let list =
        world.get(&admin, &format!("/v1/organizations/{}/divisions", place.organization)).await.expect(200);
    assert_eq!(names(&list), ["made", "inner", "own"]);
    // Nothing of another organization is theirs.
    let other = world.post(owner, "/v1/organizations", json!({"name": "Other"})).await.expect(201);
    world.get(&admin, &format!("/v1/organizations/{}/divisions", other.text("/id"))).await.expect(403);

    // A move takes rights at both ends.
    place.move_division(&admin, &made, Some(&own)).await.expect(200);
    place.move_division(&admin, &made, Some(&beside)).await.expect(403);
    place.move_division(&admin, &made, None).await.expect(403);
    place.move_division(&admin, &beside, Some(&own)).await.expect(403);
    assert_eq!(place.parent_of(&made).await, json!(own));
    // What is moved away is out of reach once the memory of the old place is over.
    place.move_division(owner, &made, Some(&beside)).await.expect(200);
    world.wait(20);
    world.get(&admin, &format!("/v1/divisions/{made}")).await.expect(403);
}

#[tokio::test]
async fn a_move_that_is_refused_is_on_record() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let memory = dynoxide::Database::memory().unwrap();
    let database = tokio::spawn(dynoxide::server::serve_on(listener, memory));
    let place = Place::in_world(World::over(&endpoint, &[]).await).await;
    let (own, beside) = (place.division("own", None).await, place.division("beside", None).await);
    let admin = place.person(&[(Predefined::Admin, &own)]).await;
    let inner = place.ask_division(&admin, "inner", Some(&own)).await.expect(201).text("/id");
    place.move_division(&admin, &inner, Some(&beside)).await.expect(403);

    // A denied attempt is a history of its own, under an id that nobody is told.
    let config = aws_sdk_dynamodb::Config::builder()
        .http_client(rookery_store::http_client())
        .behavior_version(aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(&endpoint)
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let all = client.scan().table_name(TABLE).send().await.unwrap();
    let details = all.items().iter().filter_map(|item| item.get("detail")?.as_s().ok());
    let events = details.map(|detail| serde_json::from_str::<Value>(detail).unwrap());
    let denied: Vec<Value> = events.filter(|event| event["outcome"] == "denied").collect();
    assert_eq!(denied.len(), 1, "{denied:?}");
    assert_eq!(
        (&denied[0]["action"], &denied[0]["reason"]),
        (&json!("division.create"), &json!("no_binding"))
    );
    assert_eq!(denied[0]["resource"]["id"], json!(inner));
    database.abort();
}

#[tokio::test]
async fn a_move_that_is_sent_again_is_answered_again() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let (a, b) = (place.division("a", None).await, place.division("b", None).await);
    let (path, body) = (format!("/v1/divisions/{a}/move"), json!({"parent_id": b}));
    let headers = [("idempotency-key", "k")];
    let first = world.call_with(owner, Method::POST, &path, Some(&body), &headers).await.expect(200);
    place.move_division(owner, &a, None).await.expect(200);
    let again = world.call_with(owner, Method::POST, &path, Some(&body), &headers).await.expect(200);
    assert_eq!(first.body, again.body);
    assert!(place.parent_of(&a).await.is_null());
}
