//! The Python environments that hold the local cloud and the tools for AWS, at the versions and hashes of the
//! requirements in `infra/local`.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Cmd;
use crate::failure::{Context, Failure, Result};
use crate::progress::Phase;
use crate::project::Project;

const NO_PYTHON: &str =
    "Python 3.11 or newer is needed; install it (Debian: `apt install python3 python3-venv`).";
const NO_VENV: &str = "Python's venv module is missing; install it (Debian: `apt install python3-venv`).";

/// A virtual environment in cargo's target directory, made anew when the requirements change.
pub(crate) struct Python {
    venv: PathBuf,
    scripts: PathBuf,
}

impl Python {
    /// The local cloud and the SAM CLI.
    pub(crate) async fn prepare(project: &Project) -> Result<Self> {
        Self::up_to_date(project, "venv", "requirements.txt").await
    }

    /// What tests talk to the stack with, as others would.
    pub(crate) async fn counterparts(project: &Project) -> Result<Self> {
        Self::up_to_date(project, "counterparts", "requirements-tests.txt").await
    }

    /// What `sam build` calls to build for Amazon Linux: cargo-lambda, and zig to link with.
    pub(crate) async fn build_tools(project: &Project) -> Result<Self> {
        let tools = Self::up_to_date(project, "build-tools", "requirements-build.txt").await?;
        // The package has zig as a Python module only, and cargo-lambda looks for it in PATH.
        let zig = tools.programs().join("zig");
        if !zig.exists() {
            let found = tools
                .command("python")
                .args(["-c", "import json, ziglang; print(json.dumps(ziglang.__path__[0] + '/zig'))"])
                .json("Looking for zig")
                .await?;
            symlink(found.as_str().unwrap_or_default(), &zig)
                .context(|| format!("Linking {}", zig.display()))?;
        }
        Ok(tools)
    }

    /// The environment of that name, made first when it is missing or older than its requirements.
    async fn up_to_date(project: &Project, name: &str, requirements: &str) -> Result<Self> {
        let requirements = project.infra_local().join(requirements);
        let wanted = fs::read(&requirements).context(|| format!("Reading {}", requirements.display()))?;
        let python = Self { venv: project.local().join(name), scripts: project.infra_local() };
        // A copy of the requirements is written last, so that a half-made environment is never taken for a good one.
        let stamp = python.venv.join("requirements.txt");
        if fs::read(&stamp).is_ok_and(|have| have == wanted) {
            return Ok(python);
        }
        python.make(project, &requirements).await?;
        fs::write(&stamp, wanted).context(|| format!("Writing {}", stamp.display()))?;
        Ok(python)
    }

    async fn make(&self, project: &Project, requirements: &Path) -> Result<()> {
        let phase = Phase::start("Installing the Python packages");
        fs::create_dir_all(project.local()).context(|| format!("Creating {}", project.local().display()))?;
        let log = project.local().join("venv.log");
        let answer = Cmd::new("python3")
            .or_missing(NO_PYTHON)
            .args(["-c", VERSION_AND_VENV])
            .json("Asking python3 for its version")
            .await?;
        if answer["new_enough"] != true {
            return Err(Failure::new(NO_PYTHON));
        }
        if answer["venv"] != true {
            return Err(Failure::new(NO_VENV));
        }
        Cmd::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&self.venv)
            .logged("Python could not make a virtual environment; mend what it says above.", &log)
            .await?;
        // Every dependency is in the file with its hash; `--no-deps` keeps pip from looking for any other.
        self.command("pip")
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"])
            .arg("--requirement")
            .arg(requirements)
            .logged("Installing the Python packages failed; connect to the network and try again.", &log)
            .await?;
        phase.done();
        Ok(())
    }

    /// A program of the environment.
    pub(crate) fn command(&self, name: &str) -> Cmd {
        Cmd::new(self.programs().join(name))
            .env("PATH", self.search_path())
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// One of the scripts in `infra/local`.
    pub(crate) fn script(&self, name: &str) -> Cmd {
        self.command("python").arg(self.scripts.join(name))
    }

    /// Runs a script that answers with JSON.
    pub(crate) async fn ask(
        &self,
        script: &str,
        args: &[&OsString],
        input: &Value,
        env: Vec<(&'static str, OsString)>,
    ) -> Result<Value> {
        self.script(script).args(args).envs(env).input(input.to_string()).json(&format!("`{script}`")).await
    }

    /// Where its programs are.
    pub(crate) fn programs(&self) -> PathBuf {
        self.venv.join("bin")
    }

    fn search_path(&self) -> OsString {
        let mut path = OsString::from(self.programs());
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }
}

const VERSION_AND_VENV: &str = "
import importlib.util, json, sys
has = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({'new_enough': sys.version_info >= (3, 11), 'venv': has('venv') and has('ensurepip')}))";
