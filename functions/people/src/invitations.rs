//! `/v1/invitations`: listing invitations, and inviting somebody.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{DivisionId, GroupId, OrganizationId};
use rookery_domain::invitation::{GOOD_FOR, Invitation, MOST_GROUPS, State as InvitationState};
use rookery_domain::node::NodeId;
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::RoleRef;
use rookery_domain::text::{Email, Name};
use rookery_edge::{Answer, Body, Caller, Context, Document, Page, Params, Problem, Reach};
use rookery_store::{Refusal, Slice, Transaction, group, invitation, node, organization, user};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, gifts, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// Who is invited, and to what.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewInvitation {
    /// Where the mail goes.
    email: Email,
    /// The person's name; the person can choose it as well.
    #[deserr(default)]
    name: Option<Name>,
    /// The organization that the person will belong to: unless given, that of the division, or else the tenant's oldest.
    #[deserr(default)]
    organization_id: Option<OrganizationId>,
    /// The division that the person will belong to; none, unless given.
    #[deserr(default)]
    division_id: Option<DivisionId>,
    /// Groups of that organization that the person will be a member of; at most 10.
    #[deserr(default)]
    groups: Vec<GroupId>,
    /// A role that the person will have for good; with `node`.
    #[deserr(default)]
    role: Option<RoleRef>,
    /// Where the person will have that role; with `role`.
    #[deserr(default)]
    node: Option<NodeId>,
}

/// List the invitations that the caller may see, newest first. Those that ended stay, without name and mail address.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/invitations",
    operation_id = "list_invitations",
    tag = "people",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of invitations.", body = Page<body::Invitation>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::InvitationList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = invitation::list(context.table()?, &reach.tenant, slice).await?;
    listed.items = reach.keep(&context, listed.items, Invitation::home).await?;
    let now = context.now();
    Answer::ok(&paging.page(listed, |invitation| body::Invitation::at(&invitation, now)))
}

/// Invite somebody. A mail with a link is sent, which is good for 7 days and once.
///
/// The caller must hold whatever the person will have: by the role, and by the groups.
#[utoipa::path(
    post,
    path = "/v1/invitations",
    operation_id = "create_invitation",
    tag = "people",
    request_body = NewInvitation,
    responses(
        (status = 201, description = "Invited. The mail is on its way.", body = body::Invitation),
        (status = 409, description = "The mail address is a person's of the tenant, or is invited already.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::InvitationCreate>,
    Body { value, idempotency }: Body<NewInvitation>,
) -> Result<Answer, Problem> {
    let role = role(&value)?;
    let home = home(&context, &reach, &value).await?;
    let scope = reach.at(&context, home).await?;
    let organization = scope.place().organization().ok_or(Problem::NotFound("organization"))?;
    let groups = groups(&context, &scope, organization, value.groups).await?;
    gifts::must_be_own(&context, &scope, Permission::InvitationCreate, &groups, role, "/v1/invitations")
        .await?;
    if user::is_known(context.table()?, &scope.tenant, &value.email).await? {
        return Err(Refusal::Taken("mail address").into());
    }

    let now = context.now();
    let made = Invitation {
        id: context.new_id(),
        tenant: scope.tenant.tenant(),
        organization,
        division: scope.place().division(),
        email: Some(value.email),
        name: value.name,
        groups,
        role,
        sender: scope.rights.principal().subject(),
        state: InvitationState::Open,
        expires_at: now + GOOD_FOR,
        user: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let body = body::Invitation::at(&made, now);
    let changed = load::without_personal_data(changes(&serde_json::Value::Null, &body));
    let event = scope.event(&context, Resource::new("invitation", made.id), made.version, changed);
    let mut transaction = Transaction::new();
    invitation::create(&mut transaction, &scope.tenant, &made)?;
    node::attach(&mut transaction, &scope.tenant, made.id, scope.place())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::created(format!("/v1/invitations/{}", made.id), &body)?.version(made.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

fn role(value: &NewInvitation) -> Result<Option<(RoleRef, NodeId)>, Problem> {
    match (value.role, value.node) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Problem::invalid("/node", "is missing: where is the role given?")),
        (None, Some(_)) => Err(Problem::invalid("/role", "is missing: which role is given there?")),
        (Some(_), Some(node)) if !node.bears_bindings() => {
            Err(Problem::invalid("/node", "is not a place that roles are given on"))
        }
        (Some(role), Some(node)) => Ok(Some((role, node))),
    }
}

/// Where the person will belong.
async fn home(
    context: &Context,
    reach: &Reach<right::InvitationCreate>,
    value: &NewInvitation,
) -> Result<NodeId, Problem> {
    let organization = match (value.organization_id, value.division_id) {
        (Some(organization), _) => {
            let found = load::place(context, &reach.tenant, organization.into()).await?;
            let fault = || Problem::invalid("/organization_id", "is not an organization of this tenant");
            found.ok_or_else(fault)?;
            organization
        }
        (None, Some(division)) => {
            let found = load::place(context, &reach.tenant, division.into()).await?;
            let fault = || Problem::invalid("/division_id", "is not a division of this tenant");
            found.and_then(|place| place.organization()).ok_or_else(fault)?
        }
        (None, None) => {
            let slice = Slice { limit: 1, oldest_first: true, ..Slice::default() };
            let oldest = organization::list(context.table()?, &reach.tenant, slice).await?;
            let fault = || Problem::invalid("/organization_id", "is missing: the tenant has no organization");
            oldest.items.first().ok_or_else(fault)?.id
        }
    };
    Ok(load::home(context, &reach.tenant, organization, value.division_id).await?.node)
}

/// The groups, each once and of the organization.
async fn groups(
    context: &Context,
    caller: &Caller,
    organization: OrganizationId,
    wanted: Vec<GroupId>,
) -> Result<Vec<GroupId>, Problem> {
    if wanted.len() > MOST_GROUPS {
        return Err(Problem::invalid("/groups", "has more than 10 groups"));
    }
    let mut faults = Faults::default();
    let mut groups: Vec<GroupId> = Vec::with_capacity(wanted.len());
    for (at, id) in wanted.into_iter().enumerate() {
        let found = group::find(context.table()?, &caller.tenant, id).await?;
        if found.is_none_or(|group| group.organization != organization) {
            faults.push(format!("/groups/{at}"), "is not a group of the person's organization");
        } else if !groups.contains(&id) {
            groups.push(id);
        }
    }
    faults.into_result().map_err(Problem::Invalid)?;
    Ok(groups)
}
