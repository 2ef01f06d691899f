//! `cargo xtask deploy`: `sam build` and a guided `sam deploy` to a real account.

use std::io::IsTerminal;

use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::project::Project;
use crate::python::Python;

const NO_CREDENTIALS: &str = "No valid AWS credentials were found; log in (`aws configure`, `aws sso login`) \
    or set AWS_PROFILE, then try again.";

/// Builds for Amazon Linux and walks the operator through the deployment.
pub(crate) async fn run(project: &Project, config_env: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            "`cargo xtask deploy` asks questions and needs a terminal; in CI run `sam build` and `sam deploy`.",
        ));
    }
    let python = Python::prepare(project).await?;
    let has = |program: &str, arguments: &[&str], sentence: &str| {
        Cmd::new(program).args(arguments).or_missing(sentence).succeeds()
    };
    let no_cargo_lambda = "cargo-lambda is missing; install it with `pip install cargo-lambda`.";
    if !has("cargo-lambda", &["lambda", "--version"], no_cargo_lambda).await? {
        return Err(Failure::new(no_cargo_lambda));
    }
    let no_zig = "zig is missing, which cargo-lambda links with; install it with `pip install ziglang`.";
    if !has("zig", &["version"], no_zig).await.unwrap_or(false)
        && !has("python3", &["-m", "ziglang", "version"], no_zig).await?
    {
        return Err(Failure::new(no_zig));
    }
    if !python.script("caller_identity.py").passes().await? {
        return Err(Failure::new(NO_CREDENTIALS));
    }
    let sam = |command: &str| {
        python.command("sam").arg(command).args(["--config-env", config_env]).directory(project.root())
    };
    if !sam("build").converse().await? {
        return Err(Failure::new("`sam build` failed; mend what it says above."));
    }
    if !sam("deploy").arg("--guided").converse().await? {
        return Err(Failure::new("`sam deploy` did not finish; mend what it says above and run it again."));
    }
    Ok(())
}
