//! Points in time as questions name them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::text::{ParseError, text_type};

/// A point in time: an instant of RFC 3339 with an offset or `Z`, or a date, which is the midnight in UTC that it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Timestamp);

impl Moment {
    /// The instant.
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl FromStr for Moment {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let midnight = || {
            let date = text.parse::<Date>().ok().filter(|_| text.len() == 10)?;
            date.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
        };
        let not_a_moment = ParseError::new("is neither an instant such as 2026-11-21T09:00:00Z nor a date");
        text.parse().ok().or_else(midnight).map(Self).ok_or(not_a_moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(
    Moment,
    format = r"^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d(:?\d\d)?))?$"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_date_is_its_midnight() {
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.to_string());
        assert_eq!(read("2026-11-21").unwrap(), "2026-11-21T00:00:00Z");
        assert_eq!(read("2026-11-21T10:00:00.5+01:00").unwrap(), "2026-11-21T09:00:00.5Z");
        for text in ["", "yesterday", "2026-02-30", "20261121", "2026-11", "2026-11-21T09:00:00"] {
            assert!(read(text).is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[-0-9TZ:+.a]{0,40}") {
            let _ = text.parse::<Moment>();
        }
    }
}
