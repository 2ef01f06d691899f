//! Devices: what they are offered, what they fetch, what they report.
//!
//! Anybody who knows an app's public key may ask. The functions read what was written for devices and nothing else, and keep
//! it in memory: a warm one makes no call to AWS.

pub mod file;
pub mod manifest;
pub mod rendered;
pub mod reports;
pub mod reports_worker;
mod shelf;
pub mod update;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::SignedDuration;
use rookery_edge::{Context, Kind, Route};
use rookery_store::Variable::{Bucket, ReportsQueue, ServingCacheSeconds, Table, UsageQueue};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route {
        handler: "device-update",
        needs: &[Table, UsageQueue, ServingCacheSeconds],
        kind: Kind::Http(update::router),
    },
    Route { handler: "device-manifest", needs: &[Table], kind: Kind::Http(manifest::router) },
    Route { handler: "device-file", needs: &[Table, Bucket, UsageQueue], kind: Kind::Http(file::router) },
    Route {
        handler: "device-reports",
        needs: &[Table, ReportsQueue, UsageQueue, ServingCacheSeconds],
        kind: Kind::Http(reports::router),
    },
    Route { handler: "reports-worker", needs: &[Table], kind: Kind::Queue(reports_worker::work) },
];

/// For how long what may change is kept in memory, and with that how soon a change reaches devices: 5 seconds unless
/// configured, at most 300.
fn kept_for(context: &Context) -> SignedDuration {
    let configured = context.settings().get(ServingCacheSeconds).and_then(|text| text.parse().ok());
    SignedDuration::from_secs(configured.unwrap_or(5_i64).clamp(0, 300))
}

/// 404 with an empty body: some clients take whatever comes for an update.
fn unknown() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
