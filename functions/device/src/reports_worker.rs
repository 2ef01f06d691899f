//! The worker that counts what devices report of releases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use rookery_domain::id::{AppId, ReleaseId, TenantId};
use rookery_domain::report::{Delivery, REPORTS_PER_CALL, Report};
use rookery_edge::{Boxed, Context, Message, SqsBatchResponse, SqsEvent, WorkerError, handle_together};
use rookery_store::{TenantScope, report};

/// Most releases that are remembered; the memory is emptied when it is full.
const REMEMBERED: usize = 10_000;

/// Releases that were found to exist. They are never deleted, so this is never wrong.
static KNOWN: Mutex<BTreeSet<(AppId, ReleaseId)>> = Mutex::new(BTreeSet::new());

/// Works through a batch of the reports queue.
pub fn work(context: Context, batch: SqsEvent) -> Boxed<SqsBatchResponse> {
    Box::pin(async move { handle_together(batch, read, |deliveries| count(&context, deliveries)).await })
}

fn read(message: &Message) -> Result<Delivery, WorkerError> {
    let delivery: Delivery = serde_json::from_str(&message.body).map_err(WorkerError::malformed)?;
    if delivery.reports.len() > REPORTS_PER_CALL {
        return Err(WorkerError::malformed("it holds too many reports"));
    }
    Ok(delivery)
}

/// Counts the reports of several calls. Those about a release that the app does not have are dropped: anybody can send them,
/// and trying again would not make them true.
async fn count(context: &Context, deliveries: Vec<Delivery>) -> Result<(), WorkerError> {
    let mut apps: BTreeMap<(TenantId, AppId), Vec<&Report>> = BTreeMap::new();
    for delivery in &deliveries {
        apps.entry((delivery.tenant, delivery.app)).or_default().extend(&delivery.reports);
    }
    for ((tenant, app), reports) in apps {
        let scope = TenantScope::of_message(tenant);
        let asked = reports.len();
        let reports = of_releases(context, &scope, app, reports).await?;
        let unknown = asked - reports.len();
        let counted = report::count(context.table()?, &scope, &reports, context.now()).await?;
        tracing::info!(
            tenant.id = %tenant,
            app.id = %app,
            reports.counted = counted,
            reports.repeated = reports.len() - counted,
            reports.unknown_release = unknown,
            "reports counted for {app}"
        );
        if unknown > 0 {
            tracing::warn!(
                tenant.id = %tenant,
                app.id = %app,
                reports.dropped = unknown,
                "reports of releases that {app} does not have were dropped"
            );
        }
    }
    Ok(())
}

/// Keeps the reports of releases that the app has.
async fn of_releases<'a>(
    context: &Context,
    scope: &TenantScope,
    app: AppId,
    mut reports: Vec<&'a Report>,
) -> Result<Vec<&'a Report>, WorkerError> {
    let asked: BTreeSet<ReleaseId> = reports.iter().map(|report| report.release_id).collect();
    let mut found = BTreeSet::new();
    for release in asked {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).contains(&(app, release));
        if known || report::is_release_of(context.table()?, scope, app, release).await? {
            remember(app, release);
            found.insert(release);
        }
    }
    reports.retain(|report| found.contains(&report.release_id));
    Ok(reports)
}

fn remember(app: AppId, release: ReleaseId) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert((app, release));
}
