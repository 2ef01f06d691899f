//! `POST /v1/device/{app_key}/reports`: what became of releases on devices.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::{IntoResponse, Response};
use deserr::Deserr;
use rookery_domain::app::AppKey;
use rookery_domain::channel::ServedApp;
use rookery_domain::fault::Faults;
use rookery_domain::report::{self, Delivery, Report};
use rookery_domain::usage::Meter;
use rookery_edge::{Answer, Context, Document, Json, Problem, RequestFacts};
use rookery_store::{Variable, queue, serving};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::shelf::{Good, Shelf};
use crate::{kept_for, unknown};

/// Most bytes of a call: a hundred reports, however their texts are escaped.
const BODY_BYTES: usize = 256 * 1024;

/// Most bytes of known apps that are kept in memory.
const APP_BYTES: usize = 1 << 20;

type Memory = Shelf<AppKey, Arc<ServedApp>>;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    let memory = Memory::new(APP_BYTES, |app| 256 + 96 * app.channels.len());
    OpenApiRouter::new().routes(routes!(report)).layer(Extension(Arc::new(memory)))
}

/// What devices tell.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Reports {
    /// 1 to 100 reports, of one device or of many.
    reports: Vec<Report>,
}

/// How many reports were taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    accepted: usize,
}

/// Report what became of releases on devices. Each event counts once per device and release, however often it is reported, so
/// a call may be sent again without an idempotency key.
#[utoipa::path(
    post,
    path = "/v1/device/{app_key}/reports",
    operation_id = "report",
    tag = "devices",
    security(()),
    params(("app_key" = AppKey, Path)),
    request_body = Reports,
    responses(
        (status = 202, description = "Taken; they are counted within seconds.", body = Accepted),
        (status = 404, description = "There is no such app. The body is empty."),
        (status = 422, description = "The input is invalid. Nothing of it was taken.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The reports cannot be taken now.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn report(
    State(context): State<Context>,
    Extension(memory): Extension<Arc<Memory>>,
    Path(app_key): Path<String>,
    facts: RequestFacts,
    request: Request,
) -> Result<Response, Problem> {
    let Ok(app_key) = app_key.parse() else { return Ok(unknown()) };
    let Some(app) = known(&context, &memory, app_key).await? else { return Ok(unknown()) };
    // Read by hand, because an app that does not exist is answered first, with an empty body. Counting reports twice changes
    // nothing, so an idempotency key needs no notice.
    let Json(Reports { reports }) = Json::<Reports, BODY_BYTES>::from_request(request, &context).await?;
    Ok(take(&context, &app, facts, reports).await?.into_response())
}

async fn known(
    context: &Context,
    memory: &Memory,
    app_key: AppKey,
) -> Result<Option<Arc<ServedApp>>, Problem> {
    let load = async { Ok(serving::glance_app(context.table()?, app_key).await?.map(Arc::new)) };
    memory.get(&app_key, Good::For(kept_for(context)), context.now(), load).await
}

async fn take(
    context: &Context,
    app: &ServedApp,
    facts: RequestFacts,
    reports: Vec<Report>,
) -> Result<Answer, Problem> {
    let now = context.now();
    report::check(&reports, now).map_err(Problem::Invalid)?;
    let accepted = reports.len();
    let delivery = Delivery {
        tenant: app.tenant,
        app: app.app,
        app_key: app.app_key,
        received_at: now,
        request_id: facts.request_id,
        reports,
    };
    queue::send(context.clients(), Variable::ReportsQueue, &delivery).await?;
    context.meter().count(app.tenant, Meter::Reports, accepted as u64, now);
    Answer::accepted(&Accepted { accepted })
}
