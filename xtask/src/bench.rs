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
    /// Only these handlers, separated by commas: `device-update,whoami`. `decision` is what deciding about rights costs
    /// by itself, `token` what checking an access token does, `password` what Argon2id does, `authorize` what a warm request costs more for being authorized.
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

/// The measurements that are of no function: their name, the package that has them, and the profile that they are built in. What
/// takes the whole platform along is not linked as the functions are, which would take minutes.
const APART: [(&str, &str, &str); 4] = [
    ("decision", "rookery-access", "bench"),
    ("token", "rookery-edge", "bench"),
    ("password", "rookery-factors", "bench"),
    ("authorize", "rookery-tests", "driver"),
];

pub(crate) async fn run(project: &Project, args: BenchArgs) -> Result<()> {
    let only: Option<Vec<&str>> = args.only.as_deref().map(|only| only.split(',').collect());
    let mut met = true;
    for (name, package, profile) in APART {
        if only.as_ref().is_none_or(|only| only.contains(&name)) {
            met &= apart(project, &args, (name, package, profile)).await?;
        }
    }
    let is_apart = |name: &&str| APART.iter().any(|(apart, ..)| apart == name);
    let handlers: Option<Vec<&str>> =
        only.map(|only| only.into_iter().filter(|name| !is_apart(name)).collect());
    met &= match &handlers {
        Some(handlers) if handlers.is_empty() => true,
        _ => functions(project, &args, handlers.map(|handlers| handlers.join(","))).await?,
    };
    if met { Ok(()) } else { Err(Failure::Reported) }
}

/// Measures what is a part of every request, apart from everything else that a request does.
async fn apart(
    project: &Project,
    args: &BenchArgs,
    (name, package, profile): (&str, &str, &str),
) -> Result<bool> {
    let mut bench = Cmd::cargo().directory(project.root()).args(["bench", "--quiet", "--profile", profile]);
    bench = bench.args(["-p", package, "--bench", name, "--"]);
    for (flag, set) in [("--json", args.json), ("--check", args.check)] {
        if set {
            bench = bench.arg(flag);
        }
    }
    bench.passes().await
}

/// Measures functions against the bare one: these, or all.
async fn functions(project: &Project, args: &BenchArgs, only: Option<String>) -> Result<bool> {
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
    if let Some(only) = &only {
        driver = driver.args(["--only", only]);
    }
    for (flag, count) in [("--starts", args.starts), ("--rounds", args.rounds)] {
        if let Some(count) = count {
            driver = driver.args([flag, &count.to_string()]);
        }
    }
    driver.passes().await
}

async fn built(cargo: Cmd, project: &Project) -> Result<()> {
    if cargo.directory(project.root()).passes().await? {
        Ok(())
    } else {
        Err(Failure::new("The build failed; see the lines above."))
    }
}
