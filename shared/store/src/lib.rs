//! Everything that talks to DynamoDB, S3, KMS, SQS, EventBridge and SES.
//!
//! Tenancy is in the types: an item of a tenant is reached by a [`Key`] only, a key is made of a [`Partition`] only, and the
//! partitions of a tenant come from its [`TenantScope`] only, which nothing but authentication, founding a tenant, and an
//! event of that tenant can make.

pub mod access;
pub mod account;
pub mod app;
pub mod attempt;
pub mod audit;
mod aws;
pub mod binding;
pub mod bus;
pub mod channel;
pub mod clients;
pub mod consent;
pub mod credential;
pub mod device_grant;
pub mod directory;
pub mod division;
pub mod download;
pub mod erasure;
pub mod factor;
pub mod federation;
pub mod file;
pub mod group;
pub mod guard;
pub mod history;
pub mod idempotency;
pub mod identity_provider;
pub mod invitation;
mod key;
pub mod known_device;
pub mod link;
pub mod mail;
pub mod migration;
pub mod node;
pub mod notification;
pub mod oauth_client;
pub mod oauth_code;
pub mod object;
pub mod operator;
pub mod organization;
pub mod outbound;
pub mod package;
pub mod passkey;
pub mod pending_login;
pub mod project;
pub mod queue;
pub mod quota;
pub mod random;
mod record;
pub mod release;
pub mod replay;
pub mod report;
pub mod role;
pub mod seal;
pub mod secret;
pub mod serving;
pub mod session;
pub mod settings;
pub mod signing;
mod table;
pub mod tenant;
pub mod tenant_session;
pub mod token_key;
mod transaction;
pub mod usage;
pub mod user;
pub mod workload_trust;
pub mod workspace;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;

pub use aws::http_client;
pub use clients::Clients;
pub use key::{Key, Partition, TenantScope};
pub use record::Record;
pub use settings::{Settings, Variable};
pub use table::{Filter, Listed, Slice, Table};
pub use transaction::{Refusal, Transaction, unique};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition of a write did not hold: the caller's view was old, or a name is taken.
    #[error("a condition of the write did not hold: {0:?}")]
    Refused(Refusal),
    /// A service did not answer, or answered that it cannot now. Trying again later may help.
    #[error("{operation} failed")]
    Unavailable {
        /// Which call.
        operation: &'static str,
        /// What the SDK said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A service refused a call for what the call is: we ask wrongly, may not, or are set up wrongly. Trying again does not help.
    #[error("{operation} was rejected")]
    Rejected {
        /// Which call.
        operation: &'static str,
        /// What the SDK said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored cannot be read as what it should be.
    #[error("{what} cannot be read")]
    Corrupt {
        /// What was being read.
        what: &'static str,
        /// What the reader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The function did not declare that it needs a variable.
    #[error("the environment variable {0} is not declared by this function")]
    Undeclared(&'static str),
}

/// The codes with which services say that a call is at fault, not they.
const OUR_FAULT: [&str; 13] = [
    "AccessDenied",
    "AccessDeniedException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
    "NoSuchBucket",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "SerializationException",
    "ValidationException",
];

impl StoreError {
    /// A call of the SDK that failed.
    pub(crate) fn failed<E>(operation: &'static str, source: E) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let ours = source.code().is_some_and(|code| OUR_FAULT.contains(&code)) || is_trespass(&source);
        let source = Box::new(source);
        if ours { Self::Rejected { operation, source } } else { Self::Unavailable { operation, source } }
    }

    pub(crate) fn unavailable(
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { operation, source: source.into() }
    }

    /// Something stored that says what cannot be.
    pub fn corrupt(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt { what, source: source.into() }
    }
}

/// Whether the guard between tenants stopped a request.
fn is_trespass(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(<dyn std::error::Error>::is::<guard::Trespass>)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::query::QueryError;

    #[test]
    fn what_is_our_fault_is_not_called_unavailable() {
        for (code, ours) in [
            (Some("ValidationException"), true),
            (Some("AccessDeniedException"), true),
            (Some("ResourceNotFoundException"), true),
            (Some("ThrottlingException"), false),
            (Some("InternalServerError"), false),
            (Some("UnknownOperationException"), false),
            (None, false),
        ] {
            let metadata =
                code.map_or_else(ErrorMetadata::builder, |code| ErrorMetadata::builder().code(code));
            let error = StoreError::failed("Query", QueryError::generic(metadata.build()));
            assert_eq!(matches!(error, StoreError::Rejected { .. }), ours, "{code:?}");
        }
    }
}
