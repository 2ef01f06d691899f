//! `/v1/api-keys/{key}`: reading, changing and revoking an API key.

use axum::extract::{Path, State};
use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::binding::Range;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::KeyId;
use rookery_domain::key::{ApiKey, Limits};
use rookery_domain::permission::right;
use rookery_domain::quota::Quota;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, wire};
use rookery_store::{TenantScope, Transaction, credential, quota};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api_keys::{self, Expiry};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, change, revoke))
}

/// Read an API key. Its secret is not part of it.
#[utoipa::path(
    get,
    path = "/v1/api-keys/{key}",
    operation_id = "read_api_key",
    tag = "identity",
    params(("key" = KeyId, Path)),
    responses(
        (status = 200, description = "The key.", body = wire::ApiKey),
        (status = 404, description = "There is no such key.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::ApiKeyRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let key = load(&context, &scope.tenant, &id).await?.key;
    answered(&context, &scope.tenant, key).await
}

/// Loads a key of the caller's tenant, or answers that there is none.
pub(crate) async fn load(
    context: &Context,
    scope: &TenantScope,
    id: &str,
) -> Result<credential::Found, Problem> {
    let found = credential::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("API key"))
}

async fn answered(context: &Context, scope: &TenantScope, key: ApiKey) -> Result<Answer, Problem> {
    let uses = credential::last_uses(context.table()?, scope, [key.id]).await?;
    let (last_used_at, version) = (uses.get(&key.id).copied(), key.version);
    Ok(Answer::ok(&wire::ApiKey { last_used_at, ..key.into() })?.version(version))
}

/// What may be changed of an API key. What is absent stays as it is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ApiKeyPatch {
    #[deserr(default)]
    name: Option<Name>,
    /// Fewer scopes: none that the key does not hold.
    #[deserr(default)]
    scopes: Option<Vec<String>>,
    /// Other address ranges, at most 20; `null` or none: from anywhere.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<Range>>, required = false)]
    addresses: Patch<Vec<Range>>,
    /// From when on the key is refused; `null`: never.
    #[deserr(default)]
    #[schema(value_type = Option<Expiry>, required = false)]
    expires_at: Patch<Expiry>,
}

impl ApiKeyPatch {
    /// The key as it is to be. Its scopes only ever become fewer, and neither key nor whoever asks gains by the rest.
    fn apply(self, key: &ApiKey, own: &Limits, now: Timestamp) -> Result<ApiKey, Faults> {
        let mut faults = Faults::default();
        let scopes = self.scopes.as_deref().and_then(|wanted| api_keys::scopes(wanted, &mut faults));
        let before = key.limits();
        let expiry = self.expires_at.apply(before.expires_at.map(Expiry)).map(|expiry| expiry.0);
        let limits = Limits {
            scopes: scopes.unwrap_or_else(|| before.scopes.clone()),
            addresses: self.addresses.apply(Some(before.addresses.clone())).unwrap_or_default(),
            expires_at: expiry,
        };
        if !before.scopes.cover(&limits.scopes) {
            faults.push("/scopes", "go beyond the scopes that the key has");
        }
        let changed = limits.expires_at.filter(|_| limits.expires_at != before.expires_at);
        api_keys::check(&limits.addresses, changed, now, &mut faults);
        if limits != before && faults.0.is_empty() {
            faults = own.faults(&limits);
        }
        faults.into_result()?;
        let name = self.name.unwrap_or_else(|| key.name.clone());
        let same = name == key.name && limits == before;
        Ok(if same { key.clone() } else { key.changed(name, limits, now) })
    }
}

/// Change an API key: its name, fewer scopes, from where and until when it may be used.
///
/// What is changed may not go beyond what the key that asks for it may do itself. The change counts everywhere within 60 seconds.
#[utoipa::path(
    patch,
    path = "/v1/api-keys/{key}",
    operation_id = "change_api_key",
    tag = "identity",
    params(("key" = KeyId, Path), ("If-Match" = Option<String>, Header)),
    request_body = ApiKeyPatch,
    responses(
        (status = 200, description = "The key as it is now.", body = wire::ApiKey),
        (status = 404, description = "There is no such key.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It was revoked.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn change(
    State(context): State<Context>,
    scope: Scope<right::ApiKeyUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<ApiKeyPatch>,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.key.version)?;
    refuse_revoked(&before.key)?;
    let after =
        value.apply(&before.key, scope.principal.limits(), context.now()).map_err(Problem::Invalid)?;
    if after == before.key {
        return answered(&context, &scope.tenant, after).await;
    }

    let changed = changes(&wire::ApiKey::from(before.key.clone()), &wire::ApiKey::from(after.clone()));
    let event = scope.event(&context, Resource::new("api_key", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    credential::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = answered(&context, &scope.tenant, after).await?;
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// What was revoked stays as it is.
pub(crate) fn refuse_revoked(key: &ApiKey) -> Result<(), Problem> {
    match key.revoked_at {
        Some(_) => Err(Problem::conflict("revoked", "the API key was revoked; make another one")),
        None => Ok(()),
    }
}

/// Revoke an API key. It is refused everywhere within 60 seconds; its record stays for the audit trail.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{key}",
    operation_id = "revoke_api_key",
    tag = "identity",
    params(("key" = KeyId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Revoked, now or before."),
        (status = 404, description = "There is no such key.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn revoke(
    State(context): State<Context>,
    scope: Scope<right::ApiKeyRevoke>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.key.version)?;
    if before.key.revoked_at.is_some() {
        return Ok(Answer::no_content());
    }
    let after = before.key.revoked(context.now());

    let changed = changes(&wire::ApiKey::from(before.key.clone()), &wire::ApiKey::from(after.clone()));
    let event = scope.event(&context, Resource::new("api_key", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    credential::replace(&mut transaction, &scope.tenant, &before, &after)?;
    quota::give_back(&mut transaction, &scope.tenant, scope.place(), Quota::Keys, 1);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
