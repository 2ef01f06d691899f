//! `GET /v1/whoami`: who the caller is.

use axum::extract::State;
use rookery_domain::id::KeyId;
use rookery_domain::key::KeyOwner;
use rookery_edge::{Answer, Caller, Context, Document, Problem, wire};
use rookery_store::{credential, tenant};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(who_am_i))
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    /// The tenant that the caller acts in.
    tenant: wire::Tenant,
    principal: PrincipalBody,
    /// What the caller may do at the most: permissions, or `*` alone for everything.
    scopes: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PrincipalBody {
    /// `api_key`.
    kind: &'static str,
    /// The key's id.
    id: KeyId,
    /// The key's name.
    name: String,
    /// Whose key it is.
    owner_id: KeyOwner,
}

/// Ask who the caller is: tenant, principal, scopes.
#[utoipa::path(
    get,
    path = "/v1/whoami",
    operation_id = "who_am_i",
    tag = "identity",
    responses(
        (status = 200, description = "The caller.", body = WhoAmI),
        (status = 401, description = "No valid credentials.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn who_am_i(State(context): State<Context>, caller: Caller) -> Result<Answer, Problem> {
    let table = context.table()?;
    let tenant = tenant::find(table, &caller.tenant).await?.ok_or(Problem::NotFound("tenant"))?;
    let found = credential::find(table, &caller.tenant, caller.principal.id)
        .await?
        .ok_or(Problem::Unauthenticated)?;
    Answer::ok(&WhoAmI {
        tenant: tenant.into(),
        principal: PrincipalBody {
            kind: "api_key",
            id: caller.principal.id,
            name: found.key.name.to_string(),
            owner_id: caller.principal.owner,
        },
        scopes: caller.principal.scopes.to_strings(),
    })
}
