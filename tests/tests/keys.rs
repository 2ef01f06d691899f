//! API keys beyond making and revoking them: service keys, rotation, limits, and when they were last used.

use http::Method;
use rookery_domain::usage::{Batch, Count, KeyUse, Meter};
use rookery_edge::{Kind, SqsBatchResponse};
use rookery_tests::world::{Actor, Reply, World, all_routes};
use serde_json::{Value, json};

/// Longer than rights are kept in memory.
const SETTLED: i64 = 20;

fn holder(owner: &Actor, made: &Reply) -> Actor {
    Actor { token: Some(made.text("/secret")), tenant: owner.tenant.clone() }
}

async fn make(world: &World, by: &Actor, more: Value) -> Reply {
    let mut body = json!({"name": "ci", "scopes": ["*"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.post(by, "/v1/api-keys", body).await
}

async fn bind(world: &World, by: &Actor, subject: &str, role: &str, node: impl ToString) -> String {
    let body = json!({"subject_id": subject, "role": role, "node_id": node.to_string()});
    let made = world.post(by, "/v1/bindings", body).await.expect(201);
    world.wait(SETTLED);
    made.text("/id")
}

async fn from_address(world: &World, actor: &Actor, address: &str) -> Reply {
    world.call_from(actor, address, Method::GET, "/v1/whoami", None).await
}

#[tokio::test]
async fn a_service_key_does_what_it_was_given_where_it_works() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let tree = world.tree(&owner).await;
    let made = make(&world, &owner, json!({"owner_id": tree.workspace})).await.expect(201);
    let (key, ci) = (made.text("/id"), holder(&owner, &made));
    assert_eq!(made.text("/owner_id"), tree.workspace.to_string());
    let app = world.seed_app(&owner, "Hello").await;
    let path = format!("/v1/apps/{}", app.id);
    world.get(&ci, &path).await.expect(403);
    world.get(&ci, &format!("/v1/api-keys/{key}")).await.expect(200);

    bind(&world, &owner, &key, "viewer", tree.project).await;
    world.get(&ci, &path).await.expect(200);
    world.delete(&ci, &path).await.expect(403);
    // It has roles at its place and below, and nowhere else.
    for node in [tree.organization.to_string(), owner.tenant.clone()] {
        let body = json!({"subject_id": key, "role": "viewer", "node_id": node});
        assert_eq!(world.post(&owner, "/v1/bindings", body).await.expect(422).pointers(), ["/subject_id"]);
    }

    // Who makes one must hold `api_key.create` there. Nobody makes a personal key for somebody else.
    let (person, actor) = world.seed_person(&owner).await;
    make(&world, &actor, json!({})).await.expect(201);
    make(&world, &actor, json!({"owner_id": tree.workspace})).await.expect(403);
    for wanted in [json!(person), json!(world.tree(&stranger).await.workspace)] {
        assert_eq!(
            make(&world, &owner, json!({"owner_id": wanted})).await.expect(422).pointers(),
            ["/owner_id"]
        );
    }
    assert_eq!(make(&world, &ci, json!({})).await.expect(403).problem(), "closed");
}

#[tokio::test]
async fn a_key_loses_what_its_owner_loses() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let (person, actor) = world.seed_person(&owner).await;
    let binding = bind(&world, &owner, &person.to_string(), "admin", &owner.tenant).await;
    let ci = holder(&actor, &make(&world, &actor, json!({})).await.expect(201));
    let path = format!("/v1/organizations/{}", tree.organization);
    world.patch(&ci, &path, json!({"name": "Renamed"})).await.expect(200);

    world.delete(&owner, &format!("/v1/bindings/{binding}")).await.expect(204);
    bind(&world, &owner, &person.to_string(), "viewer", &owner.tenant).await;
    world.get(&ci, &path).await.expect(200);
    world.patch(&ci, &path, json!({"name": "Again"})).await.expect(403);
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_for_a_while() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = make(&world, &owner, json!({})).await.expect(201);
    let old = holder(&owner, &made);
    let path = format!("/v1/api-keys/{}/rotate", made.text("/id"));
    world.get(&old, "/v1/whoami").await.expect(200);
    let rotated = world.post(&owner, &path, json!({"overlap_s": 3600})).await.expect(200);
    assert_eq!((&rotated.body["version"], rotated.text("/id")), (&json!(2), made.text("/id")));
    let new = holder(&owner, &rotated);
    assert_ne!(old.token, new.token);
    // The new secret works at once, though the old one was in memory.
    for actor in [&new, &old, &new] {
        world.get(actor, "/v1/whoami").await.expect(200);
    }
    world.wait(3600);
    world.get(&old, "/v1/whoami").await.expect(401);
    world.get(&new, "/v1/whoami").await.expect(200);

    // A day, unless told otherwise; and the secret before the one before is gone.
    let third = holder(&owner, &world.post(&owner, &path, json!({})).await.expect(200));
    let fourth = world.post(&owner, &path, json!({"overlap_s": 0})).await.expect(200);
    world.wait(SETTLED);
    for gone in [&new, &third] {
        world.get(gone, "/v1/whoami").await.expect(401);
    }
    let fourth = holder(&owner, &fourth);
    world.get(&fourth, "/v1/whoami").await.expect(200);
    assert_eq!(
        world.post(&owner, &path, json!({"overlap_s": 604_801})).await.expect(422).pointers(),
        ["/overlap_s"]
    );
    let listed = world.get(&owner, "/v1/api-keys").await.expect(200).body.to_string();
    assert!(!listed.contains(fourth.token.as_deref().unwrap()));
    world.delete(&owner, &format!("/v1/api-keys/{}", made.text("/id"))).await.expect(204);
    assert_eq!(world.post(&owner, &path, json!({})).await.expect(409).problem(), "revoked");
}

#[tokio::test]
async fn nobody_rotates_their_way_to_more() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let own = world.get(&owner, "/v1/whoami").await.expect(200).text("/principal/id");
    let (person, admin) = world.seed_person(&owner).await;
    bind(&world, &owner, &person.to_string(), "admin", &owner.tenant).await;
    // An admin holds `api_key.rotate` over everybody's keys, and must not come by the owner's.
    world.post(&admin, &format!("/v1/api-keys/{own}/rotate"), json!({})).await.expect(403);
    assert_eq!(world.events(&owner).await.pop().unwrap()["reason"], "beyond_own_rights");
    // Nor does a narrow key of the owner's.
    let narrow = world.member(&owner, &["api_key.rotate", "api_key.update"]).await;
    world.post(&narrow, &format!("/v1/api-keys/{own}/rotate"), json!({})).await.expect(403);
    let me = world.get(&narrow, "/v1/whoami").await.expect(200).text("/principal/id");
    world.post(&narrow, &format!("/v1/api-keys/{me}/rotate"), json!({})).await.expect(200);

    let service = make(&world, &owner, json!({"owner_id": tree.workspace})).await.expect(201).text("/id");
    let rotate = format!("/v1/api-keys/{service}/rotate");
    world.post(&admin, &rotate, json!({})).await.expect(200);
    bind(&world, &owner, &service, "owner", tree.workspace).await;
    world.post(&admin, &rotate, json!({})).await.expect(403);
    world.post(&owner, &rotate, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_key_is_good_from_its_addresses_only() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made =
        make(&world, &owner, json!({"addresses": ["203.0.113.0/24", "2001:db8::/32"]})).await.expect(201);
    let ci = holder(&owner, &made);
    from_address(&world, &ci, "203.0.113.7").await.expect(200);
    from_address(&world, &ci, "2001:db8::7").await.expect(200);
    let reply = from_address(&world, &ci, "203.0.114.7").await.expect(401);
    assert!(!reply.body.to_string().contains("address"));
    assert_eq!(world.events(&owner).await.pop().unwrap()["reason"], "key_address");
    world.get(&ci, "/v1/whoami").await.expect(401);

    let send = async |addresses: Value| {
        let body = json!({"name": "x", "scopes": ["*"], "addresses": addresses});
        world.call_from(&ci, "203.0.113.7", Method::POST, "/v1/api-keys", Some(&body)).await
    };
    for addresses in [json!([]), json!(["0.0.0.0/0"]), json!(["203.0.113.0/25", "10.0.0.1"])] {
        assert_eq!(send(addresses).await.expect(422).pointers(), ["/addresses"]);
    }
    send(json!(["203.0.113.0/25"])).await.expect(201);
    let path = format!("/v1/api-keys/{}", made.text("/id"));
    world.patch(&owner, &path, json!({"addresses": null})).await.expect(200);
    world.wait(SETTLED);
    world.get(&ci, "/v1/whoami").await.expect(200);
    let many: Vec<String> = (0..21).map(|number| format!("10.0.0.{number}")).collect();
    for (addresses, pointer) in [(json!(many), "/addresses"), (json!(["10.0.0.1/8"]), "/addresses/0")] {
        assert_eq!(
            world.patch(&owner, &path, json!({"addresses": addresses})).await.expect(422).pointers(),
            [pointer]
        );
    }
}

#[tokio::test]
async fn a_key_is_renamed_and_narrowed_and_never_widened() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = make(&world, &owner, json!({"scopes": ["app.read", "app.list"]})).await.expect(201);
    let path = format!("/v1/api-keys/{}", made.text("/id"));
    let ci = holder(&owner, &made);
    world.get(&ci, "/v1/apps").await.expect(200);
    let body = json!({"name": "narrow", "scopes": ["app.read"], "expires_at": "2026-01-01T10:00:00Z"});
    let changed = world.patch(&owner, &path, body.clone()).await.expect(200);
    assert_eq!((changed.text("/name").as_str(), &changed.body["version"]), ("narrow", &json!(2)));
    assert_eq!(world.patch(&owner, &path, body.clone()).await.expect(200).body["version"], 2);
    world.wait(SETTLED);
    world.get(&ci, "/v1/apps").await.expect(403);
    let stale = world.call_with(&owner, Method::PATCH, &path, Some(&body), &[("if-match", "\"1\"")]).await;
    stale.expect(412);
    for scopes in [json!(["app.list"]), json!(["*"]), json!(["app.read", "app.list"])] {
        assert_eq!(
            world.patch(&owner, &path, json!({"scopes": scopes})).await.expect(422).pointers(),
            ["/scopes"]
        );
    }
    // A key gives none a longer life than its own.
    let short = make(&world, &owner, json!({"expires_at": "2026-01-01T09:30:00Z"})).await.expect(201);
    let longer = json!({"expires_at": "2026-01-01T09:45:00Z"});
    assert_eq!(
        world.patch(&holder(&owner, &short), &path, longer).await.expect(422).pointers(),
        ["/expires_at"]
    );
    world.patch(&owner, &path, json!({"expires_at": null})).await.expect(200);
    world.wait(3600);
    world.get(&ci, &format!("/v1/api-keys/{}", made.text("/id"))).await.expect(403);
    world.delete(&owner, &path).await.expect(204);
    assert_eq!(world.patch(&owner, &path, json!({"name": "x"})).await.expect(409).problem(), "revoked");
}

#[tokio::test]
async fn when_a_key_was_last_used_is_the_latest_that_was_told() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let made = make(&world, &owner, json!({})).await.expect(201);
    let path = format!("/v1/api-keys/{}", made.text("/id"));
    assert_eq!(world.get(&owner, &path).await.expect(200).body["last_used_at"], Value::Null);

    let used = |actor: &Actor, at: &str| KeyUse {
        tenant: actor.tenant.parse().unwrap(),
        key: made.text("/id").parse().unwrap(),
        at: at.parse().unwrap(),
    };
    let batch = |keys: Vec<KeyUse>| {
        let hour = serde_json::from_value(json!("2026-01-01T09")).unwrap();
        let count = Count { tenant: owner.tenant.parse().unwrap(), meter: Meter::ApiCalls, hour, count: 1 };
        let batch = Batch { id: world.context().new_id(), counts: vec![count], keys };
        serde_json::to_string(&batch).unwrap()
    };
    let (first, later) = ("2026-01-01T09:00:01Z", "2026-01-01T09:00:31.5Z");
    let messages = [
        batch(vec![used(&owner, first)]),
        batch(vec![used(&owner, later), used(&stranger, "2026-01-01T09:30:00Z")]),
    ];
    // In whatever order, and however often.
    for message in [&messages[1], &messages[0], &messages[1], &messages[0]] {
        let route = all_routes().into_iter().find(|route| route.handler == "usage-worker").unwrap();
        let Kind::Queue(work) = route.kind else { panic!("it works through no queue") };
        let event = json!({"Records": [{"messageId": "1", "body": message}]});
        let SqsBatchResponse { batch_item_failures, .. } =
            work(world.context().clone(), serde_json::from_value(event).unwrap()).await;
        assert!(batch_item_failures.is_empty());
    }
    assert_eq!(world.get(&owner, &path).await.expect(200).text("/last_used_at"), "2026-01-01T09:00:31.5Z");
    let listed = world.get(&owner, "/v1/api-keys").await.expect(200);
    assert_eq!(listed.text("/items/0/last_used_at"), "2026-01-01T09:00:31.5Z");
    assert_eq!(world.get(&owner, "/v1/usage").await.expect(200).body["totals"]["api_calls"], 2);
}

#[tokio::test]
async fn a_page_of_keys_shows_what_the_caller_may_see() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let (_, actor) = world.seed_person(&owner).await;
    make(&world, &actor, json!({"name": "mine"})).await.expect(201);
    let count = async |actor: &Actor| {
        world.get(actor, "/v1/api-keys").await.expect(200).body["items"].as_array().unwrap().len()
    };
    assert_eq!((count(&actor).await, count(&owner).await), (2, 3));
}
