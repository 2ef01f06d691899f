//! Whose credentials sign what is asked of the table: the function's own until it knows who asks, and then those for that tenant.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use regex::Regex;
use rookery_tests::world::{Actor, World};
use serde_json::json;
use tokio::task::JoinHandle;

const ROLE: &str = "arn:aws:iam::123456789012:role/rookery/whoami/own";

/// An endpoint with a DynamoDB behind it, and an STS that begins sessions when it is asked.
struct Door {
    url: String,
    inner: Arc<Inner>,
    servers: Vec<JoinHandle<()>>,
}

struct Inner {
    database: String,
    client: reqwest::Client,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The forms that STS got.
    sessions: Vec<String>,
    /// What the database was asked, each with the key that signed it.
    asked: Vec<(String, String)>,
    refuses: bool,
    lifetime_s: i64,
}

impl Drop for Door {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let database = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = dynoxide::Database::memory().expect("a database");
        let behind = tokio::spawn(dynoxide::server::serve_on(listener, memory));
        let seen = Mutex::new(Seen { lifetime_s: 3600, ..Seen::default() });
        let inner = Arc::new(Inner { database, client: reqwest::Client::new(), seen });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let door = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, inner, servers: vec![behind, door] }
    }

    /// A platform behind it, whose functions have a role to take on.
    async fn world(&self) -> World {
        World::over(&self.url, &[("TENANT_ROLE_ARN", ROLE)]).await
    }

    /// The tenants that sessions were begun for.
    fn sessions(&self) -> Vec<String> {
        let tag =
            Regex::new("Tags.member.1.Key=tenant&Tags.member.1.Value=(ten_[0-9a-z]{26})").expect("a pattern");
        let of = |form: &String| tag.captures(form).map_or_else(|| form.clone(), |found| found[1].to_owned());
        self.inner.seen().sessions.iter().map(of).collect()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    if parts.headers.get("x-amz-target").is_none() {
        return session(&inner, text);
    }
    let signed = parts.headers["authorization"].to_str().expect("a text");
    let key = signed.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    inner.seen().asked.push((key.to_owned(), text));
    let forwarded = inner.client.post(&inner.database).headers(parts.headers).body(body).send().await;
    let answer = forwarded.expect("the database answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.expect("a body")));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn session(inner: &Inner, form: String) -> Response {
    let mut seen = inner.seen();
    if seen.refuses {
        let body =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        return (StatusCode::FORBIDDEN, [("content-type", "text/xml")], body).into_response();
    }
    let tenant = form.split("Value=").nth(1).unwrap_or_default().split('&').next().unwrap_or_default();
    let end = Timestamp::from_second(Timestamp::now().as_second() + seen.lifetime_s).expect("a time");
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>of-{tenant}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>{end}</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    seen.sessions.push(form);
    ([("content-type", "text/xml")], body).into_response()
}

async fn status(world: &World, actor: &Actor) -> u16 {
    world.get(actor, "/v1/whoami").await.status.as_u16()
}

#[tokio::test]
async fn each_tenant_is_asked_for_with_its_own_credentials() {
    let door = Door::new().await;
    let world = door.world().await;
    let actors = [world.sign_up().await, world.sign_up().await];
    assert_eq!(door.sessions(), [""; 0], "signing up is for nobody who is known");
    door.inner.seen().asked.clear();
    for actor in actors.iter().chain(&actors) {
        world.get(actor, "/v1/organizations").await.expect(200);
        let name = format!("Nest {}", door.inner.seen().asked.len());
        world.post(actor, "/v1/organizations", json!({"name": name})).await.expect(201);
        world.post(actor, "/v1/api-keys", json!({"name": "k", "scopes": ["app.read"]})).await.expect(201);
    }
    assert_eq!(door.sessions(), [&actors[0].tenant, &actors[1].tenant].map(Clone::clone), "one for each");
    assert!(
        door.inner.seen().sessions[0].contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Frookery")
    );
    let partition = Regex::new(r#""(?:pk|:pk)":\{"S":"([^"]+)"\}"#).unwrap();
    let mut counts = [0, 0, 0];
    for (key, body) in &door.inner.seen().asked {
        let named: Vec<&str> = partition.captures_iter(body).map(|found| found.extract::<1>().1[0]).collect();
        assert!(!named.is_empty(), "{body}");
        let whose = actors.iter().position(|actor| *key == format!("of-{}", actor.tenant));
        for name in named {
            let own = whose.is_some_and(|at| name.starts_with(&format!("{}#", actors[at].tenant)));
            let to_be_found = if whose.is_some() { "directory#" } else { "directory#key#" };
            assert!(own || name.starts_with(to_be_found), "{name} with the credentials {key}");
        }
        counts[whose.map_or(2, |at| at)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn without_credentials_for_a_tenant_nothing_is_answered_and_warm_ones_last() {
    let door = Door::new().await;
    let world = door.world().await;
    let (first, second) = (world.sign_up().await, world.sign_up().await);
    door.inner.seen().refuses = true;
    let reply = world.get(&first, "/v1/whoami").await.expect(503);
    assert!(reply.headers.contains_key("retry-after"));
    door.inner.seen().refuses = false;
    assert_eq!(status(&world, &first).await, 200);
    door.inner.seen().refuses = true;
    assert_eq!((status(&world, &first).await, status(&world, &second).await), (200, 503));
}

#[tokio::test]
async fn what_asks_at_once_begins_one_session() {
    let door = Door::new().await;
    let world = door.world().await;
    let actor = world.sign_up().await;
    let (one, other) = tokio::join!(status(&world, &actor), status(&world, &actor));
    assert_eq!((one, other), (200, 200));
    assert_eq!(door.sessions(), [actor.tenant]);
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end() {
    let door = Door::new().await;
    let world = door.world().await;
    let actor = world.sign_up().await;
    door.inner.seen().lifetime_s = 4 * 60;
    assert_eq!(status(&world, &actor).await, 200);
    let begun = door.sessions().len();
    door.inner.seen().lifetime_s = 3600;
    // So that rights are read again.
    world.wait(20);
    assert_eq!(status(&world, &actor).await, 200);
    assert_eq!(door.sessions().len(), begun + 1);
    world.wait(20);
    assert_eq!(status(&world, &actor).await, 200);
    assert_eq!(door.sessions().len(), begun + 1);
}
