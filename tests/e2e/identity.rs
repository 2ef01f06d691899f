//! Signing up, keys and conventions on the deployed stack.

use http::Method;
use rookery_tests::stack::Stack;
use rookery_tests::world::{Actor, sign_up_body};
use serde_json::json;

#[tokio::test]
async fn a_tenant_signs_up_and_knows_itself() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let me = stack.get(&owner, "/v1/whoami").await.expect(200);
    assert_eq!(me.text("/tenant/id"), owner.tenant);
    assert!(me.headers.contains_key("x-request-id"));
    let slug = me.text("/tenant/slug");
    let taken = stack.post(&Actor::anonymous(), "/v1/signup", sign_up_body(&slug)).await.expect(409);
    assert_eq!(taken.problem(), "already-exists");
}

#[tokio::test]
async fn a_secret_that_was_answered_once_is_answered_again_for_the_same_request_only() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let body = json!({"name": "ci", "scopes": ["app.read"]});
    let headers = [("idempotency-key", "one")];
    let send = || stack.call_with(&owner, Method::POST, "/v1/api-keys", Some(&body), &headers);
    let (first, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(first.body, again.body, "the answer was sealed with a real key, kept and opened");
    let other = json!({"name": "ci", "scopes": ["app.list"]});
    let reply = stack.call_with(&owner, Method::POST, "/v1/api-keys", Some(&other), &headers).await;
    assert_eq!(reply.expect(409).problem(), "idempotency-key-reused");
}

#[tokio::test]
async fn what_no_route_answers_is_a_clear_answer_too() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let reply = stack.call_with(&owner, Method::PUT, "/v1/organizations", None, &[]).await.expect(405);
    assert_eq!(reply.problem(), "method-not-allowed");
    assert!(reply.headers.contains_key("allow"));
    stack.get(&owner, "/v1/nothing").await.expect(404);
}

#[tokio::test]
async fn the_api_tells_of_itself() {
    let stack = Stack::connect();
    let anybody = Actor::anonymous();
    assert_eq!(stack.get(&anybody, "/healthz").await.expect(200).text("/status"), "ok");
    let api = stack.get(&anybody, "/v1/openapi.json").await.expect(200);
    assert!(api.text("/openapi").starts_with("3.1"));
    assert!(api.body["paths"]["/v1/signup"]["post"].is_object());
    let docs = stack.get(&anybody, "/docs").await.expect(200);
    assert!(docs.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(docs.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
}

#[tokio::test]
async fn a_sign_up_that_is_sent_again_founds_one_tenant() {
    let stack = Stack::connect();
    let slug = format!("again-{}", jiff::Timestamp::now().as_millisecond());
    let (anybody, body) = (Actor::anonymous(), sign_up_body(&slug));
    let key = format!("sign-up-{slug}");
    let headers = [("idempotency-key", key.as_str())];
    let send = || stack.call_with(&anybody, Method::POST, "/v1/signup", Some(&body), &headers);
    let (first, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(first.body, again.body);
    let other = format!("other-{slug}");
    let headers = [("idempotency-key", other.as_str())];
    let taken =
        stack.call_with(&anybody, Method::POST, "/v1/signup", Some(&body), &headers).await.expect(409);
    assert_eq!(taken.problem(), "already-exists");
}
