//! `/v1/platform/tenants/{tenant}`: reading a tenant, and setting its plan and quotas.

use axum::extract::{Path, State};
use rookery_domain::account::Account;
use rookery_domain::event::{ACCOUNT, Resource, changes};
use rookery_domain::id::TenantId;
use rookery_domain::permission::right;
use rookery_domain::quota::Holder;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Operator, Problem};
use rookery_store::{Transaction, account, quota};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{PlatformTenant, PlatformTenantPatch, PlatformTenantWithQuotas, QuotaOfTenant};
use crate::change;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, update))
}

async fn with_quotas(context: &Context, account: Account) -> Result<PlatformTenantWithQuotas, Problem> {
    let (table, scope) = (context.table()?, account::scope(&account));
    let own = quota::own_limits(table, &scope).await?;
    let mut quotas: Vec<QuotaOfTenant> = quota::list(table, &scope, &[Holder::Tenant])
        .await?
        .into_iter()
        .map(|(_, name, standing)| {
            let own = own.contains(&name);
            QuotaOfTenant { name, limit: standing.limit, used: standing.used, own }
        })
        .collect();
    quotas.sort_by_key(|quota| quota.name);
    Ok(PlatformTenantWithQuotas { tenant: account.into(), quotas })
}

/// The limits, as changes name them.
fn limits(body: &PlatformTenantWithQuotas) -> Value {
    let limits = body.quotas.iter().map(|quota| (format!("quota.{}", quota.name), json!(quota.limit)));
    Value::Object(limits.chain([("plan".to_owned(), json!(body.tenant.plan))]).collect::<Map<_, _>>())
}

/// Read a tenant of the platform, with its quotas.
#[utoipa::path(
    get,
    path = "/v1/platform/tenants/{tenant}",
    operation_id = "read_platform_tenant",
    tag = "platform",
    security(("operator" = [])),
    params(("tenant" = TenantId, Path)),
    responses((status = 200, description = "The tenant.", body = PlatformTenantWithQuotas))
)]
async fn read(
    State(context): State<Context>,
    _: Operator<right::PlatformTenantRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = change::load(&context, &id).await?;
    let version = found.version;
    Ok(Answer::ok(&with_quotas(&context, found).await?)?.version(version))
}

/// Set the plan of a tenant, and limits of its own.
///
/// A limit below what is used takes nothing away; it only lets nothing be added.
#[utoipa::path(
    patch,
    path = "/v1/platform/tenants/{tenant}",
    operation_id = "update_platform_tenant",
    tag = "platform",
    security(("operator" = [])),
    params(("tenant" = TenantId, Path), ("If-Match" = Option<String>, Header)),
    request_body = PlatformTenantPatch,
    responses(
        (status = 200, description = "The tenant as it is now.", body = PlatformTenantWithQuotas),
        (status = 409, description = "It is being erased, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(context): State<Context>,
    operator: Operator<right::PlatformTenantUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<PlatformTenantPatch>,
) -> Result<Answer, Problem> {
    let before = change::load(&context, &id).await?;
    if_match.check(before.version)?;
    let after = before.planned(value.plan.unwrap_or(before.plan), context.now()).map_err(change::refused)?;
    let own = value.quotas.unwrap_or_default().into_map();

    let table = context.table()?;
    let scope = account::scope(&after);
    let was = limits(&with_quotas(&context, before.clone()).await?);
    let mut transaction = Transaction::new();
    account::replace(&mut transaction, &before, &after)?;
    let set = quota::adjust(table, &mut transaction, &scope, after.plan, &own).await?;
    let is: Map<String, Value> = set
        .into_iter()
        .map(|(quota, limit)| (format!("quota.{quota}"), json!(limit)))
        .chain([("plan".to_owned(), json!(after.plan))])
        .collect();
    let mut changed = changes(&was, &Value::Object(is));
    changed.push(change::why(&value.reason));
    let resource = Resource::new(ACCOUNT, after.id);
    let event = operator.event(&context, after.id, resource, after.version, changed);
    transaction.event(&scope, &event)?;
    context.carry_out(&scope, &transaction).await?;
    let body: PlatformTenant = after.clone().into();
    Ok(Answer::ok(&with_quotas(&context, after).await?)?.version(body.version))
}
