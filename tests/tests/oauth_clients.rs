//! Clients: registering them, and what they get by themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

const ADDRESS: &str = "https://app.example.com/cb";

fn dashboard() -> Value {
    json!({"name": "Dashboard", "redirect_uris": [ADDRESS]})
}

/// A service key that may read apps in the whole tenant.
async fn robot(world: &World, owner: &Actor) -> String {
    let body = json!({"name": "robot", "scopes": ["*"], "owner_id": owner.tenant});
    let key = world.post(owner, "/v1/api-keys", body).await.expect(201).text("/id");
    world.give(owner, &key, "viewer", &owner.tenant).await;
    key
}

/// A client that acts with the rights of a service key.
async fn worker(world: &World, owner: &Actor, scopes: &[&str]) -> Reply {
    let key = robot(world, owner).await;
    let body = json!({
        "name": "Nightly", "grants": ["client_credentials"], "scopes": scopes, "service_key_id": key,
    });
    world.post(owner, "/v1/oauth-clients", body).await.expect(201)
}

async fn credentials(world: &World, id: &str, secret: &str, scope: Option<&str>) -> Reply {
    let mut fields = vec![("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    fields.extend(scope.map(|scope| ("scope", scope)));
    world.submit("/oauth/token", &fields, &[]).await
}

#[tokio::test]
async fn a_client_is_made_changed_and_deleted() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let made = world.post(&owner, "/v1/oauth-clients", dashboard()).await.expect(201);
    let secret = made.text("/secret");
    assert!(made.text("/id").starts_with("cli_") && secret.starts_with("rc_"));
    assert_eq!(made.body["grants"], json!(["authorization_code"]));
    assert_eq!(made.body["scopes"], json!(["openid", "profile", "email"]));
    assert_eq!(
        (&made.body["require_pkce"], &made.body["id_token_algorithm"]),
        (&json!(true), &json!("RS256"))
    );
    let path = format!("/v1/oauth-clients/{}", made.text("/id"));
    let read = world.get(&owner, &path).await.expect(200);
    assert_eq!((&read.body["secret"], &read.body["name"]), (&Value::Null, &json!("Dashboard")));

    let other = json!({"name": "Board", "redirect_uris": [ADDRESS, "http://localhost:8080/cb"]});
    let changed = world.patch(&owner, &path, other.clone()).await.expect(200);
    assert_eq!(
        (&changed.body["version"], &changed.body["redirect_uris"]),
        (&json!(2), &other["redirect_uris"])
    );
    let stale =
        world.call_with(&owner, Method::PATCH, &path, Some(&dashboard()), &[("if-match", "\"1\"")]).await;
    stale.expect(412);
    let listed = world.get(&owner, "/v1/oauth-clients").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);

    world.delete(&owner, &path).await.expect(204);
    world.get(&owner, &path).await.expect(404);
    let actions: Vec<String> =
        world.events(&owner).await.iter().map(|event| event["action"].to_string()).collect();
    let own: Vec<&str> =
        actions.iter().map(|name| name.trim_matches('"')).filter(|name| name.starts_with("oauth")).collect();
    assert_eq!(own, ["oauth_client.create", "oauth_client.update", "oauth_client.delete"]);
    assert!(!world.everything().await.join("\n").contains(secret.rsplit('_').next().unwrap()));
}

#[tokio::test]
async fn what_cannot_be_is_named_at_its_place() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    for (change, places) in [
        (json!({"redirect_uris": []}), vec!["/redirect_uris"]),
        (
            json!({"redirect_uris": ["https://a.example/#x", "http://a.example/", "javascript:alert(1)"]}),
            vec!["/redirect_uris/0", "/redirect_uris/1", "/redirect_uris/2"],
        ),
        (json!({"redirect_uris": ["com.example.app:/cb"]}), vec!["/redirect_uris/0"]),
        (json!({"redirect_uris": [ADDRESS, ADDRESS]}), vec!["/redirect_uris/1"]),
        (json!({"kind": "public", "require_pkce": false}), vec!["/require_pkce"]),
        (json!({"kind": "public", "grants": ["client_credentials"]}), vec!["/grants", "/service_key_id"]),
        (json!({"grants": ["implicit"]}), vec!["/grants/0"]),
        (json!({"scopes": ["openid", "platform_tenant.list"]}), vec!["/scopes/1"]),
        (
            json!({"claims": ["shoe_size"], "id_token_algorithm": "none"}),
            vec!["/claims/0", "/id_token_algorithm"],
        ),
        (json!({"service_key_id": "key_01h455vb4pex5vsknk084sn02q"}), vec!["/service_key_id"]),
    ] {
        let mut body = dashboard();
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        let reply = world.post(&owner, "/v1/oauth-clients", body).await.expect(422);
        assert_eq!(reply.pointers(), places, "{change}");
    }
    let app = json!({"name": "App", "kind": "public", "redirect_uris": ["com.example.app:/cb"]});
    let made = world.post(&owner, "/v1/oauth-clients", app).await.expect(201);
    assert_eq!(made.body["secret"], Value::Null);
    let path = format!("/v1/oauth-clients/{}/rotate", made.text("/id"));
    assert_eq!(world.post(&owner, &path, json!({})).await.expect(409).problem(), "public");
}

#[tokio::test]
async fn nobody_makes_a_client_that_may_more_than_oneself() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let mine = world.post(&owner, "/v1/api-keys", json!({"name": "k", "scopes": ["*"]})).await.expect(201);
    let maker =
        world.member(&owner, &["oauth_client.create", "oauth_client.update", "oauth_client.rotate"]).await;
    let mut body = dashboard();
    body["scopes"] = json!(["openid", "app.read"]);
    let refused = world.post(&maker, "/v1/oauth-clients", body).await.expect(422);
    assert_eq!(refused.pointers(), ["/scopes"]);
    let made = world.post(&maker, "/v1/oauth-clients", dashboard()).await.expect(201);
    let path = format!("/v1/oauth-clients/{}", made.text("/id"));
    let refused = world.patch(&maker, &path, json!({"scopes": ["*"]})).await.expect(422);
    assert_eq!(refused.pointers(), ["/scopes"]);

    // With the rights of a key: only for whoever holds them.
    let worker = worker(&world, &owner, &["app.read"]).await;
    let path = format!("/v1/oauth-clients/{}", worker.text("/id"));
    world.post(&maker, &format!("{path}/rotate"), json!({})).await.expect(403);
    let key = worker.body["service_key_id"].clone();
    let made = format!("/v1/oauth-clients/{}", made.text("/id"));
    world.patch(&maker, &made, json!({"service_key_id": key})).await.expect(403);
    let personal = json!({"service_key_id": mine.body["id"]});
    assert_eq!(world.patch(&owner, &made, personal).await.expect(422).pointers(), ["/service_key_id"]);
    let denied = world.events(&owner).await;
    assert_eq!(denied.iter().filter(|event| event["reason"] == "beyond_own_rights").count(), 2);

    let (reader, stranger) = (world.member(&owner, &["oauth_client.read"]).await, world.sign_up().await);
    world.patch(&reader, &path, json!({"name": "x"})).await.expect(403);
    world.get(&reader, &path).await.expect(200);
    world.get(&stranger, &path).await.expect(404);
}

#[tokio::test]
async fn a_client_acts_by_itself_with_the_rights_of_its_service_key() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let client = worker(&world, &owner, &["app.list", "app.create", "openid"]).await;
    let (id, secret) = (client.text("/id"), client.text("/secret"));
    let basic = format!("Basic {}", BASE64.encode(format!("{id}:{secret}")));
    let fields = [("grant_type", "client_credentials")];
    let tokens = world.submit("/oauth/token", &fields, &[("authorization", &basic)]).await.expect(200);
    assert_eq!(tokens.headers["cache-control"], "no-store");
    let rest = json!({
        "access_token": tokens.body["access_token"], "token_type": "Bearer", "expires_in": 900,
        "scope": "app.list app.create",
    });
    assert_eq!(tokens.body, rest);
    let actor = Actor { token: Some(tokens.text("/access_token")), tenant: owner.tenant.clone() };
    world.get(&actor, "/v1/apps").await.expect(200);
    // The key may not, whatever the scope; and the scope does not, whatever the key may.
    let app = json!({"name": "x", "platforms": ["web"]});
    world.post(&actor, "/v1/apps", app).await.expect(403);
    world.get(&actor, "/v1/roles").await.expect(403);
    let narrow = credentials(&world, &id, &secret, Some("app.create app.delete")).await.expect(200);
    assert_eq!(narrow.text("/scope"), "app.create");
    let none = credentials(&world, &id, &secret, Some("openid")).await.expect(400);
    assert_eq!(none.text("/error"), "invalid_scope");

    let key = client.text("/service_key_id");
    world.delete(&owner, &format!("/v1/api-keys/{key}")).await.expect(204);
    let refused = credentials(&world, &id, &secret, None).await.expect(400);
    assert_eq!(refused.text("/error"), "unauthorized_client");
    world.wait(20);
    world.get(&actor, "/v1/apps").await.expect(401);
}

#[tokio::test]
async fn a_client_that_is_not_itself_is_told_nothing_more() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let client = worker(&world, &owner, &["app.list"]).await;
    let (id, secret) = (client.text("/id"), client.text("/secret"));
    let other = worker(&world, &owner, &["app.list"]).await.text("/secret");
    let mut told = Vec::new();
    for (id, secret) in [
        (id.as_str(), other.as_str()),
        (&id, "rc_none"),
        (&id, ""),
        ("cli_01h455vb4pex5vsknk084sn02q", &secret),
        ("dashboard", &secret),
    ] {
        let reply = credentials(&world, id, secret, None).await.expect(401);
        assert!(reply.headers["www-authenticate"].to_str().unwrap().starts_with("Basic "));
        told.push(reply.body);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    assert_eq!(told[0]["error"], "invalid_client");
    let events = world.events(&owner).await;
    assert_eq!(events.iter().filter(|event| event["reason"] == "wrong_client").count(), 3);

    let fields = [("grant_type", "client_credentials"), ("client_secret", secret.as_str())];
    let basic = format!("Basic {}", BASE64.encode(format!("{id}:{secret}")));
    let twice = world.submit("/oauth/token", &fields, &[("authorization", &basic)]).await.expect(400);
    assert_eq!(twice.text("/error"), "invalid_request");
    let headers = [("authorization", basic.as_str())];
    for (fields, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "authorization_code")], "unauthorized_client"),
        (vec![("grant_type", "client_credentials"), ("grant_type", "client_credentials")], "invalid_request"),
    ] {
        let reply = world.submit("/oauth/token", &fields, &headers).await.expect(400);
        assert_eq!(reply.text("/error"), error, "{fields:?}");
    }
    world.post(&Actor::anonymous(), "/oauth/token", json!({})).await.expect(415);
}

#[tokio::test]
async fn a_secret_is_rotated_with_overlap() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let client = worker(&world, &owner, &["app.list"]).await;
    let (id, first) = (client.text("/id"), client.text("/secret"));
    let path = format!("/v1/oauth-clients/{id}/rotate");
    let second = world.post(&owner, &path, json!({"overlap_s": 60})).await.expect(200).text("/secret");
    for secret in [&first, &second] {
        credentials(&world, &id, secret, None).await.expect(200);
    }
    world.wait(60);
    credentials(&world, &id, &first, None).await.expect(401);
    let third = world.post(&owner, &path, json!({"overlap_s": 0})).await.expect(200).text("/secret");
    credentials(&world, &id, &second, None).await.expect(401);
    credentials(&world, &id, &third, None).await.expect(200);
    let reply = world.post(&owner, &path, json!({"overlap_s": 604_801})).await.expect(422);
    assert_eq!(reply.pointers(), ["/overlap_s"]);
    world.delete(&owner, &format!("/v1/oauth-clients/{id}")).await.expect(204);
    credentials(&world, &id, &third, None).await.expect(401);
}

#[tokio::test]
async fn whoever_tries_too_often_waits_and_no_client_does() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let client = worker(&world, &owner, &["app.list"]).await;
    let (id, secret) = (client.text("/id"), client.text("/secret"));
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(credentials(&world, &id, "rc_none", None).await.status.as_u16());
    }
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 50);
    assert_eq!(answers.last(), Some(&429));
    // The right secret is asked for nothing, from the same address too.
    credentials(&world, &id, &secret, None).await.expect(200);
}
