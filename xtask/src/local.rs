//! The whole bundle running on this machine: cloud, stack, and one base URL in front of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cloud::Cloud;
use crate::failure::{Context, Failure, Result};
use crate::names;
use crate::project::{Project, is_alive};
use crate::proxy::Proxy;
use crate::python::Python;
use crate::stack::{Build, Bundle};

/// A deployed stack on a running local cloud. Everything ends with this value; [`Local::stop`] ends it in good order.
pub(crate) struct Local<'a> {
    /// First, because fields end in their order, and nobody shall be told about a stack that is being ended.
    published: Option<Published>,
    project: &'a Project,
    python: Python,
    directory: PathBuf,
    proxy: Proxy,
    cloud: Cloud,
    deployed: Bundle,
    description: Value,
    /// Whether the cloud holds the stack: not between a restart and the next good deployment.
    is_up: bool,
}

/// What changed since the last deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Only code: the functions of the areas concerned get it.
    Code,
    /// `template.yaml` or `samconfig.toml`: a stack update.
    Template,
    /// A nested template. The local cloud cannot update a stack that holds a key, so it starts anew, without the data.
    Nested,
}

impl<'a> Local<'a> {
    /// Builds, starts and deploys. `port` is that of the base URL; without one the first free from 8480 on.
    pub(crate) async fn start(project: &'a Project, port: Option<u16>, build: Build) -> Result<Self> {
        let python = Python::prepare(project).await?;
        let directory = project.run_directory()?;
        let proxy = Proxy::start(port).await?;
        let bundle = bundle(project, &python, &directory, &proxy, build).await?;
        let cloud = Cloud::start(&python, &directory).await?;
        let description = deploy(&bundle, project, &python, &cloud, &proxy).await?;
        Ok(Self {
            published: None,
            project,
            python,
            directory,
            proxy,
            cloud,
            deployed: bundle,
            description,
            is_up: true,
        })
    }

    /// What other programs need to know, in the form of `stack.json`.
    pub(crate) fn description(&self) -> &Value {
        &self.description
    }

    /// Whether the stack is there; after a failed redeployment it may not be.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up
    }

    pub(crate) fn base_url(&self) -> String {
        self.proxy.base_url()
    }

    pub(crate) fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Where this run keeps its logs and state.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Builds again and brings what changed into the running cloud. When it fails, the stack runs on as it was, unless the
    /// cloud had to start anew: see [`Local::is_up`].
    pub(crate) async fn redeploy(&mut self, change: Change) -> Result<()> {
        // There is nothing to update in a cloud whose last deployment failed.
        let change = if self.is_up { change } else { Change::Nested };
        let bundle =
            bundle(self.project, &self.python, &self.directory, &self.proxy, Build::Functions).await?;
        match change {
            Change::Code => {
                bundle.update_code(&self.deployed, &self.python, &self.cloud, &self.description).await?;
            }
            Change::Template | Change::Nested => {
                if change == Change::Nested {
                    self.is_up = false;
                    if let Some(published) = &self.published {
                        published.withdraw();
                    }
                    self.proxy.pause();
                    self.cloud.restart(&self.python).await?;
                }
                self.description =
                    deploy(&bundle, self.project, &self.python, &self.cloud, &self.proxy).await?;
                self.is_up = true;
                if let Some(published) = &self.published {
                    published.write(&self.description)?;
                }
            }
        }
        self.deployed = bundle;
        Ok(())
    }

    /// Writes the description into a file of this run, for a program that is handed its path.
    pub(crate) fn write_description(&self) -> Result<PathBuf> {
        let path = self.directory.join("stack.json");
        write_atomically(&path, &self.description)?;
        Ok(path)
    }

    /// Puts the description where every program looks for the running stack, until the end.
    pub(crate) fn publish(&mut self) -> Result<()> {
        let published = Published::claim(self.project)?;
        published.write(&self.description)?;
        self.published = Some(published);
        Ok(())
    }

    /// Ends cloud, functions and proxy.
    pub(crate) async fn stop(self) -> Result<()> {
        drop(self.published);
        drop(self.proxy);
        self.cloud.stop().await
    }
}

async fn bundle(
    project: &Project,
    python: &Python,
    directory: &Path,
    proxy: &Proxy,
    build: Build,
) -> Result<Bundle> {
    let mut bundle = Bundle::build(project, python, directory, build).await?;
    bundle.set_parameter("PublicBaseUrl", &proxy.base_url());
    // So that the issuer of tokens is where clients find what it says of itself.
    bundle.set_parameter("PublicUrl", &proxy.base_url());
    bundle.set_parameter("DnsOverHttpsUrl", &format!("{}{}", proxy.base_url(), names::PATH));
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    bundle.set_parameter("Architecture", architecture);
    Ok(bundle)
}

async fn deploy(
    bundle: &Bundle,
    project: &Project,
    python: &Python,
    cloud: &Cloud,
    proxy: &Proxy,
) -> Result<Value> {
    let mut description = bundle.deploy(project, python, cloud).await?;
    let Some(api_id) = description["api_id"].as_str() else {
        return Err(Failure::new("The deployed stack has no HTTP API; `template.yaml` must declare one."));
    };
    proxy.serve(&cloud.endpoint(), api_id);
    description["base_url"] = proxy.base_url().into();
    description["pid"] = std::process::id().into();
    Ok(description)
}

/// The file that tells other programs about the running stack. It goes with this value.
struct Published {
    path: PathBuf,
}

impl Published {
    fn claim(project: &Project) -> Result<Self> {
        let path = project.stack_file();
        let owner = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let owner = owner.and_then(|stack| i32::try_from(stack["pid"].as_i64()?).ok());
        match owner.filter(|pid| is_alive(*pid)) {
            Some(pid) => Err(Failure::new(format!(
                "Process {pid} already keeps a stack up (see {}); end it first.",
                path.display()
            ))),
            None => Ok(Self { path }),
        }
    }

    fn write(&self, description: &Value) -> Result<()> {
        write_atomically(&self.path, description)
    }

    fn withdraw(&self) {
        // Gone already is as good as removed.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.withdraw();
    }
}

fn write_atomically(path: &Path, value: &Value) -> Result<()> {
    let doing = || format!("Writing {}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).context(doing)?;
    }
    let new = path.with_extension("json.new");
    fs::write(&new, format!("{value:#}\n")).context(doing)?;
    fs::rename(&new, path).context(doing)
}
