//! Keys of the single table. A key of a tenant can be made from its scope only.

use std::fmt;

use rookery_domain::access_token::Claims;
use rookery_domain::account::Account;
use rookery_domain::app::AppKey;
use rookery_domain::event::Event;
use rookery_domain::id::TenantId;
use rookery_domain::key::Credential;
use rookery_domain::oauth_client::OauthClient;
use rookery_domain::workload_trust::WorkloadTrust;

/// The right to touch the items of one tenant. There is no way to make one from an id that a caller sent.
///
/// A key of a tenant's item is made from its scope:
///
/// ```
/// # use rookery_store::{Key, TenantScope};
/// # fn key(scope: &TenantScope) -> Key {
/// scope.partition(&["app"]).item("app_01h455vb4pex5vsknk084sn02q")
/// # }
/// ```
///
/// and in no other way. Neither a partition nor a key nor a scope can be put together from texts:
///
/// ```compile_fail,E0423
/// # use rookery_store::Partition;
/// # fn partition() -> Partition {
/// Partition("ten_01h455vb4pex5vsknk084sn02q#app".to_owned())
/// # }
/// ```
///
/// ```compile_fail,E0451
/// # use rookery_store::Key;
/// # fn key() -> Key {
/// Key { partition: "ten_01h455vb4pex5vsknk084sn02q#app".to_owned(), sort: "app_01h455vb4pex5vsknk084sn02q".to_owned() }
/// # }
/// ```
///
/// ```compile_fail,E0423
/// # use rookery_store::TenantScope;
/// # fn scope(sent: rookery_domain::id::TenantId) -> TenantScope {
/// TenantScope(sent)
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantScope(TenantId);

impl TenantScope {
    /// The scope of a tenant that is being founded: its id was made a moment ago.
    pub const fn founding(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of whoever presented a credential that holds.
    pub(crate) const fn of_credential(credential: &Credential) -> Self {
        Self(credential.tenant)
    }

    /// The scope of the tenant whose event a worker received from the bus.
    pub const fn of_event(event: &Event) -> Self {
        Self(event.tenant)
    }

    /// The scope of the tenant that a message names which the platform's own functions sent.
    pub const fn of_message(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant whose app a device named by its public key, for the files that were released to its devices.
    pub const fn of_served(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant whose invitation somebody holds, with its right secret.
    pub(crate) const fn of_invitation(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant that mailed a link to somebody who holds it, with its right secret.
    pub(crate) const fn of_link(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant that somebody names to log in there. What is found in it decides whether they may.
    pub(crate) const fn of_slug(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant whose client somebody names, to log in to it or to show its secret. What is found in it decides whether they
    /// may.
    pub(crate) const fn of_client(client: &OauthClient) -> Self {
        Self(client.tenant)
    }

    /// The scope of the tenant whose login by an identity provider somebody began, or whose mail domain somebody names. What is found in
    /// it decides whether they may.
    pub(crate) const fn of_federation(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant whose trust a workload names. What is found in it decides whether the workload is trusted.
    pub(crate) const fn of_trust(trust: &WorkloadTrust) -> Self {
        Self(trust.tenant)
    }

    /// The scope of the tenant whose session somebody holds a refresh token of.
    pub(crate) const fn of_session(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant that a token names which a key of the platform's own signed.
    pub const fn of_token(claims: &Claims) -> Self {
        Self(claims.tenant)
    }

    /// The scope of the tenant of the person whose passkey somebody names. What is found in it decides whether it is theirs.
    pub(crate) const fn of_passkey(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant that somebody logs in to whose password was right.
    pub(crate) const fn of_pending(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of the tenant whose entry in the directory somebody read who operates the platform.
    pub(crate) const fn of_account(account: &Account) -> Self {
        Self(account.id)
    }

    /// Whose scope it is.
    pub const fn tenant(&self) -> TenantId {
        self.0
    }

    /// A partition of the tenant: `<tenant>#<path>#…`. Parts are kinds and ids, neither of which contains a `#`.
    pub fn partition(&self, path: &[&str]) -> Partition {
        let mut text = self.0.to_string();
        for part in path {
            text.push('#');
            text.push_str(part);
        }
        Partition(text)
    }
}

/// A partition key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition(String);

impl Partition {
    /// A partition of the directory, which belongs to no tenant.
    pub fn directory(kind: &str, value: impl fmt::Display) -> Self {
        Self(format!("directory#{kind}#{value}"))
    }

    /// A collection of the directory.
    pub(crate) fn directory_of(kind: &str) -> Self {
        Self(format!("directory#{kind}"))
    }

    /// What the devices of an application are offered.
    pub fn serving(app: AppKey) -> Self {
        Self(format!("serving#{app}"))
    }

    /// An item of the partition.
    pub fn item(&self, sort: impl fmt::Display) -> Key {
        Key { partition: self.0.clone(), sort: sort.to_string() }
    }

    /// The only item of a partition that holds one.
    pub fn only(&self) -> Key {
        self.item("-")
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    partition: String,
    sort: String,
}

impl Key {
    /// The partition key, attribute `pk`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The sort key, attribute `sk`.
    pub fn sort(&self) -> &str {
        &self.sort
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.partition, self.sort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_of_one_tenant_is_never_one_of_another(left: u128, right: u128, sort in "[a-z#]{0,20}") {
            prop_assume!(left != right);
            let scope = |bits: u128| TenantScope(format!("ten_{}", rookery_domain::id::encode(rookery_domain::id::decode(
                &format!("{:0>26}", bits % 8)).unwrap_or_default())).parse().unwrap());
            let (left, right) = (scope(left), scope(right));
            prop_assume!(left != right);
            let prefix = format!("{}#", left.tenant());
            prop_assert!(left.partition(&["app"]).item(&sort).partition().starts_with(&prefix));
            prop_assert!(!right.partition(&["app"]).item(&sort).partition().starts_with(&prefix));
        }
    }
}
