//! `/v1/apps/{app}/channels`: listing and creating the channels of an app.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::channel::{Channel, ChannelError, ChannelName};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::AppId;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope};
use rookery_store::{Transaction, channel, serving};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A channel to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewChannel {
    name: ChannelName,
}

/// List the channels of an app by name.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/channels",
    operation_id = "list_channels",
    tag = "releases",
    params(("app" = AppId, Path), ("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page of channels.", body = Page<body::Channel>),
        (status = 404, description = "There is no such app.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::ChannelList>,
    Path(app): Path<String>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let app = load::app(&context, &scope.tenant, &app).await?;
    let listed = channel::list(context.table()?, &scope.tenant, app.id, slice).await?;
    Answer::ok(&paging.page(listed, body::Channel::from))
}

/// Create a channel, which offers nothing yet. Every app has the channel `production`.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/channels",
    operation_id = "create_channel",
    tag = "releases",
    params(("app" = AppId, Path)),
    request_body = NewChannel,
    responses(
        (status = 201, description = "Created.", body = body::Channel),
        (status = 404, description = "There is no such app.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The app has it, or has as many as it may.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::ChannelCreate>,
    Path(app): Path<String>,
    Body { value, idempotency }: Body<NewChannel>,
) -> Result<Answer, Problem> {
    rookery_edge::deciding(|| async {
        let app = load::app(&context, &scope.tenant, &app).await?;
        let before = serving::channels(context.table()?, &app).await?.ok_or(Problem::NotFound("app"))?;
        let after = before.with_channel(value.name.clone()).map_err(refused)?;
        let made = Channel::new(scope.tenant.tenant(), app.id, value.name.clone(), context.now());

        let mut transaction = Transaction::new();
        channel::create(&mut transaction, &scope.tenant, &app, &made, (&before, &after))?;
        // A channel has no id of its own; within the tenant's history it is named by its app and its name.
        let id = format!("{}/{}", app.id, made.name);
        let body = body::Channel::from(made);
        let changed = changes(&Value::Null, &body);
        let event = scope.event(&context, Resource::new("channel", &id), body.version, changed);
        transaction.event(&scope.tenant, &event)?;

        let answer = Answer::created(format!("/v1/apps/{}/channels", app.id), &body)?;
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}

fn refused(error: ChannelError) -> Problem {
    let code = match error {
        ChannelError::Taken => "already-exists",
        ChannelError::TooMany => "too-many-channels",
    };
    Problem::conflict(code, error.to_string())
}
