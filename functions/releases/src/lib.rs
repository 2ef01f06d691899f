//! Releases: channels, and packages that are offered on them to a growing share of devices.

pub mod body;
pub mod channels;
mod load;
pub mod release;
pub mod release_conclude;
pub mod release_pause;
pub mod release_ramp;
pub mod release_resume;
pub mod release_rollback;
pub mod releases;
mod transition;

use rookery_edge::{Context, Kind, Route};
use rookery_store::Variable::{self, AuthCacheSeconds, Table, UsageQueue};
use utoipa_axum::router::OpenApiRouter;

const NEEDS: &[Variable] = &[Table, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "channels", needs: NEEDS, kind: Kind::Http(channels::router) },
    Route { handler: "releases", needs: NEEDS, kind: Kind::Http(releases::router) },
    Route { handler: "release", needs: NEEDS, kind: Kind::Http(release::router) },
    Route { handler: "release-transitions", needs: NEEDS, kind: Kind::Http(transitions) },
];

fn transitions() -> OpenApiRouter<Context> {
    release_ramp::router()
        .merge(release_pause::router())
        .merge(release_resume::router())
        .merge(release_conclude::router())
        .merge(release_rollback::router())
}
