//! What goes with a place that is deleted: the roles that were given on it.

use rookery_domain::binding::Binding;
use rookery_domain::event::{Resource, changes};
use rookery_domain::node::NodeId;
use rookery_domain::permission::Permission;
use rookery_store::binding::{self, Which};
use rookery_store::{Slice, Transaction};
use serde_json::{Value, json};

use crate::{Answer, Caller, Context, Problem, chain, deciding};

/// How many bindings are read at once.
const AT_ONCE: u32 = 100;

impl Caller {
    /// Takes away the roles that were given on a place which was just deleted, each with its own event. The place is gone by then,
    /// whatever becomes of this: what is left gives nothing, and is listed to those who may take it away.
    pub async fn forget_bindings(&self, context: &Context, place: impl Into<NodeId>) {
        let place = place.into();
        if let Err(problem) = self.take_away_on(context, place).await {
            tracing::error!(
                resource.id = %place,
                error.chain = chain(&problem),
                "roles are left on {place}, which is gone"
            );
        }
    }

    async fn take_away_on(&self, context: &Context, place: NodeId) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let slice = Slice { limit: AT_ONCE, after, oldest_first: true, ..Slice::default() };
            let page = binding::list(context.table()?, &self.tenant, Which::On(place), slice).await?;
            for given in &page.items {
                deciding(|| self.take_away(context, given)).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn take_away(&self, context: &Context, given: &Binding) -> Result<Answer, Problem> {
        let table = context.table()?;
        // Somebody else may have taken it away meanwhile.
        if binding::find(table, &self.tenant, given.id()).await?.is_some() {
            let mut transaction = Transaction::new();
            binding::take_away(table, &mut transaction, &self.tenant, given).await?;
            let before = json!({
                "id": given.id(),
                "subject": given.subject,
                "role": given.grant.role,
                "node": given.grant.node,
            });
            let (resource, version) = (Resource::new("binding", given.id()), given.version + 1);
            let changed = changes(&before, &Value::Null);
            let event = self.consequence(context, Permission::BindingDelete, resource, version, changed);
            transaction.event(&self.tenant, &event)?;
            table.commit(&transaction).await?;
        }
        Ok(Answer::no_content())
    }
}
