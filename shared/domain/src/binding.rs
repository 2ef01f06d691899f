//! Bindings: who has which role where, until when, and under which condition.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

use crate::fault::Faults;
use crate::id::{BindingId, GroupId, KeyId, TenantId, UserId};
use crate::node::NodeId;
use crate::role::{Predefined, RoleRef};
use crate::text::ParseError;

/// Most bindings that one subject may have, so that what decides about it is read at once.
pub const MOST_PER_SUBJECT: usize = 100;
/// Most address ranges of a condition.
pub const MOST_RANGES: usize = 20;

/// Who may be given a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A person.
    User(UserId),
    /// Everybody in a group and in the groups below it.
    Group(GroupId),
    /// A service key. (A personal key has the rights of its owner.)
    Key(KeyId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Group(id) => id.fmt(f),
            Self::Key(id) => id.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let user = text.parse().map(Self::User);
        let group = || text.parse().map(Self::Group);
        let key = || text.parse().map(Self::Key);
        user.or_else(|_| group())
            .or_else(|_| key())
            .map_err(|_: ParseError| ParseError::new("is not the id of a user, a group or an API key"))
    }
}

crate::text::text_type!(Subject, format = r"^(usr|grp|key)_[0-7][0-9a-hjkmnp-tv-z]{25}$");

impl From<Subject> for NodeId {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::User(id) => Self::User(id),
            Subject::Group(id) => Self::Group(id),
            Subject::Key(id) => Self::Key(id),
        }
    }
}

/// A range of network addresses in CIDR notation, such as `203.0.113.0/24`; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range(IpNet);

impl Range {
    /// Whether an address is in it. IPv4 addresses that came as IPv6 (RFC 4291, section 2.5.5.2) count as what they are.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether all addresses of another range are in it.
    pub fn covers(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl FromStr for Range {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_| ParseError::new("is not a range of addresses such as 203.0.113.0/24"))?;
        if net.trunc() != net {
            return Err(ParseError::new("has bits behind its prefix that are not zero"));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

crate::text::text_type!(Range, format = r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$");

/// A time of day in UTC, to the minute: `08:30`. `24:00` is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock(u16);

impl Clock {
    /// Minutes since midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for Clock {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_A_TIME: ParseError = ParseError::new("is not a time of day such as 08:30");
        let (hour, minute) = text.split_once(':').ok_or(NOT_A_TIME)?;
        let number = |part: &str| match part.len() {
            2 if part.bytes().all(|b| b.is_ascii_digit()) => part.parse::<u16>().map_err(|_| NOT_A_TIME),
            _ => Err(NOT_A_TIME),
        };
        let minutes = number(hour)? * 60 + number(minute)?;
        if minutes > 24 * 60 || number(minute)? > 59 { Err(NOT_A_TIME) } else { Ok(Self(minutes)) }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

crate::text::text_type!(Clock, format = "^([01][0-9]|2[0-4]):[0-5][0-9]$");

/// A day of the week, `mon` to `sun`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Day(Weekday);

impl Day {
    /// 1 for Monday to 7 for Sunday (ISO 8601).
    pub fn number(self) -> i8 {
        self.0.to_monday_one_offset()
    }
}

impl PartialOrd for Day {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Day {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number().cmp(&other.number())
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl FromStr for Day {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = DAYS.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, day)| Self(*day))
            .ok_or(ParseError::new("is not a day: mon, tue, wed, thu, fri, sat or sun"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DAYS.iter().find(|(_, day)| *day == self.0).map_or("", |(name, _)| name))
    }
}

crate::text::text_type!(Day, format = "^(mon|tue|wed|thu|fri|sat|sun)$");

/// Hours of some days of the week, in UTC. Where `to` is before `from`, the hours go through midnight, and each side of it counts
/// for the day that it is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Window {
    /// On which days.
    #[schema(value_type = Vec<Day>)]
    pub days: BTreeSet<Day>,
    /// From when on.
    pub from: Clock,
    /// Until when; not included.
    pub to: Clock,
}

impl Window {
    /// Whether a moment is in it, given as day (1 to 7) and minute of the day in UTC.
    pub fn contains(&self, day: i8, minute: u16) -> bool {
        let (from, to) = (self.from.minutes(), self.to.minutes());
        let hours = if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to };
        hours && self.days.iter().any(|known| known.number() == day)
    }
}

/// What must hold at the moment of a request for a binding to count. Every part that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Condition {
    /// A second factor was used within so many minutes.
    #[deserr(default)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor_within_minutes: Option<u32>,
    /// The request comes from one of these ranges.
    #[deserr(default)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Range>,
    /// The request comes within these hours.
    #[deserr(default)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

impl Condition {
    /// Why the condition could never hold, or says nothing; each fault with its place within the condition.
    pub fn faults(&self, subject: Subject) -> Vec<(&'static str, &'static str)> {
        let mut faults = Vec::new();
        if *self == Self::default() {
            faults.push(("", "says nothing; leave it out"));
        }
        match self.second_factor_within_minutes {
            Some(0) => faults.push(("/second_factor_within_minutes", "can never hold: it is no time at all")),
            Some(minutes) if minutes > 7 * 24 * 60 => {
                faults.push(("/second_factor_within_minutes", "is more than a week"));
            }
            Some(_) if matches!(subject, Subject::Key(_)) => {
                faults.push(("/second_factor_within_minutes", "can never hold: a key has no second factor"));
            }
            _ => {}
        }
        if self.addresses.len() > MOST_RANGES {
            faults.push(("/addresses", "has more than 20 ranges"));
        }
        if let Some(window) = &self.window {
            if window.days.is_empty() {
                faults.push(("/window/days", "can never hold: it has no day"));
            }
            if window.from == window.to || window.from.minutes() == 24 * 60 {
                faults.push(("/window/from", "can never hold: no time is between it and the end"));
            }
        }
        faults
    }

    /// Whether the condition holds.
    pub fn holds(&self, circumstances: &Circumstances) -> bool {
        let second_factor = self.second_factor_within_minutes.is_none_or(|minutes| {
            circumstances.second_factor_age_s.is_some_and(|age| age <= i64::from(minutes) * 60)
        });
        let address = self.addresses.is_empty()
            || circumstances
                .address
                .is_some_and(|address| self.addresses.iter().any(|range| range.contains(address)));
        let hours = self.window.as_ref().is_none_or(|window| {
            let (day, minute) = circumstances.day_and_minute();
            window.contains(day, minute)
        });
        second_factor && address && hours
    }
}

/// Under what circumstances something is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// When.
    pub now: Timestamp,
    /// From which address, as far as it is known.
    pub address: Option<IpAddr>,
    /// How long ago a second factor was used, in seconds; `None` if none was.
    pub second_factor_age_s: Option<i64>,
}

impl Circumstances {
    /// The day of the week (1 to 7) and the minute of the day, in UTC.
    pub fn day_and_minute(&self) -> (i8, u16) {
        let moment = self.now.to_zoned(jiff::tz::TimeZone::UTC);
        let minute = i16::from(moment.hour()) * 60 + i16::from(moment.minute());
        (moment.weekday().to_monday_one_offset(), minute.unsigned_abs())
    }
}

/// A role that somebody has somewhere: the part of a binding that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The binding's id.
    pub binding: BindingId,
    /// The role.
    pub role: RoleRef,
    /// On this place and everything below it.
    pub node: NodeId,
    /// From when on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Until when; not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Under which condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

impl Grant {
    /// Whether it makes a person who has it directly an owner of the tenant: the role at the tenant itself, for good and without
    /// condition.
    pub fn owns(&self, tenant: TenantId) -> bool {
        let Self { role, node, starts_at, expires_at, condition, .. } = self;
        *role == RoleRef::Predefined(Predefined::Owner)
            && *node == NodeId::Tenant(tenant)
            && starts_at.is_none()
            && expires_at.is_none()
            && condition.is_none()
    }

    /// Whether it is its time, whatever its condition.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it counts unconditionally from now on and at least until an instant (`None`: for ever). Only what somebody has in
    /// this way can be handed on: otherwise a right for office hours could be turned into one for good.
    pub fn lasts_until(&self, until: Option<Timestamp>, now: Timestamp) -> bool {
        let long_enough = match (self.expires_at, until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(end), Some(until)) => end >= until,
        };
        self.condition.is_none() && self.is_current(now) && long_enough
    }
}

/// Who has which role where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Who has the role.
    pub subject: Subject,
    /// Which role, where, and when. Its `binding` is this binding's id.
    pub grant: Grant,
    /// Counts its changes, from 1. A binding does not change: it is deleted, and another one made.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Binding {
    /// Its id.
    pub const fn id(&self) -> BindingId {
        self.grant.binding
    }

    /// The person whom it makes an owner of the tenant.
    pub fn owner(&self) -> Option<UserId> {
        match self.subject {
            Subject::User(user) if self.grant.owns(self.tenant) => Some(user),
            _ => None,
        }
    }
}

/// What is wrong with the times of a binding that is being made.
pub fn time_faults(
    starts_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Vec<(&'static str, &'static str)> {
    let mut faults = Vec::new();
    if expires_at.is_some_and(|end| end <= now) {
        faults.push(("/expires_at", "is not in the future"));
    }
    if let (Some(start), Some(end)) = (starts_at, expires_at)
        && end <= start
    {
        faults.push(("/expires_at", "is not after the start"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Circumstances {
        Circumstances { now: text.parse().unwrap(), address: None, second_factor_age_s: None }
    }

    #[test]
    fn ranges_are_cidr() {
        let range: Range = "203.0.113.0/24".parse().unwrap();
        assert!(range.contains("203.0.113.9".parse().unwrap()));
        assert!(range.contains("::ffff:203.0.113.9".parse().unwrap()));
        assert!(!range.contains("203.0.114.1".parse().unwrap()));
        assert_eq!("::1".parse::<Range>().unwrap().to_string(), "::1/128");
        for text in ["", "203.0.113.1/24", "10.0.0.0/33", "localhost", "10.0.0", "0.0.0.0/0/0"] {
            assert!(text.parse::<Range>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn windows_are_hours_of_days() {
        let window = |days: &[&str], from: &str, to: &str| Window {
            days: days.iter().map(|day| day.parse().unwrap()).collect(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        };
        let holds = |window: Window, moment: &str| {
            Condition { window: Some(window), ..Condition::default() }.holds(&at(moment))
        };
        // 2026-11-21 is a Saturday.
        assert!(holds(window(&["sat"], "08:00", "18:00"), "2026-11-21T08:00:00Z"));
        assert!(!holds(window(&["sat"], "08:00", "18:00"), "2026-11-21T18:00:00Z"));
        assert!(!holds(window(&["fri"], "08:00", "18:00"), "2026-11-21T09:00:00Z"));
        assert!(holds(window(&["sat"], "22:00", "06:00"), "2026-11-21T23:00:00Z"));
        assert!(holds(window(&["sat"], "22:00", "06:00"), "2026-11-21T05:59:00Z"));
        assert!(!holds(window(&["sat"], "22:00", "06:00"), "2026-11-21T12:00:00Z"));
        assert!(holds(window(&["sat"], "00:00", "24:00"), "2026-11-21T23:59:59Z"));
    }

    #[test]
    fn what_can_never_hold_is_a_fault() {
        let user = Subject::User("usr_01h455vb4pex5vsknk084sn02q".parse().unwrap());
        let key = Subject::Key("key_01h455vb4pex5vsknk084sn02q".parse().unwrap());
        let second_factor =
            |minutes| Condition { second_factor_within_minutes: Some(minutes), ..Condition::default() };
        assert_eq!(Condition::default().faults(user).len(), 1);
        assert_eq!(second_factor(0).faults(user).len(), 1);
        assert_eq!(second_factor(5).faults(user), []);
        assert_eq!(second_factor(5).faults(key).len(), 1);
        let empty = Window { days: BTreeSet::new(), from: Clock(480), to: Clock(480) };
        let condition = Condition { window: Some(empty), ..Condition::default() };
        assert_eq!(condition.faults(user).len(), 2);
    }

    #[test]
    fn only_what_lasts_can_be_handed_on() {
        let now = at("2026-11-21T09:00:00Z").now;
        let later: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let grant = |expires_at, condition| Grant {
            binding: "bnd_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            role: "owner".parse().unwrap(),
            node: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            starts_at: None,
            expires_at,
            condition,
        };
        assert!(grant(None, None).lasts_until(None, now));
        assert!(!grant(Some(later), None).lasts_until(None, now));
        assert!(grant(Some(later), None).lasts_until(Some(later), now));
        assert!(!grant(Some(now), None).lasts_until(Some(now), now));
        let conditional = Condition { addresses: vec!["::/0".parse().unwrap()], ..Condition::default() };
        assert!(!grant(None, Some(conditional)).lasts_until(Some(later), now));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Range>();
            let _ = text.parse::<Clock>();
            let _ = text.parse::<Day>();
            let _ = text.parse::<Subject>();
        }

        #[test]
        fn clocks_are_read_as_they_are_written(minutes in 0_u16..=1440) {
            prop_assert_eq!(Clock(minutes).to_string().parse::<Clock>().unwrap(), Clock(minutes));
        }
    }
}
