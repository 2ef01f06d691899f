//! What a handler answers.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{Context, Problem};

/// A whole answer, made before it is sent so that it can be kept with the write that it tells of.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    pub(crate) secret: bool,
}

impl Answer {
    fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(Problem::internal)?.into();
        let headers = vec![(header::CONTENT_TYPE, "application/json".to_owned())];
        Ok(Self { status, headers, body, secret: false })
    }

    /// 200 with a body.
    pub fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with a body and the path of what was made.
    pub fn created(location: String, body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::json(StatusCode::CREATED, body)?.header(header::LOCATION, location))
    }

    /// 202 with a body.
    pub fn accepted(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::ACCEPTED, body)
    }

    /// 204.
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Bytes::new(), secret: false }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Names another type than that of plain JSON.
    #[must_use]
    pub fn of_type(mut self, content_type: &'static str) -> Self {
        self.headers.retain(|(name, _)| *name != header::CONTENT_TYPE);
        self.header(header::CONTENT_TYPE, content_type.to_owned())
    }

    /// The same as the answer to a request that made what it shows.
    #[must_use]
    pub fn now_created(self, location: String) -> Self {
        Self { status: StatusCode::CREATED, ..self }.header(header::LOCATION, location)
    }

    /// 304: the caller has this version already.
    pub fn not_modified(version: u64) -> Self {
        Self { status: StatusCode::NOT_MODIFIED, ..Self::no_content() }.version(version)
    }

    /// Adds the `ETag` of a version.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        self.header(header::ETAG, format!("\"{version}\""))
    }

    /// Marks that the body holds a secret: where it is kept for repeated requests, it is sealed.
    #[must_use]
    pub fn with_secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        // The default of a byte body; an answer without one has no type.
        response.headers_mut().remove(header::CONTENT_TYPE);
        for (name, value) in self.headers {
            match HeaderValue::from_str(&value) {
                Ok(value) => {
                    response.headers_mut().append(name, value);
                }
                Err(source) => return Problem::internal(source).into_response(),
            }
        }
        response
    }
}

/// The `If-Match` header: the versions that a change may be applied to (RFC 9110, section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Lets every version pass.
    pub const fn any() -> Self {
        Self(None)
    }

    /// Lets a change of this version pass, or refuses with 412.
    pub fn check(&self, current: u64) -> Result<(), Problem> {
        let tag = format!("\"{current}\"");
        match &self.0 {
            Some(tags) if !tags.iter().any(|known| known == "*" || *known == tag) => {
                Err(Problem::PreconditionFailed { current })
            }
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Context> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        // Weak tags and tags of another form match nothing, which is what strong comparison asks for.
        let text = value.to_str().unwrap_or_default();
        Ok(Self(Some(text.split(',').map(|tag| tag.trim().to_owned()).collect())))
    }
}
