//! The platform as a provider of identities: what it publishes of itself, and its keys for tokens.

pub mod jwks;
pub mod rotator;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{KmsKey, Table};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "jwks", needs: &[Table], kind: Kind::Http(jwks::router) },
    Route { handler: "token-key-rotator", needs: &[Table, KmsKey], kind: Kind::Other(rotator::work) },
];
