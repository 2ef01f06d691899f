//! A tenant as those who operate the platform see it: its plan, and whether it may act.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::id::TenantId;
use crate::node::NodeState;
use crate::quota::Plan;
use crate::text::{Name, ParseError, Slug, text_type};

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TenantState {
    /// It may do what it likes.
    Active,
    /// Nobody of it may do anything. Devices keep what they were last offered.
    Suspended,
    /// As suspended, and it is erased once the time of grace is over.
    Closing,
    /// It is being erased, which nothing stops.
    Erasing,
    /// Nothing of it is left but its name, and the proof of its audit trail.
    Erased,
}

impl TenantState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Active, Self::Suspended, Self::Closing, Self::Erasing, Self::Erased];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closing => "closing",
            Self::Erasing => "erasing",
            Self::Erased => "erased",
        }
    }

    /// The table of transitions: where something that happens to the tenant leads from here, or nowhere.
    pub const fn after(self, verb: Verb) -> Option<Self> {
        match (self, verb) {
            (Self::Active, Verb::Suspend) => Some(Self::Suspended),
            (Self::Suspended | Self::Closing, Verb::Resume) => Some(Self::Active),
            (Self::Active | Self::Suspended, Verb::Close) => Some(Self::Closing),
            (Self::Closing, Verb::BeginErasing) => Some(Self::Erasing),
            (Self::Erasing, Verb::EndErasing) => Some(Self::Erased),
            _ => None,
        }
    }

    /// What an operator may do here.
    pub fn possible(self) -> impl Iterator<Item = Verb> {
        Verb::COMMANDS.into_iter().filter(move |verb| self.after(*verb).is_some())
    }

    /// The state of the tenant's place in the tree, by which every request is decided.
    pub const fn of_node(self) -> NodeState {
        match self {
            Self::Active => NodeState::Active,
            Self::Suspended => NodeState::Suspended,
            Self::Closing | Self::Erasing | Self::Erased => NodeState::Closing,
        }
    }

    /// Whether anything of the tenant may still be changed by an operator.
    pub const fn is_there(self) -> bool {
        matches!(self, Self::Active | Self::Suspended | Self::Closing)
    }
}

impl FromStr for TenantState {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(ParseError::new(
            "is not a state of tenants: active, suspended, closing, erasing or erased",
        ))
    }
}

impl fmt::Display for TenantState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(TenantState, format = "^(active|suspended|closing|erasing|erased)$");

/// What happens to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// An operator stops everything of it.
    Suspend,
    /// An operator lets it act again.
    Resume,
    /// An operator has it erased after a time of grace.
    Close,
    /// The time of grace is over.
    BeginErasing,
    /// Everything of it is gone.
    EndErasing,
}

impl Verb {
    /// What operators do; the rest the platform does by itself.
    pub const COMMANDS: [Self; 3] = [Self::Suspend, Self::Resume, Self::Close];

    /// The name in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Close => "close",
            Self::BeginErasing | Self::EndErasing => "erase",
        }
    }
}

/// Something that the tenant's state rules out. `Display` is meant for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionError {
    /// Where the tenant stands.
    pub state: TenantState,
    /// What was asked for.
    pub verb: &'static str,
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tenant is {}, which rules out {}; possible: ", self.state, self.verb)?;
        let possible: Vec<&str> = self.state.possible().map(Verb::as_str).collect();
        f.write_str(if possible.is_empty() { "nothing, it is final" } else { "" })?;
        f.write_str(&possible.join(", "))
    }
}

impl std::error::Error for TransitionError {}

/// Why an operator does something: 3 to 500 characters on one line. The tenant reads it in its audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl FromStr for Reason {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.chars().any(char::is_control) {
            return Err(ParseError::new("contains a control character"));
        }
        let text = text.trim();
        if !(3..=500).contains(&text.chars().count()) {
            return Err(ParseError::new("is not 3 to 500 characters long"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Reason, format = r"^[^\u0000-\u001f\u007f-\u009f]{3,500}$");

/// A tenant as those who operate the platform see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name for URLs. It stays reserved when the tenant is erased: nobody else is ever taken for it.
    pub slug: Slug,
    /// Its name for people.
    pub name: Name,
    /// Where it stands.
    pub state: TenantState,
    /// What it pays for.
    pub plan: Plan,
    /// From when on it is erased, while it is closing; when that was, later.
    pub erase_after: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When the tenant was founded.
    pub created_at: Timestamp,
    /// When this was last changed.
    pub updated_at: Timestamp,
}

impl Account {
    /// A tenant that is being founded.
    pub const fn new(id: TenantId, slug: Slug, name: Name, at: Timestamp) -> Self {
        Self {
            id,
            slug,
            name,
            state: TenantState::Active,
            plan: Plan::Free,
            erase_after: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    /// The tenant after something happened to it. `grace` is how long a closed one is kept.
    pub fn apply(&self, verb: Verb, grace: SignedDuration, at: Timestamp) -> Result<Self, TransitionError> {
        let refused = TransitionError { state: self.state, verb: verb.as_str() };
        let state = self.state.after(verb).ok_or(refused)?;
        let mut after = self.stepped(at);
        after.state = state;
        after.erase_after = match verb {
            Verb::Close => Some(at.saturating_add(grace).unwrap_or(Timestamp::MAX)),
            Verb::Suspend | Verb::Resume => None,
            Verb::BeginErasing | Verb::EndErasing => self.erase_after,
        };
        Ok(after)
    }

    /// The tenant with another plan, or with other quotas, which are kept elsewhere.
    pub fn planned(&self, plan: Plan, at: Timestamp) -> Result<Self, TransitionError> {
        if !self.state.is_there() {
            return Err(TransitionError { state: self.state, verb: "changing plan and quotas" });
        }
        Ok(Self { plan, ..self.stepped(at) })
    }

    fn stepped(&self, at: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: at, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let id = "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        Account::new(id, "acme".parse().unwrap(), "Acme".parse().unwrap(), Timestamp::UNIX_EPOCH)
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(number * 86_400).unwrap()
    }

    const GRACE: SignedDuration = SignedDuration::from_hours(24 * 30);

    #[test]
    fn the_table_of_transitions_holds() {
        use TenantState::{Active, Closing, Erased, Erasing, Suspended};
        let verbs = [Verb::Suspend, Verb::Resume, Verb::Close, Verb::BeginErasing, Verb::EndErasing];
        let table = [
            (Active, [Some(Suspended), None, Some(Closing), None, None]),
            (Suspended, [None, Some(Active), Some(Closing), None, None]),
            (Closing, [None, Some(Active), None, Some(Erasing), None]),
            (Erasing, [None, None, None, None, Some(Erased)]),
            (Erased, [None; 5]),
        ];
        for (state, ends) in table {
            assert_eq!(verbs.map(|verb| state.after(verb)), ends, "{state}");
        }
    }

    #[test]
    fn what_is_ruled_out_says_what_is_possible() {
        let closed = account().apply(Verb::Close, GRACE, day(1)).unwrap();
        let refused = closed.apply(Verb::Suspend, GRACE, day(2)).unwrap_err();
        assert_eq!(refused.to_string(), "the tenant is closing, which rules out suspend; possible: resume");
        let erasing = closed.apply(Verb::BeginErasing, GRACE, day(40)).unwrap();
        let refused = erasing.apply(Verb::Resume, GRACE, day(40)).unwrap_err();
        let said = "the tenant is erasing, which rules out resume; possible: nothing, it is final";
        assert_eq!(refused.to_string(), said);
        assert!(erasing.planned(Plan::Team, day(40)).is_err());
    }

    #[test]
    fn grace_begins_with_closing_and_ends_with_resuming() {
        let closed = account().apply(Verb::Close, GRACE, day(1)).unwrap();
        assert_eq!((closed.erase_after, closed.version), (Some(day(31)), 2));
        let resumed = closed.apply(Verb::Resume, GRACE, day(2)).unwrap();
        assert_eq!((resumed.erase_after, resumed.state), (None, TenantState::Active));
        let again = resumed.apply(Verb::Close, GRACE, day(3)).unwrap();
        assert_eq!(again.erase_after, Some(day(33)));
    }

    #[test]
    fn names_and_reasons_are_read_as_they_are_written() {
        for state in TenantState::ALL {
            assert_eq!(state.to_string().parse::<TenantState>().unwrap(), state);
        }
        assert_eq!("  not paid ".parse::<Reason>().unwrap().to_string(), "not paid");
        for bad in ["", "  x  ", "a\nb c", &"x".repeat(501)] {
            assert!(bad.parse::<Reason>().is_err(), "{bad:?}");
        }
    }
}
