//! Logging in: sessions, second factors, and what people do with their own accounts.

mod end;
pub mod impersonate;
pub mod login;
pub mod logout;
pub mod me;
pub mod me_sessions;
mod password;
pub mod refresh;
pub mod user_sessions;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, KmsKey, Table, UsageQueue};

const NEEDS: &[rookery_store::Variable] = &[Table, UsageQueue, AuthCacheSeconds];
/// What routes need that make tokens, or keep answers that hold some.
const MAKES_TOKENS: &[rookery_store::Variable] = &[Table, KmsKey, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "auth-login", needs: MAKES_TOKENS, kind: Kind::Http(login::router) },
    Route { handler: "auth-refresh", needs: MAKES_TOKENS, kind: Kind::Http(refresh::router) },
    Route { handler: "auth-logout", needs: NEEDS, kind: Kind::Http(logout::router) },
    Route { handler: "me", needs: NEEDS, kind: Kind::Http(me::router) },
    Route { handler: "me-sessions", needs: NEEDS, kind: Kind::Http(me_sessions::all) },
    Route { handler: "me-session", needs: NEEDS, kind: Kind::Http(me_sessions::one) },
    Route { handler: "user-sessions", needs: NEEDS, kind: Kind::Http(user_sessions::router) },
    Route { handler: "user-impersonate", needs: MAKES_TOKENS, kind: Kind::Http(impersonate::router) },
];
