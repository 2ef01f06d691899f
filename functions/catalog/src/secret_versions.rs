//! `/v1/apps/{app}/secrets/{secret}/versions`: the values that a secret had, and giving it another.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{AppId, SecretId};
use rookery_domain::permission::right;
use rookery_domain::secret::{SecretValue, SecretVersion};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Page, Params, Problem, Scope};
use rookery_store::{Transaction, secret};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::secrets::BODY;
use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, rotate))
}

/// Another value of a secret.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewVersion {
    value: SecretValue,
}

/// List the versions of a secret that are kept, newest first, without their values. The last 50 are.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/secrets/{secret}/versions",
    operation_id = "list_secret_versions",
    tag = "catalog",
    params(("app" = AppId, Path), ("secret" = SecretId, Path), ("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page of versions.", body = Page<body::SecretVersion>),
        (status = 404, description = "There is no such secret.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::SecretRead>,
    Path(place): Path<(String, String)>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let found = load::secret(&context, &scope.tenant, &place).await?;
    let listed = secret::versions(context.table()?, &scope.tenant, found.id, slice).await?;
    Answer::ok(&paging.page(listed, |version| body::SecretVersion::of(&version, found.current)))
}

/// Give a secret another value. What it had before is kept, sealed, as an earlier version.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/secrets/{secret}/versions",
    operation_id = "rotate_secret",
    tag = "catalog",
    params(("app" = AppId, Path), ("secret" = SecretId, Path), ("If-Match" = Option<String>, Header)),
    request_body = NewVersion,
    responses(
        (status = 201, description = "The new version.", body = body::SecretVersion, headers(("ETag" = String, description = "The version of the secret, for `If-Match`."))),
        (status = 404, description = "There is no such secret.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rotate(
    State(context): State<Context>,
    scope: Scope<right::SecretRotate>,
    Path(place): Path<(String, String)>,
    if_match: IfMatch,
    Body { value, idempotency }: Body<NewVersion, BODY>,
) -> Result<Answer, Problem> {
    let before = load::secret(&context, &scope.tenant, &place).await?;
    if_match.check(before.version)?;
    let after = before.rotated(context.now());
    let sealed = secret::seal(&context.sealer(), &scope.tenant, &after, value.value.reveal()).await?;

    let changed = changes(&body::Secret::from(before.clone()), &body::Secret::from(after.clone()));
    let event = scope.event(&context, Resource::new("secret", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    secret::rotate(&mut transaction, &scope.tenant, &before, &after, sealed)?;
    transaction.event(&scope.tenant, &event)?;
    let version = SecretVersion { secret: after.id, number: after.current, created_at: after.rotated_at };
    let location = format!("/v1/apps/{}/secrets/{}", after.app, after.id);
    let answer = Answer::created(location, &body::SecretVersion::of(&version, after.current))?;
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer.version(after.version)).await
}
