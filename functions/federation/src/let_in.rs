//! How a login by a provider ends: with a session, with a second factor that is asked for, or with a refusal that the tenant is told.

use rookery_domain::event::{DenialReason, Origin};
use rookery_domain::id::UserId;
use rookery_domain::pending_login::{self, PendingToken};
use rookery_domain::session::{Method, Proof};
use rookery_edge::{Answer, Context, Issuer, Problem, chain};
use rookery_store::{
    StoreError, TenantScope, Transaction, factor, federation, pending_login as waiting, tenant,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::upstream::Refusal;

/// What is still asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
#[schema(as = FederatedStep)]
pub enum Further {
    /// A second factor, for `POST /v1/auth/mfa`.
    SecondFactor {
        /// What to send with it.
        #[schema(example = "rm_…")]
        mfa_token: String,
        /// For how many seconds the login waits.
        expires_in: i64,
        /// Whether there is one. Otherwise an authenticator has to be set up, by `POST /v1/auth/mfa/enrol`.
        enrolled: bool,
    },
    /// That the account is shown to be one's own, for `POST /v1/auth/federated/{provider}/finish`.
    Link {
        /// What to send with the password, or in a session.
        token: String,
        /// For how many seconds the login waits.
        expires_in: i64,
    },
}

impl Further {
    /// That the account is shown to be one's own.
    pub(crate) const fn link(token: String) -> Self {
        Self::Link { token, expires_in: federation::WAITS_FOR.as_secs() }
    }
}

/// Refuses somebody who may not log in, whoever vouches, and records it.
pub(crate) async fn may_come(
    context: &Context,
    scope: &TenantScope,
    origin: &Origin,
    user: UserId,
) -> Result<(), Problem> {
    let refused = match context.may_log_in(scope, user).await {
        Err(Problem::Unauthenticated) => (DenialReason::Suspended, Problem::Unauthenticated),
        Err(Problem::TenantSuspended) => (DenialReason::TenantSuspended, Problem::TenantSuspended),
        decided => return decided,
    };
    context.record_failed_login(scope, origin, Some(user), refused.0).await?;
    Err(refused.1)
}

/// Lets somebody in: with a session, or, where a second factor is asked for, with what the login waits for.
pub(crate) async fn let_in(
    context: &Context,
    origin: &Origin,
    issuer: &Issuer,
    scope: &TenantScope,
    user: UserId,
    mut transaction: Transaction,
) -> Result<Answer, Problem> {
    let table = context.table()?;
    let proof = Proof::by(Method::Federated, context.now());
    let factors = factor::find(table, scope, user).await?;
    let tenant = tenant::find(table, scope).await?.ok_or(Problem::Unauthenticated)?;
    if factors.has_second() || tenant.settings.require_second_factor {
        let token = PendingToken::new(context.random(), context.random());
        waiting::put(&mut transaction, scope, &token, user, &proof)?;
        let further = Further::SecondFactor {
            mfa_token: token.reveal(),
            expires_in: pending_login::WAITS_FOR.as_secs(),
            enrolled: factors.has_second(),
        };
        let answer = Answer::accepted(&further)?.with_secret();
        return context.commit(scope, None, transaction, answer).await;
    }
    let tokens = context.log_in(&mut transaction, scope, (origin, issuer), user, proof).await?;
    let answer = Answer::ok(&tokens)?.with_secret();
    context.commit(scope, None, transaction, answer).await
}

/// Records why somebody is not let in, and answers what they are told: nothing, but whether the provider could be asked.
pub(crate) async fn refused(
    context: &Context,
    scope: &TenantScope,
    origin: &Origin,
    refusal: Refusal,
) -> Problem {
    let (reason, problem) = match refusal {
        Refusal::Problem(problem) => return problem,
        Refusal::Login(reason, fault) => {
            tracing::warn!(federation.fault = fault, "a login by an identity provider was refused");
            (reason, Problem::Unauthenticated)
        }
        Refusal::Provider(failure) => {
            tracing::warn!(error.chain = chain(&failure), "an identity provider could not be asked");
            (DenialReason::ProviderAnswer, StoreError::from(failure).into())
        }
    };
    match context.record_failed_login(scope, origin, None, reason).await {
        Ok(()) => problem,
        Err(unrecorded) => unrecorded,
    }
}
