//! What the commands to a tenant have in common.

use jiff::SignedDuration;
use rookery_domain::account::{Account, Reason, TransitionError, Verb};
use rookery_domain::event::{ACCOUNT, Change, Resource, changes};
use rookery_domain::permission::Right;
use rookery_edge::{Answer, Context, Idempotency, IfMatch, Operator, Problem};
use rookery_store::{Transaction, account};
use serde_json::{Value, json};

use crate::body::PlatformTenant;

/// Reads a tenant of the directory.
pub(crate) async fn load(context: &Context, id: &str) -> Result<Account, Problem> {
    let id = id.parse().map_err(|_| Problem::NotFound("tenant"))?;
    account::find(context.table()?, id).await?.ok_or(Problem::NotFound("tenant"))
}

/// What it means to a caller that the tenant's state rules something out.
pub(crate) fn refused(error: TransitionError) -> Problem {
    Problem::conflict("illegal-transition", error.to_string())
}

/// The reason, as a change of the event.
pub(crate) fn why(reason: &Reason) -> Change {
    Change { field: "reason".to_owned(), before: Value::Null, after: json!(reason) }
}

/// A command to a tenant.
pub(crate) struct Command<'a> {
    /// The id of the tenant, as the path names it.
    pub(crate) id: &'a str,
    pub(crate) verb: Verb,
    pub(crate) reason: Reason,
    /// How long a closed tenant is kept.
    pub(crate) grace: SignedDuration,
}

/// Gives a command to a tenant.
pub(crate) async fn give<R: Right>(
    context: &Context,
    operator: &Operator<R>,
    if_match: &IfMatch,
    idempotency: Option<&Idempotency>,
    command: Command<'_>,
) -> Result<Answer, Problem> {
    let before = load(context, command.id).await?;
    if_match.check(before.version)?;
    let after = before.apply(command.verb, command.grace, context.now()).map_err(refused)?;

    let body = PlatformTenant::from(after.clone());
    let mut changed = changes(&PlatformTenant::from(before.clone()), &body);
    changed.push(why(&command.reason));
    let resource = Resource::new(ACCOUNT, after.id);
    let event = operator.event(context, after.id, resource, after.version, changed);
    let scope = account::scope(&after);
    let mut transaction = Transaction::new();
    account::replace(&mut transaction, &before, &after)?;
    transaction.event(&scope, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope, idempotency, transaction, answer).await
}
