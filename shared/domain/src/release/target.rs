//! Whom a release is for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};

use crate::app::{PLATFORMS, Platform};
use crate::device::AppVersion;
use crate::rollout::DeviceId;
use crate::text::{ParseError, text_type};

/// Most devices that a target may name one by one. Larger groups are rollouts.
pub const DEVICES_PER_TARGET: usize = 100;

/// Which versions of an app: a requirement such as `>=1.4, <2` in the language of Cargo (the crate `semver`): comparators
/// separated by commas that all must hold; a bare `1.4` means `^1.4`. A pre-release matches only a comparator that names a
/// pre-release of the same version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionRange(semver::VersionReq);

impl VersionRange {
    /// Whether the version is in the range.
    pub fn holds(&self, version: &AppVersion) -> bool {
        self.0.matches(version.as_semver())
    }

    /// The versions that are in both; `None` when that takes more text than a range may have.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.0.clone();
        for comparator in &other.0.comparators {
            if !both.comparators.contains(comparator) {
                both.comparators.push(comparator.clone());
            }
        }
        both.to_string().parse().ok()
    }
}

impl FromStr for VersionRange {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > 256 {
            return Err(ParseError::new("is longer than 256 characters"));
        }
        text.parse()
            .map(Self)
            .map_err(|_| ParseError::new("is not a version requirement such as \">=1.4, <2\""))
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(VersionRange, format = "^[0-9A-Za-z<>=~^*., +-]{1,256}$");

macro_rules! bounded_set {
    ($(#[$doc:meta])* $name:ident of $item:ty, at most $most:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(BTreeSet<$item>);

        impl std::ops::Deref for $name {
            type Target = BTreeSet<$item>;

            fn deref(&self) -> &BTreeSet<$item> {
                &self.0
            }
        }

        impl<E: DeserializeError> Deserr<E> for $name {
            fn deserialize_from_value<V: IntoValue>(
                value: Value<V>,
                location: ValuePointerRef<'_>,
            ) -> Result<Self, E> {
                let items = BTreeSet::deserialize_from_value(value, location)?;
                if items.len() <= $most {
                    return Ok(Self(items));
                }
                let msg = format!("has more than {} items", $most);
                Err(deserr::take_cf_content(E::error::<V>(None, ErrorKind::Unexpected { msg }, location)))
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ArrayBuilder::new()
                    .items(<$item as utoipa::PartialSchema>::schema())
                    .max_items(Some($most))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

bounded_set! {
    /// A set of platforms; empty means all.
    PlatformList of Platform, at most *PLATFORMS.end()
}

bounded_set! {
    /// A set of devices; empty means all.
    DeviceList of DeviceId, at most DEVICES_PER_TARGET
}

/// Whom a release is for: devices for which every part holds. A part that is left out holds for all, so the empty target
/// is everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[deserr(deny_unknown_fields)]
#[schema(default, example = json!({"platforms": ["ios"], "app_version": ">=1.4, <2"}))]
pub struct Target {
    /// Platforms of the app; empty means all of them.
    #[serde(default, skip_serializing_if = "is_empty")]
    #[deserr(default)]
    pub platforms: PlatformList,
    /// Versions of the app's binary. A device that does not say its version is in no range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[deserr(default)]
    pub app_version: Option<VersionRange>,
    /// The devices by name, such as those of testers; empty means all.
    #[serde(default, skip_serializing_if = "is_empty")]
    #[deserr(default)]
    pub device_ids: DeviceList,
}

fn is_empty<T>(set: &impl std::ops::Deref<Target = BTreeSet<T>>) -> bool {
    set.is_empty()
}

/// What a target says of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// It is for this device.
    Included,
    /// It is for other devices.
    Excluded,
    /// It is for named devices, and this one has no name.
    Unknown,
}

impl Target {
    /// Whether it leaves nobody out.
    pub fn is_everybody(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a device is among those it is for.
    pub fn audience(
        &self,
        platform: Option<&Platform>,
        app_version: Option<&AppVersion>,
        device: Option<&DeviceId>,
    ) -> Audience {
        let platform_fits =
            self.platforms.is_empty() || platform.is_some_and(|named| self.platforms.contains(named));
        let version_fits = match (&self.app_version, app_version) {
            (None, _) => true,
            (Some(range), Some(version)) => range.holds(version),
            (Some(_), None) => false,
        };
        if !platform_fits || !version_fits {
            return Audience::Excluded;
        }
        match device {
            _ if self.device_ids.is_empty() => Audience::Included,
            Some(device) if self.device_ids.contains(device) => Audience::Included,
            Some(_) => Audience::Excluded,
            None => Audience::Unknown,
        }
    }

    /// Whether every device of the other target is certainly one of this. Version ranges are compared as they are written:
    /// of two different ranges neither covers the other.
    pub fn covers(&self, other: &Self) -> bool {
        let covers_versions = self.app_version.is_none() || self.app_version == other.app_version;
        covers_versions
            && covers(&self.platforms, &other.platforms)
            && covers(&self.device_ids, &other.device_ids)
    }

    /// The devices that both are for; `None` when no platform or no named device is common. Whether two version ranges
    /// have a version in common is not looked into.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let app_version = match (&self.app_version, &other.app_version) {
            (Some(left), Some(right)) => Some(left.and(right)?),
            (range, None) | (None, range) => range.clone(),
        };
        Some(Self {
            platforms: PlatformList(common(&self.platforms, &other.platforms)?),
            app_version,
            device_ids: DeviceList(common(&self.device_ids, &other.device_ids)?),
        })
    }
}

fn covers<T: Ord>(wide: &BTreeSet<T>, narrow: &BTreeSet<T>) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.is_subset(wide))
}

/// An empty set stands for all, so an empty intersection has to be `None`.
fn common<T: Ord + Clone>(left: &BTreeSet<T>, right: &BTreeSet<T>) -> Option<BTreeSet<T>> {
    match (left.is_empty(), right.is_empty()) {
        (true, _) => Some(right.clone()),
        (_, true) => Some(left.clone()),
        _ => Some(left & right).filter(|both| !both.is_empty()),
    }
}
