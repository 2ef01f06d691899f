//! What is known of links that were mailed to people, in `directory#password-reset#…` and `directory#email-verify#…`: of each person the
//! newest of either kind.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{TenantId, UserId};
use rookery_domain::link::{LinkToken, Purpose};
use rookery_domain::text::Email;
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// A link that was mailed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    tenant: TenantId,
    digest: Sha256,
    /// The digest of the address that it was sent to: a link shows nothing of any other.
    address: Sha256,
    expires_at: Timestamp,
    ttl: i64,
}

impl Record for Link {
    const KIND: &'static str = "link";
}

fn key(purpose: Purpose, user: UserId) -> Key {
    Partition::directory(purpose.as_str(), user).only()
}

fn digest(address: &Email) -> Sha256 {
    Sha256::of(address.normalized().as_bytes())
}

/// Adds a new link to a transaction, and answers until when it is good; the one before is good no more.
pub fn put(
    transaction: &mut Transaction,
    scope: &TenantScope,
    token: &LinkToken,
    to: &Email,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let expires_at = now + token.purpose.good_for();
    let record = Link {
        tenant: scope.tenant(),
        digest: token.digest(),
        address: digest(to),
        expires_at,
        ttl: expires_at.as_second(),
    };
    transaction.put(&key(token.purpose, token.user), &record)?;
    Ok(expires_at)
}

/// Reads the newest link of the kind and the person that a token names. Whose tenant it is is not known before.
pub async fn look_up(table: &Table, token: &LinkToken) -> Result<Option<Link>, StoreError> {
    table.get(&key(token.purpose, token.user)).await
}

/// Compares what somebody holds with what is known of the link, in constant time. The scope is that of the tenant that sent it.
pub fn check(token: &LinkToken, known: Option<&Link>, now: Timestamp) -> Option<TenantScope> {
    let presented = token.digest();
    let expected = known.map_or(Sha256::from_bytes([0; 32]), |link| link.digest);
    let equal = verify_slices_are_equal(presented.as_bytes(), expected.as_bytes()).is_ok();
    known.filter(|link| equal && now < link.expires_at).map(|link| TenantScope::of_link(link.tenant))
}

impl Link {
    /// Whether the link was sent to this address.
    pub fn was_sent_to(&self, address: &Email) -> bool {
        self.address == digest(address)
    }
}

/// Adds to a transaction that a link is used: refused if it was used, or another one sent, meanwhile.
pub fn spend(transaction: &mut Transaction, token: &LinkToken) {
    let expected = AttributeValue::S(token.digest().to_string());
    let values = [(":digest", expected)];
    transaction.delete_if(&key(token.purpose, token.user), "digest = :digest", values, Refusal::Gone("link"));
}

/// Adds to a transaction that no link of a person is good any more.
pub fn void(transaction: &mut Transaction, user: UserId) {
    for purpose in Purpose::ALL {
        transaction.remove(&key(purpose, user));
    }
}
