//! Migrations of a deployed stack.

use jiff::Timestamp;
use rookery_store::StoreError;
use rookery_store::migration::{self, ALL, Direction, Migration, MigrationError, Progress};

use crate::Stack;

/// Why migrations stopped.
#[derive(Debug)]
pub enum MigrateError {
    /// There is no migration of this name.
    Unknown(String),
    /// One failed.
    Failed(Migration, MigrationError),
}

impl std::fmt::Display for MigrateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(name) => {
                let known: Vec<&str> = ALL.iter().map(|migration| migration.name).collect();
                write!(f, "there is no migration {name}; there is {}", known.join(", "))
            }
            Self::Failed(migration, _) => {
                write!(f, "{} stopped, and goes on from there when it is started again", migration.name)
            }
        }
    }
}

impl std::error::Error for MigrateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unknown(_) => None,
            Self::Failed(_, error) => Some(error),
        }
    }
}

/// How far every migration is, a line each.
pub async fn migrations(stack: &Stack) -> Result<Vec<String>, StoreError> {
    let table = stack.clients().table()?;
    let mut lines = Vec::new();
    for migration in ALL {
        let state = match migration::progress(table, *migration).await? {
            None => "not carried out".to_owned(),
            Some(progress) => state(&progress),
        };
        lines.push(format!("{}  {state}\n           {}", migration.name, migration.describe));
    }
    Ok(lines)
}

fn state(progress: &Progress) -> String {
    let Progress { direction, done, tenants, changed, updated_at, .. } = progress;
    let state = match (direction, done) {
        (Direction::Up, true) => "up",
        (Direction::Up, false) => "stopped on the way up",
        (Direction::Down, true) => "down",
        (Direction::Down, false) => "stopped on the way down",
    };
    format!("{state}: {tenants} tenants, {changed} items, {updated_at}")
}

/// Carries migrations out: up to a named one or all of them, or back to before a named one or before the last.
pub async fn migrate(
    stack: &Stack,
    direction: Direction,
    name: Option<&str>,
    writes_per_second: u32,
    mut tell: impl FnMut(String),
) -> Result<(), MigrateError> {
    let at = match name {
        None => None,
        Some(name) => {
            let found = ALL.iter().position(|migration| migration.name == name);
            Some(found.ok_or_else(|| MigrateError::Unknown(name.to_owned()))?)
        }
    };
    let chosen: Vec<Migration> = match direction {
        Direction::Up => ALL[..at.map_or(ALL.len(), |at| at + 1)].to_vec(),
        Direction::Down => ALL[at.unwrap_or(ALL.len().saturating_sub(1))..].iter().rev().copied().collect(),
    };
    for migration in chosen {
        let failed = |error| MigrateError::Failed(migration, error);
        let table = stack.clients().table().map_err(|error| failed(error.into()))?;
        let each = |progress: &Progress, all: usize| {
            tell(format!(
                "{}  {} of {all} tenants, {} items",
                migration.name, progress.tenants, progress.changed
            ));
        };
        let end = migration::run(table, migration, direction, writes_per_second, Timestamp::now, each);
        let end = end.await.map_err(failed)?;
        tell(format!("{}  {}", migration.name, state(&end)));
    }
    Ok(())
}
