//! The records of sessions: what a person sees of one, below the person, and what is kept of its refresh tokens, in the directory, where
//! a token is found whose tenant is not known.

use jiff::Timestamp;
use rookery_domain::id::{SessionId, TenantId, UserId};
use rookery_domain::session::{Family, Impersonator, Method, Presented, Proof, RefreshToken, Session};
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SessionRecord {
    id: SessionId,
    tenant: TenantId,
    user: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    impersonator: Option<Impersonator>,
    methods: Vec<Method>,
    proved_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    second_factor_at: Option<Timestamp>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ends_at: Timestamp,
    version: u64,
    ttl: i64,
}

impl Record for SessionRecord {
    const KIND: &'static str = "session";
}

impl From<&Session> for SessionRecord {
    fn from(session: &Session) -> Self {
        let session = session.clone();
        Self {
            id: session.id,
            tenant: session.tenant,
            user: session.user,
            device: session.device,
            address: session.address,
            client: session.client,
            scope: session.scope,
            within: session.within,
            impersonator: session.impersonator,
            methods: session.proof.methods,
            proved_at: session.proof.at,
            second_factor_at: session.proof.second_factor_at,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            ends_at: session.ends_at,
            version: session.version,
            ttl: session.expires_at.as_second(),
        }
    }
}

impl From<SessionRecord> for Session {
    fn from(record: SessionRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            user: record.user,
            device: record.device,
            address: record.address,
            client: record.client,
            scope: record.scope,
            within: record.within,
            impersonator: record.impersonator,
            proof: Proof {
                methods: record.methods,
                at: record.proved_at,
                second_factor_at: record.second_factor_at,
            },
            created_at: record.created_at,
            last_seen_at: record.last_seen_at,
            expires_at: record.expires_at,
            ends_at: record.ends_at,
            version: record.version,
        }
    }
}

/// What is kept of a session's refresh tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Known {
    tenant: TenantId,
    user: UserId,
    family: Family,
    version: u64,
    ttl: i64,
}

impl Record for Known {
    const KIND: &'static str = "refresh_family";
}

fn of_user(scope: &TenantScope, user: UserId) -> Partition {
    scope.partition(&[&user.to_string(), "session"])
}

pub(crate) fn directory(id: impl std::fmt::Display) -> Key {
    Partition::directory("session", id).only()
}

/// Adds a session that begins to a transaction, with what is kept of its first refresh token. One that is not to be refreshed has none.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    session: &Session,
    token: Option<&RefreshToken>,
) -> Result<(), StoreError> {
    let record = SessionRecord::from(session);
    let ttl = record.ttl;
    transaction.create(&of_user(scope, session.user).item(session.id), &record, Refusal::Taken("id"))?;
    let Some(token) = token else { return Ok(()) };
    let known =
        Known { tenant: session.tenant, user: session.user, family: Family::begin(token), version: 1, ttl };
    transaction.create(&directory(session.id), &known, Refusal::Taken("id"))
}

/// Adds a changed session to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Session,
    after: &Session,
) -> Result<(), StoreError> {
    let place = of_user(scope, after.user).item(after.id);
    transaction.replace(&place, &SessionRecord::from(after), before.version)
}

/// Adds the next refresh token of a session to a transaction, beside the session itself. Whoever else turns the same token at the same
/// moment is refused.
pub fn turn(
    transaction: &mut Transaction,
    known: &Known,
    after: &Session,
    family: Family,
) -> Result<(), StoreError> {
    let ttl = after.expires_at.as_second();
    let next = Known { family, version: known.version + 1, ttl, ..known.clone() };
    transaction.follow(&directory(after.id), &next, known.version)
}

/// Adds the end of a session to a transaction, with everything that a token of it is found by.
pub fn end(transaction: &mut Transaction, scope: &TenantScope, session: &Session) {
    transaction.remove(&of_user(scope, session.user).item(session.id));
    transaction.remove(&directory(session.id));
}

/// Somebody who presented a refresh token.
#[derive(Debug)]
pub struct Met {
    /// The scope of the session's tenant.
    pub scope: TenantScope,
    /// Whose session it is.
    pub user: UserId,
    /// What the token is.
    pub presented: Presented,
    /// What is kept of the session's tokens.
    pub known: Known,
}

/// Looks a refresh token up. Which tenant it belongs to is not known before, and stays so unless the token is or was one of the session.
pub async fn look_up(table: &Table, token: &RefreshToken, now: Timestamp) -> Result<Option<Met>, StoreError> {
    let known: Option<Known> = table.get(&directory(token.session)).await?;
    Ok(known.and_then(|known| match known.family.meet(token, now) {
        Presented::Unknown => None,
        presented => {
            Some(Met { scope: TenantScope::of_session(known.tenant), user: known.user, presented, known })
        }
    }))
}

impl Known {
    /// What is kept of the tokens themselves.
    pub const fn family(&self) -> &Family {
        &self.family
    }
}

/// Reads a session of a person, over or not.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    user: UserId,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let record: Option<SessionRecord> = table.get(&of_user(scope, user).item(id)).await?;
    Ok(record.map(Session::from))
}

/// Reads the sessions of a person that last, newest first.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let mut records: Vec<SessionRecord> = table.list_all(&of_user(scope, user)).await?;
    records.reverse();
    Ok(records.into_iter().map(Session::from).filter(|session| session.is_alive(now)).collect())
}
