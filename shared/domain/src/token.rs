//! The text of a token: a prefix that tells its kind, an id, and 256 random bits, `<prefix>_<id>_<secret>` in base32.

use uuid::Uuid;

use crate::id::{SUFFIX_LENGTH, decode, encode};

/// Writes a token.
pub(crate) fn write(prefix: &str, id: Uuid, secret: &[u8; 32]) -> String {
    let (high, low) = secret.split_at(16);
    let part = |bytes: &[u8]| encode(Uuid::from_slice(bytes).unwrap_or_default());
    format!("{prefix}_{}_{}{}", encode(id), part(high), part(low))
}

/// Reads what [`write`] wrote with the same prefix.
pub(crate) fn read(prefix: &str, text: &str) -> Option<(Uuid, [u8; 32])> {
    let rest = text.strip_prefix(prefix)?.strip_prefix('_')?;
    let (id, secret) = rest.split_once('_')?;
    let (high, low) = secret.split_at_checked(SUFFIX_LENGTH)?;
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(decode(high)?.as_bytes());
    bytes[16..].copy_from_slice(decode(low)?.as_bytes());
    Some((decode(id)?, bytes))
}
