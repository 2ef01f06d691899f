//! Running other programs, so that none outlives the command that started it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::failure::{Context, Failure, Result};

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(8);

/// A program to run. Every run is a process group of its own, which is killed as a whole when the run is given up.
pub(crate) struct Cmd {
    program: PathBuf,
    inner: Command,
    input: Option<Vec<u8>>,
    errors: Option<(File, PathBuf)>,
    missing: String,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = PathBuf::from(program.as_ref());
        let missing = format!("`{}` was not found; install it or add it to PATH.", program.display());
        let mut inner = Command::new(&program);
        inner.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        Self { program, inner, input: None, errors: None, missing }
    }

    /// The cargo that runs this program, or the one in PATH.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// The sentence for when the program is not there.
    pub(crate) fn or_missing(mut self, sentence: &str) -> Self {
        sentence.clone_into(&mut self.missing);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.inner.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.inner.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    pub(crate) fn envs(mut self, vars: impl IntoIterator<Item = (&'static str, OsString)>) -> Self {
        self.inner.envs(vars);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.inner.env_remove(name);
        self
    }

    pub(crate) fn only_env(mut self) -> Self {
        self.inner.env_clear();
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.inner.current_dir(path);
        self
    }

    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Where its error output goes when its output is read, instead of to ours.
    pub(crate) fn errors_to(mut self, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        self.errors = Some((file.context(|| format!("Opening {}", log.display()))?, log.to_owned()));
        Ok(self)
    }

    /// Runs it with our own output; `Ok(false)` when it says it failed.
    pub(crate) async fn passes(mut self) -> Result<bool> {
        self.inner.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        Ok(self.start()?.wait().await?.success())
    }

    /// Runs it without any output; `Ok(false)` when it says it failed.
    pub(crate) async fn succeeds(mut self) -> Result<bool> {
        self.inner.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(self.start()?.wait().await?.success())
    }

    /// Runs it in our own process group, with our own input too: for a program that asks questions.
    pub(crate) async fn converse(mut self) -> Result<bool> {
        self.inner.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let mut inner = self.inner;
        let mut child = inner.process_group(rustix::process::getpgrp().as_raw_nonzero().get()).spawn();
        match &mut child {
            Ok(child) => Ok(child.wait().await.context(|| "Waiting for a program".into())?.success()),
            Err(_) => Err(Failure::new(self.missing)),
        }
    }

    /// Runs it with its output in `log`. On failure the last lines of that go to our error output, and `failed` is said.
    pub(crate) async fn logged(mut self, failed: &str, log: &Path) -> Result<()> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        let file = open(log).context(|| format!("Opening {}", log.display()))?;
        let start = file.metadata().context(|| format!("Reading {}", log.display()))?.len();
        let again = file.try_clone().context(|| format!("Opening {}", log.display()))?;
        self.inner.stdout(file).stderr(again);
        if self.start()?.wait().await?.success() {
            return Ok(());
        }
        eprintln!("{}", last_lines(log, start, 25));
        Err(Failure::new(format!("{failed} The whole output is in {}.", log.display())))
    }

    /// Runs it and parses what it prints as JSON.
    pub(crate) async fn json(self, doing: &str) -> Result<Value> {
        let output = self.stdout(doing).await?;
        serde_json::from_slice(&output).context(|| format!("{doing} printed something that is not JSON"))
    }

    /// Runs it and answers with what it prints.
    pub(crate) async fn stdout(mut self, doing: &str) -> Result<Vec<u8>> {
        let (errors, place) = match self.errors.take() {
            Some((file, log)) => (Stdio::from(file), format!("the whole output is in {}", log.display())),
            None => (Stdio::inherit(), "see the lines above".to_owned()),
        };
        self.inner.stdout(Stdio::piped()).stderr(errors);
        let mut group = self.start()?;
        let mut output = Vec::new();
        if let Some(mut stdout) = group.child.stdout.take() {
            tokio::io::AsyncReadExt::read_to_end(&mut stdout, &mut output)
                .await
                .context(|| format!("{doing}: reading the output"))?;
        }
        if group.wait().await?.success() {
            Ok(output)
        } else {
            Err(Failure::new(format!("{doing} failed; {place}.")))
        }
    }

    /// Starts it, with what was set up.
    pub(crate) fn start(mut self) -> Result<Group> {
        if self.input.is_some() {
            self.inner.stdin(Stdio::piped());
        }
        let mut child = match self.inner.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::new(self.missing));
            }
            Err(error) => {
                return Err(Failure::new(format!(
                    "`{}` could not be started: {error}.",
                    self.program.display()
                )));
            }
        };
        if let Some(input) = self.input
            && let Some(mut stdin) = child.stdin.take()
        {
            tokio::spawn(async move {
                // A program that ends without reading its input says so with its own exit code.
                let _ = stdin.write_all(&input).await;
            });
        }
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Group { child, id })
    }

    /// Its output goes to `file`; its standard input stays open as long as the returned group lives.
    pub(crate) fn start_tethered(mut self, output: File) -> Result<Group> {
        let again = output.try_clone().context(|| "Opening a log".into())?;
        self.inner.stdin(Stdio::piped()).stdout(output).stderr(again);
        self.start()
    }
}

/// A running process group.
pub(crate) struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context(|| "Waiting for a program".into())?;
        // What the program itself has left running in its group goes when the group is dropped.
        Ok(status)
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Closes its standard input, which a tethered program takes as the request to end.
    pub(crate) fn untether(&mut self) {
        drop(self.child.stdin.take());
    }
}

impl Drop for Group {
    /// Asks the group to end, then makes it. A test runner needs the asking, because its tests have groups of their own.
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        // An empty group is what we want, so an error here is no news.
        if !self.has_ended() {
            let _ = kill_process_group(id, Signal::TERM);
            let asked = Instant::now();
            while !self.has_ended() && asked.elapsed() < GRACE {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = kill_process_group(id, Signal::KILL);
    }
}

fn last_lines(log: &Path, from: u64, count: usize) -> String {
    let mut text = String::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_string(&mut text)
    });
    if read.is_err() {
        return String::new();
    }
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
