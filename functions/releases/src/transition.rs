//! Changing a release together with what its channel offers.

use rookery_domain::channel::Serving;
use rookery_domain::event::{Change, Resource, changes};
use rookery_domain::id::ReleaseId;
use rookery_domain::permission::Right;
use rookery_domain::release::{Command, Release, ReleaseError};
use rookery_edge::{Answer, Context, Idempotency, IfMatch, Problem, Scope, deciding};
use rookery_store::{Refusal, TenantScope, Transaction, release, serving};
use serde_json::json;

use crate::{body, load};

/// Carries out a command that concerns one release, and answers the release after it.
pub(crate) async fn change<R: Right>(
    context: &Context,
    scope: &Scope<R>,
    place: &(String, String),
    if_match: &IfMatch,
    idempotency: Option<&Idempotency>,
    command: Command,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let found = load::everything(context, &scope.tenant, place).await?;
        if_match.check(found.release.version)?;
        let now = context.now();
        let after = found.release.apply(command, now, &scope.actor()).map_err(refused)?;

        let mut transaction = Transaction::new();
        release::replace(&mut transaction, &scope.tenant, &found.release, &after)?;
        serving::replace(&mut transaction, &found.serving, &found.serving.with(&after, now))?;
        let changed = changes(&body::Release::from(found.release), &body::Release::from(after.clone()));
        let event = scope.event(context, Resource::new("release", after.id), after.version, changed);
        transaction.event(&scope.tenant, &event)?;

        let version = after.version;
        let answer = Answer::ok(&body::Release::from(after))?.version(version);
        context.commit(&scope.tenant, idempotency, transaction, answer).await
    })
    .await
}

/// The releases behind some of a channel's offers.
pub(crate) async fn offered(
    context: &Context,
    scope: &TenantScope,
    serving: &Serving,
    wanted: impl Fn(ReleaseId) -> bool,
) -> Result<Vec<Release>, Problem> {
    let ids: Vec<ReleaseId> =
        serving.releases.iter().map(|offer| offer.release_id).filter(|id| wanted(*id)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(release::find_many(context.table()?, scope, serving.app, &ids).await?)
}

/// Tells in an event which other releases a change has superseded.
pub(crate) fn superseding(superseded: &[Release]) -> Option<Change> {
    let ids: Vec<ReleaseId> = superseded.iter().map(|release| release.id).collect();
    (!ids.is_empty()).then(|| Change { field: "superseded".to_owned(), before: json!([]), after: json!(ids) })
}

/// What it means to a caller that a command is refused.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
pub(crate) fn refused(error: ReleaseError) -> Problem {
    let detail = error.to_string();
    match error {
        ReleaseError::Transition(_) => Problem::conflict("illegal-transition", detail),
        ReleaseError::TooManyLive => Problem::conflict("too-many-live-releases", detail),
        ReleaseError::NothingToRestore => Problem::conflict("nothing-to-restore", detail),
        ReleaseError::PlatformNotOfApp(_) => Problem::invalid("/target/platforms", detail),
        ReleaseError::RestoreElsewhere
        | ReleaseError::RestoreItself
        | ReleaseError::RestoreLater
        | ReleaseError::RestoreForOthers => Problem::invalid("/to", detail),
    }
}

/// Adds superseded releases to a transaction. It comes after the serving item: whatever changes a release changes that too,
/// and tells that deciding again is worth while.
pub(crate) fn replace_superseded(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &[Release],
    superseded: &[Release],
) -> Result<(), Problem> {
    for after in superseded {
        let known = before.iter().find(|release| release.id == after.id);
        let before = known.ok_or_else(|| Problem::internal("a release was superseded that was not read"))?;
        release::replace(transaction, scope, before, after)?;
    }
    Ok(())
}

/// A fresh id that is later than those of all live releases of a channel, for ids decide which release is the newer one. Where
/// the clocks of two functions differ, it takes another attempt until this one has caught up.
pub(crate) fn later_id(context: &Context, serving: &Serving) -> Result<ReleaseId, Problem> {
    let id: ReleaseId = context.new_id();
    match serving.releases.first() {
        Some(newest) if newest.release_id >= id => Err(Refusal::Overtaken.into()),
        _ => Ok(id),
    }
}
