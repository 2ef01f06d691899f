//! `/v1/tenant/settings`: the settings of the caller's tenant by themselves. They are a part of the tenant, and have its version.

use axum::extract::State;
use rookery_domain::permission::right;
use rookery_domain::tenant::{Tenant, TenantSettings};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant::{TenantSettingsPatch, change, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, update))
}

fn answered(tenant: &Tenant) -> Result<Answer, Problem> {
    Ok(Answer::ok(&tenant.settings)?.version(tenant.version))
}

/// Read the settings of the caller's tenant.
#[utoipa::path(
    get,
    path = "/v1/tenant/settings",
    operation_id = "read_tenant_settings",
    tag = "tenancy",
    responses((status = 200, description = "The settings.", body = TenantSettings, headers(("ETag" = String, description = "The version of the tenant, for `If-Match`."))))
)]
async fn read(State(context): State<Context>, scope: Scope<right::TenantRead>) -> Result<Answer, Problem> {
    answered(&load(&context, &scope.tenant).await?)
}

/// Change the settings of the caller's tenant.
///
/// A second factor is asked for when people log in; requests with API keys are not concerned.
#[utoipa::path(
    patch,
    path = "/v1/tenant/settings",
    operation_id = "update_tenant_settings",
    tag = "tenancy",
    params(("If-Match" = Option<String>, Header)),
    request_body = TenantSettingsPatch,
    responses(
        (status = 200, description = "The settings as they are now.", body = TenantSettings, headers(("ETag" = String, description = "The version of the tenant, for `If-Match`."))),
        (status = 412, description = "The tenant has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(context): State<Context>,
    scope: Scope<right::TenantUpdate>,
    if_match: IfMatch,
    Body { value, .. }: Body<TenantSettingsPatch>,
) -> Result<Answer, Problem> {
    change(&context, &scope, if_match, value.check()?, |tenant| answered(&tenant)).await
}
