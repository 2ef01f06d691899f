//! Everything that talks to DynamoDB, S3, KMS, SQS and EventBridge.
//!
//! Tenancy is in the types: an item of a tenant is reached by a [`Key`] only, a key is made of a [`Partition`] only, and the
//! partitions of a tenant come from its [`TenantScope`] only, which nothing but authentication, founding a tenant, and an
//! event of that tenant can make.

pub mod app;
pub mod audit;
mod aws;
pub mod bus;
pub mod channel;
pub mod clients;
pub mod credential;
pub mod file;
pub mod history;
pub mod idempotency;
mod key;
pub mod object;
pub mod organization;
pub mod package;
pub mod queue;
pub mod random;
mod record;
pub mod release;
pub mod replay;
pub mod report;
pub mod seal;
pub mod secret;
pub mod serving;
pub mod settings;
pub mod signing;
mod table;
pub mod tenant;
mod transaction;
pub mod usage;

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

impl StoreError {
    pub(crate) fn unavailable(
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { operation, source: source.into() }
    }

    pub(crate) fn corrupt(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Corrupt { what, source: source.into() }
    }
}
