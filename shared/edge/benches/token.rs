//! What checking an access token costs: its form, its signature, and what it says. `cargo xtask bench --only token` runs it; with
//! `--check` it fails above its target.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rookery_clock::worked;
use rookery_domain::access_token::{Claims, Holder};
use rookery_domain::id::{SessionId, TenantId, UserId};
use rookery_domain::token_key::{Algorithm, at_once};
use rookery_edge::token::{self, ACCESS_TOKEN, Keys};
use rookery_store::token_key::Signer;
use uuid::Uuid;

/// Most time of a check.
const TARGET: Duration = Duration::from_micros(50);
const ISSUER: &str = "https://k3v9x2m7qd.execute-api.eu-central-1.amazonaws.com";
/// Checks per round, and rounds, of which the quickest counts: what else the machine does makes others slower.
const CHECKS: u32 = 1000;
const ROUNDS: u32 = 15;

fn claims(now: i64) -> Claims {
    // Ids of the width that real ones have.
    let id = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);
    Claims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: Holder::User(UserId::from_uuid(id)),
        tenant: TenantId::from_uuid(id),
        sid: Some(SessionId::from_uuid(id)),
        iat: now,
        nbf: now,
        exp: now + 900,
        jti: "evt_01h455vb4pex5vsknk084sn02q".to_owned(),
        amr: ["pwd", "otp", "mfa"].map(str::to_owned).to_vec(),
        auth_time: Some(now),
        mfa_at: Some(now),
        client_id: None,
        scope: None,
        act: None,
        trust: None,
    }
}

/// The time of one check, of the quickest round.
fn measure(keys: &Keys, token: &str, now: Timestamp) -> Duration {
    let (mut best, since) = (Duration::MAX, Instant::now());
    for _ in 0..ROUNDS {
        let start = worked(since);
        for _ in 0..CHECKS {
            let claims = keys.read(std::hint::black_box(token), ISSUER, now);
            assert!(claims.is_ok(), "{claims:?}");
        }
        best = best.min(worked(since).saturating_sub(start) / CHECKS);
    }
    best
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let now = Timestamp::now();
    // Others may be checked with keys of either algorithm; what the platform's own tokens cost is held to the target.
    let mut met = true;
    for (algorithm, target) in [(Algorithm::Rs256, Some(TARGET)), (Algorithm::Es256, None)] {
        let (signer, key) =
            Signer::fleeting(at_once(&[], algorithm, now)).unwrap_or_else(|fault| panic!("{fault}"));
        let keys = Keys::of(&[key], now).unwrap_or_else(|fault| panic!("{fault}"));
        let token = token::write(&signer, ACCESS_TOKEN, &claims(now.as_second()));
        let time = measure(&keys, &token.unwrap_or_else(|fault| panic!("{fault}")), now);
        let pass = target.is_none_or(|target| time <= target);
        met &= pass;
        let micros = time.as_secs_f64() * 1e6;
        match target {
            _ if given("--json") => println!("{{\"token\": \"{algorithm}\", \"time_us\": {micros:.1}}}"),
            Some(target) => {
                let verdict = if pass { "pass" } else { "MISS" };
                println!("{verdict}  token ({algorithm}) ≤ {} µs: {micros:.1} µs", target.as_micros());
            }
            None => println!("      token ({algorithm}): {micros:.1} µs"),
        }
    }
    if met || !given("--check") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
