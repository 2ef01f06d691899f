//! Logging in by other identity providers: which a tenant trusts, and the way there and back.

pub mod body;
mod browser;
pub mod callback;
mod choice;
pub mod finish;
mod join;
pub mod let_in;
pub mod provider;
pub mod providers;
pub mod start;
pub mod tenants;
mod upstream;
pub mod verify;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, DnsOverHttpsUrl, KmsKey, Table, UsageQueue};

const SEALS: &[rookery_store::Variable] = &[Table, KmsKey, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "identity-providers", needs: SEALS, kind: Kind::Http(providers::router) },
    Route { handler: "identity-provider", needs: SEALS, kind: Kind::Http(provider::router) },
    Route {
        handler: "identity-provider-verify",
        needs: &[Table, UsageQueue, AuthCacheSeconds, DnsOverHttpsUrl],
        kind: Kind::Http(verify::router),
    },
    Route { handler: "auth-tenants", needs: &[Table], kind: Kind::Http(tenants::router) },
    Route { handler: "federated-start", needs: &[Table], kind: Kind::Http(start::router) },
    Route { handler: "federated-callback", needs: SEALS, kind: Kind::Http(callback::router) },
    Route { handler: "federated-finish", needs: SEALS, kind: Kind::Http(finish::router) },
];
