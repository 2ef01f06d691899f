//! `POST /v1/apps/{app}/releases/{release}/conclude`: ending a rollout well.

use axum::extract::{Path, State};
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, Document, Empty, IfMatch, Problem, Scope};
use rookery_store::{Transaction, release, serving};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load, transition};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(conclude))
}

/// Conclude a release: it goes to everybody whom it is for, and supersedes older releases that are for none but them.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/releases/{release}/conclude",
    operation_id = "conclude_release",
    tag = "releases",
    params(("app" = AppId, Path), ("release" = ReleaseId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 200, description = "The release after it.", body = body::Release),
        (status = 404, description = "There is no such release.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The release's state rules it out, or somebody else changed it at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn conclude(
    State(context): State<Context>,
    scope: Scope<right::ReleaseConclude>,
    Path(place): Path<(String, String)>,
    if_match: IfMatch,
    Body { value: Empty {}, idempotency }: Body<Empty>,
) -> Result<Answer, Problem> {
    rookery_edge::deciding(|| async {
        let found = load::everything(&context, &scope.tenant, &place).await?;
        let (before, now) = (found.release, context.now());
        if_match.check(before.version)?;
        let others =
            transition::offered(&context, &scope.tenant, &found.serving, |id| id < before.id).await?;
        let (after, superseded) =
            before.conclude(&others, now, &scope.actor()).map_err(transition::refused)?;

        let mut transaction = Transaction::new();
        release::replace(&mut transaction, &scope.tenant, &before, &after)?;
        let offered = found.serving.with_all(superseded.iter().chain([&after]), now);
        serving::replace(&mut transaction, &found.serving, &offered)?;
        transition::replace_superseded(&mut transaction, &scope.tenant, &others, &superseded)?;
        let mut changed = changes(&body::Release::from(before), &body::Release::from(after.clone()));
        changed.extend(transition::superseding(&superseded));
        let event = scope.event(&context, Resource::new("release", after.id), after.version, changed);
        transaction.event(&scope.tenant, &event)?;

        let version = after.version;
        let answer = Answer::ok(&body::Release::from(after))?.version(version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
