//! Bounds what one network address may try where nobody has to say who they are.

use std::net::Ipv6Addr;

use rookery_domain::attempt::{Patience, TooEarly};
use rookery_domain::event::Origin;
use rookery_domain::hash::Sha256;
use rookery_store::attempt::Counter;
use rookery_store::{Partition, Variable};

use crate::{Context, Problem};

/// How often one address may try something in an hour, unless configured.
const TRIES_PER_HOUR: u64 = 10;
/// An hour and some minutes, in seconds: how long an address is counted.
const COUNTED_SECONDS: i64 = 3_900;

impl Context {
    /// Counts a try of an address, and refuses too many of them. `what` is the kind of item in the directory that counts.
    pub async fn limit_tries(&self, origin: &Origin, what: &str) -> Result<(), Problem> {
        let most = self
            .settings()
            .get(Variable::SignupsPerHour)
            .and_then(|text| text.parse().ok())
            .unwrap_or(TRIES_PER_HOUR);
        let now = self.now().as_second();
        let hour = now / 3600;
        let address = Sha256::of(network(origin.address.as_deref().unwrap_or("unknown")).as_bytes());
        let counter = Partition::directory(what, format_args!("{address}#{hour}")).only();
        let count = self.table()?.count(&counter, now + COUNTED_SECONDS).await?;
        if count > most {
            let retry_after_s = u64::try_from((hour + 1) * 3600 - now).unwrap_or(3600);
            return Err(Problem::TooManyRequests { retry_after_s });
        }
        Ok(())
    }

    /// Counts what an address does, and refuses with 429 what comes too soon once there was much of it. `what` is what is counted.
    pub async fn pace(&self, origin: &Origin, what: &str, patience: Patience) -> Result<(), Problem> {
        let network = network(origin.address.as_deref().unwrap_or("unknown"));
        let counter = Counter::new(what, &[&network], patience);
        match counter.count(self.table()?, self.now()).await? {
            Ok(()) => Ok(()),
            Err(TooEarly { retry_after_s }) => Err(Problem::TooManyRequests { retry_after_s }),
        }
    }
}

/// What stands for whoever has an address: of IPv6 the first 64 bits, for the rest is the network's own to choose.
pub(crate) fn network(address: &str) -> String {
    match address.parse::<Ipv6Addr>() {
        Ok(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        Err(_) => address.to_owned(),
    }
}
