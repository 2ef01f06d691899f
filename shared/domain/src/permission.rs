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
    TenantRead = "tenant.read", "Read the tenant and its settings.";
    TenantUpdate = "tenant.update", "Change the tenant's name and settings.";
    QuotaRead = "quota.read", "Read the quotas of the tenant and its workspaces, and what is used of them.";
    OrganizationList = "organization.list", "List organizations.";
    OrganizationRead = "organization.read", "Read an organization.";
    OrganizationCreate = "organization.create", "Create an organization.";
    OrganizationUpdate = "organization.update", "Rename an organization.";
    OrganizationDelete = "organization.delete", "Delete an empty organization.";
    DivisionList = "division.list", "List the divisions of an organization.";
    DivisionRead = "division.read", "Read a division.";
    DivisionCreate = "division.create", "Create a division.";
    DivisionUpdate = "division.update", "Change a division's name and code.";
    DivisionMove = "division.move", "Move a division to another place in its organization.";
    DivisionDelete = "division.delete", "Delete an empty division.";
    WorkspaceList = "workspace.list", "List the workspaces of an organization.";
    WorkspaceRead = "workspace.read", "Read a workspace.";
    WorkspaceCreate = "workspace.create", "Create a workspace.";
    WorkspaceUpdate = "workspace.update", "Rename a workspace.";
    WorkspaceRetry = "workspace.retry", "Provision a workspace again that failed.";
    WorkspaceSuspend = "workspace.suspend", "Stop all changes in a workspace.";
    WorkspaceResume = "workspace.resume", "Let a suspended workspace be changed again.";
    WorkspaceDelete = "workspace.delete", "Delete an empty workspace.";
    ProjectList = "project.list", "List the projects of a workspace.";
    ProjectRead = "project.read", "Read a project.";
    ProjectCreate = "project.create", "Create a project.";
    ProjectUpdate = "project.update", "Rename a project.";
    ProjectMove = "project.move", "Move a project to another place in its workspace.";
    ProjectDelete = "project.delete", "Delete an empty project.";
    GroupList = "group.list", "List the groups of an organization.";
    GroupRead = "group.read", "Read a group and its members.";
    GroupCreate = "group.create", "Create a group.";
    GroupUpdate = "group.update", "Rename a group.";
    GroupMove = "group.move", "Move a group to another place in its organization's tree of groups.";
    GroupDelete = "group.delete", "Delete an empty group.";
    GroupMemberAdd = "group_member.add", "Add a member to a group.";
    GroupMemberRemove = "group_member.remove", "Remove a member from a group.";
    UserList = "user.list", "List and search people.";
    UserRead = "user.read", "Read a person's record.";
    UserCreate = "user.create", "Make a person without an invitation, as a directory does by SCIM.";
    UserUpdate = "user.update", "Change a person's record.";
    UserSuspend = "user.suspend", "Suspend a person.";
    UserResume = "user.resume", "Let a suspended person act again.";
    UserDelete = "user.delete", "Delete a person and erase the personal data.";
    UserImpersonate = "user.impersonate", "Act as a person who has no more rights, for an hour at the most; the person is told.";
    SessionList = "session.list", "List where a person is logged in.";
    SessionEnd = "session.end", "End a person's sessions.";
    UserMfaReset = "user.mfa_reset", "Take a person's second factor away, with a reason; the person is told.";
    IdentityProviderList = "identity_provider.list", "List the identity providers that people log in by.";
    IdentityProviderRead = "identity_provider.read", "Read an identity provider, never its secret.";
    IdentityProviderCreate = "identity_provider.create", "Let people log in by an identity provider.";
    IdentityProviderUpdate = "identity_provider.update", "Change an identity provider, and show whose its mail domains are.";
    IdentityProviderDelete = "identity_provider.delete", "Let nobody log in by an identity provider any more.";
    InvitationList = "invitation.list", "List invitations.";
    InvitationRead = "invitation.read", "Read an invitation.";
    InvitationCreate = "invitation.create", "Invite a person.";
    InvitationResend = "invitation.resend", "Send an invitation again.";
    InvitationCancel = "invitation.cancel", "Cancel an invitation.";
    RoleList = "role.list", "List roles.";
    RoleRead = "role.read", "Read a role.";
    RoleCreate = "role.create", "Create a role with no more than one's own rights.";
    RoleUpdate = "role.update", "Change a role of the tenant.";
    RoleDelete = "role.delete", "Delete a role of the tenant that nobody has.";
    BindingList = "binding.list", "List who has which role where.";
    BindingRead = "binding.read", "Read a binding.";
    BindingCreate = "binding.create", "Give somebody a role somewhere, with no more than one's own rights.";
    BindingDelete = "binding.delete", "Take a role away.";
    PermissionList = "permission.list", "List the catalogue of permissions.";
    AuthzCheck = "authz.check", "Ask what others may do, and why.";
    ApiKeyList = "api_key.list", "List API keys.";
    ApiKeyRead = "api_key.read", "Read an API key, never its secret.";
    ApiKeyCreate = "api_key.create", "Create an API key with no more than the creator's own rights.";
    ApiKeyUpdate = "api_key.update", "Rename an API key, narrow its scopes, or change where and until when it is good.";
    ApiKeyRotate = "api_key.rotate", "Give an API key a new secret.";
    ApiKeyRevoke = "api_key.revoke", "Revoke an API key.";
    OauthClientList = "oauth_client.list", "List the clients that people log in to.";
    OauthClientRead = "oauth_client.read", "Read a client, never its secret.";
    OauthClientCreate = "oauth_client.create", "Create a client with no more than one's own rights.";
    OauthClientUpdate = "oauth_client.update", "Change a client.";
    OauthClientRotate = "oauth_client.rotate", "Give a client a new secret.";
    OauthClientDelete = "oauth_client.delete", "Delete a client.";
    WorkloadTrustList = "workload_trust.list", "List whose builds get the rights of service keys.";
    WorkloadTrustRead = "workload_trust.read", "Read whose builds get the rights of a service key.";
    WorkloadTrustCreate = "workload_trust.create", "Let builds have the rights of a service key, within one's own.";
    WorkloadTrustUpdate = "workload_trust.update", "Change whose builds get the rights of a service key.";
    WorkloadTrustDelete = "workload_trust.delete", "Let builds have the rights of a service key no more.";
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
    PlatformTenantList = "platform_tenant.list", "List the tenants of the platform.";
    PlatformTenantRead = "platform_tenant.read", "Read a tenant of the platform.";
    PlatformTenantCreate = "platform_tenant.create", "Create a tenant.";
    PlatformTenantUpdate = "platform_tenant.update", "Change a tenant's plan and quotas.";
    PlatformTenantSuspend = "platform_tenant.suspend", "Stop everything of a tenant.";
    PlatformTenantResume = "platform_tenant.resume", "Let a suspended or closed tenant act again.";
    PlatformTenantClose = "platform_tenant.close", "Close a tenant, and erase it after a time of grace.";
}

impl Permission {
    /// The resource and the action that the name is made of.
    pub fn parts(self) -> (&'static str, &'static str) {
        self.as_str().split_once('.').unwrap_or((self.as_str(), ""))
    }

    /// Whether it is for those who operate the platform, and can be held in no tenant.
    pub fn is_of_the_platform(self) -> bool {
        self.as_str().starts_with("platform_")
    }
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
