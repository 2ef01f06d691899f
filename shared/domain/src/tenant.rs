//! Tenants: the customers of the platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::Patch;
use crate::id::TenantId;
use crate::password::PasswordLength;
use crate::text::{Email, Name, Slug};

/// A customer of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: Name,
    /// Its name for URLs, unique on the platform.
    pub slug: Slug,
    /// What it chose for itself.
    pub settings: TenantSettings,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a tenant chooses for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct TenantSettings {
    /// Whom those who operate the platform write to when something about security concerns the tenant. Best the address of a
    /// team: what it was stays in the audit trail.
    pub security_contact: Option<Email>,
    /// Whether people of the tenant must log in with a second factor. It concerns logging in only; API keys work as before.
    pub require_second_factor: bool,
    /// How many characters a password must have that somebody chooses from now on: 8 to 64.
    #[schema(value_type = u8, minimum = 8, maximum = 64)]
    pub password_length: PasswordLength,
}

impl TenantSettings {
    /// The settings after a change. What no value was given for stays.
    #[must_use]
    pub fn changed(
        &self,
        security_contact: Patch<Email>,
        require_second_factor: Option<bool>,
        password_length: Option<PasswordLength>,
    ) -> Self {
        Self {
            security_contact: security_contact.apply(self.security_contact.clone()),
            require_second_factor: require_second_factor.unwrap_or(self.require_second_factor),
            password_length: password_length.unwrap_or(self.password_length),
        }
    }
}

impl Tenant {
    /// The tenant under another name and with other settings; a name of `None` keeps.
    #[must_use]
    pub fn changed(&self, name: Option<Name>, settings: TenantSettings, at: Timestamp) -> Self {
        let mut tenant = self.clone();
        tenant.name = name.unwrap_or(tenant.name);
        tenant.settings = settings;
        tenant.version += 1;
        tenant.updated_at = at;
        tenant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_mentioned_stays() {
        let contact: Email = "security@example.com".parse().unwrap();
        let set = TenantSettings::default().changed(Patch::Set(contact.clone()), None, None);
        assert_eq!(set, TenantSettings { security_contact: Some(contact), ..TenantSettings::default() });
        let both = set.changed(Patch::Keep, Some(true), None);
        assert_eq!(both, TenantSettings { require_second_factor: true, ..set });
        assert_eq!(both.changed(Patch::Clear, None, None).security_contact, None);
    }
}
