//! `DELETE /v1/groups/{group}/members/{user}`: taking somebody out of a group.

use axum::extract::{Path, State};
use rookery_domain::binding::Subject;
use rookery_domain::event::{Change, Resource};
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Document, Problem, Scope, deciding};
use rookery_store::{Transaction, access, group};
use serde_json::{Value, json};
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
        let table = context.table()?;
        let access = access::find(table, &scope.tenant, Subject::User(user)).await?;
        let access = access
            .filter(|access| access.groups.contains(&before.id))
            .ok_or(Problem::NotFound("membership"))?;
        let after = before.left(context.now());

        let changed = Change { field: "members".into(), before: json!(user), after: Value::Null };
        let event = scope.event(&context, Resource::new("group", after.id), after.version, vec![changed]);
        let mut transaction = Transaction::new();
        group::leave(&mut transaction, &scope.tenant, &after, user, &access)?;
        transaction.event(&scope.tenant, &event)?;
        context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
    })
    .await
}
