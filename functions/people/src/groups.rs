//! `/v1/organizations/{organization}/groups`: listing and making the groups of an organization.

use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::group::{Forest, Group};
use rookery_domain::id::{DivisionId, GroupId, OrganizationId};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::{Name, ParseError};
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Reach, deciding};
use rookery_roster::groups;
use rookery_store::group;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A group to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewGroup {
    /// Unlike that of any other group directly below the same one, whatever its case.
    name: Name,
    /// The group that it will be directly below; none at the top.
    #[deserr(default)]
    parent_id: Option<GroupId>,
    /// The division that it will belong to; unless given, that of the group above it.
    #[deserr(default)]
    division_id: Option<DivisionId>,
}

/// How groups are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
enum View {
    /// Page by page, newest first.
    List,
    /// All at once, each below the one that it belongs to, by name.
    Tree,
}

impl FromStr for View {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "list" => Ok(Self::List),
            "tree" => Ok(Self::Tree),
            _ => Err(ParseError::new("is neither list nor tree")),
        }
    }
}

/// List the groups of an organization that the caller may see.
///
/// The view `tree` answers all of them at once and takes no paging. A page of the view `list` may hold fewer than its limit, even none,
/// and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/groups",
    operation_id = "list_groups",
    tag = "people",
    params(
        ("organization" = OrganizationId, Path),
        ("view" = inline(Option<View>), Query, description = "`list`, unless given."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A page of groups.", body = Page<body::ListedGroup>),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::GroupList>,
    path: Result<Path<String>, PathRejection>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let id: OrganizationId = load::named(path, "organization")?.parse()?;
    let found = context.lineage(&reach.tenant, id.into()).await?;
    found.ok_or(Problem::NotFound("organization"))?;
    if params.take::<View>("view") == Some(View::Tree) {
        params.finish()?;
        let forest = group::forest(context.table()?, &reach.tenant, id).await?;
        let groups: Vec<Group> = forest.groups().cloned().collect();
        let seen: Forest = reach.keep(&context, groups, Group::home).await?.into_iter().collect();
        let tops = seen.groups().filter(|group| group.parent.is_none_or(|parent| seen.get(parent).is_none()));
        let items = by_name(tops.map(|group| nested(&seen, group)).collect());
        return Answer::ok(&Page { items, next_cursor: None });
    }
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = group::list(context.table()?, &reach.tenant, id, slice).await?;
    listed.items = reach.keep(&context, listed.items, Group::home).await?;
    Answer::ok(
        &paging.page(listed, |group| body::ListedGroup { group: body::Group::from(&group), children: None }),
    )
}

fn nested(forest: &Forest, group: &Group) -> body::ListedGroup {
    let children = forest.groups().filter(|child| child.parent == Some(group.id));
    let children = by_name(children.map(|child| nested(forest, child)).collect());
    body::ListedGroup { group: body::Group::from(group), children: Some(children) }
}

fn by_name(mut groups: Vec<body::ListedGroup>) -> Vec<body::ListedGroup> {
    groups.sort_by_key(|listed| listed.group.name.normalized());
    groups
}

/// Make a group, at the top or below another one of the organization.
///
/// Whoever is in a group has what was given to it and to every group above it. Groups are nested at most 8 deep, and an organization
/// has at most 1000.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/groups",
    operation_id = "create_group",
    tag = "people",
    params(("organization" = OrganizationId, Path)),
    request_body = NewGroup,
    responses(
        (status = 201, description = "Created.", body = body::Group),
        (status = 404, description = "There is no such organization.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or the organization has as many groups as it may.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::GroupCreate>,
    path: Result<Path<String>, PathRejection>,
    Body { value, idempotency }: Body<NewGroup>,
) -> Result<Answer, Problem> {
    let organization: OrganizationId = load::named(path, "organization")?.parse()?;
    let found = context.lineage(&reach.tenant, organization.into()).await?;
    found.ok_or(Problem::NotFound("organization"))?;
    let parent = match value.parent_id {
        None => None,
        Some(id) => {
            let parent = group::find(context.table()?, &reach.tenant, id).await?;
            let fault = || Problem::invalid("/parent_id", "is not a group of this organization");
            Some(parent.filter(|parent| parent.organization == organization).ok_or_else(fault)?)
        }
    };
    let division = value.division_id.or(parent.as_ref().and_then(|parent| parent.division));
    let home = load::home(&context, &reach.tenant, organization, division).await?;
    let scope = reach.at(&context, home.node).await?;
    if let Some(parent) = &parent {
        let path = format!("/v1/groups/{}", parent.id);
        load::must_hold(&context, &scope, Permission::GroupCreate, parent.home(), &path).await?;
    }
    deciding(|| async {
        let new =
            groups::NewGroup { organization, division, parent: value.parent_id, name: value.name.clone() };
        let (transaction, made) = groups::create(&context, &scope, &new, &home).await?;
        let body = body::Group::from(&made);
        let answer = Answer::created(format!("/v1/groups/{}", made.id), &body)?.version(made.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
