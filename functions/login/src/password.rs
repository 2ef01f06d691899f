//! Proving who one is with a password.

use rookery_domain::event::{DenialReason, Origin};
use rookery_domain::id::UserId;
use rookery_domain::known_device::DeviceToken;
use rookery_domain::password::Password;
use rookery_domain::session::{Method, Proof};
use rookery_domain::text::{Email, Slug};
use rookery_edge::password::Verdict;
use rookery_edge::{Context, Guess, Problem, Secret, password};
use rookery_store::{TenantScope, factor, tenant, user};

/// Somebody whose password was right.
#[derive(Debug)]
pub struct Proved {
    /// The scope of the tenant.
    pub scope: TenantScope,
    /// Who it is.
    pub user: UserId,
    /// That it is.
    pub proof: Proof,
    /// The guess that it was.
    pub guess: Guess,
    /// What the person logs in with.
    pub factors: factor::Factors,
    /// Whether the hash has another cost than is asked today.
    pub aged: bool,
}

/// Whose password it is. Whether there is no such tenant, no such person, no password or another one, the answer is the same, and so is
/// the work.
pub async fn prove(
    context: &Context,
    origin: &Origin,
    (slug, email): (&Slug, &Email),
    presented: &Password,
    device: Option<&DeviceToken>,
) -> Result<Proved, Problem> {
    let table = context.table()?;
    let scope = tenant::of_slug(table, slug).await?;
    if let Some(scope) = &scope {
        context.bind(scope);
    }
    let guess = Guess::new(Secret::Password, slug.as_str(), email, origin);
    let guess = guess.from_device(context, scope.as_ref(), device, email).await?;
    guess.count(context).await?;
    let found = match &scope {
        Some(scope) => user::of_email(table, scope, email).await?.map(|found| found.user.id),
        None => None,
    };
    let factors = match (&scope, found) {
        (Some(scope), Some(user)) => Some(factor::find(table, scope, user).await?),
        (Some(scope), None) => {
            factor::find_nobodys(table, scope).await?;
            None
        }
        (None, _) => None,
    };
    let verdict = password::verify(presented, factors.as_ref().and_then(factor::Factors::hash));
    match (scope, found, factors) {
        (Some(scope), Some(user), Some(factors)) if verdict.is_right() => {
            let proof = Proof::by(Method::Password, context.now());
            let aged = verdict == Verdict::RightButAged;
            Ok(Proved { scope, user, proof, guess, factors, aged })
        }
        (scope, user, _) => {
            if let Some(scope) = scope {
                context.record_failed_login(&scope, origin, user, DenialReason::WrongPassword).await?;
            }
            Err(Problem::Unauthenticated)
        }
    }
}
