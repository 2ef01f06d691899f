//! `GET /.well-known/jwks.json`: the public keys that tokens are checked with (RFC 7517).

use axum::extract::State;
use http::header;
use rookery_domain::token_key::{Algorithm, PublicKey, TokenKey};
use rookery_edge::{Answer, Context, Problem};
use rookery_store::token_key;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// For how long others may keep the keys: five minutes. The next key is published days before it signs.
const CACHING: &str = "public, max-age=300";

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(published))
}

/// A set of keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

/// A public key, with the members that its `kty` has by RFC 7518: `n` and `e`, or `crv`, `x` and `y`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwk {
    #[serde(flatten)]
    #[schema(value_type = Object, inline)]
    public: PublicKey,
    /// What tokens name it by.
    kid: String,
    /// The only algorithm that it is for.
    #[schema(value_type = String, example = "RS256")]
    alg: Algorithm,
    /// `sig`.
    #[serde(rename = "use")]
    purpose: &'static str,
}

impl From<TokenKey> for Jwk {
    fn from(key: TokenKey) -> Self {
        Self { public: key.public, kid: key.kid, alg: key.algorithm, purpose: "sig" }
    }
}

/// Read the public keys that tokens of this platform are checked with. There is none before the first token is made.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "read_jwks",
    tag = "provider",
    security(()),
    responses((status = 200, description = "The keys.", body = Jwks))
)]
async fn published(State(context): State<Context>) -> Result<Answer, Problem> {
    let now = context.now();
    let keys = token_key::list(context.table()?).await?;
    let keys = keys.into_iter().filter(|key| key.is_believed(now)).map(Jwk::from).collect();
    Ok(Answer::ok(&Jwks { keys })?.header(header::CACHE_CONTROL, CACHING.to_owned()))
}
