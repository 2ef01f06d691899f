//! Passwords: which ones are taken, and where they are kept.

use rookery_tests::world::{Actor, World, sign_up_body};
use serde_json::json;

/// A password that nobody would guess.
const GOOD: &str = "tulip-94-Gravel-moth";

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_at_its_place() {
    let world = World::new().await;
    for weak in [
        "short",
        "password1",
        "ada@example.com",
        "Ada@Example.com ",
        "The a-nest",
        "a-nest-a-nest",
        "qwertyuiop",
    ] {
        let mut body = sign_up_body("a-nest");
        body["owner"]["password"] = json!(weak);
        let refused = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(422);
        assert_eq!(refused.pointers(), ["/owner/password"], "{weak}");
        assert!(!refused.body.to_string().contains(weak));
    }
    let mut body = sign_up_body("a-nest");
    body["owner"]["password"] = json!(GOOD);
    let founded = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    let actor = Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") };

    // Its hash is in one place; the password is in none.
    let items = world.everything().await;
    assert!(items.iter().all(|item| !item.contains(GOOD)));
    let holding: Vec<&String> = items.iter().filter(|item| item.contains("$argon2id$")).collect();
    assert_eq!(holding.len(), 1);
    assert!(holding[0].contains(&format!("{}#factor", actor.tenant)));
    assert!(world.events(&actor).await.iter().all(|event| !event.to_string().contains("argon2")));
}

#[tokio::test]
async fn whoever_accepts_an_invitation_chooses_as_the_tenant_asks() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for (length, status) in [(7, 422), (65, 422), (30, 200)] {
        world.patch(&owner, "/v1/tenant/settings", json!({"password_length": length})).await.expect(status);
    }
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201);
    let token = world.link(&owner, &invited.text("/id")).await;
    let anybody = Actor::anonymous();
    let path = "/v1/invitations/accept";
    let refused = world.post(&anybody, path, json!({"token": token, "password": GOOD})).await.expect(422);
    assert_eq!(refused.pointers(), ["/password"]);
    let long = format!("{GOOD} and some more");
    world.post(&anybody, path, json!({"token": token, "password": long})).await.expect(201);
    let holding = world.everything().await.iter().filter(|item| item.contains("$argon2id$")).count();
    assert_eq!(holding, 1);
}
