//! Where things lie: the project's root, cargo's target directory, and what the local cloud keeps there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Cmd;
use crate::failure::{Context, Failure, Result};

/// The checkout that a command works on.
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
    functions: Vec<FunctionBinary>,
}

/// The one binary of an area.
pub(crate) struct FunctionBinary {
    pub(crate) package: String,
    pub(crate) name: String,
}

impl Project {
    /// Asks cargo, which knows about `CARGO_TARGET_DIR` and every other way to move the target directory.
    pub(crate) async fn find() -> Result<Self> {
        let metadata = Cmd::cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .json("Reading the workspace")
            .await?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from);
        let (Some(root), Some(target)) = (path("workspace_root"), path("target_directory")) else {
            return Err(Failure::new("`cargo metadata` names no workspace; run this inside the project."));
        };
        let functions = function_binaries(&metadata, &root.join("functions"));
        Ok(Self { root, target, functions })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// One binary per area, by name.
    pub(crate) fn functions(&self) -> &[FunctionBinary] {
        &self.functions
    }

    /// What local runs share: the Python environment, the packed functions.
    pub(crate) fn local(&self) -> PathBuf {
        self.target.join("local")
    }

    /// Where other programs look for the running stack, wherever cargo's target directory is.
    pub(crate) fn stack_file(&self) -> PathBuf {
        self.root.join("target/local/stack.json")
    }

    /// The files that only a laptop needs.
    pub(crate) fn infra_local(&self) -> PathBuf {
        self.root.join("infra/local")
    }

    /// A fresh directory for one run, after those of runs that have ended are removed. Logs thus stay until the next run.
    pub(crate) fn run_directory(&self) -> Result<PathBuf> {
        let local = self.local();
        fs::create_dir_all(&local).context(|| format!("Creating {}", local.display()))?;
        for entry in fs::read_dir(&local).context(|| format!("Reading {}", local.display()))?.flatten() {
            let name = entry.file_name();
            let pid =
                name.to_str().and_then(|name| name.strip_prefix("run-")).and_then(|pid| pid.parse().ok());
            if pid.is_some_and(|pid| !is_alive(pid)) {
                fs::remove_dir_all(entry.path())
                    .context(|| format!("Removing {}", entry.path().display()))?;
            }
        }
        let run = local.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&run).context(|| format!("Creating {}", run.display()))?;
        Ok(run)
    }
}

/// Whether a process of that id runs.
pub(crate) fn is_alive(pid: i32) -> bool {
    rustix::process::Pid::from_raw(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

fn function_binaries(metadata: &Value, functions: &Path) -> Vec<FunctionBinary> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut found: Vec<_> = packages
        .iter()
        .filter(|package| {
            package["manifest_path"].as_str().is_some_and(|path| Path::new(path).starts_with(functions))
        })
        .flat_map(|package| {
            let targets = package["targets"].as_array().map_or(&[][..], Vec::as_slice);
            targets.iter().filter(|target| target["kind"][0] == "bin").filter_map(|target| {
                Some(FunctionBinary {
                    package: package["name"].as_str()?.to_owned(),
                    name: target["name"].as_str()?.to_owned(),
                })
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
