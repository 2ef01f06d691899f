//! What the tests of this crate share.

pub mod template;
pub mod world;
