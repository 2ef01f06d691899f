//! `DELETE /v1/groups/{group}/members/{user}`: taking somebody out of a group.

use axum::extract::{Path, State};
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Document, Problem, Scope, deciding};
use rookery_roster::groups;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::load;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(remove))
}

/// Take somebody out of a group. Memberships of groups below it stay, and with them what this group gives.
#[utoipa::path(
    delete,
    path = "/v1/groups/{group}/members/{user}",
    operation_id = "remove_group_member",
    tag = "people",
    params(("group" = GroupId, Path), ("user" = UserId, Path)),
    responses(
        (status = 204, description = "Taken out."),
        (status = 404, description = "There is no such group, or the person is no member of it.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn remove(
    State(context): State<Context>,
    scope: Scope<right::GroupMemberRemove>,
    Path((id, user)): Path<(String, String)>,
) -> Result<Answer, Problem> {
    let user: UserId = user.parse()?;
    deciding(|| async {
        let before = load::group(&context, &scope.tenant, &id).await?;
        let transaction = groups::leave(&context, &scope, &before, user).await?;
        context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
    })
    .await
}
