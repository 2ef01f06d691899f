//! That somebody who is logged in is still who it was: asked for wherever one's own factors change, so that nobody takes an account over
//! at a screen that was left open.

use deserr::Deserr;
use jiff::SignedDuration;
use rookery_domain::event::{Action, DenialReason, Resource};
use rookery_domain::fault::Faults;
use rookery_domain::id::{SessionId, UserId};
use rookery_domain::session::Session;
use rookery_edge::password::{Presented, verify};
use rookery_edge::{Caller, Context, Guess, Problem};
use rookery_store::factor::{self, Factors};
use rookery_store::{Transaction, session};
use utoipa::ToSchema;

/// For how long a login is proof enough that was not by the password.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// The password once more. It may be left out within ten minutes after a passkey was used in this session, and by those who have no
/// password, within ten minutes after they logged in.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Confirmed {
    /// The present password.
    #[deserr(default)]
    password: Option<Presented>,
}

/// Counts a guess at what a person has to show.
pub(crate) async fn counted(context: &Context, user: UserId) -> Result<Guess, Problem> {
    let guess = Guess::at_code(user);
    guess.count(context).await?;
    Ok(guess)
}

/// What the person logs in with, if it was shown that it is the person.
pub(crate) async fn given(
    context: &Context,
    caller: &Caller,
    (user, session): (UserId, SessionId),
    confirmed: &Confirmed,
    action: Action,
) -> Result<Factors, Problem> {
    let table = context.table()?;
    let factors = factor::find(table, &caller.tenant, user).await?;
    let Some(Presented(password)) = &confirmed.password else {
        let session = session::find(table, &caller.tenant, user, session).await?;
        let fresh = session.is_some_and(|session| is_fresh(context, &session, &factors));
        return if fresh { Ok(factors) } else { Err(Problem::invalid("/password", "is missing")) };
    };
    if verify(password, factors.hash()).is_right() {
        return Ok(factors);
    }
    let (resource, reason) = (Resource::new("user", user), DenialReason::WrongPassword);
    let event = context.strangers_attempt(caller.tenant.tenant(), action, resource, &caller.origin, reason);
    let mut transaction = Transaction::new();
    transaction.event(&caller.tenant, &event)?;
    table.commit(&transaction).await?;
    Err(Problem::invalid("/password", "is not the present password"))
}

fn is_fresh(context: &Context, session: &Session, factors: &Factors) -> bool {
    let proof = &session.proof;
    let at = proof.second_factor_at.map_or(proof.at, |second| second.max(proof.at));
    let is_enough = proof.is_by_passkey() || factors.password.is_none();
    is_enough && context.now().duration_since(at) < FRESH
}
