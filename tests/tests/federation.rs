//! Logging in by other identity providers: as people, their administrators and strangers meet it, with a provider that each test runs.

use http::StatusCode;
use rookery_domain::token_key::Algorithm;
use rookery_tests::house::{Browser, House, PASSWORD};
use rookery_tests::upstream::{CLIENT, Mood, SECRET, Signature};
use rookery_tests::world::Actor;
use serde_json::{Value, json};

/// Longer than what decides about callers is kept in memory.
const SETTLED: i64 = 20;

#[tokio::test]
async fn somebody_comes_for_the_first_time_and_again() {
    let house = House::new().await;
    let first = house.come().await.expect(200);
    let ada = house.holder(&first);
    let me = house.world.get(&ada, "/v1/me").await.expect(200);
    assert_eq!((me.text("/email"), me.text("/name")), ("ada@example.com".into(), "Ada Lovelace".into()));
    let who = house.world.get(&ada, "/v1/me/sessions").await.expect(200);
    assert_eq!(who.body["items"][0]["methods"], json!(["fed"]));
    house.world.get(&ada, "/v1/users").await.expect(403);
    // The address there may change: the person is known by the name that the provider has for it.
    house.says("email", json!("other@elsewhere.example"));
    let second = house.come().await.expect(200);
    assert_eq!(first.text("/user_id"), second.text("/user_id"));
    let actions = house.actions().await;
    assert_eq!((actions["user.provision"], actions["session.begin"]), (1, 2));
    // Of secrets and of what the provider calls somebody nothing is stored in plain.
    for item in house.world.everything().await {
        for secret in [SECRET, "ada-there", "opaque", &first.text("/refresh_token")] {
            assert!(!item.contains(secret), "{secret} is in {item}");
        }
    }
}

#[tokio::test]
async fn what_is_not_to_be_believed_lets_nobody_in() {
    let house = House::new().await;
    let now = house.world.context().now().as_second();
    for (claim, value) in [
        ("iss", json!("https://accounts.example.com")),
        ("iss", json!(format!("{}/", house.upstream.url))),
        ("aud", json!("another client")),
        ("aud", json!([CLIENT, "another client"])),
        ("azp", json!("another client")),
        ("nonce", json!("of another login")),
        ("nonce", Value::Null),
        ("exp", json!(now - 31)),
        ("iat", json!(now - 3_600)),
        ("iat", json!(now + 3_600)),
        ("sub", Value::Null),
    ] {
        house.says(claim, value.clone());
        let reply = house.come().await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{claim} {value}");
        house.upstream.set().claims.clear();
    }
    for signature in [Signature::None, Signature::PublicKey, Signature::Stranger] {
        house.upstream.set().signature = signature;
        assert_eq!(house.come().await.status, StatusCode::UNAUTHORIZED, "{signature:?}");
    }
    house.upstream.set().signature = Signature::Own;
    for (name, value) in [("alg", json!("ES256")), ("alg", json!("RS512")), ("crit", json!(["b64"]))] {
        house.upstream.set().header.insert(name.to_owned(), value.clone());
        assert_eq!(house.come().await.status, StatusCode::UNAUTHORIZED, "{name} {value}");
        house.upstream.set().header.clear();
    }
    let reasons = house.reasons().await;
    assert_eq!(reasons, vec!["provider_token"; reasons.len()]);
    assert_eq!(reasons.len(), 17);
    house.come().await.expect(200);
}

#[tokio::test]
async fn keys_are_read_again_on_an_unknown_one_and_not_too_often() {
    let house = House::new().await;
    house.come().await.expect(200);
    house.come().await.expect(200);
    assert_eq!(house.upstream.set().keys_read, 1);
    // A moment after they were read an unknown key is believed to be unknown.
    house.upstream.rotate(Algorithm::Es256);
    house.come().await.expect(401);
    assert_eq!(house.upstream.set().keys_read, 1);
    house.world.wait(11);
    house.come().await.expect(200);
    assert_eq!(house.upstream.set().keys_read, 2);
    house.upstream.set().header.insert("kid".to_owned(), json!("nobody's"));
    for _ in 0..5 {
        house.come().await.expect(401);
    }
    assert_eq!(house.upstream.set().keys_read, 2);
    house.world.wait(11);
    for _ in 0..5 {
        house.come().await.expect(401);
    }
    assert_eq!(house.upstream.set().keys_read, 3);
}

#[tokio::test]
async fn a_state_is_good_once_for_its_browser_its_provider_and_its_time() {
    let house = House::new().await;
    let (mut own, mut other) = (Browser::default(), Browser::default());
    let back = house.go(&mut own, "").await;
    let foreign = house.go(&mut other, "").await;
    // Another browser's, or none: nothing is spent by it.
    house.ask(&other, &back).await.expect(401);
    house.ask(&Browser::default(), &back).await.expect(401);
    assert_eq!(house.upstream.set().exchanged, 0);
    let second = house.trust_another().await;
    house.ask(&own, &back.replace(&house.provider, &second)).await.expect(401);
    house.ask(&own, &back).await.expect(200);
    house.ask(&own, &back).await.expect(401);
    // A code that was used: the provider refuses it, whatever state it comes with.
    let again = house.go(&mut own, "").await;
    let code = |path: &str| {
        path.split("code=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or("").to_owned()
    };
    house.ask(&own, &again.replace(&code(&again), &code(&back))).await.expect(503);
    house.world.wait(601);
    house.ask(&other, &foreign).await.expect(401);
    for path in ["?code=x&state=nonsense", "?code=x", "", "?state=AAAA&error=access_denied"] {
        let path = format!("/v1/auth/federated/{}/callback{path}", house.provider);
        house.ask(&own, &path).await.expect(401);
    }
    let denied = house.go(&mut own, "").await.replace("code=", "error=access_denied&was=");
    house.ask(&own, &denied).await.expect(401);
    let mixed = house.go(&mut own, "").await + "&iss=https%3A%2F%2Fevil.example";
    house.ask(&own, &mixed).await.expect(401);
    let expected = [
        "provider_state",
        "provider_state",
        "provider_state",
        "provider_answer",
        "provider_answer",
        "provider_answer",
    ];
    assert_eq!(house.reasons().await, expected);
}

#[tokio::test]
async fn a_provider_that_is_slow_long_or_elsewhere_is_not_waited_for() {
    let house = House::new().await;
    for mood in [Mood::Huge, Mood::Elsewhere, Mood::Slow] {
        house.upstream.set().mood = mood;
        let began = std::time::Instant::now();
        let reply = house.come().await.expect(503);
        assert!(reply.headers.contains_key("retry-after"), "{mood:?}");
        assert!(began.elapsed().as_secs() < 7, "{mood:?}");
    }
    house.upstream.set().mood = Mood::Well;
    house.come().await.expect(200);
    assert_eq!(house.reasons().await, ["provider_answer"; 3]);
}

#[tokio::test]
async fn only_verified_addresses_of_verified_domains_count() {
    let house = House::new().await;
    for (claim, value) in [
        ("email_verified", json!(false)),
        ("email_verified", Value::Null),
        ("email", json!("ada@elsewhere.example")),
        ("email", json!("ada@sub.example.com")),
        ("email", json!("ada@example.com@evil.example")),
        ("email", json!("no address")),
    ] {
        house.says(claim, value.clone());
        assert_eq!(house.come().await.status, StatusCode::UNAUTHORIZED, "{claim} {value}");
        house.upstream.set().claims.clear();
    }
    assert_eq!(house.reasons().await, ["provider_mail"; 6]);
    // What the token does not say is asked for, and is believed of the same person only.
    house.says("email", Value::Null);
    house.upstream.set().userinfo = json!({"sub": "eve", "email": "eve@example.com", "email_verified": true});
    house.come().await.expect(401);
    house.upstream.set().userinfo =
        json!({"sub": "ada-there", "email": "Ada+x@EXAMPLE.com", "email_verified": true});
    let tokens = house.come().await.expect(200);
    let me = house.world.get(&house.holder(&tokens), "/v1/me").await.expect(200);
    assert_eq!(me.text("/email"), "Ada+x@EXAMPLE.com");
}

#[tokio::test]
async fn an_account_of_before_is_joined_by_whoever_proves_both() {
    let house = House::new().await;
    house.says("email", json!("founder@example.com"));
    let mut browser = Browser::default();
    let back = house.go(&mut browser, "").await;
    let asked = house.ask(&browser, &back).await.expect(202);
    assert_eq!(asked.text("/step"), "link");
    let token = asked.text("/token");
    let nobody = Actor::anonymous();
    let none = house.finish(&browser, &nobody, json!({"token": token})).await.expect(422);
    assert_eq!(none.pointers(), ["/password"]);
    house
        .finish(&browser, &nobody, json!({"token": token, "password": "a guess of somebody"}))
        .await
        .expect(401);
    house
        .finish(&Browser::default(), &nobody, json!({"token": token, "password": PASSWORD}))
        .await
        .expect(401);
    // A key is no session, not even the person's own.
    house.finish(&browser, &house.owner, json!({"token": token})).await.expect(422);
    let body = json!({"token": token, "password": PASSWORD});
    let tokens = house.finish(&browser, &nobody, body.clone()).await.expect(200);
    assert_eq!(tokens.text("/user_id"), house.world.founder(&house.owner).await);
    house.finish(&browser, &nobody, body).await.expect(401);
    // From then on the provider is enough.
    let again = house.come().await.expect(200);
    assert_eq!(again.text("/user_id"), tokens.text("/user_id"));
    assert_eq!(house.actions().await["identity.link"], 1);
    assert_eq!(house.reasons().await, ["wrong_password", "provider_state"]);
    // Guessing passwords this way waits as it does at the login.
    house.says("sub", json!("somebody else there"));
    let back = house.go(&mut browser, "").await;
    let token = house.ask(&browser, &back).await.expect(202).text("/token");
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let body = json!({"token": token, "password": "a guess of somebody"});
        statuses.push(house.finish(&browser, &nobody, body).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    // Whoever is logged in there needs no password; somebody else's session is no proof.
    house.says("sub", json!("somebody new there"));
    house.says("email", json!("ada@example.com"));
    let ada = house.holder(&house.come().await.expect(200));
    house.finish(&browser, &ada, json!({"token": token})).await.expect(422);
    house.finish(&browser, &house.holder(&again), json!({"token": token})).await.expect(200);
}

#[tokio::test]
async fn a_page_is_led_back_to_and_nowhere_else() {
    let house = House::new().await;
    let path = |to: &str| format!("/v1/auth/federated/{}/start?tenant=a-nest&return_to={to}", house.provider);
    for to in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "evil.example",
        "%2Fa%0D%0Ab",
        "javascript%3Aalert(1)",
        "%2F%09%2Fevil.example",
        "%2Fa%23b",
        "%5C%5Cevil.example",
    ] {
        house.ask(&Browser::default(), &path(to)).await.expect(400);
    }
    let mut browser = Browser::default();
    let back = house.go(&mut browser, "&return_to=%2Fwelcome%3Fx%3D1").await;
    let led = house.ask(&browser, &back).await.expect(303);
    let location = led.headers["location"].to_str().expect("an address").to_owned();
    let (page, fragment) = location.split_once('#').expect("a fragment");
    assert_eq!(page, "/welcome?x=1");
    let token = fragment.trim_start_matches("federation=").trim_end_matches("&step=finish").to_owned();
    let nobody = Actor::anonymous();
    house.finish(&Browser::default(), &nobody, json!({"token": token})).await.expect(401);
    let tokens = house.finish(&browser, &nobody, json!({"token": token})).await.expect(200);
    house.world.get(&house.holder(&tokens), "/v1/me").await.expect(200);
    house.finish(&browser, &nobody, json!({"token": token})).await.expect(401);
}

#[tokio::test]
async fn the_cookie_is_the_hosts_alone_and_works_on_this_machine() {
    let house = House::new().await;
    let path = format!("/v1/auth/federated/{}/start?tenant=a-nest", house.provider);
    let started = house.ask(&Browser::default(), &path).await.expect(303);
    let cookie = started.headers["set-cookie"].to_str().expect("a cookie");
    assert!(cookie.starts_with("__Host-rookery-login="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=1200; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let local = House::at("http://127.0.0.1:4566").await;
    let mut browser = Browser::default();
    let back = local.go(&mut browser, "").await;
    assert!(browser.0.as_deref().is_some_and(|cookie| cookie.starts_with("rookery-login=")));
    local.ask(&browser, &back).await.expect(200);
}

#[tokio::test]
async fn suspension_and_second_factors_hold() {
    let house = House::new().await;
    let ada = house.come().await.expect(200).text("/user_id");
    house
        .world
        .patch(&house.owner, "/v1/tenant/settings", json!({"require_second_factor": true}))
        .await
        .expect(200);
    let asked = house.come().await.expect(202);
    assert_eq!((asked.text("/step"), &asked.body["enrolled"]), ("second_factor".into(), &json!(false)));
    let enrol = json!({"mfa_token": asked.text("/mfa_token")});
    house.world.post(&Actor::anonymous(), "/v1/auth/mfa/enrol", enrol).await.expect(200);
    house.world.post(&house.owner, &format!("/v1/users/{ada}/suspend"), json!({})).await.expect(200);
    house.world.wait(SETTLED);
    house.come().await.expect(401);
    assert_eq!(house.reasons().await, ["suspended"]);
    // Who is not to come any more, and nobody new without an organization.
    let path = format!("/v1/identity-providers/{}", house.provider);
    house.says("sub", json!("bob-there"));
    house.says("email", json!("bob@example.com"));
    house.world.patch(&house.owner, &path, json!({"organization_id": null})).await.expect(200);
    house.come().await.expect(401);
    assert_eq!(house.reasons().await, ["suspended", "provider_unknown_person"]);
    let mut browser = Browser::default();
    let back = house.go(&mut browser, "").await;
    house.world.patch(&house.owner, &path, json!({"enabled": false})).await.expect(200);
    house.ask(&browser, &back).await.expect(401);
    let start = format!("/v1/auth/federated/{}/start?tenant=a-nest", house.provider);
    house.ask(&browser, &start).await.expect(404);
}

#[tokio::test]
async fn groups_follow_the_claim() {
    let house = House::new().await;
    let home = house.world.home(&house.owner).await;
    let pilots = house.world.group(&house.owner, &home, "Pilots", None).await;
    let cooks = house.world.group(&house.owner, &home, "Cooks", None).await;
    let path = format!("/v1/identity-providers/{}", house.provider);
    let groups = json!([{"value": "fly", "group_id": pilots}, {"value": "cook", "group_id": cooks}]);
    let lacking = house.world.patch(&house.owner, &path, json!({"groups": groups})).await.expect(422);
    assert_eq!(lacking.pointers(), ["/group_claim"]);
    let body = json!({"group_claim": "roles", "groups": groups});
    house.world.patch(&house.owner, &path, body).await.expect(200);
    let members = async |group: &str| {
        let listed = house.world.get(&house.owner, &format!("/v1/groups/{group}/members")).await.expect(200);
        listed.body["items"].as_array().map_or(0, Vec::len)
    };
    house.says("roles", json!(["fly", "unknown"]));
    house.come().await.expect(200);
    assert_eq!((members(&pilots).await, members(&cooks).await), (1, 0));
    house.says("roles", json!(["cook"]));
    house.come().await.expect(200);
    assert_eq!((members(&pilots).await, members(&cooks).await), (0, 1));
    house.says("roles", Value::Null);
    house.upstream.set().userinfo = json!({"sub": "ada-there"});
    house.come().await.expect(200);
    assert_eq!((members(&pilots).await, members(&cooks).await), (0, 0));
    // Nobody hands on by a provider what they lack.
    house.world.give(&house.owner, &pilots, "owner", &house.owner.tenant).await;
    let admin = house.world.person(&house.owner, "admin@example.com").await;
    house.world.give(&house.owner, &admin.id, "admin", &house.owner.tenant).await;
    let before = json!({"groups": []});
    house.world.patch(&house.owner, &path, before).await.expect(200);
    let body = json!({"groups": [{"value": "fly", "group_id": pilots}]});
    house.world.patch(&admin.actor, &path, body).await.expect(403);
}

#[tokio::test]
async fn somebody_comes_by_github() {
    let mut house = House::new().await;
    let path = format!("/v1/identity-providers/{}", house.provider);
    house.world.delete(&house.owner, &path).await.expect(204);
    let organization = house.world.home(&house.owner).await;
    house.provider = house.trust(json!({"kind": "github", "organization_id": organization})).await;
    house.upstream.set().emails = json!([
        {"email": "octocat@example.com", "primary": false, "verified": false},
        {"email": "octocat@users.noreply.github.example", "primary": true, "verified": true},
    ]);
    house.come().await.expect(401);
    house.upstream.set().emails[0]["verified"] = json!(true);
    let tokens = house.come().await.expect(200);
    let me = house.world.get(&house.holder(&tokens), "/v1/me").await.expect(200);
    assert_eq!((me.text("/email"), me.text("/name")), ("octocat@example.com".into(), "octocat".into()));
}
