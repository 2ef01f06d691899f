//! `/v1/api-keys/{key}`: reading and revoking an API key.

use axum::extract::{Path, State};
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::KeyId;
use rookery_domain::permission::right;
use rookery_domain::quota::Quota;
use rookery_edge::{Answer, Context, Document, IfMatch, Problem, Scope, wire};
use rookery_store::{Transaction, credential, quota};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, revoke))
}

/// Read an API key. Its secret is not part of it.
#[utoipa::path(
    get,
    path = "/v1/api-keys/{key}",
    operation_id = "read_api_key",
    tag = "identity",
    params(("key" = KeyId, Path)),
    responses(
        (status = 200, description = "The key.", body = wire::ApiKey),
        (status = 404, description = "There is no such key.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::ApiKeyRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = credential::find(context.table()?, &scope.tenant, id.parse()?).await?;
    let key = found.ok_or(Problem::NotFound("API key"))?.key;
    let version = key.version;
    Ok(Answer::ok(&wire::ApiKey::from(key))?.version(version))
}

/// Revoke an API key. It is refused everywhere within 60 seconds; its record stays for the audit trail.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{key}",
    operation_id = "revoke_api_key",
    tag = "identity",
    params(("key" = KeyId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Revoked, now or before."),
        (status = 404, description = "There is no such key.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn revoke(
    State(context): State<Context>,
    scope: Scope<right::ApiKeyRevoke>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let found = credential::find(context.table()?, &scope.tenant, id.parse()?).await?;
    let before = found.ok_or(Problem::NotFound("API key"))?;
    if_match.check(before.key.version)?;
    if before.key.revoked_at.is_some() {
        return Ok(Answer::no_content());
    }
    let after = before.key.revoked(context.now());

    let changed = changes(&wire::ApiKey::from(before.key.clone()), &wire::ApiKey::from(after.clone()));
    let event = scope.event(&context, Resource::new("api_key", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    credential::replace(&mut transaction, &scope.tenant, &before, &after)?;
    quota::give_back(&mut transaction, &scope.tenant, scope.place(), Quota::Keys, 1);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
