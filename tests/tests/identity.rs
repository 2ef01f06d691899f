//! Signing up, and API keys.

use http::Method;
use rookery_domain::hash::Sha256;
use rookery_tests::world::{Actor, World, sign_up_body};
use serde_json::json;

#[tokio::test]
async fn signing_up_makes_everything_that_a_first_release_needs() {
    let world = World::new().await;
    let reply = world.post(&Actor::anonymous(), "/v1/signup", sign_up_body("acme")).await.expect(201);
    for (part, prefix) in [
        ("tenant", "ten_"),
        ("organization", "org_"),
        ("workspace", "ws_"),
        ("project", "prj_"),
        ("user", "usr_"),
        ("api_key", "key_"),
    ] {
        assert!(reply.text(&format!("/{part}/id")).starts_with(prefix), "{}", reply.body);
    }
    assert_eq!(reply.text("/organization/name"), "default");

    let owner = Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") };
    let me = world.get(&owner, "/v1/whoami").await.expect(200);
    assert_eq!(me.text("/tenant/slug"), "acme");
    assert_eq!(me.text("/principal/kind"), "api_key");
    assert_eq!(me.body["scopes"], json!(["*"]));
    assert_eq!(me.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_taken_slug_leaves_nothing_behind() {
    let world = World::new().await;
    world.post(&Actor::anonymous(), "/v1/signup", sign_up_body("acme")).await.expect(201);
    let reply = world.post(&Actor::anonymous(), "/v1/signup", sign_up_body("acme")).await.expect(409);
    assert_eq!(reply.problem(), "already-exists");
    assert!(!reply.body.to_string().contains("ten_"), "a stranger learns nothing of the other tenant");
}

#[tokio::test]
async fn two_sign_ups_for_one_slug_at_once_found_one_tenant() {
    let world = World::new().await;
    let anybody = Actor::anonymous();
    let (left, right) = tokio::join!(
        world.post(&anybody, "/v1/signup", sign_up_body("acme")),
        world.post(&anybody, "/v1/signup", sign_up_body("acme")),
    );
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn every_fault_of_a_sign_up_is_named() {
    let world = World::new().await;
    let body = json!({
        "tenant": {"name": "a\u{0}b", "slug": "Acme"},
        "owner": {"email": "nobody", "name": "", "password": "short", "age": 7},
        "extra": true,
    });
    let reply = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(422);
    assert_eq!(reply.problem(), "invalid-input");
    let mut pointers = reply.pointers();
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "/extra",
            "/owner/age",
            "/owner/email",
            "/owner/name",
            "/owner/password",
            "/tenant/name",
            "/tenant/slug"
        ]
    );
}

#[tokio::test]
async fn names_may_be_in_any_script() {
    let world = World::new().await;
    let mut body = sign_up_body("colonies");
    body["tenant"]["name"] = json!("מושבה 🐧 مستعمرة");
    let reply = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    assert_eq!(reply.text("/tenant/name"), "מושבה 🐧 مستعمرة");
}

#[tokio::test]
async fn the_operator_decides_who_signs_up() {
    let anybody = Actor::anonymous();
    let closed = World::with(&[("SIGNUP_MODE", "closed")]).await;
    let reply = closed.post(&anybody, "/v1/signup", sign_up_body("acme")).await.expect(403);
    assert_eq!(reply.problem(), "closed");

    let digest = Sha256::of(b"let me in").to_string();
    let coded = World::with(&[("SIGNUP_MODE", "code"), ("SIGNUP_CODE_SHA256", &digest)]).await;
    coded.post(&anybody, "/v1/signup", sign_up_body("acme")).await.expect(403);
    let mut body = sign_up_body("acme");
    body["code"] = json!("let me out");
    coded.post(&anybody, "/v1/signup", body.clone()).await.expect(403);
    body["code"] = json!("let me in");
    coded.post(&anybody, "/v1/signup", body).await.expect(201);
}

#[tokio::test]
async fn an_address_signs_up_a_few_times_an_hour() {
    let world = World::with(&[("SIGNUPS_PER_HOUR", "2")]).await;
    world.sign_up().await;
    world.sign_up().await;
    let reply = world.post(&Actor::anonymous(), "/v1/signup", sign_up_body("third")).await.expect(429);
    assert_eq!(reply.problem(), "too-many-requests");
    let seconds: i64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds));
    world.wait(seconds);
    world.post(&Actor::anonymous(), "/v1/signup", sign_up_body("third")).await.expect(201);
}

#[tokio::test]
async fn without_a_good_key_nobody_is_known() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let token = owner.token.clone().unwrap();
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let unknown = token.replace(&token[3..29], "01h455vb4pex5vsknk084sn02q");
    for token in [None, Some("rk_"), Some(""), Some("nonsense"), Some(wrong.as_str()), Some(unknown.as_str())]
    {
        let actor = Actor { token: token.map(str::to_owned), tenant: String::new() };
        let reply = world.get(&actor, "/v1/whoami").await.expect(401);
        assert_eq!(reply.problem(), "unauthenticated");
        let said = if token.is_some() { r#"Bearer error="invalid_token""# } else { "Bearer" };
        assert_eq!(reply.headers["www-authenticate"], said);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let member = world.member(&owner, &["organization.list"]).await;
    world.get(&member, "/v1/organizations").await.expect(200);
    let reply = world.post(&member, "/v1/organizations", json!({"name": "x"})).await.expect(403);
    assert_eq!(reply.problem(), "forbidden");
    world.get(&member, "/v1/api-keys").await.expect(403);

    let maker = world.member(&owner, &["api_key.create", "app.read"]).await;
    let stronger = json!({"name": "x", "scopes": ["app.create"]});
    let reply = world.post(&maker, "/v1/api-keys", stronger).await.expect(422);
    assert_eq!(reply.pointers(), ["/scopes"]);
    world.post(&maker, "/v1/api-keys", json!({"name": "x", "scopes": ["*"]})).await.expect(422);
    world.post(&maker, "/v1/api-keys", json!({"name": "x", "scopes": ["app.read"]})).await.expect(201);
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_minute() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = world.post(&owner, "/v1/api-keys", json!({"name": "ci", "scopes": ["*"]})).await.expect(201);
    let ci = Actor { token: Some(made.text("/secret")), tenant: owner.tenant.clone() };
    world.get(&ci, "/v1/whoami").await.expect(200);

    let path = format!("/v1/api-keys/{}", made.text("/id"));
    world.delete(&owner, &path).await.expect(204);
    world.delete(&owner, &path).await.expect(204);
    world.wait(60);
    world.get(&ci, "/v1/whoami").await.expect(401);
    assert!(world.get(&owner, &path).await.expect(200).body["revoked_at"].is_string());
}

#[tokio::test]
async fn a_key_ends_when_it_expires() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let soon = "2026-01-01T10:00:00Z";
    let body = json!({"name": "ci", "scopes": ["*"], "expires_at": soon});
    let made = world.post(&owner, "/v1/api-keys", body).await.expect(201);
    let ci = Actor { token: Some(made.text("/secret")), tenant: owner.tenant.clone() };
    world.get(&ci, "/v1/whoami").await.expect(200);
    world.wait(3600);
    world.get(&ci, "/v1/whoami").await.expect(401);
    let past = json!({"name": "ci", "scopes": ["*"], "expires_at": soon});
    assert_eq!(world.post(&owner, "/v1/api-keys", past).await.expect(422).pointers(), ["/expires_at"]);
}

#[tokio::test]
async fn secrets_are_shown_once() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let made = world.post(&owner, "/v1/api-keys", json!({"name": "ci", "scopes": ["*"]})).await.expect(201);
    let secret = made.text("/secret");
    let one = world.get(&owner, &format!("/v1/api-keys/{}", made.text("/id"))).await.expect(200);
    let all = world.get(&owner, "/v1/api-keys").await.expect(200);
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
    for body in [one.body, all.body] {
        assert!(!body.to_string().contains(&secret) && !body.to_string().contains("digest"));
    }
}

#[tokio::test]
async fn a_key_of_another_tenant_does_not_exist() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let made = world.post(&owner, "/v1/api-keys", json!({"name": "ci", "scopes": ["*"]})).await.expect(201);
    let path = format!("/v1/api-keys/{}", made.text("/id"));
    world.get(&stranger, &path).await.expect(404);
    world.delete(&stranger, &path).await.expect(404);
    let reply = world.call_with(&owner, Method::GET, &path, None, &[]).await.expect(200);
    assert!(reply.body["revoked_at"].is_null());
}

#[tokio::test]
async fn signing_up_again_takes_no_notice_of_a_token() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let headers = [("idempotency-key", "once")];
    let body = sign_up_body("acme");
    // The secret in the answer is sealed, for which this world has no key: the route got that far, and took no other way.
    let reply = world.call_with(&owner, Method::POST, "/v1/signup", Some(&body), &headers).await.expect(503);
    assert_eq!(reply.problem(), "unavailable");
}

#[tokio::test]
async fn codes_are_not_guessed_without_end() {
    let digest = Sha256::of(b"let me in").to_string();
    let variables =
        [("SIGNUP_MODE", "code"), ("SIGNUP_CODE_SHA256", digest.as_str()), ("SIGNUPS_PER_HOUR", "3")];
    let world = World::with(&variables).await;
    let mut body = sign_up_body("acme");
    for guess in 0..3 {
        body["code"] = json!(format!("guess {guess}"));
        world.post(&Actor::anonymous(), "/v1/signup", body.clone()).await.expect(403);
    }
    body["code"] = json!("let me in");
    world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(429);
}

#[tokio::test]
async fn a_key_makes_none_that_outlives_it() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let body = json!({"name": "short", "scopes": ["*"], "expires_at": "2026-01-01T10:00:00Z"});
    let made = world.post(&owner, "/v1/api-keys", body).await.expect(201);
    let short = Actor { token: Some(made.text("/secret")), tenant: owner.tenant.clone() };
    for expiry in [json!(null), json!("2026-01-01T10:00:01Z")] {
        let mut body = json!({"name": "longer", "scopes": ["app.read"]});
        if !expiry.is_null() {
            body["expires_at"] = expiry;
        }
        let reply = world.post(&short, "/v1/api-keys", body).await.expect(422);
        assert_eq!(reply.pointers(), ["/expires_at"]);
    }
    let body = json!({"name": "shorter", "scopes": ["app.read"], "expires_at": "2026-01-01T09:59:59Z"});
    world.post(&short, "/v1/api-keys", body).await.expect(201);
}

#[tokio::test]
async fn every_fault_of_a_new_key_is_named() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let body = json!({"name": "x", "scopes": ["app.read", "app.*", "nothing"], "expires_at": "2020-01-01T00:00:00Z"});
    let reply = world.post(&owner, "/v1/api-keys", body).await.expect(422);
    assert_eq!(reply.pointers(), ["/scopes/1", "/scopes/2", "/expires_at"]);
}

#[tokio::test]
async fn a_path_that_is_not_text_names_nothing() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for path in ["/v1/apps/%FF", "/v1/organizations/%C3%28"] {
        assert_eq!(world.get(&owner, path).await.expect(404).problem(), "not-found");
    }
}
