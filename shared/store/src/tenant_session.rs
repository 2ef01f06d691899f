//! Credentials that reach the partitions of one tenant and of no other, for the time of a request that is bound to that tenant.
//!
//! The function takes on its own role again, as a session that carries the tenant's id as a tag. The role's policy denies every
//! partition that does not begin with that tag. So what the [guard](crate::guard) refuses before it is sent, the table refuses, too.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::types::Tag;
use rookery_domain::id::TenantId;
use tokio::sync::Mutex;

use crate::guard;

/// The tag of a session that says which tenant it is for, as the policies of the roles name it.
pub const TENANT_TAG: &str = "tenant";

/// For how long before their end credentials are not begun to be used. Longer than any request lasts, and any two clocks differ.
const MARGIN: Duration = Duration::from_mins(5);

/// For how many tenants credentials are kept in memory.
const KEPT: usize = 1000;

/// Hands out credentials for one tenant.
pub trait TenantCredentials: fmt::Debug + Send + Sync {
    /// Credentials that reach this tenant's partitions and no others.
    fn of(&self, tenant: TenantId) -> future::ProvideCredentials<'_>;
}

/// Sessions of a role, one for each tenant, kept until shortly before they end.
#[derive(Debug)]
pub struct Sessions {
    client: aws_sdk_sts::Client,
    role: String,
    /// Held while one is made, so that what asks at the same time does not make another.
    kept: Mutex<HashMap<TenantId, Credentials>>,
    now: fn() -> SystemTime,
}

impl Sessions {
    /// Sessions of this role.
    pub fn new(client: aws_sdk_sts::Client, role: String) -> Self {
        Self { client, role, kept: Mutex::default(), now: SystemTime::now }
    }

    async fn find(&self, tenant: TenantId) -> Result<Credentials, CredentialsError> {
        let mut kept = self.kept.lock().await;
        let latest = (self.now)() + MARGIN;
        let good = |found: &Credentials| found.expiry().is_some_and(|end| end > latest);
        if let Some(found) = kept.get(&tenant).filter(|found| good(found)) {
            return Ok(found.clone());
        }
        let made = self.begin(tenant).await?;
        if kept.len() >= KEPT {
            kept.retain(|_, found| good(found));
        }
        if kept.len() >= KEPT
            && let Some(first) = kept.iter().min_by_key(|(_, found)| found.expiry()).map(|(of, _)| *of)
        {
            kept.remove(&first);
        }
        kept.insert(tenant, made.clone());
        Ok(made)
    }

    async fn begin(&self, tenant: TenantId) -> Result<Credentials, CredentialsError> {
        let tag = Tag::builder().key(TENANT_TAG).value(tenant.to_string()).build();
        let answer = self
            .client
            .assume_role()
            .role_arn(&self.role)
            .role_session_name(tenant.to_string())
            .tags(tag.map_err(CredentialsError::invalid_configuration)?)
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        read(answer)
    }
}

fn read(answer: AssumeRoleOutput) -> Result<Credentials, CredentialsError> {
    let made =
        answer.credentials.ok_or_else(|| CredentialsError::unhandled("an answer without credentials"))?;
    let expires = SystemTime::try_from(made.expiration).map_err(CredentialsError::unhandled)?;
    Ok(Credentials::new(
        made.access_key_id,
        made.secret_access_key,
        Some(made.session_token),
        Some(expires),
        "session of a tenant",
    ))
}

impl TenantCredentials for Sessions {
    fn of(&self, tenant: TenantId) -> future::ProvideCredentials<'_> {
        future::ProvideCredentials::new(self.find(tenant))
    }
}

/// The credentials of the request that is being worked on: those for its tenant once it is bound to one that has any, and the
/// function's own before that and elsewhere.
#[derive(Debug)]
pub(crate) struct OfTheRequest {
    own: Credentials,
}

impl OfTheRequest {
    /// With the function's own credentials.
    pub(crate) fn or(own: Credentials) -> Self {
        Self { own }
    }
}

impl ProvideCredentials for OfTheRequest {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match guard::credentials() {
            None => future::ProvideCredentials::ready(Ok(self.own.clone())),
            Some((tenant, sessions)) => {
                future::ProvideCredentials::new(async move { sessions.of(tenant).await })
            }
        }
    }
}
