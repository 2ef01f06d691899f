//! The container engine: whether one answers, the image that runs binaries of this machine, and the way from a container
//! to the local cloud.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::command::Cmd;
use crate::failure::{Context, Failure, Result};
use crate::progress::Phase;
use crate::project::Project;

const NO_ENGINE: &str = "No container engine answers; start Docker (Debian: `apt install docker.io`, then `dockerd` as root) \
                         or point DOCKER_HOST to one.";
/// What the SAM CLI runs while it adds its Runtime API to the image.
const PROGRAMS: [&str; 3] = ["/bin/sh", "/bin/chmod", "/bin/mv"];
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An engine that answers.
pub(crate) struct Engine {
    gateway: Option<Ipv4Addr>,
}

impl Engine {
    pub(crate) async fn find(directory: &Path) -> Result<Self> {
        let asking = docker().args(["network", "inspect", "bridge"]).errors_to(&log(directory))?;
        let networks =
            asking.json("Asking the container engine").await.map_err(|_| Failure::new(NO_ENGINE))?;
        Ok(Self { gateway: gateway(&networks[0]["IPAM"]["Config"][0]) })
    }

    /// An image with this machine's own C library, because the functions are built for this machine. The AWS image need
    /// not be pulled, and its name is left alone.
    pub(crate) async fn image(&self, directory: &Path, project: &Project) -> Result<String> {
        let mut files: BTreeSet<PathBuf> = PROGRAMS.iter().map(PathBuf::from).collect();
        let functions =
            project.functions().iter().map(|function| directory.join(&function.name).join("bootstrap"));
        for binary in PROGRAMS.iter().map(PathBuf::from).chain(functions) {
            files.extend(libraries(&binary).await?);
        }
        files.insert(CERTIFICATES.into());
        let mut hasher = DefaultHasher::new();
        for file in &files {
            let metadata = fs::metadata(file).context(|| format!("Reading {}", file.display()))?;
            (file, metadata.len(), metadata.modified().ok()).hash(&mut hasher);
        }
        let name = format!("rookery-host-{:016x}:local", hasher.finish());
        let known = docker().args(["image", "inspect", &name]).errors_to(&log(directory))?;
        if known.stdout("Looking for the container image").await.is_ok() {
            return Ok(name);
        }
        let phase = Phase::start("Making the container image");
        let root = directory.join("root");
        for folder in ["tmp", "var/task", "var/runtime"] {
            fs::create_dir_all(root.join(folder)).context(|| format!("Creating {}", root.display()))?;
        }
        let archive = directory.join("root.tar");
        let relative = files.iter().filter_map(|file| file.strip_prefix("/").ok());
        Cmd::new("tar")
            .args(["--create", "--dereference", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&root)
            .arg(".")
            .args(["--directory", "/"])
            .args(relative)
            .logged("The container image could not be packed.", &log(directory))
            .await?;
        docker()
            .arg("import")
            .arg(&archive)
            .arg(&name)
            .logged("The container engine does not take the image.", &log(directory))
            .await?;
        phase.done();
        Ok(name)
    }

    /// Makes an endpoint of this machine's loopback interface reachable from a container.
    pub(crate) async fn bridge(&self, endpoint: &str) -> Result<Bridge> {
        let address = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        if let Some(gateway) = self.gateway
            && let Ok(listener) = TcpListener::bind((gateway, 0)).await
        {
            let port = listener.local_addr().context(|| "Reading the bridge's port".into())?.port();
            let task = tokio::spawn(forward(listener, address));
            return Ok(Bridge { url: format!("http://{gateway}:{port}"), task: Some(task) });
        }
        // An engine in a virtual machine: it has a name for the loopback interface outside of it.
        let port = address.rsplit(':').next().unwrap_or_default();
        Ok(Bridge { url: format!("http://host.docker.internal:{port}"), task: None })
    }
}

/// The host's address in a network. An engine that has just started for the first time names the subnet only, whose first
/// address it takes.
fn gateway(config: &Value) -> Option<Ipv4Addr> {
    if let Some(named) = config["Gateway"].as_str() {
        return named.parse().ok();
    }
    let (network, _) = config["Subnet"].as_str()?.split_once('/')?;
    Some(Ipv4Addr::from_bits(network.parse::<Ipv4Addr>().ok()?.to_bits() + 1))
}

fn log(directory: &Path) -> PathBuf {
    directory.join("engine.log")
}

/// The way from containers to an endpoint of this machine; it ends with this value.
pub(crate) struct Bridge {
    url: String,
    task: Option<JoinHandle<()>>,
}

impl Bridge {
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn forward(listener: TcpListener, address: String) {
    while let Ok((mut inner, _)) = listener.accept().await {
        let address = address.clone();
        tokio::spawn(async move {
            if let Ok(mut outer) = TcpStream::connect(address).await {
                // Either side closing is how a connection ends.
                let _ = copy_bidirectional(&mut inner, &mut outer).await;
            }
        });
    }
}

fn docker() -> Cmd {
    Cmd::new("docker").or_missing(NO_ENGINE)
}

/// The shared libraries that a program is linked with, its loader among them.
async fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Cmd::new("ldd").arg(program).stdout("`ldd`").await?;
    let output = String::from_utf8_lossy(&output).into_owned();
    let words = output.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    Ok(words.map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_gateway_is_named_or_the_first_address() {
        let one = Some(Ipv4Addr::new(172, 17, 0, 1));
        assert_eq!(gateway(&json!({"Subnet": "172.17.0.0/16"})), one);
        assert_eq!(gateway(&json!({"Subnet": "10.0.0.0/8", "Gateway": "172.17.0.1"})), one);
        assert_eq!(gateway(&json!({"Subnet": "fd00::/64"})), None);
        assert_eq!(gateway(&Value::Null), None);
    }
}
