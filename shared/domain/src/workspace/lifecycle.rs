//! The states of workspaces, and the table of what leads from one to another.

use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, text_type};

/// Where a workspace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// What it needs is being made, or taken back after a failure. Nothing can be made in it.
    Provisioning,
    /// It can be worked in.
    Active,
    /// Something that it needs could not be made. Nothing was left behind.
    Failed,
    /// It can be looked at, and nothing in it be changed.
    Suspended,
    /// What it had is being taken away, and then it is gone.
    Deleting,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Provisioning, Self::Active, Self::Failed, Self::Suspended, Self::Deleting];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
        }
    }

    /// The table of transitions: where a verb leads from here, or nowhere.
    pub const fn after(self, verb: Verb) -> Option<Self> {
        match (self, verb) {
            // Retrying sets going again what hangs.
            (Self::Active | Self::Failed | Self::Suspended, Verb::Rename)
            | (Self::Provisioning | Self::Deleting, Verb::Retry) => Some(self),
            (Self::Failed, Verb::Retry) => Some(Self::Provisioning),
            (Self::Active, Verb::Suspend) => Some(Self::Suspended),
            (Self::Suspended, Verb::Resume) | (Self::Provisioning, Verb::Activate) => Some(Self::Active),
            (Self::Active | Self::Failed | Self::Suspended, Verb::Delete) => Some(Self::Deleting),
            (Self::Provisioning, Verb::Fail) => Some(Self::Failed),
            _ => None,
        }
    }

    /// What somebody may ask for here.
    pub fn possible(self) -> impl Iterator<Item = Verb> {
        Verb::COMMANDS.into_iter().filter(move |verb| self.after(*verb).is_some())
    }
}

impl FromStr for State {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(ParseError::new(
            "is not a state of workspaces: provisioning, active, failed, suspended or deleting",
        ))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(State, format = "^(provisioning|active|failed|suspended|deleting)$");

/// What happens to a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// It gets another name.
    Rename,
    /// It is provisioned again, or what hangs is set going again.
    Retry,
    /// It is closed to changes.
    Suspend,
    /// It is opened to changes again.
    Resume,
    /// It is taken down.
    Delete,
    /// All that it needs is there.
    Activate,
    /// All that it had is taken back.
    Fail,
}

impl Verb {
    /// What somebody may ask for; the others follow from the work in the background.
    pub const COMMANDS: [Self; 5] = [Self::Rename, Self::Retry, Self::Suspend, Self::Resume, Self::Delete];
    /// Every verb.
    pub const ALL: [Self; 7] =
        [Self::Rename, Self::Retry, Self::Suspend, Self::Resume, Self::Delete, Self::Activate, Self::Fail];

    /// The name of it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rename => "rename",
            Self::Retry => "retry",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Delete => "delete",
            Self::Activate => "activate",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A verb that the state of the workspace rules out. `Display` is meant for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionError {
    /// Where the workspace stands.
    pub state: State,
    /// What was asked for.
    pub verb: Verb,
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let possible: Vec<&str> = self.state.possible().map(Verb::as_str).collect();
        let (state, verb) = (self.state, self.verb);
        write!(f, "the workspace is {state}, which rules out {verb}; possible: {}", possible.join(", "))
    }
}

impl std::error::Error for TransitionError {}
