//! The local cloud: `MiniStack`, an AWS emulator that runs the real function binaries behind a real Runtime API.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::command::Group;
use crate::failure::{Context, Failure, Result};
use crate::progress::Phase;
use crate::python::Python;

/// The operator's credentials. `MiniStack` takes this key for the account's root; functions get keys of their roles.
pub(crate) const ACCESS_KEY_ID: &str = "test";
pub(crate) const SECRET_ACCESS_KEY: &str = "test";
pub(crate) const REGION: &str = "us-east-1";

const READY_WITHIN: Duration = Duration::from_mins(1);
const STOPPED_WITHIN: Duration = Duration::from_secs(8);

/// A running `MiniStack`. It ends with this value, and also when this process is killed: see `infra/local/cloud.py`.
pub(crate) struct Cloud {
    group: Group,
    port: u16,
    directory: PathBuf,
}

impl Cloud {
    /// Starts one on a free port, with its state and its log in `directory`, and waits until it answers.
    pub(crate) async fn start(python: &Python, directory: &Path) -> Result<Self> {
        let phase = Phase::start("Starting the local cloud");
        // The port is free when it is picked and taken a moment later, so somebody may be faster.
        for _ in 0..3 {
            let mut cloud = Self::spawn(python, directory)?;
            if cloud.is_ready().await? {
                phase.done();
                return Ok(cloud);
            }
        }
        Err(Failure::new(format!("The local cloud did not start; its log is {}.", log(directory).display())))
    }

    fn spawn(python: &Python, directory: &Path) -> Result<Self> {
        let state = directory.join("cloud");
        if state.exists() {
            fs::remove_dir_all(&state).context(|| format!("Removing {}", state.display()))?;
        }
        let temporary = state.join("tmp");
        fs::create_dir_all(&temporary).context(|| format!("Creating {}", temporary.display()))?;
        let log = log(directory);
        let output = File::create(&log).context(|| format!("Creating {}", log.display()))?;
        let port = free_port()?;
        let endpoint = endpoint(port);
        let path = std::env::var_os("PATH").unwrap_or_default();
        // The functions inherit this environment, so it holds nothing of the caller's.
        let group = python
            .script("cloud.py")
            .only_env()
            .env("PATH", path)
            .env("HOME", &state)
            .env("TMPDIR", &temporary)
            .env("S3_DATA_DIR", state.join("s3"))
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AUTH", "true")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .env("MINISTACK_REGION", REGION)
            .directory(&state)
            .start_tethered(output)?;
        Ok(Self { group, port, directory: directory.to_owned() })
    }

    /// `Ok(false)` when it ended by itself.
    async fn is_ready(&mut self) -> Result<bool> {
        let client =
            reqwest::Client::builder().no_proxy().build().context(|| "Making an HTTP client".into())?;
        let health = format!("{}/_ministack/health", self.endpoint());
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if self.group.has_ended() {
                return Ok(false);
            }
            if client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Failure::new(format!(
            "The local cloud did not answer within {} seconds; its log is {}.",
            READY_WITHIN.as_secs(),
            log(&self.directory).display()
        )))
    }

    pub(crate) fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// What a program needs to act as the cloud's operator, and to talk to nothing else.
    pub(crate) fn operator_env(&self) -> Vec<(&'static str, OsString)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("NO_PROXY", "127.0.0.1,localhost"),
            ("no_proxy", "127.0.0.1,localhost"),
        ]
        .map(|(name, value)| (name, value.into()))
        .into()
    }

    /// Ends it and starts an empty one.
    pub(crate) async fn restart(&mut self, python: &Python) -> Result<()> {
        self.end().await;
        *self = Self::start(python, &self.directory).await?;
        Ok(())
    }

    /// Ends it and everything it started, and removes its state.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.end().await;
        let state = self.directory.join("cloud");
        drop(self.group);
        fs::remove_dir_all(&state).context(|| format!("Removing {}", state.display()))
    }

    async fn end(&mut self) {
        self.group.untether();
        // When it does not end in time, dropping the group kills it.
        let _ = tokio::time::timeout(STOPPED_WITHIN, self.group.wait()).await;
    }
}

fn log(directory: &Path) -> PathBuf {
    directory.join("cloud.log")
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn free_port() -> Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context(|| "Looking for a free port".into())
}
