//! The deployed stack as programs of others meet it that let people log in: client libraries, an authenticator, a browser, and a provider
//! that people come from.

use std::path::Path;

use http::Method;
use rookery_tests::counterpart::{Running, browser, node, python, run, steps};
use rookery_tests::home::{Home, PASSWORD};
use rookery_tests::stack::Stack;
use serde_json::{Value, json};

/// Where nobody listens: the scripts look where they are sent, and do not go there.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// The same, for whoever logged out.
const FAREWELL: &str = "http://127.0.0.1:9/bye";
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
    let mut confidential = offline();
    confidential["post_logout_redirect_uris"] = json!([FAREWELL]);
    let confidential = home.client(&stack, CALLBACK, confidential).await;
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
    let device = home.device_client(&stack, "Telly").await;
    let given = json!({
        "issuer": stack.base_url(),
        "person": founder(),
        "confidential": confidential,
        "elliptic": elliptic,
        "open": open,
        "machine": machine,
        "device": device,
        "farewell": FAREWELL,
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
            "device authorization",
            "a device that is not let in",
            "logging out",
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

/// What a script for Chromium is given: a client that it can be sent back to, with `terms`, and `people`.
async fn given_to_chromium(stack: &Stack, home: &Home, browser: &Path, terms: Value, people: Value) -> Value {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let callback = format!("http://{}", free.expect("a port"));
    let scopes =
        terms["scopes"].as_array().expect("an array").iter().map(|word| word.as_str().expect("a text"));
    let scope = scopes.collect::<Vec<_>>().join(" ");
    let mut terms = terms.clone();
    terms["post_logout_redirect_uris"] = json!([format!("{callback}/bye")]);
    let mut client = home.client(stack, &format!("{callback}/callback"), terms).await;
    client["name"] = json!("Dashboard");
    client["tenant"] = json!(format!("The {}", home.slug));
    client["scope"] = json!(scope);
    json!({
        "issuer": stack.base_url(),
        "browser": browser,
        "screens": std::env::var("ROOKERY_TEST_SCREENS").ok(),
        "client": client,
        "farewell": format!("{callback}/bye"),
        "people": people,
    })
}

/// Somebody as a script is given it.
fn one(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD})
}

#[tokio::test]
async fn pages_work_in_chromium() {
    let Some(browser) = browser() else { return };
    let stack = Stack::connect();
    let home = Home::found(&stack, "pages").await;
    let (bob, eve) = (home.invite(&stack, "bob").await, home.invite(&stack, "eve").await);
    let recovery_codes = set_up(&stack, &home, &eve).last().expect("a line")["left"].clone();
    let mut terms = offline();
    terms["scopes"].as_array_mut().expect("an array").push(json!("project.list"));
    let mut careful = one(&eve);
    careful["recovery_codes"] = recovery_codes;
    let people = json!({"plain": one(FOUNDER), "other": one(&bob), "careful": careful});
    let given = given_to_chromium(&stack, &home, &browser, terms, people).await;
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

#[tokio::test]
async fn pages_for_devices_and_for_logging_out_work_in_chromium() {
    let Some(browser) = browser() else { return };
    let stack = Stack::connect();
    let home = Home::found(&stack, "telly").await;
    let bob = home.invite(&stack, "bob").await;
    let people = json!({"plain": one(FOUNDER), "other": one(&bob)});
    let mut given = given_to_chromium(&stack, &home, &browser, offline(), people).await;
    given["device"] = home.device_client(&stack, "Telly").await;
    let seen = run(node("devices.mjs"), &given);
    assert_eq!(
        steps(&seen),
        [
            "en: device let in",
            "en: device not let in",
            "de: device let in",
            "de: device not let in",
            "en: stayed logged in",
            "en: logged out, and sent on",
            "en: logged out, and told so",
            "de: stayed logged in",
            "de: logged out, and sent on",
            "de: logged out, and told so",
            "no fault found by axe, on any screen",
        ]
    );
}

#[tokio::test]
async fn pages_for_authenticators_work_in_chromium() {
    let Some(browser) = browser() else { return };
    let stack = Stack::connect();
    let home = Home::found(&stack, "factors").await;
    let mut people = json!({});
    for name in ["en", "de", "light", "dark", "small"] {
        people[name] = one(&home.invite(&stack, name).await);
    }
    let given = given_to_chromium(&stack, &home, &browser, offline(), people).await;
    let settings = json!({"require_second_factor": true});
    stack
        .call_with(&home.owner, Method::PATCH, "/v1/tenant/settings", Some(&settings), &[])
        .await
        .expect(200);
    let seen = run(node("authenticators.mjs"), &given);
    assert_eq!(
        steps(&seen),
        [
            "en: set up",
            "en: second factor",
            "de: set up",
            "de: second factor",
            "no fault found by axe, on any screen",
        ]
    );
}

#[tokio::test]
async fn pages_for_passkeys_work_in_chromium() {
    let Some(browser) = browser() else { return };
    let stack = Stack::connect();
    let home = Home::found(&stack, "touch").await;
    let mut people = json!({});
    for name in ["en", "de"] {
        people[name] = home.credentials(&home.invite(&stack, name).await);
    }
    let given = given_to_chromium(&stack, &home, &browser, offline(), people).await;
    let seen = run(node("passkeys.mjs"), &given);
    assert_eq!(
        steps(&seen),
        [
            "en: registered",
            "en: not used",
            "en: not believed",
            "en: used",
            "en: used alone",
            "en: without scripts",
            "de: registered",
            "de: not used",
            "de: not believed",
            "de: used",
            "de: used alone",
            "de: without scripts",
            "no other script runs",
            "no fault found by axe, on any screen",
        ]
    );
}
