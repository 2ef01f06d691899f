//! Passkeys on the deployed stack, with an authenticator of others: the Python package `soft-webauthn`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rookery_tests::stack::Stack;
use rookery_tests::world::{Actor, sign_up_body};
use serde_json::{Value, json};

const PASSWORD: &str = "tulip-94-Gravel-moth";

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with the packages of `infra/local/requirements-tests.txt`.
fn python() -> PathBuf {
    let default = || tests().join("../target/local/counterparts/bin/python");
    let python = std::env::var_os("ROOKERY_TEST_PYTHON").map_or_else(default, PathBuf::from);
    assert!(python.exists(), "there is no {}; `cargo xtask test` makes it", python.display());
    python
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&BASE64URL.decode(payload).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_passkey_of_soft_webauthn_is_registered_and_logs_in() {
    let stack = Stack::connect();
    let slug = format!("passkeys-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
    let mut body = sign_up_body(&slug);
    body["owner"]["password"] = json!(PASSWORD);
    let founded = stack.post(&Actor::anonymous(), "/v1/signup", body.clone()).await.expect(201);
    let owner = Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") };
    let output = Command::new(python())
        .arg(tests().join("counterparts/passkeys.py"))
        .arg(stack.base_url())
        .env("PASSKEY_TENANT", slug)
        .env("PASSKEY_EMAIL", body["owner"]["email"].as_str().expect("an address"))
        .env("PASSKEY_PASSWORD", PASSWORD)
        .stderr(Stdio::inherit())
        .output()
        .expect("python starts");
    assert!(output.status.success(), "the steps ended with {}", output.status);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let steps: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<(&str, u64)> = steps
        .iter()
        .map(|step| (step["step"].as_str().expect("a step"), step["status"].as_u64().expect("a status")))
        .collect();
    assert_eq!(
        told,
        [
            ("password", 200),
            ("offer", 200),
            ("register", 201),
            ("register again", 422),
            ("second factor asked", 202),
            ("second factor", 200),
            ("not seen who it was", 401),
            ("another origin", 401),
            ("passkey alone", 200),
            ("passkey replayed", 401),
            ("counter went back", 401),
        ]
    );
    let answered = |name: &str| &steps.iter().find(|step| step["step"] == name).expect("the step")["body"];
    let amr = |name: &str| claims(answered(name)["access_token"].as_str().expect("a token"))["amr"].clone();
    assert_eq!(amr("second factor"), json!(["pwd", "hwk", "mfa"]));
    assert_eq!(amr("passkey alone"), json!(["hwk", "user", "mfa"]));
    assert_eq!(answered("register")["recovery_codes"].as_array().map(Vec::len), Some(10));
    // The trail comes after a while.
    rookery_tests::stack::eventually("the events", async || {
        let events = stack.get(&owner, "/v1/audit/events").await;
        let has = |reason: &str| {
            events.body["items"]
                .as_array()
                .is_some_and(|all| all.iter().any(|event| event["reason"] == reason))
        };
        if has("passkey_counter") && has("wrong_passkey") { Ok(()) } else { Err(events.body.to_string()) }
    })
    .await;
}
