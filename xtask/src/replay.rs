//! `cargo xtask replay`: the operator's program, on the local stack or a deployed one.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::command::Cmd;
use crate::failure::{Context, Failure, Result};
use crate::project::Project;
use crate::python::Python;
use crate::stack::Build;

/// The operator's program.
const PROGRAM: &str = "rookery-operations";

/// Which stack is meant.
#[derive(Args)]
pub(crate) struct StackArgs {
    /// Description of the stack, as `cargo xtask dev` writes it [default: target/local/stack.json]
    #[arg(long, value_name = "FILE", conflicts_with = "stack_name")]
    stack: Option<PathBuf>,
    /// Name of a stack in the AWS account whose credentials are in the environment
    #[arg(long, value_name = "NAME")]
    stack_name: Option<String>,
    /// Take the operator's program as it is. The tests built it, together with themselves.
    #[arg(long, hide = true)]
    built: bool,
}

#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// Only this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

/// Makes audit and usage again from what is stored, and publishes events that never arrived.
pub(crate) async fn run(project: &Project, args: ReplayArgs) -> Result<()> {
    let mut words = vec!["replay".to_owned()];
    if let Some(tenant) = args.tenant {
        words.extend(["--tenant".to_owned(), tenant]);
    }
    operate(project, &args.stack, &words).await
}

/// Runs the operator's program with these words.
pub(crate) async fn operate(project: &Project, stack: &StackArgs, words: &[String]) -> Result<()> {
    let description = describe(project, stack).await?;
    if !stack.built {
        Build::Functions.run(project).await?;
    }
    let program = project.target().join("debug").join(PROGRAM);
    let passed = Cmd::new(program).arg("--stack").arg(description).args(words).passes().await?;
    if passed { Ok(()) } else { Err(Failure::Reported) }
}

/// The file that describes the stack.
async fn describe(project: &Project, stack: &StackArgs) -> Result<PathBuf> {
    let Some(name) = &stack.stack_name else {
        let file = stack.stack.clone().unwrap_or_else(|| project.stack_file());
        if !file.exists() {
            return Err(Failure::new(format!(
                "There is no {}; start a local stack with `cargo xtask dev`, or name a deployed one with --stack-name.",
                file.display()
            )));
        }
        return Ok(file);
    };
    let python = Python::prepare(project).await?;
    let described =
        python.ask("describe_stack.py", &[&OsString::from(name)], &Value::Null, Vec::new()).await?;
    let file = project.local().join(format!("stack-{name}.json"));
    std::fs::write(&file, described.to_string()).context(|| format!("Writing {}", file.display()))?;
    Ok(file)
}
