//! `/v1/apps`: listing and creating applications.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::app::{self, App, AppKey, Platform};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::ProjectId;
use rookery_domain::permission::right;
use rookery_domain::project::Project;
use rookery_domain::quota::{Exceeded, Holder, Quota, Standing};
use rookery_domain::text::Name;
use rookery_domain::usage::Meter;
use rookery_edge::{Answer, Body, Context, Document, Located as _, Page, Params, Problem, Reach};
use rookery_store::{TenantScope, Transaction, channel, project, quota, signing, usage};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// An application to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewApp {
    name: Name,
    /// Where it runs: 1 to 16 platforms.
    platforms: Vec<Platform>,
    /// The project that it belongs to, at whatever depth; the tenant's oldest, unless given.
    #[deserr(default)]
    project_id: Option<ProjectId>,
}

/// List the applications that the caller may see, newest first.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/apps",
    operation_id = "list_apps",
    tag = "catalog",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of applications.", body = Page<body::App>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::AppList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = rookery_store::app::list(context.table()?, &reach.tenant, slice).await?;
    listed.items = reach.keep(&context, listed.items, |app| app.id).await?;
    Answer::ok(&paging.page(listed, body::App::from))
}

/// Create an application, with a signing key and the channel `production`.
///
/// The private half of the signing key is sealed and never leaves the platform. The app key is public: it is what devices name
/// the application by.
#[utoipa::path(
    post,
    path = "/v1/apps",
    operation_id = "create_app",
    tag = "catalog",
    request_body = NewApp,
    responses(
        (status = 201, description = "Created.", body = body::App),
        (status = 409, description = "The project has an application of this name.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid, or the quota of applications or of monthly checks used up.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::AppCreate>,
    Body { value, idempotency }: Body<NewApp>,
) -> Result<Answer, Problem> {
    let platforms = app::platforms(value.platforms).at("/platforms")?;
    let project = home(&context, &reach.tenant, value.project_id).await?;
    let scope = reach.at(&context, project.id).await?;
    within_checks(&context, &scope.tenant).await?;
    let (id, now) = (context.new_id(), context.now());
    let key = signing::generate(&context.sealer(), &scope.tenant, id, now).await?;
    let app = App {
        id,
        ancestors: project.ancestors,
        name: value.name,
        platforms,
        app_key: AppKey::from_random(u128::from_be_bytes(context.random())),
        signing_keys: vec![key.public.clone()],
        version: 1,
        created_at: now,
        updated_at: now,
    };

    let body = body::App::from(app.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("app", app.id), app.version, changed);
    let mut transaction = Transaction::new();
    rookery_store::app::create(&mut transaction, &scope.tenant, &app, &[key])?;
    channel::open_app(&mut transaction, &scope.tenant, &app)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::created(format!("/v1/apps/{}", app.id), &body)?.version(app.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// Refuses a further application to a tenant whose devices asked more often this month than its quota allows. Devices are answered
/// without looking at it, or every answer would cost a read.
async fn within_checks(context: &Context, scope: &TenantScope) -> Result<(), Problem> {
    let (table, quota, holder) = (context.table()?, Quota::MonthlyChecks, Holder::Tenant);
    let used = usage::of_month(table, scope, Meter::UpdateChecks, context.now()).await?;
    let limit = quota::find(table, scope, holder, quota).await?.and_then(|standing| standing.limit);
    match limit {
        Some(most) if used >= most => {
            let standing = Some(Standing { limit, used });
            Err(Problem::QuotaExceeded(Exceeded { quota, holder, standing }))
        }
        _ => Ok(()),
    }
}

/// The project that an application is made in.
async fn home(context: &Context, scope: &TenantScope, wanted: Option<ProjectId>) -> Result<Project, Problem> {
    let table = context.table()?;
    let (found, fault) = match wanted {
        Some(id) => (project::find(table, scope, id).await?, "is not a project of this tenant"),
        None => (project::default(table, scope).await?, "is missing, and the tenant has no project"),
    };
    found.ok_or_else(|| Problem::invalid("/project_id", fault))
}
