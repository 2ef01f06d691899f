//! What people log in with, at `<tenant>#factor`: apart from their records, so that whoever reads or lists people reads no hash.

use jiff::Timestamp;
use rookery_domain::factor::{self, Authenticator, KeptPassword, Offered};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{PasskeyId, UserId};
use rookery_domain::passkey::{Octets, Passkey, Standing, Transport};
use rookery_domain::password::PasswordHash;
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::seal::Sealed;
use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction, passkey, user};

/// Everything that a person logs in with; the secret of the authenticator is sealed.
pub type Factors = factor::Factors<Sealed>;

#[derive(Debug, Serialize, Deserialize)]
struct FactorsRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<PasswordRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticator: Option<AuthenticatorRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offered: Option<OfferedRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passkeys: Vec<PasskeyRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recovery: Vec<Sha256>,
    version: u64,
}

impl Record for FactorsRecord {
    const KIND: &'static str = "factors";
}

#[derive(Debug, Serialize, Deserialize)]
struct PasswordRecord {
    hash: PasswordHash,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<PasswordHash>,
    chosen_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct AuthenticatorRecord {
    secret: Sealed,
    last_step: u64,
    confirmed_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct OfferedRecord {
    secret: Sealed,
    until: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct PasskeyRecord {
    id: PasskeyId,
    name: Name,
    credential: Octets,
    key: Octets,
    counter: u32,
    synced: bool,
    backed_up: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    transports: Vec<Transport>,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    version: u64,
}

impl From<PasskeyRecord> for Passkey {
    fn from(record: PasskeyRecord) -> Self {
        let PasskeyRecord { counter, synced, backed_up, .. } = record;
        Self {
            id: record.id,
            name: record.name,
            credential: record.credential,
            key: record.key,
            standing: Standing { counter, synced, backed_up },
            transports: record.transports,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
            version: record.version,
        }
    }
}

impl From<Passkey> for PasskeyRecord {
    fn from(passkey: Passkey) -> Self {
        let Standing { counter, synced, backed_up } = passkey.standing;
        Self {
            id: passkey.id,
            name: passkey.name,
            credential: passkey.credential,
            key: passkey.key,
            counter,
            synced,
            backed_up,
            transports: passkey.transports,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            version: passkey.version,
        }
    }
}

impl From<FactorsRecord> for Factors {
    fn from(record: FactorsRecord) -> Self {
        let FactorsRecord { password, authenticator, offered, passkeys, recovery, version } = record;
        Self {
            password: password.map(|PasswordRecord { hash, earlier, chosen_at }| KeptPassword {
                hash,
                earlier,
                chosen_at,
            }),
            authenticator: authenticator.map(|AuthenticatorRecord { secret, last_step, confirmed_at }| {
                Authenticator { secret, last_step, confirmed_at }
            }),
            offered: offered.map(|OfferedRecord { secret, until }| Offered { secret, until }),
            passkeys: passkeys.into_iter().map(Passkey::from).collect(),
            recovery,
            version,
        }
    }
}

impl From<&Factors> for FactorsRecord {
    fn from(factors: &Factors) -> Self {
        let Factors { password, authenticator, offered, passkeys, recovery, version } = factors.clone();
        Self {
            password: password.map(|KeptPassword { hash, earlier, chosen_at }| PasswordRecord {
                hash,
                earlier,
                chosen_at,
            }),
            authenticator: authenticator.map(|Authenticator { secret, last_step, confirmed_at }| {
                AuthenticatorRecord { secret, last_step, confirmed_at }
            }),
            offered: offered.map(|Offered { secret, until }| OfferedRecord { secret, until }),
            passkeys: passkeys.into_iter().map(PasskeyRecord::from).collect(),
            recovery,
            version,
        }
    }
}

fn key(scope: &TenantScope, user: UserId) -> Key {
    scope.partition(&["factor"]).item(user)
}

/// Reads what a person logs in with; of whoever has nothing, and of nobody, that it is nothing.
pub async fn find(table: &Table, scope: &TenantScope, user: UserId) -> Result<Factors, StoreError> {
    if let Some(record) = table.get::<FactorsRecord>(&key(scope, user)).await? {
        return Ok(record.into());
    }
    // Passwords were once kept in the records of people.
    let earlier = user::earlier_password(table, scope, user).await?;
    let password = earlier.map(|(hash, chosen_at)| KeptPassword { hash, earlier: Vec::new(), chosen_at });
    Ok(Factors { password, ..Factors::default() })
}

/// Reads as much as [`find`] does, of nobody: so that the time that a login takes does not tell who exists.
pub async fn find_nobodys(table: &Table, scope: &TenantScope) -> Result<(), StoreError> {
    table.get::<FactorsRecord>(&key(scope, UserId::from_uuid(uuid::Uuid::nil()))).await?;
    Ok(())
}

/// Adds what a person logs in with from now on to a transaction. If it was changed since it was read, by whoever used the same code at
/// the same moment, say, the transaction is refused, and what it decides may be decided again. It is refused as well if a passkey that is
/// new is somebody's already.
pub fn put(
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: UserId,
    before: &Factors,
    after: &Factors,
) -> Result<(), StoreError> {
    let record = FactorsRecord::from(after);
    match before.version {
        0 => transaction.create(&key(scope, user), &record, Refusal::Overtaken)?,
        version => transaction.follow(&key(scope, user), &record, version)?,
    }
    let is_in = |factors: &Factors, passkey: &Passkey| factors.passkey(passkey.id).is_some();
    for gone in before.passkeys.iter().filter(|passkey| !is_in(after, passkey)) {
        transaction.remove(&passkey::directory(gone.digest()));
    }
    for new in after.passkeys.iter().filter(|passkey| !is_in(before, passkey)) {
        passkey::claim(transaction, scope, user, new)?;
    }
    Ok(())
}

/// Adds to a transaction that a person logs in no more. If something was added to what it logs in with since it was read, the transaction
/// is refused: a passkey that nobody has would be left over.
pub fn erase(transaction: &mut Transaction, scope: &TenantScope, user: UserId, before: &Factors) {
    match before.version {
        0 => transaction.delete_if(&key(scope, user), "attribute_not_exists(pk)", [], Refusal::Stale),
        version => transaction.delete(&key(scope, user), version),
    }
    for passkey in &before.passkeys {
        transaction.remove(&passkey::directory(passkey.digest()));
    }
}

/// What people of a tenant log in with that an erasure has to know: where their passkeys are looked up.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WithPasskeys {
    pub(crate) sk: String,
    #[serde(default)]
    passkeys: Vec<PasskeyRecord>,
}

impl Record for WithPasskeys {
    const KIND: &'static str = "factors";
}

impl WithPasskeys {
    pub(crate) fn entries(&self) -> Vec<Key> {
        let digest = |record: &PasskeyRecord| rookery_domain::passkey::digest(&record.credential);
        self.passkeys.iter().map(|record| passkey::directory(digest(record))).collect()
    }
}
