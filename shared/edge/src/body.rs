//! Reading a body: size, content type, JSON, and every fault in it; and the idempotency key that came with it.
//!
//! [`Body`] answers a repeated request again, for which it has to read the table and to open what is sealed. [`Json`] only
//! reads, and a function that uses nothing else links none of that.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deserr::Deserr;
use http::header;
use http::request::Parts;
use rookery_domain::fault::{Fault, Faults};
use rookery_domain::hash::Sha256;
use rookery_domain::text::ParseError;
use rookery_store::{Key, idempotency};
use serde_json::Value;

use crate::commit::replay;
use crate::operator::Acting;
use crate::{Caller, Context, Problem};

/// A JSON body, read into `T` with every fault named. No more than `LIMIT` bytes.
///
/// It must be the handler's last argument, so that whoever asks is authenticated before the body is read.
#[derive(Debug)]
pub struct Body<T, const LIMIT: usize = 65_536> {
    /// What the body says.
    pub value: T,
    /// The request's idempotency key, if it brought one.
    pub idempotency: Option<Idempotency>,
}

/// A JSON body as [`Body`] reads it, of a request that may be carried out twice without harm: its idempotency key, if it brought
/// one, is not looked at.
#[derive(Debug)]
pub struct Json<T, const LIMIT: usize = 65_536>(
    /// What the body says.
    pub T,
);

/// A request that its sender may send again, and wants carried out once.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Where its answer is kept.
    pub(crate) place: Key,
    /// Digest of its body, and of what only its sender knows.
    pub(crate) request: Sha256,
}

/// The body of a request that says nothing: absent, or an empty object.
#[derive(Debug, Clone, Copy, Default, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Empty {}

impl<T, const LIMIT: usize> FromRequest<Context> for Body<T, LIMIT>
where
    T: Deserr<Faults>,
{
    type Rejection = Response;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Response> {
        let (parts, bytes) = whole(request, LIMIT).await.map_err(IntoResponse::into_response)?;
        let json = parse(&parts, &bytes).map_err(IntoResponse::into_response)?;
        let idempotency = idempotency(&parts, &bytes).map_err(IntoResponse::into_response)?;
        if let Some(known) = &idempotency
            && let Some(answer) = replay(context, known).await.map_err(IntoResponse::into_response)?
        {
            return Err(answer.into_response());
        }
        let value = typed(json).map_err(IntoResponse::into_response)?;
        Ok(Self { value, idempotency })
    }
}

impl<T, const LIMIT: usize> FromRequest<Context> for Json<T, LIMIT>
where
    T: Deserr<Faults>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Context) -> Result<Self, Problem> {
        let (parts, bytes) = whole(request, LIMIT).await?;
        typed(parse(&parts, &bytes)?).map(Self)
    }
}

async fn whole(request: Request, limit: usize) -> Result<(Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, limit).await.map_err(|_| Problem::TooLarge { limit })?;
    Ok((parts, bytes))
}

fn typed<T: Deserr<Faults>>(json: Value) -> Result<T, Problem> {
    deserr::deserialize(json).map_err(Problem::Invalid)
}

fn parse(parts: &Parts, bytes: &[u8]) -> Result<Value, Problem> {
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    match content_type {
        // Requests without a body need no type: `curl -X POST` says what is meant.
        None if bytes.is_empty() => return Ok(Value::Object(serde_json::Map::new())),
        Some(text) if is_json(text) => {}
        _ => return Err(Problem::UnsupportedMediaType),
    }
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(bytes).map_err(|fault| Problem::Malformed(Faults::one("", fault.to_string())))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn idempotency(parts: &Parts, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let Some(chosen) = parts.headers.get("idempotency-key") else {
        return Ok(None);
    };
    let chosen = chosen
        .to_str()
        .ok()
        .filter(|text| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(|| {
            let detail = "is not 1 to 255 visible ASCII characters";
            Problem::Malformed(Faults::one("Idempotency-Key", detail))
        })?
        .to_owned();
    let route = format!("{} {}", parts.method, parts.uri.path());
    // Whoever a route authenticates was authenticated before the body is read; an open route takes no notice of tokens.
    let place = if let Some(caller) = parts.extensions.get::<Caller>() {
        let principal = caller.principal.id().to_string();
        idempotency::key(idempotency::Caller::Tenant(&caller.tenant), &principal, &route, &chosen)
    } else {
        let operator = parts.extensions.get::<Acting>().map(|Acting(id)| id.to_string());
        let principal = operator.unwrap_or_default();
        idempotency::key(idempotency::Caller::Anybody, &principal, &route, &chosen)
    };
    // A body may hold a password or another short secret, which a plain digest would let anybody guess who can read the
    // table. The sender's token and the key that it chose are stored nowhere, so nobody else can make this digest.
    let token = parts.headers.get(header::AUTHORIZATION).map_or(&[][..], |value| value.as_bytes());
    let request = Sha256::of_parts(&[token, b"\0", chosen.as_bytes(), b"\0", body]);
    Ok(Some(Idempotency { place, request }))
}

/// A check that several fields fail together, or that needs more than one of them: faults with their places.
pub trait Located<T> {
    /// Names the place of a fault.
    fn at(self, pointer: &str) -> Result<T, Problem>;
}

impl<T> Located<T> for Result<T, ParseError> {
    fn at(self, pointer: &str) -> Result<T, Problem> {
        self.map_err(|fault| {
            Problem::Invalid(Faults(vec![Fault { pointer: pointer.to_owned(), detail: fault.to_string() }]))
        })
    }
}
