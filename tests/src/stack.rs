//! The deployed stack, as its users meet it: over HTTP at its base URL, and over the AWS API as its operator.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use rookery_store::{Clients, Settings};
use serde_json::{Value, json};

use crate::world::{Actor, Reply, sign_up_body};

/// How long an effect behind a queue may take to show.
const PATIENCE: Duration = Duration::from_mins(1);

static TENANTS: AtomicU64 = AtomicU64::new(1);

/// Where the stack is described that is meant.
pub fn described() -> PathBuf {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/local/stack.json"));
    std::env::var_os("ROOKERY_STACK").map_or_else(default, PathBuf::from)
}

/// The deployed stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its description, as `cargo xtask dev` writes it.
    pub description: Value,
    client: reqwest::Client,
}

impl Stack {
    /// The stack that `ROOKERY_STACK` describes, or else the one that `cargo xtask dev` keeps up.
    pub fn connect() -> Self {
        let path = described();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("no stack is described at {} ({error}); start one with `cargo xtask dev`", path.display())
        });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        Self { description: serde_json::from_str(&text).expect("a JSON description"), client }
    }

    /// A text of the description.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        self.description
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("the stack's description has no {pointer}"))
    }

    /// The base of the API.
    pub fn base_url(&self) -> &str {
        self.text("/base_url")
    }

    /// The client that requests are sent with. It follows no redirects.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The AWS services, with the operator's credentials.
    pub fn operator(&self) -> Clients {
        let look_up = |name: &str| {
            let pointer = match name {
                "TABLE_NAME" => "/table",
                "PACKAGE_BUCKET" => "/bucket",
                "EVENT_BUS_NAME" => "/bus",
                "AWS_ENDPOINT_URL" => "/endpoint_url",
                "AWS_REGION" => "/region",
                "AWS_ACCESS_KEY_ID" => "/credentials/access_key_id",
                "AWS_SECRET_ACCESS_KEY" => "/credentials/secret_access_key",
                _ => return None,
            };
            self.description.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
        };
        Clients::new(Settings::read(look_up, &[]).expect("nothing is needed"))
    }

    /// Sends a request with a JSON body and headers. A path that begins with `http` is taken as it is.
    pub async fn call_with(
        &self,
        actor: &Actor,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base_url()) };
        let mut request = self.client.request(method, url);
        if let Some(token) = &actor.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the stack answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status, headers, body, bytes }
    }

    /// Reads a path.
    pub async fn get(&self, actor: &Actor, path: &str) -> Reply {
        self.call_with(actor, Method::GET, path, None, &[]).await
    }

    /// Posts a body to a path.
    pub async fn post(&self, actor: &Actor, path: &str, body: Value) -> Reply {
        self.call_with(actor, Method::POST, path, Some(&body), &[]).await
    }

    /// The texts of the mails to an address, as the local cloud keeps what SES was handed.
    pub async fn mails(&self, to: &str) -> Vec<String> {
        let url = format!("{}/_ministack/ses/messages", self.text("/endpoint_url"));
        let sent = self.client.get(url).send().await.expect("the local cloud answers");
        let sent: Value = sent.json().await.expect("JSON");
        let all = sent["messages"].as_object().into_iter().flatten();
        all.flat_map(|(_, mails)| mails.as_array().into_iter().flatten())
            .filter(|mail| mail["To"].as_array().is_some_and(|all| all.contains(&json!(to))))
            .filter_map(|mail| mail["BodyText"].as_str().map(str::to_owned))
            .collect()
    }

    /// Runs a command of `cargo xtask` against this stack, or one that is described elsewhere. Answers whether it succeeded, and
    /// what it said.
    pub fn xtask(&self, words: &[&str], description: Option<&Path>) -> (bool, String) {
        // Beside the test's own binary, in the folder above: what the test run has built.
        let own = std::env::current_exe().expect("a path");
        let xtask = own.ancestors().nth(2).expect("the folder of binaries").join("xtask");
        let file = description.map_or_else(described, Path::to_path_buf);
        let output = std::process::Command::new(xtask)
            .arg(words[0])
            .args(["--built", "--stack"])
            .arg(file)
            .args(&words[1..])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .expect("the command starts");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.success(), said.concat())
    }

    /// Founds a tenant that no other test has, and answers its owner.
    pub async fn sign_up(&self) -> Actor {
        let number = TENANTS.fetch_add(1, Ordering::SeqCst);
        let slug = format!("t{number}-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
        let reply = self.post(&Actor::anonymous(), "/v1/signup", sign_up_body(&slug)).await.expect(201);
        Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") }
    }

    /// A key of the actor's tenant that may do just this.
    pub async fn member(&self, owner: &Actor, scopes: &[&str]) -> Actor {
        let body = json!({"name": "a member", "scopes": scopes});
        let reply = self.post(owner, "/v1/api-keys", body).await.expect(201);
        Actor { token: Some(reply.text("/secret")), tenant: owner.tenant.clone() }
    }
}

/// Looks until something holds, and answers what was seen. Fails after a minute with what was seen last.
pub async fn eventually<T, Fut>(what: &str, mut look: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    // Looking costs the stack what it could do the awaited thing with.
    let mut pause = Duration::from_millis(100);
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(last) if started.elapsed() > PATIENCE => panic!("{what} did not happen; seen last: {last}"),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 3 / 2).min(Duration::from_secs(1));
    }
}
