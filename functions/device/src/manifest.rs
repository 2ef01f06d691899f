//! `GET /v1/device/{app_key}/packages/{package}/manifest`: the bytes that were signed.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rookery_domain::app::AppKey;
use rookery_domain::hash::Sha256;
use rookery_domain::id::PackageId;
use rookery_edge::{Context, Document, Problem};
use rookery_store::serving::{self, SignedManifest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::shelf::{Good, Shelf};
use crate::unknown;

/// Most bytes of manifests that are kept in memory.
const MANIFEST_BYTES: usize = 6 << 20;

/// Carries the signature, as a dictionary of structured fields (RFC 9651).
const SIGNATURE: HeaderName = HeaderName::from_static("rookery-signature");

/// A manifest as it is sent.
type Sent = (HeaderMap, Bytes);

type Memory = Shelf<(AppKey, PackageId), Sent>;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    let memory = Memory::new(MANIFEST_BYTES, |(_, body)| body.len() + 1024);
    OpenApiRouter::new().routes(routes!(manifest)).layer(Extension(Arc::new(memory)))
}

/// Fetch the manifest of a package that is or was released: exactly the bytes that were signed.
///
/// The header `rookery-signature` carries their signature: `sig="<base64>", keyid="<id>", alg="ed25519"`.
#[utoipa::path(
    get,
    path = "/v1/device/{app_key}/packages/{package}/manifest",
    operation_id = "read_manifest",
    tag = "devices",
    security(()),
    params(("app_key" = AppKey, Path), ("package" = PackageId, Path)),
    responses(
        (status = 200, description = "The manifest in canonical form (RFC 8785). It never changes.", body = Object, content_type = "application/json", headers(
            ("ETag" = String, description = "The SHA-256 of the manifest."),
            ("rookery-signature" = String, description = "The signature, as a dictionary of structured fields (RFC 9651)."),
        )),
        (status = 404, description = "There is no such package, or it was never released. The body is empty."),
        (status = 503, description = "The manifest cannot be read now.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn manifest(
    State(context): State<Context>,
    Extension(memory): Extension<Arc<Memory>>,
    Path((app_key, package)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (Ok(app_key), Ok(package)) = (app_key.parse(), package.parse()) else { return Ok(unknown()) };
    let load = async {
        let found = serving::glance_manifest(context.table()?, app_key, package).await?;
        found.map(sent).transpose()
    };
    let sent = memory.get(&(app_key, package), Good::Always, context.now(), load).await?;
    Ok(sent.map_or_else(unknown, IntoResponse::into_response))
}

fn sent(signed: SignedManifest) -> Result<Sent, Problem> {
    let header = |text: String| HeaderValue::from_str(&text).map_err(Problem::internal);
    let SignedManifest { signature, key_id, algorithm, manifest, .. } = signed;
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::ETAG, header(format!("\"{}\"", Sha256::of(manifest.as_bytes())))?),
        (SIGNATURE, header(format!("sig=\"{signature}\", keyid=\"{key_id}\", alg=\"{algorithm}\""))?),
    ]);
    Ok((headers, Bytes::from(manifest)))
}
