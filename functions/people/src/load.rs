//! What several routes of this area read and ask first.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use rookery_domain::invitation::Invitation;
use rookery_edge::{Context, Problem};
pub(crate) use rookery_roster::load::user;
pub(crate) use rookery_roster::load::{
    full, given_to, group, home, must_cover, must_hold, place, without_personal_data,
};
use rookery_store::{TenantScope, invitation};

/// A parameter of the path, on routes that do not decide about the place that it names before they read it.
pub(crate) fn named(
    path: Result<Path<String>, PathRejection>,
    kind: &'static str,
) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| Problem::NotFound(kind))
}

/// An invitation of the tenant.
pub(crate) async fn invitation(
    context: &Context,
    scope: &TenantScope,
    id: &str,
) -> Result<Invitation, Problem> {
    invitation::find(context.table()?, scope, id.parse()?).await?.ok_or(Problem::NotFound("invitation"))
}

/// The problem with an invitation that was accepted.
pub(crate) fn accepted() -> Problem {
    Problem::conflict("invitation-accepted", "the invitation was accepted; a link is good once")
}

/// The problem with an invitation that was cancelled.
pub(crate) fn cancelled() -> Problem {
    Problem::conflict("invitation-cancelled", "the invitation was cancelled")
}
