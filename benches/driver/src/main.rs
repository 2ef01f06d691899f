//! Drives release binaries of the functions through a Runtime API of its own, side by side with a bare function, and
//! prints what they cost. `cargo xtask bench` builds the binaries and calls this.

mod bundle;
mod cases;
mod cloud;
mod flood;
mod function;
mod http_call;
mod measure;
mod report;
mod runtime_api;
mod statistics;
mod world;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::bundle::Bundle;
use crate::cases::Case;
use crate::cloud::Cloud;
use crate::measure::{Bench, Effort};
use crate::report::{CALL_HEADINGS, HEADINGS, Verdict, call_cells, cells, json_line, table, verdicts};
use crate::world::{Helpers, World};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures release binaries against a bare function.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder with the release binaries.
    #[arg(long)]
    binaries: PathBuf,
    /// Root of the workspace: example, sample events and documentation lie below it.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Folder for what the functions log.
    #[arg(long)]
    logs: PathBuf,
    /// Only the functions of these names, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// One JSON object per line instead of tables.
    #[arg(long)]
    json: bool,
    /// Writes the figures into docs/operations/performance.md.
    #[arg(long)]
    write_docs: bool,
    /// Ends with a failure when a target is missed.
    #[arg(long)]
    check: bool,
    /// Starts of each function.
    #[arg(long, default_value_t = 11)]
    starts: usize,
    /// Runs of each function, each after a run of the bare one.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that was asked for was reached.
async fn run(arguments: &Arguments) -> Result<bool, Failure> {
    std::fs::create_dir_all(&arguments.logs)?;
    let cloud = Cloud::start().await?;
    let bundle = Bundle::read(&arguments.root.join("template.yaml"))?;
    let mut helpers = Helpers::new(&arguments.binaries, &arguments.logs, bundle, &cloud);
    let is_asked = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|asked| asked == name);
    let flood = if is_asked("flood") { Some(flood::flood(&mut helpers).await?) } else { None };
    if arguments.only == ["flood"] {
        return Ok(told(flood.as_slice(), arguments));
    }
    let mut cases = vec![cases::bare()];
    if arguments.only != ["bare"] {
        let world = World::make(&mut helpers, &arguments.root.join("examples/hello-app")).await?;
        let api = std::fs::read(arguments.root.join("docs/openapi.json"))?;
        cases.extend(cases::all(&world, &serde_json::from_slice(&api)?));
    }
    let mut bench = Bench {
        binaries: &arguments.binaries,
        events: &arguments.root.join("events"),
        logs: &arguments.logs,
        cloud: &cloud,
        helpers,
        effort: Effort { starts: arguments.starts, rounds: arguments.rounds },
        sequence: 0,
    };
    if !arguments.only.is_empty() {
        let asked = |case: &Case| {
            let place = bench.place(case);
            place.is_ok_and(|place| arguments.only.iter().any(|name| name == place.handler))
        };
        cases.retain(asked);
    }
    if cases.is_empty() {
        return Err("no function of that name is measured".into());
    }
    let mut rows = Vec::new();
    let mut failed = false;
    for (index, case) in cases.iter().enumerate() {
        progress(&format!("{}/{} {}", index + 1, cases.len(), case.what));
        match bench.measure(case).await {
            Ok(row) => {
                if arguments.json {
                    progress("");
                    println!("{}", json_line(&row));
                }
                rows.push(row);
            }
            Err(error) => {
                progress("");
                eprintln!("{}: {error}", case.what);
                failed = true;
            }
        }
    }
    progress("");
    let mut verdicts = verdicts(&rows);
    verdicts.extend(flood);
    if !arguments.json {
        println!("{}", table(HEADINGS, &rows.iter().map(cells).collect::<Vec<_>>()));
        println!("{}", table(CALL_HEADINGS, &rows.iter().map(call_cells).collect::<Vec<_>>()));
    }
    let reached = told(&verdicts, arguments);
    if arguments.write_docs {
        report::write_docs(&arguments.root.join("docs/operations/performance.md"), &rows, &verdicts)?;
    }
    Ok(!failed && reached)
}

/// Says what was reached, and whether that is enough.
fn told(verdicts: &[Verdict], arguments: &Arguments) -> bool {
    for verdict in verdicts.iter().filter(|_| !arguments.json) {
        println!("{}", verdict.line);
    }
    !arguments.check || verdicts.iter().all(|verdict| verdict.met)
}

/// One line that replaces itself, where somebody is looking.
fn progress(text: &str) {
    let mut output = std::io::stderr();
    if output.is_terminal() {
        // Nobody is told when the terminal itself is gone.
        let _ = write!(output, "\r\x1b[2K{text}");
        let _ = output.flush();
    }
}
