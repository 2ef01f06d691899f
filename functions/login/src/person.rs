//! What several routes of this area do with the person that a request is about.

use http::Uri;
use rookery_domain::event::{Action, Actor, ActorKind, Change, Event, Origin, Resource};
use rookery_domain::id::{SessionId, UserId};
use rookery_domain::password::{Password, PasswordHash};
use rookery_domain::permission::Permission;
use rookery_domain::user::{User, UserState};
use rookery_edge::password::{self, About};
use rookery_edge::{Caller, Context, Problem};
use rookery_store::factor::Factors;
use rookery_store::{TenantScope, Transaction, session, tenant, user};

/// Something that a person did to itself. `version` is that of the person's record if it was changed by it, and 0 otherwise.
pub(crate) fn event(
    context: &Context,
    scope: &TenantScope,
    user: UserId,
    (action, version): (Action, u64),
    origin: &Origin,
    changes: Vec<Change>,
) -> Event {
    let (resource, actor) = (Resource::new("user", user), Actor::new(ActorKind::User, user));
    let event = context.event(scope.tenant(), action, resource, (actor, origin));
    Event { version, changes, ..event }
}

/// A person that may act.
pub(crate) async fn active(
    context: &Context,
    scope: &TenantScope,
    id: UserId,
) -> Result<Option<user::Found>, Problem> {
    let found = user::find(context.table()?, scope, id).await?;
    Ok(found.filter(|found| found.user.state == UserState::Active))
}

/// The hash of a password that a person chooses, as its tenant asks for.
pub(crate) async fn chosen(
    context: &Context,
    scope: &TenantScope,
    user: &User,
    password: &Password,
    before: &Factors,
) -> Result<PasswordHash, Problem> {
    let tenant = tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))?;
    let names = [user.name.as_str(), tenant.name.as_str(), tenant.slug.as_str()];
    let about = About { email: &user.email, names: &names };
    password::choose(context, password, tenant.settings.password_length, about, before, "/password")
}

/// The person who asks, in a session of its own: what concerns how somebody logs in takes somebody who has logged in, whatever keys there
/// are, and nobody who acts in its place.
pub(crate) async fn logged_in(
    context: &Context,
    caller: &Caller,
    uri: &Uri,
) -> Result<(UserId, SessionId), Problem> {
    let user = caller.oneself(context, Permission::UserUpdate, uri.path()).await?;
    let session = caller.principal.session();
    Ok((user, session.ok_or(Problem::Closed("this takes somebody who has logged in; a key is not enough"))?))
}

/// Adds the end of a person's sessions to a transaction, of all but one if one is to stay. There are few by a rule of the domain.
pub(crate) async fn log_out(
    context: &Context,
    transaction: &mut Transaction,
    scope: &TenantScope,
    origin: &Origin,
    user: UserId,
    but: Option<SessionId>,
) -> Result<(), Problem> {
    let sessions = session::list(context.table()?, scope, user, context.now()).await?;
    for ended in sessions.iter().filter(|session| Some(session.id) != but) {
        context.end_session(transaction, scope, origin, ended)?;
    }
    Ok(())
}
