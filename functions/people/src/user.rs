//! `/v1/users/{user}`: reading, changing and deleting the record of a person.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::{DivisionId, UserId};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::{Email, Name};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, deciding, wire};
use rookery_roster::{erase, people};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::load;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, edit, delete))
}

/// What may be changed of a person.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct UserPatch {
    /// The new name; absent keeps the old one.
    #[deserr(default)]
    name: Option<Name>,
    /// The new mail address; absent keeps the old one.
    #[deserr(default)]
    email: Option<Email>,
    /// The division of the person's organization that the person belongs to; `null` for none.
    #[deserr(default)]
    #[schema(value_type = Option<DivisionId>)]
    division_id: Patch<DivisionId>,
}

/// Read a person's record.
#[utoipa::path(
    get,
    path = "/v1/users/{user}",
    operation_id = "read_user",
    tag = "people",
    params(("user" = UserId, Path)),
    responses(
        (status = 200, description = "The person.", body = wire::User),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::UserRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load::user(&context, &scope.tenant, &id).await?.user;
    let version = found.version;
    Ok(Answer::ok(&wire::User::from(found))?.version(version))
}

/// Change a person's record. Nobody changes that of somebody with more rights.
#[utoipa::path(
    patch,
    path = "/v1/users/{user}",
    operation_id = "update_user",
    tag = "people",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    request_body = UserPatch,
    responses(
        (status = 200, description = "The person as it is now.", body = wire::User),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The mail address is taken.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn edit(
    State(context): State<Context>,
    scope: Scope<right::UserUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<UserPatch>,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let found = load::user(&context, &scope.tenant, &id).await?;
        let before = &found.user;
        if_match.check(before.version)?;
        scope.must_outrank(&context, Permission::UserUpdate, before.id).await?;
        let email = value.email.clone().unwrap_or_else(|| before.email.clone());
        let name = value.name.clone().unwrap_or_else(|| before.name.clone());
        let division = value.division_id.clone().apply(before.division);
        let after = before.edited(email, name, division, context.now());
        let Some(transaction) = people::edit(&context, &scope, &found, &after, &[]).await? else {
            return Ok(Answer::ok(&wire::User::from(before.clone()))?.version(before.version));
        };
        let version = after.version;
        let answer = Answer::ok(&wire::User::from(after))?.version(version);
        context.commit(&scope.tenant, None, transaction, answer).await
    })
    .await
}

/// Delete a person, and erase what is known of it: name, mail address, memberships, roles and personal keys.
///
/// The audit trail keeps the person's id, and holds neither name nor mail address. What goes with the person goes step by step; if the
/// request fails on the way, it can be sent again. Nobody deletes somebody with more rights, and nobody the last owner.
#[utoipa::path(
    delete,
    path = "/v1/users/{user}",
    operation_id = "delete_user",
    tag = "people",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such person.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is the tenant's last owner.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::UserDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let found = load::user(&context, &scope.tenant, &id).await?;
    if_match.check(found.user.version)?;
    scope.must_outrank(&context, Permission::UserDelete, found.user.id).await?;
    erase::belongings(&context, &scope, found.user.id).await?;
    deciding(|| erase::person(&context, &scope, found.user.id)).await
}
