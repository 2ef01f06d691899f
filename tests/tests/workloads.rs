//! Builds that keep no secret: what their runner says of them is taken for a token with the rights of a service key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::Method;
use jiff::Timestamp;
use rookery_domain::token_key::{Algorithm, TokenKey, at_once};
use rookery_store::token_key::Signer;
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// A runner of builds on this machine, which publishes its keys and makes tokens for its builds.
struct Runner {
    url: String,
    signer: Signer,
    key: TokenKey,
    asked: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Runner {
    async fn new(algorithm: Algorithm) -> Self {
        let (signer, key) = Signer::fleeting(at_once(&[], algorithm, Timestamp::UNIX_EPOCH)).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let document = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let mut own = serde_json::to_value(&key.public).unwrap();
        own["kid"] = json!(key.kid);
        own["alg"] = json!(key.algorithm);
        let encrypts = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "e", "use": "enc"});
        let keys = json!({"keys": [{"kty": "OKP", "kid": "x"}, encrypts, own]});
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let routes = axum::Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { Json(document) }))
            .route(
                "/keys",
                get(move || async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    Json(keys)
                }),
            )
            .route(
                "/moved/.well-known/openid-configuration",
                get(|| async { axum::response::Redirect::to("/keys") }),
            );
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, signer, key, asked, server }
    }

    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.key.algorithm, "kid": self.key.kid})
    }

    fn claims(&self, world: &World) -> Value {
        let now = world.context().now().as_second();
        json!({
            "iss": self.url, "aud": "rookery", "sub": "repo:acme/app:ref:refs/heads/main", "iat": now, "nbf": now,
            "exp": now + 300, "repository": "acme/app", "ref": "refs/heads/main",
        })
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| BASE64URL.encode(json.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = BASE64URL.encode(self.signer.sign(text.as_bytes()).unwrap());
        format!("{text}.{signature}")
    }

    fn token(&self, world: &World) -> String {
        self.signed(&self.header(), &self.claims(world))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn world() -> World {
    World::with_kms_and(&[("LOOPBACK_PROVIDERS", "allowed")]).await
}

/// A service key that may read apps in the whole tenant.
async fn robot(world: &World, owner: &Actor) -> String {
    let body = json!({"name": "robot", "scopes": ["*"], "owner_id": owner.tenant});
    let key = world.post(owner, "/v1/api-keys", body).await.expect(201).text("/id");
    world.give(owner, &key, "viewer", &owner.tenant).await;
    key
}

fn trust(issuer: &str, key: &str) -> Value {
    json!({
        "name": "Deploy", "issuer": issuer, "audience": "rookery", "service_key_id": key,
        "conditions": [
            {"claim": "repository", "equals": "acme/app"}, {"claim": "ref", "equals": "refs/heads/main"},
        ],
    })
}

async fn exchange(world: &World, trust: &str, token: &str) -> Reply {
    let fields = [
        ("grant_type", GRANT),
        ("audience", trust),
        ("subject_token", token),
        ("subject_token_type", ID_TOKEN),
    ];
    world.submit("/oauth/token", &fields, &[]).await
}

#[tokio::test]
async fn a_build_gets_the_rights_of_a_service_key_for_a_while() {
    for algorithm in Algorithm::ALL {
        let (world, runner) = (world().await, Runner::new(algorithm).await);
        let owner = world.sign_up().await;
        let key = robot(&world, &owner).await;
        let made = world.post(&owner, "/v1/workload-trusts", trust(&runner.url, &key)).await.expect(201);
        let id = made.text("/id");
        assert!(id.starts_with("wtr_"));
        let given = exchange(&world, &id, &runner.token(&world)).await.expect(200);
        let rest = json!({
            "access_token": given.body["access_token"], "token_type": "Bearer", "expires_in": 900, "scope": "*",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        });
        assert_eq!(given.body, rest);
        assert_eq!(given.headers["cache-control"], "no-store");
        let build = Actor { token: Some(given.text("/access_token")), tenant: owner.tenant.clone() };
        world.get(&build, "/v1/apps").await.expect(200);
        let who = world.get(&build, "/v1/whoami").await.expect(200);
        assert!(who.body.to_string().contains(&key), "{}", who.body);
        world.post(&build, "/v1/apps", json!({"name": "x", "platforms": ["web"]})).await.expect(403);

        let events = world.events(&owner).await;
        let told = events.iter().find(|event| event["action"] == "workload_trust.exchange").unwrap();
        assert_eq!((&told["outcome"], &told["actor"]["id"]), (&json!("allowed"), &json!(key)));
        assert!(told["changes"].to_string().contains("repo:acme/app:ref:refs/heads/main"), "{told}");
        let stored = world.everything().await.join("\n");
        assert!(!stored.contains(given.text("/access_token").rsplit('.').next().unwrap()));

        world.wait(931);
        world.get(&build, "/v1/apps").await.expect(401);
        // Where there is one key of its algorithm, a token need not name it.
        let nameless = runner.signed(&json!({"alg": runner.key.algorithm}), &runner.claims(&world));
        let again = exchange(&world, &id, &nameless).await.expect(200);
        let build = Actor { token: Some(again.text("/access_token")), tenant: owner.tenant.clone() };
        world.get(&build, "/v1/apps").await.expect(200);
        world.delete(&owner, &format!("/v1/api-keys/{key}")).await.expect(204);
        world.wait(20);
        world.get(&build, "/v1/apps").await.expect(401);
        exchange(&world, &id, &runner.token(&world)).await.expect(400);
    }
}

#[tokio::test]
async fn what_a_build_was_given_ends_with_the_trust() {
    let (world, runner) = (world().await, Runner::new(Algorithm::Es256).await);
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    let id =
        world.post(&owner, "/v1/workload-trusts", trust(&runner.url, &key)).await.expect(201).text("/id");
    let given = exchange(&world, &id, &runner.token(&world)).await.expect(200);
    let build = Actor { token: Some(given.text("/access_token")), tenant: owner.tenant.clone() };
    world.get(&build, "/v1/apps").await.expect(200);
    world.delete(&owner, &format!("/v1/workload-trusts/{id}")).await.expect(204);
    world.wait(16);
    world.get(&build, "/v1/apps").await.expect(401);
    let events = world.events(&owner).await;
    assert_eq!(events.iter().filter(|event| event["reason"] == "client_gone").count(), 1);
}

#[tokio::test]
async fn a_build_may_ask_for_less() {
    let (world, runner) = (world().await, Runner::new(Algorithm::Es256).await);
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    let id =
        world.post(&owner, "/v1/workload-trusts", trust(&runner.url, &key)).await.expect(201).text("/id");
    let token = runner.token(&world);
    let fields = |scope| {
        let kind = "urn:ietf:params:oauth:token-type:jwt";
        let own = [("grant_type", GRANT), ("audience", id.as_str()), ("subject_token", token.as_str())];
        [own.as_slice(), &[("subject_token_type", kind), ("scope", scope)]].concat()
    };
    let given = world.submit("/oauth/token", &fields("role.list telepathy"), &[]).await.expect(200);
    assert_eq!(given.text("/scope"), "role.list");
    let build = Actor { token: Some(given.text("/access_token")), tenant: owner.tenant.clone() };
    world.get(&build, "/v1/roles").await.expect(200);
    world.get(&build, "/v1/apps").await.expect(403);
    let none = world.submit("/oauth/token", &fields("openid"), &[]).await.expect(400);
    assert_eq!(none.text("/error"), "invalid_scope");
}

#[tokio::test]
async fn tokens_of_others_and_for_others_are_refused_alike() {
    let (world, runner) = (world().await, Runner::new(Algorithm::Rs256).await);
    let other = Runner::new(Algorithm::Rs256).await;
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    let id =
        world.post(&owner, "/v1/workload-trusts", trust(&runner.url, &key)).await.expect(201).text("/id");
    exchange(&world, &id, &runner.token(&world)).await.expect(200);
    let with = |name: &str, value: Value| {
        let mut claims = runner.claims(&world);
        claims[name] = value;
        runner.signed(&runner.header(), &claims)
    };
    let headed = |name: &str, value: Value| {
        let mut header = runner.header();
        header[name] = value;
        runner.signed(&header, &runner.claims(&world))
    };
    let now = world.context().now().as_second();
    let good = runner.token(&world);
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    let mut told = Vec::new();
    for (what, token) in [
        ("another repository", with("repository", json!("acme/app2"))),
        ("a branch", with("ref", json!("refs/heads/evil"))),
        ("a list", with("ref", json!(["refs/heads/main"]))),
        ("another audience", with("aud", json!("https://rookery.test"))),
        ("another issuer", with("iss", json!(other.url))),
        ("old", with("exp", json!(now - 31))),
        ("endless", with("exp", json!(null))),
        ("early", with("nbf", json!(now + 60))),
        ("no algorithm", headed("alg", json!("none"))),
        ("a secret's algorithm", headed("alg", json!("HS256"))),
        ("another algorithm", headed("alg", json!("ES256"))),
        ("demands", headed("crit", json!(["x"]))),
        ("another's key", other.signed(&runner.header(), &runner.claims(&world))),
        ("another runner's", other.signed(&other.header(), &runner.claims(&world))),
        ("for encryption", headed("kid", json!("e"))),
        ("unsigned", unsigned),
        ("nonsense", "a.b.c".to_owned()),
    ] {
        let reply = exchange(&world, &id, &token).await.expect(400);
        told.push(reply.body);
        assert_eq!(told.last(), told.first(), "{what}");
    }
    exchange(&world, &id, &with("x", json!("x".repeat(16_000)))).await.expect(413);
    let strange = exchange(&world, "wtr_01h455vb4pex5vsknk084sn02q", &good).await.expect(400);
    assert_eq!((&strange.body, &strange.body["error"]), (&told[0], &json!("invalid_request")));
    let denied = world.events(&owner).await;
    let reasons = |reason: &str| denied.iter().filter(|event| event["reason"] == reason).count();
    assert_eq!((reasons("condition_unmet"), reasons("wrong_grant")), (3, told.len() - 3));
    assert!(!world.everything().await.join("\n").contains(good.rsplit('.').next().unwrap()));
    // Keys that nobody knows were looked for once more at the most, and of the other runner nobody asked.
    assert!(runner.asked() <= 2, "{}", runner.asked());
    assert_eq!(other.asked(), 0);

    for (name, value) in [
        ("subject_token", ""),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ("audience", ""),
        ("actor_token", "x"),
        ("resource", "https://example.com"),
    ] {
        let fields = [
            ("grant_type", GRANT),
            ("audience", id.as_str()),
            ("subject_token", good.as_str()),
            ("subject_token_type", ID_TOKEN),
        ];
        let mut fields: Vec<(&str, &str)> = fields.into_iter().filter(|(known, _)| *known != name).collect();
        fields.push((name, value));
        let reply = world.submit("/oauth/token", &fields, &[]).await.expect(400);
        assert_eq!(reply.text("/error"), "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn whoever_shows_wrong_tokens_waits_and_the_runner_is_left_alone() {
    let (world, runner) = (world().await, Runner::new(Algorithm::Es256).await);
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    let id =
        world.post(&owner, "/v1/workload-trusts", trust(&runner.url, &key)).await.expect(201).text("/id");
    let mut answers = Vec::new();
    for number in 0..60 {
        let header = json!({"alg": "ES256", "kid": format!("{number}")});
        let token = runner.signed(&header, &runner.claims(&world));
        answers.push(exchange(&world, &id, &token).await.status.as_u16());
    }
    assert_eq!(answers.last(), Some(&429));
    assert_eq!(runner.asked(), 1);
    exchange(&world, &id, &runner.token(&world)).await.expect(200);
    assert_eq!(runner.asked(), 1);
    // Later an unknown key is looked for again: it may be new.
    world.wait(31);
    let header = json!({"alg": "ES256", "kid": "new"});
    exchange(&world, &id, &runner.signed(&header, &runner.claims(&world))).await;
    assert_eq!(runner.asked(), 2);
}

#[tokio::test]
async fn a_runner_that_sends_elsewhere_or_names_another_is_not_believed() {
    let (world, runner) = (world().await, Runner::new(Algorithm::Es256).await);
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    for issuer in
        [format!("{}/moved", runner.url), format!("{}/gone", runner.url), format!("{}/", runner.url)]
    {
        let id =
            world.post(&owner, "/v1/workload-trusts", trust(&issuer, &key)).await.expect(201).text("/id");
        let mut claims = runner.claims(&world);
        claims["iss"] = json!(issuer);
        exchange(&world, &id, &runner.signed(&runner.header(), &claims)).await.expect(400);
    }
    assert_eq!(runner.asked(), 0);
}

#[tokio::test]
async fn trusts_are_made_changed_and_ended() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    let body = trust("https://ci.example.com", &key);
    let made = world.post(&owner, "/v1/workload-trusts", body.clone()).await.expect(201);
    let path = format!("/v1/workload-trusts/{}", made.text("/id"));
    assert_eq!(made.headers["location"], path.as_str());
    assert_eq!(world.get(&owner, &path).await.expect(200).body, made.body);
    let changed = world.patch(&owner, &path, json!({"audience": "other"})).await.expect(200);
    assert_eq!((&changed.body["version"], &changed.body["audience"]), (&json!(2), &json!("other")));
    let stale = Some(&body);
    world.call_with(&owner, Method::PATCH, &path, stale, &[("if-match", "\"1\"")]).await.expect(412);
    let listed = world.get(&owner, "/v1/workload-trusts").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);

    let (reader, stranger) = (world.member(&owner, &["workload_trust.read"]).await, world.sign_up().await);
    world.get(&reader, &path).await.expect(200);
    world.patch(&reader, &path, json!({"name": "x"})).await.expect(403);
    world.get(&stranger, &path).await.expect(404);
    world.delete(&stranger, &path).await.expect(404);
    world.delete(&owner, &path).await.expect(204);
    world.get(&owner, &path).await.expect(404);
    let events = world.events(&owner).await;
    let own: Vec<&str> = events.iter().filter_map(|event| event["action"].as_str()).collect();
    let own: Vec<&str> = own.into_iter().filter(|name| name.starts_with("workload_trust")).collect();
    let done =
        ["workload_trust.create", "workload_trust.update", "workload_trust.update", "workload_trust.delete"];
    assert_eq!(own, done, "the second is of the reader, who was refused");
    assert!(!world.everything().await.join("\n").contains("directory#workload-trust"));
}

#[tokio::test]
async fn a_trust_is_narrow_and_gives_nothing_that_its_maker_lacks() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let key = robot(&world, &owner).await;
    let github = "https://token.actions.githubusercontent.com";
    for (change, places) in [
        (json!({"issuer": "http://ci.example.com"}), vec!["/issuer"]),
        (json!({"issuer": "https://169.254.169.254"}), vec!["/issuer"]),
        (json!({"issuer": "https://[fd00:ec2::254]/x"}), vec!["/issuer"]),
        // Of this machine only where the operator lets it.
        (json!({"issuer": "http://127.0.0.1:8080"}), vec!["/issuer"]),
        (json!({"conditions": []}), vec!["/conditions"]),
        (
            json!({"issuer": github, "conditions": [{"claim": "ref", "equals": "refs/heads/main"}]}),
            vec!["/conditions"],
        ),
        (
            json!({"conditions": [{"claim": "a b", "equals": ""}]}),
            vec!["/conditions/0/claim", "/conditions/0/equals"],
        ),
        (json!({"service_key_id": "key_01h455vb4pex5vsknk084sn02q"}), vec!["/service_key_id"]),
    ] {
        let mut body = trust("https://ci.example.com", &key);
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        let reply = world.post(&owner, "/v1/workload-trusts", body).await.expect(422);
        assert_eq!(reply.pointers(), places, "{change}");
    }
    let mine = world.post(&owner, "/v1/api-keys", json!({"name": "k", "scopes": ["*"]})).await.expect(201);
    let personal = trust("https://ci.example.com", &mine.text("/id"));
    world.post(&owner, "/v1/workload-trusts", personal).await.expect(422);

    let body = trust("https://ci.example.com", &key);
    let made = world.post(&owner, "/v1/workload-trusts", body.clone()).await.expect(201);
    let path = format!("/v1/workload-trusts/{}", made.text("/id"));
    let maker = world.member(&owner, &["workload_trust.create", "workload_trust.update"]).await;
    world.post(&maker, "/v1/workload-trusts", body).await.expect(403);
    let elsewhere = json!({"conditions": [{"claim": "repository", "equals": "evil/app"}]});
    world.patch(&maker, &path, elsewhere).await.expect(403);
    world.patch(&maker, &path, json!({"issuer": "https://evil.example.com"})).await.expect(403);
    world.patch(&maker, &path, json!({"name": "Other"})).await.expect(200);
    let denied = world.events(&owner).await;
    assert_eq!(denied.iter().filter(|event| event["reason"] == "beyond_own_rights").count(), 3);
}
