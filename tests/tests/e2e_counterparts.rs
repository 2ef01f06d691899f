//! The deployed stack as programs of others meet it that let people log in: client libraries, an authenticator, a browser, and a provider
//! that people come from.

use rookery_tests::counterpart::{Running, browser, node, python, run, steps};
use rookery_tests::home::{Home, PASSWORD};
use rookery_tests::stack::Stack;
use serde_json::{Value, json};

/// Where nobody listens: the scripts look where they are sent, and do not go there.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
const FOUNDER: &str = "ada@example.com";

fn founder() -> Value {
    json!({"email": FOUNDER, "name": "Ada", "password": PASSWORD, "verified": false})
}

fn offline() -> Value {
    json!({
        "grants": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "profile", "email", "offline_access"],
    })
}

#[tokio::test]
async fn openid_client_is_served() {
    let stack = Stack::connect();
    let home = Home::found(&stack, "openid").await;
    let key = home.service_key(&stack, &["project.list"]).await;
    let confidential = home.client(&stack, CALLBACK, offline()).await;
    let mut elliptic = offline();
    elliptic["id_token_algorithm"] = json!("ES256");
    elliptic["claims"] = json!(["roles"]);
    let elliptic = home.client(&stack, CALLBACK, elliptic).await;
    let mut open = offline();
    open["kind"] = json!("public");
    let open = home.client(&stack, CALLBACK, open).await;
    let machine =
        json!({"grants": ["client_credentials"], "scopes": ["project.list"], "service_key_id": key});
    let mut machine = home.client(&stack, CALLBACK, machine).await;
    machine["key"] = json!(key);
    let given = json!({
        "issuer": stack.base_url(),
        "person": founder(),
        "confidential": confidential,
        "elliptic": elliptic,
        "open": open,
        "machine": machine,
    });
    let seen = run(node("openid_client.mjs"), &given);
    assert_eq!(
        steps(&seen),
        [
            "discovery",
            "no page was shown that was not to be shown",
            "authorization code",
            "logged in already",
            "userinfo",
            "refresh",
            "introspection",
            "revocation",
            "codes that are used, or somebody else's",
            "ES256",
            "public client",
            "client credentials",
            "errors",
        ]
    );
}

#[tokio::test]
async fn oauth4webapi_is_served() {
    let stack = Stack::connect();
    let home = Home::found(&stack, "webapi").await;
    let client = home.client(&stack, CALLBACK, offline()).await;
    let runner = Running::start(python("upstream.py"), &json!({}));
    let issuer = runner.ready["issuer"].as_str().expect("an issuer").to_owned();
    let key = home.service_key(&stack, &["project.list"]).await;
    let (audience, subject) = ("https://rookery.test", "repo:acme/app:ref:refs/heads/main");
    let trust = json!({
        "name": "Deploy",
        "issuer": issuer,
        "audience": audience,
        "conditions": [{"claim": "sub", "equals": subject}],
        "service_key_id": key,
    });
    let trust = stack.post(&home.owner, "/v1/workload-trusts", trust).await.expect(201);
    let workload = json!({
        "issuer": issuer,
        "subject": subject,
        "audience": audience,
        "trust": trust.body["id"],
        "key": key,
    });
    let given =
        json!({"issuer": stack.base_url(), "person": founder(), "client": client, "workload": workload});
    let seen = run(node("oauth4webapi.mjs"), &given);
    assert_eq!(
        steps(&seen),
        [
            "discovery",
            "authorization code",
            "answers of others",
            "access token",
            "userinfo",
            "refresh",
            "introspection",
            "revocation",
            "token exchange",
        ]
    );
}

#[tokio::test]
async fn authlib_is_served() {
    let stack = Stack::connect();
    let home = Home::found(&stack, "authlib").await;
    let client = home.client(&stack, CALLBACK, offline()).await;
    let given = json!({"issuer": stack.base_url(), "person": founder(), "client": client});
    let seen = run(python("authlib_client.py"), &given);
    assert_eq!(
        steps(&seen),
        [
            "discovery",
            "authorization code",
            "id token",
            "userinfo",
            "refresh",
            "introspection and revocation",
        ]
    );
}

/// Somebody sets an authenticator up. Answers what was seen.
fn set_up(stack: &Stack, home: &Home, email: &str) -> Vec<Value> {
    let mut given = home.credentials(email);
    given["api"] = json!(stack.base_url());
    run(python("authenticator.py"), &given)
}

#[tokio::test]
async fn an_authenticator_of_pyotp_counts() {
    let stack = Stack::connect();
    let home = Home::found(&stack, "pyotp").await;
    let seen = set_up(&stack, &home, FOUNDER);
    assert_eq!(
        steps(&seen),
        ["offered", "confirmed", "code", "no code twice, and none of the future", "recovery code"]
    );
}

#[tokio::test]
async fn pages_work_in_chromium() {
    let Some(browser) = browser() else { return };
    let stack = Stack::connect();
    let home = Home::found(&stack, "pages").await;
    let (bob, eve) = (home.invite(&stack, "bob").await, home.invite(&stack, "eve").await);
    let recovery_codes = set_up(&stack, &home, &eve).last().expect("a line")["left"].clone();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let free = free.expect("a port");
    let mut terms = offline();
    terms["scopes"].as_array_mut().expect("an array").push(json!("project.list"));
    let scope = "openid profile email offline_access project.list";
    let mut client = home.client(&stack, &format!("http://{free}/callback"), terms).await;
    client["name"] = json!("Dashboard");
    client["tenant"] = json!(format!("The {}", home.slug));
    client["scope"] = json!(scope);
    let given = json!({
        "issuer": stack.base_url(),
        "browser": browser,
        "screens": std::env::var("ROOKERY_TEST_SCREENS").ok(),
        "client": client,
        "people": {
            "plain": {"email": FOUNDER, "password": PASSWORD},
            "other": {"email": bob, "password": PASSWORD},
            "careful": {"email": eve, "password": PASSWORD, "recovery_codes": recovery_codes},
        },
    });
    let seen = run(node("pages.mjs"), &given);
    assert_eq!(
        steps(&seen),
        [
            "en: login and consent",
            "en: cancelled",
            "en: errors",
            "de: login and consent",
            "de: cancelled",
            "de: errors",
            "en: second factor",
            "de: second factor",
            "another browser, and another site",
            "neither framed nor made to load anything",
            "no fault found by axe, on any screen",
        ]
    );
}
