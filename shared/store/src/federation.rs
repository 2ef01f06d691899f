//! Logins by identity providers on their way, at `directory#federation#<digest>`, and who is whom there, at `<tenant>#federated`.
//!
//! Of what a browser and a provider are given only digests are kept, and of what a provider calls somebody too: enough to know the
//! person again, and nothing that says who it is.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{IdentityProviderId, TenantId, UserId};
use rookery_domain::identity_provider::ReturnTo;
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// For how long a login may take at the provider, and again until it is finished here.
pub const WAITS_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What a login waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "waits_for", rename_all = "snake_case")]
pub enum Step {
    /// That the person comes back from the provider.
    Provider {
        /// Where the person is led then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_to: Option<ReturnTo>,
    },
    /// That the page to which the person was led fetches the session.
    Page {
        /// Who it is.
        user: UserId,
    },
    /// That somebody shows that the account is its own, which nobody has linked so far.
    Link {
        /// Whose account.
        user: UserId,
        /// The digest of what the provider calls the person.
        subject: Sha256,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct StepRecord {
    tenant: TenantId,
    provider: IdentityProviderId,
    /// The digest of the browser's cookie.
    browser: Sha256,
    #[serde(flatten)]
    step: Step,
    ttl: i64,
}

impl Record for StepRecord {
    const KIND: &'static str = "federation_step";
}

/// A login on its way.
#[derive(Debug, Clone)]
pub struct OnTheWay {
    /// The scope of its tenant.
    pub scope: TenantScope,
    /// The provider.
    pub provider: IdentityProviderId,
    /// The digest of the browser's cookie.
    pub browser: Sha256,
    /// What it waits for.
    pub step: Step,
}

fn key(token: &[u8; 32]) -> Key {
    Partition::directory("federation", Sha256::of(token)).only()
}

/// Adds a login that waits to a transaction, for whoever has the token and the browser.
pub fn begin(
    transaction: &mut Transaction,
    token: &[u8; 32],
    on_the_way: &OnTheWay,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = StepRecord {
        tenant: on_the_way.scope.tenant(),
        provider: on_the_way.provider,
        browser: on_the_way.browser,
        step: on_the_way.step.clone(),
        ttl: (now + WAITS_FOR).as_second(),
    };
    transaction.create(&key(token), &record, Refusal::Taken("id"))
}

/// The login that a token is of, while it waits. The token is looked up by its digest, which nobody can steer.
pub async fn find(table: &Table, token: &[u8; 32], now: Timestamp) -> Result<Option<OnTheWay>, StoreError> {
    let record: Option<StepRecord> = table.get(&key(token)).await?;
    let record = record.filter(|record| now.as_second() < record.ttl);
    Ok(record.map(|record| OnTheWay {
        scope: TenantScope::of_federation(record.tenant),
        provider: record.provider,
        browser: record.browser,
        step: record.step,
    }))
}

/// Adds to a transaction that a login waits no more: refused if it was used meanwhile.
pub fn spend(transaction: &mut Transaction, token: &[u8; 32], on_the_way: &OnTheWay) {
    let values = [(":browser", AttributeValue::S(on_the_way.browser.to_string()))];
    transaction.delete_if(&key(token), "browser = :browser", values, Refusal::Gone("login"));
}

#[derive(Debug, Serialize, Deserialize)]
struct LinkRecord {
    user: UserId,
    linked_at: Timestamp,
}

impl Record for LinkRecord {
    const KIND: &'static str = "federated";
}

fn link_key(scope: &TenantScope, provider: IdentityProviderId, subject: &Sha256) -> Key {
    scope.partition(&["federated"]).item(format_args!("{provider}#{subject}"))
}

/// What is kept of what a provider calls somebody.
pub fn digest(provider: IdentityProviderId, subject: &str) -> Sha256 {
    Sha256::of_parts(&[provider.to_string().as_bytes(), b"\0", subject.as_bytes()])
}

/// Whom a provider means.
pub async fn linked(
    table: &Table,
    scope: &TenantScope,
    provider: IdentityProviderId,
    subject: &Sha256,
) -> Result<Option<UserId>, StoreError> {
    let record: Option<LinkRecord> = table.get(&link_key(scope, provider, subject)).await?;
    Ok(record.map(|record| record.user))
}

/// Adds to a transaction whom a provider means from now on. Who it meant before is gone, or there was nobody.
pub fn link(
    transaction: &mut Transaction,
    scope: &TenantScope,
    provider: IdentityProviderId,
    subject: &Sha256,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    transaction.put(&link_key(scope, provider, subject), &LinkRecord { user, linked_at: now })
}
