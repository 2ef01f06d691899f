//! The worker that brings workspaces up and takes them down.
//!
//! A message says no more than that a workspace wants looking at: what is to be done follows from its record, one step at a time.
//! So it does not matter how often messages come, or in which order, or after which step a worker was killed.

use std::time::Duration;

use rookery_domain::id::WorkspaceId;
use rookery_domain::workspace::{Step, Work, Workspace};
use rookery_edge::{
    ATTEMPTS, Boxed, Context, Message, SqsBatchResponse, SqsEvent, WorkerError, handle_batch,
};
use rookery_store::{StoreError, TenantScope, bus, workspace};

use crate::provision::{Provisioning, Trouble};

/// Most looks at a workspace for one message: each step is one, and so is each time that others changed it meanwhile.
const LOOKS: u32 = 60;

/// Works through a batch of the queue of workspaces.
pub fn work(context: Context, batch: SqsEvent) -> Boxed<SqsBatchResponse> {
    Box::pin(async move { handle_batch(batch, |message| go_on(&context, message)).await })
}

async fn go_on(context: &Context, message: Message) -> Result<(), WorkerError> {
    let event = bus::read(&message.body).map_err(WorkerError::malformed)?;
    let id: WorkspaceId = event.resource.id.parse().map_err(WorkerError::malformed)?;
    let scope = TenantScope::of_event(&event);
    let provisioning = Provisioning { context, scope: &scope, origin: &event.origin };
    let mut met = 0;
    for _ in 0..LOOKS {
        let Some(workspace) = workspace::find(context.table()?, &scope, id).await? else {
            tracing::info!(workspace.id = %id, "workspace {id} is gone");
            return Ok(());
        };
        let work = workspace.work();
        if work == Work::Rest {
            tracing::info!(workspace.id = %id, workspace.state = %workspace.state, "workspace {id} is settled");
            return Ok(());
        }
        match provisioning.carry_out(&workspace, work).await {
            Ok(()) => {
                tracing::info!(workspace.id = %id, workspace.work = ?work, "workspace {id} got further");
            }
            Err(Trouble::Met) => {
                met += 1;
                tokio::time::sleep(Duration::from_millis(10 << met.min(5))).await;
            }
            Err(trouble) => give_up(&provisioning, &workspace, work, trouble, message.attempt).await?,
        }
    }
    Err(StoreError::Refused(rookery_store::Refusal::Busy).into())
}

/// Calls a step failed for good when trying again is of no use, or was of no use as often as the queue allows. What takes steps back
/// is never given up: its message goes to the dead-letter queue, and `retry` sets it going again.
async fn give_up(
    provisioning: &Provisioning<'_>,
    workspace: &Workspace,
    work: Work,
    trouble: Trouble,
    attempt: u32,
) -> Result<(), WorkerError> {
    let (step, reason) = match (work, trouble) {
        (Work::Do(step), Trouble::Final(reason)) => (step, reason),
        (Work::Do(step), Trouble::Store(error)) => (step, finality(step, error, attempt)?),
        (_, Trouble::Store(error)) => return Err(error.into()),
        (_, Trouble::Final(reason)) => return Err(WorkerError::Malformed(reason.into())),
        (_, Trouble::Met) => return Ok(()),
    };
    tracing::warn!(
        workspace.id = %workspace.id,
        workspace.step = %step,
        "provisioning {} failed for good at {step}: {reason}",
        workspace.id
    );
    match provisioning.fail(workspace, step, reason).await {
        // Somebody else changed it: the next look tells what is to be done now.
        Ok(()) | Err(Trouble::Met) => Ok(()),
        Err(Trouble::Store(error)) => Err(error.into()),
        Err(Trouble::Final(reason)) => Err(WorkerError::Malformed(reason.into())),
    }
}

/// Why a step failed for good, or the error if it may yet succeed.
fn finality(step: Step, error: StoreError, attempt: u32) -> Result<String, WorkerError> {
    match error {
        StoreError::Rejected { operation, .. } => Ok(format!("{operation} was refused")),
        StoreError::Unavailable { operation, .. } if attempt >= ATTEMPTS => {
            Ok(format!("{operation} was not possible, {attempt} times in a row"))
        }
        error if attempt >= ATTEMPTS => {
            tracing::error!(error.chain = rookery_edge::chain(&error), "step {step} failed {attempt} times");
            Ok(format!("it was not possible, {attempt} times in a row"))
        }
        error => Err(error.into()),
    }
}
