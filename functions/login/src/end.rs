//! Listing and ending sessions, whosever they are.

use rookery_domain::event::{Resource, changes};
use rookery_domain::id::UserId;
use rookery_domain::permission::Permission;
use rookery_domain::session::Session;
use rookery_edge::session::{SessionBody, described};
use rookery_edge::{Answer, Caller, Context, Params, Problem};
use rookery_store::{Listed, Transaction, session};
use serde_json::Value;

/// How many sessions end in one transaction: three writes each.
const TOGETHER: usize = 30;

/// A person's sessions on one page. There are few by a rule of the domain.
pub(crate) async fn listed(
    context: &Context,
    caller: &Caller,
    user: UserId,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&caller.tenant)?;
    let all = session::list(context.table()?, &caller.tenant, user, context.now()).await?;
    let listed = Listed::part_of(all, &slice, |session| session.id.to_string());
    let current = caller.principal.session();
    Answer::ok(&paging.page(listed, |session| SessionBody::of(session, current)))
}

/// Ends all sessions of a person.
pub(crate) async fn all(context: &Context, caller: &Caller, user: UserId) -> Result<Answer, Problem> {
    let sessions = session::list(context.table()?, &caller.tenant, user, context.now()).await?;
    some(context, caller, &sessions).await
}

/// Ends sessions, each with its event.
pub(crate) async fn some(
    context: &Context,
    caller: &Caller,
    sessions: &[Session],
) -> Result<Answer, Problem> {
    for together in sessions.chunks(TOGETHER) {
        let mut transaction = Transaction::new();
        for ended in together {
            one(context, caller, &mut transaction, ended)?;
        }
        context.table()?.commit(&transaction).await?;
    }
    Ok(Answer::no_content())
}

/// Adds the end of a session to a transaction, with its event.
pub(crate) fn one(
    context: &Context,
    caller: &Caller,
    transaction: &mut Transaction,
    ended: &Session,
) -> Result<(), Problem> {
    session::end(transaction, &caller.tenant, ended);
    let changed = changes(&described(ended), &Value::Null);
    let resource = Resource::new("session", ended.id);
    let event = caller.consequence(context, Permission::SessionEnd, resource, ended.version + 1, changed);
    Ok(transaction.event(&caller.tenant, &event)?)
}
