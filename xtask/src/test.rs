//! `cargo xtask test`: formatting, lints, the template, and every test, with the stack running on a local cloud.

use std::path::Path;

use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::local::Local;
use crate::node::Node;
use crate::progress::Phase;
use crate::project::Project;
use crate::python::Python;
use crate::stack::{Build, sam_env};

/// With `fast`, everything that needs no cloud.
pub(crate) async fn run(project: &Project, fast: bool) -> Result<()> {
    // Before anything that takes minutes.
    if !Cmd::cargo().args(["nextest", "--version"]).succeeds().await? {
        return Err(Failure::new(
            "cargo-nextest is missing; install it with `cargo install --locked cargo-nextest`, \
             or see https://nexte.st for binaries.",
        ));
    }
    check(project, "Formatting", &["fmt", "--all", "--check"], "run `cargo fmt --all`").await?;
    check(
        project,
        "Lints",
        &["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"],
        "mend what clippy says above",
    )
    .await?;
    if fast {
        examples(project).await?;
        return tests(project, None).await;
    }
    let python = Python::prepare(project).await?;
    // Deploying mostly waits.
    let (local, (), ()) = tokio::try_join!(
        Local::start(project, None, Build::FunctionsAndTests),
        validate(project, &python),
        examples(project),
    )?;
    let result = tests(project, Some(&local.write_description()?)).await;
    local.stop().await?;
    result
}

async fn check(project: &Project, name: &str, arguments: &[&str], remedy: &str) -> Result<()> {
    let phase = Phase::quiet(name);
    if !Cmd::cargo().directory(project.root()).args(arguments).passes().await? {
        return Err(Failure::new(format!("{name}: not as it should be; {remedy}.")));
    }
    phase.done();
    Ok(())
}

/// The examples in the documentation of the code, those included that must not compile.
async fn examples(project: &Project) -> Result<()> {
    check(project, "Examples", &["test", "--quiet", "--doc", "--workspace"], "see the failures above").await
}

/// The templates as SAM and the CloudFormation linter see them.
async fn validate(project: &Project, python: &Python) -> Result<()> {
    let phase = Phase::quiet("Templates");
    let one = async |template: &str| {
        let wrong = format!("{template} is not valid; mend what `sam validate --lint` says above.");
        let log = format!("validate-{}.log", template.replace('/', "-"));
        python
            .command("sam")
            .args(["validate", "--lint", "--region", crate::cloud::REGION, "--template-file"])
            .arg(project.root().join(template))
            .directory(project.root())
            .envs(sam_env(project))
            .logged(&wrong, &project.local().join(log))
            .await
    };
    // The first takes as long as the others together.
    let nested = async {
        tokio::try_join!(one("infra/data.yaml"), one("infra/messaging.yaml"), one("infra/observability.yaml"))
    };
    tokio::try_join!(one("template.yaml"), nested)?;
    phase.done();
    Ok(())
}

/// One run of the test runner for everything, so that its last line is the verdict on everything.
async fn tests(project: &Project, stack: Option<&Path>) -> Result<()> {
    // End-to-end tests mostly wait for queues and caches, so that two processors have time for six.
    let at_a_time = std::thread::available_parallelism().map_or(6, |processors| processors.get().max(6));
    let mut nextest = Cmd::cargo()
        .directory(project.root())
        .args(["nextest", "run", "--workspace", "--test-threads"])
        .arg(at_a_time.to_string())
        // Clearing huge pages would take a tenth of the time of tests, most of which are over in a quarter of a second.
        .env("MIMALLOC_ALLOW_THP", "0");
    nextest = match stack {
        Some(stack) => {
            let python = Python::counterparts(project).await?.programs().join("python");
            let node = Node::counterparts(project).await?;
            nextest
                .env("ROOKERY_STACK", stack)
                .env("ROOKERY_TEST_PYTHON", python)
                .env("ROOKERY_TEST_NODE", node.packages())
        }
        None => nextest.without_env("ROOKERY_STACK").args(["--filterset", "not binary(e2e)"]),
    };
    if nextest.passes().await? { Ok(()) } else { Err(Failure::Reported) }
}
