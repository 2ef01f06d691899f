//! Measuring: the bare function and the measured one in turn, some requests each, so that what the machine does meanwhile
//! meets both. While one works the other waits for its next event, which costs nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::Failure;
use crate::bundle::Place;
use crate::cases::{Case, Function, Work};
use crate::cloud::{Call, Cloud};
use crate::function::{Process, Start, zipped_size};
use crate::http_call::{HttpCall, read_answer};
use crate::statistics::{median, percentile};
use crate::world::Helpers;

/// Requests before the measured ones: connections are open and caches filled after them.
const WARM_UP: u64 = 30;
/// Requests to one function before it is the other's turn.
const TURN: u64 = 25;

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) starts: usize,
    pub(crate) rounds: usize,
}

/// The figures of one function for one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) startup: Duration,
    pub(crate) cpu: Duration,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) peak_memory: u64,
    pub(crate) zipped: u64,
}

/// A measured case beside the bare function.
pub(crate) struct Row {
    pub(crate) area: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) what: String,
    pub(crate) measured: Figures,
    pub(crate) bare: Figures,
    /// The AWS calls that the request itself made, of the most usual request.
    pub(crate) calls: Vec<Call>,
    /// AWS calls per request over all of them, with those that happen now and then, such as a batch that is flushed.
    pub(crate) calls_per_request: f64,
}

pub(crate) struct Bench<'a> {
    pub(crate) binaries: &'a Path,
    pub(crate) events: &'a Path,
    pub(crate) logs: &'a Path,
    pub(crate) cloud: &'a Cloud,
    pub(crate) helpers: Helpers,
    pub(crate) effort: Effort,
    pub(crate) sequence: u64,
}

#[derive(Default)]
struct Round {
    cpu: Duration,
    latencies: Vec<Duration>,
    peak_memory: u64,
    calls: Vec<Vec<Call>>,
    background: usize,
}

impl Bench<'_> {
    pub(crate) async fn measure(&mut self, case: &Case) -> Result<Row, Failure> {
        let Place { area, handler } = self.place(case)?;
        let bare = self.binaries.join("bare");
        let binary = self.binaries.join(area);
        let (mut bare_starts, mut starts) = (Vec::new(), Vec::new());
        for _ in 0..self.effort.starts {
            bare_starts.push(self.start_once(&bare, "bare").await?);
            starts.push(self.start_once(&binary, handler).await?);
        }
        let (mut bare_rounds, mut rounds) = (Vec::new(), Vec::new());
        for _ in 0..self.effort.rounds {
            let (bare_round, round) = self.round(&bare, (&binary, handler), case).await?;
            bare_rounds.push(bare_round);
            rounds.push(round);
        }
        let calls: Vec<&Vec<Call>> = rounds.iter().flat_map(|round| &round.calls).collect();
        let background: usize = rounds.iter().map(|round| round.background).sum();
        let total = background + calls.iter().map(|calls| calls.len()).sum::<usize>();
        Ok(Row {
            area,
            handler,
            what: case.what.clone(),
            calls_per_request: ratio(total, calls.len()),
            calls: most_usual(&calls),
            measured: figures(&starts, &rounds, &binary)?,
            bare: figures(&bare_starts, &bare_rounds, &bare)?,
        })
    }

    /// Which function a case is about.
    pub(crate) fn place(&self, case: &Case) -> Result<Place, Failure> {
        match &case.function {
            Function::Bare => Ok(Place { area: "bare", handler: "bare" }),
            Function::Of(route) => self.helpers.bundle().of_route(route),
            Function::Named(handler) => self.helpers.bundle().of_handler(handler),
        }
    }

    async fn start_once(&self, binary: &Path, handler: &str) -> Result<Duration, Failure> {
        let function = self.start(binary, handler).await?;
        let startup = function.startup;
        function.stop().await?;
        Ok(startup)
    }

    async fn start(&self, binary: &Path, handler: &str) -> Result<Process, Failure> {
        let environment = self.helpers.environment();
        Process::start(&Start { binary, handler, environment, logs: self.logs }).await
    }

    async fn round(
        &mut self,
        bare: &Path,
        (binary, handler): (&Path, &str),
        case: &Case,
    ) -> Result<(Round, Round), Failure> {
        let mut bare = Side::new(self.start(bare, "bare").await?);
        let mut measured = Side::new(self.start(binary, handler).await?);
        let bare_event = HttpCall::new("GET", "/healthz", &[]).event(0);
        for _ in 0..WARM_UP.min(case.requests) {
            bare.function.invoke(bare_event.clone()).await?;
            let event = self.prepare(case).await?;
            check(case, &measured.function.invoke(event).await?.body)?;
        }
        let turn = if case.has_helpers() { 1 } else { TURN };
        for first in (0..case.requests).step_by(usize::try_from(turn)?) {
            let requests = turn.min(case.requests - first);
            bare.turn(&vec![bare_event.clone(); usize::try_from(requests)?], |_| Ok(())).await?;
            let mut events = Vec::new();
            for _ in 0..requests {
                events.push(self.prepare(case).await?);
            }
            // What was called meanwhile: by the helpers, or by the measured process in the background.
            let background = self.cloud.take_calls().len();
            if !case.has_helpers() {
                measured.round.background += background;
            }
            let cloud = self.cloud;
            let mut calls = Vec::new();
            let answered = |answer: &[u8]| {
                calls.push(cloud.take_calls());
                check(case, answer)
            };
            measured.turn(&events, answered).await?;
            measured.round.calls.append(&mut calls);
        }
        Ok((bare.end(case.requests).await?, measured.end(case.requests).await?))
    }

    async fn prepare(&mut self, case: &Case) -> Result<Bytes, Failure> {
        self.sequence += 1;
        match &case.work {
            Work::Sample => {
                let name = format!("{}.json", self.place(case)?.handler);
                Ok(std::fs::read(self.events.join(name))?.into())
            }
            Work::Http { request, before, .. } => {
                let mut answer = Value::Null;
                for step in before {
                    let call = step(self.sequence, &answer)?;
                    answer = self.helpers.call(&call).await?;
                }
                Ok(request(self.sequence, &answer)?.event(self.sequence))
            }
        }
    }
}

/// One of the two functions of a round.
struct Side {
    function: Process,
    round: Round,
}

impl Side {
    fn new(function: Process) -> Self {
        Self { function, round: Round::default() }
    }

    async fn turn(
        &mut self,
        events: &[Bytes],
        mut answered: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let before = self.function.cpu().await?;
        for event in events {
            let answer = self.function.invoke(event.clone()).await?;
            self.round.latencies.push(answer.latency);
            answered(&answer.body)?;
        }
        self.round.cpu += self.function.cpu().await?.saturating_sub(before);
        Ok(())
    }

    async fn end(mut self, requests: u64) -> Result<Round, Failure> {
        self.round.cpu = per_request(self.round.cpu, requests);
        self.round.peak_memory = self.function.peak_memory()?;
        self.function.stop().await?;
        Ok(self.round)
    }
}

impl Case {
    fn has_helpers(&self) -> bool {
        matches!(&self.work, Work::Http { before, .. } if !before.is_empty())
    }
}

fn check(case: &Case, answer: &[u8]) -> Result<(), Failure> {
    let Work::Http { status: expected, .. } = &case.work else { return Ok(()) };
    let (status, body) = read_answer(answer)?;
    if status != *expected {
        return Err(format!("{} answered {status} instead of {expected}: {body}", case.what).into());
    }
    Ok(())
}

fn figures(starts: &[Duration], rounds: &[Round], binary: &PathBuf) -> Result<Figures, Failure> {
    let latencies: Vec<Duration> = rounds.iter().flat_map(|round| round.latencies.iter().copied()).collect();
    Ok(Figures {
        startup: median(starts),
        cpu: median(&rounds.iter().map(|round| round.cpu).collect::<Vec<_>>()),
        median: median(&latencies),
        p99: percentile(&latencies, 0.99),
        peak_memory: rounds.iter().map(|round| round.peak_memory).max().unwrap_or_default(),
        zipped: zipped_size(binary)?,
    })
}

fn per_request(total: Duration, requests: u64) -> Duration {
    Duration::from_nanos(u64::try_from(total.as_nanos()).unwrap_or(u64::MAX) / requests.max(1))
}

fn most_usual(calls: &[&Vec<Call>]) -> Vec<Call> {
    let mut counts: HashMap<Vec<&str>, (usize, &[Call])> = HashMap::new();
    for calls in calls {
        let names = calls.iter().map(|call| call.operation.as_str()).collect();
        counts.entry(names).or_insert((0, calls)).0 += 1;
    }
    counts.into_values().max_by_key(|(count, _)| *count).map(|(_, calls)| calls.to_vec()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls stay far below 2^52")]
fn ratio(total: usize, count: usize) -> f64 {
    total as f64 / count.max(1) as f64
}
