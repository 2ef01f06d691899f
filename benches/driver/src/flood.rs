//! A flood of guesses at one account, from one network address: how many passwords are looked at, how long its owner waits, and what it is to
//! somebody else who logs in meanwhile. Each of them meets a function of its own, as Lambda has it; the database is one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::Failure;
use crate::function::Process;
use crate::http_call::{HttpCall, read_answer};
use crate::report::Verdict;
use crate::statistics::median;
use crate::world::{Helpers, login, signup, slug, text};

/// Guesses per second, and for how long.
const PER_SECOND: u32 = 200;
const LASTING: Duration = Duration::from_secs(12);
/// Longest that an owner is to wait, as the documents say.
const LONGEST_WAIT: u64 = 60;
/// How much longer a neighbour's login may take. The machine that measures has few processors, and the flood one of them.
const SLOWER: f64 = 1.5;
/// The numbers of the two tenants' signups, far above those of others.
const FLOODED: u64 = 0xff_ff_fd;
const NEIGHBOUR: u64 = 0xff_ff_fe;

/// One function for one of those who ask.
struct Door {
    function: Process,
    sequence: u64,
}

impl Door {
    async fn open(helpers: &Helpers) -> Result<Self, Failure> {
        Ok(Self { function: helpers.start("/v1/auth/login").await?, sequence: 0 })
    }

    async fn ask(&mut self, call: &HttpCall) -> Result<(u64, Value), Failure> {
        self.sequence += 1;
        read_answer(&self.function.invoke(call.event(self.sequence)).await?.body)
    }
}

/// What was answered to guesses.
#[derive(Default)]
struct Tries {
    looked_at: usize,
    refused: usize,
}

async fn guess(door: &mut Door, call: &HttpCall) -> Result<Tries, Failure> {
    let (mut tries, started) = (Tries::default(), Instant::now());
    let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while started.elapsed() < LASTING {
        ticks.tick().await;
        match door.ask(call).await? {
            (401, _) => tries.looked_at += 1,
            (429, _) => tries.refused += 1,
            (status, body) => return Err(format!("a guess was answered {status}: {body}").into()),
        }
    }
    Ok(tries)
}

/// How long somebody's logins take, one after the other with pauses.
async fn logins(door: &mut Door, call: &HttpCall, lasting: Duration) -> Result<Duration, Failure> {
    let (mut times, started) = (Vec::new(), Instant::now());
    while started.elapsed() < lasting {
        let begun = Instant::now();
        let (status, body) = door.ask(call).await?;
        if status != 200 {
            return Err(format!("somebody else was answered {status}: {body}").into());
        }
        times.push(begun.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
    Ok(median(&times))
}

/// Floods one account, and says what came of it.
pub(crate) async fn flood(helpers: &mut Helpers) -> Result<Verdict, Failure> {
    for number in [FLOODED, NEIGHBOUR] {
        helpers.call(&signup(number)).await?;
    }
    let (owner, neighbour) = (login(&slug(FLOODED)), login(&slug(NEIGHBOUR)));
    let device = text(&helpers.call(&owner).await?, "/device_token")?;
    let mut wrong = owner.body().clone();
    wrong["password"] = json!("not the one");
    let wrong = owner.clone().source_ip("198.51.100.66".to_owned()).json(wrong);
    let mut known = owner.body().clone();
    known["device_token"] = json!(device);
    let known = owner.clone().source_ip("198.51.100.66".to_owned()).json(known);
    let elsewhere = owner.clone().source_ip("203.0.113.7".to_owned());

    let (mut stranger, mut other) = (Door::open(helpers).await?, Door::open(helpers).await?);
    let quiet = logins(&mut other, &neighbour, LASTING / 3).await?;
    let (tries, busy) = tokio::join!(guess(&mut stranger, &wrong), logins(&mut other, &neighbour, LASTING));
    let (tries, busy) = (tries?, busy?);
    let (at_known, _) = other.ask(&known).await?;
    let begun = Instant::now();
    let mut waited = 0;
    // Refused tries are not counted: asking each second makes nobody wait longer.
    while other.ask(&elsewhere).await?.0 != 200 {
        if waited > LONGEST_WAIT {
            return Err(format!("the owner was locked out for {waited} s").into());
        }
        sleep(Duration::from_secs(1)).await;
        waited = begun.elapsed().as_secs();
    }
    for door in [stranger, other] {
        door.function.stop().await?;
    }

    let sent = tries.looked_at + tries.refused;
    let rate = u32::try_from(sent).map_or(f64::MAX, f64::from) / LASTING.as_secs_f64();
    let slower = busy.as_secs_f64() / quiet.as_secs_f64();
    let met = rate > 0.95 * f64::from(PER_SECOND) && at_known == 200 && slower <= SLOWER;
    let line = format!(
        "{}  flood of {PER_SECOND} guesses per second: {rate:.0} for {} s, {} of {sent} passwords looked at; the owner in at once from a \
         known device ({at_known}) and after {waited} s from elsewhere (≤ {LONGEST_WAIT}); a neighbour's login {slower:.2}× as long (≤ {SLOWER})",
        if met { "pass" } else { "MISS" },
        LASTING.as_secs(),
        tries.looked_at,
    );
    Ok(Verdict { line, met })
}
