//! `cargo xtask bench`: release builds of the functions, measured side by side with a bare one. The measuring itself is
//! the crate in `benches/driver`, so that it is compiled with optimisations and this program stays quick to build.

use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::progress::Phase;
use crate::project::Project;

/// Measures the functions against a bare one.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// One JSON object per line instead of tables.
    #[arg(long)]
    json: bool,
    /// Only these handlers, separated by commas: `device-update,whoami`.
    #[arg(long, value_name = "HANDLER")]
    only: Option<String>,
    /// Write the figures into docs/operations/performance.md.
    #[arg(long, conflicts_with = "only")]
    write_docs: bool,
    /// End with a failure when a target is missed.
    #[arg(long)]
    check: bool,
    /// How often each function is started for its start-up time.
    #[arg(long, value_name = "COUNT")]
    starts: Option<u32>,
    /// How many runs of each function there are, each after a run of the bare one.
    #[arg(long, value_name = "COUNT")]
    rounds: Option<u32>,
}

pub(crate) async fn run(project: &Project, args: BenchArgs) -> Result<()> {
    let phase = Phase::quiet("Building the functions");
    let mut functions = Cmd::cargo().args(["build", "--release", "--bins", "-p", "rookery-bench-bare"]);
    for function in project.functions() {
        functions = functions.args(["-p", &function.package]);
    }
    built(functions, project).await?;
    // Apart from the functions, so that the driver's dependencies add no features to theirs.
    built(Cmd::cargo().args(["build", "--profile", "driver", "-p", "rookery-bench"]), project).await?;
    phase.done();

    let mut driver = Cmd::new(project.target().join("driver/rookery-bench"))
        .arg("--binaries")
        .arg(project.target().join("release"))
        .arg("--root")
        .arg(project.root())
        .arg("--logs")
        .arg(project.local().join("bench"));
    for (flag, set) in [("--json", args.json), ("--write-docs", args.write_docs), ("--check", args.check)] {
        if set {
            driver = driver.arg(flag);
        }
    }
    if let Some(only) = &args.only {
        driver = driver.args(["--only", only]);
    }
    for (flag, count) in [("--starts", args.starts), ("--rounds", args.rounds)] {
        if let Some(count) = count {
            driver = driver.args([flag, &count.to_string()]);
        }
    }
    if driver.passes().await? { Ok(()) } else { Err(Failure::Reported) }
}

async fn built(cargo: Cmd, project: &Project) -> Result<()> {
    if cargo.directory(project.root()).passes().await? {
        Ok(())
    } else {
        Err(Failure::new("The build failed; see the lines above."))
    }
}
