//! The steps that bring a workspace up, in their order.

use std::fmt;
use std::str::FromStr;

use crate::role::Predefined;
use crate::text::{NAME_LENGTH, Name, ParseError, text_type};

/// One of the groups that a workspace begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefaultGroup {
    /// Everybody who has to do with it; the other two are below.
    Members,
    /// Who manages it.
    Admins,
    /// Who works in it.
    Users,
}

impl DefaultGroup {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Members, Self::Admins, Self::Users];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Admins => "admins",
            Self::Users => "users",
        }
    }

    /// The one that it is made below.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Members => None,
            Self::Admins | Self::Users => Some(Self::Members),
        }
    }

    /// What the group may do in the workspace. Its people have what the group above it has besides.
    pub const fn role(self) -> Predefined {
        match self {
            Self::Members => Predefined::Viewer,
            Self::Admins => Predefined::Admin,
            Self::Users => Predefined::Developer,
        }
    }

    /// The name of the group of a workspace. The top one bears the workspace's name, for an organization has several.
    pub fn name(self, workspace: &Name) -> Result<Name, ParseError> {
        match self {
            Self::Members => {
                const SUFFIX: &str = " members";
                let room = NAME_LENGTH - SUFFIX.len();
                let start: String = workspace.as_str().chars().take(room).collect();
                format!("{start}{SUFFIX}").parse()
            }
            Self::Admins | Self::Users => self.as_str().parse(),
        }
    }
}

impl FromStr for DefaultGroup {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|group| group.as_str() == text);
        found.ok_or(ParseError::new("is not a group that workspaces begin with"))
    }
}

impl fmt::Display for DefaultGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(DefaultGroup, format = "^(members|admins|users)$");

/// One of the steps that bring a workspace up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A data key of its own, sealed by KMS.
    DataKey,
    /// Its place in the bucket.
    Prefix,
    /// The counters of what is in it.
    Quotas,
    /// A group.
    Group(DefaultGroup),
    /// What that group may do.
    Binding(DefaultGroup),
}

impl Step {
    /// Every step, in their order.
    pub const ALL: [Self; 9] = [
        Self::DataKey,
        Self::Prefix,
        Self::Quotas,
        Self::Group(DefaultGroup::Members),
        Self::Group(DefaultGroup::Admins),
        Self::Group(DefaultGroup::Users),
        Self::Binding(DefaultGroup::Members),
        Self::Binding(DefaultGroup::Admins),
        Self::Binding(DefaultGroup::Users),
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataKey => "data_key",
            Self::Prefix => "prefix",
            Self::Quotas => "quotas",
            Self::Group(DefaultGroup::Members) => "members_group",
            Self::Group(DefaultGroup::Admins) => "admins_group",
            Self::Group(DefaultGroup::Users) => "users_group",
            Self::Binding(DefaultGroup::Members) => "members_binding",
            Self::Binding(DefaultGroup::Admins) => "admins_binding",
            Self::Binding(DefaultGroup::Users) => "users_binding",
        }
    }
}

impl FromStr for Step {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|step| step.as_str() == text).ok_or(ParseError::new("is not a step"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(Step, format = "^[a-z_]+$");
