//! Who may do what, and why. Cedar decides; this crate tells Cedar what it needs to know.
//!
//! Everything that a principal was given becomes one [`Rights`]: a policy per grant, linked from a template per role. Each
//! question becomes a request with three entities: the principal in its groups, the action in the roles that hold it, the
//! resource in its lineage. All three hierarchies are flattened before, so that Cedar has no way to walk, and a decision costs the
//! same at any depth. Nothing is allowed unless a policy permits it.

mod policy;
mod rights;

pub use policy::{Failure, schema};
pub use rights::{Basis, Decision, Denial, Membership, Principal, Rights, Why};
