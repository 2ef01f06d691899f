//! Usage: counting what tenants use, and telling them.

pub mod usage;
pub mod worker;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, Table, UsageQueue};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route {
        handler: "usage",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(usage::router),
    },
    Route { handler: "usage-worker", needs: &[Table], kind: Kind::Queue(worker::work) },
];
