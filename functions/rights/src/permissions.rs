//! `GET /v1/permissions`: the catalogue of permissions.

use std::fmt::Write as _;

use axum::extract::State;
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::{Predefined, is_for_oneself};
use rookery_edge::{Answer, Context, Page, Params, Problem, Reach};
use rookery_store::Listed;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Something that may be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Permission)]
pub struct Entry {
    /// `resource.action`: what roles, scopes and the audit trail name it by.
    name: Permission,
    /// What it is about.
    resource: &'static str,
    /// What is done with it.
    action: &'static str,
    /// What holding it allows.
    description: &'static str,
    /// The predefined roles that hold it. None holds what belongs to those who operate the platform.
    roles: Vec<&'static str>,
}

impl From<Permission> for Entry {
    fn from(permission: Permission) -> Self {
        let (resource, action) = permission.parts();
        Self {
            name: permission,
            resource,
            action,
            description: permission.describe(),
            roles: holders(permission).map(Predefined::as_str).collect(),
        }
    }
}

fn holders(permission: Permission) -> impl Iterator<Item = Predefined> {
    Predefined::ALL.into_iter().filter(move |role| role.holds(permission))
}

/// List the catalogue of permissions, in its own order.
#[utoipa::path(
    get,
    path = "/v1/permissions",
    operation_id = "list_permissions",
    tag = "rights",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of the catalogue.", body = Page<Entry>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::PermissionList>,
    params: Params,
) -> Result<Answer, Problem> {
    let _ = context;
    let (slice, paging) = params.paging(&reach.tenant)?;
    let after = slice.after.map(|name| Permission::ALL.iter().position(|known| known.as_str() == name));
    let first = match after {
        None => 0,
        Some(Some(at)) => at + 1,
        Some(None) => return Err(Params::foreign_cursor()),
    };
    let limit = usize::try_from(slice.limit).map_err(Problem::internal)?;
    let items: Vec<Permission> = Permission::ALL.iter().skip(first).take(limit).copied().collect();
    let more = Permission::ALL.len() > first + items.len();
    let next = items.last().filter(|_| more).map(ToString::to_string);
    Answer::ok(&paging.page(Listed { items, next }, Entry::from))
}

/// The catalogue and the predefined roles as a page of the documentation.
pub fn document() -> String {
    let mut text = String::from(
        "# Permissions\n\nGenerated from the code: `UPDATE_DOCS=1 cargo nextest run --workspace --test stories openapi::`. \
         What roles, bindings and keys are is in [ACCESS.md](ACCESS.md).\n\n## Predefined roles\n\n\
         | role | what for | permissions |\n| --- | --- | --- |\n",
    );
    for role in Predefined::ALL {
        let _ =
            writeln!(text, "| `{}` | {} | {} |", role.as_str(), role.describe(), role.permissions().len());
    }
    text.push_str(
        "\nEverybody may do with their own keys what begins with `api_key.`, and read their own record (∘). What begins \
         with `platform_` is for those who operate the platform; no role of a tenant can hold it.\n\n## Catalogue\n\n",
    );
    let names: Vec<String> = Predefined::ALL.iter().map(|role| format!("`{}`", role.as_str())).collect();
    let _ = writeln!(text, "| permission | what it allows | own | {} |", names.join(" | "));
    let _ = writeln!(text, "| --- | --- | --- |{}", " --- |".repeat(names.len()));
    for permission in Permission::ALL {
        let own = if is_for_oneself(*permission) { "∘" } else { "" };
        let held = Predefined::ALL.map(|role| if role.holds(*permission) { "●" } else { "" });
        let _ =
            writeln!(text, "| `{permission}` | {} | {own} | {} |", permission.describe(), held.join(" | "));
    }
    text
}
