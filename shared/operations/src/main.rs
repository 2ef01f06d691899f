//! The operator's program: `cargo xtask replay`, `redrive`, `migrate` and `operator` run it.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rookery_domain::id::{OperatorId, TenantId};
use rookery_domain::text::Name;
use rookery_operations::{
    Direction, RedriveError, Stack, StackError, create_operator, migrate, migrations, operators, redrive,
    replay, revoke_operator,
};

/// What an operator does with a deployed stack.
#[derive(Parser)]
struct Arguments {
    /// Description of the stack
    #[arg(long)]
    stack: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make audit and usage again from what is stored
    Replay {
        /// Only this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// Tell how far every migration is
    MigrateStatus,
    /// Carry out what is stored in the form of this release, or back
    Migrate {
        /// `up` or `down`
        direction: Way,
        /// Only up to this one, or back to before this one
        name: Option<String>,
        /// How many items to write in a second
        #[arg(long, default_value_t = 100)]
        writes_per_second: u32,
    },
    /// Let somebody operate the platform through its API
    OperatorCreate {
        /// What to call them
        #[arg(long)]
        name: Name,
    },
    /// Tell who was let in
    OperatorList,
    /// Let somebody in no more
    OperatorRevoke {
        /// Whom
        id: OperatorId,
    },
    /// Send dead letters to their queue again
    Redrive {
        /// Only this queue
        queue: Option<String>,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Way {
    Up,
    Down,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Answers whether everything is as it should be.
async fn run(arguments: Arguments) -> Result<bool, String> {
    let stack = Stack::read(&arguments.stack).map_err(|StackError(sentence)| sentence)?;
    match arguments.command {
        Command::Replay { tenant } => {
            let replayed = replay(&stack, tenant).await.map_err(|error| failed(&error))?;
            for line in replayed.lines() {
                println!("{line}");
            }
            Ok(replayed.is_sound())
        }
        Command::MigrateStatus => {
            for line in migrations(&stack).await.map_err(|error| failed(&error))? {
                println!("{line}");
            }
            Ok(true)
        }
        Command::Migrate { direction, name, writes_per_second } => {
            let direction = match direction {
                Way::Up => Direction::Up,
                Way::Down => Direction::Down,
            };
            migrate(&stack, direction, name.as_deref(), writes_per_second, |line| println!("{line}"))
                .await
                .map_err(|error| failed(&error))?;
            Ok(true)
        }
        Command::OperatorCreate { name } => {
            let (made, token) = create_operator(&stack, name).await.map_err(|error| failed(&error))?;
            println!("{} may operate the platform as {}. The token, shown this once:", made.name, made.id);
            println!("{}", token.reveal());
            Ok(true)
        }
        Command::OperatorList => {
            let lines = operators(&stack).await.map_err(|error| failed(&error))?;
            if lines.is_empty() {
                println!("Nobody yet; `cargo xtask operator create --name …` lets somebody in.");
            }
            for line in lines {
                println!("{line}");
            }
            Ok(true)
        }
        Command::OperatorRevoke { id } => {
            let line = revoke_operator(&stack, id).await.map_err(|error| failed(&error))?;
            println!("{}", line.ok_or_else(|| format!("there is no operator {id}."))?);
            Ok(true)
        }
        Command::Redrive { queue } => {
            if queue.as_deref() == Some("relay_failures") {
                return Err(
                    "what the relay could not pass on is in the table: `cargo xtask replay` publishes it again."
                        .to_owned(),
                );
            }
            for name in queue.map_or_else(|| stack.redrivable(), |queue| vec![queue]) {
                let moved = redrive(&stack, &name).await.map_err(|error| match error {
                    RedriveError::Store(error) => failed(&error),
                    RedriveError::Unknown { name, known } => {
                        format!(
                            "there are no dead letters of {name}; there are those of {}.",
                            known.join(", ")
                        )
                    }
                })?;
                println!("{name}: {moved} messages sent again");
            }
            Ok(true)
        }
    }
}

fn failed(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        sentence = format!("{sentence}: {cause}");
        source = cause.source();
    }
    sentence
}
