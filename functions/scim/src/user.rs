//! `/scim/v2/Users/{user}`: reading, replacing, changing and deleting a person.

use axum::extract::{Path, State};
use http::HeaderMap;
use rookery_domain::fault::JsonObject;
use rookery_domain::id::UserId;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, IfMatch, Issuer, Problem, Scope, deciding};
use rookery_roster::{erase, load};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::home::has_already;
use crate::patch::{self, apply};
use crate::person::{self, Wanted};
use crate::query::Query;
use crate::schema::USERS;
use crate::{body, input, protocol};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    protocol(OpenApiRouter::new().routes(routes!(read, replace, edit, delete)))
}

/// Read a person.
#[utoipa::path(
    get,
    path = "/scim/v2/Users/{user}",
    operation_id = "read_scim_user",
    tag = "scim",
    params(
        ("user" = UserId, Path),
        ("attributes" = Option<String>, Query),
        ("excludedAttributes" = Option<String>, Query),
        ("If-None-Match" = Option<String>, Header)
    ),
    responses(
        (status = 200, description = "The person.", body = body::User, content_type = "application/scim+json"),
        (status = 304, description = "The caller has this version already.", headers(("ETag" = String, description = "The version."))),
        (status = 404, description = "There is no such person.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::UserRead>,
    Issuer(base): Issuer,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let found = load::user(&context, &scope.tenant, &id).await?.user;
    if has_already(&headers, found.version) {
        return Ok(Answer::not_modified(found.version));
    }
    person::answer(&context, &scope.tenant, &base, &query, found).await
}

/// Say anew what a person is. What is not said is nothing, but for `active`, which then stays as it is.
///
/// Suspending takes `user.suspend` besides, letting act again `user.resume`. Nobody changes somebody with more rights, and nobody suspends
/// the tenant's last owner.
#[utoipa::path(
    put,
    path = "/scim/v2/Users/{user}",
    operation_id = "replace_scim_user",
    tag = "scim",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = input::Person, content_type = "application/scim+json"),
    responses(
        (status = 200, description = "The person as it is now.", body = body::User, content_type = "application/scim+json"),
        (status = 400, description = "A value is missing, or cannot be.", body = body::Error, content_type = "application/scim+json"),
        (status = 404, description = "There is no such person.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "A name or an address is somebody else's, or it is the tenant's last owner.", body = body::Error, content_type = "application/scim+json"),
        (status = 412, description = "It has another version.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn replace(
    State(context): State<Context>,
    scope: Scope<right::UserUpdate>,
    Issuer(base): Issuer,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    Body { value: JsonObject(sent), .. }: Body<JsonObject>,
) -> Result<Answer, Problem> {
    let known = USERS.known(&sent);
    let wanted = |before: &person::Known| Wanted::whole(known.clone(), before.found.user.state);
    let after = person::change(&context, &scope, &id, &if_match, wanted).await?;
    person::answer(&context, &scope.tenant, &base, &query, after).await
}

/// Change a person by a patch. A person whose `active` is removed may act.
///
/// Suspending takes `user.suspend` besides, letting act again `user.resume`. Nobody changes somebody with more rights, and nobody suspends
/// the tenant's last owner.
#[utoipa::path(
    patch,
    path = "/scim/v2/Users/{user}",
    operation_id = "patch_scim_user",
    tag = "scim",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = input::PatchOp, content_type = "application/scim+json"),
    responses(
        (status = 200, description = "The person as it is now.", body = body::User, content_type = "application/scim+json"),
        (status = 400, description = "A path, a filter or a value is faulty.", body = body::Error, content_type = "application/scim+json"),
        (status = 404, description = "There is no such person.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "A name or an address is somebody else's, or it is the tenant's last owner.", body = body::Error, content_type = "application/scim+json"),
        (status = 412, description = "It has another version.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn edit(
    State(context): State<Context>,
    scope: Scope<right::UserUpdate>,
    Issuer(base): Issuer,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    Body { value, .. }: Body<JsonObject>,
) -> Result<Answer, Problem> {
    let steps = patch::steps(&USERS, &value)?;
    let wanted = |before: &person::Known| {
        let mut attributes = before.attributes()?;
        for step in &steps {
            apply(&mut attributes, step)?;
        }
        Wanted::patched(attributes)
    };
    let after = person::change(&context, &scope, &id, &if_match, wanted).await?;
    person::answer(&context, &scope.tenant, &base, &query, after).await
}

/// Delete a person, and erase what is known of it, as `DELETE /v1/users/{user}` does.
#[utoipa::path(
    delete,
    path = "/scim/v2/Users/{user}",
    operation_id = "delete_scim_user",
    tag = "scim",
    params(("user" = UserId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such person.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "It is the tenant's last owner.", body = body::Error, content_type = "application/scim+json"),
        (status = 412, description = "It has another version.", body = body::Error, content_type = "application/scim+json"),
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
