//! Hashing passwords.

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use rookery_edge::{Context, Problem};

/// Memory in KiB, passes and lanes: the first choice of OWASP's Password Storage Cheat Sheet for Argon2id with 19 MiB.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Shortest password, in characters: the least that NIST SP 800-63B-4 allows anywhere.
pub(crate) const SHORTEST: usize = 8;
/// Longest password, in bytes, so that hashing stays cheap.
pub(crate) const LONGEST: usize = 1024;

/// A password's hash in the PHC string format.
pub(crate) fn hash(context: &Context, password: &str) -> Result<String, Problem> {
    let (memory, passes, lanes) = COST;
    let params =
        Params::new(memory, passes, lanes, None).map_err(|fault| Problem::internal(fault.to_string()))?;
    let salt: [u8; 16] = context.random();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|fault| Problem::internal(fault.to_string()))
}
