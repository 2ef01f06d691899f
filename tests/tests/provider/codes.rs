//! What a client gets for codes and refresh tokens, and that nobody else does.

use rookery_tests::world::Actor;
use serde_json::json;

use super::house::{ADDRESS, CHALLENGE, House, VERIFIER, came_back, said};

#[tokio::test]
async fn oidcc_codereuse() {
    let house = House::new(json!({})).await;
    let (_, answer) = house.arrive(&[("scope", "openid offline_access")]).await;
    let tokens = house.redeem(&answer["code"]).await.expect(200);
    house.world.get(&house.holder(&tokens), "/v1/whoami").await.expect(200);
    // oidcc-codereuse-30seconds
    house.world.wait(30);
    let again = house.redeem(&answer["code"]).await.expect(400);
    assert_eq!(again.text("/error"), "invalid_grant");
    let refused = house.refresh(&tokens.text("/refresh_token")).await.expect(400);
    assert_eq!(refused.text("/error"), "invalid_grant");
    house.world.wait(20);
    house.world.get(&house.holder(&tokens), "/v1/whoami").await.expect(401);
    assert_eq!(house.denied("code_reused").await, 1);
}

#[tokio::test]
async fn a_code_is_for_one_client_one_address_one_verifier_and_one_minute() {
    let house = House::new(json!({})).await;
    let other = json!({"name": "Other", "redirect_uris": [ADDRESS]});
    let other = house.world.post(&house.owner, "/v1/oauth-clients", other).await.expect(201);
    let (browser, answer) = house.arrive(&[]).await;
    let code = answer["code"].as_str();
    let right = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", ADDRESS),
        ("code_verifier", VERIFIER),
    ];
    let with = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        right.iter().map(|(known, old)| (*known, if *known == name { value } else { *old })).collect()
    };
    for fields in [
        with("code", "ro_none"),
        with("redirect_uri", "https://app.example.com/cb?foo=bar"),
        with("redirect_uri", "https://app.example.com/cb/"),
        with("redirect_uri", ""),
        with("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
        with("code_verifier", CHALLENGE),
        with("code_verifier", ""),
    ] {
        let reply = house.tokens(&fields).await.expect(400);
        assert_eq!(reply.text("/error"), "invalid_grant", "{fields:?}");
    }
    let (id, secret) = (other.text("/id"), other.text("/secret"));
    let mut fields = vec![("client_id", id.as_str()), ("client_secret", secret.as_str())];
    fields.extend(right);
    let reply = house.world.submit("/oauth/token", &fields, &[]).await.expect(400);
    assert_eq!(reply.text("/error"), "invalid_grant");
    assert_eq!(house.denied("wrong_grant").await, 8);
    // None of that cost the client its code.
    house.redeem(code).await.expect(200);
    let late = came_back(&browser.open(&house.query(&[])).await);
    house.world.wait(60);
    house.redeem(&late["code"]).await.expect(400);
}

#[tokio::test]
async fn two_who_come_with_one_code_at_once_end_with_nothing() {
    let house = House::new(json!({})).await;
    let (_, answer) = house.arrive(&[("scope", "openid offline_access")]).await;
    let (left, right) = tokio::join!(house.redeem(&answer["code"]), house.redeem(&answer["code"]));
    let mut answers = [left, right];
    answers.sort_by_key(|reply| reply.status);
    assert_eq!(answers.each_ref().map(|reply| reply.status.as_u16()), [200, 400]);
    house.refresh(&answers[0].text("/refresh_token")).await.expect(400);
}

#[tokio::test]
async fn oidcc_refresh_token() {
    let house = House::new(json!({})).await;
    let (_, answer) = house.arrive(&[("scope", "openid offline_access app.list")]).await;
    let first = house.redeem(&answer["code"]).await.expect(200);
    let (_, before) = said(&first.text("/id_token"));
    house.world.wait(600);
    let second = house.refresh(&first.text("/refresh_token")).await.expect(200);
    assert_ne!(first.text("/refresh_token"), second.text("/refresh_token"));
    let (_, after) = said(&second.text("/id_token"));
    for same in ["iss", "sub", "aud", "azp", "auth_time", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64() && after["nonce"].is_null());
    house.world.get(&house.holder(&second), "/v1/apps").await.expect(200);
    let fields = [
        ("grant_type", "refresh_token"),
        ("scope", "openid"),
        ("refresh_token", &second.text("/refresh_token")),
    ];
    let narrow = house.tokens(&fields).await.expect(200);
    house.world.get(&house.holder(&narrow), "/v1/apps").await.expect(403);
    let fields = [
        ("grant_type", "refresh_token"),
        ("scope", "openid email"),
        ("refresh_token", &narrow.text("/refresh_token")),
    ];
    assert_eq!(house.tokens(&fields).await.expect(400).text("/error"), "invalid_scope");

    // It is the client's alone: neither the platform's own login nor another client gets anything for it.
    let third = house.refresh(&narrow.text("/refresh_token")).await;
    let third = if third.status == 200 { third } else { panic!("{}", third.body) };
    let token = third.text("/refresh_token");
    let body = json!({"refresh_token": token});
    house.world.post(&Actor::anonymous(), "/v1/auth/refresh", body).await.expect(401);
    let other = json!({"name": "Other", "redirect_uris": [ADDRESS], "grants": ["authorization_code", "refresh_token"]});
    let other = house.world.post(&house.owner, "/v1/oauth-clients", other).await.expect(201);
    let (id, secret) = (other.text("/id"), other.text("/secret"));
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("client_id", &id),
        ("client_secret", &secret),
    ];
    house.world.submit("/oauth/token", &fields, &[]).await.expect(400);
    house.refresh(&token).await.expect(200);
    // One of before ends it.
    house.world.wait(11);
    house.refresh(&first.text("/refresh_token")).await.expect(400);
    assert_eq!(house.denied("token_reused").await, 1);
}

#[tokio::test]
async fn a_public_client_and_one_without_pkce() {
    let house = House::new(json!({"kind": "public"})).await;
    let (_, answer) = house.arrive(&[]).await;
    house.redeem(&answer["code"]).await.expect(200);
    let house = House::new(json!({"require_pkce": false})).await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let (_, answer) = house.arrive(&none).await;
    let fields = [("grant_type", "authorization_code"), ("code", &answer["code"]), ("redirect_uri", ADDRESS)];
    house.tokens(&fields).await.expect(200);
}
