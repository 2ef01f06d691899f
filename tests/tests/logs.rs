//! No secret, token, password or personal data is logged, whatever is sent and however it fails.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use rookery_edge::log_lines;
use rookery_tests::fuzz::{Deed, Operation, operations};
use rookery_tests::ids::{Ids, body_for};
use rookery_tests::world::{Actor, World, openapi};
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

/// In every text that a caller sends; nothing of it may be logged.
const MARKER: &str = "tell-nobody";
const ADDRESS: &str = "tell-nobody@example.com";

/// The log, as it is written.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("a lock").clone()).expect("UTF-8")
    }
}

/// Puts the marker into every text of a body but those that decide how far the request gets.
fn marked(mut body: Value) -> Value {
    for (name, field) in body.as_object_mut().into_iter().flatten() {
        if ["name", "value", "reason", "metadata"].contains(&name.as_str()) {
            *field = json!(MARKER);
        }
    }
    body
}

/// Bodies that get through, and bodies that are refused at every step of reading them.
fn bodies(operation: &Operation, ids: &Ids) -> Vec<String> {
    let good = match operation.path.as_str() {
        "/v1/signup" => Some(json!({
            "tenant": {"name": MARKER, "slug": "some-slug"},
            "owner": {"email": ADDRESS, "name": MARKER},
            "code": MARKER,
        })),
        path if path.ends_with("/reports") => Some(json!({"reports": [{
            "device_id": MARKER, "release_id": ids.0["release"], "event": "failed",
            "at": "2026-01-01T09:00:00Z", "reason": MARKER,
        }]})),
        _ => body_for(operation, ids).map(marked),
    };
    let Some(good) = good else { return vec![String::new()] };
    let mut bodies = vec![good.to_string(), format!("{{\"value\": \"{MARKER}"), json!([MARKER]).to_string()];
    for name in good.as_object().into_iter().flatten().map(|(name, _)| name) {
        for wrong in
            [json!(ADDRESS), json!(format!("{MARKER}\u{0}")), json!({MARKER: MARKER}), json!([MARKER])]
        {
            let mut body = good.clone();
            body[name] = wrong;
            bodies.push(body.to_string());
        }
    }
    let mut unknown = good;
    unknown[MARKER] = json!(MARKER);
    bodies.push(unknown.to_string());
    bodies
}

fn request(operation: &Operation, path: &str, authorization: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(operation.method.clone())
        .uri(path)
        .header("content-type", "application/json")
        .header("idempotency-key", format!("{MARKER}-{}", body.len()))
        .header("if-none-match", format!("\"{MARKER}\""))
        .header("user-agent", MARKER)
        .header("x-forwarded-for", MARKER)
        .header("cookie", MARKER);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.body(Body::from(body.to_owned())).expect("a request")
}

#[tokio::test]
async fn nothing_of_what_is_sent_to_read_is_logged() {
    nothing_that_a_caller_sends_in_confidence_is_logged(Deed::Read, &[200, 400, 401, 404]).await;
}

#[tokio::test]
async fn nothing_of_what_is_sent_to_do_something_is_logged() {
    let outcomes = [200, 201, 400, 401, 404, 422, 503];
    nothing_that_a_caller_sends_in_confidence_is_logged(Deed::Do, &outcomes).await;
}

#[tokio::test]
async fn nothing_of_what_is_sent_to_change_something_is_logged() {
    nothing_that_a_caller_sends_in_confidence_is_logged(Deed::Change, &[200, 400, 401, 404, 422]).await;
}

/// `outcomes`: what some of the requests come to at least, so that they are told to get that far.
async fn nothing_that_a_caller_sends_in_confidence_is_logged(deed: Deed, outcomes: &[u16]) {
    let log = Log::default();
    let writer = log.clone();
    // The code of the platform tells everything; that of others as much as in operation.
    let filter = Targets::new().with_default(LevelFilter::INFO).with_target("rookery", LevelFilter::TRACE);
    let lines = tracing_subscriber::registry().with(filter).with(log_lines(move || writer.clone()));
    let _guard = tracing::subscriber::set_default(lines);

    let world = World::new().await;
    let api = serde_json::to_value(openapi()).unwrap();
    let mut tokens = Vec::new();
    let mut sent = 0;
    for operation in operations(&api).into_iter().filter(|operation| operation.deed() == deed) {
        let owner = world.sign_up().await;
        let ids = Ids::of(&world, &owner).await;
        let token = owner.token.clone().unwrap();
        // A tenant is named in the paths of operators only, who are let in by nothing that is sent here.
        let operated = || operation.path.replace("{tenant}", &owner.tenant);
        let path = ids.path(&operation).unwrap_or_else(operated);
        let other_path = operation.path.split('/').map(|part| if part.contains('{') { MARKER } else { part });
        let paths = [
            format!("{path}?cursor={MARKER}&q={ADDRESS}&device_id={MARKER}&platform={MARKER}"),
            path,
            other_path.collect::<Vec<_>>().join("/"),
        ];
        let wrong_secret = format!("Bearer {}{MARKER}", &token[..token.len() - 4]);
        let authorizations = [
            Some(format!("Bearer {token}")),
            None,
            Some(wrong_secret),
            Some(format!("Bearer {MARKER}")),
            Some(format!("Basic {MARKER}")),
        ];
        for body in bodies(&operation, &ids) {
            for path in &paths {
                for authorization in &authorizations {
                    world.send(request(&operation, path, authorization.as_deref(), &body)).await;
                    sent += 1;
                }
            }
        }
        tokens.push(token);
    }
    // What no route answers is logged as well.
    world.get(&Actor::anonymous(), &format!("/{MARKER}?{MARKER}")).await;

    let log = log.text();
    let completed = log.lines().filter(|line| line.contains("\"request completed\"")).count();
    assert!(completed > sent, "{completed} of {sent} requests were logged");
    for status in outcomes {
        assert!(log.contains(&format!("\"http.status\":{status},")), "no request came to {status}");
    }
    for line in log.lines() {
        let parsed: Value = serde_json::from_str(line).unwrap();
        assert!(
            parsed["level"].is_string() && parsed["message"].is_string(),
            "not a line of the log: {line}"
        );
        for secret in [MARKER, "ada@example.com"] {
            assert!(!line.contains(secret), "{secret} was logged: {line}");
        }
    }
    for token in tokens {
        let secret = token.rsplit('_').next().unwrap();
        assert!(!log.contains(secret), "a key's secret was logged");
    }
}
