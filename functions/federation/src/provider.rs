//! `/v1/identity-providers/{provider}`: reading, changing and deleting an identity provider.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::{IdentityProviderId, OrganizationId};
use rookery_domain::identity_provider::{Choice, MailDomain, MappedGroup, domains};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use rookery_store::identity_provider::{self, Found};
use rookery_store::{TenantScope, Transaction};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, choice};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, change, delete))
}

/// A provider of the tenant.
pub(crate) async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Found, Problem> {
    let found = identity_provider::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("identity provider"))
}

/// Read an identity provider.
#[utoipa::path(
    get,
    path = "/v1/identity-providers/{provider}",
    operation_id = "read_identity_provider",
    tag = "federation",
    params(("provider" = IdentityProviderId, Path)),
    responses(
        (status = 200, description = "The identity provider.", body = body::IdentityProvider),
        (status = 404, description = "There is no such identity provider.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::IdentityProviderRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load(&context, &scope.tenant, &id).await?.provider;
    let version = found.version;
    Ok(Answer::ok(&body::IdentityProvider::from(found))?.version(version))
}

/// What may be changed of an identity provider. What is absent stays as it is. Who it is cannot be changed: people are known by it.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct IdentityProviderPatch {
    #[deserr(default)]
    name: Option<Name>,
    #[deserr(default)]
    enabled: Option<bool>,
    #[deserr(default)]
    client_id: Option<String>,
    /// Another secret, or `null` for a client without one.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Password)]
    client_secret: Patch<String>,
    /// All domains that it is to vouch for. Those that stay keep that they were verified.
    #[deserr(default)]
    mail_domains: Option<Vec<MailDomain>>,
    #[deserr(default)]
    #[schema(value_type = Option<OrganizationId>)]
    organization_id: Patch<OrganizationId>,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    group_claim: Patch<String>,
    #[deserr(default)]
    groups: Option<Vec<MappedGroup>>,
}

impl std::fmt::Debug for IdentityProviderPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityProviderPatch(…)")
    }
}

/// Change an identity provider.
#[utoipa::path(
    patch,
    path = "/v1/identity-providers/{provider}",
    operation_id = "change_identity_provider",
    tag = "federation",
    params(("provider" = IdentityProviderId, Path), ("If-Match" = Option<String>, Header)),
    request_body = IdentityProviderPatch,
    responses(
        (status = 200, description = "The identity provider as it is now.", body = body::IdentityProvider),
        (status = 403, description = "The caller lacks the right, may not invite people to the organization, or lacks what a group gives.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "There is no such identity provider.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn change(
    State(context): State<Context>,
    scope: Scope<right::IdentityProviderUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<IdentityProviderPatch>,
) -> Result<Answer, Problem> {
    let Found { provider: before, secret } = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let old = before.choice.clone();
    let choice = Choice {
        name: value.name.unwrap_or(old.name),
        enabled: value.enabled.unwrap_or(old.enabled),
        client_id: value.client_id.unwrap_or(old.client_id),
        domains: match value.mail_domains {
            Some(chosen) => domains(chosen, &old.domains),
            None => old.domains,
        },
        organization: value.organization_id.apply(old.organization),
        group_claim: value.group_claim.apply(old.group_claim),
        groups: value.groups.unwrap_or(old.groups),
    };
    let new = match &value.client_secret {
        Patch::Set(secret) => Some(secret.as_str()),
        Patch::Keep | Patch::Clear => None,
    };
    choice::check(&choice, new)?;
    let right = Permission::IdentityProviderUpdate;
    choice::must_be_own(&context, &scope, right, Some(&before.choice), &choice).await?;
    let now = context.now();
    let (secret, set_at) = match &value.client_secret {
        Patch::Keep => (secret, before.secret_set_at),
        Patch::Clear => (None, None),
        Patch::Set(new) => {
            let sealed = identity_provider::seal(&context.sealer(), &scope.tenant, before.id, new).await?;
            (Some(sealed), Some(now))
        }
    };
    if choice == before.choice && set_at == before.secret_set_at {
        let version = before.version;
        return Ok(Answer::ok(&body::IdentityProvider::from(before))?.version(version));
    }
    let after = before.changed(choice, set_at, now);

    let body = body::IdentityProvider::from(after.clone());
    let changed = changes(&body::IdentityProvider::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("identity_provider", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    identity_provider::replace(&mut transaction, &scope.tenant, &before, &after, secret.as_ref())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// Let nobody log in by an identity provider any more. Sessions that were begun by it go on; people stay.
#[utoipa::path(
    delete,
    path = "/v1/identity-providers/{provider}",
    operation_id = "delete_identity_provider",
    tag = "federation",
    params(("provider" = IdentityProviderId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such identity provider.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::IdentityProviderDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?.provider;
    if_match.check(before.version)?;
    let changed = changes(&body::IdentityProvider::from(before.clone()), &serde_json::Value::Null);
    let resource = Resource::new("identity_provider", before.id);
    let event = scope.event(&context, resource, before.version + 1, changed);
    let mut transaction = Transaction::new();
    identity_provider::delete(&mut transaction, &scope.tenant, &before);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
