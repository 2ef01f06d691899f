//! Calls to the API, as any client makes them.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::failure::{Context, Failure, Result};

/// More than a function may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// The API at its base URL.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    base: String,
}

/// What came back.
pub(crate) struct Answer {
    what: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(base: &str) -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            // A device is sent to where a file is, and the demo shows that it is.
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent("rookery-demo")
            .build()
            .context(|| "Making an HTTP client".into())?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request to a path of the API, with a key where there is one.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let what = format!("{method} {}", path.split('?').next().unwrap_or(path));
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(what, request).await
    }

    /// Fetches a URL that the API named.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Answer> {
        answer("GET of a URL that the API named".into(), self.client.get(url)).await
    }

    /// Uploads bytes the way that the API said.
    pub(crate) async fn put(&self, url: &str, headers: &Value, bytes: Vec<u8>) -> Result<Answer> {
        let mut request = self.client.put(url).body(bytes);
        for (name, value) in headers.as_object().into_iter().flatten() {
            // These two follow from the URL and the bytes.
            if !["host", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
                request = request.header(name, value.as_str().unwrap_or_default());
            }
        }
        answer("PUT of a file".into(), request).await
    }
}

async fn answer(what: String, request: reqwest::RequestBuilder) -> Result<Answer> {
    let gone = || format!("{what} was not answered; see whether the stack still runs");
    let response = request.send().await.context(gone)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.context(gone)?.to_vec();
    Ok(Answer { what, status, headers, body })
}

impl Answer {
    /// The answer, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Result<Self> {
        if self.status == status { Ok(self) } else { Err(self.unexpected(&status.to_string())) }
    }

    /// The failure of not being what it should be.
    pub(crate) fn unexpected(&self, wanted: &str) -> Failure {
        let problem = self.json().unwrap_or_default();
        let said = match problem["detail"].as_str().or(problem["title"].as_str()) {
            Some(detail) => detail.to_owned(),
            None => String::from_utf8_lossy(&self.body).chars().take(200).collect(),
        };
        let faults =
            problem["errors"].as_array().map_or_else(String::new, |_| format!(" {}", problem["errors"]));
        let request = problem["request_id"].as_str().unwrap_or("unknown");
        Failure::new(format!(
            "{} answered {} instead of {wanted} ({said}{faults}); look for request {request} in the logs of the functions.",
            self.what, self.status
        ))
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .context(|| format!("{} answered something that is not JSON", self.what))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A text that the API's contract says is there.
pub(crate) fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| {
        Failure::new(format!("An answer has no text at {pointer}, which the API document promises: {value}"))
    })
}
