//! Roles: named sets of permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::id::{RoleId, TenantId};
use crate::permission::Permission;
use crate::text::{Name, ParseError};

/// A role that every tenant has, and that nobody can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Predefined {
    /// Everything in the tenant.
    Owner,
    /// Everything but what concerns the tenant as a whole.
    Admin,
    /// Everything that brings software to devices.
    ReleaseManager,
    /// Builds: packages, secrets, and looking at the rest.
    Developer,
    /// Reads everything, the audit trail included.
    Auditor,
    /// Reads everything but the audit trail and where people are logged in.
    Viewer,
}

impl Predefined {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Admin, Self::ReleaseManager, Self::Developer, Self::Auditor, Self::Viewer];

    /// The role's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::ReleaseManager => "release_manager",
            Self::Developer => "developer",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// What the role is for, in one sentence.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Owner => "Everything in the tenant.",
            Self::Admin => "Everything but changing the tenant itself.",
            Self::ReleaseManager => "Everything that brings software to devices, and looking at the rest.",
            Self::Developer => "Applications, packages and secrets, and looking at the rest.",
            Self::Auditor => "Looking at everything, the audit trail included.",
            Self::Viewer => "Looking at everything but the audit trail and where people are logged in.",
        }
    }

    /// Whether the role holds a permission.
    pub fn holds(self, permission: Permission) -> bool {
        let (resource, action) = permission.parts();
        let looks = matches!(action, "list" | "read");
        let ships = matches!(resource, "app" | "package" | "channel" | "release");
        match self {
            _ if permission.is_of_the_platform() => false,
            Self::Owner => true,
            Self::Admin => permission != Permission::TenantUpdate,
            Self::ReleaseManager => {
                Self::Viewer.holds(permission) || ships || permission == Permission::SecretUse
            }
            Self::Developer => {
                Self::Viewer.holds(permission)
                    || resource == "package"
                    || resource == "secret" && permission != Permission::SecretDelete
                    || matches!(permission, Permission::AppCreate | Permission::AppUpdate)
            }
            Self::Auditor => looks,
            // Where people are logged in is for those who keep the tenant safe.
            Self::Viewer => looks && !matches!(resource, "audit" | "session"),
        }
    }

    /// Everything that the role holds.
    pub fn permissions(self) -> BTreeSet<Permission> {
        Permission::ALL.iter().copied().filter(|permission| self.holds(*permission)).collect()
    }
}

/// What everybody may do with what is their own: the keys below them, their sessions, and their own record.
pub fn is_for_oneself(permission: Permission) -> bool {
    let (resource, _) = permission.parts();
    matches!(resource, "api_key" | "session") || permission == Permission::UserRead
}

/// Names a role: one of everybody's, or one of the tenant's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleRef {
    /// A role that every tenant has.
    Predefined(Predefined),
    /// A role of the tenant.
    Custom(RoleId),
}

impl RoleRef {
    /// Everything that the role holds, given what the tenant's own roles hold; nothing if it is one that no longer exists.
    pub fn permissions(self, own: &BTreeMap<RoleId, BTreeSet<Permission>>) -> BTreeSet<Permission> {
        match self {
            Self::Predefined(role) => role.permissions(),
            Self::Custom(id) => own.get(&id).cloned().unwrap_or_default(),
        }
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Predefined(role) => f.write_str(role.as_str()),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

impl FromStr for RoleRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(role) = Predefined::ALL.into_iter().find(|role| role.as_str() == text) {
            return Ok(Self::Predefined(role));
        }
        text.parse().map(Self::Custom).map_err(|_| {
            ParseError::new("is neither a predefined role nor the id of one of the tenant's own")
        })
    }
}

crate::text::text_type!(RoleRef, format = r"^([a-z_]+|rol_[0-7][0-9a-hjkmnp-tv-z]{25})$");

/// A role that a tenant made for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its name, unique within the tenant and unlike any predefined one.
    pub name: Name,
    /// What it holds; at least one.
    pub permissions: BTreeSet<Permission>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Role {
    /// A new role.
    pub fn new(
        id: RoleId,
        tenant: TenantId,
        name: Name,
        permissions: BTreeSet<Permission>,
        now: Timestamp,
    ) -> Self {
        Self { id, tenant, name, permissions, version: 1, created_at: now, updated_at: now }
    }

    /// The role with another name or other permissions.
    #[must_use]
    pub fn changed(
        &self,
        name: Option<Name>,
        permissions: Option<BTreeSet<Permission>>,
        now: Timestamp,
    ) -> Self {
        Self {
            name: name.unwrap_or_else(|| self.name.clone()),
            permissions: permissions.unwrap_or_else(|| self.permissions.clone()),
            version: self.version + 1,
            updated_at: now,
            ..self.clone()
        }
    }
}

/// Refuses a name that a predefined role has, whatever its case.
pub fn own_name(name: Name) -> Result<Name, ParseError> {
    if Predefined::ALL.iter().any(|role| role.as_str() == name.normalized().replace([' ', '-'], "_")) {
        return Err(ParseError::new("is the name of a predefined role"));
    }
    Ok(name)
}

/// Reads a set of permissions, each by its name: there are no wildcards, so that a role holds what it shows. An error gives the
/// positions of all entries that are none, or that no tenant can give.
pub fn permissions<S: AsRef<str>>(texts: &[S]) -> Result<BTreeSet<Permission>, Vec<(usize, ParseError)>> {
    let (mut held, mut faults) = (BTreeSet::new(), Vec::new());
    for (at, text) in texts.iter().enumerate() {
        match text.as_ref().parse::<Permission>() {
            Ok(permission) if permission.is_of_the_platform() => {
                faults.push((at, ParseError::new("belongs to those who operate the platform")));
            }
            Ok(permission) => {
                held.insert(permission);
            }
            Err(fault) => faults.push((at, fault)),
        }
    }
    if faults.is_empty() { Ok(held) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for role in Predefined::ALL {
            assert_eq!(role.as_str().parse(), Ok(RoleRef::Predefined(role)));
        }
        assert!("pilot".parse::<RoleRef>().is_err());
        assert!("Owner".parse::<RoleRef>().is_err());
    }

    #[test]
    fn roles_hold_what_they_say() {
        assert!(Predefined::Owner.holds(Permission::TenantUpdate));
        assert!(!Predefined::Admin.holds(Permission::TenantUpdate));
        assert!(Predefined::Admin.holds(Permission::BindingCreate));
        assert!(Predefined::ReleaseManager.holds(Permission::ReleaseRamp));
        assert!(!Predefined::ReleaseManager.holds(Permission::BindingCreate));
        assert!(Predefined::Developer.holds(Permission::PackageCreate));
        assert!(!Predefined::Developer.holds(Permission::ReleaseRamp));
        assert!(Predefined::Auditor.holds(Permission::AuditRead));
        assert!(!Predefined::Viewer.holds(Permission::AuditRead));
        assert!(!Predefined::Viewer.holds(Permission::AppCreate));
        for role in Predefined::ALL {
            assert!(!role.permissions().iter().any(|permission| permission.is_of_the_platform()));
        }
    }

    #[test]
    fn a_predefined_name_is_taken_in_every_spelling() {
        for name in ["owner", "OWNER", "Release Manager", "release-manager", "ｏｗｎｅｒ"] {
            assert!(own_name(name.parse().unwrap()).is_err(), "{name}");
        }
        assert!(own_name("pilot".parse().unwrap()).is_ok());
    }

    #[test]
    fn wildcards_and_the_platforms_permissions_are_refused() {
        let faults = permissions(&["release.ramp", "release.*", "*", "platform_tenant.suspend"]).unwrap_err();
        assert_eq!(faults.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
