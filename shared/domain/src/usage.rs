//! Usage: what a tenant consumed, by meter and by hour, day and month in UTC.

mod batch;
mod bucket;

use std::fmt;
use std::str::FromStr;

pub use batch::{Batch, COUNTS_PER_BATCH, Count, KeyLog, KeyUse, Tally, Totals, fold, totals};
pub use bucket::{Bucket, Granularity, Range};

use crate::text::{ParseError, text_type};

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Authenticated requests to the API.
    ApiCalls,
    /// Devices' questions for updates.
    UpdateChecks,
    /// Reports that were accepted from devices.
    Reports,
    /// Bytes newly stored.
    StoredBytes,
    /// Bytes that devices were sent to download.
    DownloadedBytes,
}

impl Meter {
    /// Every meter.
    pub const ALL: [Self; 5] =
        [Self::ApiCalls, Self::UpdateChecks, Self::Reports, Self::StoredBytes, Self::DownloadedBytes];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiCalls => "api_calls",
            Self::UpdateChecks => "update_checks",
            Self::Reports => "reports",
            Self::StoredBytes => "stored_bytes",
            Self::DownloadedBytes => "downloaded_bytes",
        }
    }
}

impl FromStr for Meter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|meter| meter.as_str() == text).ok_or(ParseError::new("is not a meter"))
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(Meter, format = "^(api_calls|update_checks|reports|stored_bytes|downloaded_bytes)$");
