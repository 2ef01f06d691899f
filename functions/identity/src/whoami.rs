//! `GET /v1/whoami`: who the caller is.

use axum::extract::State;
use jiff::Timestamp;
use rookery_domain::id::{SessionId, UserId};
use rookery_domain::key::KeyOwner;
use rookery_edge::{Answer, Caller, Context, Document, Principal, Problem, wire};
use rookery_store::tenant;
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
    /// `api_key`, or `user` for a person who has logged in.
    kind: &'static str,
    /// The id of the key, or of the person.
    id: String,
    /// The name of the key, or of the person.
    name: String,
    /// Whose key it is; a person by itself.
    owner_id: KeyOwner,
    /// The session, of a person who has logged in.
    session_id: Option<SessionId>,
    /// Who acts in the person's place.
    impersonator_id: Option<UserId>,
    /// When the person last used a second factor.
    second_factor_at: Option<Timestamp>,
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
    let principal = &caller.principal;
    let (tenant, kind, name, second_factor_at) = match principal {
        Principal::Key(key) => {
            let (tenant, found) = tenant::find_with_key(table, &caller.tenant, key.id).await?;
            (tenant, "api_key", found.ok_or(Problem::Unauthenticated)?.name, None)
        }
        Principal::Person(person) => {
            let (tenant, found) = tenant::find_with_user(table, &caller.tenant, person.id).await?;
            (tenant, "user", found.ok_or(Problem::Unauthenticated)?.name, person.second_factor_at)
        }
    };
    let tenant = tenant.ok_or(Problem::NotFound("tenant"))?;
    Answer::ok(&WhoAmI {
        tenant: tenant.into(),
        principal: PrincipalBody {
            kind,
            id: principal.id().to_string(),
            name: name.to_string(),
            owner_id: principal.owner(),
            session_id: principal.session(),
            impersonator_id: principal.impersonator(),
            second_factor_at,
        },
        scopes: principal.limits().scopes.to_strings(),
    })
}
