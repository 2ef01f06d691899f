//! `GET /v1/quotas`: what the tenant and its workspaces may have, and have.

use std::collections::BTreeMap;

use axum::extract::State;
use rookery_domain::id::WorkspaceId;
use rookery_domain::permission::right;
use rookery_domain::quota::{Holder, Quota, Standing};
use rookery_domain::text::Name;
use rookery_domain::usage::Meter;
use rookery_edge::{Answer, Context, Page, Params, Problem, Scope};
use rookery_store::{quota, usage, workspace};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read))
}

/// How the quotas of a tenant and of a page of its workspaces stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quotas {
    /// Of the tenant as a whole.
    tenant: BTreeMap<Quota, Figures>,
    /// Of its workspaces, newest first.
    #[serde(flatten)]
    workspaces: Page<OfWorkspace>,
}

/// How the quotas of a workspace stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkspaceQuotas)]
pub struct OfWorkspace {
    workspace_id: WorkspaceId,
    name: Name,
    /// Without a limit of its own, a workspace is held by the tenant's alone.
    quotas: BTreeMap<Quota, Figures>,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = QuotaFigures)]
pub struct Figures {
    /// How much there may be.
    limit: Option<u64>,
    /// How much there is. After a limit was lowered it may be more.
    used: u64,
}

impl From<Standing> for Figures {
    fn from(Standing { limit, used }: Standing) -> Self {
        Self { limit, used }
    }
}

/// Read what the tenant and its workspaces may have, and have.
///
/// A creation that a quota does not hold is refused with the problem `quota-exceeded`. Devices are answered whatever the count of
/// `monthly_checks`; while it is over its limit, no further application is made. It is counted by the month in UTC, and may lack
/// the last few seconds.
#[utoipa::path(
    get,
    path = "/v1/quotas",
    operation_id = "read_quotas",
    tag = "tenancy",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "The quotas of the tenant, and of a page of workspaces.", body = Quotas))
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::QuotaRead>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let table = context.table()?;
    let listed = workspace::list(table, &scope.tenant, slice).await?;
    let holders: Vec<Holder> = std::iter::once(Holder::Tenant)
        .chain(listed.items.iter().map(|workspace| Holder::Workspace(workspace.id)))
        .collect();
    let mut standings: BTreeMap<Holder, BTreeMap<Quota, Figures>> = BTreeMap::new();
    for (holder, quota, standing) in quota::list(table, &scope.tenant, &holders).await? {
        standings.entry(holder).or_default().insert(quota, standing.into());
    }
    let mut tenant = standings.remove(&Holder::Tenant).unwrap_or_default();
    if let Some(checks) = tenant.get_mut(&Quota::MonthlyChecks) {
        checks.used = usage::of_month(table, &scope.tenant, Meter::UpdateChecks, context.now()).await?;
    }
    let workspaces = paging.page(listed, |workspace| OfWorkspace {
        workspace_id: workspace.id,
        quotas: standings.get(&Holder::Workspace(workspace.id)).cloned().unwrap_or_default(),
        name: workspace.name,
    });
    Answer::ok(&Quotas { tenant, workspaces })
}
