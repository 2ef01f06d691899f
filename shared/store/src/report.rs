//! What devices reported of releases: one marker per device and event, and how many there are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::report::{DeviceEvent, FailureReason, Report, ReportedAt};
use rookery_domain::rollout::DeviceId;
use serde::{Deserialize, Serialize};

use crate::table::back_off;
use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// How long a marker is kept, in seconds. A report may be a day ahead and 90 days old, so one that comes again after 92 days
/// is refused before it gets here.
const KEPT_SECONDS: i64 = 92 * 24 * 60 * 60;

/// Most reports that are counted in one transaction: a marker each, a reason each, five events, of a hundred writes.
const AT_ONCE: usize = 45;

/// How often counting begins anew when the same reports were counted meanwhile.
const ATTEMPTS: u32 = 5;

/// Most reasons of failures that are told apart in a release. Anybody can report anything, and what is read of a release must
/// not grow with it. Workers that meet new reasons at the same time may each add theirs, so there can be a few more.
const REASONS: usize = 100;

/// Where failures are counted whose reasons came too late to be told apart. No reason's fingerprint is equal to it.
const OTHER: &str = "other";

/// That a device reported an event of a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MarkerRecord {
    device: DeviceId,
    event: DeviceEvent,
    at: ReportedAt,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<FailureReason>,
    ttl: i64,
}

impl Record for MarkerRecord {
    const KIND: &'static str = "report";
}

/// As much of a release as its existence takes.
#[derive(Debug, Serialize, Deserialize)]
struct KnownRelease {
    id: ReleaseId,
}

impl Record for KnownRelease {
    const KIND: &'static str = "release";
}

/// Whether an app has a release. Releases are never deleted, so a yes holds for ever.
pub async fn is_release_of(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    id: ReleaseId,
) -> Result<bool, StoreError> {
    let key = scope.partition(&[&app.to_string(), "release"]).item(id);
    Ok(table.get::<KnownRelease>(&key).await?.is_some())
}

/// What identifies a report: each counts once.
type Identity = (ReleaseId, DeviceId, DeviceEvent);

fn identity(report: &Report) -> Identity {
    (report.release_id, report.device_id.clone(), report.event)
}

fn marker(scope: &TenantScope, (release, device, event): &Identity) -> Key {
    scope.partition(&[&release.to_string(), "device"]).item(format_args!("{device}#{event}"))
}

/// Counts reports of releases that exist; those that were counted before change nothing. Answers how many were new.
pub async fn count(
    table: &Table,
    scope: &TenantScope,
    reports: &[&Report],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut releases: BTreeMap<ReleaseId, BTreeMap<Identity, &Report>> = BTreeMap::new();
    for report in reports {
        releases.entry(report.release_id).or_default().entry(identity(report)).or_insert(report);
    }
    let mut counted = 0;
    for reports in releases.into_values() {
        let reports: Vec<(Identity, &Report)> = reports.into_iter().collect();
        for chunk in reports.chunks(AT_ONCE) {
            counted += count_new(table, scope, chunk.to_vec(), now).await?;
        }
    }
    Ok(counted)
}

async fn count_new(
    table: &Table,
    scope: &TenantScope,
    mut reports: Vec<(Identity, &Report)>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    for attempt in 0..ATTEMPTS {
        if reports.is_empty() {
            return Ok(0);
        }
        let reasons = Reasons::load(table, scope, &reports).await?;
        match table.commit(&counting(scope, &reports, &reasons, now)?).await {
            Ok(()) => return Ok(reports.len()),
            Err(StoreError::Refused(Refusal::Repeated)) => {
                let known = known(table, scope, &reports).await?;
                reports.retain(|((_, device, event), _)| !known.contains(&(device.clone(), *event)));
                if known.is_empty() {
                    back_off(attempt).await;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Refused(Refusal::Busy))
}

/// Which of these reports of one release were counted before.
async fn known(
    table: &Table,
    scope: &TenantScope,
    reports: &[(Identity, &Report)],
) -> Result<BTreeSet<(DeviceId, DeviceEvent)>, StoreError> {
    let keys: Vec<Key> = reports.iter().map(|(identity, _)| marker(scope, identity)).collect();
    let markers: Vec<MarkerRecord> = table.get_many(&keys).await?;
    Ok(markers.into_iter().map(|marker| (marker.device, marker.event)).collect())
}

/// A reason that is told apart from others.
#[derive(Debug, Serialize, Deserialize)]
struct ReasonRecord {
    sk: String,
}

impl Record for ReasonRecord {
    const KIND: &'static str = "failure";
}

/// The reasons of a release that are told apart, by their sort keys.
struct Reasons(BTreeSet<String>);

impl Reasons {
    /// Those that are counted already, and of the reasons of these reports as many as there is room for.
    async fn load(
        table: &Table,
        scope: &TenantScope,
        reports: &[(Identity, &Report)],
    ) -> Result<Self, StoreError> {
        let Some(((release, ..), _)) = reports.first() else { return Ok(Self(BTreeSet::new())) };
        let met: Vec<&FailureReason> = reports.iter().filter_map(|(_, report)| reason(report)).collect();
        if met.is_empty() {
            return Ok(Self(BTreeSet::new()));
        }
        let records: Vec<ReasonRecord> = table.list_all(&failures(scope, *release)).await?;
        let mut known: BTreeSet<String> = records.into_iter().map(|record| record.sk).collect();
        known.remove(OTHER);
        for reason in met {
            if known.len() >= REASONS {
                break;
            }
            known.insert(reason.fingerprint().to_string());
        }
        Ok(Self(known))
    }

    /// Where a reason is counted, and under which text.
    fn place(&self, reason: &FailureReason) -> (String, String) {
        let own = reason.fingerprint().to_string();
        if self.0.contains(&own) { (own, reason.to_string()) } else { (OTHER.to_owned(), OTHER.to_owned()) }
    }
}

/// The reason of a failure.
fn reason(report: &Report) -> Option<&FailureReason> {
    report.reason.as_ref().filter(|_| report.event.is_failure())
}

fn failures(scope: &TenantScope, release: ReleaseId) -> Partition {
    scope.partition(&[&release.to_string(), "failure"])
}

/// The transaction that counts reports of one release.
fn counting(
    scope: &TenantScope,
    reports: &[(Identity, &Report)],
    known: &Reasons,
    now: Timestamp,
) -> Result<Transaction, StoreError> {
    let mut transaction = Transaction::new();
    let mut events: BTreeMap<(ReleaseId, DeviceEvent), i64> = BTreeMap::new();
    let mut reasons: BTreeMap<(ReleaseId, (String, String)), i64> = BTreeMap::new();
    for (identity, report) in reports {
        let record = MarkerRecord {
            device: report.device_id.clone(),
            event: report.event,
            at: report.at,
            reason: report.reason.clone(),
            ttl: now.as_second() + KEPT_SECONDS,
        };
        transaction.create(&marker(scope, identity), &record, Refusal::Repeated)?;
        *events.entry((report.release_id, report.event)).or_default() += 1;
        if let Some(reason) = reason(report) {
            *reasons.entry((report.release_id, known.place(reason))).or_default() += 1;
        }
    }
    for ((release, event), amount) in events {
        let key = scope.partition(&[&release.to_string(), "adoption"]).item(event);
        transaction.count(&key, amount, Vec::new());
    }
    for ((release, (sort, reason)), amount) in reasons {
        transaction.count(&failures(scope, release).item(sort), amount, vec![("reason", reason)]);
    }
    Ok(transaction)
}
