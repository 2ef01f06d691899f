//! What an operator does with a deployed stack, with credentials of his own: no function may do any of it.
//!
//! The rules are the store's; here is which stack is meant, and what is told.

mod migrate;
mod operator;
mod stack;

use std::fmt::Write as _;

use jiff::Timestamp;
use rookery_domain::id::TenantId;
use rookery_store::replay::{Published, publish_missing, tenants};
use rookery_store::{StoreError, TenantScope, audit, queue, usage};

pub use migrate::{MigrateError, migrate, migrations};
pub use operator::{create_operator, operators, revoke_operator};
pub use rookery_store::migration::Direction;
pub use stack::{Stack, StackError};

/// What a replay found and did.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// The events that are stored, and those that were published again.
    pub events: Published,
    /// What was made again of each tenant.
    pub tenants: Vec<Tenant>,
}

/// What was made again of a tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The tenant.
    pub id: TenantId,
    /// Its audit trail.
    pub audit: audit::Rebuilt,
    /// Its usage.
    pub usage: usage::Rebuilt,
}

impl Replayed {
    /// Whether nothing points to tampering.
    pub fn is_sound(&self) -> bool {
        self.events.unreadable.is_empty()
            && self.tenants.iter().all(|tenant| tenant.audit.findings.is_empty())
    }

    /// What there is to tell, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Tenant { id, audit, usage } in &self.tenants {
            lines.push(format!(
                "{id}: {} audit entries, {} restored; {} usage batches, {} counters, {} corrected",
                audit.rows, audit.restored, usage.batches, usage.counters, usage.corrected
            ));
            lines.extend(audit.findings.iter().map(|finding| format!("  ! {finding}")));
        }
        let mut last = format!("{} events are stored", self.events.events);
        match self.events.published {
            0 => last.push_str("; all of them have arrived."),
            published => {
                // Writing to a string cannot fail.
                let _ = write!(last, "; {published} had not arrived and were published again.");
            }
        }
        lines.extend(self.events.unreadable.iter().map(|key| format!("! {key} cannot be read as an event")));
        lines.push(last);
        lines
    }
}

/// Makes audit and usage of one tenant or all of them again, and publishes the events that never arrived. The stack may
/// run on meanwhile.
pub async fn replay(stack: &Stack, tenant: Option<TenantId>) -> Result<Replayed, StoreError> {
    let clients = stack.clients();
    let table = clients.table()?;
    let chosen = match tenant {
        Some(tenant) => vec![tenant],
        None => tenants(table).await?,
    };
    let mut replayed = Replayed::default();
    for id in chosen {
        let scope = TenantScope::of_message(id);
        let audit = audit::rebuild(table, &scope).await?;
        let usage = usage::rebuild(table, &scope, Timestamp::now()).await?;
        replayed.tenants.push(Tenant { id, audit, usage });
    }
    replayed.events = publish_missing(clients, tenant, Timestamp::now()).await?;
    Ok(replayed)
}

/// Sends what lies in a queue's dead letters to the queue again, and answers how many messages.
pub async fn redrive(stack: &Stack, name: &str) -> Result<u64, RedriveError> {
    let dead_letters = stack.queue(&format!("{name}_dead_letters"));
    let (Some(queue), Some(dead_letters)) = (stack.queue(name), dead_letters) else {
        return Err(RedriveError::Unknown { name: name.to_owned(), known: stack.redrivable() });
    };
    Ok(queue::redrive(stack.clients().queues(), dead_letters, queue).await?)
}

/// Why dead letters were not sent again.
#[derive(Debug)]
pub enum RedriveError {
    /// There is no such queue.
    Unknown {
        /// What was asked for.
        name: String,
        /// The queues that there are.
        known: Vec<String>,
    },
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for RedriveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
