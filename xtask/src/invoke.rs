//! `cargo xtask invoke`: one function in a container, as `sam local invoke` runs it, given its sample event.

mod engine;

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cloud::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use crate::command::Cmd;
use crate::failure::{Context, Failure, Result};
use crate::invoke::engine::Engine;
use crate::project::Project;
use crate::python::Python;
use crate::stack::{Build, sam_env};

/// Where nothing answers: without a running stack a function must not find any AWS, least of all a real one.
const NO_ENDPOINT: &str = "http://127.0.0.1:9";

/// How many functions run at a time when all of them are asked for. They mostly wait: for containers to start and to end.
const AT_A_TIME: usize = 6;

/// Runs a function in a container with an event.
#[derive(Debug, clap::Args)]
pub(crate) struct InvokeArgs {
    /// The function's name in template.yaml (`WhoamiFunction`) or its handler (`whoami`).
    #[arg(required_unless_present = "all")]
    function: Option<String>,
    /// A file with the event; without one, the function's sample in events/.
    #[arg(conflicts_with = "all")]
    event: Option<PathBuf>,
    /// Every function with its sample event; prints one JSON object per line.
    #[arg(long, conflicts_with = "function")]
    all: bool,
    /// The description of the stack whose table and queues the functions use; without one, that of `cargo xtask dev`.
    #[arg(long, value_name = "FILE")]
    stack: Option<PathBuf>,
    /// Take the binaries as they are. The tests built them, together with themselves.
    #[arg(long, hide = true)]
    built: bool,
}

pub(crate) async fn run(project: &Project, args: InvokeArgs) -> Result<()> {
    let directory = project.local().join("invoke");
    fs::create_dir_all(&directory).context(|| format!("Creating {}", directory.display()))?;
    let engine = Engine::find(&directory).await?;
    let python = Python::prepare(project).await?;
    if !args.built {
        Build::Functions.run(project).await?;
    }
    let stack = running_stack(project, args.stack.as_deref())?;
    let bridge = match stack["endpoint_url"].as_str() {
        Some(endpoint) => Some(engine.bridge(endpoint).await?),
        None => None,
    };
    let layout =
        Layout::make(project, &python, directory, &stack, bridge.as_ref().map(engine::Bridge::url)).await?;
    let image = engine.image(&layout.directory, project).await?;
    let cloud = stack["endpoint_url"].as_str().unwrap_or(NO_ENDPOINT);
    let invocation = Invocation { project, python: &python, layout: &layout, image: &image, cloud };
    if args.all {
        return invocation.all().await;
    }
    let (id, handler) = layout.resolve(args.function.as_deref().unwrap_or_default())?;
    let event = args.event.unwrap_or_else(|| sample(project, handler));
    if !event.exists() {
        return Err(Failure::new(format!("There is no event in {}.", event.display())));
    }
    let event = fs::canonicalize(&event).context(|| format!("Reading {}", event.display()))?;
    if invocation.sam(id, &event).passes().await? {
        println!();
        Ok(())
    } else {
        Err(Failure::new(format!("`sam local invoke {id}` failed; see the lines above.")))
    }
}

/// What `sam local invoke` is run on.
struct Layout {
    directory: PathBuf,
    /// Logical id and handler of every function, in the order of the template.
    functions: Vec<(String, String)>,
}

impl Layout {
    async fn make(
        project: &Project,
        python: &Python,
        directory: PathBuf,
        stack: &Value,
        endpoint: Option<String>,
    ) -> Result<Self> {
        let binaries = project.target().join("debug");
        let arguments = [project.root(), &binaries, &directory].map(|path| path.as_os_str().to_owned());
        let asked = json!({
            "endpoint_url": endpoint.as_deref().unwrap_or(NO_ENDPOINT),
            "functions": stack["functions"],
        });
        let cloud = stack["endpoint_url"].as_str().unwrap_or(NO_ENDPOINT);
        let mut env = operator();
        env.push(("AWS_ENDPOINT_URL", cloud.into()));
        let functions = python.ask("invoke_template.py", &arguments.each_ref(), &asked, env).await?;
        let functions = functions.as_object().into_iter().flatten();
        let functions =
            functions.map(|(id, handler)| (id.clone(), handler.as_str().unwrap_or_default().to_owned()));
        Ok(Self { directory, functions: functions.collect() })
    }

    fn resolve(&self, name: &str) -> Result<(&str, &str)> {
        let found = self.functions.iter().find(|(id, handler)| id == name || handler == name);
        found.map(|(id, handler)| (id.as_str(), handler.as_str())).ok_or_else(|| {
            let names: Vec<_> = self.functions.iter().map(|(id, _)| id.as_str()).collect();
            Failure::new(format!("template.yaml has no function {name}; it has {}.", names.join(", ")))
        })
    }
}

struct Invocation<'a> {
    project: &'a Project,
    python: &'a Python,
    layout: &'a Layout,
    image: &'a str,
    /// Where the SAM CLI asks for the account.
    cloud: &'a str,
}

impl Invocation<'_> {
    /// Runs every function with its sample event, several at a time, and prints the answers as they come.
    /// One that fails does not keep the others from running.
    async fn all(&self) -> Result<()> {
        let logs = self.layout.directory.join("logs");
        if logs.exists() {
            fs::remove_dir_all(&logs).context(|| format!("Removing {}", logs.display()))?;
        }
        fs::create_dir_all(&logs).context(|| format!("Creating {}", logs.display()))?;
        let runs = self.layout.functions.iter().zip(1..).map(|((id, handler), number)| {
            let event = sample(self.project, handler);
            let own_address = own_address(number).map(OsString::from);
            let arguments = self.arguments(id, &event).into_iter().chain(own_address);
            let arguments: Vec<_> =
                arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
            let log = logs.join(format!("{handler}.log"));
            json!({"function": id, "handler": handler, "arguments": arguments, "log": log})
        });
        let runs = Value::Array(runs.collect());
        let all =
            self.python.script("sam_local_invoke.py").arg(AT_A_TIME.to_string()).input(runs.to_string());
        if self.prepared(all).passes().await? { Ok(()) } else { Err(Failure::Reported) }
    }

    fn sam(&self, id: &str, event: &Path) -> Cmd {
        self.prepared(self.python.command("sam")).args(self.arguments(id, event))
    }

    fn arguments(&self, id: &str, event: &Path) -> [OsString; 10] {
        let template = self.layout.directory.join("template.yaml");
        let [id, image] = [id, self.image].map(OsString::from);
        let [template, event] = [template.as_path(), event].map(|path| path.as_os_str().to_owned());
        [
            "local".into(),
            "invoke".into(),
            id,
            "--skip-pull-image".into(),
            "--invoke-image".into(),
            image,
            "--template".into(),
            template,
            "--event".into(),
            event,
        ]
    }

    fn prepared(&self, sam: Cmd) -> Cmd {
        sam.directory(&self.layout.directory)
            .envs(operator())
            // Not for every service: it would hand that on to the function in place of the template's, which is the bridge's.
            .envs([("AWS_ENDPOINT_URL_STS", self.cloud.into()), ("AWS_MAX_ATTEMPTS", "1".into())])
            .envs(sam_env(self.project))
    }
}

/// A loopback address for each container. The SAM CLI picks its container's port long before it takes it, so that two of
/// them could pick the same.
fn own_address(number: u32) -> [String; 4] {
    let address = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number).to_string();
    ["--container-host".into(), address.clone(), "--container-host-interface".into(), address]
}

/// The stack to use, or null when none runs and none was asked for.
fn running_stack(project: &Project, asked: Option<&Path>) -> Result<Value> {
    let path = match asked {
        Some(path) => path.to_owned(),
        None if project.stack_file().exists() => project.stack_file(),
        None => {
            eprintln!("No stack is running (`cargo xtask dev` starts one): what needs AWS will answer 503.");
            return Ok(Value::Null);
        }
    };
    let text = fs::read(&path).context(|| format!("Reading {}", path.display()))?;
    serde_json::from_slice(&text).context(|| format!("Reading {}", path.display()))
}

fn sample(project: &Project, handler: &str) -> PathBuf {
    project.root().join("events").join(format!("{handler}.json"))
}

/// The credentials of the local cloud, so that nobody's real ones reach a container.
fn operator() -> Vec<(&'static str, OsString)> {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .map(|(name, value)| (name, value.into()))
    .into()
}
