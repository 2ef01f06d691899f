//! What a function works with: its clients, and where time, ids and randomness come from.

use std::sync::Arc;

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use jiff::Timestamp;
use rookery_domain::id::Id;
use rookery_store::seal::{KeyCache, Sealer};
use rookery_store::{Clients, Settings, StoreError, Table, TenantScope, guard, random};

use crate::access::AccessCache;
use crate::auth::{CredentialCache, SessionCache, cache_time};
use crate::backing::BackingCache;
use crate::meter::Meter;
use crate::token::KeyRing;
use crate::upstream::Upstreams;

/// Fills a buffer with random bytes.
pub type Fill = Box<dyn Fn(&mut [u8]) + Send + Sync>;

/// What a context takes from outside: time, randomness, and who else looks at what is asked of the table. Tests bring their own.
pub struct Sources {
    /// The current time.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Fills a buffer with random bytes.
    pub fill: Fill,
    /// Sees every request to the table, and may refuse it.
    pub observer: Option<SharedInterceptor>,
}

impl Sources {
    /// The system's clock and generator.
    pub fn system() -> Self {
        Self { now: Box::new(Timestamp::now), fill: Box::new(random::fill), observer: None }
    }
}

/// What a function works with. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    clients: Clients,
    sources: Sources,
    keys: KeyCache,
    credentials: CredentialCache,
    sessions: SessionCache,
    backings: BackingCache,
    key_ring: KeyRing,
    upstreams: Upstreams,
    access: AccessCache,
    meter: Meter,
}

impl Context {
    /// A context over these settings. Does no IO.
    pub fn new(settings: Settings, sources: Sources) -> Self {
        let kept = cache_time(&settings);
        let clients = Clients::new(settings);
        let clients = match &sources.observer {
            Some(observer) => clients.observed(observer.clone()),
            None => clients,
        };
        Self(Arc::new(Inner {
            clients,
            sources,
            keys: KeyCache::default(),
            credentials: CredentialCache::new(kept),
            sessions: SessionCache::new(kept),
            backings: BackingCache::new(kept),
            key_ring: KeyRing::default(),
            upstreams: Upstreams::default(),
            access: AccessCache::new(kept),
            meter: Meter::default(),
        }))
    }

    /// The clients.
    pub fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        self.0.clients.settings()
    }

    /// The table.
    pub fn table(&self) -> Result<&Table, StoreError> {
        self.0.clients.table()
    }

    /// Binds the request that is being worked on to a tenant: from here on it reaches nothing of another. Where the function has a role
    /// for tenants, the table is asked with credentials for this tenant alone.
    pub fn bind(&self, scope: &TenantScope) {
        guard::bind_with(scope, self.clients().sessions());
    }

    /// Seals and opens values.
    pub fn sealer(&self) -> Sealer<'_> {
        Sealer::new(&self.0.clients, &self.0.keys)
    }

    /// Counts what tenants use.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    pub(crate) fn credentials(&self) -> &CredentialCache {
        &self.0.credentials
    }

    pub(crate) fn sessions(&self) -> &SessionCache {
        &self.0.sessions
    }

    pub(crate) fn backings(&self) -> &BackingCache {
        &self.0.backings
    }

    pub(crate) fn key_ring(&self) -> &KeyRing {
        &self.0.key_ring
    }

    pub(crate) fn upstreams(&self) -> &Upstreams {
        &self.0.upstreams
    }

    pub(crate) fn access_cache(&self) -> &AccessCache {
        &self.0.access
    }

    /// The current time, to the millisecond, as it is written everywhere.
    pub fn now(&self) -> Timestamp {
        let now = (self.0.sources.now)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// A fresh identifier.
    pub fn new_id<I: Id>(&self) -> I {
        I::from_uuid(self.new_uuid())
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0.sources.fill)(&mut bytes);
        bytes
    }

    /// A `UUIDv7` (RFC 9562, section 5.7). The twelve bits behind the milliseconds carry their fraction (section 6.2, method
    /// 3), so that what one process makes sorts in the order of its making.
    fn new_uuid(&self) -> uuid::Uuid {
        let now = (self.0.sources.now)();
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let below = u64::try_from(now.subsec_nanosecond()).unwrap_or_default() % 1_000_000;
        let fraction = u128::from(below * 4096 / 1_000_000);
        let random = u128::from(u64::from_be_bytes(self.random::<8>()));
        let bits =
            u128::from(milliseconds) << 80 | 0x7_u128 << 76 | fraction << 64 | 0x2_u128 << 62 | random >> 2;
        uuid::Uuid::from_u128(bits)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}
