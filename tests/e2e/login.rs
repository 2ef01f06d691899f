//! Logging in on the deployed stack: with keys that KMS seals, and every function in its own role.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::Method;
use rookery_domain::invitation::InvitationToken;
use rookery_store::{TenantScope, Transaction, invitation, random};
use rookery_tests::household::holder;
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::{Actor, Reply, sign_up_body};
use serde_json::{Value, json};

const PASSWORD: &str = "quarrel-Nimbus-47-oxide";

/// A tenant of this test's own, whose owner can log in.
async fn house(stack: &Stack, name: &str) -> (String, Actor) {
    let slug = format!("{name}-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
    let mut body = sign_up_body(&slug);
    body["owner"]["password"] = json!(PASSWORD);
    let reply = stack.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    (slug, Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") })
}

async fn log_in(stack: &Stack, slug: &str) -> Reply {
    let body = json!({"tenant": slug, "email": "ada@example.com", "password": PASSWORD});
    // Whatever meets the stack at the same time comes from the same address, and its guesses make this one wait.
    eventually("a login that need not wait", || async {
        let reply = stack.post(&Actor::anonymous(), "/v1/auth/login", body.clone()).await;
        if reply.status == 429 { Err("too many guesses from this address".to_owned()) } else { Ok(reply) }
    })
    .await
    .expect(200)
}

async fn refresh(stack: &Stack, token: &str) -> Reply {
    stack.post(&Actor::anonymous(), "/v1/auth/refresh", json!({"refresh_token": token})).await
}

/// Waits until somebody is refused, which takes as long as functions keep what they read.
async fn is_refused(stack: &Stack, actor: &Actor) {
    eventually("the refusal", || async {
        let status = stack.get(actor, "/v1/whoami").await.status.as_u16();
        if status == 401 { Ok(()) } else { Err(format!("status {status}")) }
    })
    .await;
}

#[tokio::test]
async fn a_person_logs_in_stays_so_and_logs_out() {
    let stack = Stack::connect();
    let (slug, owner) = house(&stack, "login").await;
    let tokens = log_in(&stack, &slug).await;
    let ada = holder(&owner, &tokens);
    let who = stack.get(&ada, "/v1/whoami").await.expect(200);
    assert_eq!(
        (who.text("/principal/kind"), who.text("/tenant/id")),
        ("user".to_owned(), owner.tenant.clone())
    );
    stack.post(&ada, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let renamed = stack.call_with(&ada, Method::PATCH, "/v1/me", Some(&json!({"name": "Ada L."})), &[]).await;
    assert_eq!(renamed.expect(200).text("/name"), "Ada L.");

    // The key that signed is published.
    let header = BASE64URL.decode(tokens.text("/access_token").split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let jwks = stack.get(&Actor::anonymous(), "/.well-known/jwks.json").await.expect(200);
    let keys = jwks.body["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["kid"] == header["kid"] && key["kty"] == "RSA"), "{keys:?}");

    let next = refresh(&stack, &tokens.text("/refresh_token")).await.expect(200);
    assert_eq!(next.text("/session_id"), tokens.text("/session_id"));
    let sessions = stack.get(&holder(&owner, &next), "/v1/me/sessions").await.expect(200);
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 1);
    let founder = tokens.text("/user_id");
    let listed = stack.get(&owner, &format!("/v1/users/{founder}/sessions")).await.expect(200);
    assert_eq!(listed.text("/items/0/id"), tokens.text("/session_id"));

    let body = json!({"refresh_token": next.text("/refresh_token")});
    stack.post(&Actor::anonymous(), "/v1/auth/logout", body).await.expect(204);
    refresh(&stack, &next.text("/refresh_token")).await.expect(401);
    is_refused(&stack, &ada).await;
}

#[tokio::test]
async fn one_logs_out_of_one_place_and_of_all() {
    let stack = Stack::connect();
    let (slug, owner) = house(&stack, "everywhere").await;
    let (first, second, third) =
        (log_in(&stack, &slug).await, log_in(&stack, &slug).await, log_in(&stack, &slug).await);
    let here = holder(&owner, &third);
    let path = format!("/v1/me/sessions/{}", first.text("/session_id"));
    stack.call_with(&here, Method::DELETE, &path, None, &[]).await.expect(204);
    refresh(&stack, &first.text("/refresh_token")).await.expect(401);
    refresh(&stack, &second.text("/refresh_token")).await.expect(200);
    stack.call_with(&here, Method::DELETE, "/v1/me/sessions", None, &[]).await.expect(204);
    for tokens in [second, third] {
        refresh(&stack, &tokens.text("/refresh_token")).await.expect(401);
        is_refused(&stack, &holder(&owner, &tokens)).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_in_the_audit_trail() {
    let stack = Stack::connect();
    let (slug, owner) = house(&stack, "wrong").await;
    let body = json!({"tenant": slug, "email": "ada@example.com", "password": "not the one"});
    stack.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(401);
    eventually("the entry", || async {
        let path = "/v1/audit/events?action=session.begin&outcome=denied";
        let listed = stack.get(&owner, path).await.expect(200);
        match listed.body["items"].as_array().map(Vec::len) {
            Some(1) => Ok(()),
            other => Err(format!("{other:?} entries")),
        }
    })
    .await;
}

/// Somebody of the tenant who has no role and can log in.
async fn colleague(stack: &Stack, owner: &Actor, email: &str) -> String {
    let invited = stack.post(owner, "/v1/invitations", json!({"email": email})).await.expect(201);
    let operator = stack.operator();
    let (table, id) = (operator.table().unwrap(), invited.text("/id").parse().unwrap());
    let scope = TenantScope::of_message(owner.tenant.parse().unwrap());
    // The worker writes a link of its own at some moment; the last one counts.
    let accepted = eventually("the person", || async {
        let found = invitation::find(table, &scope, id).await.unwrap().unwrap();
        let mut secret = [0; 32];
        random::fill(&mut secret);
        let token = InvitationToken::new(id, secret);
        let mut transaction = Transaction::new();
        invitation::put_link(&mut transaction, &scope, &found, token.digest()).unwrap();
        table.commit(&transaction).await.map_err(|error| error.to_string())?;
        let body = json!({"token": token.reveal(), "password": PASSWORD});
        let reply = stack.post(&Actor::anonymous(), "/v1/invitations/accept", body).await;
        if reply.status.as_u16() == 201 { Ok(reply) } else { Err(reply.body.to_string()) }
    })
    .await;
    accepted.text("/user/id")
}

#[tokio::test]
async fn somebody_acts_for_another_person_and_ends_their_sessions() {
    let stack = Stack::connect();
    let (slug, owner) = house(&stack, "place").await;
    let bob = colleague(&stack, &owner, "bob@example.com").await;
    let ada = holder(&owner, &log_in(&stack, &slug).await);
    let body = json!({"reason": "to see it", "minutes": 5});
    let tokens = stack.post(&ada, &format!("/v1/users/{bob}/impersonate"), body).await.expect(200);
    let as_bob = holder(&owner, &tokens);
    let who = stack.get(&as_bob, "/v1/whoami").await.expect(200);
    assert_eq!(
        (who.text("/principal/id"), &who.body["principal"]["impersonator_id"]),
        (bob.clone(), &stack.get(&ada, "/v1/me").await.expect(200).body["id"])
    );
    // What is done in somebody's place is in the history of both.
    stack.post(&as_bob, "/v1/organizations", json!({"name": "Nest"})).await.expect(403);
    for actor in [bob.clone(), who.text("/principal/impersonator_id")] {
        eventually("the entry", || async {
            let path = format!("/v1/audit/events?actor={actor}&action=organization.create");
            let listed = stack.get(&owner, &path).await.expect(200);
            match listed.body["items"].as_array().map(Vec::len) {
                Some(1) => Ok(()),
                other => Err(format!("{other:?} entries of {actor}")),
            }
        })
        .await;
    }
    let path = format!("/v1/users/{bob}/sessions");
    stack.call_with(&ada, Method::DELETE, &path, None, &[]).await.expect(204);
    is_refused(&stack, &as_bob).await;
}
