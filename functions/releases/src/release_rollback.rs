//! `POST /v1/apps/{app}/releases/{release}/rollback`: taking a release back.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Change, Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::permission::right;
use rookery_domain::release::{Notes, Release, ReleaseError, restorable, roll_back};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{Slice, TenantScope, Transaction, release, serving};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load, transition};

/// How many releases are read at a time to find one to go back to.
const READ_AT_A_TIME: u32 = 100;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(rollback))
}

/// Where to go back to.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Rollback {
    /// An earlier release of the channel, in any state. Unless given, the most recent one that has another package and was
    /// not itself rolled back.
    #[deserr(default)]
    to: Option<ReleaseId>,
    /// Why, for people.
    #[deserr(default)]
    notes: Option<Notes>,
}

/// Roll a release back: it ends, and a new release offers an earlier package to everybody whom both were for.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/releases/{release}/rollback",
    operation_id = "roll_back_release",
    tag = "releases",
    params(("app" = AppId, Path), ("release" = ReleaseId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Rollback,
    responses(
        (status = 201, description = "The new release.", body = body::Release),
        (status = 404, description = "There is no such release.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The release's state rules it out, there is nothing to go back to, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "`to` cannot be gone back to.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rollback(
    State(context): State<Context>,
    scope: Scope<right::ReleaseRollback>,
    Path(place): Path<(String, String)>,
    if_match: IfMatch,
    Body { value, idempotency }: Body<Rollback>,
) -> Result<Answer, Problem> {
    rookery_edge::deciding(|| async {
        let found = load::everything(&context, &scope.tenant, &place).await?;
        let (failing, now) = (found.release, context.now());
        if_match.check(failing.version)?;
        let to = goal(&context, &scope.tenant, &failing, value.to).await?;
        let new_id = transition::later_id(&context, &found.serving)?;
        let (ended, mut minted) =
            roll_back(&failing, &to, new_id, now, &scope.actor()).map_err(transition::refused)?;
        minted.notes.clone_from(&value.notes);

        let mut transaction = Transaction::new();
        release::replace(&mut transaction, &scope.tenant, &failing, &ended)?;
        serving::replace(&mut transaction, &found.serving, &found.serving.with_all([&ended, &minted], now))?;
        release::create(&mut transaction, &scope.tenant, &minted)?;
        let body = body::Release::from(minted);
        let mut changed = changes(&body::Release::from(failing), &body::Release::from(ended.clone()));
        let after = serde_json::to_value(&body).map_err(Problem::internal)?;
        changed.push(Change { field: "replacement".to_owned(), before: Value::Null, after });
        let event = scope.event(&context, Resource::new("release", ended.id), ended.version, changed);
        transaction.event(&scope.tenant, &event)?;

        let location = format!("/v1/apps/{}/releases/{}", found.app.id, body.id);
        let answer = Answer::created(location, &body)?.version(body.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}

/// The release to go back to. That one is earlier does not change, so nothing has to be watched until the commit.
async fn goal(
    context: &Context,
    scope: &TenantScope,
    failing: &Release,
    named: Option<ReleaseId>,
) -> Result<Release, Problem> {
    let table = context.table()?;
    if let Some(id) = named {
        let found = release::find(table, scope, failing.app, id).await?;
        return found.ok_or_else(|| Problem::invalid("/to", "is not a release of this app"));
    }
    let only = release::Only { channel: Some(failing.channel.clone()), state: None };
    let mut earlier = Vec::new();
    let mut after = Some(failing.id.to_string());
    while after.is_some() {
        let slice = Slice { limit: READ_AT_A_TIME, after, ..Slice::default() };
        let page = release::list(table, scope, failing.app, &only, slice).await?;
        earlier.extend(page.items);
        after = page.next;
        if let Ok(best) = restorable(failing, &earlier)
            && best.target.covers(&failing.target)
        {
            break;
        }
    }
    match restorable(failing, &earlier) {
        Ok(best) => Ok(best.clone()),
        // A release that has ended cannot be rolled back at all, which is what its caller needs to hear first.
        Err(ReleaseError::NothingToRestore) if failing.state.is_live() => {
            Err(transition::refused(ReleaseError::NothingToRestore))
        }
        Err(_) => Ok(failing.clone()),
    }
}
