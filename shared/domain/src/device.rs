//! What a device is offered. Every protocol that devices speak asks this one function.

use std::fmt;
use std::str::FromStr;

use crate::app::Platform;
use crate::channel::{Offer, Serving};
use crate::hash::Sha256;
use crate::id::{PackageId, ReleaseId};
use crate::release::{Audience, Kind, State};
use crate::rollout::{DeviceId, bucket};
use crate::text::{ParseError, text_type};

/// The version of the app's binary on a device: semantic versioning 2.0.0 with one leniency, which `CodePush` clients rely
/// on: `1` is `1.0.0` and `1.2` is `1.2.0`. At most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AppVersion {
    text: String,
    parsed: semver::Version,
}

impl AppVersion {
    /// The version as the device wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The version to compare with.
    pub fn as_semver(&self) -> &semver::Version {
        &self.parsed
    }
}

impl FromStr for AppVersion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_A_VERSION: ParseError = ParseError::new("is not a version such as 1.4.0");
        if text.len() > 64 {
            return Err(ParseError::new("is longer than 64 characters"));
        }
        let numbers_end = text.find(['-', '+']).unwrap_or(text.len());
        let (numbers, rest) = text.split_at(numbers_end);
        let missing = match numbers.split('.').count() {
            1 => ".0.0",
            2 => ".0",
            _ => "",
        };
        let parsed = format!("{numbers}{missing}{rest}").parse().map_err(|_| NOT_A_VERSION)?;
        Ok(Self { text: text.to_owned(), parsed })
    }
}

impl fmt::Display for AppVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_type!(AppVersion, format = r"^\d+(\.\d+){0,2}([-+][0-9A-Za-z.+-]*)?$");

/// What a device says it runs: the id of a package or of a release, the SHA-256 of a manifest, or a package's version. 1 to
/// 128 printable ASCII characters without spaces; one that names nothing known is allowed and matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    text: String,
    package: Option<PackageId>,
    release: Option<ReleaseId>,
    manifest: Option<Sha256>,
}

impl Current {
    /// Whether it names what this offer brings. The release that a rollback restores counts as the rollback: the device
    /// has the package already.
    fn names(&self, offer: &Offer) -> bool {
        let restored = match offer.kind {
            Kind::Standard => None,
            Kind::Rollback { restores, .. } => Some(restores),
        };
        self.package == Some(offer.package.id)
            || self.release.is_some_and(|release| release == offer.release_id || Some(release) == restored)
            || self.manifest == Some(offer.package.manifest_sha256)
            || self.text == offer.package.version.as_str()
    }
}

impl FromStr for Current {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !(1..=128).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ParseError::new("is not 1 to 128 printable ASCII characters without spaces"));
        }
        Ok(Self {
            text: text.to_owned(),
            package: text.parse().ok(),
            release: text.parse().ok(),
            manifest: text.parse().ok(),
        })
    }
}

impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_type!(Current, format = "^[!-~]{1,128}$");

/// A device's question to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its platform. Where it names none, an app with a single platform runs on that one; otherwise it is offered only what is
    /// for every platform.
    pub platform: Option<Platform>,
    /// Its name, without which it takes part in no partial rollout.
    pub device: Option<DeviceId>,
    /// What it runs; absent when it runs what it was shipped with.
    pub current: Option<Current>,
    /// The version of the app's binary.
    pub app_version: Option<AppVersion>,
}

/// The answer to a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision<'a> {
    /// What it is told.
    pub outcome: Outcome<'a>,
    /// Whether everybody who asks the same question may be given this answer: the question names no device, and no release
    /// was met that reaches only some of those it is for. Such an answer may be cached at the edge.
    pub shared: bool,
}

/// What a device is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome<'a> {
    /// There is something newer.
    Offer {
        /// The release.
        offer: &'a Offer,
        /// Whether to install it at once: it is mandatory, or the device has missed one that is. The rule is that of
        /// `CodePush`: any newer release that the device would have been offered counts. For a device that names no
        /// current release only the offered one does.
        mandatory: bool,
    },
    /// The device has what it should have.
    UpToDate,
    /// The channel has nothing for this device.
    NothingForYou(Reason),
}

/// Why a channel has nothing for a device: what kept it from the newest release that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No release of the channel is live.
    NoRelease,
    /// The app has no such platform.
    UnknownPlatform,
    /// The release is for others.
    NotTargeted,
    /// The release is paused.
    Paused,
    /// The rollout has not reached the device, or the device has no name by which it could.
    NotInRollout,
}

impl Reason {
    /// A name for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRelease => "no_release",
            Self::UnknownPlatform => "unknown_platform",
            Self::NotTargeted => "not_targeted",
            Self::Paused => "paused",
            Self::NotInRollout => "not_in_rollout",
        }
    }
}

/// What one release means for one device.
enum Reach {
    Reached,
    Missed { reason: Reason, partial: bool },
}

/// Decides what a device is offered.
///
/// The live releases are walked from newest to oldest. The first that the device already has ends the walk, whatever the
/// release's state and share are now: pausing or ramping down takes nothing away and brings nothing older back. The first
/// that reaches the device is offered.
///
/// Of releases that reach only a share of the devices, or named devices, a device without a name gets none.
pub fn decide<'a>(serving: &'a Serving, ask: &Ask) -> Decision<'a> {
    let mut shared = ask.device.is_none();
    if ask.platform.as_ref().is_some_and(|platform| !serving.platforms.contains(platform)) {
        return Decision { outcome: Outcome::NothingForYou(Reason::UnknownPlatform), shared };
    }
    let held = ask.current.as_ref().and_then(|current| held_package(serving, current));
    let platform = ask.platform.as_ref().or_else(|| only(&serving.platforms));
    let mut nearest = None;
    for (at, offer) in serving.releases.iter().enumerate() {
        if held == Some(offer.package.id) {
            return Decision { outcome: Outcome::UpToDate, shared };
        }
        match reach(offer, ask, platform) {
            Reach::Reached => {
                let older = &serving.releases[at + 1..];
                let mandatory = offer.mandatory || missed_mandatory(older, ask, platform, held);
                return Decision { outcome: Outcome::Offer { offer, mandatory }, shared };
            }
            Reach::Missed { reason, partial } => {
                shared &= !partial;
                nearest = nearest.or(Some(reason));
            }
        }
    }
    Decision { outcome: Outcome::NothingForYou(nearest.unwrap_or(Reason::NoRelease)), shared }
}

/// The package that a device has, by whichever of its names the device knows it. Found first, so that two releases of one
/// package are one to every device.
fn held_package(serving: &Serving, current: &Current) -> Option<PackageId> {
    serving.releases.iter().find(|offer| current.names(offer)).map(|offer| offer.package.id)
}

fn only(platforms: &[Platform]) -> Option<&Platform> {
    match platforms {
        [platform] => Some(platform),
        _ => None,
    }
}

fn reach(offer: &Offer, ask: &Ask, platform: Option<&Platform>) -> Reach {
    let missed = |reason, partial| Reach::Missed { reason, partial };
    let audience = offer.target.audience(platform, ask.app_version.as_ref(), ask.device.as_ref());
    if audience == Audience::Excluded {
        return missed(Reason::NotTargeted, false);
    }
    if offer.state == State::Paused {
        return missed(Reason::Paused, false);
    }
    let chosen = match &ask.device {
        _ if offer.rollout_bp.is_full() => true,
        Some(device) => offer.rollout_bp.covers(bucket(offer.release_id, device)),
        None => false,
    };
    if chosen && audience == Audience::Included { Reach::Reached } else { missed(Reason::NotInRollout, true) }
}

/// Whether one of the older releases, down to the one that the device has, is mandatory and reached it.
fn missed_mandatory(
    older: &[Offer],
    ask: &Ask,
    platform: Option<&Platform>,
    held: Option<PackageId>,
) -> bool {
    ask.current.is_some()
        && older
            .iter()
            .take_while(|offer| held != Some(offer.package.id))
            .any(|offer| offer.mandatory && matches!(reach(offer, ask, platform), Reach::Reached))
}

#[cfg(test)]
mod tests;
