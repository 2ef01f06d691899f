//! Whoever holds a link that was mailed.

use rookery_domain::event::Origin;
use rookery_domain::link::{LinkToken, Purpose};
use rookery_edge::{Context, Problem};
use rookery_store::{TenantScope, link, user};

use crate::person;

/// A link that holds, and whom it was sent to.
pub(crate) struct Holder {
    pub(crate) scope: TenantScope,
    pub(crate) token: LinkToken,
    pub(crate) user: user::Found,
}

/// Who holds a link for a purpose. It must be the newest one, and sent to the address that the person has now.
pub(crate) async fn of(
    context: &Context,
    origin: &Origin,
    text: &str,
    purpose: Purpose,
) -> Result<Holder, Problem> {
    context.limit_tries(origin, "link-try").await?;
    let unknown = || {
        let detail = "is of no link, or of one that was used, is too old, or had another one sent after it";
        Problem::invalid("/token", detail)
    };
    let token: LinkToken = text.parse().map_err(|_| unknown())?;
    if token.purpose != purpose {
        return Err(unknown());
    }
    let known = link::look_up(context.table()?, &token).await?;
    let scope = link::check(&token, known.as_ref(), context.now()).ok_or_else(unknown)?;
    context.bind(&scope);
    let user = person::active(context, &scope, token.user).await?.ok_or_else(unknown)?;
    if !known.is_some_and(|link| link.was_sent_to(&user.user.email)) {
        return Err(unknown());
    }
    Ok(Holder { scope, token, user })
}
