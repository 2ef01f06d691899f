//! Building the bundle for this machine and deploying its own `template.yaml` to the local cloud.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::cloud::{ACCESS_KEY_ID, Cloud, SECRET_ACCESS_KEY};
use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::progress::Phase;
use crate::project::Project;
use crate::python::Python;

/// What is built for the functions to be there, in one call of cargo. It is always the whole workspace: cargo unites the features of
/// what it builds together, so that a run of the tests after building some packages alone would compile the dependencies a second time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Build {
    /// The programs.
    Functions,
    /// Every test along with them.
    FunctionsAndTests,
}

impl Build {
    pub(crate) async fn run(self, project: &Project) -> Result<()> {
        let phase = Phase::quiet(match self {
            Self::Functions => "Building the functions",
            Self::FunctionsAndTests => "Building the functions and the tests",
        });
        let mut cargo = Cmd::cargo().directory(project.root()).args(["build", "--workspace", "--bins"]);
        if let Self::FunctionsAndTests = self {
            cargo = cargo.arg("--tests");
        }
        if !cargo.passes().await? {
            return Err(Failure::new("The code does not compile; mend what the compiler says above."));
        }
        phase.done();
        Ok(())
    }
}

/// The bundle as it is to be deployed: one package per area, and the template that names them.
pub(crate) struct Bundle {
    stack_name: String,
    parameters: Map<String, Value>,
    functions: Vec<Value>,
    /// SHA-256 of each area's package.
    packages: Map<String, Value>,
    directory: PathBuf,
}

impl Bundle {
    /// Builds, packs each area once, and derives the template, in `directory`.
    pub(crate) async fn build(
        project: &Project,
        python: &Python,
        directory: &Path,
        build: Build,
    ) -> Result<Self> {
        build.run(project).await?;

        let phase = Phase::start("Packing the functions");
        let directory = directory.join("bundle");
        let packages = project.local().join("artifacts");
        let binaries = project.target().join("debug");
        let arguments =
            [project.root(), &binaries, &packages, &directory].map(|path| path.as_os_str().to_owned());
        let derived =
            python.ask("derive_template.py", &arguments.each_ref(), &Value::Null, Vec::new()).await?;
        phase.done();
        Ok(Self {
            stack_name: text(&derived["stack_name"]),
            parameters: derived["parameters"].as_object().cloned().unwrap_or_default(),
            functions: derived["functions"].as_array().cloned().unwrap_or_default(),
            packages: derived["packages"].as_object().cloned().unwrap_or_default(),
            directory,
        })
    }

    /// Sets a parameter of the template, over what `samconfig.toml` says.
    pub(crate) fn set_parameter(&mut self, name: &str, value: &str) {
        self.parameters.insert(name.to_owned(), value.into());
    }

    /// Runs `sam deploy`, gives the API its routes, and answers with a description of what came of it.
    pub(crate) async fn deploy(&self, project: &Project, python: &Python, cloud: &Cloud) -> Result<Value> {
        let phase = Phase::start("Deploying the stack");
        let log = self.directory.join("deploy.log");
        python
            .command("sam")
            .arg("deploy")
            .arg("--template-file")
            .arg(self.directory.join("template.yaml"))
            .arg("--config-file")
            .arg(project.root().join("samconfig.toml"))
            .args(["--config-env", "local", "--no-confirm-changeset", "--no-fail-on-empty-changeset"])
            .arg("--parameter-overrides")
            .args(self.parameters.iter().map(|(name, value)| format!("{name}={}", text(value))))
            .directory(&self.directory)
            .envs(cloud.operator_env())
            .envs(sam_env(project))
            .logged("`sam deploy` failed; mend what it says above.", &log)
            .await?;
        let stack = OsString::from(&self.stack_name);
        let functions = Value::Array(self.functions.clone());
        python.ask("http_api_routes.py", &[&stack], &functions, cloud.operator_env()).await?;
        python.ask("mail_identity.py", &[&stack], &Value::Null, cloud.operator_env()).await?;
        let mut description =
            python.ask("describe_stack.py", &[&stack], &Value::Null, cloud.operator_env()).await?;
        description["endpoint_url"] = cloud.endpoint().into();
        description["credentials"] =
            json!({ "access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY });
        phase.done();
        Ok(description)
    }

    /// Gives the functions whose area has other code than in `before` the code of this bundle, without a stack update.
    pub(crate) async fn update_code(
        &self,
        before: &Self,
        python: &Python,
        cloud: &Cloud,
        deployed: &Value,
    ) -> Result<()> {
        let is_new = |area: &str, digest| before.packages.get(area) != Some(digest);
        let changed: Vec<_> = self
            .packages
            .iter()
            .filter(|(area, digest)| is_new(area, digest))
            .map(|(area, _)| area.as_str())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let phase = Phase::start(format!("Updating {}", changed.join(", ")));
        let updates: Vec<_> = self
            .functions
            .iter()
            .filter(|function| changed.contains(&text(&function["area"]).as_str()))
            .map(|function| {
                let name = &deployed["functions"][text(&function["id"])];
                json!({ "function": name, "package": function["package"] })
            })
            .collect();
        python.ask("update_code.py", &[], &updates.into(), cloud.operator_env()).await?;
        phase.done();
        Ok(())
    }
}

/// Keeps the SAM CLI to itself: no telemetry, no files in the home directory; and lets it ask often whether it is done.
pub(crate) fn sam_env(project: &Project) -> Vec<(&'static str, OsString)> {
    vec![
        ("SAM_CLI_TELEMETRY", "0".into()),
        ("SAM_CLI_POLL_DELAY", "0.5".into()),
        ("__SAM_CLI_APP_DIR", project.local().join("sam").into()),
    ]
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
