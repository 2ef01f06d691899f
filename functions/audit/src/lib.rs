//! The audit trail: writing it from the events that arrive, and listing it.

pub mod events;
pub mod worker;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, Table, UsageQueue};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route {
        handler: "audit-events",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(events::router),
    },
    Route { handler: "audit-worker", needs: &[Table], kind: Kind::Queue(worker::work) },
];
