//! Whatever is sent to any route of the deployed stack, none of its services is brought to a fault of ours.

use rookery_domain::hash::Sha256;
use rookery_tests::fuzz::{Dice, operations, shot};
use rookery_tests::stack::Stack;
use rookery_tests::world::Actor;
use serde_json::{Map, Value, json};

/// How many requests each operation gets.
const SHOTS: usize = 12;

/// One of every thing that a path can name.
async fn one_of_each(stack: &Stack, owner: &Actor) -> Map<String, Value> {
    let make = async |path: &str, body: Value| stack.post(owner, path, body).await.expect(201);
    let app = make("/v1/apps", json!({"name": "Hello", "platforms": ["web"]})).await;
    let base = format!("/v1/apps/{}", app.text("/id"));
    let (text, sha256) = ("a page", Sha256::of(b"a page"));
    let file = json!({"path": "index.html", "size": text.len(), "sha256": sha256});
    let asked = stack.post(owner, &format!("{base}/uploads"), json!({"files": [file]})).await.expect(200);
    let upload = &asked.body["files"][0]["upload"];
    let mut request = stack.client().put(upload["url"].as_str().expect("a URL")).body(text);
    for (name, value) in upload["headers"].as_object().expect("headers") {
        request = request.header(name, value.as_str().expect("a text"));
    }
    assert_eq!(request.send().await.expect("S3 answers").status(), 200);
    let files = json!([{"path": "index.html", "sha256": sha256}]);
    let package = json!({"version": "1.0.0", "index": "index.html", "files": files});
    let package = make(&format!("{base}/packages"), package).await.text("/id");
    make(&format!("{base}/channels"), json!({"name": "beta"})).await;
    let release = json!({"package_id": package, "channel": "beta", "rollout_bp": 5000});
    let release = make(&format!("{base}/releases"), release).await.text("/id");
    let secret = make(&format!("{base}/secrets"), json!({"name": "TOKEN", "value": "v"})).await.text("/id");
    let key = make("/v1/api-keys", json!({"name": "k", "scopes": ["app.read"]})).await.text("/id");
    let organization = make("/v1/organizations", json!({"name": "Nest"})).await.text("/id");
    Map::from_iter([
        ("app".to_owned(), json!(app.text("/id"))),
        ("app_key".to_owned(), json!(app.text("/app_key"))),
        ("package".to_owned(), json!(package)),
        ("sha256".to_owned(), json!(sha256)),
        ("channel".to_owned(), json!("beta")),
        ("release".to_owned(), json!(release)),
        ("secret".to_owned(), json!(secret)),
        ("key".to_owned(), json!(key)),
        ("organization".to_owned(), json!(organization)),
    ])
}

#[tokio::test]
async fn the_stack_answers_no_request_made_from_its_document_with_a_server_error() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let api = stack.get(&Actor::anonymous(), "/v1/openapi.json").await.expect(200).body;
    let known = one_of_each(&stack, &owner).await;
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
