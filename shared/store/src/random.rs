//! Randomness from the operating system.

/// Fills a buffer. The generator cannot fail once the process runs; if it ever does, nothing secret may be made, so the
/// process ends.
pub fn fill(buffer: &mut [u8]) {
    assert!(getrandom::fill(buffer).is_ok(), "the system's random generator failed");
}

/// One random byte.
pub fn byte() -> u8 {
    let mut buffer = [0];
    fill(&mut buffer);
    buffer[0]
}
