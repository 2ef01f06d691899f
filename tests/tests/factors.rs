//! Second factors, and how often secrets may be guessed: as people, their administrators and strangers meet them.

use rookery_factors::totp;
use rookery_tests::household::{self, EMAIL, PASSWORD, base32, holder};
use rookery_tests::unreliable::Unreliable;
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

/// Longer than what decides about callers is kept in memory.
const SETTLED: i64 = 20;

/// A tenant whose owner has a password; what the owner does with its key, and a post office.
async fn house() -> (World, Unreliable, Actor) {
    let office = Unreliable::new().await;
    let world = World::over(&office.url, &[("SIGNUPS_PER_HOUR", "1000")]).await;
    let owner = household::house(&world, "a-nest").await;
    (world, office, owner)
}

async fn try_password(world: &World, email: &str, password: &str, device: Option<&str>) -> Reply {
    let mut body = json!({"tenant": "a-nest", "email": email, "password": password});
    if let Some(device) = device {
        body["device_token"] = json!(device);
    }
    world.post(&Actor::anonymous(), "/v1/auth/login", body).await
}

async fn log_in(world: &World) -> Reply {
    try_password(world, EMAIL, PASSWORD, None).await
}

async fn show(world: &World, token: &str, code: &str) -> Reply {
    let body = json!({"mfa_token": token, "code": code});
    world.post(&Actor::anonymous(), "/v1/auth/mfa", body).await
}

async fn recover(world: &World, token: &str, code: &str) -> Reply {
    let body = json!({"mfa_token": token, "recovery_code": code});
    world.post(&Actor::anonymous(), "/v1/auth/mfa", body).await
}

/// What an authenticator reads from an offer.
fn secret_of(offer: &Reply) -> Vec<u8> {
    base32(&offer.text("/secret"))
}

fn code(world: &World, secret: &[u8]) -> String {
    totp::code_at(secret, world.context().now())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// Sets an authenticator up for somebody who has logged in; answers its secret and the recovery codes.
async fn enrol(world: &World, person: &Actor) -> (Vec<u8>, Vec<String>) {
    let path = "/v1/me/mfa/totp";
    let offer = world.post(person, path, json!({"password": PASSWORD})).await.expect(200);
    let secret = secret_of(&offer);
    let body = json!({"code": code(world, &secret)});
    let confirmed = world.call_with(person, http::Method::PUT, path, Some(&body), &[]).await.expect(200);
    (secret, texts(&confirmed.body["recovery_codes"]))
}

#[tokio::test]
async fn an_authenticator_counts_once_it_was_confirmed_and_each_code_once() {
    let (world, office, owner) = house().await;
    let ada = holder(&owner, &log_in(&world).await.expect(200));
    let path = "/v1/me/mfa/totp";
    // A key is not enough, whatever it may do; and it takes the password.
    world.post(&owner, path, json!({"password": PASSWORD})).await.expect(403);
    let wrong = world.post(&ada, path, json!({"password": "a guess of somebody"})).await.expect(422);
    assert_eq!(wrong.pointers(), ["/password"]);
    let offer = world.post(&ada, path, json!({"password": PASSWORD})).await.expect(200);
    assert!(offer.text("/link").starts_with("otpauth://totp/The%20a-nest:ada%40example.com?secret="));
    assert!(offer.text("/qr_svg").starts_with("<svg "));
    // Until its first code nothing changes.
    log_in(&world).await.expect(200);
    let secret = secret_of(&offer);
    let put = |body: Value| {
        let (world, ada) = (&world, &ada);
        async move { world.call_with(ada, http::Method::PUT, path, Some(&body), &[]).await }
    };
    assert_eq!(put(json!({"code": "000000"})).await.expect(422).pointers(), ["/code"]);
    let first = code(&world, &secret);
    let confirmed = put(json!({"code": first.clone()})).await.expect(200);
    let codes = texts(&confirmed.body["recovery_codes"]);
    assert_eq!(codes.len(), 10);
    put(json!({"code": first.clone()})).await.expect(422);

    let asked = log_in(&world).await.expect(202);
    assert_eq!(asked.body["enrolled"], json!(true));
    let token = asked.text("/mfa_token");
    // The code that confirmed is used, and so is each that ends a login.
    assert_eq!(show(&world, &token, &first).await.expect(422).pointers(), ["/code"]);
    world.wait(30);
    let second = code(&world, &secret);
    let done = show(&world, &token, &second).await.expect(200);
    assert_eq!(world.get(&holder(&owner, &done), "/v1/me").await.expect(200).text("/email"), EMAIL);
    show(&world, &token, &second).await.expect(401);
    let token = log_in(&world).await.expect(202).text("/mfa_token");
    show(&world, &token, &second).await.expect(422);
    show(&world, &token, &first).await.expect(422);
    // A clock may be half a minute fast; a minute is too much.
    world.wait(30);
    let ahead = totp::code_at(&secret, world.context().now() + jiff::SignedDuration::from_secs(60));
    show(&world, &token, &ahead).await.expect(422);
    let next = totp::code_at(&secret, world.context().now() + jiff::SignedDuration::from_secs(30));
    show(&world, &token, &next).await.expect(200);

    // A login does not wait for ever.
    let token = log_in(&world).await.expect(202).text("/mfa_token");
    world.wait(10 * 60);
    show(&world, &token, &code(&world, &secret)).await.expect(401);

    // Nothing of it is stored as it is, told, or in the trail; the person is.
    let base32 = offer.text("/secret");
    let items = world.everything().await;
    assert!(
        items.iter().all(|item| !item.contains(&base32) && codes.iter().all(|code| !item.contains(code)))
    );
    let mails = world.mailed(&office, &owner).await;
    assert!(mails.iter().any(|mail| mail.subject.contains("An authenticator was added")));
}

#[tokio::test]
async fn a_recovery_code_is_good_once_even_if_it_comes_twice_at_once() {
    let (world, _office, owner) = house().await;
    let ada = holder(&owner, &log_in(&world).await.expect(200));
    let (_, codes) = enrol(&world, &ada).await;
    let (left, right) = (log_in(&world).await.expect(202), log_in(&world).await.expect(202));
    let sloppy = codes[0].to_lowercase().replace('-', " ");
    let (left_token, right_token) = (left.text("/mfa_token"), right.text("/mfa_token"));
    let (left, right) =
        tokio::join!(recover(&world, &left_token, &codes[0]), recover(&world, &right_token, &sloppy));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    let state = world.get(&ada, "/v1/me/mfa/totp").await.expect(200);
    assert_eq!(state.body["recovery_codes_left"], json!(9));

    // New ones take the password, and end the others.
    let path = "/v1/me/mfa/recovery-codes";
    world.post(&ada, path, json!({"password": "a guess of somebody"})).await.expect(422);
    let fresh = world.post(&ada, path, json!({"password": PASSWORD})).await.expect(200);
    let fresh = texts(&fresh.body["recovery_codes"]);
    let token = log_in(&world).await.expect(202).text("/mfa_token");
    recover(&world, &token, &codes[1]).await.expect(422);
    recover(&world, &token, &fresh[0]).await.expect(200);

    let remove = json!({"password": PASSWORD});
    let gone = world.call_with(&ada, http::Method::DELETE, "/v1/me/mfa/totp", Some(&remove), &[]).await;
    gone.expect(204);
    log_in(&world).await.expect(200);
    assert_eq!(world.post(&ada, path, remove).await.expect(409).problem(), "not-enrolled");
}

#[tokio::test]
async fn a_tenant_that_asks_for_a_second_factor_gets_one() {
    let (world, _office, owner) = house().await;
    world.patch(&owner, "/v1/tenant/settings", json!({"require_second_factor": true})).await.expect(200);
    let asked = log_in(&world).await.expect(202);
    assert_eq!((&asked.body["enrolled"], &asked.body["access_token"]), (&json!(false), &json!(null)));
    let token = asked.text("/mfa_token");
    // All that can be done is to set one up.
    show(&world, &token, "123456").await.expect(422);
    let bearer = Actor { token: Some(token.clone()), tenant: owner.tenant.clone() };
    world.get(&bearer, "/v1/me").await.expect(401);
    let anybody = Actor::anonymous();
    let body = json!({"mfa_token": token});
    let offer = world.post(&anybody, "/v1/auth/mfa/enrol", body.clone()).await.expect(200);
    let secret = secret_of(&offer);
    let done = show(&world, &token, &code(&world, &secret)).await.expect(200);
    assert_eq!(texts(&done.body["recovery_codes"]).len(), 10);
    world.post(&anybody, "/v1/auth/mfa/enrol", body).await.expect(401);
    let ada = holder(&owner, &done);
    let remove = json!({"password": PASSWORD});
    let kept = world.call_with(&ada, http::Method::DELETE, "/v1/me/mfa/totp", Some(&remove), &[]).await;
    assert_eq!(kept.expect(409).problem(), "second-factor-required");
    // Whoever has one cannot be given another by a login that lacks it.
    let token = log_in(&world).await.expect(202).text("/mfa_token");
    let body = json!({"mfa_token": token});
    let refused = world.post(&anybody, "/v1/auth/mfa/enrol", body).await.expect(409);
    assert_eq!(refused.problem(), "already-enrolled");
}

#[tokio::test]
async fn an_administrator_takes_a_lost_factor_away_and_says_why() {
    let (world, office, owner) = house().await;
    let tokens = log_in(&world).await.expect(200);
    let ada = holder(&owner, &tokens);
    enrol(&world, &ada).await;
    world.mailed(&office, &owner).await;
    let path = format!("/v1/users/{}/mfa/reset", tokens.text("/user_id"));
    assert_eq!(world.post(&owner, &path, json!({})).await.expect(422).pointers(), ["/reason"]);
    let weak = world.person(&owner, "grace@example.com").await;
    let reason = json!({"reason": "The phone fell into the sea."});
    world.post(&weak.actor, &path, reason.clone()).await.expect(403);
    world.post(&owner, &path, reason).await.expect(204);
    world.wait(SETTLED);
    world.get(&ada, "/v1/me").await.expect(401);
    log_in(&world).await.expect(200);
    let events = world.events(&owner).await;
    let event =
        events.iter().find(|event| event["action"] == "user.mfa_reset" && event["outcome"] == "allowed");
    let event = event.expect("an event");
    assert_eq!(event["changes"][0]["after"], json!("The phone fell into the sea."));
    let mails = world.mailed(&office, &owner).await;
    assert!(
        mails.iter().any(|mail| mail.to == EMAIL && mail.subject.ends_with("Your second factor was reset"))
    );
}

#[tokio::test]
async fn two_hundred_wrong_guesses_do_not_keep_the_owner_out() {
    let (world, _office, owner) = house().await;
    let device = log_in(&world).await.expect(200).text("/device_token");
    let mut looked_at = 0;
    for _ in 0..200 {
        let reply = try_password(&world, EMAIL, "a guess of somebody", None).await;
        match reply.status.as_u16() {
            401 => looked_at += 1,
            429 => {
                let wait: i64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait));
            }
            other => panic!("{other}: {}", reply.body),
        }
    }
    // The guesses come within a second: five are looked at, and the others wait.
    assert_eq!(looked_at, 5);
    log_in(&world).await.expect(429);
    let again = try_password(&world, EMAIL, PASSWORD, Some(&device)).await.expect(200);
    // What a device is for is one account.
    let body =
        json!({"tenant": "a-nest", "email": "eve@example.com", "password": PASSWORD, "device_token": device});
    let (eve, path) = (Actor::anonymous(), "/v1/auth/login");
    for _ in 0..5 {
        world.call_from(&eve, "203.0.113.9", http::Method::POST, path, Some(&body)).await.expect(401);
    }
    world.call_from(&eve, "203.0.113.9", http::Method::POST, path, Some(&body)).await.expect(429);
    try_password(&world, EMAIL, PASSWORD, Some("rd_nonsense")).await.expect(429);
    for _ in 0..5 {
        try_password(&world, EMAIL, "a guess of somebody", Some(&device)).await.expect(401);
    }
    try_password(&world, EMAIL, PASSWORD, Some(&device)).await.expect(429);
    try_password(&world, EMAIL, PASSWORD, Some(&again.text("/device_token"))).await.expect(200);
    // From anywhere else, it takes no longer than a minute.
    world.wait(60);
    log_in(&world).await.expect(200);
    let failed = world.events(&owner).await;
    let failed = failed.iter().filter(|event| event["reason"] == "wrong_password").count();
    assert_eq!(failed, 5 + 5 + 5);
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
    let (world, _office, _owner) = house().await;
    let guesses = (0..40).map(|_| try_password(&world, EMAIL, "a guess of somebody", None));
    let replies = futures_util::future::join_all(guesses).await;
    let looked_at = replies.iter().filter(|reply| reply.status == 401).count();
    assert!((1..=5).contains(&looked_at), "{looked_at}");
    assert!(replies.iter().all(|reply| [401, 429].contains(&reply.status.as_u16())));
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_guessed_at_like_one_that_does() {
    let (world, _office, _owner) = house().await;
    let mut told = Vec::new();
    // The first try from an address is counted with less work than the next ones.
    try_password(&world, "adam@example.com", "a guess of somebody", None).await;
    for email in [EMAIL, "eve@example.com"] {
        let mut statuses = Vec::new();
        for _ in 0..7 {
            let before = world.recorder().requests();
            let reply = try_password(&world, email, "a guess of somebody", None).await;
            let retry = reply.headers.get("retry-after").cloned();
            // The same work, too, or the time would tell.
            let work = world.recorder().requests() - before;
            statuses.push((reply.status, retry, reply.body["detail"].clone(), work));
        }
        told.push(statuses);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn codes_are_not_guessed_for_long() {
    let (world, _office, owner) = house().await;
    let ada = holder(&owner, &log_in(&world).await.expect(200));
    let (secret, _) = enrol(&world, &ada).await;
    let token = log_in(&world).await.expect(202).text("/mfa_token");
    for _ in 0..5 {
        show(&world, &token, "abcdef").await.expect(422);
    }
    // A login of its own does not make it more.
    let other = log_in(&world).await.expect(202).text("/mfa_token");
    assert_eq!(show(&world, &other, "abcdef").await.expect(429).headers["retry-after"], "1");
    world.wait(60);
    show(&world, &token, &code(&world, &secret)).await.expect(200);
}
