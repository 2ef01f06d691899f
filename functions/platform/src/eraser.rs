//! The worker that erases tenants whose time of grace is over, once an hour.
//!
//! A run that is killed, or that runs out of its budget, is continued by the next one: the tenant stays in the list of those to be
//! erased until nothing of it is left, and each step finds what the one before it left over.

use lambda_runtime::Error;
use rookery_domain::account::{Account, Verb};
use rookery_domain::event::{ACCOUNT, Action, Actor, ActorKind, Event, Origin, Resource, changes};
use rookery_domain::id::TenantId;
use rookery_edge::{Boxed, Context, Problem, chain};
use rookery_store::erasure::{self, Budget};
use rookery_store::object::Objects;
use rookery_store::{Transaction, account};
use serde_json::{Value, json};

use crate::body::PlatformTenant;

/// How many tenants are looked at in one run.
const TENANTS: u32 = 20;
/// How many items are erased in one run, so that it ends in time.
const ITEMS: usize = 200_000;
/// How many thousands of files are erased in one run.
const PAGES_OF_FILES: usize = 20;

/// Erases what is due.
pub fn work(context: Context, _: Value) -> Boxed<Result<Value, Error>> {
    Box::pin(async move {
        let mut budget = Budget::of(ITEMS);
        let (mut erased, mut failed) = (0_u32, 0_u32);
        for tenant in account::due(context.table()?, context.now(), TENANTS).await? {
            if budget.is_used_up() {
                break;
            }
            // What is in the way of one tenant's end is not in the way of another's.
            match erase(&context, tenant, &mut budget).await {
                Ok(done) => erased += u32::from(done),
                Err(error) => {
                    failed += 1;
                    tracing::error!(
                        tenant.id = %tenant,
                        error.chain = chain(&error),
                        "a tenant could not be erased; the next run goes on"
                    );
                }
            }
        }
        if failed > 0 {
            return Err(format!("{failed} tenants could not be erased").into());
        }
        Ok(json!({"erased": erased}))
    })
}

async fn erase(context: &Context, tenant: TenantId, budget: &mut Budget) -> Result<bool, Problem> {
    let Some(erasing) = begin(context, tenant).await? else { return Ok(false) };
    shut(context, &erasing, budget).await?;
    if !files(context, &erasing).await? {
        return Ok(false);
    }
    empty(context, &erasing, budget).await?;
    if budget.is_used_up() {
        return Ok(false);
    }
    end(context, &erasing).await?;
    tracing::info!(tenant.id = %tenant, "a tenant was erased");
    Ok(true)
}

/// Marks that a tenant is being erased, from when on nothing stops it. `None` if it was resumed in the meantime.
pub async fn begin(context: &Context, tenant: TenantId) -> Result<Option<Account>, Problem> {
    let Some(before) = account::find(context.table()?, tenant).await? else { return Ok(None) };
    if before.state.after(Verb::EndErasing).is_some() {
        return Ok(Some(before));
    }
    let now = context.now();
    if before.erase_after.is_none_or(|after| now < after) {
        return Ok(None);
    }
    let Ok(after) = before.apply(Verb::BeginErasing, jiff::SignedDuration::ZERO, now) else {
        return Ok(None);
    };
    let mut transaction = Transaction::new();
    account::replace(&mut transaction, &before, &after)?;
    context.table()?.commit(&transaction).await?;
    Ok(Some(after))
}

/// Makes the tenant's secrets unreadable, its keys unknown, and its apps unknown to devices.
pub async fn shut(context: &Context, erasing: &Account, budget: &mut Budget) -> Result<(), Problem> {
    let (table, scope) = (context.table()?, account::scope(erasing));
    erasure::data_keys(table, &scope, budget).await?;
    erasure::credentials(table, &scope, budget).await?;
    erasure::clients(table, &scope, budget).await?;
    erasure::invitations(table, &scope, budget).await?;
    erasure::identity_providers(table, &scope, budget).await?;
    erasure::sessions(table, &scope, budget).await?;
    erasure::factors(table, &scope, budget).await?;
    erasure::served(table, &scope, budget).await?;
    Ok(())
}

/// Erases the tenant's files. Answers whether none are left.
pub async fn files(context: &Context, erasing: &Account) -> Result<bool, Problem> {
    let (objects, scope) = (Objects::new(context.clients())?, account::scope(erasing));
    for _ in 0..PAGES_OF_FILES {
        if !objects.erase(&scope).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Erases everything else, but the proof of the audit trail.
pub async fn empty(context: &Context, erasing: &Account, budget: &mut Budget) -> Result<(), Problem> {
    let (table, scope) = (context.table()?, account::scope(erasing));
    erasure::told(table, &scope, budget).await?;
    erasure::records(table, &scope, budget).await?;
    Ok(())
}

/// Notes in the directory and in the tenant's log that it is erased.
pub async fn end(context: &Context, erasing: &Account) -> Result<(), Problem> {
    let now = context.now();
    let after =
        erasing.apply(Verb::EndErasing, jiff::SignedDuration::ZERO, now).map_err(Problem::internal)?;
    let scope = account::scope(&after);
    let (resource, eraser) =
        (Resource::new(ACCOUNT, after.id), Actor::new(ActorKind::System, "tenant-eraser"));
    let event = Event {
        version: after.version,
        at: now,
        changes: changes(&PlatformTenant::from(erasing.clone()), &PlatformTenant::from(after.clone())),
        ..context.event(after.id, Action::TENANT_ERASE, resource, (eraser, &Origin::default()))
    };
    let mut transaction = Transaction::new();
    account::replace(&mut transaction, erasing, &after)?;
    transaction.event(&scope, &event)?;
    Ok(context.table()?.commit(&transaction).await?)
}
