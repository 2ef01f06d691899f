//! `POST /v1/apps/{app}/releases/{release}/pause`: withholding a release from further devices.

use axum::extract::{Path, State};
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::permission::right;
use rookery_domain::release::Command;
use rookery_edge::{Answer, Body, Context, Document, Empty, IfMatch, Problem, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, transition};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(pause))
}

/// Pause a release: it is offered to nobody new, and whoever has it keeps it.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/releases/{release}/pause",
    operation_id = "pause_release",
    tag = "releases",
    params(("app" = AppId, Path), ("release" = ReleaseId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 200, description = "The release after it.", body = body::Release),
        (status = 404, description = "There is no such release.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The release's state rules it out, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn pause(
    State(context): State<Context>,
    scope: Scope<right::ReleasePause>,
    Path(place): Path<(String, String)>,
    if_match: IfMatch,
    Body { value: Empty {}, idempotency }: Body<Empty>,
) -> Result<Answer, Problem> {
    transition::change(&context, &scope, &place, &if_match, idempotency.as_ref(), Command::Pause).await
}
