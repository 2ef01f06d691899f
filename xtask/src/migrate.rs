//! `cargo xtask migrate`: what is stored, brought to the form of this release, or back.

use clap::{Args, Subcommand};

use crate::failure::Result;
use crate::project::Project;
use crate::replay::{StackArgs, operate};

#[derive(Args)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Subcommand)]
enum What {
    /// Tell how far every migration is
    Status,
    /// Carry out what was not carried out yet
    Up(Pace),
    /// Go back to before the last migration
    Down(Pace),
}

#[derive(Args)]
struct Pace {
    /// Only up to this migration, or back to before it
    name: Option<String>,
    /// How many items to write in a second, so that requests keep their share of the table
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    writes_per_second: u32,
}

/// Runs migrations, or tells about them.
pub(crate) async fn run(project: &Project, args: MigrateArgs) -> Result<()> {
    let (direction, pace) = match args.what {
        What::Status => return operate(project, &args.stack, &["migrate-status".to_owned()]).await,
        What::Up(pace) => ("up", pace),
        What::Down(pace) => ("down", pace),
    };
    let mut words = vec!["migrate".to_owned(), direction.to_owned()];
    words.extend(pace.name);
    words.extend(["--writes-per-second".to_owned(), pace.writes_per_second.to_string()]);
    operate(project, &args.stack, &words).await
}
