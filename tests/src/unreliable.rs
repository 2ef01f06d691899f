//! An endpoint for AWS that tests can break: a real DynamoDB implementation behind a door that can be shut at any commit, and of
//! KMS and S3 just the calls that make data keys and marks, and of SES the one that takes mails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::kms::Kms;

/// How a service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// It says that the caller may not.
    Refuses,
    /// It says that it cannot.
    Fails,
}

/// When the door shuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// Before the commit reaches the database.
    Before,
    /// After it is done, so that whoever waits for the answer does not hear of it.
    After,
}

/// The endpoint.
#[derive(Debug)]
pub struct Unreliable {
    /// Where it listens.
    pub url: String,
    inner: Arc<Inner>,
    servers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    database: String,
    client: reqwest::Client,
    keys: Mutex<Mood>,
    kms: Kms,
    objects: Mutex<Mood>,
    stored: Mutex<BTreeSet<String>>,
    mails: Mutex<Vec<Value>>,
    shut: Mutex<Shut>,
    /// How many commits pass before the door shuts; below zero it stays open.
    left: AtomicI64,
    stuck: Notify,
}

impl Drop for Unreliable {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

fn locked<T: Clone>(of: &Mutex<T>) -> T {
    of.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Unreliable {
    /// An endpoint where all is well.
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let database = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = dynoxide::Database::memory().expect("a database");
        let behind = tokio::spawn(dynoxide::server::serve_on(listener, memory));
        let inner = Arc::new(Inner {
            database,
            client: reqwest::Client::new(),
            keys: Mutex::new(Mood::Well),
            kms: Kms::default(),
            objects: Mutex::new(Mood::Well),
            stored: Mutex::default(),
            mails: Mutex::default(),
            shut: Mutex::new(Shut::Before),
            left: AtomicI64::new(-1),
            stuck: Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let door = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, inner, servers: vec![behind, door] }
    }

    /// Sets how KMS answers from now on.
    pub fn keys(&self, mood: Mood) {
        *self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Sets how S3 answers from now on.
    pub fn objects(&self, mood: Mood) {
        *self.inner.objects.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// The names of the objects that S3 holds.
    pub fn stored(&self) -> BTreeSet<String> {
        locked(&self.inner.stored)
    }

    /// The mails that SES was handed.
    pub fn mails(&self) -> Vec<Value> {
        locked(&self.inner.mails)
    }

    /// Runs something that is killed at its commit number `commit`, counted from 0: it never hears of it. Answers whether it came so
    /// far; otherwise it has ended by itself.
    pub async fn kill_at<T>(&self, commit: i64, shut: Shut, victim: impl Future<Output = T>) -> bool {
        *self.inner.shut.lock().unwrap_or_else(PoisonError::into_inner) = shut;
        self.inner.left.store(commit, Ordering::SeqCst);
        let killed = tokio::select! {
            _ = victim => false,
            () = self.inner.stuck.notified() => true,
        };
        self.inner.left.store(-1, Ordering::SeqCst);
        killed
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.map(str::to_owned) {
        Some(target) if target.starts_with("TrentService") => key(&inner, &target, request).await,
        Some(target) => database(&inner, &target, request).await,
        None if request.uri().path() == "/v2/email/outbound-emails" => mail(&inner, request).await,
        None => object(&inner, &request),
    }
}

async fn mail(inner: &Inner, request: Request) -> Response {
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let mail = serde_json::from_slice(&body).expect("a mail");
    inner.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
    ([("content-type", "application/json")], json!({"MessageId": "1"}).to_string()).into_response()
}

fn refusal(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, json!({"__type": code, "message": "no"}).to_string()).into_response()
}

async fn key(inner: &Inner, target: &str, request: Request) -> Response {
    match locked(&inner.keys) {
        Mood::Refuses => return refusal("AccessDeniedException"),
        Mood::Fails => return refusal("KMSInvalidStateException"),
        Mood::Well => {}
    }
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    match inner.kms.answer(target, &serde_json::from_slice(&body).expect("JSON")) {
        Ok(answer) => ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response(),
        Err(code) => refusal(code),
    }
}

fn object(inner: &Inner, request: &Request) -> Response {
    let mut stored = inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
    let name = request.uri().path().trim_start_matches("/packages/").to_owned();
    let code = match locked(&inner.objects) {
        Mood::Refuses => "AccessDenied",
        Mood::Fails => "OperationAborted",
        Mood::Well => {
            if request.method() == Method::PUT {
                stored.insert(name);
            } else {
                stored.remove(&name);
            }
            return StatusCode::OK.into_response();
        }
    };
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    (StatusCode::FORBIDDEN, [("content-type", "application/xml")], body).into_response()
}

async fn database(inner: &Inner, target: &str, request: Request) -> Response {
    let mut shuts = false;
    if target.ends_with("TransactWriteItems") && inner.left.load(Ordering::SeqCst) >= 0 {
        shuts = inner.left.fetch_sub(1, Ordering::SeqCst) == 0;
    }
    if shuts && locked(&inner.shut) == Shut::Before {
        inner.stuck.notify_one();
        return std::future::pending().await;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let forwarded = inner.client.post(&inner.database).headers(parts.headers).body(body).send().await;
    let answer = forwarded.expect("the database answers");
    if shuts {
        inner.stuck.notify_one();
        return std::future::pending().await;
    }
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.expect("a body")));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
