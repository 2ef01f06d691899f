//! `POST /v1/divisions/{division}/move`: moving a division, with all that is below it, within its organization.

use axum::extract::{Path, State};
use deserr::Deserr;
use http::Uri;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::DivisionId;
use rookery_domain::node::height;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, deciding};
use rookery_store::{Transaction, division};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;
use crate::division::{answered, load};
use crate::tree::{Move, View};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(relocate))
}

/// Where a division is to be moved.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct DivisionMove {
    /// The division that it is to be directly below; `null`: directly below the organization.
    #[schema(required = true)]
    parent_id: Option<DivisionId>,
}

/// Move a division with all that is below it to another place in its organization.
///
/// It takes the right to move the division, and the right to create one at the new place. Rights that were given above its old
/// place hold for it no more, and those above its new place do.
#[utoipa::path(
    post,
    path = "/v1/divisions/{division}/move",
    operation_id = "move_division",
    tag = "tenancy",
    params(("division" = DivisionId, Path), ("If-Match" = Option<String>, Header)),
    request_body = DivisionMove,
    responses(
        (status = 200, description = "The division at its new place.", body = body::Division),
        (status = 404, description = "There is no such division.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken at the new place, or others are moving things at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The new place is below the division, too deep, or elsewhere.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn relocate(
    State(context): State<Context>,
    scope: Scope<right::DivisionMove>,
    Path(id): Path<String>,
    if_match: IfMatch,
    uri: Uri,
    Body { value, idempotency }: Body<DivisionMove>,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let before = load(&context, &scope.tenant, &id).await?;
        if_match.check(before.version)?;
        let after = before.moved(value.parent_id, context.now());
        let root = before.organization;
        let view = View::read(&context, &scope.tenant, root.into(), after.place()).await?;
        let tree = division::parents(context.table()?, &scope.tenant, root).await?;
        let (moved, height) = (before.id.into(), height(before.id, tree));
        let asked = Move { moved, height, needs: Permission::DivisionCreate, path: uri.path() };
        asked.decide(&context, &scope, &view).await?;
        if after.place() == before.place() {
            return context.commit_nothing(idempotency.as_ref(), answered(before)?).await;
        }

        let changed = changes(&body::Division::from(before.clone()), &body::Division::from(after.clone()));
        let event = scope.event(&context, Resource::new("division", after.id), after.version, changed);
        let mut transaction = Transaction::new();
        division::relocate(&mut transaction, &scope.tenant, &before, &after, &view.to, view.shape)?;
        transaction.event(&scope.tenant, &event)?;
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answered(after)?).await
    })
    .await
}
