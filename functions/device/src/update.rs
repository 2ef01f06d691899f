//! `GET /v1/device/{app_key}/update`: what a device should run. The hot path.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use rookery_domain::app::{AppKey, Platform};
use rookery_domain::channel::{ChannelName, Offer, Serving};
use rookery_domain::device::{AppVersion, Ask, Current, Decision, Outcome, decide};
use rookery_domain::id::ReleaseId;
use rookery_domain::rollout::DeviceId;
use rookery_domain::usage::Meter;
use rookery_edge::{BaseUrl, Context, Document, Params, Problem};
use rookery_store::serving;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::rendered::{Update, render};
use crate::shelf::{Good, Shelf};
use crate::{kept_for, unknown};

/// Most bytes of what channels offer that are kept in memory.
const SERVING_BYTES: usize = 4 << 20;

/// Most bytes of finished answers that are kept in memory.
const ANSWER_BYTES: usize = 6 << 20;

/// What makes one answer differ from another: the release, whether it is mandatory for the device, and the base of its links.
type AnswerKey = (ReleaseId, bool, String);

/// What this function keeps in memory. A finished answer follows from its key alone, so it is good for as long as the process
/// lives.
#[derive(Debug)]
struct Memory {
    channels: Shelf<(AppKey, ChannelName), Arc<Serving>>,
    answers: Shelf<AnswerKey, Bytes>,
}

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    let memory =
        Memory { channels: Shelf::new(SERVING_BYTES, weight), answers: Shelf::new(ANSWER_BYTES, Bytes::len) };
    OpenApiRouter::new().routes(routes!(update)).layer(Extension(Arc::new(memory)))
}

/// Ask what a device should run.
///
/// A device that names itself is offered a release as soon as its rollout reaches it, and keeps it. A device without a name
/// takes part in no partial rollout. An answer that is the same for everybody who asks like this may be cached, and says so.
#[utoipa::path(
    get,
    path = "/v1/device/{app_key}/update",
    operation_id = "check_for_update",
    tag = "devices",
    security(()),
    params(
        ("app_key" = AppKey, Path, description = "The app's public key."),
        ("platform" = Option<Platform>, Query, description = "The device's platform. Needed where a release is for some platforms only."),
        ("channel" = Option<ChannelName>, Query, description = "`production`, unless given."),
        ("device_id" = Option<DeviceId>, Query, description = "What the device calls itself, the same for as long as the app is installed."),
        ("current" = Option<Current>, Query, description = "What it runs: the id of a package or release, the SHA-256 of a manifest, or a package's version."),
        ("app_version" = Option<AppVersion>, Query, description = "The version of the app's binary."),
    ),
    responses(
        (status = 200, description = "There is something newer.", body = Update),
        (status = 204, description = "There is nothing newer for this device."),
        (status = 400, description = "Parameters are missing or faulty.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "There is no such app or channel. The body is empty."),
        (status = 503, description = "What the channel offers cannot be read now.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(context): State<Context>,
    Extension(memory): Extension<Arc<Memory>>,
    Path(app_key): Path<String>,
    base: BaseUrl,
    params: Params,
) -> Result<Response, Problem> {
    let (channel, ask) = question(params)?;
    let Ok(app_key) = app_key.parse() else { return Ok(unknown()) };
    let key = (app_key, channel);
    let Some(serving) = memory.serving(&context, &key).await? else { return Ok(unknown()) };
    let decision = decide(&serving, &ask);
    let mut response = match decision.outcome {
        Outcome::Offer { offer, mandatory } => {
            let body = memory.answer(&context, app_key, offer, mandatory, base).await?;
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        }
        Outcome::UpToDate | Outcome::NothingForYou(_) => StatusCode::NO_CONTENT.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, caching(&context, &decision)?);
    context.meter().count(serving.tenant, Meter::UpdateChecks, 1, context.now());
    Ok(response)
}

/// What is asked, of which channel. Clients fill in templates, so a parameter may be there and empty.
fn question(mut params: Params) -> Result<(ChannelName, Ask), Problem> {
    let channel = params.take_filled("channel");
    let device = params.take_filled("device_id");
    let current = params.take_filled("current");
    let app_version = params.take_filled("app_version");
    let platform = params.take_filled("platform");
    params.finish()?;
    Ok((channel.unwrap_or_default(), Ask { platform, device, current, app_version }))
}

/// Who else may be given the answer, and for how long: no longer than this function itself keeps what it rests on.
fn caching(context: &Context, decision: &Decision<'_>) -> Result<HeaderValue, Problem> {
    let seconds = kept_for(context).as_secs();
    if !decision.shared || seconds == 0 {
        return Ok(HeaderValue::from_static("private, no-store"));
    }
    format!("public, max-age={seconds}").parse().map_err(Problem::internal)
}

impl Memory {
    async fn serving(
        &self,
        context: &Context,
        key: &(AppKey, ChannelName),
    ) -> Result<Option<Arc<Serving>>, Problem> {
        let load = async {
            let found = serving::glance(context.table()?, key.0, &key.1).await?;
            Ok(found.map(Arc::new))
        };
        self.channels.get(key, Good::For(kept_for(context)), context.now(), load).await
    }

    async fn answer(
        &self,
        context: &Context,
        app_key: AppKey,
        offer: &Offer,
        mandatory: bool,
        base: BaseUrl,
    ) -> Result<Bytes, Problem> {
        let key = (offer.release_id, mandatory, base.0);
        let load = async {
            let signed = serving::glance_manifest(context.table()?, app_key, offer.package.id).await?;
            signed.map(|signed| render(&key.2, app_key, offer, mandatory, &signed)).transpose()
        };
        let answer = self.answers.get(&key, Good::Always, context.now(), load).await?;
        answer.ok_or_else(|| Problem::internal(format!("{} has no manifest", offer.package.id)))
    }
}

/// What a channel's offers take in memory, roughly.
fn weight(serving: &Arc<Serving>) -> usize {
    let offer = |offer: &Offer| {
        1024 + offer.config.as_object().encoded_length() + 160 * offer.target.device_ids.len()
    };
    1024 + serving.releases.iter().map(offer).sum::<usize>()
}
