//! `/v1/invitations/{invitation}`: reading and cancelling an invitation.

use axum::extract::{Path, State};
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::InvitationId;
use rookery_domain::invitation::State as InvitationState;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{Transaction, invitation};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, cancel))
}

/// Read an invitation.
#[utoipa::path(
    get,
    path = "/v1/invitations/{invitation}",
    operation_id = "read_invitation",
    tag = "people",
    params(("invitation" = InvitationId, Path)),
    responses(
        (status = 200, description = "The invitation.", body = body::Invitation),
        (status = 404, description = "There is no such invitation.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::InvitationRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load::invitation(&context, &scope.tenant, &id).await?;
    Ok(Answer::ok(&body::Invitation::at(&found, context.now()))?.version(found.version))
}

/// Cancel an invitation. Its link is good no more; its record stays, without name and mail address.
#[utoipa::path(
    delete,
    path = "/v1/invitations/{invitation}",
    operation_id = "cancel_invitation",
    tag = "people",
    params(("invitation" = InvitationId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Cancelled, now or before."),
        (status = 404, description = "There is no such invitation.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It was accepted.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn cancel(
    State(context): State<Context>,
    scope: Scope<right::InvitationCancel>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load::invitation(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    match before.state {
        InvitationState::Open => {}
        InvitationState::Cancelled => return Ok(Answer::no_content()),
        InvitationState::Accepted => return Err(load::accepted()),
    }
    let now = context.now();
    let after = before.ended(InvitationState::Cancelled, None, now);
    let changed = changes(&body::Invitation::at(&before, now), &body::Invitation::at(&after, now));
    let changed = load::without_personal_data(changed);
    let event = scope.event(&context, Resource::new("invitation", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    invitation::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
