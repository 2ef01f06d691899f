//! A second factor that is shown again while a session runs, for what may only be done shortly after one was used.

use http::Method;
use rookery_tests::household::{PASSWORD, code, holder, house, join, register};
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

/// Longer than what decides about callers is kept in memory.
const SETTLED: i64 = 20;
const AGAIN: &str = "/v1/me/mfa";
const TOTP: &str = "/v1/me/mfa/totp";
/// What the guarded role lets see.
const LOG: &str = "/v1/audit/events";

/// A tenant with somebody who may look at it within five minutes after a second factor was used: the owner, that person, and what its
/// login answered.
async fn guarded(world: &World) -> (Actor, Actor, Reply) {
    let owner = house(world, "a-nest").await;
    let tokens = join(world, &owner, "a-nest", "grace@example.com").await;
    let binding = json!({
        "subject_id": tokens.text("/user_id"), "role": "auditor", "node_id": owner.tenant,
        "condition": {"second_factor_within_minutes": 5},
    });
    world.post(&owner, "/v1/bindings", binding).await.expect(201);
    world.wait(SETTLED);
    let grace = holder(&owner, &tokens);
    (owner, grace, tokens)
}

/// Sets an authenticator up; answers what was offered.
async fn enrol(world: &World, person: &Actor) -> Reply {
    let offer = world.post(person, TOTP, json!({"password": PASSWORD})).await.expect(200);
    let body = json!({"code": code(world, &offer)});
    world.call_with(person, Method::PUT, TOTP, Some(&body), &[]).await.expect(200);
    // No code is good twice.
    world.wait(60);
    offer
}

async fn ask(world: &World, person: &Actor) -> Reply {
    world.post(person, AGAIN, json!({})).await
}

async fn show(world: &World, asked: &Reply, mut factor: Value) -> Reply {
    factor["mfa_token"] = json!(asked.text("/mfa_token"));
    world.post(&Actor::anonymous(), "/v1/auth/mfa", factor).await
}

#[tokio::test]
async fn what_takes_a_second_factor_is_done_after_it_was_shown_again() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, grace, tokens) = guarded(&world).await;
    assert_eq!(ask(&world, &grace).await.expect(409).problem(), "not-enrolled");
    // A key is not enough, whatever it may do.
    ask(&world, &owner).await.expect(403);
    let offer = enrol(&world, &grace).await;
    world.get(&grace, LOG).await.expect(403);

    let asked = ask(&world, &grace).await.expect(202);
    assert_eq!((&asked.body["enrolled"], asked.body.get("passkey")), (&json!(true), None));
    assert_eq!(show(&world, &asked, json!({"code": "000000"})).await.expect(422).pointers(), ["/code"]);
    let right = json!({"code": code(&world, &offer)});
    let shown = show(&world, &asked, right.clone()).await.expect(200);
    assert_eq!(shown.text("/session_id"), tokens.text("/session_id"));
    assert_eq!((shown.body.get("refresh_token"), shown.body.get("device_token")), (None, None));
    show(&world, &asked, right).await.expect(401);
    let stepped = holder(&owner, &shown);
    world.get(&stepped, LOG).await.expect(200);
    world.get(&grace, LOG).await.expect(403);

    // The session remembers it, and its refresh token is good as before.
    let refresh = json!({"refresh_token": tokens.text("/refresh_token")});
    let refreshed = world.post(&Actor::anonymous(), "/v1/auth/refresh", refresh).await.expect(200);
    let refreshed = holder(&owner, &refreshed);
    world.get(&refreshed, LOG).await.expect(200);
    world.wait(5 * 60 + 1);
    world.get(&refreshed, LOG).await.expect(403);

    let events = world.events(&owner).await;
    let of_session: Vec<&Value> = events
        .iter()
        .filter(|event| event["action"] == "mfa.use" && event["resource"]["id"] == shown.text("/session_id"))
        .collect();
    assert_eq!(of_session.len(), 1);
    assert_eq!(of_session[0]["outcome"], "allowed");
    assert_eq!(of_session[0]["actor"]["id"], tokens.text("/user_id"));
}

#[tokio::test]
async fn a_passkey_and_a_recovery_code_are_second_factors_too() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, grace, _) = guarded(&world).await;
    let (mut device, registered) = register(&world, &grace).await;
    let asked = ask(&world, &grace).await.expect(202);
    let passkey = device.get(&asked.body["passkey"]);
    let shown = show(&world, &asked, json!({"passkey": passkey})).await.expect(200);
    world.get(&holder(&owner, &shown), LOG).await.expect(200);
    // What it signed is for this once.
    let asked = ask(&world, &grace).await.expect(202);
    show(&world, &asked, json!({"passkey": passkey})).await.expect(422);
    let recovery = json!({"recovery_code": registered.body["recovery_codes"][0]});
    show(&world, &asked, recovery.clone()).await.expect(200);
    let asked = ask(&world, &grace).await.expect(202);
    show(&world, &asked, recovery).await.expect(422);
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_stays_ended() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (_, grace, tokens) = guarded(&world).await;
    let offer = enrol(&world, &grace).await;
    let asked = ask(&world, &grace).await.expect(202);
    let out = json!({"refresh_token": tokens.text("/refresh_token")});
    world.post(&Actor::anonymous(), "/v1/auth/logout", out).await.expect(204);
    show(&world, &asked, json!({"code": code(&world, &offer)})).await.expect(401);
}

#[tokio::test]
async fn an_authenticator_that_waits_to_be_confirmed_is_none_that_is_shown_again() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (_, grace, _) = guarded(&world).await;
    enrol(&world, &grace).await;
    let asked = ask(&world, &grace).await.expect(202);
    let password = json!({"password": PASSWORD});
    world.call_with(&grace, Method::DELETE, TOTP, Some(&password), &[]).await.expect(204);
    let offer = world.post(&grace, TOTP, password).await.expect(200);
    let first = json!({"code": code(&world, &offer)});
    show(&world, &asked, first.clone()).await.expect(422);
    // Its recovery codes are shown where it is confirmed.
    let confirmed = world.call_with(&grace, Method::PUT, TOTP, Some(&first), &[]).await.expect(200);
    assert_eq!(confirmed.body["recovery_codes"].as_array().unwrap().len(), 10);
}
