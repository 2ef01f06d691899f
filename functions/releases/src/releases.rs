//! `/v1/apps/{app}/releases`: listing and creating the releases of an app.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::app::App;
use rookery_domain::channel::{ChannelName, LIVE_RELEASES, Serving};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{AppId, PackageId};
use rookery_domain::permission::right;
use rookery_domain::properties::Config;
use rookery_domain::release::{Command, NewRelease, Notes, PackageRef, Release, State as Standing, Target};
use rookery_domain::rollout::BasisPoints;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope};
use rookery_store::serving::SignedManifest;
use rookery_store::{TenantScope, Transaction, package, release, serving};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load, transition};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A release to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ReleaseToBe {
    /// A package of the app.
    package_id: PackageId,
    /// The channel to offer it on.
    channel: ChannelName,
    /// The share of devices to begin with, in basis points; 10000, everybody, unless given.
    #[deserr(default)]
    rollout_bp: Option<BasisPoints>,
    /// Whether devices should install it at once; false unless given.
    #[deserr(default)]
    mandatory: Option<bool>,
    /// Whom it is for; everybody, unless given.
    #[deserr(default)]
    target: Option<Target>,
    /// What it tells the app: any JSON object of at most 4096 bytes.
    #[deserr(default)]
    config: Option<Config>,
    /// What it says to people.
    #[deserr(default)]
    notes: Option<Notes>,
}

/// List the releases of an app, newest first.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}/releases",
    operation_id = "list_releases",
    tag = "releases",
    params(
        ("app" = AppId, Path),
        ("channel" = Option<ChannelName>, Query),
        ("state" = Option<Standing>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query),
    ),
    responses(
        (status = 200, description = "A page of releases.", body = Page<body::Release>),
        (status = 404, description = "There is no such app.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::ReleaseList>,
    Path(app): Path<String>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let only = release::Only { channel: params.take("channel"), state: params.take("state") };
    let (slice, paging) = params.paging(&scope.tenant)?;
    let app = load::app(&context, &scope.tenant, &app).await?;
    let listed = release::list(context.table()?, &scope.tenant, app.id, &only, slice).await?;
    Answer::ok(&paging.page(listed, body::Release::from))
}

/// Release a package on a channel. Releases of the channel that came before stay as they are: whoever is not reached by this
/// one is offered them.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/releases",
    operation_id = "create_release",
    tag = "releases",
    params(("app" = AppId, Path)),
    request_body = ReleaseToBe,
    responses(
        (status = 201, description = "Created.", body = body::Release),
        (status = 404, description = "There is no such app.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The channel has too many live releases.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid, or the package or the channel is not of this app.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::ReleaseCreate>,
    Path(app): Path<String>,
    Body { value, idempotency }: Body<ReleaseToBe>,
) -> Result<Answer, Problem> {
    let app = load::app(&context, &scope.tenant, &app).await?;
    let (package, manifest) = package(&context, &scope.tenant, &app, value.package_id).await?;
    rookery_edge::deciding(|| async {
        let offered = serving::find(context.table()?, &app, &value.channel).await?;
        let offered = offered.ok_or_else(|| Problem::invalid("/channel", "is not a channel of this app"))?;
        let now = context.now();
        let new = wanted(&value, &context, &app, &offered, package.clone())?;
        let (spent, superseded) = make_room(&context, &scope, &offered).await?;
        let live = offered.releases.len() - superseded.len();
        let made =
            Release::create(new, &app.platforms, live, now, scope.actor()).map_err(transition::refused)?;

        let mut transaction = Transaction::new();
        release::create(&mut transaction, &scope.tenant, &made)?;
        let offers = offered.with_all(superseded.iter().chain([&made]), now);
        serving::replace(&mut transaction, &offered, &offers)?;
        serving::put_manifest(&mut transaction, &app, &manifest)?;
        transition::replace_superseded(&mut transaction, &scope.tenant, &spent, &superseded)?;
        let body = body::Release::from(made);
        let mut changed = changes(&Value::Null, &body);
        changed.extend(transition::superseding(&superseded));
        let event = scope.event(&context, Resource::new("release", body.id), body.version, changed);
        transaction.event(&scope.tenant, &event)?;

        let location = format!("/v1/apps/{}/releases/{}", app.id, body.id);
        let answer = Answer::created(location, &body)?.version(body.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}

fn wanted(
    value: &ReleaseToBe,
    context: &Context,
    app: &App,
    offered: &Serving,
    package: PackageRef,
) -> Result<NewRelease, Problem> {
    Ok(NewRelease {
        id: transition::later_id(context, offered)?,
        app: app.id,
        channel: value.channel.clone(),
        package,
        rollout_bp: value.rollout_bp.unwrap_or(BasisPoints::FULL),
        mandatory: value.mandatory.unwrap_or_default(),
        target: value.target.clone().unwrap_or_default(),
        config: value.config.clone().unwrap_or_default(),
        notes: value.notes.clone(),
    })
}

/// The package as the release and as devices know it. It never changes, so it is read once.
async fn package(
    context: &Context,
    scope: &TenantScope,
    app: &App,
    id: PackageId,
) -> Result<(PackageRef, SignedManifest), Problem> {
    let table = context.table()?;
    let (package, manifest) = tokio::try_join!(
        package::find(table, scope, app.id, id),
        package::manifest(table, scope, app.id, id),
    )?;
    let (Some(package), Some(manifest)) = (package, manifest) else {
        return Err(Problem::invalid("/package_id", "is not a package of this app"));
    };
    let signed = SignedManifest {
        tenant: scope.tenant(),
        app: app.id,
        package: id,
        algorithm: package.signature.algorithm,
        key_id: package.signature.key_id.clone(),
        signature: package.signature.value,
        manifest: String::from_utf8(manifest).map_err(Problem::internal)?,
    };
    let reference = PackageRef {
        id,
        version: package.version,
        manifest_sha256: package.sha256,
        signing_key_id: package.signature.key_id,
    };
    Ok((reference, signed))
}

/// Where a channel is full, supersedes the oldest of its releases that reaches nobody any more.
async fn make_room(
    context: &Context,
    scope: &Scope<right::ReleaseCreate>,
    offered: &Serving,
) -> Result<(Vec<Release>, Vec<Release>), Problem> {
    let spent = offered.spent().filter(|_| offered.releases.len() >= LIVE_RELEASES);
    let before = transition::offered(context, &scope.tenant, offered, |id| Some(id) == spent).await?;
    let after = before
        .iter()
        .map(|release| release.apply(Command::Supersede, context.now(), &scope.actor()))
        .collect::<Result<_, _>>()
        .map_err(transition::refused)?;
    Ok((before, after))
}
