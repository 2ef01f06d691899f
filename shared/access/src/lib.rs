//! Who may do what, and why. Cedar decides; this crate tells Cedar what it needs to know.
//!
//! Everything that a principal was given becomes one [`Rights`]: a policy per grant, linked from a template per role. Each
//! question becomes a request with three entities: the principal in its groups, the action in the roles that hold it, the
//! resource below the place that was given. All three hierarchies are flattened before, and the policies lie apart by the place that
//! each is about: a decision asks those on its way up, nearest first, until one permits. So it costs the same at any depth, and
//! however much somebody was given elsewhere. Nothing is allowed unless a policy permits it.

mod policy;
mod rights;

pub use policy::{Failure, schema};
pub use rights::{Basis, Decision, Denial, Membership, Principal, Rights, Why};
