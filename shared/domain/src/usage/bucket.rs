//! Hours, days and months in UTC, and ranges of them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::fault::Fault;
use crate::moment::Moment;
use crate::text::{ParseError, text_type};

/// How finely usage is told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Granularity {
    /// By hour.
    Hour,
    /// By day.
    #[default]
    Day,
    /// By month.
    Month,
}

impl Granularity {
    /// Every granularity, the finest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Most buckets of one question: 31 days of hours, a leap year of days, ten years of months.
    pub const fn most_buckets(self) -> usize {
        match self {
            Self::Hour => 31 * 24,
            Self::Day => 366,
            Self::Month => 120,
        }
    }

    /// How many buckets are answered when the question does not say from when: a day, 30 days, a year.
    const fn usual_buckets(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
            Self::Month => 12,
        }
    }
}

impl FromStr for Granularity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|granularity| granularity.as_str() == text);
        known.ok_or(ParseError::new("is not hour, day or month"))
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(Granularity, format = "^(hour|day|month)$");

/// An hour, day or month in UTC. Written `2026-11-21T09`, `2026-11-21` or `2026-11`, which sorts by time within a
/// granularity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    granularity: Granularity,
    start: DateTime,
}

impl Bucket {
    /// The bucket that an instant falls into.
    pub fn of(granularity: Granularity, at: Timestamp) -> Self {
        Self { granularity: Granularity::Hour, start: at.to_zoned(TimeZone::UTC).datetime() }
            .within(granularity)
    }

    /// The hour, day or month in which this one begins.
    #[must_use]
    pub fn within(self, granularity: Granularity) -> Self {
        let date = self.start.date();
        let start = match granularity {
            Granularity::Hour => date.at(self.start.hour(), 0, 0, 0),
            Granularity::Day => date.at(0, 0, 0, 0),
            Granularity::Month => date.first_of_month().at(0, 0, 0, 0),
        };
        Self { granularity, start }
    }

    /// How long it is.
    pub const fn granularity(self) -> Granularity {
        self.granularity
    }

    /// Its first instant. The calendar's two ends lie in the years -9999 and 9999; beyond them is the nearest instant.
    pub fn start(self) -> Timestamp {
        let edge = if self.start.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
        self.start.to_zoned(TimeZone::UTC).map_or(edge, |start| start.timestamp())
    }

    /// The bucket so many after this one, or before; `None` beyond the calendar.
    pub fn moved(self, by: i64) -> Option<Self> {
        let span = match self.granularity {
            Granularity::Hour => by.hours(),
            Granularity::Day => by.days(),
            Granularity::Month => by.months(),
        };
        let start = self.start.checked_add(span).ok()?;
        Some(Self { start, ..self })
    }
}

impl FromStr for Bucket {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_A_BUCKET: ParseError =
            ParseError::new("is not an hour, day or month such as 2026-11-21T09");
        let (granularity, date, hour) = match (text.len(), text.split_once('T')) {
            (7, None) => (Granularity::Month, format!("{text}-01"), "0"),
            (10, None) => (Granularity::Day, text.to_owned(), "0"),
            (13, Some((date, hour))) => (Granularity::Hour, date.to_owned(), hour),
            _ => return Err(NOT_A_BUCKET),
        };
        let date: Date = date.parse().map_err(|_| NOT_A_BUCKET)?;
        let hour = hour.parse().ok().filter(|hour| (0..24).contains(hour)).ok_or(NOT_A_BUCKET)?;
        let bucket = Self { granularity, start: date.at(hour, 0, 0, 0) };
        if bucket.to_string() == text { Ok(bucket) } else { Err(NOT_A_BUCKET) }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.start.year(), self.start.month(), self.start.day());
        match self.granularity {
            Granularity::Hour => write!(f, "{year:04}-{month:02}-{day:02}T{:02}", self.start.hour()),
            Granularity::Day => write!(f, "{year:04}-{month:02}-{day:02}"),
            Granularity::Month => write!(f, "{year:04}-{month:02}"),
        }
    }
}

text_type!(Bucket, format = r"^\d{4}-\d\d(-\d\d(T\d\d)?)?$");

/// Consecutive buckets of one granularity; at least one, at most [`Granularity::most_buckets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    first: Bucket,
    last: Bucket,
}

impl Range {
    /// The buckets between a question's `from` and `to`. `to` is not included; buckets that are touched are answered whole.
    /// Without `to` the range ends with the bucket of `now`; without `from` it has 24 hours, 30 days or 12 months. Faults are
    /// named as `?from` or `?to`.
    pub fn new(
        from: Option<Moment>,
        to: Option<Moment>,
        granularity: Granularity,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let fault = |name: &str, detail: String| Fault { pointer: name.to_owned(), detail };
        let to = to.map(Moment::timestamp);
        let end = to.unwrap_or(now);
        // A range that ends where a bucket begins does not touch that bucket; one that ends now does.
        let last_instant = match to {
            Some(to) => to.checked_sub(1.nanosecond()).unwrap_or(to),
            None => now,
        };
        let last = Bucket::of(granularity, last_instant);
        let first = match from.map(Moment::timestamp) {
            Some(from) if from >= end => return Err(fault("?to", "is not after from".into())),
            Some(from) => Bucket::of(granularity, from),
            None => last.moved(1 - granularity.usual_buckets()).unwrap_or(last),
        };
        let most = granularity.most_buckets();
        let range = Self { first, last };
        if range.buckets().take(most + 1).count() > most {
            return Err(fault("?from", format!("is more than {most} {granularity}s before the end")));
        }
        Ok(range)
    }

    /// The earliest bucket.
    pub const fn first(&self) -> Bucket {
        self.first
    }

    /// The latest bucket, included.
    pub const fn last(&self) -> Bucket {
        self.last
    }

    /// The buckets, earliest first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let last = self.last;
        std::iter::successors(Some(self.first), |bucket| bucket.moved(1))
            .take_while(move |bucket| *bucket <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_instant_has_an_hour_a_day_and_a_month() {
        let keys = |at| Granularity::ALL.map(|granularity| Bucket::of(granularity, at).to_string());
        assert_eq!(keys(at("2026-11-21T09:59:59.999Z")), ["2026-11-21T09", "2026-11-21", "2026-11"]);
        assert_eq!(keys(at("2026-12-31T23:30:00-01:00")), ["2027-01-01T00", "2027-01-01", "2027-01"]);
        assert_eq!(keys(at("2024-02-29T00:00:00Z")), ["2024-02-29T00", "2024-02-29", "2024-02"]);
    }

    #[test]
    fn only_canonical_keys_are_read() {
        for key in [
            "2026-11-21T24",
            "2026-11-21T9",
            "2026-11-21T+9",
            "2026-13",
            "2026-11-31",
            "20261121",
            "2026-11-21 09",
            "2026",
            "",
            "-02026-1",
        ] {
            assert!(key.parse::<Bucket>().is_err(), "{key:?} was accepted");
        }
    }

    fn parse(from: Option<&str>, to: Option<&str>, granularity: Granularity) -> Result<Vec<String>, String> {
        let moment = |text: &str| text.parse().unwrap();
        let range = Range::new(from.map(moment), to.map(moment), granularity, at("2026-11-21T09:30:00Z"));
        range
            .map(|range| range.buckets().map(|bucket| bucket.to_string()).collect())
            .map_err(|fault| fault.pointer)
    }

    #[test]
    fn a_range_holds_whole_buckets_and_not_its_end() {
        let hours =
            parse(Some("2026-11-21T07:59:00Z"), Some("2026-11-21T09:00:00Z"), Granularity::Hour).unwrap();
        assert_eq!(hours, ["2026-11-21T07", "2026-11-21T08"]);
        let days = parse(Some("2026-11-19"), Some("2026-11-21"), Granularity::Day).unwrap();
        assert_eq!(days, ["2026-11-19", "2026-11-20"]);
        let months = parse(Some("2026-10-31"), None, Granularity::Month).unwrap();
        assert_eq!(months, ["2026-10", "2026-11"]);
        assert_eq!(parse(None, None, Granularity::Hour).unwrap().len(), 24);
        let days = parse(None, None, Granularity::Day).unwrap();
        assert_eq!((days.len(), days[0].as_str(), days[29].as_str()), (30, "2026-10-23", "2026-11-21"));
    }

    #[test]
    fn ranges_have_limits() {
        assert_eq!(parse(Some("2026-11-21"), Some("2026-11-21"), Granularity::Day).unwrap_err(), "?to");
        assert_eq!(parse(Some("2027-01-01"), None, Granularity::Day).unwrap_err(), "?to");
        assert_eq!(parse(Some("2025-01-01"), None, Granularity::Day).unwrap_err(), "?from");
        assert_eq!(parse(Some("-009999-02-01T00:00:00Z"), None, Granularity::Hour).unwrap_err(), "?from");
        assert!(parse(Some("2026-10-01"), Some("2026-11-01"), Granularity::Hour).is_ok());
    }

    fn any_moment() -> impl Strategy<Value = Moment> {
        let seconds = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
        prop_oneof![seconds, 1_790_000_000_i64..1_800_000_000]
            .prop_map(|second| Timestamp::from_second(second).unwrap().into())
    }

    proptest! {
        #[test]
        fn keys_read_back_and_sort_by_time(left in 0_i64..253_402_300_000, right in 0_i64..253_402_300_000) {
            for granularity in Granularity::ALL {
                let bucket = |second| Bucket::of(granularity, Timestamp::from_second(second).unwrap());
                let (left, right) = (bucket(left), bucket(right));
                prop_assert_eq!(left.to_string().parse::<Bucket>().unwrap(), left);
                prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
                prop_assert_eq!(Bucket::of(granularity, left.start()), left);
            }
        }

        #[test]
        fn whatever_is_asked_is_answered_or_refused(
            from in proptest::option::of(any_moment()), to in proptest::option::of(any_moment())
        ) {
            for granularity in Granularity::ALL {
                if let Ok(range) = Range::new(from, to, granularity, at("2026-11-21T09:30:00Z")) {
                    let buckets = range.buckets().count();
                    prop_assert!((1..=granularity.most_buckets()).contains(&buckets));
                }
            }
        }
    }
}
