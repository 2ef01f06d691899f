//! Reports of devices: each counts once, whatever comes again and whoever counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::platform::{NOW, Platform, scope};
use jiff::Timestamp;
use rookery_domain::id::ReleaseId;
use rookery_domain::report::{DeviceEvent, Report};
use rookery_store::{release, report};
use serde_json::json;

const RELEASE: &str = "rel_01h455vb4pex5vsknk084sn02q";

fn of(device: usize, event: &str, reason: Option<&str>) -> Report {
    let mut report = json!({"device_id": format!("device-{device}"), "release_id": RELEASE, "event": event, "at": "2026-11-21T09:00:00Z"});
    if let Some(reason) = reason {
        report["reason"] = reason.into();
    }
    serde_json::from_value(report).unwrap()
}

async fn count(platform: &Platform, reports: &[Report]) -> usize {
    let reports: Vec<&Report> = reports.iter().collect();
    let now = Timestamp::from_second(NOW).unwrap();
    report::count(platform.table(), &scope(1), &reports, now).await.unwrap()
}

async fn adoption(platform: &Platform) -> BTreeMap<DeviceEvent, u64> {
    let release: ReleaseId = RELEASE.parse().unwrap();
    let mut counts = release::adoption(platform.table(), &scope(1), release).await.unwrap();
    counts.retain(|_, count| *count > 0);
    counts
}

#[tokio::test]
async fn a_device_counts_once_per_event() {
    let platform = Platform::new().await;
    let (installed, launched) = (of(1, "installed", None), of(1, "launched", None));
    assert_eq!(count(&platform, &[installed.clone(), installed.clone()]).await, 1);
    let before = platform.items("").await;
    assert_eq!(count(&platform, std::slice::from_ref(&installed)).await, 0);
    assert_eq!(platform.items("").await, before);
    assert_eq!(count(&platform, &[installed, launched]).await, 1);
    let expected = BTreeMap::from([(DeviceEvent::Installed, 1), (DeviceEvent::Launched, 1)]);
    assert_eq!(adoption(&platform).await, expected);
}

#[tokio::test]
async fn failures_are_counted_by_reason() {
    let platform = Platform::new().await;
    let reports = [
        of(1, "failed", Some("signature mismatch")),
        of(2, "failed", Some("signature mismatch")),
        of(3, "rolled_back", Some("crashed")),
        of(4, "failed", None),
        of(5, "installed", Some("not a failure")),
    ];
    count(&platform, &reports).await;
    count(&platform, &reports).await;
    let failures = release::failures(platform.table(), &scope(1), RELEASE.parse().unwrap()).await.unwrap();
    assert_eq!(failures, [("signature mismatch".to_owned(), 2), ("crashed".to_owned(), 1)]);
    assert_eq!(adoption(&platform).await[&DeviceEvent::Failed], 3);
}

#[tokio::test]
async fn reasons_beyond_the_hundredth_are_counted_together() {
    let platform = Platform::new().await;
    let failures =
        async || release::failures(platform.table(), &scope(1), RELEASE.parse().unwrap()).await.unwrap();
    let reason = |n: usize| format!("reason {n}");
    let reports: Vec<Report> = (0..250).map(|n| of(n, "failed", Some(&reason(n)))).collect();
    assert_eq!(count(&platform, &reports).await, 250);
    let found = failures().await;
    assert_eq!(found.len(), 101);
    assert_eq!(found[0], ("other".to_owned(), 150));
    assert!(found[1..].iter().all(|(_, count)| *count == 1));

    // Known reasons go on being told apart, whatever comes again counts once, and what a device calls `other` is no other line.
    let known = found[1].0.clone();
    let more: Vec<Report> = (250..500).map(|n| of(n, "failed", Some(&known))).collect();
    let others = [of(500, "failed", Some("other")), of(501, "failed", Some("new"))];
    for _ in 0..2 {
        count(&platform, &more).await;
        count(&platform, &reports).await;
        count(&platform, &others).await;
    }
    let found = failures().await;
    assert_eq!(found[..2], [(known, 251), ("other".to_owned(), 152)]);
    assert_eq!(found.iter().map(|(_, count)| count).sum::<u64>(), 502);
    assert_eq!(adoption(&platform).await[&DeviceEvent::Failed], 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_at_once_count_exactly() {
    let platform = Arc::new(Platform::new().await);
    let mut workers = Vec::new();
    for worker in 0..5 {
        let platform = platform.clone();
        // 120 devices, each reported by at least two workers, more than one transaction takes.
        workers.push(tokio::spawn(async move {
            let reports: Vec<Report> =
                (0..60).map(|n| of((worker * 24 + n) % 120, "installed", None)).collect();
            count(&platform, &reports).await
        }));
    }
    let mut counted = 0;
    for worker in workers {
        counted += worker.await.unwrap();
    }
    assert_eq!(counted, 120);
    assert_eq!(adoption(&platform).await, BTreeMap::from([(DeviceEvent::Installed, 120)]));
}

#[tokio::test]
async fn only_an_apps_own_releases_are_known() {
    let platform = Platform::new().await;
    let app = "app_01h455vb4pex5vsknk084sn02q".parse().unwrap();
    let known = report::is_release_of(platform.table(), &scope(1), app, RELEASE.parse().unwrap()).await;
    assert!(!known.unwrap());
}
