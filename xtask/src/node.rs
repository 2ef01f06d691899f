//! Node.js with the packages of npm that the tests talk to the stack with, as others would.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Cmd;
use crate::failure::{Context, Failure, Result};
use crate::progress::Phase;
use crate::project::Project;

const MISSING: &str = "Node.js 20.19 or newer with npm is needed; install it (Debian: `apt install nodejs npm`) or add it to PATH.";

/// What says whether Node.js is new enough: to be asked for modules of either kind in one way, it has to be.
const VERSION: &str = "
const [major, minor] = process.versions.node.split('.').map(Number)
console.log(major > 20 || (major === 20 && minor >= 19))";

/// The packages of `tests/counterparts/package-lock.json`, installed.
pub(crate) struct Node {
    packages: PathBuf,
}

impl Node {
    /// Those that the tests need, installed first when they are missing or others than the lock says.
    pub(crate) async fn counterparts(project: &Project) -> Result<Self> {
        let sources = project.root().join("tests/counterparts");
        let packages = project.local().join("counterparts-node");
        let lock = sources.join("package-lock.json");
        let wanted = fs::read(&lock).context(|| format!("Reading {}", lock.display()))?;
        // A copy of the lock is written last, so that what is half installed is never taken for good.
        let stamp = packages.join("installed.json");
        if fs::read(&stamp).is_ok_and(|have| have == wanted) {
            return Ok(Self { packages });
        }
        install(project, &sources, &packages).await?;
        fs::write(&stamp, wanted).context(|| format!("Writing {}", stamp.display()))?;
        Ok(Self { packages })
    }

    /// The folder that has them in its `node_modules`.
    pub(crate) fn packages(&self) -> &Path {
        &self.packages
    }
}

async fn install(project: &Project, sources: &Path, packages: &Path) -> Result<()> {
    let phase = Phase::start("Installing the packages for Node.js");
    let new_enough = Cmd::new("node").or_missing(MISSING).args(["--eval", VERSION]);
    if new_enough.json("Asking node for its version").await? != true {
        return Err(Failure::new(MISSING));
    }
    if packages.exists() {
        fs::remove_dir_all(packages).context(|| format!("Removing {}", packages.display()))?;
    }
    fs::create_dir_all(packages).context(|| format!("Creating {}", packages.display()))?;
    for name in ["package.json", "package-lock.json"] {
        let (from, to) = (sources.join(name), packages.join(name));
        fs::copy(&from, &to).context(|| format!("Copying {}", from.display()))?;
    }
    // Every package is in the lock with its hash, and none needs a script of its own to be installed.
    Cmd::new("npm")
        .or_missing(MISSING)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"])
        .directory(packages)
        .logged(
            "Installing the packages for Node.js failed; connect to the network and try again.",
            &project.local().join("npm.log"),
        )
        .await?;
    phase.done();
    Ok(())
}
