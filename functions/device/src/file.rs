//! `GET /v1/device/{app_key}/packages/{package}/files/{sha256}`: the way to a file's bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use rookery_domain::app::AppKey;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{PackageId, TenantId};
use rookery_domain::package::{ContentType, FileSize, Manifest, ManifestFile};
use rookery_domain::usage::Meter;
use rookery_edge::{Context, Document, Problem};
use rookery_store::TenantScope;
use rookery_store::download;
use rookery_store::serving::{self, SignedManifest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::shelf::{Good, Shelf};
use crate::unknown;

/// For how long a presigned URL is good. Long enough for a slow device to begin, short enough that a leaked one is useless soon;
/// a download that has begun is not cut off.
const URL_GOOD_FOR: Duration = Duration::from_mins(15);

/// For how long one URL is handed out, and for how long a device may remember where it was sent. Together they stay below
/// [`URL_GOOD_FOR`].
const HANDED_OUT_FOR: SignedDuration = SignedDuration::from_mins(4);
const REMEMBERED: HeaderValue = HeaderValue::from_static("private, max-age=600");

/// Most bytes of lists of files, and of URLs, that are kept in memory.
const LIST_BYTES: usize = 4 << 20;
const URL_BYTES: usize = 2 << 20;

/// The files of a package.
#[derive(Debug)]
struct Files {
    tenant: TenantId,
    by_sha256: HashMap<Sha256, (FileSize, Option<ContentType>)>,
}

#[derive(Debug)]
struct Memory {
    packages: Shelf<(AppKey, PackageId), Arc<Files>>,
    urls: Shelf<(PackageId, Sha256), HeaderValue>,
}

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    let memory = Memory {
        packages: Shelf::new(LIST_BYTES, |files| 512 + 160 * files.by_sha256.len()),
        urls: Shelf::new(URL_BYTES, |url| 256 + url.len()),
    };
    OpenApiRouter::new().routes(routes!(file)).layer(Extension(Arc::new(memory)))
}

/// Fetch a file of a package that is or was released, by a redirect to where its bytes are.
#[utoipa::path(
    get,
    path = "/v1/device/{app_key}/packages/{package}/files/{sha256}",
    operation_id = "fetch_file",
    tag = "devices",
    security(()),
    params(("app_key" = AppKey, Path), ("package" = PackageId, Path), ("sha256" = Sha256, Path)),
    responses(
        (status = 302, description = "The bytes are at `Location`, for 15 minutes at the most.", headers(("Location" = String, description = "A presigned URL."))),
        (status = 404, description = "There is no such file, or no package with it was released. The body is empty."),
        (status = 503, description = "The package cannot be read now.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn file(
    State(context): State<Context>,
    Extension(memory): Extension<Arc<Memory>>,
    Path((app_key, package, sha256)): Path<(String, String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (Ok(app_key), Ok(package), Ok(sha256)) = (app_key.parse(), package.parse(), sha256.parse()) else {
        return Ok(unknown());
    };
    let Some(files) = memory.files(&context, (app_key, package)).await? else { return Ok(unknown()) };
    let Some((size, content_type)) = files.by_sha256.get(&sha256) else { return Ok(unknown()) };
    let location = memory.url(&context, files.tenant, (package, sha256), content_type.as_ref()).await?;
    if method == Method::GET && begins_at_the_start(&headers) {
        context.meter().count(files.tenant, Meter::DownloadedBytes, size.bytes(), context.now());
    }
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, REMEMBERED)];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// Whether a request asks for a file from its first byte on. A download in pieces is counted once, with its first piece.
fn begins_at_the_start(headers: &HeaderMap) -> bool {
    headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .is_none_or(|range| range.trim_start().starts_with("bytes=0-"))
}

impl Memory {
    async fn files(
        &self,
        context: &Context,
        key: (AppKey, PackageId),
    ) -> Result<Option<Arc<Files>>, Problem> {
        let load = async {
            let found = serving::glance_manifest(context.table()?, key.0, key.1).await?;
            found.map(|signed| listed(&signed).map(Arc::new)).transpose()
        };
        self.packages.get(&key, Good::Always, context.now(), load).await
    }

    async fn url(
        &self,
        context: &Context,
        tenant: TenantId,
        key: (PackageId, Sha256),
        content_type: Option<&ContentType>,
    ) -> Result<HeaderValue, Problem> {
        let now = context.now();
        let load = async {
            let scope = TenantScope::of_served(tenant);
            let url = download::presign(context.settings(), &scope, key.1, content_type, URL_GOOD_FOR, now)?;
            HeaderValue::from_str(&url).map(Some).map_err(Problem::internal)
        };
        let url = self.urls.get(&key, Good::For(HANDED_OUT_FOR), now, load).await?;
        url.ok_or_else(|| Problem::internal("no URL was presigned"))
    }
}

fn listed(signed: &SignedManifest) -> Result<Files, Problem> {
    let manifest = Manifest::parse(signed.manifest.as_bytes()).map_err(Problem::internal)?;
    Ok(Files { tenant: signed.tenant, by_sha256: by_sha256(manifest.files()) })
}

/// Sizes and types of the files by content. Where one content lies at paths that tell different types, none of them is right
/// for all: it is served as what it was uploaded as.
fn by_sha256(files: &[ManifestFile]) -> HashMap<Sha256, (FileSize, Option<ContentType>)> {
    let mut found = HashMap::with_capacity(files.len());
    for file in files {
        let told = ContentType::known(&file.path);
        let (_, content_type) = found.entry(file.sha256).or_insert_with(|| (file.size, told.clone()));
        if *content_type != told {
            *content_type = None;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_domain::package::Split;

    #[test]
    fn paths_that_disagree_tell_no_type() {
        let files = |paths: &[&str]| -> Vec<ManifestFile> {
            let file = |path: &&str| ManifestFile {
                path: path.parse().unwrap(),
                sha256: Sha256::of(b"content"),
                size: FileSize::new(7).unwrap(),
                split: Split::Important,
            };
            paths.iter().map(file).collect()
        };
        for (paths, content_type) in [
            (&["a.js"][..], Some("text/javascript; charset=utf-8")),
            (&["a.js", "b.mjs"], Some("text/javascript; charset=utf-8")),
            (&["a.js", "b.txt"], None),
            (&["b.txt", "a.js"], None),
            (&["a.js", "b.txt", "c.js"], None),
            (&["a.js", "b"], None),
            (&["a", "b.js", "c.js"], None),
        ] {
            let found = by_sha256(&files(paths));
            let found = found[&Sha256::of(b"content")].1.as_ref().map(ContentType::as_str);
            assert_eq!(found, content_type, "{paths:?}");
        }
    }

    #[test]
    fn a_download_in_pieces_is_counted_with_its_first() {
        for (range, counted) in [
            (None, true),
            (Some("bytes=0-"), true),
            (Some("bytes=0-99"), true),
            (Some("bytes=100-"), false),
            (Some("bytes=-5"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(range.map(|range| (header::RANGE, HeaderValue::from_static(range))));
            assert_eq!(begins_at_the_start(&headers), counted, "{range:?}");
        }
    }
}
