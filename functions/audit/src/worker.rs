//! The worker that writes the audit trail: every event becomes one entry, however often and in whatever order it comes.

use rookery_domain::audit::Entry;
use rookery_edge::{Boxed, Context, Message, SqsBatchResponse, SqsEvent, WorkerError, handle_batch};
use rookery_store::audit::Appended;
use rookery_store::{TenantScope, audit, bus};

/// Works through a batch of the audit queue.
pub fn work(context: Context, batch: SqsEvent) -> Boxed<SqsBatchResponse> {
    Box::pin(async move { handle_batch(batch, |message| write(&context, message)).await })
}

async fn write(context: &Context, message: Message) -> Result<(), WorkerError> {
    let event = bus::read(&message.body).map_err(WorkerError::malformed)?;
    let entry = Entry::new(&event).map_err(WorkerError::malformed)?;
    let scope = TenantScope::of_event(&event);
    let appended = audit::append(context.table()?, &scope, &entry).await?;
    let (seq, what) = match appended {
        Appended::New(seq) => (seq, "written"),
        Appended::Known(seq) => (seq, "known already"),
        Appended::Restored(seq) => (seq, "written again"),
    };
    tracing::info!(
        event.id = %event.id,
        event.action = %event.action,
        tenant.id = %event.tenant,
        audit.seq = seq,
        request.id = event.origin.request_id,
        trace.parent = event.origin.trace_parent,
        lag_ms = (context.now() - event.at).total(jiff::Unit::Millisecond).unwrap_or_default(),
        "audit entry {seq} {what}"
    );
    Ok(())
}
