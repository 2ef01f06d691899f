//! The functions' configuration: environment variables, read once at start.

use std::collections::BTreeMap;

macro_rules! variables {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// An environment variable that functions may need.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Variable {$(
            $(#[$doc])*
            $name,
        )*}

        impl Variable {
            /// Every variable.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in the environment.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text,)*}
            }
        }
    };
}

variables! {
    /// Name of the table.
    Table = "TABLE_NAME";
    /// The role that the function takes on for one tenant at a time; where it is missing, the function uses its own rights.
    TenantRole = "TENANT_ROLE_ARN";
    /// Name of the bucket that holds files.
    Bucket = "PACKAGE_BUCKET";
    /// Id or ARN of the platform's KMS key.
    KmsKey = "KMS_KEY_ID";
    /// Name of the event bus.
    EventBus = "EVENT_BUS_NAME";
    /// Queue of device reports.
    ReportsQueue = "REPORTS_QUEUE_URL";
    /// Queue of what the relay could not pass on.
    RelayFailures = "RELAY_FAILURES_URL";
    /// Queue of usage.
    UsageQueue = "USAGE_QUEUE_URL";
    /// Who may sign up: `open`, `code` or `closed`.
    SignupMode = "SIGNUP_MODE";
    /// SHA-256, in hex, of the operator's code that signing up takes in the mode `code`.
    SignupCode = "SIGNUP_CODE_SHA256";
    /// How many tenants one address may found in an hour.
    SignupsPerHour = "SIGNUPS_PER_HOUR";
    /// For how many days a tenant that is closed can still be resumed.
    TenantGraceDays = "TENANT_GRACE_DAYS";
    /// Base of the links that answers carry; where empty, the domain that the request came to.
    PublicBaseUrl = "PUBLIC_BASE_URL";
    /// Base of the URLs of the platform as people and programs know it, by which its tokens name it; where empty, the domain that the
    /// request came to.
    PublicUrl = "PUBLIC_URL";
    /// `allowed` where identity providers may be on this very machine and asked without TLS: for trying, never where others have access.
    LoopbackProviders = "LOOPBACK_PROVIDERS";
    /// Where names are looked up by DNS over HTTPS, in the JSON form: text records show whose a mail domain is.
    DnsOverHttpsUrl = "DNS_OVER_HTTPS_URL";
    /// The address that mails come from.
    MailFrom = "MAIL_FROM";
    /// Where the links of invitations lead.
    InvitationUrl = "INVITATION_URL";
    /// Where the links lead that are mailed to those who forgot their password.
    PasswordResetUrl = "PASSWORD_RESET_URL";
    /// Where the links lead that are mailed to verify an address.
    EmailVerifyUrl = "EMAIL_VERIFY_URL";
    /// For how many seconds a device function may answer from memory.
    ServingCacheSeconds = "SERVING_CACHE_SECONDS";
    /// For how many seconds an authenticated key may be taken from memory.
    AuthCacheSeconds = "AUTH_CACHE_SECONDS";
    /// The region, which the runtime sets.
    Region = "AWS_REGION";
    /// Another endpoint than AWS's own for every service.
    Endpoint = "AWS_ENDPOINT_URL";
    /// Id of the access key of the function's role, which the runtime sets.
    AccessKeyId = "AWS_ACCESS_KEY_ID";
    /// The secret of that access key.
    SecretAccessKey = "AWS_SECRET_ACCESS_KEY";
    /// The session that the access key belongs to.
    SessionToken = "AWS_SESSION_TOKEN";
}

/// A variable that is needed and missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is missing or empty")]
pub struct MissingVariable(pub &'static str);

/// The variables that are set.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<Variable, String>);

impl std::fmt::Debug for Settings {
    /// Credentials are among the values, so only the names are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys().map(|variable| variable.as_str())).finish()
    }
}

impl Settings {
    /// Reads the environment, and fails on the first variable that the function needs and does not have.
    pub fn from_environment(needed: &[Variable]) -> Result<Self, MissingVariable> {
        Self::read(|name| std::env::var(name).ok(), needed)
    }

    /// As [`Settings::from_environment`], from anywhere.
    pub fn read(
        look_up: impl Fn(&str) -> Option<String>,
        needed: &[Variable],
    ) -> Result<Self, MissingVariable> {
        let set: BTreeMap<Variable, String> = Variable::ALL
            .iter()
            .filter_map(|variable| Some((*variable, look_up(variable.as_str())?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        match needed.iter().find(|variable| !set.contains_key(variable)) {
            Some(missing) => Err(MissingVariable(missing.as_str())),
            None => Ok(Self(set)),
        }
    }

    /// The value of a variable, if it is set and not empty.
    pub fn get(&self, variable: Variable) -> Option<&str> {
        self.0.get(&variable).map(String::as_str)
    }

    /// The value of a variable that the function declared as needed.
    pub fn needed(&self, variable: Variable) -> Result<&str, crate::StoreError> {
        self.get(variable).ok_or(crate::StoreError::Undeclared(variable.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let environment = |name: &str| match name {
            "TABLE_NAME" => Some("rookery".to_owned()),
            "PACKAGE_BUCKET" => Some(String::new()),
            _ => None,
        };
        let read = |needed: &[Variable]| Settings::read(environment, needed).map(|_| ());
        assert_eq!(read(&[Variable::Table]), Ok(()));
        assert_eq!(read(&[Variable::Table, Variable::Bucket]), Err(MissingVariable("PACKAGE_BUCKET")));
        assert_eq!(read(&[Variable::EventBus]), Err(MissingVariable("EVENT_BUS_NAME")));
    }
}
