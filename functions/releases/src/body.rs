//! Channels and releases on the wire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rookery_domain::channel::{self, ChannelName};
use rookery_domain::event::Actor;
use rookery_domain::id::{AppId, ReleaseId};
use rookery_domain::properties::Config;
use rookery_domain::release::{self, Kind, Notes, PackageRef, State, Step, Target};
use rookery_domain::report::DeviceEvent;
use rookery_domain::rollout::BasisPoints;
use serde::Serialize;
use utoipa::ToSchema;

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct Channel {
    /// The app that it is of.
    pub app_id: AppId,
    /// Its name, unique within the app.
    pub name: ChannelName,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<channel::Channel> for Channel {
    fn from(channel: channel::Channel) -> Self {
        Self {
            app_id: channel.app,
            name: channel.name,
            version: channel.version,
            created_at: channel.created_at,
            updated_at: channel.updated_at,
        }
    }
}

/// A release.
#[derive(Debug, Serialize, ToSchema)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// The app that it is of.
    pub app_id: AppId,
    /// The channel that it is offered on.
    pub channel: ChannelName,
    /// The package that it offers.
    pub package: PackageRef,
    /// Where it stands.
    pub state: State,
    /// The share of devices that it is offered to while it is active, in basis points: 2500 is a quarter.
    pub rollout_bp: BasisPoints,
    /// Whether devices should install it at once.
    pub mandatory: bool,
    /// Whom it is for; empty is everybody.
    pub target: Target,
    /// What it tells the app.
    pub config: Config,
    /// What it says to people.
    pub notes: Option<Notes>,
    /// How it came to be: somebody released a package, or rolled a release back.
    pub kind: Kind,
    /// What happened to it, newest last: the last 50 steps. The audit trail has all of them.
    pub history: Vec<Step>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<release::Release> for Release {
    fn from(release: release::Release) -> Self {
        Self {
            id: release.id,
            app_id: release.app,
            channel: release.channel,
            package: release.package,
            state: release.state,
            rollout_bp: release.rollout_bp,
            mandatory: release.mandatory,
            target: release.target,
            config: release.config,
            notes: release.notes,
            kind: release.kind,
            history: release.history,
            version: release.version,
            created_at: release.created_at,
            created_by: release.created_by,
            updated_at: release.updated_at,
        }
    }
}

/// A release with what devices reported of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReleaseWithAdoption {
    /// The release.
    #[serde(flatten)]
    pub release: Release,
    /// How many devices reported what, each counted once: `downloaded`, `installed`, `launched`, `failed`, `rolled_back`.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub adoption: BTreeMap<DeviceEvent, u64>,
    /// Why devices failed or rolled back, most frequent first. About a hundred reasons are told apart; `other` counts the rest.
    pub failures: Vec<Failure>,
}

/// A reason that devices gave.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure {
    /// The reason in the words of the devices.
    pub reason: String,
    /// How many devices gave it.
    pub count: u64,
}
