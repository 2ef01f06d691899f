//! Loading what a route works on, within the caller's tenant.

use rookery_domain::app::App;
use rookery_domain::channel::{ChannelName, Serving};
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::release::Release;
use rookery_edge::{Context, Problem};
use rookery_store::{TenantScope, app, release, serving};

/// A release with its app and what its channel offers.
pub(crate) struct Loaded {
    pub(crate) app: App,
    pub(crate) release: Release,
    pub(crate) serving: Serving,
}

/// Loads an app, or answers that there is none.
pub(crate) async fn app(context: &Context, scope: &TenantScope, id: &str) -> Result<App, Problem> {
    let id: AppId = id.parse()?;
    let found = app::find(context.table()?, scope, id).await?;
    Ok(found.ok_or(Problem::NotFound("app"))?.app)
}

/// Loads a release, or answers that there is none.
pub(crate) async fn release(
    context: &Context,
    scope: &TenantScope,
    (app, release): &(String, String),
) -> Result<Release, Problem> {
    let (app, id): (AppId, ReleaseId) = (app.parse()?, release.parse()?);
    release::find(context.table()?, scope, app, id).await?.ok_or(Problem::NotFound("release"))
}

/// Loads what a channel offers. A channel that has a release offers something, or nothing, but it exists.
pub(crate) async fn serving(context: &Context, app: &App, channel: &ChannelName) -> Result<Serving, Problem> {
    serving::find(context.table()?, app, channel)
        .await?
        .ok_or_else(|| Problem::internal(format!("the channel {channel} of {} has no serving item", app.id)))
}

/// Loads everything that a change of a release needs.
pub(crate) async fn everything(
    context: &Context,
    scope: &TenantScope,
    place: &(String, String),
) -> Result<Loaded, Problem> {
    let (app, release) = tokio::try_join!(app(context, scope, &place.0), release(context, scope, place))?;
    let serving = serving(context, &app, &release.channel).await?;
    Ok(Loaded { app, release, serving })
}
