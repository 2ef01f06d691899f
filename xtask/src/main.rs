//! The commands of the project: `cargo xtask <command>`.

mod bench;
mod cloud;
mod command;
mod demo;
mod deploy;
mod dev;
mod failure;
mod invoke;
mod local;
mod migrate;
mod names;
mod node;
mod operator;
mod progress;
mod project;
mod proxy;
mod python;
mod redrive;
mod replay;
mod stack;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Context, Failure, Result};
use crate::project::Project;

/// Builds, runs, tests and deploys Rookery.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the main job on a local cloud: release an app to a thousand devices, and show what that leaves behind
    Demo(demo::DemoArgs),
    /// Keep the stack up on a local cloud and redeploy it when sources change
    Dev {
        /// Port of the base URL [default: the first free one from 8480 on]
        #[arg(long)]
        port: Option<u16>,
    },
    /// Check formatting, lints and the template, then run every test
    Test {
        /// Leave out whatever needs the local cloud
        #[arg(long)]
        fast: bool,
    },
    /// Measure release builds of the functions side by side with a bare one
    Bench(bench::BenchArgs),
    /// Run one function in a container with a sample event
    Invoke(invoke::InvokeArgs),
    /// Make audit and usage again from what is stored, and publish events that never arrived
    Replay(replay::ReplayArgs),
    /// Bring what is stored to the form of this release, or back
    Migrate(migrate::MigrateArgs),
    /// Let somebody operate the platform through its API, or no more
    Operator(operator::OperatorArgs),
    /// Send dead letters to the queue that they came from
    Redrive(redrive::RedriveArgs),
    /// Build the bundle and deploy it to an AWS account, asking for what is needed
    Deploy {
        /// Section of samconfig.toml to start from
        #[arg(long, default_value = "production")]
        config_env: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Ending the future drops whatever it holds: clouds, proxies, programs, files that tell about them.
    let result = tokio::select! {
        result = run(arguments.command) => result,
        result = interruption() => result,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match failure {
                Failure::Told(sentence) => eprintln!("error: {sentence}"),
                Failure::Interrupted => return ExitCode::from(130),
                Failure::Reported => {}
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    let project = Project::find().await?;
    match command {
        Command::Demo(args) => demo::run(&project, args).await,
        Command::Dev { port } => dev::run(&project, port).await,
        Command::Test { fast } => test::run(&project, fast).await,
        Command::Bench(args) => bench::run(&project, args).await,
        Command::Invoke(args) => invoke::run(&project, args).await,
        Command::Replay(args) => replay::run(&project, args).await,
        Command::Migrate(args) => migrate::run(&project, args).await,
        Command::Operator(args) => operator::run(&project, args).await,
        Command::Redrive(args) => redrive::run(&project, args).await,
        Command::Deploy { config_env } => deploy::run(&project, &config_env).await,
    }
}

/// Completes when somebody asks for the end.
async fn interruption() -> Result<()> {
    let on = |kind| signal(kind).context(|| "Listening for signals".into());
    let (mut interrupt, mut terminate, mut hangup) =
        (on(SignalKind::interrupt())?, on(SignalKind::terminate())?, on(SignalKind::hangup())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Err(Failure::Interrupted)
}
