//! Organizations, and the conventions that every resource follows.

use http::Method;
use rookery_tests::world::World;
use serde_json::json;

#[tokio::test]
async fn an_organization_is_made_renamed_and_deleted() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(made.headers["etag"], "\"1\"");
    assert_eq!(world.get(&owner, &path).await.expect(200).body, made.body);

    let renamed = world.patch(&owner, &path, json!({"name": "Colony"})).await.expect(200);
    assert_eq!((renamed.text("/name").as_str(), &renamed.body["version"]), ("Colony", &json!(2)));
    // The old name is free again.
    world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);

    world.delete(&owner, &path).await.expect(204);
    assert_eq!(world.get(&owner, &path).await.expect(404).problem(), "not-found");
}

#[tokio::test]
async fn names_are_unique_within_a_tenant_and_unknown_across() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let reply = world.post(&owner, "/v1/organizations", json!({"name": "nEST"})).await.expect(409);
    assert_eq!(reply.problem(), "already-exists");
    world.post(&stranger, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
}

#[tokio::test]
async fn an_organization_with_a_workspace_stays() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let list = world.get(&owner, "/v1/organizations").await.expect(200);
    let path = format!("/v1/organizations/{}", list.text("/items/0/id"));
    assert_eq!(world.delete(&owner, &path).await.expect(409).problem(), "not-empty");
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    world.patch(&owner, &path, json!({"name": "Colony"})).await.expect(200);
    let body = json!({"name": "Cliff"});
    for tag in ["\"1\"", "\"3\"", "W/\"2\"", "2", ""] {
        let reply = world.call_with(&owner, Method::PATCH, &path, Some(&body), &[("if-match", tag)]).await;
        assert_eq!(reply.expect(412).problem(), "precondition-failed");
    }
    world.call_with(&owner, Method::DELETE, &path, None, &[("if-match", "\"1\"")]).await.expect(412);
    assert_eq!(world.get(&owner, &path).await.expect(200).text("/name"), "Colony");
    for (tag, name) in [("\"2\"", "Cliff"), ("*", "Ledge"), ("\"9\", \"4\"", "Roost")] {
        let body = json!({"name": name});
        world.call_with(&owner, Method::PATCH, &path, Some(&body), &[("if-match", tag)]).await.expect(200);
    }
}

#[tokio::test]
async fn two_renames_at_once_do_not_lose_one_another() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let (left, right) = tokio::join!(
        world.patch(&owner, &path, json!({"name": "Left"})),
        world.patch(&owner, &path, json!({"name": "Right"})),
    );
    let done = [&left, &right].iter().filter(|reply| reply.status == 200).count() as u64;
    let version = world.get(&owner, &path).await.expect(200).body["version"].clone();
    assert_eq!(version, json!(1 + done), "every rename that was confirmed counts once");
    assert!(done >= 1);
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for number in 0..6 {
        world.post(&owner, "/v1/organizations", json!({"name": format!("O{number}")})).await.expect(201);
    }
    let mut names = Vec::new();
    let mut path = "/v1/organizations?limit=3".to_owned();
    loop {
        let page = world.get(&owner, &path).await.expect(200);
        for item in page.body["items"].as_array().unwrap() {
            names.push(item["name"].as_str().unwrap().to_owned());
        }
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/organizations?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["O5", "O4", "O3", "O2", "O1", "O0", "default"]);
}

#[tokio::test]
async fn cursors_belong_to_their_tenant_and_query() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let page = world.get(&owner, "/v1/organizations?limit=1").await.expect(200);
    let cursor = page.text("/next_cursor");
    for (actor, path) in [
        (&stranger, format!("/v1/organizations?cursor={cursor}")),
        (&owner, format!("/v1/api-keys?cursor={cursor}")),
        (&owner, "/v1/organizations?cursor=nonsense".to_owned()),
        (&owner, "/v1/organizations?cursor=".to_owned()),
    ] {
        assert_eq!(world.get(actor, &path).await.expect(400).pointers(), ["?cursor"]);
    }
}

#[tokio::test]
async fn parameters_are_checked_all_at_once() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for limit in ["0", "101", "-1", "x", ""] {
        let path = format!("/v1/organizations?limit={limit}");
        assert_eq!(world.get(&owner, &path).await.expect(400).pointers(), ["?limit"]);
    }
    let reply = world.get(&owner, "/v1/organizations?limit=x&cursor=y&colour=z").await.expect(400);
    assert_eq!(reply.pointers(), ["?limit", "?cursor", "?colour"]);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_again() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let send = |name: &'static str, key: &'static str| {
        let (world, owner) = (&world, &owner);
        async move {
            let body = json!({"name": name});
            let headers = [("idempotency-key", key)];
            world.call_with(owner, Method::POST, "/v1/organizations", Some(&body), &headers).await
        }
    };
    let first = send("Nest", "k1").await.expect(201);
    let again = send("Nest", "k1").await.expect(201);
    assert_eq!((first.body, &first.headers["etag"]), (again.body, &again.headers["etag"]));
    assert_eq!(send("Other", "k1").await.expect(409).problem(), "idempotency-key-reused");
    assert_eq!(send("Nest", "k2").await.expect(409).problem(), "already-exists");
    world.wait(24 * 3600 + 1);
    assert_eq!(send("Nest", "k1").await.expect(409).problem(), "already-exists");
    send("Other", "k1").await.expect(201);
    assert_eq!(send("Nest", "with space").await.expect(400).pointers(), ["Idempotency-Key"]);
}

#[tokio::test]
async fn one_key_twice_at_once_makes_one_organization() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let body = json!({"name": "Nest"});
    let headers = [("idempotency-key", "k")];
    let send = || world.call_with(&owner, Method::POST, "/v1/organizations", Some(&body), &headers);
    let (left, right) = tokio::join!(send(), send());
    assert_eq!(left.expect(201).body, right.expect(201).body);
    assert_eq!(world.get(&owner, "/v1/organizations").await.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_json_is_said_so() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    let send = |content_type: Option<&'static str>, body: Vec<u8>| {
        let mut request = http::Request::post("/v1/organizations").header("authorization", &bearer);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        world.send(request.body(body.into()).unwrap())
    };
    let json = Some("application/json");
    assert_eq!(send(json, b"{\"name\":".to_vec()).await.expect(400).problem(), "malformed-request");
    assert_eq!(send(json, b"\xff\xfe".to_vec()).await.expect(400).problem(), "malformed-request");
    assert_eq!(send(json, b"{\"name\":\"\xff\"}".to_vec()).await.expect(400).problem(), "malformed-request");
    assert_eq!(send(json, b"[1]".to_vec()).await.expect(422).pointers(), [""]);
    assert_eq!(send(json, Vec::new()).await.expect(422).pointers(), ["/name"]);
    assert_eq!(
        send(Some("text/plain"), b"{}".to_vec()).await.expect(415).problem(),
        "unsupported-media-type"
    );
    assert_eq!(send(None, b"{}".to_vec()).await.expect(415).problem(), "unsupported-media-type");
    assert_eq!(send(json, vec![b' '; 70_000]).await.expect(413).problem(), "body-too-large");
    let deep = [vec![b'['; 5_000], vec![b']'; 5_000]].concat();
    assert_eq!(send(json, deep).await.expect(400).problem(), "malformed-request");
    send(Some("application/merge-patch+json; charset=utf-8"), b"{\"name\":\"x\"}".to_vec()).await.expect(201);
}

#[tokio::test]
async fn other_methods_and_paths_are_problems_too() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let reply = world.call_with(&owner, Method::PUT, "/v1/organizations", None, &[]).await.expect(405);
    assert_eq!(reply.problem(), "method-not-allowed");
    let allow = reply.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    assert_eq!(world.get(&owner, "/v1/nothing").await.expect(404).problem(), "not-found");
    assert_eq!(
        world.get(&owner, "/v1/organizations/app_01h455vb4pex5vsknk084sn02q").await.expect(404).problem(),
        "not-found"
    );
}

#[tokio::test]
async fn request_ids_are_echoed_or_made() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let own = world.call_with(&owner, Method::GET, "/v1/whoami", None, &[("x-request-id", "mine-1")]).await;
    assert_eq!(own.headers["x-request-id"], "mine-1");
    for id in ["", "with space", &"x".repeat(129)] {
        let made = world.call_with(&owner, Method::GET, "/v1/whoami", None, &[("x-request-id", id)]).await;
        assert!(made.headers["x-request-id"].to_str().unwrap().starts_with("req_"));
    }
}
