//! A function as a process: started like Lambda starts it, and read through `/proc`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};
use tokio::process::{Child, Command};

use crate::Failure;
use crate::runtime_api::{Answer, RuntimeApi};

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Which binary to start, and as what.
#[derive(Clone, Debug)]
pub(crate) struct Start<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) handler: &'a str,
    pub(crate) environment: &'a [(&'static str, String)],
    pub(crate) logs: &'a Path,
}

/// A running function process.
pub(crate) struct Process {
    child: Child,
    api: RuntimeApi,
    pid: u32,
    invocations: u64,
    pub(crate) startup: Duration,
}

impl Process {
    pub(crate) async fn start(start: &Start<'_>) -> Result<Self, Failure> {
        let api = RuntimeApi::start().await?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(start.logs.join(format!("{}.log", start.handler)))?;
        let mut command = Command::new(start.binary);
        command
            .env_clear()
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .env("_HANDLER", start.handler)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", start.handler)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", start.binary.display()))?;
        let pid = child.id().ok_or("the function ended at once")?;
        let first_poll = tokio::select! {
            at = api.first_poll() => at,
            status = child.wait() => {
                let reason = api.init_error().unwrap_or_default();
                return Err(format!("{} ended before it asked for work ({}) {reason}", start.handler, status?).into());
            }
            () = tokio::time::sleep(START_TIMEOUT) => {
                return Err(format!("{} did not ask for work within {START_TIMEOUT:?}", start.handler).into());
            }
        };
        Ok(Self { child, api, pid, invocations: 0, startup: first_poll - started })
    }

    pub(crate) async fn invoke(&mut self, event: Bytes) -> Result<Answer, Failure> {
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.invocations);
        self.api.invoke(&id, event).await
    }

    /// The CPU time of all threads of the process since it started, to the nanosecond.
    pub(crate) async fn cpu(&self) -> Result<Duration, Failure> {
        self.api.idle().await;
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let path = thread?.path().join("schedstat");
            // A thread may end between the listing and the reading; its time is then lost, and it was idle.
            let Ok(text) = fs::read_to_string(path) else { continue };
            nanoseconds += text.split(' ').next().ok_or("schedstat is empty")?.trim().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The largest resident size that the process ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .ok_or("no VmHWM in /proc/<pid>/status")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        Ok(())
    }
}

/// The size of a deployment package that holds this binary as `bootstrap`, in bytes.
pub(crate) fn zipped_size(binary: &PathBuf) -> Result<u64, Failure> {
    // One local header, one entry of the central directory and its end record, with a name of nine letters twice.
    const CONTAINER: u64 = 30 + 46 + 22 + 2 * 9;
    let mut encoder = DeflateEncoder::new(Counter(CONTAINER), Compression::default());
    std::io::copy(&mut File::open(binary)?, &mut encoder)?;
    Ok(encoder.finish()?.0)
}

struct Counter(u64);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
