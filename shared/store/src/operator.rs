//! Those who operate the platform, at `directory#operator#<id>`, and a list of them for the operator's program.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::OperatorId;
use rookery_domain::operator::{Operator, Token};
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct OperatorRecord {
    id: OperatorId,
    name: Name,
    digest: Sha256,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    version: u64,
}

impl Record for OperatorRecord {
    const KIND: &'static str = "operator";
}

/// The operator's name in the list, which holds no digest.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    id: OperatorId,
}

impl Record for Listed {
    const KIND: &'static str = "listed_operator";
}

impl OperatorRecord {
    fn operator(&self) -> Operator {
        let Self { id, name, created_at, revoked_at, .. } = self;
        Operator { id: *id, name: name.clone(), created_at: *created_at, revoked_at: *revoked_at }
    }
}

fn key(id: OperatorId) -> Key {
    Partition::directory("operator", id).only()
}

fn all() -> Partition {
    Partition::directory_of("operators")
}

/// Lets somebody in.
pub async fn create(table: &Table, name: Name, token: &Token, at: Timestamp) -> Result<Operator, StoreError> {
    let record = OperatorRecord {
        id: token.id(),
        name,
        digest: token.digest(),
        created_at: at,
        revoked_at: None,
        version: 1,
    };
    let mut transaction = Transaction::new();
    transaction.create(&key(record.id), &record, Refusal::Taken("id"))?;
    transaction.create(&all().item(record.id), &Listed { id: record.id }, Refusal::Taken("id"))?;
    table.commit(&transaction).await?;
    Ok(record.operator())
}

/// Everybody who was ever let in, the earliest first.
pub async fn list(table: &Table) -> Result<Vec<Operator>, StoreError> {
    let listed: Vec<Listed> = table.list_all(&all()).await?;
    let mut operators = Vec::with_capacity(listed.len());
    for Listed { id } in listed {
        let record: Option<OperatorRecord> = table.get(&key(id)).await?;
        operators.extend(record.map(|record| record.operator()));
    }
    Ok(operators)
}

/// Lets somebody in no more, from now on. `None` if there is nobody of this id; revoking twice keeps the first date.
pub async fn revoke(table: &Table, id: OperatorId, at: Timestamp) -> Result<Option<Operator>, StoreError> {
    let Some(mut record) = table.get::<OperatorRecord>(&key(id)).await? else { return Ok(None) };
    if record.revoked_at.is_none() {
        let before = record.version;
        record.revoked_at = Some(at);
        record.version += 1;
        let mut transaction = Transaction::new();
        transaction.replace(&key(id), &record, before)?;
        table.commit(&transaction).await?;
    }
    Ok(Some(record.operator()))
}

/// Whose token it is, if it is somebody's who is let in. Read anew every time: operators are few and ask rarely, so that nobody is
/// let in a moment longer than they should be. An unknown id takes the same steps as a wrong secret.
pub async fn recognise(table: &Table, token: &Token) -> Result<Option<Operator>, StoreError> {
    let known: Option<OperatorRecord> = table.get(&key(token.id())).await?;
    let expected = known.as_ref().map_or(Sha256::from_bytes([0; 32]), |record| record.digest);
    let equal = verify_slices_are_equal(token.digest().as_bytes(), expected.as_bytes()).is_ok();
    let known = known.filter(|record| equal && record.revoked_at.is_none());
    Ok(known.map(|record| record.operator()))
}
