//! `/v1/groups/{group}`: reading, renaming and deleting a group.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::id::GroupId;
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, deciding};
use rookery_roster::groups;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, rename, delete))
}

/// What may be changed of a group.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct GroupPatch {
    /// The new name; absent keeps the old one.
    #[deserr(default)]
    name: Option<Name>,
}

/// Read a group.
#[utoipa::path(
    get,
    path = "/v1/groups/{group}",
    operation_id = "read_group",
    tag = "people",
    params(("group" = GroupId, Path)),
    responses(
        (status = 200, description = "The group.", body = body::Group),
        (status = 404, description = "There is no such group.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::GroupRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load::group(&context, &scope.tenant, &id).await?;
    Ok(Answer::ok(&body::Group::from(&found))?.version(found.version))
}

/// Rename a group.
#[utoipa::path(
    patch,
    path = "/v1/groups/{group}",
    operation_id = "rename_group",
    tag = "people",
    params(("group" = GroupId, Path), ("If-Match" = Option<String>, Header)),
    request_body = GroupPatch,
    responses(
        (status = 200, description = "The group as it is now.", body = body::Group),
        (status = 404, description = "There is no such group.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rename(
    State(context): State<Context>,
    scope: Scope<right::GroupUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<GroupPatch>,
) -> Result<Answer, Problem> {
    let before = load::group(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let Some(name) = value.name.filter(|name| *name != before.name) else {
        return Ok(Answer::ok(&body::Group::from(&before))?.version(before.version));
    };
    let (transaction, after) = groups::rename(&context, &scope, &before, name, &[])?;
    let body = body::Group::from(&after);
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// Delete a group that has neither groups below it nor members, and that nothing was given to.
#[utoipa::path(
    delete,
    path = "/v1/groups/{group}",
    operation_id = "delete_group",
    tag = "people",
    params(("group" = GroupId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such group.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It still has groups below it, members or bindings.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::GroupDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let before = load::group(&context, &scope.tenant, &id).await?;
        if_match.check(before.version)?;
        let transaction = groups::delete(&context, &scope, &before).await?;
        context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
    })
    .await
}
