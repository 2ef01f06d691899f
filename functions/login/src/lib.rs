//! Logging in: sessions, second factors, and what people do with their own accounts.

pub mod auth_passkeys;
pub mod email_verify;
mod end;
mod holder;
pub mod impersonate;
pub mod login;
pub mod logout;
pub mod me;
pub mod me_consents;
pub mod me_passkeys;
pub mod me_sessions;
pub mod me_totp;
pub mod mfa;
pub mod passkey;
pub mod password;
pub mod password_change;
pub mod password_forgot;
pub mod password_reset;
mod person;
pub mod proof;
pub mod refresh;
pub mod second;
pub mod user_mfa_reset;
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
    Route { handler: "me-consents", needs: NEEDS, kind: Kind::Http(me_consents::router) },
    Route { handler: "user-sessions", needs: NEEDS, kind: Kind::Http(user_sessions::router) },
    Route { handler: "user-impersonate", needs: MAKES_TOKENS, kind: Kind::Http(impersonate::router) },
    Route { handler: "password-forgot", needs: &[Table], kind: Kind::Http(password_forgot::router) },
    Route { handler: "password-reset", needs: &[Table], kind: Kind::Http(password_reset::router) },
    Route { handler: "password-change", needs: NEEDS, kind: Kind::Http(password_change::router) },
    Route { handler: "auth-mfa", needs: MAKES_TOKENS, kind: Kind::Http(mfa::ending) },
    Route { handler: "auth-passkeys", needs: MAKES_TOKENS, kind: Kind::Http(auth_passkeys::router) },
    Route { handler: "me-passkeys", needs: NEEDS, kind: Kind::Http(me_passkeys::router) },
    Route { handler: "auth-mfa-enrol", needs: &[Table, KmsKey], kind: Kind::Http(mfa::enrolling) },
    Route { handler: "me-totp", needs: MAKES_TOKENS, kind: Kind::Http(me_totp::authenticator) },
    Route { handler: "me-recovery-codes", needs: NEEDS, kind: Kind::Http(me_totp::recovery_codes) },
    Route { handler: "user-mfa-reset", needs: NEEDS, kind: Kind::Http(user_mfa_reset::router) },
    Route { handler: "email-verify", needs: &[Table], kind: Kind::Http(email_verify::router) },
];
