//! Channels, and what each of them offers to devices.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::{AppKey, Platform};
use crate::id::{AppId, ReleaseId, TenantId};
use crate::properties::Config;
use crate::release::{Kind, PackageRef, Release, State, Target};
use crate::rollout::BasisPoints;
use crate::text::{ParseError, text_type};

/// The channel that every new app has, and that devices ask when they name none.
pub const DEFAULT_CHANNEL: &str = "production";

/// Most live releases of a channel at a time. It bounds the serving item and the walk of a device check.
pub const LIVE_RELEASES: usize = 20;

/// Most channels of an app. An app is deleted with two items of each channel in one transaction, which holds 100 items.
pub const CHANNELS_PER_APP: usize = 40;

/// The name of a channel within its app: 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit. It
/// stands in URLs and in the configuration of shipped apps, so it has one spelling and never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(String);

impl ChannelName {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ChannelName {
    fn default() -> Self {
        Self(DEFAULT_CHANNEL.to_owned())
    }
}

impl FromStr for ChannelName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !(1..=64).contains(&text.len()) {
            return Err(ParseError::new("is not 1 to 64 characters long"));
        }
        let first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !text.bytes().all(|b| first(b) || matches!(b, b'-' | b'_' | b'.')) {
            return Err(ParseError::new("contains something other than a-z, 0-9, -, _ and ."));
        }
        if !first(text.as_bytes()[0]) {
            return Err(ParseError::new("does not begin with a letter or digit"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(ChannelName, format = "^[a-z0-9][a-z0-9._-]{0,63}$");

/// A line of releases of an app, such as `production` or `beta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The tenant that the app belongs to.
    pub tenant: TenantId,
    /// The app.
    pub app: AppId,
    /// The name, unique within the app.
    pub name: ChannelName,
    /// Counts changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Channel {
    /// A new channel.
    pub fn new(tenant: TenantId, app: AppId, name: ChannelName, at: Timestamp) -> Self {
        Self { tenant, app, name, version: 1, created_at: at, updated_at: at }
    }
}

/// Why a channel cannot be made. `Display` is meant for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The app has a channel of this name.
    #[error("the app has this channel already")]
    Taken,
    /// The app has as many channels as it may.
    #[error("the app has {CHANNELS_PER_APP} channels, which is the most")]
    TooMany,
}

/// What devices may know of an app: that it exists, and which channels it has. Making a channel and deleting the app both
/// change it, so that neither misses the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedApp {
    /// Whose app it is.
    pub tenant: TenantId,
    /// The app.
    pub app: AppId,
    /// The public key by which devices name the app.
    pub app_key: AppKey,
    /// The names of its channels.
    pub channels: BTreeSet<ChannelName>,
    /// Counts changes, from 1.
    pub version: u64,
}

impl ServedApp {
    /// A new app with its first channel.
    pub fn new(tenant: TenantId, app: AppId, app_key: AppKey) -> Self {
        Self { tenant, app, app_key, channels: BTreeSet::from([ChannelName::default()]), version: 1 }
    }

    /// The app with a further channel.
    pub fn with_channel(&self, name: ChannelName) -> Result<Self, ChannelError> {
        if self.channels.contains(&name) {
            return Err(ChannelError::Taken);
        }
        if self.channels.len() >= CHANNELS_PER_APP {
            return Err(ChannelError::TooMany);
        }
        let mut next = self.clone();
        next.channels.insert(name);
        next.version += 1;
        Ok(next)
    }
}

/// A live release, reduced to what a device check needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The release.
    pub release_id: ReleaseId,
    /// Active, paused or concluded; releases in other states are not offered.
    pub state: State,
    /// The share of devices that it reaches.
    pub rollout_bp: BasisPoints,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Target::is_everybody")]
    pub target: Target,
    /// Whether a device should install it at once.
    pub mandatory: bool,
    /// What it tells the app.
    #[serde(default, skip_serializing_if = "Config::is_empty")]
    pub config: Config,
    /// The package, with what it takes to verify it.
    pub package: PackageRef,
    /// Whether it is a rollback, and to what.
    pub kind: Kind,
}

impl From<&Release> for Offer {
    fn from(release: &Release) -> Self {
        Self {
            release_id: release.id,
            state: release.state,
            rollout_bp: release.rollout_bp,
            target: release.target.clone(),
            mandatory: release.mandatory,
            config: release.config.clone(),
            package: release.package.clone(),
            kind: release.kind,
        }
    }
}

impl Offer {
    /// Whether no device gets past this one to the other: it is concluded, newer, and for all devices of the other. The
    /// same rule by which concluding a release supersedes others ([`Release::conclude`]).
    fn hides(&self, older: &Self) -> bool {
        self.state == State::Concluded
            && self.release_id > older.release_id
            && self.target.covers(&older.target)
    }
}

/// What a channel offers: the stored answer to every device check, written in the transaction of the release that changed
/// it. It needs no other record to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// Whose app it is; checks are metered on it.
    pub tenant: TenantId,
    /// The app.
    pub app: AppId,
    /// The public key by which devices name the app.
    pub app_key: AppKey,
    /// The channel.
    pub channel: ChannelName,
    /// The platforms of the app. Others are offered nothing.
    pub platforms: Vec<Platform>,
    /// The live releases, newest first. Release ids sort by time, and decide the order.
    pub releases: Vec<Offer>,
    /// Counts changes, from 1.
    pub version: u64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Serving {
    /// What a new channel offers: nothing.
    pub fn new(channel: &Channel, app_key: AppKey, platforms: Vec<Platform>) -> Self {
        Self {
            tenant: channel.tenant,
            app: channel.app,
            app_key,
            channel: channel.name.clone(),
            platforms,
            releases: Vec::new(),
            version: 1,
            updated_at: channel.created_at,
        }
    }

    /// Builds the item anew from the channel's releases, in any order: what `with` arrives at step by step.
    #[must_use]
    pub fn rebuilt<'a>(&self, releases: impl IntoIterator<Item = &'a Release>, at: Timestamp) -> Self {
        let mut next = Self { releases: Vec::new(), ..self.clone() };
        for release in releases {
            next.take(release);
        }
        next.stamped(at)
    }

    /// The item after one release was created or changed.
    #[must_use]
    pub fn with(&self, release: &Release, at: Timestamp) -> Self {
        self.with_all([release], at)
    }

    /// The item after several releases changed in one transaction, such as the two of a rollback.
    #[must_use]
    pub fn with_all<'a>(&self, releases: impl IntoIterator<Item = &'a Release>, at: Timestamp) -> Self {
        let mut next = self.clone();
        for release in releases {
            next.take(release);
        }
        next.stamped(at)
    }

    /// The item after the platforms of the app changed.
    #[must_use]
    pub fn with_platforms(&self, platforms: Vec<Platform>, at: Timestamp) -> Self {
        Self { platforms, ..self.clone() }.stamped(at)
    }

    /// The oldest live release that reaches nobody as long as nothing changes, because a newer one goes to all of its devices.
    /// When a channel is full, this one makes room: a channel that is only ever released to need not be tidied by hand.
    pub fn spent(&self) -> Option<ReleaseId> {
        let covered = |at: usize, older: &Offer| {
            self.releases[..at].iter().any(|newer| {
                newer.state != State::Paused
                    && newer.rollout_bp.is_full()
                    && newer.target.covers(&older.target)
            })
        };
        let oldest = self.releases.iter().enumerate().rev().find(|(at, older)| covered(*at, older))?;
        Some(oldest.1.release_id)
    }

    fn take(&mut self, release: &Release) {
        self.releases.retain(|offer| offer.release_id != release.id);
        let offer = Offer::from(release);
        if !release.state.is_live() || self.releases.iter().any(|newer| newer.hides(&offer)) {
            return;
        }
        self.releases.retain(|older| !offer.hides(older));
        let place = self.releases.partition_point(|newer| newer.release_id > offer.release_id);
        self.releases.insert(place, offer);
    }

    fn stamped(mut self, at: Timestamp) -> Self {
        self.version += 1;
        self.updated_at = at;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Faults, JsonObject};
    use crate::properties::CONFIG_BYTES;
    use crate::release::DEVICES_PER_TARGET;
    use crate::release::tests::{release, target};
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn names_have_one_spelling() {
        for name in ["production", "beta-2", "7", "a.b_c", &"x".repeat(64)] {
            assert!(name.parse::<ChannelName>().is_ok(), "{name:?} was refused");
        }
        for name in
            ["", "Beta", "-a", ".a", "_a", "a b", "a/b", "a#b", "\u{fc}", "\u{1f426}", &"x".repeat(65)]
        {
            assert!(name.parse::<ChannelName>().is_err(), "{name:?} was accepted");
        }
        assert_eq!(ChannelName::default(), DEFAULT_CHANNEL.parse().unwrap());
    }

    fn empty() -> Serving {
        let (tenant, app) = (TenantId::from_uuid(Uuid::nil()), AppId::from_uuid(Uuid::from_u128(1)));
        let channel = Channel::new(tenant, app, ChannelName::default(), Timestamp::UNIX_EPOCH);
        Serving::new(&channel, AppKey::from_random(7), vec!["ios".parse().unwrap()])
    }

    #[test]
    fn a_changed_release_takes_its_own_place() {
        let at = "2026-11-21T09:00:00Z".parse().unwrap();
        let item = empty().with_all([&release(1, 1), &release(2, 2), &release(3, 3)], at);
        assert_eq!((item.version, item.updated_at), (2, at));
        let paused = item.with(&Release { state: State::Paused, ..release(2, 2) }, at);
        let states: Vec<State> = paused.releases.iter().map(|offer| offer.state).collect();
        assert_eq!(states, [State::Active, State::Paused, State::Active]);
        for state in [State::RolledBack, State::Superseded] {
            let gone = paused.with(&Release { state, ..release(2, 2) }, at);
            assert_eq!(gone.releases.len(), 2, "{state}");
        }
        assert_eq!(item.with_platforms(vec![], at).releases, item.releases);
    }

    #[test]
    fn the_oldest_release_that_is_covered_makes_room() {
        let at = Timestamp::UNIX_EPOCH;
        let share = |n, points| Release { rollout_bp: BasisPoints::new(points).unwrap(), ..release(n, n) };
        assert_eq!(empty().spent(), None);
        assert_eq!(empty().with_all([&share(1, 10_000), &share(2, 5000)], at).spent(), None);
        let item = empty().with_all([&share(1, 10_000), &share(2, 5000), &share(3, 10_000)], at);
        assert_eq!(item.spent(), Some(release(1, 1).id));
        let paused = Release { state: State::Paused, ..share(3, 10_000) };
        assert_eq!(item.with(&paused, at).spent(), None);
        let narrow = Release { target: target(json!({"platforms": ["ios"]})), ..share(3, 10_000) };
        assert_eq!(item.with(&narrow, at).spent(), None);
    }

    #[test]
    fn channels_of_an_app_are_bounded_and_unique() {
        let mut app = ServedApp::new(empty().tenant, empty().app, empty().app_key);
        assert_eq!(app.with_channel(ChannelName::default()), Err(ChannelError::Taken));
        for n in 1..CHANNELS_PER_APP {
            app = app.with_channel(format!("c{n}").parse().unwrap()).unwrap();
        }
        assert_eq!(app.version, CHANNELS_PER_APP as u64);
        assert_eq!(app.with_channel("more".parse().unwrap()), Err(ChannelError::TooMany));
    }

    /// An item of the table holds 400 KB, and a change that is refused for its size would leave devices with what was before.
    #[test]
    fn the_largest_item_fits_the_table() {
        let text = "x".repeat(CONFIG_BYTES - r#"{"a":""}"#.len());
        let config = Config::new(JsonObject(json!({"a": text}).as_object().unwrap().clone())).unwrap();
        let devices: Vec<String> = (0..DEVICES_PER_TARGET).map(|n| format!("{n:0128}")).collect();
        let target =
            target(json!({"device_ids": devices, "app_version": format!("<1.0.0-{}", "x".repeat(240))}));
        let largest = |n| Release { config: config.clone(), target: target.clone(), ..release(n, n) };
        let releases: Vec<Release> = (1..=LIVE_RELEASES as u128).map(largest).collect();
        let item = empty().rebuilt(&releases, Timestamp::UNIX_EPOCH);
        assert_eq!(item.releases.len(), LIVE_RELEASES);
        let length = serde_json::to_vec(&item).unwrap().len();
        assert!(length < 390_000, "{length} bytes");
    }

    proptest! {
        #[test]
        fn no_name_panics(text in "\\PC{0,70}") {
            match deserr::deserialize::<ChannelName, _, Faults>(json!(text)) {
                Ok(name) => prop_assert_eq!(name.to_string(), text),
                Err(faults) => prop_assert_eq!(faults.0.len(), 1),
            }
        }
    }
}
