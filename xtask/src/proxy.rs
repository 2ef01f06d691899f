//! One friendly base URL for the API: a reverse proxy on the loopback interface.
//!
//! The local cloud serves the API under a path that holds a made-up API id. Here it is at the root of an address that
//! stays the same when the cloud starts anew.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{HeaderName, HeaderValue, StatusCode, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::failure::{Context, Failure, Result};
use crate::names;

/// From where a request comes, for the cloud, which takes it from here (`infra/local/source_address.py`).
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const FIRST_PORT: u16 = 8480;
const PORTS_TO_TRY: u16 = 100;

/// Headers that are about one connection, not about the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::UPGRADE,
];

/// A running proxy. It ends with this value.
pub(crate) struct Proxy {
    port: u16,
    upstream: Upstream,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Upstream {
    client: Client<HttpConnector, Body>,
    /// Authority and path prefix of the API in the cloud, once there is one.
    api: Arc<RwLock<Option<(String, String)>>>,
}

impl Proxy {
    /// Listens on `port`, or, when none is asked for, on the first free one from 8480 on.
    pub(crate) async fn start(port: Option<u16>) -> Result<Self> {
        let listener = bind(port).await?;
        let port = listener.local_addr().context(|| "Reading the proxy's port".into())?.port();
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let upstream = Upstream { client, api: Arc::default() };
        let app = Router::new().fallback(forward).with_state(upstream.clone()).merge(names::router());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            // `serve` ends only with the task; accept errors it retries by itself.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { port, upstream, task })
    }

    /// The address by name: browsers use passkeys with no site that has a number for its name.
    pub(crate) fn base_url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// From now on requests go to this API.
    pub(crate) fn serve(&self, endpoint: &str, api_id: &str) {
        let authority = endpoint.trim_start_matches("http://").to_owned();
        let prefix = format!("/_aws/execute-api/{api_id}/$default");
        *self.upstream.api.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some((authority, prefix));
    }

    /// From now on requests are answered with a 503, until there is an API again.
    pub(crate) fn pause(&self) {
        *self.upstream.api.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn bind(port: Option<u16>) -> Result<TcpListener> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(port) = port {
        return TcpListener::bind(at(port)).await.map_err(|error| {
            Failure::new(format!("Port {port} cannot be used ({error}); choose another one with --port."))
        });
    }
    for port in FIRST_PORT..FIRST_PORT + PORTS_TO_TRY {
        // Where another program has the port of the other loopback address, `localhost` leads to that one first.
        let other = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await;
        if other.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(at(port)).await {
            return Ok(listener);
        }
    }
    Err(Failure::new(format!(
        "The ports {FIRST_PORT} to {} are all taken; choose another one with --port.",
        FIRST_PORT + PORTS_TO_TRY - 1
    )))
}

/// Passes a request on as it came, byte for byte: neither path nor query is decoded, no body is held in memory.
async fn forward(
    State(upstream): State<Upstream>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let api = upstream.api.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let Some((authority, prefix)) = api else {
        return unavailable("the stack is being deployed");
    };
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query(format!("{prefix}{path}"))
        .build();
    let Ok(uri) = uri else {
        return (StatusCode::BAD_REQUEST, "the path is not one\n").into_response();
    };
    *request.uri_mut() = uri;
    for name in HOP_BY_HOP {
        request.headers_mut().remove(name);
    }
    // The cloud picks a service by the host it is called by, so it has to see its own.
    request.headers_mut().remove(header::HOST);
    // Whatever a client says of itself is replaced, as the gateway has it from the connection.
    if let Ok(from) = HeaderValue::try_from(from.ip().to_string()) {
        request.headers_mut().insert(FORWARDED_FOR, from);
    }
    match upstream.client.request(request).await {
        Ok(mut response) => {
            for name in HOP_BY_HOP {
                response.headers_mut().remove(name);
            }
            response.map(Body::new)
        }
        Err(_) => unavailable("the local cloud does not answer"),
    }
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], format!("{why}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use http::HeaderMap;

    use super::*;

    /// Answers with what arrived: the target in a header, the bytes of `x-many` and the body in the body.
    async fn echo(request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let mut headers = HeaderMap::new();
        headers.append("x-target", parts.uri.to_string().parse().unwrap());
        headers.append("x-host", parts.headers[header::HOST].clone());
        headers.append("x-from", parts.headers[FORWARDED_FOR].clone());
        for value in parts.headers.get_all("x-many") {
            headers.append("set-cookie", value.clone());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (StatusCode::IM_A_TEAPOT, headers, body).into_response()
    }

    #[tokio::test]
    async fn a_message_arrives_as_it_was_sent() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let cloud = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
        let proxy = Proxy::start(Some(0)).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/v1/a%20b%2Fc?x=1&y=%20%26&x=2", proxy.base_url());
        let send = async || {
            let request = client.patch(&url).header("x-many", "1").header("x-many", "2");
            let request = request.header(FORWARDED_FOR, "192.0.2.1");
            request.body(vec![0, 159, 146, 150, 255]).send().await.unwrap()
        };

        let early = send().await;
        assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);

        proxy.serve(&format!("http://{cloud}"), "abc");
        let answer = send().await;
        assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
        assert_eq!(
            answer.headers()["x-target"],
            "/_aws/execute-api/abc/$default/v1/a%20b%2Fc?x=1&y=%20%26&x=2"
        );
        assert_eq!(answer.headers()["x-host"], cloud.to_string());
        assert_eq!(answer.headers()["x-from"], "127.0.0.1");
        let many: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        assert_eq!(many, ["1", "2"]);
        assert_eq!(answer.bytes().await.unwrap(), &[0, 159, 146, 150, 255][..]);
    }

    #[tokio::test]
    async fn a_text_record_is_found_that_was_written() {
        let proxy = Proxy::start(Some(0)).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{}", proxy.base_url(), names::PATH);
        let ask = async |question: &str| -> serde_json::Value {
            let answer = client.get(format!("{url}?{question}")).send().await.unwrap();
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
        };
        assert_eq!(ask("name=_rookery.acme.example&type=TXT").await["Status"], 3);
        let written = client.put(format!("{url}/_rookery.acme.example")).body("it is ours").send().await;
        assert_eq!(written.unwrap().status(), StatusCode::NO_CONTENT);
        let found = ask("name=_Rookery.acme.example&type=TXT").await;
        assert_eq!(
            (&found["Answer"][0]["type"], &found["Answer"][0]["data"]),
            (&16.into(), &"it is ours".into())
        );
        assert_eq!(ask("name=_rookery.acme.example&type=A").await["Status"], 3);
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let Err(Failure::Told(sentence)) = Proxy::start(Some(port)).await else {
            panic!("the port is taken");
        };
        assert!(sentence.contains(&port.to_string()) && sentence.contains("--port"), "{sentence}");
    }
}
