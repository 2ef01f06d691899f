//! `/v1/groups/{group}/members`: who is in a group, and letting somebody in.

use std::str::FromStr;

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::permission::right;
use rookery_domain::text::ParseError;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope, deciding};
use rookery_roster::groups;
use rookery_store::{Listed, Slice, TenantScope, group};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// Most groups whose members are read for one page.
const GROUPS_PER_PAGE: usize = 25;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, add))
}

/// Who is let in.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewMember {
    /// Somebody of the group's organization.
    user_id: UserId,
}

/// `true` or `false`, as a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flag(bool);

impl FromStr for Flag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("is neither true nor false"))
    }
}

/// List the members of a group: its own, or with `effective=true` also those of all groups below it.
///
/// Whoever is in a group has what was given to the groups above it, and so counts as in them. With `effective=true` each membership is
/// listed with its way up to this group; somebody who is in two groups below it is listed twice. A page may hold fewer than its limit,
/// even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/groups/{group}/members",
    operation_id = "list_group_members",
    tag = "people",
    params(
        ("group" = GroupId, Path),
        ("effective" = Option<bool>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A page of memberships.", body = Page<body::Membership>),
        (status = 404, description = "There is no such group.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::GroupRead>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let id: GroupId = id.parse()?;
    let effective = params.take("effective") == Some(Flag(true));
    let (slice, paging) = params.paging(&scope.tenant)?;
    if effective {
        let listed = inherited(&context, &scope.tenant, id, slice).await?;
        return Answer::ok(&paging.page(listed, |membership| membership));
    }
    let listed = group::list_members(context.table()?, &scope.tenant, id, slice).await?;
    Answer::ok(&paging.page(listed, |member| body::Membership::new(&member, vec![member.group])))
}

/// Goes through the group and those below it, newest group first. Where it stops is `<group>` or `<group>/<user>`.
async fn inherited(
    context: &Context,
    scope: &TenantScope,
    id: GroupId,
    slice: Slice,
) -> Result<Listed<body::Membership>, Problem> {
    let organization = load::group(context, scope, &id.to_string()).await?.organization;
    let forest = group::forest(context.table()?, scope, organization).await?;
    let (from, mut behind) =
        match slice.after.as_deref().map(|after| after.split_once('/').unwrap_or((after, ""))) {
            None => (None, None),
            Some((group, user)) => {
                let group: GroupId = group.parse().map_err(|_| Params::foreign_cursor())?;
                (Some(group), (!user.is_empty()).then(|| user.to_owned()))
            }
        };
    let limit = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let inhabited = forest
        .below(id)
        .into_iter()
        .filter(|(group, _)| group.members > 0 && from.is_none_or(|from| group.id <= from));
    let mut listed = Listed { items: Vec::new(), next: None };
    for (at, (group, path)) in inhabited.enumerate() {
        if listed.items.len() >= limit || at >= GROUPS_PER_PAGE {
            listed.next = Some(group.id.to_string());
            break;
        }
        let rest = u32::try_from(limit - listed.items.len()).unwrap_or(slice.limit);
        // The cursor's person belongs to the cursor's group; if that has nobody left, the next group begins at its beginning.
        let after = behind.take().filter(|_| from == Some(group.id));
        let part = Slice { limit: rest, after, ..Slice::default() };
        let members = group::list_members(context.table()?, scope, group.id, part).await?;
        let memberships = members.items.iter().map(|member| body::Membership::new(member, path.clone()));
        listed.items.extend(memberships);
        if let Some(user) = members.next {
            listed.next = Some(format!("{}/{user}", group.id));
            break;
        }
    }
    Ok(listed)
}

/// Let somebody of the organization into a group.
///
/// The caller must hold everything that was given to the group and to those above it. A group has at most 5000 members of its own, and
/// a person is a member of at most 50 groups.
#[utoipa::path(
    post,
    path = "/v1/groups/{group}/members",
    operation_id = "add_group_member",
    tag = "people",
    params(("group" = GroupId, Path)),
    request_body = NewMember,
    responses(
        (status = 201, description = "Let in.", body = body::Membership),
        (status = 404, description = "There is no such group.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The person is a member, or the group or the person has as many as it may.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "There is no such person in the group's organization.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn add(
    State(context): State<Context>,
    scope: Scope<right::GroupMemberAdd>,
    Path(id): Path<String>,
    Body { value, idempotency }: Body<NewMember>,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let before = load::group(&context, &scope.tenant, &id).await?;
        let joined = groups::join(&context, &scope, &before, value.user_id, "/user_id").await?;
        let (transaction, after, member) = joined;
        let location = format!("/v1/groups/{}/members/{}", after.id, member.user);
        let answer = Answer::created(location, &body::Membership::new(&member, vec![after.id]))?;
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
