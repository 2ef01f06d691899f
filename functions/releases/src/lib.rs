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

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{self, AuthCacheSeconds, Table, UsageQueue};

const NEEDS: &[Variable] = &[Table, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "channels", needs: NEEDS, kind: Kind::Http(channels::router) },
    Route { handler: "releases", needs: NEEDS, kind: Kind::Http(releases::router) },
    Route { handler: "release", needs: NEEDS, kind: Kind::Http(release::router) },
    Route { handler: "release-ramp", needs: NEEDS, kind: Kind::Http(release_ramp::router) },
    Route { handler: "release-pause", needs: NEEDS, kind: Kind::Http(release_pause::router) },
    Route { handler: "release-resume", needs: NEEDS, kind: Kind::Http(release_resume::router) },
    Route { handler: "release-conclude", needs: NEEDS, kind: Kind::Http(release_conclude::router) },
    Route { handler: "release-rollback", needs: NEEDS, kind: Kind::Http(release_rollback::router) },
];
