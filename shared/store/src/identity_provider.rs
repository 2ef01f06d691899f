//! The records of identity providers, their sealed secrets, and the mail domains by which they are found.

use jiff::Timestamp;
use rookery_domain::id::{IdentityProviderId, OrganizationId, TenantId};
use rookery_domain::identity_provider::{
    Choice, IdentityProvider, IssuerUrl, Kind, MailDomain, MappedGroup, OwnDomain,
};
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::{Purpose, Sealed, Sealer};
use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct ProviderRecord {
    id: IdentityProviderId,
    tenant: TenantId,
    #[serde(rename = "protocol")]
    what: Kind,
    issuer: IssuerUrl,
    name: Name,
    enabled: bool,
    client_id: String,
    domains: Vec<OwnDomain>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_claim: Option<String>,
    #[serde(default)]
    groups: Vec<MappedGroup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_set_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ProviderRecord {
    const KIND: &'static str = "identity_provider";
}

/// Whose a mail domain is.
#[derive(Debug, Serialize, Deserialize)]
struct DomainRecord {
    tenant: TenantId,
    provider: IdentityProviderId,
}

impl Record for DomainRecord {
    const KIND: &'static str = "mail_domain";
}

/// A provider as it was read, with its sealed secret.
#[derive(Debug, Clone)]
pub struct Found {
    /// The provider.
    pub provider: IdentityProvider,
    /// The secret of the client that the platform is there.
    pub secret: Option<Sealed>,
}

impl From<ProviderRecord> for Found {
    fn from(record: ProviderRecord) -> Self {
        let choice = Choice {
            name: record.name,
            enabled: record.enabled,
            client_id: record.client_id,
            domains: record.domains,
            organization: record.organization,
            group_claim: record.group_claim,
            groups: record.groups,
        };
        let provider = IdentityProvider {
            id: record.id,
            tenant: record.tenant,
            kind: record.what,
            issuer: record.issuer,
            choice,
            secret_set_at: record.secret_set_at,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        };
        Self { provider, secret: record.secret }
    }
}

fn record(provider: &IdentityProvider, secret: Option<&Sealed>) -> ProviderRecord {
    let provider = provider.clone();
    ProviderRecord {
        id: provider.id,
        tenant: provider.tenant,
        what: provider.kind,
        issuer: provider.issuer,
        name: provider.choice.name,
        enabled: provider.choice.enabled,
        client_id: provider.choice.client_id,
        domains: provider.choice.domains,
        organization: provider.choice.organization,
        group_claim: provider.choice.group_claim,
        groups: provider.choice.groups,
        secret: secret.cloned(),
        secret_set_at: provider.secret_set_at,
        version: provider.version,
        created_at: provider.created_at,
        updated_at: provider.updated_at,
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["identity-provider"])
}

pub(crate) fn domain_key(domain: &MailDomain) -> Key {
    Partition::directory("mail-domain", domain).only()
}

/// Seals the secret of a provider's client.
pub async fn seal(
    sealer: &Sealer<'_>,
    scope: &TenantScope,
    provider: IdentityProviderId,
    secret: &str,
) -> Result<Sealed, StoreError> {
    sealer.seal(scope, Purpose::Providers, &provider.to_string(), secret.as_bytes()).await
}

/// Opens the secret of a provider's client, for the moment of showing it there.
pub async fn open(
    sealer: &Sealer<'_>,
    scope: &TenantScope,
    found: &Found,
) -> Result<Option<Zeroizing<String>>, StoreError> {
    let Some(secret) = &found.secret else { return Ok(None) };
    let place = found.provider.id.to_string();
    let bytes = sealer.open(scope, Purpose::Providers, &place, secret).await?;
    let text = std::str::from_utf8(&bytes).map_err(|source| StoreError::corrupt("secret", source))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Adds a new provider to a transaction.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    provider: &IdentityProvider,
    secret: Option<&Sealed>,
) -> Result<(), StoreError> {
    let key = collection(scope).item(provider.id);
    transaction.create(&key, &record(provider, secret), Refusal::Taken("id"))
}

/// Adds a changed provider to a transaction. Domains that it shows to be its own from now on become the tenant's, if they are nobody
/// else's; those that it has no more are given back.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &IdentityProvider,
    after: &IdentityProvider,
    secret: Option<&Sealed>,
) -> Result<(), StoreError> {
    transaction.replace(&collection(scope).item(after.id), &record(after, secret), before.version)?;
    for domain in before.verified().filter(|domain| after.verified().all(|kept| kept != *domain)) {
        transaction.remove(&domain_key(domain));
    }
    for domain in after.verified().filter(|domain| before.verified().all(|known| known != *domain)) {
        let claim = DomainRecord { tenant: scope.tenant(), provider: after.id };
        transaction.create(&domain_key(domain), &claim, Refusal::Taken("mail domain"))?;
    }
    Ok(())
}

/// Adds the end of a provider to a transaction; its domains are given back.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, before: &IdentityProvider) {
    transaction.delete(&collection(scope).item(before.id), before.version);
    for domain in before.verified() {
        transaction.remove(&domain_key(domain));
    }
}

/// Reads a provider of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: IdentityProviderId,
) -> Result<Option<Found>, StoreError> {
    let record: Option<ProviderRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(Found::from))
}

/// All providers of a tenant, which are few by a rule of the domain, newest first.
pub async fn list(table: &Table, scope: &TenantScope) -> Result<Vec<IdentityProvider>, StoreError> {
    let records: Vec<ProviderRecord> = table.list_all(&collection(scope)).await?;
    let mut providers: Vec<IdentityProvider> =
        records.into_iter().map(|record| Found::from(record).provider).collect();
    providers.sort_by_key(|provider| std::cmp::Reverse(provider.id));
    Ok(providers)
}

/// Whose a mail domain is, and which provider vouches for it.
pub async fn of_domain(
    table: &Table,
    domain: &MailDomain,
) -> Result<Option<(TenantScope, IdentityProviderId)>, StoreError> {
    let record: Option<DomainRecord> = table.get(&domain_key(domain)).await?;
    Ok(record.map(|record| (TenantScope::of_federation(record.tenant), record.provider)))
}
