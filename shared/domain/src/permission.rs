//! What may be done on the platform: one permission per thing that a route does.

use std::fmt;
use std::str::FromStr;

use crate::text::ParseError;

/// A right as a type, so that a handler's signature says what its caller must hold.
pub trait Right: Send + Sync + 'static {
    /// The permission behind the type.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($name:ident = $text:literal, $doc:literal;)*) => {
        /// A permission, `resource.action` on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {$(
            #[doc = $doc]
            $name,
        )*}

        impl Permission {
            /// Every permission, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text,)*}
            }

            /// What holding it allows, in one sentence.
            pub const fn describe(self) -> &'static str {
                match self {$(Self::$name => $doc,)*}
            }
        }

        impl FromStr for Permission {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => Err(ParseError::new("is not a permission")),
                }
            }
        }

        /// The permissions as types, for signatures.
        pub mod right {
            use super::{Permission, Right};
            $(
                #[doc = $doc]
                #[derive(Debug, Clone, Copy)]
                pub struct $name;

                impl Right for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
            )*
        }
    };
}

permissions! {
    ApiKeyList = "api_key.list", "List the tenant's API keys.";
    ApiKeyRead = "api_key.read", "Read one API key, never its secret.";
    ApiKeyCreate = "api_key.create", "Create an API key with no more than the creator's own rights.";
    ApiKeyRevoke = "api_key.revoke", "Revoke an API key.";
    OrganizationList = "organization.list", "List organizations.";
    OrganizationRead = "organization.read", "Read an organization.";
    OrganizationCreate = "organization.create", "Create an organization.";
    OrganizationUpdate = "organization.update", "Rename an organization.";
    OrganizationDelete = "organization.delete", "Delete an empty organization.";
    AppList = "app.list", "List applications.";
    AppRead = "app.read", "Read an application and its public keys.";
    AppCreate = "app.create", "Create an application.";
    AppUpdate = "app.update", "Change an application's name and platforms.";
    AppDelete = "app.delete", "Delete an application that has no releases.";
    PackageList = "package.list", "List an application's packages.";
    PackageRead = "package.read", "Read a package and its manifest.";
    PackageCreate = "package.create", "Upload files and create packages.";
    SecretList = "secret.list", "List the names of an application's secrets.";
    SecretRead = "secret.read", "Read a secret's versions, never its value.";
    SecretCreate = "secret.create", "Create a secret.";
    SecretRotate = "secret.rotate", "Give a secret a new value.";
    SecretUse = "secret.use", "Ask whether a value is a secret's current one.";
    SecretDelete = "secret.delete", "Delete a secret with all its versions.";
    ChannelList = "channel.list", "List an application's channels.";
    ChannelCreate = "channel.create", "Create a channel.";
    ReleaseList = "release.list", "List an application's releases.";
    ReleaseRead = "release.read", "Read a release, its history and its adoption.";
    ReleaseCreate = "release.create", "Offer a package on a channel.";
    ReleaseRamp = "release.ramp", "Change the share of devices that a release is offered to.";
    ReleasePause = "release.pause", "Stop offering a release to further devices.";
    ReleaseResume = "release.resume", "Offer a paused release again.";
    ReleaseConclude = "release.conclude", "Make a release what every device of its channel gets.";
    ReleaseRollback = "release.rollback", "Replace a release by an earlier one.";
    AuditRead = "audit.read", "Read what happened in the tenant.";
    UsageRead = "usage.read", "Read what the tenant used.";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::text::text_type!(Permission, format = r"^[a-z_]+\.[a-z_]+$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
        }
        assert!("release.*".parse::<Permission>().is_err());
    }
}
