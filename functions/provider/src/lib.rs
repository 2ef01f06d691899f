//! The platform as a provider of identities: clients, what they ask for and what they get, and the keys for tokens.

pub mod authorize;
pub mod body;
mod browser;
mod client;
pub mod device;
pub mod device_authorization;
pub mod discovery;
mod exchange;
pub mod failure;
mod form;
mod grant;
mod id_token;
pub mod interaction;
pub mod introspect;
pub mod jwks;
pub mod logout;
pub mod oauth_client;
pub mod oauth_client_rotate;
pub mod oauth_clients;
mod page;
mod person;
pub mod revoke;
pub mod rotator;
pub mod token;
pub mod userinfo;
mod visit;
mod words;
pub mod workload_trust;
pub mod workload_trusts;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, KmsKey, Table, UsageQueue};

const NEEDS: &[rookery_store::Variable] = &[Table, UsageQueue, AuthCacheSeconds];
/// What routes need that keep answers which hold a secret, or make tokens.
const SEALS: &[rookery_store::Variable] = &[Table, KmsKey, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "jwks", needs: &[Table], kind: Kind::Http(jwks::router) },
    Route { handler: "token-key-rotator", needs: &[Table, KmsKey], kind: Kind::Other(rotator::work) },
    Route { handler: "oauth-clients", needs: SEALS, kind: Kind::Http(oauth_clients::router) },
    Route { handler: "oauth-client", needs: NEEDS, kind: Kind::Http(oauth_client::router) },
    Route { handler: "oauth-client-rotate", needs: SEALS, kind: Kind::Http(oauth_client_rotate::router) },
    Route { handler: "oauth-token", needs: SEALS, kind: Kind::Http(token::router) },
    Route { handler: "openid-configuration", needs: &[], kind: Kind::Http(discovery::router) },
    Route { handler: "userinfo", needs: NEEDS, kind: Kind::Http(userinfo::router) },
    Route { handler: "oauth-authorize", needs: SEALS, kind: Kind::Http(authorize::router) },
    Route { handler: "oauth-interaction", needs: SEALS, kind: Kind::Http(interaction::router) },
    Route { handler: "oauth-introspect", needs: NEEDS, kind: Kind::Http(introspect::router) },
    Route { handler: "oauth-revoke", needs: NEEDS, kind: Kind::Http(revoke::router) },
    Route { handler: "oauth-logout", needs: SEALS, kind: Kind::Http(logout::router) },
    Route {
        handler: "oauth-device-authorization",
        needs: NEEDS,
        kind: Kind::Http(device_authorization::router),
    },
    Route { handler: "oauth-device", needs: SEALS, kind: Kind::Http(device::router) },
    Route { handler: "workload-trusts", needs: NEEDS, kind: Kind::Http(workload_trusts::router) },
    Route { handler: "workload-trust", needs: NEEDS, kind: Kind::Http(workload_trust::router) },
];
