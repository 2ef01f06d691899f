//! The part of Lambda's Runtime API that a function process meets: the next invocation, its response or error, and the
//! registration of an extension. One server per process, on a port of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::Failure;

const INVOCATION_TIMEOUT: Duration = Duration::from_secs(20);

/// What a function made of an invocation.
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    /// From the moment the invocation left this server until its whole response was back.
    pub(crate) latency: Duration,
}

struct Invocation {
    id: String,
    event: Bytes,
}

struct Outcome {
    result: Result<Bytes, String>,
    at: Instant,
}

struct Shared {
    invocations: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    polls: watch::Sender<u64>,
    first_poll: Mutex<Option<Instant>>,
    init_error: Mutex<Option<String>>,
}

/// A Runtime API for one function process.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Invocation>,
    served: u64,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, receiver) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            invocations: tokio::sync::Mutex::new(receiver),
            waiting: Mutex::default(),
            polls: watch::Sender::new(0),
            first_poll: Mutex::default(),
            init_error: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .route("/2020-01-01/extension/register", post(register))
            .route("/2020-01-01/extension/event/next", get(std::future::pending::<StatusCode>))
            .with_state(Arc::clone(&shared));
        let listener = listener.tap_io(|stream| {
            // Delayed acknowledgements would be measured otherwise. A socket that refuses is only slower.
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            // axum's server future has no end and no error of its own.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, sender, served: 0, server })
    }

    /// When the process first asked for work, waiting for that moment.
    pub(crate) async fn first_poll(&self) -> Instant {
        let mut polls = self.shared.polls.subscribe();
        // The sender lives in `self.shared`, so the channel cannot close while this waits.
        let _ = polls.wait_for(|count| *count > 0).await;
        let at = self.shared.first_poll.lock().expect("no holder of this lock panics");
        at.expect("the first poll is recorded before it is counted")
    }

    pub(crate) fn init_error(&self) -> Option<String> {
        self.shared.init_error.lock().expect("no holder of this lock panics").clone()
    }

    /// Waits until the process asks for work, so that nothing of an earlier invocation is still running.
    pub(crate) async fn idle(&self) {
        let mut polls = self.shared.polls.subscribe();
        let wanted = self.served + 1;
        let _ = polls.wait_for(|count| *count >= wanted).await;
    }

    pub(crate) async fn invoke(&mut self, id: &str, event: Bytes) -> Result<Answer, Failure> {
        self.idle().await;
        self.served += 1;
        let (sender, receiver) = oneshot::channel();
        self.shared.waiting.lock().expect("no holder of this lock panics").insert(id.to_owned(), sender);
        let started = Instant::now();
        self.sender.send(Invocation { id: id.to_owned(), event }).await?;
        let outcome = tokio::time::timeout(INVOCATION_TIMEOUT, receiver).await??;
        let body = outcome.result.map_err(|message| format!("the function failed: {message}"))?;
        Ok(Answer { body, latency: outcome.at - started })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.first_poll.lock().expect("no holder of this lock panics").get_or_insert_with(Instant::now);
    let mut invocations = shared.invocations.lock().await;
    shared.polls.send_modify(|count| *count += 1);
    let Some(invocation) = invocations.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now() + INVOCATION_TIMEOUT;
    let deadline = deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:bench".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, invocation.event).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    settle(&shared, &id, Ok(body))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    settle(&shared, &id, Err(String::from_utf8_lossy(&body).into_owned()))
}

fn settle(shared: &Shared, id: &str, result: Result<Bytes, String>) -> StatusCode {
    let at = Instant::now();
    let waiting = shared.waiting.lock().expect("no holder of this lock panics").remove(id);
    match waiting.map(|sender| sender.send(Outcome { result, at })) {
        Some(Ok(())) => StatusCode::ACCEPTED,
        Some(Err(_)) | None => StatusCode::BAD_REQUEST,
    }
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    *shared.init_error.lock().expect("no holder of this lock panics") =
        Some(String::from_utf8_lossy(&body).into_owned());
    StatusCode::ACCEPTED
}

async fn register() -> Response {
    let headers = [("lambda-extension-identifier", "00000000-0000-4000-8000-000000000000")];
    (
        headers,
        axum::Json(serde_json::json!({"functionName": "bench", "functionVersion": "1", "handler": "bench"})),
    )
        .into_response()
}
