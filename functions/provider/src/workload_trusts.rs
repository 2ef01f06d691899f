//! `/v1/workload-trusts`: listing and making trusts in workloads.

use axum::extract::State;
use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{KeyId, WorkloadTrustId};
use rookery_domain::identity_provider::IssuerUrl;
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::Name;
use rookery_domain::workload_trust::{self as domain, ClaimName, ClaimValue, Terms};
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope};
use rookery_store::{Transaction, workload_trust};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::oauth_clients::may_act_as;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// What a token has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Condition {
    /// The claim.
    pub claim: ClaimName,
    /// Its value, letter by letter.
    pub equals: ClaimValue,
}

impl From<domain::Condition> for Condition {
    fn from(condition: domain::Condition) -> Self {
        Self { claim: condition.claim, equals: condition.equals }
    }
}

impl From<Condition> for domain::Condition {
    fn from(condition: Condition) -> Self {
        Self { claim: condition.claim, equals: condition.equals }
    }
}

/// Whose builds get the rights of a service key.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkloadTrust {
    /// Its id: the `audience` of the exchange.
    pub id: WorkloadTrustId,
    /// What people call it.
    pub name: Name,
    /// Whose tokens are taken.
    pub issuer: IssuerUrl,
    /// Whom they have to be for: their `aud`.
    pub audience: ClaimValue,
    /// What they have to say, all of it.
    pub conditions: Vec<Condition>,
    /// The service key whose rights are given for them.
    pub service_key_id: KeyId,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<domain::WorkloadTrust> for WorkloadTrust {
    fn from(trust: domain::WorkloadTrust) -> Self {
        let terms = trust.terms;
        Self {
            id: trust.id,
            name: terms.name,
            issuer: terms.issuer,
            audience: terms.audience,
            conditions: terms.conditions.into_iter().map(Condition::from).collect(),
            service_key_id: terms.service_key,
            version: trust.version,
            created_at: trust.created_at,
            updated_at: trust.updated_at,
        }
    }
}

/// A trust to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewTrust {
    /// What people call it.
    name: Name,
    /// Whose tokens are taken: `https://token.actions.githubusercontent.com`, `https://gitlab.com`, or another that publishes its keys.
    issuer: IssuerUrl,
    /// Whom they have to be for: their `aud`.
    audience: ClaimValue,
    /// What they have to say, 1 to 20. For GitHub and GitLab, one of them says whose.
    conditions: Vec<Condition>,
    /// The service key whose rights are given for them.
    service_key_id: KeyId,
}

/// List the tenant's trusts in workloads, newest first.
#[utoipa::path(
    get,
    path = "/v1/workload-trusts",
    operation_id = "list_workload_trusts",
    tag = "provider",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of trusts.", body = Page<WorkloadTrust>))
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::WorkloadTrustList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let listed = workload_trust::list(context.table()?, &scope.tenant, slice).await?;
    Answer::ok(&paging.page(listed, WorkloadTrust::from))
}

/// Let builds have the rights of a service key, without a secret. Only for those who hold these rights themselves.
#[utoipa::path(
    post,
    path = "/v1/workload-trusts",
    operation_id = "create_workload_trust",
    tag = "provider",
    request_body = NewTrust,
    responses(
        (status = 201, description = "Created.", body = WorkloadTrust),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::WorkloadTrustCreate>,
    Body { value, idempotency }: Body<NewTrust>,
) -> Result<Answer, Problem> {
    let terms = Terms {
        name: value.name,
        issuer: value.issuer,
        audience: value.audience,
        conditions: value.conditions.into_iter().map(Into::into).collect(),
        service_key: value.service_key_id,
    };
    check(&context, &terms)?;
    may_act_as(&context, &scope, terms.service_key, Permission::WorkloadTrustCreate).await?;
    let now = context.now();
    let trust = domain::WorkloadTrust {
        id: context.new_id(),
        tenant: scope.tenant.tenant(),
        terms,
        version: 1,
        created_at: now,
        updated_at: now,
    };

    let body = WorkloadTrust::from(trust.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("workload_trust", trust.id), trust.version, changed);
    let mut transaction = Transaction::new();
    workload_trust::create(&mut transaction, &scope.tenant, &trust)?;
    transaction.event(&scope.tenant, &event)?;
    let place = format!("/v1/workload-trusts/{}", trust.id);
    let answer = Answer::created(place, &body)?.version(trust.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// Refuses terms that cannot be, and issuers that are not asked for their keys.
pub(crate) fn check(context: &Context, terms: &Terms) -> Result<(), Problem> {
    let mut faults = terms.faults();
    if context.clients().outbound().check(terms.issuer.as_str()).is_err() {
        faults.push("/issuer", "is not an https URL of a public host");
    }
    faults.into_result().map_err(Problem::Invalid)
}
