//! Quotas: how much of something a tenant, or one of its workspaces, may have.

use std::fmt;
use std::str::FromStr;

use crate::id::WorkspaceId;
use crate::text::{ParseError, text_type};

/// Something of which a tenant may have so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Applications.
    Apps,
    /// People.
    Members,
    /// API keys that were not revoked.
    Keys,
    /// Bytes that packages hold.
    StoredBytes,
    /// Devices' questions for updates within a month of UTC. They are counted after they were answered, and answered whatever the
    /// count: see [`Quota::is_held`].
    MonthlyChecks,
}

impl Quota {
    /// Every quota.
    pub const ALL: [Self; 5] =
        [Self::Apps, Self::Members, Self::Keys, Self::StoredBytes, Self::MonthlyChecks];

    /// Those that a workspace has of its own. People are members of organizations, and checks are counted by tenant.
    pub const OF_WORKSPACES: [Self; 3] = [Self::Apps, Self::Keys, Self::StoredBytes];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Members => "members",
            Self::Keys => "keys",
            Self::StoredBytes => "stored_bytes",
            Self::MonthlyChecks => "monthly_checks",
        }
    }

    /// Whether what is used of it is held until it is given back. What is not is counted by meters.
    pub const fn is_held(self) -> bool {
        !matches!(self, Self::MonthlyChecks)
    }
}

impl FromStr for Quota {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|quota| quota.as_str() == text).ok_or(ParseError::new("is not a quota"))
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(Quota, format = "^(apps|members|keys|stored_bytes|monthly_checks)$");

/// What a tenant pays for, and with it the limits that hold unless the operator set others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plan {
    /// What signing up gives.
    Free,
    /// For a company.
    Team,
    /// For a large one.
    Enterprise,
}

impl Plan {
    /// Every plan.
    pub const ALL: [Self; 3] = [Self::Free, Self::Team, Self::Enterprise];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Team => "team",
            Self::Enterprise => "enterprise",
        }
    }

    /// How much a tenant may have.
    pub const fn limit(self, quota: Quota) -> u64 {
        let [free, team, enterprise] = match quota {
            Quota::Apps => [100, 1_000, 10_000],
            Quota::Members | Quota::Keys => [1_000, 10_000, 100_000],
            // 100 GB, 1 TB, 10 TB.
            Quota::StoredBytes => [100_000_000_000, 1_000_000_000_000, 10_000_000_000_000],
            Quota::MonthlyChecks => [10_000_000, 100_000_000, 10_000_000_000],
        };
        match self {
            Self::Free => free,
            Self::Team => team,
            Self::Enterprise => enterprise,
        }
    }
}

impl FromStr for Plan {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text).ok_or(ParseError::new("is not a plan"))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(Plan, format = "^(free|team|enterprise)$");

/// Who has a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// The tenant, for everything in it.
    Tenant,
    /// A workspace, for what is in it. Without a limit of its own it has the tenant's.
    Workspace(WorkspaceId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Workspace(id) => id.fmt(f),
        }
    }
}

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How much there may be; `None` for a workspace that has no limit of its own.
    pub limit: Option<u64>,
    /// How much there is. After a limit was lowered it may be more than that: nothing is taken away, and nothing is added.
    pub used: u64,
}

/// A quota that does not hold what was asked for. `Display` is meant for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which quota.
    pub quota: Quota,
    /// Whose.
    pub holder: Holder,
    /// How it stands, where that was read.
    pub standing: Option<Standing>,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the quota {} of the ", self.quota)?;
        match self.holder {
            Holder::Tenant => f.write_str("tenant does not hold that much more")?,
            Holder::Workspace(id) => write!(f, "workspace {id} does not hold that much more")?,
        }
        match self.standing {
            Some(Standing { limit: Some(limit), used }) => write!(f, ": {used} of {limit} are used"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for quota in Quota::ALL {
            assert_eq!(quota.to_string().parse::<Quota>().unwrap(), quota);
        }
        for plan in Plan::ALL {
            assert_eq!(plan.to_string().parse::<Plan>().unwrap(), plan);
        }
        assert!("Apps".parse::<Quota>().is_err() && "gold".parse::<Plan>().is_err());
    }

    #[test]
    fn a_larger_plan_allows_more_of_everything() {
        for quota in Quota::ALL {
            assert!(Plan::Free.limit(quota) < Plan::Team.limit(quota), "{quota}");
            assert!(Plan::Team.limit(quota) < Plan::Enterprise.limit(quota), "{quota}");
        }
    }

    #[test]
    fn what_is_exceeded_is_said_with_figures() {
        let standing = Some(Standing { limit: Some(100), used: 100 });
        let exceeded = Exceeded { quota: Quota::Apps, holder: Holder::Tenant, standing };
        let said = "the quota apps of the tenant does not hold that much more: 100 of 100 are used";
        assert_eq!(exceeded.to_string(), said);
    }
}
