//! The device area.

use rookery_edge::Route;

/// The functions of this area.
pub const ROUTES: &[Route] = &[];
