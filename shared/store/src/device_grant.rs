//! Devices that ask to be let in, at `directory#device-code#…`: what each wants, what a person said of it, and when it asked last. The code that
//! it shows leads there from `directory#user-code#…`.
//!
//! What it wants is written once, and so is what was said, each an item of its own: whoever says something and whoever asks do not
//! get in each other's way.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::device_grant::{DeviceCode, REMEMBERED_FOR, SHORTEST, Said, UserCode, Wish};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{ClientId, SessionId, TenantId, UserId};
use rookery_domain::oauth_client::Scope;
use rookery_domain::oauth_code::KeptProof;
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct WishRecord {
    session: SessionId,
    tenant: TenantId,
    client: ClientId,
    digest: Sha256,
    scope: Scope,
    shown: Sha256,
    expires_at: Timestamp,
    ttl: i64,
}

impl Record for WishRecord {
    const KIND: &'static str = "device_code";
}

impl From<WishRecord> for Wish {
    fn from(record: WishRecord) -> Self {
        Self {
            session: record.session,
            tenant: record.tenant,
            client: record.client,
            scope: record.scope,
            shown: record.shown,
            expires_at: record.expires_at,
        }
    }
}

/// What a person said who let a device in.
#[derive(Debug, Serialize, Deserialize)]
struct Yes {
    user: UserId,
    proof: KeptProof,
}

#[derive(Debug, Serialize, Deserialize)]
struct SaidRecord {
    /// Nothing if it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yes: Option<Yes>,
    ttl: i64,
}

impl Record for SaidRecord {
    const KIND: &'static str = "device_answer";
}

impl From<SaidRecord> for Said {
    fn from(record: SaidRecord) -> Self {
        match record.yes {
            Some(Yes { user, proof }) => Self::Yes { user, proof: proof.into() },
            None => Self::No,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct ShownRecord {
    session: SessionId,
    ttl: i64,
}

impl Record for ShownRecord {
    const KIND: &'static str = "user_code";
}

fn partition(session: SessionId) -> Partition {
    Partition::directory("device-code", session)
}

fn wish_key(session: SessionId) -> Key {
    partition(session).only()
}

fn said_key(session: SessionId) -> Key {
    partition(session).item("said")
}

fn asked_key(session: SessionId) -> Key {
    partition(session).item("asked")
}

fn shown_key(shown: Sha256) -> Key {
    Partition::directory("user-code", shown).only()
}

fn ttl(wish: &Wish) -> i64 {
    wish.expires_at.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX).as_second()
}

/// Adds what a device wants to a transaction, with the digests of its codes. Refused if another device shows the same code.
pub fn create(transaction: &mut Transaction, code: &DeviceCode, wish: &Wish) -> Result<(), StoreError> {
    let ttl = ttl(wish);
    let record = WishRecord {
        session: wish.session,
        tenant: wish.tenant,
        client: wish.client,
        digest: code.digest(),
        scope: wish.scope.clone(),
        shown: wish.shown,
        expires_at: wish.expires_at,
        ttl,
    };
    transaction.create(&wish_key(wish.session), &record, Refusal::Taken("id"))?;
    let shown = ShownRecord { session: wish.session, ttl };
    transaction.create(&shown_key(wish.shown), &shown, Refusal::Overtaken)
}

/// What a device wants that asks with its code, and what a person said of it. Secrets are compared in constant time.
pub async fn find(table: &Table, code: &DeviceCode) -> Result<Option<(Wish, Option<Said>)>, StoreError> {
    let (wish, said) = (wish_key(code.session), said_key(code.session));
    let (known, said): (Option<WishRecord>, Option<SaidRecord>) = table.get_both(&wish, &said).await?;
    let expected = known.as_ref().map_or(Sha256::from_bytes([0; 32]), |known| known.digest);
    let equal = verify_slices_are_equal(code.digest().as_bytes(), expected.as_bytes()).is_ok();
    Ok(known.filter(|_| equal).map(|known| (known.into(), said.map(Said::from))))
}

/// What the device wants that shows a code, as long as nobody has said anything of it.
pub async fn shown(table: &Table, code: &UserCode, now: Timestamp) -> Result<Option<Wish>, StoreError> {
    let Some(ShownRecord { session, .. }) = table.get(&shown_key(code.digest())).await? else {
        return Ok(None);
    };
    let known: Option<WishRecord> = table.get(&wish_key(session)).await?;
    Ok(known.map(Wish::from).filter(|wish| now < wish.expires_at))
}

/// Notes that a device asks, or says that it does so too soon.
pub async fn ask(table: &Table, wish: &Wish, now: Timestamp) -> Result<bool, StoreError> {
    const SET: &str = "SET due = :due, #ttl = :ttl";
    let number = |number: i64| AttributeValue::N(number.to_string());
    let due = now.saturating_add(SHORTEST).unwrap_or(Timestamp::MAX);
    let values = vec![
        (":due", number(due.as_millisecond())),
        (":ttl", number(ttl(wish))),
        (":now", number(now.as_millisecond())),
    ];
    table.update_if(&asked_key(wish.session), SET, "attribute_not_exists(pk) OR due <= :now", values).await
}

/// Adds to a transaction what a person says of a device. Refused if somebody said something before.
pub fn say(transaction: &mut Transaction, wish: &Wish, said: Said) -> Result<(), StoreError> {
    let yes = match said {
        Said::Yes { user, proof } => Some(Yes { user, proof: proof.into() }),
        Said::No => None,
    };
    let record = SaidRecord { yes, ttl: ttl(wish) };
    transaction.create(&said_key(wish.session), &record, Refusal::Gone("code"))?;
    transaction.remove(&shown_key(wish.shown));
    Ok(())
}

/// Adds to a transaction that a device takes its tokens: refused if it took them before.
pub fn spend(transaction: &mut Transaction, wish: &Wish) {
    transaction.delete_if(&said_key(wish.session), "attribute_exists(pk)", [], Refusal::Overtaken);
    transaction.remove(&wish_key(wish.session));
    transaction.remove(&asked_key(wish.session));
}
