//! The API in its own words: its OpenAPI document, a page to read it on, and its health.

pub mod docs;
mod document;
pub mod health;
pub mod openapi;

pub use document::document;
use rookery_edge::{Kind, Route};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "openapi", needs: &[], kind: Kind::Http(openapi::router) },
    Route { handler: "docs", needs: &[], kind: Kind::Http(docs::router) },
    Route { handler: "health", needs: &[], kind: Kind::Http(health::router) },
];

/// The OpenAPI document as it was generated from the route table; a test holds the two together.
pub(crate) const OPENAPI: &str = include_str!("../../../docs/openapi.json");
