//! `cargo xtask demo`: the main job from signing up to the audit trail, on a cloud of this machine.

mod device;
mod fleet;
mod hello_app;
mod http;
mod outcome;
mod say;
mod story;
mod tenant;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::demo::http::Http;
use crate::demo::say::{fact, heading};
use crate::demo::story::Story;
use crate::failure::{Context, Failure, Result};
use crate::local::Local;
use crate::project::Project;
use crate::stack::Build;

/// What may be asked of the demo.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Leave the stack up until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Use the running stack that this file describes
    #[arg(long, hide = true, conflicts_with = "keep")]
    stack: Option<PathBuf>,
}

/// Plays the story on a stack of its own, and ends that.
pub(crate) async fn run(project: &Project, args: DemoArgs) -> Result<()> {
    if let Some(stack) = args.stack {
        let story = play(project, &described(&stack)?).await?;
        signpost(&story);
        return Ok(());
    }
    let mut local = Local::start(project, None, Build::Functions).await?;
    if args.keep {
        local.publish()?;
    }
    let story = play(project, &local.base_url()).await.map_err(|failure| with_logs(failure, &local))?;
    if args.keep {
        signpost(&story);
        fact("the stack", format_args!("{} describes it", project.stack_file().display()));
        println!("\nThe stack stays up; Ctrl-C ends it.");
        std::future::pending::<()>().await;
    }
    local.stop().await?;
    heading("The stack has ended");
    fact("what stays", format_args!("{}: open it, it is 2.0.0 as a device downloaded it", link(&story)));
    fact("look around", "`cargo xtask demo --keep` leaves the stack up and says how to reach everything");
    Ok(())
}

async fn play(project: &Project, base: &str) -> Result<Story> {
    let started = Instant::now();
    let http = Http::new(base)?;
    let output = project.local().join("demo").join("hello-app-2.0.0");
    let mut story = story::play(&http, &project.root().join("examples/hello-app"), &output).await?;
    outcome::show(&mut story).await?;
    let took = started.elapsed().as_secs_f64();
    println!(
        "\nAdoption, audit trail and usage show exactly what this program counted itself ({took:.0} s)."
    );
    Ok(story)
}

fn signpost(story: &Story) {
    let base = story.tenant.http.base();
    heading("How to reach everything");
    fact("API", base);
    fact("API docs", format_args!("{base}/docs"));
    fact("as Ada", format_args!("curl -H 'Authorization: Bearer {}' {base}/v1/apps", story.tenant.key()));
    fact(
        "as a device",
        format_args!("curl '{base}/v1/device/{}/update?platform=web&device_id=mine'", story.app.key),
    );
    fact("the app", format_args!("{}: open it, it is 2.0.0 as a device downloaded it", link(story)));
}

/// Terminals and browsers open it.
fn link(story: &Story) -> String {
    format!("file://{}", story.laid_out.display())
}

fn described(stack: &Path) -> Result<String> {
    let doing = || format!("Reading {}", stack.display());
    let text = fs::read(stack).context(doing)?;
    let description: Value = serde_json::from_slice(&text).context(doing)?;
    http::text(&description, "/base_url")
}

fn with_logs(failure: Failure, local: &Local<'_>) -> Failure {
    match failure {
        Failure::Told(sentence) => {
            Failure::Told(format!("{sentence} The logs are in {}.", local.directory().display()))
        }
        other => other,
    }
}
