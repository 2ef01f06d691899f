//! `POST /v1/groups/{group}/move`: putting a group below another one, or at the top.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::binding::Subject;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::GroupId;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, deciding};
use rookery_store::{Transaction, access, group};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(relocate))
}

/// Where a group goes.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct GroupMove {
    /// The group that it will be directly below; `null` for the top.
    #[schema(required = true)]
    parent_id: Option<GroupId>,
}

/// Move a group with everything below it to another place in its organization's tree of groups.
///
/// Its people, and those of the groups below it, lose what the groups above it had and gain what the groups above it have then. The
/// caller must hold all of that.
#[utoipa::path(
    post,
    path = "/v1/groups/{group}/move",
    operation_id = "move_group",
    tag = "people",
    params(("group" = GroupId, Path), ("If-Match" = Option<String>, Header)),
    request_body = GroupMove,
    responses(
        (status = 200, description = "The group as it is now.", body = body::Group),
        (status = 404, description = "There is no such group.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "A group below the new place has its name, or others moved at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The new place is the group itself, below it, too deep, or of another organization.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn relocate(
    State(context): State<Context>,
    scope: Scope<right::GroupMove>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, idempotency }: Body<GroupMove>,
) -> Result<Answer, Problem> {
    let organization = load::group(&context, &scope.tenant, &id).await?.organization;
    deciding(|| async {
        let table = context.table()?;
        let tree = group::tree(table, &scope.tenant, organization).await?;
        let forest = group::forest(table, &scope.tenant, organization).await?;
        let before = forest.get(id.parse()?).ok_or(Problem::NotFound("group"))?;
        if_match.check(before.version)?;
        if value.parent_id == before.parent {
            let answer = Answer::ok(&body::Group::from(before))?.version(before.version);
            return context.commit_nothing(idempotency.as_ref(), answer).await;
        }
        let fits = forest.may_move(before.id, value.parent_id);
        fits.map_err(|fault| Problem::invalid("/parent_id", fault.to_string()))?;
        if let Some(parent) = value.parent_id.and_then(|parent| forest.get(parent)) {
            let path = format!("/v1/groups/{}/move", before.id);
            load::must_hold(&context, &scope, Permission::GroupMove, parent.home(), &path).await?;
            let given = load::given_to(&context, &scope.tenant, parent.id).await?;
            load::must_cover(&context, &scope, Permission::GroupMove, &given, &path).await?;
        }
        let access = access::find(table, &scope.tenant, Subject::Group(before.id)).await?;
        let access = access.ok_or(Problem::NotFound("group"))?;
        let after = before.moved(value.parent_id, context.now());

        let body = body::Group::from(&after);
        let changed = changes(&body::Group::from(before), &body);
        let event = scope.event(&context, Resource::new("group", after.id), after.version, changed);
        let mut transaction = Transaction::new();
        group::relocate(&mut transaction, &scope.tenant, before, &after, &access, tree)?;
        transaction.event(&scope.tenant, &event)?;
        let answer = Answer::ok(&body)?.version(after.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
