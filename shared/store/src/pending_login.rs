//! Logins, and sessions that run, for which a second factor is still to be shown, at `directory#pending-login#…`.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{SessionId, TenantId, UserId};
use rookery_domain::pending_login::{PendingToken, WAITS_FOR};
use rookery_domain::session::{Method, Proof};
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct PendingRecord {
    tenant: TenantId,
    user: UserId,
    digest: Sha256,
    methods: Vec<Method>,
    proved_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    ttl: i64,
}

impl Record for PendingRecord {
    const KIND: &'static str = "pending_login";
}

/// A login that waits, of somebody who holds its token.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The scope of its tenant.
    pub scope: TenantScope,
    /// Who logs in.
    pub user: UserId,
    /// For what.
    pub waits: Waits,
}

/// What a second factor is to be shown for.
#[derive(Debug, Clone)]
pub enum Waits {
    /// A login, with what was proved.
    Login(Proof),
    /// A session that runs: it is shown once more, and nobody is logged in by it.
    Session(SessionId),
}

fn key(token: &PendingToken) -> Key {
    Partition::directory("pending-login", token.id).only()
}

/// Adds a login that waits to a transaction.
pub fn put(
    transaction: &mut Transaction,
    scope: &TenantScope,
    token: &PendingToken,
    user: UserId,
    proof: &Proof,
) -> Result<(), StoreError> {
    write(transaction, scope, token, user, (proof.methods.clone(), None, proof.at))
}

/// Adds to a transaction that a session that runs waits for a second factor.
pub fn put_again(
    transaction: &mut Transaction,
    scope: &TenantScope,
    token: &PendingToken,
    (user, session): (UserId, SessionId),
    now: Timestamp,
) -> Result<(), StoreError> {
    write(transaction, scope, token, user, (Vec::new(), Some(session), now))
}

fn write(
    transaction: &mut Transaction,
    scope: &TenantScope,
    token: &PendingToken,
    user: UserId,
    (methods, session, since): (Vec<Method>, Option<SessionId>, Timestamp),
) -> Result<(), StoreError> {
    let record = PendingRecord {
        tenant: scope.tenant(),
        user,
        digest: token.digest(),
        methods,
        proved_at: since,
        session,
        ttl: (since + WAITS_FOR).as_second(),
    };
    transaction.create(&key(token), &record, Refusal::Taken("id"))
}

/// The login that somebody holds a token of, while it waits. Secrets are compared in constant time.
pub async fn find(
    table: &Table,
    token: &PendingToken,
    now: Timestamp,
) -> Result<Option<Pending>, StoreError> {
    let known: Option<PendingRecord> = table.get(&key(token)).await?;
    let expected = known.as_ref().map_or(Sha256::from_bytes([0; 32]), |known| known.digest);
    let equal = verify_slices_are_equal(token.digest().as_bytes(), expected.as_bytes()).is_ok();
    let known = known.filter(|known| equal && now.as_second() < known.ttl);
    Ok(known.map(|known| Pending {
        scope: TenantScope::of_pending(known.tenant),
        user: known.user,
        waits: match known.session {
            Some(session) => Waits::Session(session),
            None => {
                Waits::Login(Proof { methods: known.methods, at: known.proved_at, second_factor_at: None })
            }
        },
    }))
}

/// Adds to a transaction that a login waits no more: refused if it came to its end meanwhile.
pub fn spend(transaction: &mut Transaction, token: &PendingToken) {
    let values = [(":digest", AttributeValue::S(token.digest().to_string()))];
    transaction.delete_if(&key(token), "digest = :digest", values, Refusal::Gone("login"));
}
