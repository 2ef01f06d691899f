//! What looking at a password costs: Argon2id at the cost that new hashes have. `cargo xtask bench --only password` runs it.
//!
//! Lambda gives a function a share of a processor by its memory: a whole one at 1769 MB. The time is told for the sizes that functions of
//! the bundle have which look at passwords, so that the cost can be weighed: what a guesser pays for each guess, an owner waits for once.

use std::time::{Duration, Instant};

use rookery_clock::worked;
use rookery_domain::password::Password;
use rookery_factors::password::{hash, verify};

/// Looks at a password, of which the quickest counts: what else the machine does makes others slower.
const ROUNDS: u32 = 20;
/// Memory for which a function has a whole processor, in MB.
const WHOLE: f64 = 1769.0;
const SIZES: [u32; 3] = [256, 512, 1024];

fn main() {
    let password = Password::presented("correct horse battery staple".to_owned())
        .unwrap_or_else(|fault| panic!("a password: {fault}"));
    let known = hash(&password, &[7; 16]).unwrap_or_else(|fault| panic!("{fault}"));
    let (mut best, since) = (Duration::MAX, Instant::now());
    for _ in 0..ROUNDS {
        let start = worked(since);
        assert!(verify(std::hint::black_box(&password), Some(&known)).is_right());
        best = best.min(worked(since).saturating_sub(start));
    }
    let millis = best.as_secs_f64() * 1e3;
    if std::env::args().any(|argument| argument == "--json") {
        println!("{{\"password\": \"argon2id\", \"time_ms\": {millis:.1}}}");
        return;
    }
    println!("      password (Argon2id): {millis:.1} ms of a processor");
    for size in SIZES {
        println!("      … with {size} MB of memory: {:.0} ms", millis * WHOLE / f64::from(size));
    }
}
