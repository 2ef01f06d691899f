//! `GET /v1/apps/{app}/releases/{release}`: where a release stands and how it fares.

use axum::extract::{Path, State};
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Document, Problem, Scope};
use rookery_store::release;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{Failure, ReleaseWithAdoption};
use crate::load;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Read a release: its state, its history, and what devices reported of it.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/releases/{release}",
    operation_id = "read_release",
    tag = "releases",
    params(("app" = AppId, Path), ("release" = ReleaseId, Path)),
    responses(
        (status = 200, description = "The release.", body = ReleaseWithAdoption),
        (status = 404, description = "There is no such release.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::ReleaseRead>,
    Path(place): Path<(String, String)>,
) -> Result<Answer, Problem> {
    let found = load::release(&context, &scope.tenant, &place).await?;
    let table = context.table()?;
    let (adoption, failures) = tokio::try_join!(
        release::adoption(table, &scope.tenant, found.id),
        release::failures(table, &scope.tenant, found.id),
    )?;
    let failures = failures.into_iter().map(|(reason, count)| Failure { reason, count }).collect();
    let version = found.version;
    let body = ReleaseWithAdoption { release: found.into(), adoption, failures };
    Ok(Answer::ok(&body)?.version(version))
}
