//! Whatever is sent to any route of the deployed stack, none of its services is brought to a fault of ours.

use rookery_tests::fuzz::{Dice, operations, shot};
use rookery_tests::stack::Stack;
use rookery_tests::world::Actor;
use serde_json::{Map, Value, json};

/// How many requests each operation gets.
const SHOTS: usize = 12;

#[tokio::test]
async fn the_stack_answers_no_request_made_from_its_document_with_a_server_error() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let api = stack.get(&Actor::anonymous(), "/v1/openapi.json").await.expect(200).body;
    let app =
        stack.post(&owner, "/v1/apps", json!({"name": "Hello", "platforms": ["web"]})).await.expect(201);
    let known = Map::from_iter([
        ("app".to_owned(), Value::String(app.text("/id"))),
        ("app_key".to_owned(), Value::String(app.text("/app_key"))),
    ]);
    let mut dice = Dice::new(7);
    for operation in operations(&api) {
        // Signing up is limited per address, and other tests need it.
        if operation.path == "/v1/signup" {
            continue;
        }
        for _ in 0..SHOTS {
            let shot = shot(&api, &operation, &known, &mut dice);
            let mut request =
                stack.client().request(shot.method.clone(), format!("{}{}", stack.base_url(), shot.path));
            if let Some(token) = &owner.token {
                request = request.bearer_auth(token);
            }
            for (name, value) in &shot.headers {
                request = request.header(name, value);
            }
            if let Some(body) = &shot.body {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            let response = request.send().await.expect("the stack answers");
            let status = response.status();
            let text = response.text().await.unwrap_or_default();
            assert!(status.as_u16() < 500, "{shot:?} was answered {status}: {text}");
        }
    }
}
