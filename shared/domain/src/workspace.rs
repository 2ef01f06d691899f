//! Workspaces: where they stand in their life, and what is done in the background to bring them up and to take them down.
//!
//! A workspace is brought up by [`Step`]s, one after the other. Each is noted as done in the transaction that does it, so that
//! whoever goes on finds where to. When a step fails for good, those that were done are undone in reverse; taking a workspace down
//! undoes the same. What is next follows from the workspace alone: [`Workspace::work`].

mod lifecycle;
mod step;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::lifecycle::{State, TransitionError, Verb};
pub use self::step::{DefaultGroup, Step};
use crate::id::{BindingId, DivisionId, GroupId, OrganizationId, TenantId, WorkspaceId};
use crate::node::NodeId;
use crate::text::Name;

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
