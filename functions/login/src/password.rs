//! Proving who one is with a password.

use rookery_domain::event::{DenialReason, Origin};
use rookery_domain::id::UserId;
use rookery_domain::password::Password;
use rookery_domain::session::{Method, Proof};
use rookery_domain::text::{Email, Slug};
use rookery_edge::{Context, Guess, Problem, Secret, password};
use rookery_store::{TenantScope, factor, tenant, user};

/// Somebody whose password was right.
pub(crate) struct Proved {
    pub(crate) scope: TenantScope,
    pub(crate) user: UserId,
    pub(crate) proof: Proof,
    pub(crate) guess: Guess,
}

/// Whose password it is. Whether there is no such tenant, no such person, no password or another one, the answer is the same, and so is
/// the work.
pub(crate) async fn prove(
    context: &Context,
    origin: &Origin,
    (slug, email): (&Slug, &Email),
    presented: &Password,
) -> Result<Proved, Problem> {
    let table = context.table()?;
    let guess = Guess::new(Secret::Password, slug.as_str(), email, origin);
    guess.count(context).await?;
    let scope = tenant::of_slug(table, slug).await?;
    let found = match &scope {
        Some(scope) => {
            context.bind(scope);
            user::of_email(table, scope, email).await?.map(|found| found.user.id)
        }
        None => None,
    };
    let factors = match scope.as_ref().zip(found) {
        Some((scope, user)) => Some(factor::find(table, scope, user).await?),
        None => None,
    };
    let verdict = password::verify(presented, factors.as_ref().and_then(factor::Factors::hash));
    match (scope, found) {
        (Some(scope), Some(user)) if verdict.is_right() => {
            let proof = Proof::by(Method::Password, context.now());
            Ok(Proved { scope, user, proof, guess })
        }
        (scope, user) => {
            if let Some(scope) = scope {
                context.record_failed_login(&scope, origin, user, DenialReason::WrongPassword).await?;
            }
            Err(Problem::Unauthenticated)
        }
    }
}
