//! What is known of a request before any handler runs, and what is done to every answer after.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rookery_domain::event::Origin;
use rookery_domain::id::RequestId;
use rookery_store::{Variable, guard};
use tracing::Instrument as _;

use crate::{Caller, Context, Gateway, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// What is known of a request before anybody is authenticated.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The request's id: the caller's own, or one of ours.
    pub request_id: String,
    /// Where it came from.
    pub origin: Origin,
}

impl RequestFacts {
    fn of(parts: &Parts, context: &Context) -> Self {
        let text = |name: &HeaderName| header_text(&parts.headers, name);
        let request_id = text(&REQUEST_ID)
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
            .map_or_else(|| context.new_id::<RequestId>().to_string(), str::to_owned);
        let address = parts.extensions.get::<Gateway>().and_then(|gateway| gateway.source_ip.clone());
        let origin = Origin {
            address,
            user_agent: text(&header::USER_AGENT).map(|agent| agent.chars().take(256).collect()),
            request_id: Some(request_id.clone()),
            trace_parent: text(&TRACE_PARENT).filter(|trace| is_trace_parent(trace)).map(str::to_owned),
        };
        Self { request_id, origin }
    }
}

impl FromRequestParts<Context> for RequestFacts {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(|| Self::of(parts, context)))
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The form of W3C Trace Context, version 00.
fn is_trace_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2] && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Base of the links that an answer carries, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(pub String);

impl FromRequestParts<Context> for BaseUrl {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        if let Some(configured) = context.settings().get(Variable::PublicBaseUrl) {
            return Ok(Self(configured.trim_end_matches('/').to_owned()));
        }
        gateway_base(parts).map(Self)
    }
}

/// The base of the URL that was asked, as far as it is known. The gateway accepts only its own domains, so this name is not the client's
/// to choose.
pub(crate) fn gateway_base(parts: &Parts) -> Result<String, Problem> {
    match parts.extensions.get::<Gateway>() {
        Some(Gateway { domain_name: Some(domain), .. }) => Ok(format!("https://{domain}")),
        Some(_) => Err(Problem::internal("the gateway named no domain")),
        None => Ok(String::new()),
    }
}

/// Marks an answer whose handler says itself what went wrong, in the form that its protocol has for it.
#[derive(Debug, Clone, Copy)]
pub struct OwnWords;

/// Where authentication leaves the caller for the log line, which is written when the request is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(pub(crate) Arc<OnceLock<Caller>>);

/// The outermost layer: request id, one log line, problem documents, and headers that every answer has.
pub async fn finish(State(context): State<Context>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let (mut parts, body) = request.into_parts();
    let facts = RequestFacts::of(&parts, &context);
    parts.extensions.insert(facts.clone());
    let known = Known::default();
    parts.extensions.insert(known.clone());
    let method = parts.method.clone();
    let presented = parts.headers.contains_key(header::AUTHORIZATION);
    let path = parts.uri.path().to_owned();
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |matched| matched.as_str().to_owned());
    let span = tracing::info_span!("request", request.id = %facts.request_id);
    let answer = next.run(Request::from_parts(parts, body)).instrument(span.clone());
    let response = guard::within(answer).await;
    span.in_scope(|| {
        let response = documented(response, &path, &facts.request_id);
        let caller = known.0.get();
        tracing::info!(
            http.method = %method,
            http.route = route,
            http.status = response.status().as_u16(),
            duration_ms = started.elapsed().as_secs_f64() * 1000.0,
            tenant.id = caller.map(|caller| caller.tenant.tenant().to_string()),
            principal.id = caller.map(|caller| caller.principal.id().to_string()),
            impersonator.id = caller
                .and_then(|caller| caller.principal.impersonator())
                .map(|impersonator| impersonator.to_string()),
            "request completed"
        );
        dressed(response, presented, &facts.request_id)
    })
}

/// How the problems of a route are told whose protocol has a form of its own for them. Such routes put it among the extensions of their
/// answers.
#[derive(Debug, Clone, Copy)]
pub struct Phrasing {
    /// The type of the document.
    pub content_type: &'static str,
    /// Makes the document.
    pub document: fn(&Problem) -> serde_json::Value,
}

/// Writes the document of a problem, and logs the faults that are ours, once.
fn documented(response: Response, path: &str, request_id: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let phrasing = parts.extensions.remove::<Phrasing>();
    let problem = match parts.extensions.remove::<Arc<Problem>>() {
        Some(problem) => problem,
        None if parts.status == http::StatusCode::METHOD_NOT_ALLOWED => Arc::new(Problem::MethodNotAllowed),
        None if parts.extensions.get::<OwnWords>().is_some() => return Response::from_parts(parts, body),
        // Handlers answer problems: a bare 400 is the framework's, for a path that is not UTF-8 and so names nothing.
        None if parts.status == http::StatusCode::BAD_REQUEST => {
            parts.status = http::StatusCode::NOT_FOUND;
            Arc::new(Problem::NotFound("path"))
        }
        None => return Response::from_parts(parts, body),
    };
    if problem.status().is_server_error() {
        tracing::error!(error.chain = chain(problem.as_ref()), "request failed");
    }
    let (content_type, document) = match phrasing {
        Some(Phrasing { content_type, document }) => (content_type, serde_json::to_vec(&document(&problem))),
        None => ("application/problem+json", serde_json::to_vec(&problem.document(path, request_id))),
    };
    match document {
        Ok(body) => {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, body.into())
        }
        Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An error with all of its sources, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn dressed(mut response: Response, presented: bool, request_id: &str) -> Response {
    let headers = response.headers_mut();
    // Who showed nothing is only told what to show (RFC 6750, section 3.1).
    if presented && headers.get(header::WWW_AUTHENTICATE).is_some_and(|scheme| scheme == "Bearer") {
        let refused = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
        headers.insert(header::WWW_AUTHENTICATE, refused);
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
