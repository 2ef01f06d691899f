//! `POST /v1/invitations/{invitation}/resend`: sending an invitation again.

use axum::extract::{Path, State};
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::InvitationId;
use rookery_domain::invitation::State as InvitationState;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, Document, Empty, IfMatch, Problem, Scope};
use rookery_store::{Transaction, invitation};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, gifts, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(resend))
}

/// Send an invitation again, with a new link that is good for 7 days. The one before is good no more.
///
/// The caller must hold whatever the person will have, as for inviting.
#[utoipa::path(
    post,
    path = "/v1/invitations/{invitation}/resend",
    operation_id = "resend_invitation",
    tag = "people",
    params(("invitation" = InvitationId, Path), ("If-Match" = Option<String>, Header)),
    request_body = Empty,
    responses(
        (status = 200, description = "The invitation as it is now. The mail is on its way.", body = body::Invitation),
        (status = 404, description = "There is no such invitation.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It was accepted or cancelled.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn resend(
    State(context): State<Context>,
    scope: Scope<right::InvitationResend>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { idempotency, .. }: Body<Empty>,
) -> Result<Answer, Problem> {
    let before = load::invitation(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    match before.state {
        InvitationState::Open => {}
        InvitationState::Cancelled => return Err(load::cancelled()),
        InvitationState::Accepted => return Err(load::accepted()),
    }
    let path = format!("/v1/invitations/{}/resend", before.id);
    let permission = Permission::InvitationResend;
    gifts::must_be_own(&context, &scope, permission, &before.groups, before.role, &path).await?;

    let now = context.now();
    let after = before.resent(scope.rights.principal().subject(), now);
    let body = body::Invitation::at(&after, now);
    let changed = load::without_personal_data(changes(&body::Invitation::at(&before, now), &body));
    let event = scope.event(&context, Resource::new("invitation", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    invitation::replace(&mut transaction, &scope.tenant, &before, &after)?;
    invitation::void_link(&mut transaction, after.id);
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}
