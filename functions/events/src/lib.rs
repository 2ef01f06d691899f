//! Events: passing what the table's stream tells on to the bus.

mod record;
pub mod relay;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{EventBus, RelayFailures};

/// The functions of this area.
pub const ROUTES: &[Route] =
    &[Route { handler: "relay", needs: &[EventBus, RelayFailures], kind: Kind::Other(relay::relay) }];
