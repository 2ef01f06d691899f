//! The time that a thread has worked, which says more than the time that passed on a machine that does other work besides.

use std::time::{Duration, Instant};

/// The time that this thread has worked. Where the system does not tell, the time that passed.
pub fn worked(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}
