//! `/v1/apps/{app}/secrets/{secret}`: reading and deleting a secret.

use axum::extract::{Path, State};
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::{AppId, SecretId};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{Transaction, secret};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, delete))
}

/// Read what is known of a secret. Its value never comes back.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/secrets/{secret}",
    operation_id = "read_secret",
    tag = "catalog",
    params(("app" = AppId, Path), ("secret" = SecretId, Path)),
    responses(
        (status = 200, description = "The secret.", body = body::Secret),
        (status = 404, description = "There is no such secret.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::SecretRead>,
    Path(place): Path<(String, String)>,
) -> Result<Answer, Problem> {
    let found = load::secret(&context, &scope.tenant, &place).await?;
    let version = found.version;
    Ok(Answer::ok(&body::Secret::from(found))?.version(version))
}

/// Delete a secret with all of its values.
#[utoipa::path(
    delete,
    path = "/v1/apps/{app}/secrets/{secret}",
    operation_id = "delete_secret",
    tag = "catalog",
    params(("app" = AppId, Path), ("secret" = SecretId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such secret.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::SecretDelete>,
    Path(place): Path<(String, String)>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load::secret(&context, &scope.tenant, &place).await?;
    if_match.check(before.version)?;
    let changed = changes(&body::Secret::from(before.clone()), &serde_json::Value::Null);
    let event = scope.event(&context, Resource::new("secret", before.id), before.version + 1, changed);
    let mut transaction = Transaction::new();
    secret::delete(&mut transaction, &scope.tenant, &before);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
