//! Bounds how often secrets can be guessed: per account, whether it exists or not, and per network address. Whoever logged in from a
//! device before is counted by that device alone, so that strangers do not keep the owner of an account waiting.

use rookery_domain::attempt::{Patience, TooEarly};
use rookery_domain::event::Origin;
use rookery_domain::id::UserId;
use rookery_domain::known_device::DeviceToken;
use rookery_domain::text::Email;
use rookery_store::attempt::Counter;
use rookery_store::{TenantScope, Transaction, known_device};

use crate::limit::network;
use crate::{Context, Problem};

/// What guesses are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The password of an account.
    Password,
    /// Nothing is guessed, but a mail is asked for.
    Mail,
}

impl Secret {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Mail => "mail",
        }
    }
}

/// A guess, with the counters that it counts in.
#[derive(Debug, Clone)]
pub struct Guess {
    address: Option<Counter>,
    account: Counter,
}

impl Guess {
    /// A guess by whoever is at an address at a secret of an account: `tenant` is what the request calls the tenant, which need not exist.
    pub fn new(secret: Secret, tenant: &str, email: &Email, origin: &Origin) -> Self {
        let email = email.normalized();
        Self {
            address: Some(address(secret.as_str(), origin)),
            account: Counter::new(secret.as_str(), &[tenant, &email], Patience::ACCOUNT),
        }
    }

    /// A guess at a code of a person that is known by a password already.
    pub fn at_code(user: UserId) -> Self {
        Self { address: None, account: Counter::new("code", &[&user.to_string()], Patience::ACCOUNT) }
    }

    /// A guess at what clients show, by whoever is at an address. What clients show cannot be guessed: this bounds what trying costs others,
    /// and no client is kept waiting by it.
    pub fn at_client(origin: &Origin) -> Self {
        Self { address: None, account: address("client", origin) }
    }

    /// A guess at a passkey, by whoever is at an address. What passkeys sign cannot be guessed either.
    pub fn at_passkey(origin: &Origin) -> Self {
        Self { address: None, account: address("passkey", origin) }
    }

    /// The same guess from a device. If the account's owner logged in from it before, it is counted by itself.
    pub async fn from_device(
        self,
        context: &Context,
        scope: Option<&TenantScope>,
        token: Option<&DeviceToken>,
        email: &Email,
    ) -> Result<Self, Problem> {
        let (Some(scope), Some(token)) = (scope, token) else { return Ok(self) };
        if !known_device::is_known(context.table()?, scope, token, email, context.now()).await? {
            return Ok(self);
        }
        let digest = token.digest().to_string();
        Ok(Self { address: None, account: Counter::new("device", &[&digest], Patience::ACCOUNT) })
    }

    /// Counts the guess before it is looked at, or refuses it with 429.
    pub async fn count(&self, context: &Context) -> Result<(), Problem> {
        for counter in self.address.iter().chain([&self.account]) {
            if let Err(TooEarly { retry_after_s }) = counter.count(context.table()?, context.now()).await? {
                return Err(Problem::TooManyRequests { retry_after_s });
            }
        }
        Ok(())
    }

    /// Adds to a transaction that it was right: the account's tries are forgotten, and the address is not held to it.
    pub fn was_right(&self, transaction: &mut Transaction) {
        self.account.forget(transaction);
        if let Some(address) = &self.address {
            address.give_back(transaction);
        }
    }
}

fn address(kind: &str, origin: &Origin) -> Counter {
    let network = network(origin.address.as_deref().unwrap_or("unknown"));
    Counter::new(&format!("{kind}-from"), &[&network], Patience::ADDRESS)
}
