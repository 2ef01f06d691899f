//! `/v1/apps/{app}/secrets`: listing and creating secrets.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::AppId;
use rookery_domain::permission::right;
use rookery_domain::secret::{Secret, SecretName, SecretValue};
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope};
use rookery_store::{Transaction, secret};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// Largest body in bytes: JSON may write each byte of a value as an escape of six characters.
pub(crate) const BODY: usize = 6 * 65_536 + 1024;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A secret to be kept.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewSecret {
    name: SecretName,
    value: SecretValue,
}

/// List an application's secrets, newest first, without their values.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/secrets",
    operation_id = "list_secrets",
    tag = "catalog",
    params(("app" = AppId, Path), ("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page of secrets.", body = Page<body::Secret>),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::SecretList>,
    Path(app): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let app = load::app(&context, &scope.tenant, &app).await?.app;
    let listed = secret::list(context.table()?, &scope.tenant, app.id, slice).await?;
    Answer::ok(&paging.page(listed, body::Secret::from))
}

/// Keep a secret. Its value never comes back.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/secrets",
    operation_id = "create_secret",
    tag = "catalog",
    params(("app" = AppId, Path)),
    request_body = NewSecret,
    responses(
        (status = 201, description = "Created.", body = body::Secret),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The application has a secret of this name.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::SecretCreate>,
    Path(app): Path<String>,
    Body { value, idempotency }: Body<NewSecret, BODY>,
) -> Result<Answer, Problem> {
    let app = load::app(&context, &scope.tenant, &app).await?.app;
    let made = Secret::new(context.new_id(), app.id, value.name, context.now());
    let sealed = secret::seal(&context.sealer(), &scope.tenant, &made, value.value.reveal()).await?;

    let body = body::Secret::from(made.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("secret", made.id), made.version, changed);
    let mut transaction = Transaction::new();
    secret::create(&mut transaction, &scope.tenant, &made, sealed)?;
    transaction.event(&scope.tenant, &event)?;
    let location = format!("/v1/apps/{}/secrets/{}", app.id, made.id);
    let answer = Answer::created(location, &body)?.version(made.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}
