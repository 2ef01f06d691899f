//! `POST /v1/apps/{app}/releases/{release}/ramp`: setting the share of devices that a release is offered to.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::permission::right;
use rookery_domain::release::Command;
use rookery_domain::rollout::BasisPoints;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, transition};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(ramp))
}

/// A share.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Ramp {
    /// The new share in basis points, 0 to 10000.
    rollout_bp: BasisPoints,
}

/// Set the share of devices that a release is offered to.
///
/// A share that grows only adds devices. A share that shrinks takes the release from nobody who has it. A paused release stays
/// paused, and has the share when it is resumed.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/releases/{release}/ramp",
    operation_id = "ramp_release",
    tag = "releases",
    params(("app" = AppId, Path), ("release" = ReleaseId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Ramp,
    responses(
        (status = 200, description = "The release after it.", body = body::Release),
        (status = 404, description = "There is no such release.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The release's state rules it out, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The share is out of range.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn ramp(
    State(context): State<Context>,
    scope: Scope<right::ReleaseRamp>,
    Path(place): Path<(String, String)>,
    if_match: IfMatch,
    Body { value, idempotency }: Body<Ramp>,
) -> Result<Answer, Problem> {
    let command = Command::Ramp { rollout_bp: value.rollout_bp };
    transition::change(&context, &scope, &place, &if_match, idempotency.as_ref(), command).await
}
