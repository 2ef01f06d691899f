//! Identity: signing up, asking who one is, and API keys.

pub mod api_key;
pub mod api_key_rotate;
pub mod api_keys;
pub mod signup;
pub mod whoami;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, KmsKey, SignupMode, Table, UsageQueue};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "signup", needs: &[Table, KmsKey, SignupMode], kind: Kind::Http(signup::router) },
    Route {
        handler: "whoami",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(whoami::router),
    },
    Route {
        handler: "api-keys",
        needs: &[Table, KmsKey, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(api_keys::router),
    },
    Route {
        handler: "api-key",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(api_key::router),
    },
    Route {
        handler: "api-key-rotate",
        needs: &[Table, KmsKey, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(api_key_rotate::router),
    },
];
