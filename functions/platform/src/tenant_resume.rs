//! `POST /v1/platform/tenants/{tenant}/resume`: letting a tenant act again.

use axum::extract::{Path, State};
use jiff::SignedDuration;
use rookery_domain::account::Verb;
use rookery_domain::id::TenantId;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Operator, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{PlatformTenant, Why};
use crate::change::{self, Command};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(resume))
}

/// Let a tenant act again that was suspended, or that was closed and is not being erased yet.
#[utoipa::path(
    post,
    path = "/v1/platform/tenants/{tenant}/resume",
    operation_id = "resume_platform_tenant",
    tag = "platform",
    security(("operator" = [])),
    params(("tenant" = TenantId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Why,
    responses(
        (status = 200, description = "The tenant after it.", body = PlatformTenant),
        (status = 409, description = "The tenant's state rules it out, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn resume(
    State(context): State<Context>,
    operator: Operator<right::PlatformTenantResume>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value: Why { reason }, idempotency }: Body<Why>,
) -> Result<Answer, Problem> {
    let command = Command { id: &id, verb: Verb::Resume, reason, grace: SignedDuration::ZERO };
    change::give(&context, &operator, &if_match, idempotency.as_ref(), command).await
}
