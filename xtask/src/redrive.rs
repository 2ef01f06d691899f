//! `cargo xtask redrive`: dead letters go back to the queue that they came from.

use clap::Args;

use crate::failure::Result;
use crate::project::Project;
use crate::replay::{StackArgs, operate};

#[derive(Args)]
pub(crate) struct RedriveArgs {
    /// Only this queue: audit, usage, reports or workspaces
    queue: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

/// Sends dead letters to their queue again.
pub(crate) async fn run(project: &Project, args: RedriveArgs) -> Result<()> {
    let words: Vec<String> = std::iter::once("redrive".to_owned()).chain(args.queue).collect();
    operate(project, &args.stack, &words).await
}
