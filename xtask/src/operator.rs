//! `cargo xtask operator`: who operates the platform through its API.

use clap::{Args, Subcommand};

use crate::failure::Result;
use crate::project::Project;
use crate::replay::{StackArgs, operate};

#[derive(Args)]
pub(crate) struct OperatorArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Subcommand)]
enum What {
    /// Let somebody in, and print the token once
    Create {
        /// What to call them
        #[arg(long)]
        name: String,
    },
    /// Tell who was let in
    List,
    /// Let somebody in no more
    Revoke {
        /// Their id, `opr_…`
        id: String,
    },
}

/// Makes, lists or revokes operators.
pub(crate) async fn run(project: &Project, args: OperatorArgs) -> Result<()> {
    let words = match args.what {
        What::Create { name } => vec!["operator-create".to_owned(), "--name".to_owned(), name],
        What::List => vec!["operator-list".to_owned()],
        What::Revoke { id } => vec!["operator-revoke".to_owned(), id],
    };
    operate(project, &args.stack, &words).await
}
