//! Migrations: named changes of what is stored, carried out tenant by tenant, once, by an operator.
//!
//! Records carry the version of their form and are upgraded when they are read ([`crate::Record::upgrade`]), so that most changes
//! need no migration. One is needed where something must be found that was not stored before. A migration may be stopped at any
//! moment and goes on behind the last tenant that it finished; each of its writes says the same thing however often it is made.

mod tree;

use std::time::Duration;

use jiff::Timestamp;
use rookery_domain::id::TenantId;
use serde::{Deserialize, Serialize};

use crate::replay::tenants;
use crate::{Key, Partition, Record, StoreError, Table, TenantScope, Transaction};

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the form of this release.
    Up,
    /// Back to the form of the release before.
    Down,
}

/// A change of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its name; the order of names is the order of migrations.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub describe: &'static str,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Tree,
}

/// Every migration, in the order that they are carried out.
pub const ALL: &[Migration] = &[Migration {
    name: "0001-tree",
    describe: "Places everything in the tree that rights are given on, and makes the founder of each tenant its owner.",
    change: Change::Tree,
}];

/// How far a migration is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which way it went last.
    pub direction: Direction,
    /// Whether it got to the end.
    pub done: bool,
    /// The last tenant that it finished.
    pub last: Option<TenantId>,
    /// How many tenants it finished.
    pub tenants: u64,
    /// How many items it wrote or deleted.
    pub changed: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When this was noted.
    pub updated_at: Timestamp,
}

impl Progress {
    const fn new(direction: Direction, now: Timestamp) -> Self {
        Self { direction, done: false, last: None, tenants: 0, changed: 0, started_at: now, updated_at: now }
    }
}

impl Record for Progress {
    const KIND: &'static str = "migration";
}

/// Why a migration stopped.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The store failed. The migration goes on where it stopped when it is started again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A tenant has something that the release before does not know.
    #[error(
        "{tenant} holds {what}, which the release before does not know; delete it first, or stay with this release"
    )]
    NoWayBack {
        /// The tenant.
        tenant: TenantId,
        /// What it holds.
        what: &'static str,
    },
}

fn key(migration: Migration) -> Key {
    Partition::directory("migration", migration.name).only()
}

/// How far a migration is; `None` if it never ran.
pub async fn progress(table: &Table, migration: Migration) -> Result<Option<Progress>, StoreError> {
    table.get(&key(migration)).await
}

/// Carries a migration out, or on from where it stopped. `writes_per_second` bounds its pace, so that the tenants' own requests keep
/// their share of the table. `tell` hears of each tenant that is finished, and of the number of them all.
pub async fn run(
    table: &Table,
    migration: Migration,
    direction: Direction,
    writes_per_second: u32,
    now: impl Fn() -> Timestamp,
    mut tell: impl FnMut(&Progress, usize),
) -> Result<Progress, MigrationError> {
    let mut progress = match progress(table, migration).await? {
        Some(found) if found.direction == direction && found.done => return Ok(found),
        Some(found) if found.direction == direction => found,
        _ => Progress::new(direction, now()),
    };
    let all = tenants(table).await?;
    let behind = progress.last;
    for tenant in all.iter().filter(|tenant| behind.is_none_or(|last| **tenant > last)) {
        let scope = TenantScope::of_message(*tenant);
        let changed = match (migration.change, direction) {
            (Change::Tree, Direction::Up) => tree::up(table, &scope).await?,
            (Change::Tree, Direction::Down) => tree::down(table, &scope).await?,
        };
        progress.last = Some(*tenant);
        progress.tenants += 1;
        progress.changed += changed;
        note(table, migration, &mut progress, now()).await?;
        tell(&progress, all.len());
        let pause = Duration::from_millis(changed * 1000 / u64::from(writes_per_second.max(1)));
        tokio::time::sleep(pause).await;
    }
    progress.done = true;
    note(table, migration, &mut progress, now()).await?;
    Ok(progress)
}

async fn note(
    table: &Table,
    migration: Migration,
    progress: &mut Progress,
    now: Timestamp,
) -> Result<(), StoreError> {
    progress.updated_at = now;
    let mut transaction = Transaction::new();
    transaction.put(&key(migration), progress)?;
    table.commit(&transaction).await
}
