//! `/scim/v2/Groups`: listing groups, and making one.

use axum::extract::State;
use rookery_domain::fault::JsonObject;
use rookery_domain::group::Group;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, IfMatch, Issuer, Problem, Reach, deciding};
use rookery_roster::{groups, load};
use rookery_store::{Listed, directory, group};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::filter;
use crate::home::{self, Home};
use crate::query::Query;
use crate::schema::GROUPS;
use crate::team::{self, Moves, Wanted};
use crate::{MEDIA_TYPE, body, input, protocol};

/// Room for as many members as come at once.
const LIMIT: usize = 1_048_576;

/// What groups are looked for by.
const LOOKED_FOR: [&str; 3] = ["id", "externalId", "displayName"];

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    protocol(OpenApiRouter::new().routes(routes!(list, create)))
}

/// List the groups of the caller's organization that it may see, the first to be made first.
///
/// `filter` is one or more of `id`, `externalId` and `displayName`, each with `eq` and a text in quotes, joined by `and`. An answer that would
/// show very many members shows fewer groups than were asked for; the next begins behind them.
#[utoipa::path(
    get,
    path = "/scim/v2/Groups",
    operation_id = "list_scim_groups",
    tag = "scim",
    params(
        ("filter" = Option<String>, Query),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the part before; empty for the first."),
        ("startIndex" = Option<i64>, Query, description = "Instead of a cursor. Everything is read to tell how many there are."),
        ("count" = Option<i64>, Query, description = "100 at the most."),
        ("attributes" = Option<String>, Query),
        ("excludedAttributes" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A part of the groups.", body = body::ListResponse, content_type = "application/scim+json"),
        (status = 400, description = "The filter or a parameter is faulty.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::GroupList>,
    Issuer(base): Issuer,
    query: Query,
) -> Result<Answer, Problem> {
    let Home { organization, .. } = home::of(&context, &reach).await?;
    let terms = match &query.filter {
        Some(text) => filter::of_list(&GROUPS, text, &LOOKED_FOR)?,
        None => Vec::new(),
    };
    let table = context.table()?;
    let Listed { items, mut next } = if let Some(slice) = query.slice(&reach.tenant)? {
        group::list(table, &reach.tenant, organization, slice).await?
    } else {
        let forest = group::forest(table, &reach.tenant, organization).await?;
        Listed { items: forest.groups().cloned().collect(), next: None }
    };
    let mut groups = reach.keep(&context, items, Group::home).await?;
    let ids = groups.iter().map(|group| group.id);
    let known = directory::find_groups(table, &reach.tenant, ids).await?;
    if !terms.is_empty() {
        let mut kept = Vec::new();
        for group in groups {
            let whole =
                body::attributes(&body::Group::new(&base, &group, known.get(&group.id).cloned(), &[]))?;
            if terms.iter().all(|term| term.holds(&GROUPS, &whole)) {
                kept.push(group);
            }
        }
        groups = kept;
    }
    let total = groups.len();
    let (mut resources, mut members, mut last) = (Vec::new(), 0, None);
    for group in query.page(groups) {
        members += usize::try_from(group.members).unwrap_or(usize::MAX);
        if members > team::MOST_MEMBERS && !resources.is_empty() && query.shows(&GROUPS, "members") {
            next = last;
            break;
        }
        last = Some(group.id.to_string());
        let known = known.get(&group.id).cloned();
        let whole = team::shown(&context, &reach.tenant, &base, &query, &group, known).await?;
        resources.push(Value::Object(query.project(&GROUPS, whole)));
    }
    let part = query.list(&reach.tenant, resources, total, next.as_deref());
    Ok(Answer::ok(&part)?.of_type(MEDIA_TYPE))
}

/// Make a group at the top of the caller's organization.
///
/// The group is made first, and then its members are let in, which takes `group_member.add`. If that fails, the group is there with those who
/// came.
#[utoipa::path(
    post,
    path = "/scim/v2/Groups",
    operation_id = "create_scim_group",
    tag = "scim",
    request_body(content = input::Team, content_type = "application/scim+json"),
    responses(
        (status = 201, description = "Made.", body = body::Group, content_type = "application/scim+json"),
        (status = 400, description = "A value is missing, or cannot be.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "The name or the externalId is another group's, or the organization has as many groups as it may.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::GroupCreate>,
    Issuer(base): Issuer,
    query: Query,
    Body { value: JsonObject(sent), idempotency }: Body<JsonObject, LIMIT>,
) -> Result<Answer, Problem> {
    let Home { organization, division } = home::of(&context, &reach).await?;
    let home = load::home(&context, &reach.tenant, organization, division).await?;
    let scope = reach.at(&context, home.node).await?;
    let sent: input::Team = input::read(GROUPS.known(&sent))?;
    let moves = Moves::to(sent.members.iter().map(|member| member.value));
    team::must_be_able_to_come(&context, &scope, organization, &moves.come).await?;
    let new = groups::NewGroup { organization, division, parent: None, name: sent.display_name.clone() };
    let id = std::sync::OnceLock::new();
    let answer = deciding(|| async {
        let (mut transaction, made) = groups::create(&context, &scope, &new, &home).await?;
        let known = sent.external_id.as_ref();
        if known.is_some() {
            directory::put_group(&mut transaction, &scope.tenant, made.id, None, known)?;
        }
        let whole = body::attributes(&body::Group::new(&base, &made, known.cloned(), &[]))?;
        let location = body::place_of_group(&base, made.id);
        let answer = Answer::created(location, &query.project(&GROUPS, whole))?;
        let answer = answer.of_type(MEDIA_TYPE).version(made.version);
        let answer = context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await?;
        id.get_or_init(|| made.id);
        Ok(answer)
    })
    .await?;
    let Some(id) = id.get().filter(|_| !moves.come.is_empty()) else { return Ok(answer) };
    let wanted = Wanted { moves, ..Wanted::default() };
    team::change(&context, &scope, *id, &IfMatch::any(), &wanted).await?;
    let shown = team::answer(&context, &scope.tenant, &base, &query, *id).await?;
    Ok(shown.now_created(body::place_of_group(&base, *id)))
}
