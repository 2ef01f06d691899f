//! `/v1/audit/events`: listing what happened.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::State;
use jiff::Timestamp;
use rookery_domain::audit::ids_between;
use rookery_domain::event::{Action, Actor, Change, DenialReason, Event, Origin, Outcome, Resource};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{EventId, TenantId};
use rookery_domain::moment::Moment;
use rookery_domain::permission::right;
use rookery_domain::text::ParseError;
use rookery_domain::usage::Meter;
use rookery_edge::{Answer, Context, Document, Page, Params, Problem, Scope};
use rookery_store::audit::{self, Logged, Query};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list))
}

/// An entry of the audit trail: an event, its number, and the hash of its leaf.
///
/// Without `seq` and `leaf_hash`, and without `changes` and `measures` where they are empty, this is the event. Its
/// RFC 8785 form is the leaf; SHA-256 over a zero byte and the leaf is `leaf_hash` (RFC 6962, section 2.1).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// The entry's number. A tenant's entries are numbered from 1 on without gaps.
    pub seq: u64,
    /// The event's id. Ids sort by time.
    pub id: EventId,
    /// Whose event it is.
    pub tenant: TenantId,
    /// When it happened.
    pub at: Timestamp,
    /// What was done or tried: the name of the permission that it takes.
    pub action: Action,
    /// Whether it was done, or refused for want of a right.
    pub outcome: Outcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenialReason>,
    /// Who did it.
    pub actor: Actor,
    /// To what.
    pub resource: Resource,
    /// The resource's version after it; 1 for what was refused.
    pub version: u64,
    /// From where: address, user agent, request id and trace.
    pub origin: Origin,
    /// The fields that changed, before and after. Secrets are never among them.
    pub changes: Vec<Change>,
    /// What it used, by meter.
    pub measures: BTreeMap<Meter, u64>,
    /// SHA-256 of the entry's leaf.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub leaf_hash: Sha256,
}

impl From<Logged> for Entry {
    fn from(logged: Logged) -> Self {
        let Event {
            id,
            tenant,
            action,
            resource,
            version,
            at,
            actor,
            origin,
            outcome,
            reason,
            changes,
            measures,
        } = logged.event;
        let (seq, leaf_hash) = (logged.seq, logged.leaf);
        Self {
            seq,
            id,
            tenant,
            at,
            action,
            outcome,
            reason,
            actor,
            resource,
            version,
            origin,
            changes,
            measures,
            leaf_hash,
        }
    }
}

/// `allowed` or `denied`, as a question names it.
struct AskedOutcome(Outcome);

impl FromStr for AskedOutcome {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "allowed" => Ok(Self(Outcome::Allowed)),
            "denied" => Ok(Self(Outcome::Denied)),
            _ => Err(ParseError::new("is neither allowed nor denied")),
        }
    }
}

/// List the audit trail, newest first: every change and every refused attempt.
///
/// An entry appears a few seconds after what it tells of. With filters a page may hold fewer entries than its limit, or none,
/// and still have a next one.
#[utoipa::path(
    get,
    path = "/v1/audit/events",
    tag = "audit",
    params(
        ("actor" = Option<String>, Query, description = "Id of who acted, such as an API key."),
        ("resource" = Option<String>, Query, description = "Id of what it is about."),
        ("action" = Option<String>, Query, description = "What was done, such as `release.ramp`."),
        ("outcome" = Option<Outcome>, Query, description = "Whether it was done or refused."),
        ("from" = Option<Moment>, Query, description = "Not before this instant or date."),
        ("to" = Option<Moment>, Query, description = "Before this instant or date."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A page of entries.", body = Page<Entry>),
        (status = 400, description = "A parameter is faulty.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::AuditRead>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let query = query(&mut params);
    let (slice, paging) = params.paging(&scope.tenant)?;
    if !query.may_continue(slice.after.as_deref()) {
        return Err(Params::foreign_cursor());
    }
    let listed = audit::list(context.table()?, &scope.tenant, &query, slice).await?;
    Answer::ok(&paging.page(listed, Entry::from))
}

fn query(params: &mut Params) -> Query {
    let mut text = |name: &str| params.take_text(name);
    let (actor, resource) = (text("actor"), text("resource"));
    let action = params.take("action").map(|action: Action| action.to_string());
    let outcome = params.take("outcome").map(|AskedOutcome(outcome)| outcome);
    let (from, to): (Option<Moment>, Option<Moment>) = (params.take("from"), params.take("to"));
    let between = ids_between(from, to);
    if between.is_none() {
        params.fault("to", "is not after from");
    }
    Query { actor, resource, action, outcome, between }
}
