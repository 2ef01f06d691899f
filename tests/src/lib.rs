//! What the tests of this crate share.

pub mod stack;
pub mod template;
pub mod world;
