//! What becomes of people and groups, whichever area asks for it: the same decisions, writes and events, so that a person who comes from
//! a directory is not another kind of person.
//!
//! Functions add to a transaction or answer one, with its event in it; the handler commits it with its answer.

pub mod erase;
pub mod groups;
pub mod load;
pub mod ownership;
pub mod people;
pub mod quota;
pub mod wire;
