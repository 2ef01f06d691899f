//! Events: what happened, to what, by whom. Written in the transaction that makes it so; everything else follows from them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{EventId, TenantId, UserId};
use crate::permission::Permission;
use crate::text::ParseError;
use crate::usage::Meter;

/// What was done or tried: the name of the permission it took, or one of the constants for what takes none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Action(Cow<'static, str>);

impl Action {
    /// A tenant was founded by signing up.
    pub const TENANT_SIGN_UP: Self = Self(Cow::Borrowed("tenant.sign_up"));
    /// A tenant that was closed was erased, once its time of grace was over.
    pub const TENANT_ERASE: Self = Self(Cow::Borrowed("platform_tenant.erase"));
    /// A workspace has all that it needs.
    pub const WORKSPACE_ACTIVATE: Self = Self(Cow::Borrowed("workspace.activate"));
    /// A workspace could not be provisioned.
    pub const WORKSPACE_FAIL: Self = Self(Cow::Borrowed("workspace.fail"));
    /// What a deleted workspace had is gone, and so is the workspace.
    pub const WORKSPACE_ERASE: Self = Self(Cow::Borrowed("workspace.erase"));
    /// A revoked or expired API key was presented, with its right secret.
    pub const API_KEY_USE: Self = Self(Cow::Borrowed("api_key.use"));
    /// Somebody accepted an invitation, and is a person of the tenant from then on.
    pub const INVITATION_ACCEPT: Self = Self(Cow::Borrowed("invitation.accept"));
    /// Somebody asked for a link to choose another password.
    pub const PASSWORD_FORGOT: Self = Self(Cow::Borrowed("password.forgot"));
    /// Somebody chose another password by a link that was mailed.
    pub const PASSWORD_RESET: Self = Self(Cow::Borrowed("password.reset"));
    /// Somebody chose another password by the one before.
    pub const PASSWORD_CHANGE: Self = Self(Cow::Borrowed("password.change"));
    /// Somebody showed that a mail address is its own.
    pub const EMAIL_VERIFY: Self = Self(Cow::Borrowed("email.verify"));
    /// Somebody has an authenticator from now on.
    pub const MFA_ENROL: Self = Self(Cow::Borrowed("mfa.enrol"));
    /// Somebody removed its authenticator.
    pub const MFA_REMOVE: Self = Self(Cow::Borrowed("mfa.remove"));
    /// Somebody has other recovery codes from now on.
    pub const MFA_RECOVERY_CODES: Self = Self(Cow::Borrowed("mfa.recovery_codes"));
    /// Somebody has one more passkey from now on.
    pub const PASSKEY_REGISTER: Self = Self(Cow::Borrowed("passkey.register"));
    /// Somebody calls a passkey by another name.
    pub const PASSKEY_RENAME: Self = Self(Cow::Borrowed("passkey.rename"));
    /// Somebody has a passkey no more.
    pub const PASSKEY_REMOVE: Self = Self(Cow::Borrowed("passkey.remove"));
    /// Somebody used a second factor, or tried to.
    pub const MFA_USE: Self = Self(Cow::Borrowed("mfa.use"));

    /// Somebody logged in, or tried to.
    pub const SESSION_BEGIN: Self = Self(Cow::Borrowed("session.begin"));
    /// A session was used that had ended, or a refresh token a second time.
    pub const SESSION_USE: Self = Self(Cow::Borrowed("session.use"));
    /// Somebody came for the first time by an identity provider, and is a person of the tenant from then on.
    pub const USER_PROVISION: Self = Self(Cow::Borrowed("user.provision"));
    /// What an identity provider calls somebody was joined to an account.
    pub const IDENTITY_LINK: Self = Self(Cow::Borrowed("identity.link"));
    /// Somebody changed its own record.
    pub const ME_UPDATE: Self = Self(Cow::Borrowed("me.update"));

    /// A client was let in to somebody's account, or asked to be in a way that it may not.
    pub const OAUTH_AUTHORIZE: Self = Self(Cow::Borrowed("oauth.authorize"));
    /// A client asked for tokens.
    pub const OAUTH_TOKEN: Self = Self(Cow::Borrowed("oauth.token"));
    /// Somebody let a client do something.
    pub const OAUTH_CONSENT: Self = Self(Cow::Borrowed("oauth.consent"));
    /// Somebody took back what it had let a client do.
    pub const OAUTH_WITHDRAW: Self = Self(Cow::Borrowed("oauth.withdraw"));
    /// A client wanted somebody who logs out to be sent where it may not.
    pub const OAUTH_LOGOUT: Self = Self(Cow::Borrowed("oauth.logout"));

    /// A workload showed a token of its own for one of the platform's.
    pub const WORKLOAD_EXCHANGE: Self = Self(Cow::Borrowed("workload_trust.exchange"));

    /// What takes no permission.
    const WITHOUT_PERMISSION: [Self; 29] = [
        Self::USER_PROVISION,
        Self::IDENTITY_LINK,
        Self::PASSWORD_FORGOT,
        Self::PASSWORD_RESET,
        Self::PASSWORD_CHANGE,
        Self::EMAIL_VERIFY,
        Self::MFA_ENROL,
        Self::MFA_REMOVE,
        Self::MFA_RECOVERY_CODES,
        Self::MFA_USE,
        Self::PASSKEY_REGISTER,
        Self::PASSKEY_RENAME,
        Self::PASSKEY_REMOVE,
        Self::WORKLOAD_EXCHANGE,
        Self::OAUTH_AUTHORIZE,
        Self::OAUTH_TOKEN,
        Self::OAUTH_CONSENT,
        Self::OAUTH_WITHDRAW,
        Self::OAUTH_LOGOUT,
        Self::TENANT_SIGN_UP,
        Self::TENANT_ERASE,
        Self::INVITATION_ACCEPT,
        Self::WORKSPACE_ACTIVATE,
        Self::WORKSPACE_FAIL,
        Self::WORKSPACE_ERASE,
        Self::API_KEY_USE,
        Self::SESSION_BEGIN,
        Self::SESSION_USE,
        Self::ME_UPDATE,
    ];

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Knows the actions of today. Events are read with any, for they may be of an earlier release.
impl FromStr for Action {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let special = Self::WITHOUT_PERMISSION.into_iter().find(|action| action.as_str() == text);
        let of_permission = || text.parse::<Permission>().ok().map(Self::from);
        special.or_else(of_permission).ok_or(ParseError::new("is not an action"))
    }
}

impl From<Permission> for Action {
    fn from(permission: Permission) -> Self {
        Self(Cow::Borrowed(permission.as_str()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Resource {
    /// The kind, such as `release`.
    pub kind: Cow<'static, str>,
    /// Its id; the path that was asked for where an attempt was denied before anything was loaded.
    pub id: String,
}

impl Resource {
    /// Names a resource.
    pub fn new(kind: &'static str, id: impl fmt::Display) -> Self {
        Self { kind: Cow::Borrowed(kind), id: id.to_string() }
    }
}

/// What kind of principal acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An API key.
    ApiKey,
    /// A person.
    User,
    /// Somebody who operates the platform.
    Operator,
    /// The platform itself.
    System,
    /// Somebody who did not prove who it is.
    Unknown,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Actor {
    /// The kind of principal.
    pub kind: ActorKind,
    /// Its id.
    pub id: String,
    /// The person who acted in its place, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator: Option<UserId>,
}

impl Actor {
    /// Who acts by itself.
    pub fn new(kind: ActorKind, id: impl fmt::Display) -> Self {
        Self { kind, id: id.to_string(), impersonator: None }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Origin {
    /// The caller's network address, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The caller's user agent, cut to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The request's id, as answered in `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The W3C trace context that the request came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was allowed and done.
    Allowed,
    /// It was refused for want of a right.
    Denied,
}

/// Why an attempt was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// No binding gives the right, here or above.
    NoBinding,
    /// A binding would give it, but its time has not come or is over.
    OutOfTime,
    /// A binding would give it, but its condition does not hold.
    Condition,
    /// The owner may, but the key's scopes do not hold the right.
    KeyScope,
    /// The key was revoked.
    KeyRevoked,
    /// The key has expired.
    KeyExpired,
    /// The key may not be used from this address.
    KeyAddress,
    /// The principal is suspended.
    Suspended,
    /// The tenant is suspended or closed.
    TenantSuspended,
    /// Nobody of the tenant who may act has the mail address.
    UnknownPerson,
    /// The code is wrong, or was used.
    WrongCode,
    /// The right would have been handed on by somebody who does not have it for as long.
    BeyondOwnRights,
    /// There is no such person, or the password is another.
    WrongPassword,
    /// What a browser says of a passkey is not to be believed: another challenge, origin, key, or form.
    WrongPasskey,
    /// The counter of a passkey did not go on: somebody may have a copy of it.
    PasskeyCounter,
    /// The session has ended.
    SessionEnded,
    /// A refresh token of before was presented, and the session ended for it.
    TokenReused,
    /// It is not for somebody who acts in another's place.
    Impersonated,
    /// A client asked for something that it is not registered for, or in a way that is not the protocol's.
    BadRequest,
    /// A client wanted people to be sent to an address that it has not registered.
    RedirectUri,
    /// The secret of a client is another, or none was shown.
    WrongClient,
    /// The client that the token was given to, or the trust by which a workload got it, is there no more.
    ClientGone,
    /// What a client wanted tokens for is not good, or not its own.
    WrongGrant,
    /// A token that a workload showed is good, and says something else than it has to.
    ConditionUnmet,
    /// A code was presented again, and what was made of it ended.
    CodeReused,
    /// The person did not let the client.
    ConsentRefused,
    /// The login by an identity provider was begun in another browser, long ago, or was used before.
    ProviderState,
    /// The identity provider did not let the person in, or could not be asked.
    ProviderAnswer,
    /// What the identity provider signed is not to be believed.
    ProviderToken,
    /// The identity provider does not vouch for a mail address of a domain that is its to vouch for.
    ProviderMail,
    /// Nobody is linked, and nobody new is made.
    ProviderUnknownPerson,
}

/// One field before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// The field's name in the resource's representation.
    pub field: String,
    /// Its value before; absent when the resource was made.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    /// Its value after; absent when the resource was deleted.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
}

/// Fields that change with every write and would say nothing in a list of changes.
const BOOKKEEPING: [&str; 3] = ["version", "updated_at", "history"];

/// The fields that differ between two representations of a resource. Representations never hold a secret, so neither does
/// this.
pub fn changes(before: &impl Serialize, after: &impl Serialize) -> Vec<Change> {
    let fields = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::Object(map)) => map.into_iter().collect::<BTreeMap<_, _>>(),
        _ => BTreeMap::new(),
    };
    let mut before = fields(serde_json::to_value(before));
    let after = fields(serde_json::to_value(after));
    let mut changes = Vec::new();
    for (field, after) in after {
        let before = before.remove(&field).unwrap_or_default();
        if before != after && !BOOKKEEPING.contains(&field.as_str()) {
            changes.push(Change { field, before, after });
        }
    }
    for (field, before) in before {
        if !before.is_null() && !BOOKKEEPING.contains(&field.as_str()) {
            changes.push(Change { field, before, after: Value::Null });
        }
    }
    changes
}

/// Something that happened. Immutable; unique by `id`; ordered within a resource by `version`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The event's own id, made when it happened.
    pub id: EventId,
    /// Whose event it is.
    pub tenant: TenantId,
    /// What was done or tried.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// The resource's version after it; 1 for a denied attempt, 0 for a use that changed nothing.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// Done, or denied.
    pub outcome: Outcome,
    /// Why it was denied. The caller is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenialReason>,
    /// What it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What it used, for billing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<Meter, u64>,
}

/// The kind of resource that a tenant is to those who operate the platform.
pub const ACCOUNT: &str = "platform_tenant";

impl Event {
    /// The aggregate whose history the event belongs to. What changes no resource, a denied attempt or a mere use, is a
    /// history of its own. What operators do to a tenant is another history than what the tenant does to itself, with versions of
    /// its own.
    pub fn aggregate(&self) -> String {
        match self.outcome {
            Outcome::Allowed if self.resource.kind == ACCOUNT => format!("{ACCOUNT}-{}", self.resource.id),
            Outcome::Allowed if self.version > 0 => self.resource.id.clone(),
            Outcome::Allowed | Outcome::Denied => self.id.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_name_what_differs_and_nothing_else() {
        let before = json!({"name": "a", "same": 1, "gone": true, "version": 1});
        let after = json!({"name": "b", "same": 1, "new": [1], "version": 2});
        let found = changes(&before, &after);
        let names: Vec<&str> = found.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(names, ["name", "new", "gone"]);
        assert_eq!(found[0], Change { field: "name".into(), before: json!("a"), after: json!("b") });
        assert!(changes(&before, &before).is_empty());
    }

    #[test]
    fn actions_are_known_by_name() {
        for action in Action::WITHOUT_PERMISSION.into_iter().chain([Permission::ReleaseRamp.into()]) {
            assert_eq!(action.as_str().parse(), Ok(action));
        }
        assert!("release.explode".parse::<Action>().is_err());
        assert!("".parse::<Action>().is_err());
    }

    #[test]
    fn making_and_deleting_show_every_field() {
        let body = json!({"name": "a", "size": 1});
        assert_eq!(changes(&Value::Null, &body).len(), 2);
        assert_eq!(changes(&body, &Value::Null).len(), 2);
    }
}
