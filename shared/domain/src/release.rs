//! Releases: a package offered to a slice of the devices of a channel, and what may be done with one.

mod rollback;
mod target;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use rollback::{restorable, roll_back};
pub use target::{Audience, DEVICES_PER_TARGET, DeviceList, PlatformList, Target, VersionRange};

use crate::app::Platform;
use crate::channel::{ChannelName, LIVE_RELEASES};
use crate::event::Actor;
use crate::hash::Sha256;
use crate::id::{AppId, PackageId, ReleaseId};
use crate::package::PackageVersion;
use crate::properties::Config;
use crate::rollout::BasisPoints;
use crate::text::{ParseError, text_type};

/// How many steps the history of a release keeps, newest last. The audit trail has all of them.
pub const HISTORY_STEPS: usize = 50;

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReleaseState)]
pub enum State {
    /// Offered to its share of devices.
    Active,
    /// Offered to nobody new; who has it keeps it.
    Paused,
    /// Offered to everybody whom it is for, for good.
    Concluded,
    /// Found wanting and replaced by an earlier package. Final.
    RolledBack,
    /// Replaced by a later release that was concluded. Final.
    Superseded,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Paused, Self::Concluded, Self::RolledBack, Self::Superseded];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Concluded => "concluded",
            Self::RolledBack => "rolled_back",
            Self::Superseded => "superseded",
        }
    }

    /// Whether devices may hold it as their current release.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Paused | Self::Concluded)
    }

    /// The table of transitions: where a command leads from here, or nowhere.
    pub const fn after(self, verb: Verb) -> Option<Self> {
        match (self, verb) {
            (Self::Active, Verb::Ramp) | (Self::Paused, Verb::Resume) => Some(Self::Active),
            (Self::Active, Verb::Pause) | (Self::Paused, Verb::Ramp) => Some(Self::Paused),
            (Self::Active, Verb::Conclude) => Some(Self::Concluded),
            (Self::Active | Self::Paused | Self::Concluded, Verb::Rollback) => Some(Self::RolledBack),
            (Self::Active | Self::Paused | Self::Concluded, Verb::Supersede) => Some(Self::Superseded),
            _ => None,
        }
    }

    /// The commands that somebody may give here.
    pub fn possible(self) -> impl Iterator<Item = Verb> {
        Verb::COMMANDS.into_iter().filter(move |verb| self.after(*verb).is_some())
    }
}

impl FromStr for State {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(ParseError::new(
            "is not a state of releases: active, paused, concluded, rolled_back or superseded",
        ))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReleaseVerb)]
pub enum Verb {
    /// It was made.
    Create,
    /// Its share of devices is set, upwards or downwards.
    Ramp,
    /// It is withheld from further devices.
    Pause,
    /// It is offered again.
    Resume,
    /// It goes to everybody, and takes the place of what was before it.
    Conclude,
    /// It is taken back.
    Rollback,
    /// A later release took its place.
    Supersede,
}

impl Verb {
    /// What somebody may ask for; the others follow from something else.
    pub const COMMANDS: [Self; 5] = [Self::Ramp, Self::Pause, Self::Resume, Self::Conclude, Self::Rollback];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Ramp => "ramp",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Conclude => "conclude",
            Self::Rollback => "rollback",
            Self::Supersede => "supersede",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command with what it needs. Rolling back needs another release, and has a function of its own: [`roll_back`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Set the share of devices. A paused release stays paused, and has this share when it is resumed.
    Ramp {
        /// The new share.
        rollout_bp: BasisPoints,
    },
    /// Withhold it from further devices.
    Pause,
    /// Offer it again.
    Resume,
    /// Offer it to everybody.
    Conclude,
    /// Mark it replaced by a later release.
    Supersede,
}

impl Command {
    /// The command without its arguments.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Ramp { .. } => Verb::Ramp,
            Self::Pause => Verb::Pause,
            Self::Resume => Verb::Resume,
            Self::Conclude => Verb::Conclude,
            Self::Supersede => Verb::Supersede,
        }
    }
}

/// A command that the state of the release rules out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionError {
    /// Where the release stands.
    pub state: State,
    /// What was asked for.
    pub verb: Verb,
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the release is {}, which rules out {}; possible: ", self.state, self.verb)?;
        let possible: Vec<&str> = self.state.possible().map(Verb::as_str).collect();
        f.write_str(if possible.is_empty() { "nothing, it is final" } else { "" })?;
        f.write_str(&possible.join(", "))
    }
}

impl std::error::Error for TransitionError {}

/// Why something cannot be done with a release. `Display` is meant for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The state rules it out.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The channel has as many live releases as it may.
    #[error("the channel has {LIVE_RELEASES} live releases; conclude or roll back one of them first")]
    TooManyLive,
    /// The target names a platform that the app does not have.
    #[error("the app has no platform {0}")]
    PlatformNotOfApp(Platform),
    /// No earlier release of the channel can be offered again.
    #[error(
        "the channel has no earlier release with another package to go back to; pause the release instead"
    )]
    NothingToRestore,
    /// The release to go back to is of another app or channel.
    #[error("the release to go back to is not of this channel")]
    RestoreElsewhere,
    /// The release to go back to is the one that is rolled back.
    #[error("a release cannot be rolled back to itself")]
    RestoreItself,
    /// The release to go back to came later.
    #[error("the release to go back to is later than this one")]
    RestoreLater,
    /// The release to go back to was for none of the devices that this one was for.
    #[error("the release to go back to is for none of the devices that this one is for")]
    RestoreForOthers,
}

/// The package of a release, with what a device needs to verify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PackageRef {
    /// The package.
    pub id: PackageId,
    /// Its version as its maker wrote it.
    pub version: PackageVersion,
    /// The SHA-256 of its canonical manifest.
    pub manifest_sha256: Sha256,
    /// The key of the app that signed it.
    pub signing_key_id: String,
}

/// How a release came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = ReleaseKind)]
pub enum Kind {
    /// Somebody released a package.
    Standard,
    /// Somebody rolled a release back.
    Rollback {
        /// The release that failed.
        of: ReleaseId,
        /// The release whose package is offered again.
        restores: ReleaseId,
    },
}

/// One entry of a release's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ReleaseStep)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub command: Verb,
    /// Who did it.
    pub by: Actor,
    /// The state before; absent for the creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// The share after.
    pub rollout_bp: BasisPoints,
}

/// What a release says to people: up to 2000 characters, lines allowed, other control characters not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notes(String);

impl FromStr for Notes {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.chars().count() > 2000 {
            return Err(ParseError::new("is longer than 2000 characters"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(ParseError::new("contains a control character other than line ends and tabs"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Notes, format = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]{0,2000}$");

/// What a new release is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelease {
    /// Its id, of fresh bits.
    pub id: ReleaseId,
    /// The app of channel and package alike.
    pub app: AppId,
    /// The channel that it is offered on.
    pub channel: ChannelName,
    /// The package.
    pub package: PackageRef,
    /// The share to begin with.
    pub rollout_bp: BasisPoints,
    /// Whether devices should install it at once.
    pub mandatory: bool,
    /// Whom it is for.
    pub target: Target,
    /// What it tells the app.
    pub config: Config,
    /// What it says to people.
    pub notes: Option<Notes>,
}

/// A package offered to a slice of the devices of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Its id. Ids sort by time, and of two releases the one with the greater id is the later.
    pub id: ReleaseId,
    /// The app.
    pub app: AppId,
    /// The channel.
    pub channel: ChannelName,
    /// The package.
    pub package: PackageRef,
    /// Where it stands.
    pub state: State,
    /// The share of devices that it reaches while it is active.
    pub rollout_bp: BasisPoints,
    /// Whether devices should install it at once.
    pub mandatory: bool,
    /// Whom it is for.
    #[serde(default)]
    pub target: Target,
    /// What it tells the app.
    #[serde(default)]
    pub config: Config,
    /// What it says to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Notes>,
    /// How it came to be.
    pub kind: Kind,
    /// What happened to it, newest last; the last [`HISTORY_STEPS`].
    pub history: Vec<Step>,
    /// Counts changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Release {
    /// Makes a release. `platforms` are the app's; `live` is how many live releases the channel has without this one, open
    /// rollouts included: fixing forward does not wait for an end.
    pub fn create(
        new: NewRelease,
        platforms: &[Platform],
        live: usize,
        at: Timestamp,
        by: Actor,
    ) -> Result<Self, ReleaseError> {
        if let Some(platform) = new.target.platforms.iter().find(|platform| !platforms.contains(platform)) {
            return Err(ReleaseError::PlatformNotOfApp(platform.clone()));
        }
        if live >= LIVE_RELEASES {
            return Err(ReleaseError::TooManyLive);
        }
        Ok(Self::made(new, Kind::Standard, at, by))
    }

    fn made(new: NewRelease, kind: Kind, at: Timestamp, by: Actor) -> Self {
        let first = Step {
            at,
            command: Verb::Create,
            by: by.clone(),
            from: None,
            to: State::Active,
            rollout_bp: new.rollout_bp,
        };
        Self {
            id: new.id,
            app: new.app,
            channel: new.channel,
            package: new.package,
            state: State::Active,
            rollout_bp: new.rollout_bp,
            mandatory: new.mandatory,
            target: new.target,
            config: new.config,
            notes: new.notes,
            kind,
            history: vec![first],
            version: 1,
            created_at: at,
            created_by: by,
            updated_at: at,
        }
    }

    /// The release after a command. Concluding also changes other releases: see [`Release::conclude`].
    pub fn apply(&self, command: Command, at: Timestamp, by: &Actor) -> Result<Self, ReleaseError> {
        let rollout_bp = match command {
            Command::Ramp { rollout_bp } => rollout_bp,
            Command::Conclude => BasisPoints::FULL,
            Command::Pause | Command::Resume | Command::Supersede => self.rollout_bp,
        };
        self.stepped(command.verb(), rollout_bp, at, by)
    }

    /// Concludes the release, and supersedes each of the channel's older live releases that is for no device which this
    /// one is not for. `others` may hold any releases of the channel. Returns the release and those superseded.
    pub fn conclude<'a>(
        &self,
        others: impl IntoIterator<Item = &'a Self>,
        at: Timestamp,
        by: &Actor,
    ) -> Result<(Self, Vec<Self>), ReleaseError> {
        let concluded = self.apply(Command::Conclude, at, by)?;
        let superseded = others
            .into_iter()
            .filter(|other| other.state.is_live() && self.replaces(other))
            .map(|other| other.apply(Command::Supersede, at, by))
            .collect::<Result<_, _>>()?;
        Ok((concluded, superseded))
    }

    /// Whether this release, once concluded, leaves nothing for the other to do.
    fn replaces(&self, other: &Self) -> bool {
        self.app == other.app
            && self.channel == other.channel
            && self.id > other.id
            && self.target.covers(&other.target)
    }

    fn stepped(
        &self,
        verb: Verb,
        rollout_bp: BasisPoints,
        at: Timestamp,
        by: &Actor,
    ) -> Result<Self, ReleaseError> {
        let state = self.state.after(verb).ok_or(TransitionError { state: self.state, verb })?;
        let mut next = self.clone();
        let excess = (next.history.len() + 1).saturating_sub(HISTORY_STEPS);
        next.history.drain(..excess);
        let (from, by) = (Some(self.state), by.clone());
        next.history.push(Step { at, command: verb, by, from, to: state, rollout_bp });
        next.state = state;
        next.rollout_bp = rollout_bp;
        next.version += 1;
        next.updated_at = at;
        Ok(next)
    }
}

#[cfg(test)]
pub(crate) mod tests;
