//! `/v1/bindings`: listing who has which role where, and giving roles.

use axum::extract::State;
use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::binding::{Binding, Condition, Grant, MOST_PER_SUBJECT, Subject, time_faults};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::key::KeyOwner;
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::{Permission, right};
use rookery_domain::role::RoleRef;
use rookery_domain::text::ParseError;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Reach, Scope, deciding};
use rookery_store::access::{self, Access};
use rookery_store::binding::{self, Which};
use rookery_store::{TenantScope, Transaction, credential, node, role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A role to be given.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewBinding {
    /// Who is to have it: a person, a group, or a service key, which has roles only where it works.
    subject_id: Subject,
    role: RoleRef,
    /// On what, and on everything below it: a tenant, an organization, a division, a workspace, a project or an app.
    node_id: NodeId,
    /// From when on; at once, unless given.
    #[deserr(default)]
    starts_at: Option<Instant>,
    /// Until when, not included; for good, unless given.
    #[deserr(default)]
    expires_at: Option<Instant>,
    /// What must hold at the moment of a request for the role to count.
    #[deserr(default)]
    condition: Option<Condition>,
}

/// An instant as bodies name it.
#[derive(Debug, Clone, Copy, Deserr, ToSchema)]
#[deserr(try_from(&String) = Instant::parse -> ParseError)]
#[schema(value_type = String, format = DateTime)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl Instant {
    fn parse(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("is not an RFC 3339 timestamp"))
    }
}

impl NewBinding {
    /// Everything about it that can be wrong by itself.
    fn faults(&self, now: Timestamp) -> Faults {
        let mut faults = Faults::default();
        if !self.node_id.bears_bindings() {
            faults.push("/node_id", "is nothing that roles are given on");
        }
        let (starts, expires) = (self.starts_at.map(|at| at.0), self.expires_at.map(|at| at.0));
        for (pointer, detail) in time_faults(starts, expires, now) {
            faults.push(pointer, detail);
        }
        for (pointer, detail) in self.condition.iter().flat_map(|condition| condition.faults(self.subject_id))
        {
            faults.push(format!("/condition{pointer}"), detail);
        }
        faults
    }
}

/// List who has which role where, as far as the caller may see it, newest first.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/bindings",
    operation_id = "list_bindings",
    tag = "rights",
    params(
        ("subject" = Option<Subject>, Query, description = "Only what was given to this person, group or key itself."),
        ("node" = Option<NodeId>, Query, description = "Only what was given on this place itself."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, description = "A page of bindings.", body = Page<body::Binding>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::BindingList>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let (subject, node): (Option<Subject>, Option<NodeId>) = (params.take("subject"), params.take("node"));
    let (slice, paging) = params.paging(&reach.tenant)?;
    let which = match (subject, node) {
        (Some(subject), _) => Which::Of(subject),
        (None, Some(node)) => Which::On(node),
        (None, None) => Which::All,
    };
    let mut listed = binding::list(context.table()?, &reach.tenant, which, slice).await?;
    let mut kept = Vec::with_capacity(listed.items.len());
    for found in listed.items {
        let asked_for = node.is_none_or(|node| found.grant.node == node);
        if asked_for && may_see(&context, &reach, &found).await? {
            kept.push(found);
        }
    }
    listed.items = kept;
    Answer::ok(&paging.page(listed, body::Binding::from))
}

/// Whether the caller may see a binding. What was given on a place that is gone is seen by those above it, who can take it away.
async fn may_see(
    context: &Context,
    reach: &Reach<right::BindingList>,
    found: &Binding,
) -> Result<bool, Problem> {
    match context.lineage(&reach.tenant, found.grant.node).await? {
        Some(place) => reach.may(context, Permission::BindingList, &place),
        None => reach.holds_at(context, found.id()).await,
    }
}

/// Give somebody a role somewhere.
///
/// Nobody gives more than they have: the caller must hold everything that the role holds, on that place, unconditionally and for at
/// least as long. It counts everywhere within 60 seconds.
#[utoipa::path(
    post,
    path = "/v1/bindings",
    operation_id = "create_binding",
    tag = "rights",
    request_body = NewBinding,
    responses(
        (status = 201, description = "Given.", body = body::Binding),
        (status = 403, description = "The caller may give no roles there, or does not have what the role holds.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "Nobody has more than 100 bindings.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::BindingCreate>,
    Body { value, idempotency }: Body<NewBinding>,
) -> Result<Answer, Problem> {
    value.faults(context.now()).into_result().map_err(Problem::Invalid)?;
    let scope = reach.at(&context, value.node_id).await.map_err(|problem| problem.in_body("/node_id"))?;
    let (value, scope) = (&value, &scope);
    deciding(async || {
        let access = subject(&context, &scope.tenant, value.subject_id, scope.place()).await?;
        let held = role::permissions(context.table()?, &scope.tenant, value.role).await?;
        let held = held.ok_or_else(|| Problem::invalid("/role", "does not exist"))?;
        let until = value.expires_at.map(|at| at.0);
        if let Some(lacking) = scope.cannot_hand_on(&context, &held, scope.place(), until)? {
            let right = Permission::BindingCreate;
            return Err(scope.beyond_own_rights(&context, right, lacking, "/v1/bindings").await?);
        }
        if access.grants.len() >= MOST_PER_SUBJECT {
            let detail =
                format!("{} has {MOST_PER_SUBJECT} bindings; take some away first", value.subject_id);
            return Err(Problem::conflict("too-many-bindings", detail));
        }
        let made = made(&context, &scope.tenant, value);
        let transaction = giving(&context, scope, access, &made).await?;
        let answer = Answer::created(format!("/v1/bindings/{}", made.id()), &body::Binding::from(made))?;
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer.version(1)).await
    })
    .await
}

fn made(context: &Context, scope: &TenantScope, value: &NewBinding) -> Binding {
    Binding {
        tenant: scope.tenant(),
        subject: value.subject_id,
        grant: Grant {
            binding: context.new_id(),
            role: value.role,
            node: value.node_id,
            starts_at: value.starts_at.map(|at| at.0),
            expires_at: value.expires_at.map(|at| at.0),
            condition: value.condition.clone(),
        },
        version: 1,
        created_at: context.now(),
    }
}

/// What decides about whoever is to have the role, who must be there. A personal key is nobody of its own, and a service key has
/// rights only where it works.
async fn subject(
    context: &Context,
    scope: &TenantScope,
    subject: Subject,
    place: &Lineage,
) -> Result<Access, Problem> {
    let table = context.table()?;
    if let Subject::Key(id) = subject
        && let Some(found) = credential::find(table, scope, id).await?
    {
        let fault = match found.key.owner {
            KeyOwner::User(_) => Some("is a personal key, which may do what its owner may"),
            KeyOwner::Node(node) if !place.is_within(node) => {
                Some("is a service key that works elsewhere; it has roles at its place and below it")
            }
            KeyOwner::Node(_) => None,
        };
        if let Some(fault) = fault {
            return Err(Problem::invalid("/subject_id", fault));
        }
    }
    let found = access::find(table, scope, subject).await?;
    found.ok_or_else(|| Problem::invalid("/subject_id", "does not exist"))
}

/// Everything that is written when a role is given.
async fn giving(
    context: &Context,
    scope: &Scope<right::BindingCreate>,
    mut access: Access,
    made: &Binding,
) -> Result<Transaction, Problem> {
    let tenant = &scope.tenant;
    let mut transaction = Transaction::new();
    binding::create(&mut transaction, tenant, made)?;
    node::attach(&mut transaction, tenant, made.id(), scope.place())?;
    node::require(&mut transaction, tenant, made.grant.node);
    if let RoleRef::Custom(id) = made.grant.role {
        node::count(&mut transaction, tenant, id.into(), 1);
    }
    let active = !access.suspended;
    access.grants.push(made.grant.clone());
    access::replace(&mut transaction, tenant, made.subject, &access)?;
    if let Some(user) = made.owner().filter(|_| active) {
        access::add_owner(context.table()?, &mut transaction, tenant, user).await?;
    }
    let changed = changes(&serde_json::Value::Null, &body::Binding::from(made.clone()));
    let event = scope.event(context, Resource::new("binding", made.id()), made.version, changed);
    transaction.event(tenant, &event)?;
    Ok(transaction)
}
