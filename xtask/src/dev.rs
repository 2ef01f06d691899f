//! `cargo xtask dev`: the local cloud kept up, and the stack brought up to date when a source changes.

use std::path::Path;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::failure::{Context, Failure, Result};
use crate::local::{Change, Local};
use crate::project::Project;
use crate::stack::Build;

/// Editors write a file in several steps; a change counts once they have been quiet for this long.
const QUIET: Duration = Duration::from_millis(300);

const WATCHED: [&str; 6] = ["shared", "functions", "infra", "template.yaml", "samconfig.toml", "Cargo.toml"];

/// Runs until it is interrupted.
pub(crate) async fn run(project: &Project, port: Option<u16>) -> Result<()> {
    let mut changes = Changes::watch(project.root())?;
    let mut local = Local::start(project, port, Build::Functions).await?;
    local.publish()?;
    tell(project, &local);
    loop {
        let change = changes.next().await?;
        match local.redeploy(change).await {
            Ok(()) => eprintln!("Up to date: {}", local.base_url()),
            Err(Failure::Told(sentence)) if local.is_up() => {
                eprintln!("{sentence} The stack runs on as it was.");
            }
            Err(Failure::Told(sentence)) => {
                eprintln!("{sentence} The cloud has started anew and holds no stack until a change deploys.");
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn tell(project: &Project, local: &Local<'_>) {
    let stack = local.description();
    let of = |key: &str| stack[key].as_str().unwrap_or("-").to_owned();
    println!("The stack is up.\n");
    println!("  API           {}", local.base_url());
    println!("  docs          {}/docs", local.base_url());
    println!("  table         {}", of("table"));
    println!("  bucket        {}", of("bucket"));
    println!("  event bus     {}", of("bus"));
    println!("  logs          {} (group {})", local.directory().display(), of("log_group"));
    println!("  description   {}", project.stack_file().display());
    println!("\nFor the AWS CLI:\n");
    println!("  export AWS_ENDPOINT_URL={} AWS_REGION={}", local.cloud().endpoint(), of("region"));
    let credentials = &stack["credentials"];
    let secret = |key: &str| credentials[key].as_str().unwrap_or_default().to_owned();
    println!(
        "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        secret("access_key_id"),
        secret("secret_access_key")
    );
    println!("\nSources are watched; Ctrl-C ends it.");
}

/// The changes of the sources, as they happen.
struct Changes {
    events: UnboundedReceiver<Change>,
    /// Watching ends with the watcher.
    _watcher: RecommendedWatcher,
}

impl Changes {
    fn watch(root: &Path) -> Result<Self> {
        let (sender, events) = unbounded_channel();
        let own_root = root.to_owned();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            for change in event.iter().flat_map(|event| changes_of(event, &own_root)) {
                // The receiver is gone only when the command has ended.
                let _ = sender.send(change);
            }
        })
        .context(|| "Watching the sources".into())?;
        // The root without what lies below it, because an editor that replaces a file ends a watch on that file.
        watcher
            .watch(root, RecursiveMode::NonRecursive)
            .context(|| format!("Watching {}", root.display()))?;
        for path in WATCHED.map(|name| root.join(name)).iter().filter(|path| path.is_dir()) {
            watcher
                .watch(path, RecursiveMode::Recursive)
                .context(|| format!("Watching {}", path.display()))?;
        }
        Ok(Self { events, _watcher: watcher })
    }

    /// Waits for changes and answers with what they ask for together.
    async fn next(&mut self) -> Result<Change> {
        let gone = || Failure::new("Watching the sources ended unexpectedly; start `cargo xtask dev` again.");
        let mut change = self.events.recv().await.ok_or_else(gone)?;
        while let Ok(more) = tokio::time::timeout(QUIET, self.events.recv()).await {
            change = change.max(more.ok_or_else(gone)?);
        }
        Ok(change)
    }
}

fn changes_of(event: &Event, root: &Path) -> Vec<Change> {
    if matches!(event.kind, EventKind::Access(_)) {
        return Vec::new();
    }
    event.paths.iter().filter_map(|path| change_of(path, root)).collect()
}

fn change_of(path: &Path, root: &Path) -> Option<Change> {
    let path = path.strip_prefix(root).ok()?;
    let extension = path.extension()?.to_str()?;
    let top = path.components().next()?.as_os_str().to_str()?;
    match (top, extension) {
        ("template.yaml" | "samconfig.toml", _) => Some(Change::Template),
        ("infra", "yaml") => Some(Change::Nested),
        ("infra", _) => None,
        // Editors' temporary files have other extensions.
        (top, "rs" | "toml" | "html" | "css" | "js" | "json") if WATCHED.contains(&top) => Some(Change::Code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_deployed_asks_for_a_deployment() {
        let change = |path: &str| change_of(&Path::new("/project").join(path), Path::new("/project"));
        assert_eq!(change("shared/domain/src/lib.rs"), Some(Change::Code));
        assert_eq!(change("functions/meta/Cargo.toml"), Some(Change::Code));
        assert_eq!(change("Cargo.toml"), Some(Change::Code));
        assert_eq!(change("template.yaml"), Some(Change::Template));
        assert_eq!(change("infra/data.yaml"), Some(Change::Nested));
        for other in [
            "README.md",
            "tests/e2e/main.rs",
            "target/debug/x.rs",
            "shared/.lib.rs.swp",
            "infra/local/cloud.py",
        ] {
            assert_eq!(change(other), None, "{other}");
        }
    }

    #[test]
    fn several_changes_ask_for_the_most_thorough() {
        assert!(Change::Nested > Change::Template && Change::Template > Change::Code);
    }
}
