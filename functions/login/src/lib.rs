//! Logging in: sessions, second factors, and what people do with their own accounts.

pub mod me;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, Table, UsageQueue};

const NEEDS: &[rookery_store::Variable] = &[Table, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[Route { handler: "me", needs: NEEDS, kind: Kind::Http(me::router) }];
