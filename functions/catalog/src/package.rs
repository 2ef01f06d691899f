//! `GET /v1/apps/{app}/packages/{package}`: reading a package.

use axum::extract::{Path, State};
use rookery_domain::id::{AppId, PackageId};
use rookery_domain::package::Manifest;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Document, Problem, Scope};
use rookery_store::package;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Read a package with its files.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/packages/{package}",
    operation_id = "read_package",
    tag = "catalog",
    params(("app" = AppId, Path), ("package" = PackageId, Path)),
    responses(
        (status = 200, description = "The package.", body = body::PackageWithFiles),
        (status = 404, description = "There is no such package.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::PackageRead>,
    Path((app, id)): Path<(String, String)>,
) -> Result<Answer, Problem> {
    let (table, app, id) = (context.table()?, app.parse()?, id.parse()?);
    let (package, manifest) = tokio::try_join!(
        package::find(table, &scope.tenant, app, id),
        package::manifest(table, &scope.tenant, app, id)
    )?;
    let package = package.ok_or(Problem::NotFound("package"))?;
    let manifest = manifest.ok_or_else(|| Problem::internal(format!("{id} has no manifest")))?;
    let files = Manifest::parse(&manifest).map_err(Problem::internal)?.files().to_vec();
    Ok(Answer::ok(&body::PackageWithFiles { package: package.into(), files })?.version(1))
}
