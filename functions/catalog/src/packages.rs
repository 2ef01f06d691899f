//! `/v1/apps/{app}/packages`: listing packages, and making one of uploaded files.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::hash::Sha256;
use rookery_domain::id::AppId;
use rookery_domain::package::{self, FilePath, Manifest, ManifestFile, Package, PackageVersion, Split};
use rookery_domain::permission::right;
use rookery_domain::properties::Metadata;
use rookery_domain::quota::Quota;
use rookery_domain::usage::Meter;
use rookery_edge::{Answer, Body, Context, Document, Idempotency, Page, Params, Problem, Scope, deciding};
use rookery_store::app::Found;
use rookery_store::{Refusal, Transaction, file, package as store, quota, signing};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::contents::{self, Contents};
use crate::{body, load};

/// Largest body in bytes.
const BODY: usize = 1_048_576;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A package to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPackage {
    version: PackageVersion,
    /// The file to start with, one of `files`.
    index: FilePath,
    /// 1 to 2000 files, no two with one path.
    files: Vec<NewFile>,
    /// Anything that the package says of itself, up to 16 KiB of JSON. It is part of what is signed.
    #[deserr(default)]
    metadata: Metadata,
}

#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct NewFile {
    path: FilePath,
    sha256: Sha256,
    #[deserr(default)]
    split: Split,
}

impl NewPackage {
    fn check(&self) -> Result<(), Problem> {
        let listed: Vec<_> = self.files.iter().map(|file| (&file.path, file.split)).collect();
        package::check(&self.index, &listed).map_err(Problem::Invalid)
    }

    /// The manifest of the package, or where a file is missing.
    fn manifest(self, app: AppId, contents: &Contents) -> Result<Manifest, Problem> {
        let mut faults = Faults::default();
        let mut files = Vec::with_capacity(self.files.len());
        for (at, NewFile { path, sha256, split }) in self.files.into_iter().enumerate() {
            match contents.size(sha256) {
                Some(size) => files.push(ManifestFile { path, sha256, size, split }),
                None => faults.push(format!("/files/{at}"), "has not been uploaded"),
            }
        }
        faults.into_result().map_err(contents::missing)?;
        Manifest::new(app, self.version, self.index, files, self.metadata).map_err(Problem::Invalid)
    }
}

/// List an application's packages, newest first.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/packages",
    operation_id = "list_packages",
    tag = "catalog",
    params(("app" = AppId, Path), ("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page of packages, without their files.", body = Page<body::Package>),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::PackageList>,
    Path(app): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let app = load::app(&context, &scope.tenant, &app).await?.app;
    let listed = store::list(context.table()?, &scope.tenant, app.id, slice).await?;
    Answer::ok(&paging.page(listed, body::Package::from))
}

/// Make a package of uploaded files.
///
/// It is accepted only when the object store itself confirms the checksum of every file. Its manifest in canonical form (RFC
/// 8785) is signed with the application's key; the SHA-256 of the manifest is the package's identity. A package never changes.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/packages",
    operation_id = "create_package",
    tag = "catalog",
    params(("app" = AppId, Path)),
    request_body = NewPackage,
    responses(
        (status = 201, description = "Created.", body = body::Package),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The application has a package of this version, or files have not been uploaded: `errors` names them.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid, or the quota of stored bytes used up.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::PackageCreate>,
    Path(app): Path<String>,
    Body { value, idempotency }: Body<NewPackage, BODY>,
) -> Result<Answer, Problem> {
    let found = load::app(&context, &scope.tenant, &app).await?;
    value.check()?;
    // The commit is what makes sure; this keeps files of a package that cannot be from being accepted.
    if store::version_taken(context.table()?, &scope.tenant, found.app.id, &value.version).await? {
        return context.refuse(idempotency.as_ref(), Refusal::Taken("version")).await;
    }
    let wanted = value.files.iter().map(|file| file.sha256).collect();
    let contents = Contents::find(&context, &scope.tenant, wanted).await?;
    let manifest = value.manifest(found.app.id, &contents)?;
    let package = sign(&context, &scope, &found, &manifest).await?;
    contents.keep(&context, &scope.tenant).await?;
    deciding(|| publish(&context, &scope, &package, &manifest, &contents, idempotency.as_ref())).await
}

/// The package of a manifest, signed with the newest key of the application.
async fn sign(
    context: &Context,
    scope: &Scope<right::PackageCreate>,
    found: &Found,
    manifest: &Manifest,
) -> Result<Package, Problem> {
    let key = found.signing_keys.first().ok_or_else(|| Problem::internal("the app has no signing key"))?;
    let signature =
        signing::sign(&context.sealer(), &scope.tenant, found.app.id, key, manifest.bytes()).await?;
    Ok(Package::new(context.new_id(), &found.app, manifest, signature, context.now(), scope.actor()))
}

/// Writes a package with the records of its new files, whose bytes are counted with the same write.
async fn publish(
    context: &Context,
    scope: &Scope<right::PackageCreate>,
    package: &Package,
    manifest: &Manifest,
    contents: &Contents,
    idempotency: Option<&Idempotency>,
) -> Result<Answer, Problem> {
    let fresh = contents.fresh(context, &scope.tenant).await?;
    // What the commit decides; this keeps files of a package that the quota does not hold from being accepted.
    let needed = contents::bytes(&fresh);
    if let Some(exceeded) =
        quota::lacks(context.table()?, &scope.tenant, scope.place(), Quota::StoredBytes, needed).await?
    {
        return Err(Problem::QuotaExceeded(exceeded));
    }
    let (ahead, fresh) = fresh.split_at(fresh.len().saturating_sub(contents::WITH_PACKAGE));
    contents::accept(context, scope, ahead).await?;

    let body = body::Package::from(package.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let mut event = scope.event(context, Resource::new("package", package.id), 1, changed);
    if !fresh.is_empty() {
        event.measures.insert(Meter::StoredBytes, contents::bytes(fresh));
    }
    let mut transaction = Transaction::new();
    if !fresh.is_empty() {
        let bytes = contents::bytes(fresh);
        quota::take(&mut transaction, &scope.tenant, scope.place(), Quota::StoredBytes, bytes);
    }
    store::create(&mut transaction, &scope.tenant, package, manifest)?;
    for (sha256, size) in fresh {
        file::create(&mut transaction, &scope.tenant, *sha256, *size, package.created_at)?;
    }
    transaction.event(&scope.tenant, &event)?;
    let location = format!("/v1/apps/{}/packages/{}", package.app, package.id);
    let answer = Answer::created(location, &body)?.version(1);
    context.commit(&scope.tenant, idempotency, transaction, answer).await
}
