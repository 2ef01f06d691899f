//! The catalog: applications, their files, packages and secrets.

pub mod app;
pub mod apps;
pub mod body;
mod contents;
mod load;
pub mod package;
pub mod packages;
pub mod secret;
pub mod secret_verify;
pub mod secret_versions;
pub mod secrets;
pub mod uploads;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{self, AuthCacheSeconds, Bucket, KmsKey, Table, UsageQueue};

/// What every route of a caller needs.
const PLAIN: &[Variable] = &[Table, UsageQueue, AuthCacheSeconds];
/// As above, for routes that seal or open something.
const SEALING: &[Variable] = &[Table, UsageQueue, AuthCacheSeconds, KmsKey];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "apps", needs: SEALING, kind: Kind::Http(apps::router) },
    Route { handler: "app", needs: PLAIN, kind: Kind::Http(app::router) },
    Route {
        handler: "uploads",
        needs: &[Table, UsageQueue, AuthCacheSeconds, Bucket],
        kind: Kind::Http(uploads::router),
    },
    Route {
        handler: "packages",
        needs: &[Table, UsageQueue, AuthCacheSeconds, KmsKey, Bucket],
        kind: Kind::Http(packages::router),
    },
    Route { handler: "package", needs: PLAIN, kind: Kind::Http(package::router) },
    Route { handler: "secrets", needs: SEALING, kind: Kind::Http(secrets::router) },
    Route { handler: "secret", needs: PLAIN, kind: Kind::Http(secret::router) },
    Route { handler: "secret-versions", needs: SEALING, kind: Kind::Http(secret_versions::router) },
    Route { handler: "secret-verify", needs: SEALING, kind: Kind::Http(secret_verify::router) },
];
