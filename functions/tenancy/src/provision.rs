//! The steps that bring a workspace up, and how each is taken back.
//!
//! Every step is one transaction that does it and notes it in the workspace's record, under the condition that nobody changed the
//! record meanwhile. What is outside of the table comes before, and does no harm when it is done again.

use rookery_domain::binding::{Binding, Grant, Subject};
use rookery_domain::event::{Action, Actor, ActorKind, Change, Event, Origin, Resource, changes};
use rookery_domain::group::{Group, MOST_GROUPS};
use rookery_domain::node::{DEEPEST, Lineage, NodeId, NodeState};
use rookery_domain::permission::Permission;
use rookery_domain::role::RoleRef;
use rookery_domain::workspace::{DefaultGroup, Made, Step, Verb, Work, Workspace};
use rookery_edge::{Context, wire};
use rookery_store::binding::Which;
use rookery_store::object::{Objects, Prefix};
use rookery_store::seal::{self, Purpose};
use rookery_store::{
    Refusal, Slice, StoreError, TenantScope, Transaction, access, binding, group, node, quota, workspace,
};
use serde_json::{Value, json};

/// Why a step was not done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Others changed what it rests on: look again.
    Met,
    /// It cannot be done, for this reason.
    Final(String),
    /// The store did not do it.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(Refusal::Taken(what)) => Self::Final(format!("its {what} is taken")),
            StoreError::Refused(Refusal::Gone(what)) => {
                Self::Final(format!("the {what} does not exist any more"))
            }
            StoreError::Refused(_) => Self::Met,
            error => Self::Store(error),
        }
    }
}

/// The work on the workspaces of a tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Provisioning<'a> {
    pub(crate) context: &'a Context,
    pub(crate) scope: &'a TenantScope,
    /// Where the request came from that asked for it.
    pub(crate) origin: &'a Origin,
}

impl Provisioning<'_> {
    /// Does what is to be done next.
    pub(crate) async fn carry_out(&self, workspace: &Workspace, work: Work) -> Result<(), Trouble> {
        match work {
            Work::Do(step) => self.make(workspace, step).await,
            Work::Undo(step) => self.take_back(workspace, step).await,
            Work::Activate => self.settle(workspace, Verb::Activate, Action::WORKSPACE_ACTIVATE).await,
            Work::Fail => self.settle(workspace, Verb::Fail, Action::WORKSPACE_FAIL).await,
            Work::Erase => self.erase(workspace).await,
            Work::Rest => Ok(()),
        }
    }

    /// Notes that a step failed for good. From then on, what was done is taken back.
    pub(crate) async fn fail(&self, before: &Workspace, step: Step, reason: String) -> Result<(), Trouble> {
        let after = before.failed(step, reason, self.context.now());
        self.commit(Transaction::new(), before, &after).await
    }

    async fn make(&self, before: &Workspace, step: Step) -> Result<(), Trouble> {
        let (context, now) = (self.context, self.context.now());
        let mut transaction = Transaction::new();
        let after = match step {
            Step::DataKey => {
                let purpose = Purpose::Workspace(before.id);
                context.sealer().make_key(&mut transaction, self.scope, purpose).await?;
                before.with(step, now)
            }
            Step::Prefix => {
                Objects::new(context.clients())?.mark(&Prefix::of(self.scope, before.id)).await?;
                before.with(step, now)
            }
            Step::Quotas => {
                quota::open_workspace(&mut transaction, self.scope, before.id)?;
                before.with(step, now)
            }
            Step::Group(kind) => self.make_group(&mut transaction, before, kind).await?,
            Step::Binding(kind) => self.make_binding(&mut transaction, before, kind).await?,
        };
        self.commit(transaction, before, &after).await
    }

    async fn take_back(&self, before: &Workspace, step: Step) -> Result<(), Trouble> {
        let mut transaction = Transaction::new();
        match step {
            Step::DataKey => {
                seal::forget_key(&mut transaction, self.scope, Purpose::Workspace(before.id));
            }
            Step::Prefix => {
                let objects = Objects::new(self.context.clients())?;
                objects.unmark(&Prefix::of(self.scope, before.id)).await?;
            }
            Step::Quotas => quota::close_workspace(&mut transaction, self.scope, before.id),
            Step::Group(kind) => {
                if let Some(made) = before.made(kind) {
                    self.remove_group(&mut transaction, made).await?;
                }
            }
            Step::Binding(kind) => {
                if let Some(made) = before.made(kind) {
                    self.remove_binding(&mut transaction, made).await?;
                }
            }
        }
        self.commit(transaction, before, &before.without(step, self.context.now())).await
    }

    /// Commits a step with the record that notes it.
    async fn commit(
        &self,
        mut transaction: Transaction,
        before: &Workspace,
        after: &Workspace,
    ) -> Result<(), Trouble> {
        workspace::replace(&mut transaction, self.scope, before, after)?;
        Ok(self.context.table()?.commit(&transaction).await?)
    }

    async fn make_group(
        &self,
        transaction: &mut Transaction,
        before: &Workspace,
        kind: DefaultGroup,
    ) -> Result<Workspace, Trouble> {
        let (table, now) = (self.context.table()?, self.context.now());
        let tree = group::tree(table, self.scope, before.organization).await?;
        if tree.count >= MOST_GROUPS {
            return Err(Trouble::Final(format!(
                "the organization has {MOST_GROUPS} groups, which is the limit"
            )));
        }
        let parent = match kind.parent() {
            None => None,
            Some(above) => Some(group_of(before, above)?.group),
        };
        if let Some(parent) = parent
            && group::ascent(table, self.scope, parent).await?.len() >= DEEPEST
        {
            return Err(Trouble::Final("its groups would be nested too deep".to_owned()));
        }
        let home = self.place(before.place()).await?;
        let made = Group {
            id: self.context.new_id(),
            tenant: before.tenant,
            organization: before.organization,
            division: before.division,
            parent,
            name: kind.name(&before.name).map_err(|fault| Trouble::Final(fault.to_string()))?,
            members: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        group::create(transaction, self.scope, &made, &home, tree)?;
        let changed = changes(&Value::Null, &represent_group(&made));
        self.event(transaction, Permission::GroupCreate, Resource::new("group", made.id), 1, changed)?;
        Ok(before.with_group(kind, made.id, now))
    }

    /// Removes a group that nobody has made use of. One that has members, or groups below it, or roles besides, stays.
    async fn remove_group(&self, transaction: &mut Transaction, made: Made) -> Result<(), Trouble> {
        let (table, subject) = (self.context.table()?, Subject::Group(made.group));
        let Some(found) = group::find(table, self.scope, made.group).await? else { return Ok(()) };
        let Some(given) = access::find(table, self.scope, subject).await? else { return Ok(()) };
        let children = node::find(table, self.scope, made.group).await?.map_or(0, |node| node.children);
        if children > 0 || !given.grants.is_empty() {
            return Ok(());
        }
        group::delete(transaction, self.scope, &found, &given);
        let changed = changes(&represent_group(&found), &Value::Null);
        let resource = Resource::new("group", found.id);
        self.event(transaction, Permission::GroupDelete, resource, found.version + 1, changed)
    }

    async fn make_binding(
        &self,
        transaction: &mut Transaction,
        before: &Workspace,
        kind: DefaultGroup,
    ) -> Result<Workspace, Trouble> {
        let now = self.context.now();
        let made = group_of(before, kind)?;
        let subject = Subject::Group(made.group);
        let given = access::find(self.context.table()?, self.scope, subject).await?;
        let mut given = given.ok_or_else(|| gone(kind))?;
        let given_role = Binding {
            tenant: before.tenant,
            subject,
            grant: Grant {
                binding: self.context.new_id(),
                role: RoleRef::Predefined(kind.role()),
                node: before.id.into(),
                starts_at: None,
                expires_at: None,
                condition: None,
            },
            version: 1,
            created_at: now,
        };
        given.grants.push(given_role.grant.clone());
        access::replace(transaction, self.scope, subject, &given)?;
        binding::create(transaction, self.scope, &given_role)?;
        let place = self.place(before.id.into()).await?;
        node::attach(transaction, self.scope, given_role.id(), &place)?;
        let changed = changes(&Value::Null, &represent_binding(&given_role));
        let resource = Resource::new("binding", given_role.id());
        self.event(transaction, Permission::BindingCreate, resource, 1, changed)?;
        Ok(before.with_binding(kind, given_role.id(), now))
    }

    /// Removes a binding, unless the tenant has removed it already.
    async fn remove_binding(&self, transaction: &mut Transaction, made: Made) -> Result<(), Trouble> {
        let Some(id) = made.binding else { return Ok(()) };
        let table = self.context.table()?;
        let Some(found) = binding::find(table, self.scope, id).await? else { return Ok(()) };
        self.take_away(transaction, &found).await
    }

    async fn take_away(&self, transaction: &mut Transaction, found: &Binding) -> Result<(), Trouble> {
        binding::take_away(self.context.table()?, transaction, self.scope, found).await?;
        let changed = changes(&represent_binding(found), &Value::Null);
        let resource = Resource::new("binding", found.id());
        self.event(transaction, Permission::BindingDelete, resource, found.version + 1, changed)
    }

    /// Ends the provisioning, well or not.
    async fn settle(&self, before: &Workspace, verb: Verb, action: Action) -> Result<(), Trouble> {
        // The work followed from the state, so that the state allows it.
        let after = before
            .after(verb, self.context.now())
            .map_err(|error| StoreError::corrupt("workspace", error))?;
        let mut transaction = Transaction::new();
        if verb == Verb::Activate {
            node::set_state(&mut transaction, self.scope, after.id, NodeState::Active);
        }
        let changed = changes(&wire::Workspace::from(before.clone()), &wire::Workspace::from(after.clone()));
        let resource = Resource::new("workspace", after.id);
        self.event(&mut transaction, action, resource, after.version, changed)?;
        self.commit(transaction, before, &after).await
    }

    /// Forgets a workspace, with what the tenant gave on it besides. The name is free from then on.
    async fn erase(&self, before: &Workspace) -> Result<(), Trouble> {
        let table = self.context.table()?;
        let slice = Slice { limit: 100, oldest_first: true, ..Slice::default() };
        let given = binding::list(table, self.scope, Which::On(before.id.into()), slice).await?;
        for binding in &given.items {
            let mut transaction = Transaction::new();
            self.take_away(&mut transaction, binding).await?;
            table.commit(&transaction).await?;
        }
        if given.next.is_some() {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        workspace::delete(&mut transaction, self.scope, before);
        node::delete(&mut transaction, self.scope, before.id, before.place(), "projects");
        // The workspace that a tenant was founded with may have got its key without a step.
        seal::forget_key(&mut transaction, self.scope, Purpose::Workspace(before.id));
        let changed = changes(&wire::Workspace::from(before.clone()), &Value::Null);
        let resource = Resource::new("workspace", before.id);
        self.event(&mut transaction, Action::WORKSPACE_ERASE, resource, before.version + 1, changed)?;
        Ok(self.context.table()?.commit(&transaction).await?)
    }

    async fn place(&self, id: NodeId) -> Result<Lineage, Trouble> {
        let found = node::lineage(self.context.table()?, self.scope, id, &mut node::Unknown).await?;
        found.ok_or_else(|| Trouble::Final(format!("the {} does not exist any more", id.kind())))
    }

    fn event(
        &self,
        transaction: &mut Transaction,
        action: impl Into<Action>,
        resource: Resource,
        version: u64,
        changes: Vec<Change>,
    ) -> Result<(), Trouble> {
        let worker = Actor::new(ActorKind::System, "workspace-worker");
        let event = self.context.event(self.scope.tenant(), action, resource, (worker, self.origin));
        Ok(transaction.event(self.scope, &Event { version, changes, ..event })?)
    }
}

fn group_of(workspace: &Workspace, kind: DefaultGroup) -> Result<Made, Trouble> {
    workspace.made(kind).ok_or_else(|| gone(kind))
}

fn gone(kind: DefaultGroup) -> Trouble {
    Trouble::Final(format!("the group of its {kind} does not exist any more"))
}

fn represent_group(group: &Group) -> Value {
    json!({
        "id": group.id,
        "organization_id": group.organization,
        "division_id": group.division,
        "parent_id": group.parent,
        "name": group.name,
    })
}

fn represent_binding(binding: &Binding) -> Value {
    json!({
        "id": binding.id(),
        "subject": binding.subject,
        "role": binding.grant.role,
        "node": binding.grant.node,
    })
}
