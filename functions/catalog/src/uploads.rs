//! `POST /v1/apps/{app}/uploads`: asking where to upload files.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::fault::Faults;
use rookery_domain::hash::Sha256;
use rookery_domain::id::AppId;
use rookery_domain::package::{ContentType, FilePath, FileSize, Upload, check_uploads};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, Document, Problem, Scope};
use rookery_store::TenantScope;
use rookery_store::object::{Objects, Presigned};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::contents::Contents;
use crate::load;

/// Largest body in bytes.
const BODY: usize = 1_048_576;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(request))
}

/// Files that are to be uploaded.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewUploads {
    /// 1 to 500 files, no two with one path.
    files: Vec<NewUpload>,
}

#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct NewUpload {
    path: FilePath,
    size: FileSize,
    sha256: Sha256,
    /// What the file is served as; by the extension of its path, unless given.
    #[deserr(default)]
    content_type: Option<ContentType>,
}

impl From<NewUpload> for Upload {
    fn from(file: NewUpload) -> Self {
        let content_type = file.content_type.unwrap_or_else(|| ContentType::of_path(&file.path));
        Self { path: file.path, size: file.size, sha256: file.sha256, content_type }
    }
}

/// What is to be done about each file, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Uploads {
    files: Vec<UploadAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UploadAnswer {
    path: FilePath,
    sha256: Sha256,
    status: Status,
    /// Where to upload the file, if it is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<UploadRequest>,
}

/// Whether a file has to be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// The platform has it, or another file of the same answer brings it.
    Present,
    /// It is to be uploaded as `upload` says.
    Needed,
}

/// A request that uploads exactly the bytes of one file. It takes no credentials.
#[derive(Debug, Serialize, ToSchema)]
struct UploadRequest {
    /// `PUT`.
    method: String,
    /// Where to send it.
    url: String,
    /// Headers that have to be sent as they are here.
    headers: BTreeMap<String, String>,
    /// From when on it is refused, an hour from now.
    expires_at: Timestamp,
}

impl From<Presigned> for UploadRequest {
    fn from(request: Presigned) -> Self {
        Self {
            method: request.method,
            url: request.url,
            headers: request.headers,
            expires_at: request.expires_at,
        }
    }
}

/// Ask where to upload files.
///
/// Contents are stored once per tenant, by their SHA-256: a file that is `present` need not be uploaded. A file that is `needed`
/// comes with a request to the object store that accepts exactly its bytes: length and checksum are signed. The object store
/// answers 412 when the content arrived by another way meanwhile, which is as good as an upload. Uploads that no package
/// accepts are removed after some days. A file may have up to 5 GiB, the most that one request can upload; larger content has
/// to be split by whoever packs it.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/uploads",
    operation_id = "request_uploads",
    tag = "catalog",
    params(("app" = AppId, Path)),
    request_body = NewUploads,
    responses(
        (status = 200, description = "What is to be done about each file.", body = Uploads),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn request(
    State(context): State<Context>,
    scope: Scope<right::PackageCreate>,
    Path(app): Path<String>,
    Body { value, idempotency }: Body<NewUploads, BODY>,
) -> Result<Answer, Problem> {
    load::app(&context, &scope.tenant, &app).await?;
    let files: Vec<Upload> = value.files.into_iter().map(Upload::from).collect();
    check_uploads(&files).map_err(Problem::Invalid)?;

    let wanted = files.iter().map(|file| file.sha256).collect();
    let contents = Contents::find(&context, &scope.tenant, wanted).await?;
    check_sizes(&files, &contents).map_err(Problem::Invalid)?;

    let mut asked = BTreeSet::new();
    let mut answers = Vec::with_capacity(files.len());
    for file in files {
        // The second file with a content must not be uploaded as well: the object store would refuse it.
        let needed = contents.size(file.sha256).is_none() && asked.insert(file.sha256);
        answers.push(answer(&context, &scope.tenant, file, needed).await?);
    }
    context.commit_nothing(idempotency.as_ref(), Answer::ok(&Uploads { files: answers })?).await
}

async fn answer(
    context: &Context,
    scope: &TenantScope,
    file: Upload,
    needed: bool,
) -> Result<UploadAnswer, Problem> {
    let upload = if needed {
        let objects = Objects::new(context.clients())?;
        Some(objects.presign_upload(scope, &file, context.now()).await?.into())
    } else {
        None
    };
    let status = if needed { Status::Needed } else { Status::Present };
    Ok(UploadAnswer { path: file.path, sha256: file.sha256, status, upload })
}

/// A content that is there has one size, whatever the request says.
fn check_sizes(files: &[Upload], contents: &Contents) -> Result<(), Faults> {
    let mut faults = Faults::default();
    for (at, file) in files.iter().enumerate() {
        if let Some(size) = contents.size(file.sha256).filter(|size| *size != file.size) {
            let detail = format!("is not {}, the size of the content with this SHA-256", size.bytes());
            faults.push(format!("/files/{at}/size"), detail);
        }
    }
    faults.into_result()
}
