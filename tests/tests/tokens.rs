//! Access tokens as their enemies make them, and the keys behind them through the years.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rookery_domain::hash::Sha256;
use rookery_domain::token_key::{Algorithm, TokenKey};
use rookery_edge::Kind;
use rookery_store::token_key::{self, Signer, Verifier};
use rookery_tests::household::{self, EMAIL, try_password};
use rookery_tests::world::{Actor, Reply, World, all_routes};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3600;

/// A tenant with somebody who has logged in, and what it takes to make tokens as the platform does.
struct House {
    world: World,
    owner: Actor,
    signer: Signer,
    key: TokenKey,
    claims: Value,
}

async fn log_in(world: &World, slug: &str) -> Reply {
    try_password(world, slug, EMAIL).await.expect(200)
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

async fn keys(world: &World) -> Vec<TokenKey> {
    token_key::list(world.table()).await.unwrap()
}

async fn house() -> House {
    let world = World::with_kms().await;
    let owner = household::house(&world, "acme").await;
    let token = log_in(&world, "acme").await.text("/access_token");
    let key = keys(&world).await.remove(0);
    let signer = token_key::open(world.context().clients(), &key).await.unwrap().unwrap();
    House { claims: part(&token, 1), world, owner, signer, key }
}

impl House {
    fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": "RS256", "kid": self.key.kid})
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = BASE64URL.encode(self.signer.sign(signed.as_bytes()).unwrap());
        format!("{signed}.{signature}")
    }

    /// The claims of the real token with others in their place; `null` takes one away.
    fn with(&self, changes: &Value) -> Value {
        let mut claims = self.claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().shift_remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    async fn ask(&self, token: &str) -> Reply {
        let actor = Actor { token: Some(token.to_owned()), tenant: self.owner.tenant.clone() };
        self.world.get(&actor, "/v1/whoami").await
    }

    async fn refuses(&self, what: &str, token: &str) {
        let reply = self.ask(token).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (401, "unauthenticated"), "{what}");
        assert_eq!(reply.text("/detail"), "no valid credentials", "{what}");
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// HMAC-SHA-256 (RFC 2104), as somebody would use it who takes the public key for a shared one.
fn hmac(key: &[u8], message: &[u8]) -> Sha256 {
    let mut block = [0; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(Sha256::of(key).as_bytes()),
    }
    let inner = Sha256::of_parts(&[&block.map(|byte| byte ^ 0x36), message]);
    Sha256::of_parts(&[&block.map(|byte| byte ^ 0x5c), inner.as_bytes()])
}

#[tokio::test]
async fn a_token_is_believed_in_its_time_and_from_its_issuer() {
    let house = house().await;
    house.ask(&house.signed(&house.header(), &house.claims)).await.expect(200);
    let now = house.claims["iat"].as_i64().unwrap();
    for (what, changes) in [
        ("expired", json!({"exp": now - 31})),
        ("not yet good", json!({"nbf": now + 60})),
        ("made in the future", json!({"iat": now + 60})),
        ("of another issuer", json!({"iss": "https://other.test"})),
        ("of nearly this issuer", json!({"iss": "https://rookery.test/"})),
        ("for somebody else", json!({"aud": "https://other.test"})),
        ("for many", json!({"aud": ["https://rookery.test", "https://other.test"]})),
        ("without an audience", json!({"aud": null})),
        ("without an end", json!({"exp": null})),
        ("with an end that is no number", json!({"exp": "tomorrow"})),
        ("without a session", json!({"sid": null})),
        ("of no session", json!({"sid": "ses_01h455vb4pex5vsknk084sn02q"})),
        ("of nobody", json!({"sub": "usr_01h455vb4pex5vsknk084sn02q"})),
        ("of something else", json!({"sub": "app_01h455vb4pex5vsknk084sn02q"})),
        ("of no tenant", json!({"tenant": "ten_01h455vb4pex5vsknk084sn02q"})),
    ] {
        house.refuses(what, &house.signed(&house.header(), &house.with(&changes))).await;
    }
    // Clocks that differ by some seconds do no harm.
    for changes in [json!({"exp": now - 20}), json!({"nbf": now + 20, "iat": now + 20})] {
        house.ask(&house.signed(&house.header(), &house.with(&changes))).await.expect(200);
    }
}

#[tokio::test]
async fn a_header_says_what_ours_say_and_nothing_else() {
    let house = house().await;
    let public = serde_json::to_value(&house.key.public).unwrap();
    let with = |name: &str, value: Value| {
        let mut header = house.header();
        header[name] = value;
        header
    };
    for (what, header) in [
        ("another algorithm", with("alg", json!("ES256"))),
        ("a longer one", with("alg", json!("RS512"))),
        ("another type", with("typ", json!("JWT"))),
        ("an unknown key", with("kid", json!("unknown"))),
        ("a path for a key", with("kid", json!("../../../dev/null"))),
        ("keys elsewhere", with("jku", json!("https://evil.test/jwks.json"))),
        ("a certificate elsewhere", with("x5u", json!("https://evil.test/cert"))),
        ("a key of its own", with("jwk", public.clone())),
        ("something critical", with("crit", json!(["exp"]))),
        ("no compression", with("zip", json!("DEF"))),
    ] {
        house.refuses(what, &house.signed(&header, &house.claims)).await;
    }
    for none in ["none", "None", "NONE", ""] {
        let header = with("alg", json!(none));
        house.refuses("no signature", &format!("{}.", unsigned(&header, &house.claims))).await;
        house.refuses("a signature for none", &house.signed(&header, &house.claims)).await;
    }
    // The public key, which everybody has, as the shared key of another algorithm: in each form that somebody may have taken it in.
    let modulus = public["n"].as_str().unwrap();
    let raw = BASE64URL.decode(modulus).unwrap();
    for shared in [public.to_string().into_bytes(), modulus.as_bytes().to_vec(), raw] {
        for alg in ["HS256", "RS256"] {
            let signed = unsigned(&with("alg", json!(alg)), &house.claims);
            let signature = BASE64URL.encode(hmac(&shared, signed.as_bytes()).as_bytes());
            house.refuses("a shared key", &format!("{signed}.{signature}")).await;
        }
    }
}

#[tokio::test]
async fn what_was_touched_is_refused() {
    let house = house().await;
    let token = house.signed(&house.header(), &house.claims);
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let other = unsigned(&house.header(), &house.with(&json!({"scope": "*"})));
    for (what, text) in [
        ("another payload", format!("{other}.{signature}")),
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{token}.")),
        ("padding", format!("{token}=")),
        ("half a signature", token[..token.len() - 40].to_owned()),
        ("nothing", "..".to_owned()),
        ("not base64", format!("{header}.{payload}.ünsigned")),
    ] {
        house.refuses(what, &text).await;
    }
    let long = house.signed(&house.header(), &house.with(&json!({"more": "x".repeat(7000)})));
    assert!(long.len() > 8 * 1024);
    house.refuses("too long", &long).await;
    // What is unknown and short is for later releases to say.
    house.ask(&house.signed(&house.header(), &house.with(&json!({"more": "x"})))).await.expect(200);
}

#[tokio::test]
async fn a_token_is_of_one_tenant() {
    let house = house().await;
    let other = household::house(&house.world, "other").await;
    let theirs = part(&log_in(&house.world, "other").await.text("/access_token"), 1);
    for changes in [
        json!({"tenant": other.tenant}),
        json!({"sub": theirs["sub"]}),
        json!({"sid": theirs["sid"]}),
        json!({"sub": theirs["sub"], "sid": theirs["sid"]}),
        json!({"tenant": other.tenant, "sid": theirs["sid"]}),
    ] {
        house.refuses("a foreign part", &house.signed(&house.header(), &house.with(&changes))).await;
    }
}

#[tokio::test]
async fn a_client_and_a_workload_do_what_was_given_to_them() {
    let house = house().await;
    let (world, owner) = (&house.world, &house.owner);
    let actor = |changes: &Value| Actor {
        token: Some(house.signed(&house.header(), &house.with(changes))),
        tenant: owner.tenant.clone(),
    };
    let made = json!({"name": "Client", "redirect_uris": ["https://app.example.com/cb"]});
    let id = world.post(owner, "/v1/oauth-clients", made).await.expect(201).text("/id");
    let client = actor(&json!({"client_id": id, "scope": "openid app.list"}));
    world.get(&client, "/v1/apps").await.expect(200);
    world.get(&client, "/v1/organizations").await.expect(403);
    world.get(&actor(&json!({"client_id": id})), "/v1/apps").await.expect(403);
    // What was given to nobody is nobody's.
    for nobody in ["client", "browser", "cli_01h455vb4pex5vsknk084sn02q"] {
        let changes = json!({"client_id": nobody, "scope": "openid app.list"});
        world.get(&actor(&changes), "/v1/apps").await.expect(401);
    }

    let tree = world.tree(owner).await;
    let body = json!({"name": "ci", "scopes": ["app.list", "app.read"], "owner_id": tree.workspace});
    let key = world.post(owner, "/v1/api-keys", body).await.expect(201).text("/id");
    let body = json!({"subject_id": key, "role": "viewer", "node_id": tree.workspace});
    world.post(owner, "/v1/bindings", body).await.expect(201);
    let workload = actor(&json!({"sub": key, "sid": null, "scope": "app.list"}));
    let who = world.get(&workload, "/v1/whoami").await.expect(200);
    assert_eq!((who.text("/principal/id"), &who.body["scopes"]), (key.clone(), &json!(["app.list"])));
    world.get(&workload, "/v1/apps").await.expect(200);
    world.delete(owner, &format!("/v1/api-keys/{key}")).await.expect(204);
    world.wait(20);
    world.get(&workload, "/v1/apps").await.expect(401);
}

#[tokio::test]
async fn a_second_factor_counts_for_as_long_as_a_binding_asks() {
    let house = house().await;
    let (world, owner) = (&house.world, &house.owner);
    let (person, _) = world.seed_person(owner).await;
    let session = world.seed_session_of(owner, &person.to_string()).await;
    let condition = json!({"second_factor_within_minutes": 10});
    let body =
        json!({"subject_id": person, "role": "viewer", "node_id": owner.tenant, "condition": condition});
    world.post(owner, "/v1/bindings", body).await.expect(201);
    world.wait(20);
    let now = world.context().now().as_second();
    let times = json!({"iat": now, "nbf": now, "exp": now + 900, "sub": person, "sid": session});
    let with = |mfa_at: Value| {
        let mut changes = times.clone();
        changes["mfa_at"] = mfa_at;
        Actor {
            token: Some(house.signed(&house.header(), &house.with(&changes))),
            tenant: owner.tenant.clone(),
        }
    };
    let path = format!("/v1/organizations/{}", world.tree(owner).await.organization);
    world.get(&with(Value::Null), &path).await.expect(403);
    world.get(&with(json!(now - 601)), &path).await.expect(403);
    let fresh = with(json!(now - 500));
    world.get(&fresh, &path).await.expect(200);
    world.wait(101);
    world.get(&fresh, &path).await.expect(403);
    let last = world.events(owner).await.pop().unwrap();
    assert_eq!((&last["reason"], &last["actor"]["kind"]), (&json!("condition"), &json!("user")));
}

async fn rotate(world: &World, event: Value) -> Value {
    let route = all_routes().into_iter().find(|route| route.handler == "token-key-rotator").unwrap();
    let Kind::Other(work) = route.kind else { panic!("it is no worker") };
    work(world.context().clone(), event).await.unwrap()
}

fn scheduled() -> Value {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../events/token-key-rotator.json"));
    serde_json::from_str(&text.unwrap()).unwrap()
}

async fn published(world: &World) -> Vec<Value> {
    let reply = world.get(&Actor::anonymous(), "/.well-known/jwks.json").await.expect(200);
    assert_eq!(reply.headers["cache-control"], "public, max-age=300");
    assert!(!reply.body.to_string().contains("\"d\""));
    reply.body["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn keys_come_and_go_without_anybody_noticing() {
    let world = World::with_kms().await;
    assert_eq!(published(&world).await, Vec::<Value>::new());
    assert_eq!(rotate(&world, scheduled()).await, json!({"made": []}));
    let owner = household::house(&world, "acme").await;
    let mut tokens = log_in(&world, "acme").await;
    let [first] = &published(&world).await[..] else { panic!("one key") };
    assert_eq!(first["kid"], part(&tokens.text("/access_token"), 0)["kid"]);
    assert_eq!(
        (&first["kty"], &first["alg"], &first["use"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"))
    );
    let mut seen = std::collections::BTreeSet::new();
    for day in 0..70 {
        rotate(&world, scheduled()).await;
        let body = json!({"refresh_token": tokens.text("/refresh_token")});
        tokens = world.post(&Actor::anonymous(), "/v1/auth/refresh", body).await.expect(200);
        let token = tokens.text("/access_token");
        let kid = part(&token, 0)["kid"].clone();
        let keys = published(&world).await;
        assert!(keys.iter().any(|key| key["kid"] == kid) && keys.len() <= 2, "day {day}: {keys:?}");
        let actor = Actor { token: Some(token), tenant: owner.tenant.clone() };
        world.get(&actor, "/v1/whoami").await.expect(200);
        seen.insert(kid.to_string());
        world.wait(DAY);
    }
    assert_eq!(seen.len(), 3);
    let stored = world.everything().await.join("\n");
    assert!(stored.contains("token_secret") && !stored.contains("PRIVATE KEY"));
}

#[tokio::test]
async fn an_operator_replaces_the_keys_at_once() {
    let house = house().await;
    let world = &house.world;
    let old = house.signed(&house.header(), &house.claims);
    assert_eq!(rotate(world, json!({"rotate": "at_once"})).await, json!({"made": ["RS256"]}));
    // What the old key signed is believed still, but it signs no more, and its private half is gone.
    world.wait(61);
    house.ask(&old).await.expect(200);
    let token = log_in(world, "acme").await.text("/access_token");
    assert_ne!(part(&token, 0)["kid"], json!(house.key.kid));
    house.ask(&token).await.expect(200);
    let key = keys(world).await.into_iter().find(|key| key.kid == house.key.kid).unwrap();
    assert!(token_key::open(world.context().clients(), &key).await.unwrap().is_none());

    rotate(world, json!({"rotate": "at_once", "withdraw": true})).await;
    world.wait(61);
    house.refuses("of a withdrawn key", &token).await;
    house.refuses("of a withdrawn key", &old).await;
    assert_eq!(published(world).await.len(), 1);
    house.ask(&log_in(world, "acme").await.text("/access_token")).await.expect(200);
}

#[tokio::test]
async fn who_signs_first_makes_the_key_and_makes_one() {
    let world = World::with_kms().await;
    for slug in ["one", "two", "three"] {
        household::house(&world, slug).await;
    }
    let (one, two, three) =
        tokio::join!(log_in(&world, "one"), log_in(&world, "two"), log_in(&world, "three"));
    let kids = [one, two, three].map(|reply| part(&reply.text("/access_token"), 0)["kid"].clone());
    assert!(kids.windows(2).all(|pair| pair[0] == pair[1]), "{kids:?}");
    assert_eq!(keys(&world).await.len(), 1);
}

#[tokio::test]
async fn both_algorithms_sign_what_others_check() {
    let world = World::with_kms().await;
    for algorithm in Algorithm::ALL {
        let token = world.context().sign_token(algorithm, "JWT", &json!({"sub": "x"})).await.unwrap();
        let kid = part(&token, 0)["kid"].clone();
        let key = keys(&world).await.into_iter().find(|key| json!(key.kid) == kid).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifier = Verifier::new(algorithm, &key.public).unwrap();
        assert!(verifier.verify(signed.as_bytes(), &BASE64URL.decode(signature).unwrap()));
    }
    let kinds: Vec<_> = published(&world).await.into_iter().map(|key| key["kty"].clone()).collect();
    assert_eq!(kinds, [json!("EC"), json!("RSA")]);
}
