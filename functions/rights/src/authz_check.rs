//! `POST /v1/authz/check`: asking what somebody may do, and why.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use deserr::Deserr;
use rookery_access::{Basis, Decision, Denial, Principal as Holder, Rights, Why};
use rookery_domain::binding::{Circumstances, Subject};
use rookery_domain::event::DenialReason;
use rookery_domain::fault::Faults;
use rookery_domain::id::{BindingId, GroupId, KeyId, UserId};
use rookery_domain::key::{Credential, KeyOwner};
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_domain::role::RoleRef;
use rookery_domain::text::ParseError;
use rookery_edge::{Answer, Body, Caller, Context, Document, PrincipalId, Problem};
use rookery_store::{access, credential};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bindings::Instant;

/// Most questions of one request.
const MOST: usize = 50;
const PATH: &str = "/v1/authz/check";

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(check))
}

/// Questions.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Checks {
    /// 1 to 50 of them.
    #[schema(min_items = 1, max_items = 50)]
    checks: Vec<Check>,
}

/// Whether somebody may do something with something.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Check {
    permission: Permission,
    /// Anything that stands in the tree of the tenant.
    resource_id: NodeId,
    /// Who: a person or an API key; the caller, unless given.
    #[deserr(default)]
    #[schema(value_type = Option<String>, required = false)]
    principal_id: Option<Asked>,
    /// When; now, unless given.
    #[deserr(default)]
    at: Option<Instant>,
    /// From which address; unless given, the caller's own for the caller and none for others.
    #[deserr(default)]
    address: Option<Address>,
    /// How long before a second factor was used; unless given, none was.
    #[deserr(default)]
    second_factor_age_s: Option<u32>,
}

/// Who is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserr)]
#[deserr(try_from(&String) = Asked::parse -> ParseError)]
enum Asked {
    User(UserId),
    Key(KeyId),
}

impl Asked {
    fn parse(text: &str) -> Result<Self, ParseError> {
        match text.parse()? {
            Subject::User(id) => Ok(Self::User(id)),
            Subject::Key(id) => Ok(Self::Key(id)),
            Subject::Group(_) => Err(ParseError::new("is a group, which does nothing by itself")),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserr, ToSchema)]
#[deserr(try_from(&String) = Address::parse -> ParseError)]
#[schema(value_type = String)]
struct Address(IpAddr);

impl Address {
    fn parse(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("is not a network address"))
    }
}

/// The answers, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdicts {
    results: Vec<Verdict>,
}

/// Whether it is allowed, and why.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Verdict {
    allowed: bool,
    /// What allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<BasisBody>,
    /// Why it is not allowed: `no_binding`, `out_of_time`, `condition`, `key_scope`, `key_revoked`, `key_expired`, `key_address`,
    /// `suspended`, or `not_found` for a resource or principal that does not exist. Whoever lacks `authz.check` on the resource is
    /// told `not_found` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    reason: Option<Reason>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum Reason {
    NotFound(NotFound),
    Denied(DenialReason),
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum NotFound {
    NotFound,
}

/// What an answer rests on.
#[derive(Debug, Serialize, ToSchema)]
struct BasisBody {
    /// `binding`, or `own`: everybody may do it with what is their own.
    kind: &'static str,
    /// The binding that allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    binding_id: Option<BindingId>,
    /// Its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<RoleRef>,
    /// Where it was given: the resource itself, or what it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_id: Option<NodeId>,
    /// Who was given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_id: Option<Subject>,
    /// The way from the principal to the group that was given it, the principal's own group first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupId>,
}

impl From<Why> for BasisBody {
    fn from(why: Why) -> Self {
        match why {
            Why::Own => Self {
                kind: "own",
                binding_id: None,
                role: None,
                node_id: None,
                subject_id: None,
                groups: Vec::new(),
            },
            Why::Bound(Basis { binding, role, node, subject, groups }) => Self {
                kind: "binding",
                binding_id: Some(binding),
                role: Some(role),
                node_id: Some(node),
                subject_id: Some(subject),
                groups,
            },
        }
    }
}

impl Verdict {
    fn denied(reason: DenialReason) -> Self {
        Self { reason: Some(Reason::Denied(reason)), ..Self::default() }
    }

    fn not_found() -> Self {
        Self { reason: Some(Reason::NotFound(NotFound::NotFound)), ..Self::default() }
    }
}

/// Ask whether somebody may do something, up to 50 times at once. Nothing is done, and nothing is recorded but a refusal.
///
/// Everybody may ask about themselves. Asking about others takes `authz.check` on the resource, and so does being told why something
/// is denied. What is suspended may still be allowed here: this asks for rights only.
#[utoipa::path(
    post,
    path = "/v1/authz/check",
    operation_id = "check_rights",
    tag = "rights",
    request_body = Checks,
    responses(
        (status = 200, description = "The answers, in the order of the questions.", body = Verdicts),
        (status = 403, description = "A question is about somebody else, and the caller lacks `authz.check` on its resource.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn check(
    State(context): State<Context>,
    caller: Caller,
    Body { value, idempotency }: Body<Checks>,
) -> Result<Answer, Problem> {
    if value.checks.is_empty() || value.checks.len() > MOST {
        return Err(Problem::invalid("/checks", "holds 1 to 50 questions"));
    }
    let mut known = BTreeMap::new();
    let mut results = Vec::with_capacity(value.checks.len());
    for question in &value.checks {
        results.push(answer(&context, &caller, question, &mut known).await?);
    }
    context.commit_nothing(idempotency.as_ref(), Answer::ok(&Verdicts { results })?).await
}

/// Somebody who is asked about, as of now.
#[derive(Clone)]
struct Standing {
    rights: Arc<Rights>,
    suspended: bool,
    /// The key that is asked about, if it is a key.
    credential: Option<Credential>,
}

async fn answer(
    context: &Context,
    caller: &Caller,
    question: &Check,
    known: &mut BTreeMap<Asked, Option<Standing>>,
) -> Result<Verdict, Problem> {
    let asked = question.principal_id.filter(|asked| !is_caller(caller, *asked));
    let place = context.lineage(&caller.tenant, question.resource_id).await?;
    let Some(place) = place else {
        // Who may ask about others somewhere is told that there is no such thing; nobody else asks about others at all.
        let may_ask = asked.is_none() || caller.rights.anywhere(Permission::AuthzCheck, context.now());
        return if may_ask { Ok(Verdict::not_found()) } else { Err(refused(context, caller).await?) };
    };
    let insight = caller.may(context, Permission::AuthzCheck, &place)?;
    let verdict = match asked {
        None => of_caller(context, caller, question, &place)?,
        Some(_) if !insight => return Err(refused(context, caller).await?),
        Some(asked) => {
            let standing = match known.entry(asked) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(standing(context, caller, asked).await?),
            };
            match standing {
                Some(standing) => of_other(context, standing, question, &place)?,
                None => return Ok(Verdict::not_found()),
            }
        }
    };
    Ok(if insight { verdict } else { Verdict { reason: None, ..verdict } })
}

/// Whether somebody named is the caller. A person who acts through a key that may do less is not that key.
fn is_caller(caller: &Caller, asked: Asked) -> bool {
    match asked {
        Asked::Key(id) => caller.principal.id() == PrincipalId::Key(id),
        Asked::User(id) => {
            caller.principal.person() == Some(id)
                && caller.principal.impersonator().is_none()
                && caller.principal.limits().scopes == rookery_domain::key::Scopes::All
        }
    }
}

async fn refused(context: &Context, caller: &Caller) -> Result<Problem, Problem> {
    let right = Permission::AuthzCheck;
    let reason =
        if caller.principal.allows(right) { DenialReason::NoBinding } else { DenialReason::KeyScope };
    caller.refuse(context, right, PATH, reason).await
}

fn of_caller(
    context: &Context,
    caller: &Caller,
    question: &Check,
    place: &Lineage,
) -> Result<Verdict, Problem> {
    if !caller.principal.allows(question.permission) {
        return Ok(Verdict::denied(DenialReason::KeyScope));
    }
    let own = caller.circumstances(context.now());
    let circumstances = Circumstances {
        now: question.at.map_or(own.now, |at| at.0),
        address: question.address.map(|address| address.0).or(own.address),
        second_factor_age_s: question.second_factor_age_s.map(i64::from).or(own.second_factor_age_s),
    };
    decided(&caller.rights, question.permission, place, &circumstances)
}

fn of_other(
    context: &Context,
    standing: &Standing,
    question: &Check,
    place: &Lineage,
) -> Result<Verdict, Problem> {
    let circumstances = Circumstances {
        now: question.at.map_or_else(|| context.now(), |at| at.0),
        address: question.address.map(|address| address.0),
        second_factor_age_s: question.second_factor_age_s.map(i64::from),
    };
    let refused = match &standing.credential {
        _ if standing.suspended => Some(DenialReason::Suspended),
        Some(key) if key.revoked_at.is_some() => Some(DenialReason::KeyRevoked),
        Some(key) if !key.valid_at(circumstances.now) => Some(DenialReason::KeyExpired),
        Some(key) if !key.good_from(circumstances.address) => Some(DenialReason::KeyAddress),
        Some(key) if !key.scopes.allow(question.permission) => Some(DenialReason::KeyScope),
        _ => None,
    };
    match refused {
        Some(reason) => Ok(Verdict::denied(reason)),
        None => decided(&standing.rights, question.permission, place, &circumstances),
    }
}

fn decided(
    rights: &Rights,
    permission: Permission,
    place: &Lineage,
    circumstances: &Circumstances,
) -> Result<Verdict, Problem> {
    Ok(match rights.decide(permission, place, circumstances).map_err(Problem::internal)? {
        Decision::Allowed(why) => Verdict { allowed: true, basis: Some(why.into()), reason: None },
        Decision::Denied(Denial::NoBinding) => Verdict::denied(DenialReason::NoBinding),
        Decision::Denied(Denial::OutOfTime) => Verdict::denied(DenialReason::OutOfTime),
        Decision::Denied(Denial::Condition) => Verdict::denied(DenialReason::Condition),
    })
}

async fn standing(context: &Context, caller: &Caller, asked: Asked) -> Result<Option<Standing>, Problem> {
    let table = context.table()?;
    let (holder, credential) = match asked {
        Asked::User(id) => (Holder::User(id), None),
        Asked::Key(id) => {
            let Some(found) = credential::find(table, &caller.tenant, id).await? else { return Ok(None) };
            let holder = match found.key.owner {
                KeyOwner::User(owner) => Holder::User(owner),
                KeyOwner::Node(_) => Holder::Key(id),
            };
            (holder, Some(found.credential()))
        }
    };
    let Some(own) = access::find(table, &caller.tenant, holder.subject()).await? else { return Ok(None) };
    let rights = context.rights_of(&caller.tenant, holder).await?;
    Ok(rights.map(|rights| Standing { rights, suspended: own.suspended, credential }))
}
