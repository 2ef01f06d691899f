//! Workspaces: where they stand in their life, and what is done in the background to bring them up and to take them down.
//!
//! A workspace is brought up by [`Step`]s, one after the other. Each is noted as done in the transaction that does it, so that
//! whoever goes on finds where to. When a step fails for good, those that were done are undone in reverse; taking a workspace down
//! undoes the same. What is next follows from the workspace alone: [`Workspace::work`].

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{BindingId, DivisionId, GroupId, OrganizationId, TenantId, WorkspaceId};
use crate::node::NodeId;
use crate::role::Predefined;
use crate::text::{NAME_LENGTH, Name, ParseError, text_type};

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

/// Which step failed for good, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = WorkspaceFailure)]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// Why, for people.
    pub reason: String,
}

/// A group that a workspace began with, as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Which of them.
    pub kind: DefaultGroup,
    /// The group.
    pub group: GroupId,
    /// What it was given, if it was.
    pub binding: Option<BindingId>,
}

/// What is to be done next in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// This step.
    Do(Step),
    /// Taking this step back.
    Undo(Step),
    /// Making it active: every step is done.
    Activate,
    /// Calling it failed: every step is undone.
    Fail,
    /// Forgetting it: every step is undone.
    Erase,
    /// Nothing.
    Rest,
}

/// An isolated environment within an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// The division that it is directly in, if it is in one.
    pub division: Option<DivisionId>,
    /// Its name, unique within the organization.
    pub name: Name,
    /// Where it stands.
    pub state: State,
    /// The steps that are done, in their order.
    pub done: Vec<Step>,
    /// The groups that it began with.
    pub groups: Vec<Made>,
    /// What failed for good when it was last brought up. While it is being provisioned: the reason why steps are undone.
    pub failure: Option<Failure>,
    /// Counts its changes, from 1. Steps are changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Workspace {
    /// A workspace that has yet to be provisioned.
    pub fn new(
        id: WorkspaceId,
        (tenant, organization, division): (TenantId, OrganizationId, Option<DivisionId>),
        name: Name,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant,
            organization,
            division,
            name,
            state: State::Provisioning,
            done: Vec::new(),
            groups: Vec::new(),
            failure: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    /// The workspace that a tenant is founded with: it is active at once, with counters and nothing else. Its data key is made when
    /// it is first needed, and whoever founds a tenant has every right in it without groups.
    pub fn founded(
        id: WorkspaceId,
        tenant: TenantId,
        organization: OrganizationId,
        name: Name,
        at: Timestamp,
    ) -> Self {
        let provisioned = Self::new(id, (tenant, organization, None), name, at);
        Self { state: State::Active, done: vec![Step::Quotas], ..provisioned }
    }

    /// What it stands below in the tree.
    pub fn place(&self) -> NodeId {
        self.division.map_or(self.organization.into(), NodeId::from)
    }

    /// Where its objects are in the bucket.
    pub fn prefix(&self) -> String {
        format!("{}/{}/", self.tenant, self.id)
    }

    /// One of the groups that it began with, if it was made and not taken back.
    pub fn made(&self, kind: DefaultGroup) -> Option<Made> {
        self.groups.iter().copied().find(|made| made.kind == kind)
    }

    fn changed(&self, at: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The workspace after something happened to it, or why it cannot.
    pub fn after(&self, verb: Verb, at: Timestamp) -> Result<Self, TransitionError> {
        let state = self.state.after(verb).ok_or(TransitionError { state: self.state, verb })?;
        let mut after = Self { state, ..self.changed(at) };
        if verb == Verb::Retry && self.state == State::Failed {
            after.failure = None;
        }
        Ok(after)
    }

    /// The workspace under another name.
    pub fn renamed(&self, name: Name, at: Timestamp) -> Result<Self, TransitionError> {
        Ok(Self { name, ..self.after(Verb::Rename, at)? })
    }

    /// What is to be done next.
    pub fn work(&self) -> Work {
        let last = self.done.last().copied();
        match (self.state, &self.failure) {
            (State::Provisioning, None) => {
                let next = Step::ALL.into_iter().find(|step| !self.done.contains(step));
                next.map_or(Work::Activate, Work::Do)
            }
            (State::Provisioning, Some(_)) => last.map_or(Work::Fail, Work::Undo),
            (State::Deleting, _) => last.map_or(Work::Erase, Work::Undo),
            (State::Active | State::Failed | State::Suspended, _) => Work::Rest,
        }
    }

    /// The workspace with a group more, and the step that made it.
    #[must_use]
    pub fn with_group(&self, kind: DefaultGroup, group: GroupId, at: Timestamp) -> Self {
        let mut after = self.with(Step::Group(kind), at);
        after.groups.push(Made { kind, group, binding: None });
        after
    }

    /// The workspace with a binding more, and the step that made it.
    #[must_use]
    pub fn with_binding(&self, kind: DefaultGroup, binding: BindingId, at: Timestamp) -> Self {
        let mut after = self.with(Step::Binding(kind), at);
        for made in after.groups.iter_mut().filter(|made| made.kind == kind) {
            made.binding = Some(binding);
        }
        after
    }

    /// The workspace with a step more.
    #[must_use]
    pub fn with(&self, step: Step, at: Timestamp) -> Self {
        let mut after = self.changed(at);
        after.done.push(step);
        after
    }

    /// The workspace with a step less.
    #[must_use]
    pub fn without(&self, step: Step, at: Timestamp) -> Self {
        let mut after = self.changed(at);
        after.done.retain(|done| *done != step);
        match step {
            Step::Group(kind) => after.groups.retain(|made| made.kind != kind),
            Step::Binding(kind) => {
                for made in after.groups.iter_mut().filter(|made| made.kind == kind) {
                    made.binding = None;
                }
            }
            Step::DataKey | Step::Prefix | Step::Quotas => {}
        }
        after
    }

    /// The workspace whose steps are to be undone because one failed for good.
    #[must_use]
    pub fn failed(&self, step: Step, reason: String, at: Timestamp) -> Self {
        Self { failure: Some(Failure { step, reason }), ..self.changed(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn workspace() -> Workspace {
        let place = (TenantId::from_uuid(Uuid::nil()), OrganizationId::from_uuid(Uuid::nil()), None);
        Workspace::new(WorkspaceId::from_uuid(Uuid::nil()), place, "Nest".parse().unwrap(), NOW)
    }

    #[test]
    fn the_table_of_transitions() {
        let table = |verb: Verb| State::ALL.map(|state| state.after(verb).map_or("-", State::as_str));
        let rows: Vec<String> = Verb::ALL.map(|verb| format!("{verb}: {}", table(verb).join(" "))).into();
        assert_eq!(
            rows,
            [
                "rename: - active failed suspended -",
                "retry: provisioning - provisioning - deleting",
                "suspend: - suspended - - -",
                "resume: - - - active -",
                "delete: - deleting deleting deleting -",
                "activate: active - - - -",
                "fail: failed - - - -",
            ]
        );
    }

    #[test]
    fn what_is_ruled_out_says_what_is_possible() {
        let fault = workspace().after(Verb::Suspend, NOW).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the workspace is provisioning, which rules out suspend; possible: retry"
        );
        for state in State::ALL {
            assert!(state.possible().next().is_some(), "there is no way out of {state}");
        }
    }

    #[test]
    fn steps_are_done_in_order_and_undone_in_reverse() {
        let mut at = workspace();
        for step in Step::ALL {
            assert_eq!(at.work(), Work::Do(step));
            at = at.with(step, NOW);
        }
        assert_eq!(at.work(), Work::Activate);
        let mut at = at.failed(Step::Binding(DefaultGroup::Users), "no".to_owned(), NOW);
        for step in Step::ALL.into_iter().rev() {
            assert_eq!(at.work(), Work::Undo(step));
            at = at.without(step, NOW);
        }
        assert_eq!(at.work(), Work::Fail);
        let failed = at.after(Verb::Fail, NOW).unwrap();
        assert_eq!((failed.work(), failed.failure.is_some()), (Work::Rest, true));
        let again = failed.after(Verb::Retry, NOW).unwrap();
        assert_eq!((again.work(), again.failure), (Work::Do(Step::DataKey), None));
    }

    #[test]
    fn what_is_set_going_again_goes_on_in_its_direction() {
        let undoing = workspace().with(Step::DataKey, NOW).failed(Step::Prefix, "no".to_owned(), NOW);
        let again = undoing.after(Verb::Retry, NOW).unwrap();
        assert_eq!(again.work(), Work::Undo(Step::DataKey));
        let active = Workspace { state: State::Active, done: vec![Step::Quotas], ..workspace() };
        let deleting = active.after(Verb::Delete, NOW).unwrap();
        assert_eq!(deleting.work(), Work::Undo(Step::Quotas));
        assert_eq!(deleting.without(Step::Quotas, NOW).work(), Work::Erase);
    }

    #[test]
    fn groups_are_named_for_their_workspace() {
        let name: Name = "ü".repeat(200).parse().unwrap();
        let members = DefaultGroup::Members.name(&name).unwrap();
        assert!(members.as_str().ends_with("ü members") && members.as_str().chars().count() == 200);
        assert_eq!(DefaultGroup::Members.name(&"Nest".parse().unwrap()).unwrap().as_str(), "Nest members");
        assert_eq!(DefaultGroup::Users.name(&name).unwrap().as_str(), "users");
    }
}
