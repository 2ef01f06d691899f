//! `GET /.well-known/openid-configuration`: what the platform can do as a provider (`OpenID` Connect Discovery; RFC 8414).

use http::header;
use rookery_domain::oauth_client::{ExtraClaim, Grant, ScopeWord};
use rookery_domain::token_key::Algorithm;
use rookery_edge::{Answer, Context, Issuer, Problem};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::exchange;
use crate::id_token::{ONE_FACTOR, TWO_FACTORS};
use crate::words::Language;

/// For how long others may keep it: an hour.
const CACHING: &str = "public, max-age=3600";

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(configuration))
}

/// Read what the platform can do as a provider, and where.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    operation_id = "read_openid_configuration",
    tag = "oauth",
    security(()),
    responses((status = 200, description = "The configuration.", body = Object))
)]
async fn configuration(Issuer(issuer): Issuer) -> Result<Answer, Problem> {
    let at = |path: &str| format!("{issuer}{path}");
    let mut claims = vec![
        "sub",
        "iss",
        "aud",
        "azp",
        "iat",
        "exp",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "sid",
        "at_hash",
        "tenant",
        "name",
        "updated_at",
        "email",
        "email_verified",
    ];
    claims.extend(ExtraClaim::ALL.map(ExtraClaim::as_str));
    let configuration = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "introspection_endpoint": at("/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint": at("/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "end_session_endpoint": at("/oauth/logout"),
        "device_authorization_endpoint": at("/oauth/device_authorization"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "scopes_supported": ScopeWord::PLAIN.map(ScopeWord::as_str),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": Grant::ALL.map(Grant::as_str).into_iter().chain([exchange::GRANT]).collect::<Vec<_>>(),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::as_str),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": [ONE_FACTOR, TWO_FACTORS],
        "claims_supported": claims,
        "ui_locales_supported": Language::ALL.map(Language::tag),
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    Ok(Answer::ok(&configuration)?.header(header::CACHE_CONTROL, CACHING.to_owned()))
}
