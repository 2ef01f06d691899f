//! Loading what a route works on, within the caller's tenant.

use rookery_domain::id::{AppId, SecretId};
use rookery_domain::secret::Secret;
use rookery_edge::{Context, Problem};
use rookery_store::{TenantScope, app, secret};

/// Loads an application, or answers that there is none.
pub(crate) async fn app(context: &Context, scope: &TenantScope, id: &str) -> Result<app::Found, Problem> {
    let id: AppId = id.parse()?;
    app::find(context.table()?, scope, id).await?.ok_or(Problem::NotFound("app"))
}

/// Loads a secret of an application, or answers that there is none.
pub(crate) async fn secret(
    context: &Context,
    scope: &TenantScope,
    (app, id): &(String, String),
) -> Result<Secret, Problem> {
    let (app, id): (AppId, SecretId) = (app.parse()?, id.parse()?);
    secret::find(context.table()?, scope, app, id).await?.ok_or(Problem::NotFound("secret"))
}
