//! Counting what tenants use, without a write per request.
//!
//! Counts gather in memory and are sent to the usage queue as batches: four seconds after the first count of a batch, or when
//! it holds ten thousand, and when the process is told to end. A batch keeps its id until the queue took it, and whoever
//! reads it counts each id once, so that nothing is counted twice. Only a process that is killed without notice loses what it
//! counted, at most the last five seconds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rookery_domain::id::TenantId;
use rookery_domain::usage::{Batch, Meter as Kind, Tally};
use rookery_store::{Variable, queue};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::Context;
use crate::request::chain;

/// How long a count waits at the most before its batch is sent.
const PATIENCE: Duration = Duration::from_secs(4);
/// How many counts a batch gathers before it is sent early.
const FULL: u64 = 10_000;

/// Gathers counts.
#[derive(Debug, Default)]
pub struct Meter {
    pending: Mutex<Pending>,
    /// The batch that is on its way. Held while it is sent, so that there is one at a time.
    sending: AsyncMutex<Option<Batch>>,
    first: Notify,
    full: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    tally: Tally,
    counted: u64,
}

impl Meter {
    /// Counts something of a tenant.
    pub fn count(&self, tenant: TenantId, meter: Kind, amount: u64, now: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.tally.add(tenant, meter, now, amount);
        pending.counted += 1;
        match pending.counted {
            1 => self.first.notify_one(),
            FULL => self.full.notify_one(),
            _ => {}
        }
    }

    fn take(&self, context: &Context) -> Option<Batch> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.counted = 0;
        pending.tally.take(context.new_id())
    }

    /// Sends everything that was counted. What cannot be sent stays and is sent with the next call.
    pub async fn flush(&self, context: &Context) {
        let mut sending = self.sending.lock().await;
        loop {
            if sending.is_none() {
                *sending = self.take(context);
            }
            let Some(batch) = sending.as_ref() else { return };
            match queue::send(context.clients(), Variable::UsageQueue, batch).await {
                Ok(()) => *sending = None,
                Err(error) => {
                    tracing::error!(batch.id = %batch.id, error.chain = chain(&error), "usage could not be sent; kept");
                    return;
                }
            }
        }
    }

    /// Sends batches as they become due, for as long as the process lives.
    pub(crate) async fn run(context: Context) {
        loop {
            let meter = context.meter();
            meter.first.notified().await;
            tokio::select! {
                () = tokio::time::sleep(PATIENCE) => {}
                () = meter.full.notified() => {}
            }
            meter.flush(&context).await;
            if meter.sending.lock().await.is_some() {
                // The queue did not take the batch: come again, even if nothing further is counted.
                meter.first.notify_one();
            }
        }
    }
}
