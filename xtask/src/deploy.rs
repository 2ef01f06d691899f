//! `cargo xtask deploy`: `sam build` and a guided `sam deploy` to a real account.

use std::io::IsTerminal;

use crate::failure::{Context, Failure, Result};
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
    if !python.script("caller_identity.py").passes().await? {
        return Err(Failure::new(NO_CREDENTIALS));
    }
    let tools = Python::build_tools(project).await?;
    let callers = std::env::var_os("PATH").unwrap_or_default();
    let path = [python.programs(), tools.programs()].into_iter().chain(std::env::split_paths(&callers));
    let path = std::env::join_paths(path).context(|| "Joining PATH".into())?;
    let sam = |command: &str| {
        python
            .command("sam")
            .env("PATH", &path)
            .arg(command)
            .args(["--config-env", config_env])
            .directory(project.root())
    };
    if !sam("build").converse().await? {
        return Err(Failure::new("`sam build` failed; mend what it says above."));
    }
    if !sam("deploy").arg("--guided").converse().await? {
        return Err(Failure::new("`sam deploy` did not finish; mend what it says above and run it again."));
    }
    Ok(())
}
