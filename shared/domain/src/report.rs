//! What devices report of releases.

use std::fmt;
use std::str::FromStr;

use deserr::Deserr;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::AppKey;
use crate::fault::Faults;
use crate::hash::Sha256;
use crate::id::{AppId, ReleaseId, TenantId};
use crate::rollout::DeviceId;
use crate::text::{ParseError, text_type};

/// Most reports of one call.
pub const REPORTS_PER_CALL: usize = 100;

/// How old a report may be when it arrives: 90 days. Devices report when they are next online, but what happened longer ago
/// says nothing of a rollout any more, and the markers against double counting need not be kept for ever.
pub const OLDEST: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How far in the future a report may lie: 24 hours. Clocks of devices are wrong, and time zones are mistaken for UTC.
pub const FURTHEST_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What became of a release on a device. Each counts once per device and release.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Deserr, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[deserr(rename_all = lowercase)]
pub enum DeviceEvent {
    /// Its files arrived and were verified.
    Downloaded,
    /// It is in place.
    Installed,
    /// The app started with it and held.
    Launched,
    /// It could not be downloaded, verified, installed or launched.
    Failed,
    /// The device went back to what it had before.
    #[deserr(rename = "rolled_back")]
    RolledBack,
}

impl DeviceEvent {
    /// Every event.
    pub const ALL: [Self; 5] =
        [Self::Downloaded, Self::Installed, Self::Launched, Self::Failed, Self::RolledBack];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Downloaded => "downloaded",
            Self::Installed => "installed",
            Self::Launched => "launched",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Whether it tells of something that went wrong, so that its reason is counted.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::RolledBack)
    }
}

impl fmt::Display for DeviceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why, in the words of the device: 1 to 256 characters without control characters. Counted by its text, so a device should
/// send what is wrong (`signature mismatch`), not when and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FailureReason(String);

impl FailureReason {
    /// The reason's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names the reason where its text is too long for a key.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }
}

impl FromStr for FailureReason {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::new("is empty; leave it out instead"));
        }
        if text.chars().count() > 256 {
            return Err(ParseError::new("is longer than 256 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(ParseError::new("contains a control character"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(FailureReason, format = r"^[^\u0000-\u001f\u007f-\u009f]{1,256}$");

/// An instant as a device writes it: RFC 3339 with an offset or `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportedAt(Timestamp);

impl ReportedAt {
    /// The instant.
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl FromStr for ReportedAt {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("is not an instant such as 2026-11-21T09:00:00Z"))
    }
}

impl fmt::Display for ReportedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(
    ReportedAt,
    format = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d(:?\d\d)?)$"
);

/// What a device says of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Deserr, utoipa::ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct Report {
    /// The device.
    pub device_id: DeviceId,
    /// The release.
    pub release_id: ReleaseId,
    /// What became of it.
    pub event: DeviceEvent,
    /// When, by the device's clock.
    pub at: ReportedAt,
    /// Why, of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[deserr(default)]
    pub reason: Option<FailureReason>,
}

/// What travels on the reports queue: the reports of one call, and whose app they are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The tenant that the app belongs to.
    pub tenant: TenantId,
    /// The app whose key the device presented. Reports of other apps' releases count for nothing.
    pub app: AppId,
    /// The key.
    pub app_key: AppKey,
    /// When the call came.
    pub received_at: Timestamp,
    /// The id of the call, for finding it in logs.
    pub request_id: String,
    /// The reports.
    pub reports: Vec<Report>,
}

/// Checks the reports of one call as a whole: 1 to [`REPORTS_PER_CALL`], none older than [`OLDEST`] and none further ahead
/// than [`FURTHEST_AHEAD`]. Names every fault by its place in `{"reports": […]}`.
pub fn check(reports: &[Report], now: Timestamp) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if reports.is_empty() {
        faults.push("/reports", "is empty");
    }
    if reports.len() > REPORTS_PER_CALL {
        faults.push("/reports", format!("has more than {REPORTS_PER_CALL} reports"));
    }
    for (at, report) in reports.iter().enumerate() {
        let age = now.duration_since(report.at.timestamp());
        if age > OLDEST {
            faults.push(format!("/reports/{at}/at"), "is more than 90 days ago");
        } else if age < -FURTHEST_AHEAD {
            faults.push(format!("/reports/{at}/at"), "is more than 24 hours ahead");
        }
    }
    faults.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-11-21T09:00:00Z";

    fn report(at: &str) -> Report {
        let body = json!({
            "device_id": "d", "release_id": "rel_01h455vb4pex5vsknk084sn02q", "event": "failed", "at": at, "reason": "why"
        });
        deserr::deserialize::<Report, _, Faults>(body).unwrap()
    }

    fn faults(body: Value) -> Vec<String> {
        let error = deserr::deserialize::<Report, _, Faults>(body).unwrap_err();
        error.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn the_window_is_closed_at_both_ends() {
        let now = NOW.parse().unwrap();
        for at in [NOW, "2026-08-23T09:00:00Z", "2026-11-22T10:00:00+01:00"] {
            assert_eq!(check(&[report(at)], now), Ok(()), "{at}");
        }
        for at in [
            "2026-08-23T08:59:59Z",
            "2026-11-22T09:00:00.001Z",
            "1970-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            let error = check(&[report(NOW), report(at)], now).unwrap_err();
            assert_eq!(error.0[0].pointer, "/reports/1/at", "{at}");
        }
        assert!(check(&[], now).is_err());
        assert!(check(&vec![report(NOW); REPORTS_PER_CALL], now).is_ok());
        assert!(check(&vec![report(NOW); REPORTS_PER_CALL + 1], now).is_err());
    }

    #[test]
    fn every_fault_of_a_report_is_named() {
        let body = json!({"device_id": "a b", "release_id": "rel_x", "event": "exploded", "at": "yesterday",
            "reason": "a\nb", "colour": "red"});
        assert_eq!(faults(body).len(), 6);
        assert_eq!(faults(json!({})), ["/device_id", "/release_id", "/event", "/at"]);
    }

    #[test]
    fn events_have_one_name_everywhere() {
        for event in DeviceEvent::ALL {
            let name = json!(event.as_str());
            assert_eq!(serde_json::to_value(event).unwrap(), name);
            assert_eq!(deserr::deserialize::<DeviceEvent, _, Faults>(name).unwrap(), event);
        }
    }

    proptest! {
        #[test]
        fn reports_survive_the_queue(seconds in 0_i64..4_000_000_000, reason in proptest::option::of("\\PC{1,256}")) {
            let mut report = report(NOW);
            report.at = ReportedAt(Timestamp::from_second(seconds).unwrap());
            report.reason = reason.and_then(|text| text.parse().ok());
            let text = serde_json::to_string(&report).unwrap();
            prop_assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        }

        #[test]
        fn instants_never_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<ReportedAt>();
        }
    }
}
