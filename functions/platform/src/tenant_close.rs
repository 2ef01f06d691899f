//! `POST /v1/platform/tenants/{tenant}/close`: closing a tenant.

use axum::extract::{Path, State};
use jiff::SignedDuration;
use rookery_domain::account::Verb;
use rookery_domain::id::TenantId;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Operator, Problem};
use rookery_store::Variable;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{PlatformTenant, Why};
use crate::change::{self, Command};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(close))
}

/// Close a tenant: everything of it stops, and once the time of grace is over it is erased for good.
///
/// Until `erase_after` it can be resumed. Its devices keep what they were last offered until then.
#[utoipa::path(
    post,
    path = "/v1/platform/tenants/{tenant}/close",
    operation_id = "close_platform_tenant",
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
async fn close(
    State(context): State<Context>,
    operator: Operator<right::PlatformTenantClose>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value: Why { reason }, idempotency }: Body<Why>,
) -> Result<Answer, Problem> {
    let command = Command { id: &id, verb: Verb::Close, reason, grace: grace(&context)? };
    change::give(&context, &operator, &if_match, idempotency.as_ref(), command).await
}

/// How long a closed tenant is kept.
fn grace(context: &Context) -> Result<SignedDuration, Problem> {
    let days: i64 =
        context.settings().needed(Variable::TenantGraceDays)?.parse().map_err(Problem::internal)?;
    Ok(SignedDuration::from_hours(24 * days.clamp(0, 36_500)))
}
