//! `/scim/v2/Groups/{group}`: reading, replacing, changing and deleting a group.

use axum::extract::{Path, State};
use http::HeaderMap;
use rookery_domain::fault::JsonObject;
use rookery_domain::id::GroupId;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, IfMatch, Issuer, Problem, Scope, deciding};
use rookery_roster::{groups, load};
use rookery_store::directory;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::home::has_already;
use crate::patch::{self, apply};
use crate::query::Query;
use crate::schema::GROUPS;
use crate::team::{self, Moves, Wanted};
use crate::{body, input, protocol};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    protocol(OpenApiRouter::new().routes(routes!(read, replace, edit, delete)))
}

/// Read a group with its members.
#[utoipa::path(
    get,
    path = "/scim/v2/Groups/{group}",
    operation_id = "read_scim_group",
    tag = "scim",
    params(
        ("group" = GroupId, Path),
        ("attributes" = Option<String>, Query),
        ("excludedAttributes" = Option<String>, Query),
        ("If-None-Match" = Option<String>, Header)
    ),
    responses(
        (status = 200, description = "The group.", body = body::Group, content_type = "application/scim+json"),
        (status = 304, description = "The caller has this version already.", headers(("ETag" = String, description = "The version."))),
        (status = 404, description = "There is no such group.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::GroupRead>,
    Issuer(base): Issuer,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let found = load::group(&context, &scope.tenant, &id).await?;
    if has_already(&headers, found.version) {
        return Ok(Answer::not_modified(found.version));
    }
    team::answer(&context, &scope.tenant, &base, &query, found.id).await
}

/// Say anew what a group is, its members included: who is not named goes.
///
/// Letting people in takes `group_member.add` besides, and everything that was given to the group and to those above it; taking them out
/// takes `group_member.remove`. Each is a change of its own: what was done stays when a later one is refused, and the same request goes on
/// from there.
#[utoipa::path(
    put,
    path = "/scim/v2/Groups/{group}",
    operation_id = "replace_scim_group",
    tag = "scim",
    params(("group" = GroupId, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = input::Team, content_type = "application/scim+json"),
    responses(
        (status = 200, description = "The group as it is now.", body = body::Group, content_type = "application/scim+json"),
        (status = 400, description = "A value is missing, or cannot be.", body = body::Error, content_type = "application/scim+json"),
        (status = 404, description = "There is no such group.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "The name or the externalId is another group's, or the group or a person has as many as it may.", body = body::Error, content_type = "application/scim+json"),
        (status = 412, description = "It has another version.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn replace(
    State(context): State<Context>,
    scope: Scope<right::GroupUpdate>,
    Issuer(base): Issuer,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    Body { value: JsonObject(sent), .. }: Body<JsonObject, LIMIT>,
) -> Result<Answer, Problem> {
    let id: GroupId = id.parse()?;
    let sent: input::Team = input::read(GROUPS.known(&sent))?;
    let wanted = Wanted {
        name: Some(sent.display_name),
        external_id: Some(sent.external_id),
        moves: Moves::to(sent.members.iter().map(|member| member.value)),
    };
    team::change(&context, &scope, id, &if_match, &wanted).await?;
    team::answer(&context, &scope.tenant, &base, &query, id).await
}

/// Room for as many members as a group may have.
const LIMIT: usize = 1_048_576;

/// Change a group by a patch: its name, what the directory knows it by, and who comes and goes.
///
/// Letting people in takes `group_member.add` besides, and everything that was given to the group and to those above it; taking them out
/// takes `group_member.remove`. Each is a change of its own: what was done stays when a later one is refused, and the same request goes on
/// from there.
#[utoipa::path(
    patch,
    path = "/scim/v2/Groups/{group}",
    operation_id = "patch_scim_group",
    tag = "scim",
    params(("group" = GroupId, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = input::PatchOp, content_type = "application/scim+json"),
    responses(
        (status = 200, description = "The group as it is now.", body = body::Group, content_type = "application/scim+json"),
        (status = 400, description = "A path, a filter or a value is faulty.", body = body::Error, content_type = "application/scim+json"),
        (status = 404, description = "There is no such group.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "The name or the externalId is another group's, or the group or a person has as many as it may.", body = body::Error, content_type = "application/scim+json"),
        (status = 412, description = "It has another version.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn edit(
    State(context): State<Context>,
    scope: Scope<right::GroupUpdate>,
    Issuer(base): Issuer,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    Body { value, .. }: Body<JsonObject, LIMIT>,
) -> Result<Answer, Problem> {
    let before = load::group(&context, &scope.tenant, &id).await?;
    let known = directory::find_group(context.table()?, &scope.tenant, before.id).await?;
    // Members are not read for it: a group may have thousands, of whom a patch names a few.
    let mut attributes = Map::from_iter([("displayName".to_owned(), Value::from(before.name.as_str()))]);
    if let Some(known) = &known {
        attributes.insert("externalId".to_owned(), Value::from(known.as_str()));
    }
    let mut moves = Moves::default();
    for step in patch::steps(&GROUPS, &value)? {
        if step.target.attribute.name == "members" {
            moves.take(&step)?;
        } else {
            apply(&mut attributes, &step)?;
        }
    }
    let after: input::Team = input::read(attributes)?;
    let wanted = Wanted { name: Some(after.display_name), external_id: Some(after.external_id), moves };
    team::change(&context, &scope, before.id, &if_match, &wanted).await?;
    team::answer(&context, &scope.tenant, &base, &query, before.id).await
}

/// Delete a group that has no groups below it, and that nothing was given to. Its members go first, which takes `group_member.remove`.
#[utoipa::path(
    delete,
    path = "/scim/v2/Groups/{group}",
    operation_id = "delete_scim_group",
    tag = "scim",
    params(("group" = GroupId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such group.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "It still has groups below it, or bindings.", body = body::Error, content_type = "application/scim+json"),
        (status = 412, description = "It has another version.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::GroupDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load::group(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    // Nobody goes who would only find the group kept.
    groups::must_have_nothing(&context, &scope, before.id).await?;
    groups::must_be_lowest(&context, &scope, &before).await?;
    if before.members > 0 {
        let path = format!("/scim/v2/Groups/{id}");
        scope.demand(&context, Permission::GroupMemberRemove, scope.place(), &path).await?;
    }
    for person in team::members(&context, &scope.tenant, before.id).await? {
        deciding(|| team::leave(&context, &scope, before.id, person)).await?;
    }
    deciding(|| async {
        let before = load::group(&context, &scope.tenant, &id).await?;
        let transaction = groups::delete(&context, &scope, &before).await?;
        context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
    })
    .await
}
