//! `/v1/workload-trusts/{trust}`: reading, changing and ending a trust in workloads.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::{KeyId, WorkloadTrustId};
use rookery_domain::identity_provider::IssuerUrl;
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::Name;
use rookery_domain::workload_trust::{self as domain, ClaimValue, Terms};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{TenantScope, Transaction, workload_trust};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::oauth_clients::may_act_as;
use crate::workload_trusts::{Condition, WorkloadTrust, check};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, change, delete))
}

async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<domain::WorkloadTrust, Problem> {
    let found = workload_trust::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("workload trust"))
}

/// Read a trust in workloads.
#[utoipa::path(
    get,
    path = "/v1/workload-trusts/{trust}",
    operation_id = "read_workload_trust",
    tag = "provider",
    params(("trust" = WorkloadTrustId, Path)),
    responses(
        (status = 200, description = "The trust.", body = WorkloadTrust),
        (status = 404, description = "There is no such trust.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::WorkloadTrustRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let trust = load(&context, &scope.tenant, &id).await?;
    let version = trust.version;
    Ok(Answer::ok(&WorkloadTrust::from(trust))?.version(version))
}

/// What may be changed of a trust. What is absent stays as it is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct TrustPatch {
    #[deserr(default)]
    name: Option<Name>,
    #[deserr(default)]
    issuer: Option<IssuerUrl>,
    #[deserr(default)]
    audience: Option<ClaimValue>,
    /// All of the conditions that there are then.
    #[deserr(default)]
    conditions: Option<Vec<Condition>>,
    #[deserr(default)]
    service_key_id: Option<KeyId>,
}

impl TrustPatch {
    fn apply(self, before: Terms) -> Terms {
        let conditions = self.conditions.map(|list| list.into_iter().map(Into::into).collect());
        Terms {
            name: self.name.unwrap_or(before.name),
            issuer: self.issuer.unwrap_or(before.issuer),
            audience: self.audience.unwrap_or(before.audience),
            conditions: conditions.unwrap_or(before.conditions),
            service_key: self.service_key_id.unwrap_or(before.service_key),
        }
    }
}

/// Change a trust. Whoever changes more than its name has to hold the rights that it gives.
#[utoipa::path(
    patch,
    path = "/v1/workload-trusts/{trust}",
    operation_id = "change_workload_trust",
    tag = "provider",
    params(("trust" = WorkloadTrustId, Path), ("If-Match" = Option<String>, Header)),
    request_body = TrustPatch,
    responses(
        (status = 200, description = "The trust as it is now.", body = WorkloadTrust),
        (status = 404, description = "There is no such trust.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn change(
    State(context): State<Context>,
    scope: Scope<right::WorkloadTrustUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<TrustPatch>,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let terms = value.apply(before.terms.clone());
    if terms == before.terms {
        return Ok(Answer::ok(&WorkloadTrust::from(before.clone()))?.version(before.version));
    }
    check(&context, &terms)?;
    // Who is let in decides as much as what they may.
    if terms != (Terms { name: terms.name.clone(), ..before.terms.clone() }) {
        may_act_as(&context, &scope, terms.service_key, Permission::WorkloadTrustUpdate).await?;
    }
    let after = before.changed(terms, context.now());

    let body = WorkloadTrust::from(after.clone());
    let changed = changes(&WorkloadTrust::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("workload_trust", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    workload_trust::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// End a trust. Tokens that were given for it are refused everywhere within 60 seconds.
#[utoipa::path(
    delete,
    path = "/v1/workload-trusts/{trust}",
    operation_id = "delete_workload_trust",
    tag = "provider",
    params(("trust" = WorkloadTrustId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Ended."),
        (status = 404, description = "There is no such trust.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::WorkloadTrustDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let trust = load(&context, &scope.tenant, &id).await?;
    if_match.check(trust.version)?;
    let changed = changes(&WorkloadTrust::from(trust.clone()), &serde_json::Value::Null);
    let event = scope.event(&context, Resource::new("workload_trust", trust.id), trust.version + 1, changed);
    let mut transaction = Transaction::new();
    workload_trust::delete(&mut transaction, &scope.tenant, &trust);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
