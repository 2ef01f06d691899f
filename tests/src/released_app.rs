//! An app that is released to devices, in a [`World`].

use rookery_domain::app::App;
use rookery_domain::id::PackageId;
use serde_json::{Value, json};

use crate::world::{Actor, Reply, World};

/// An app of somebody's tenant, for `ios` and `android`, with the channel `production`.
#[derive(Debug, Clone)]
pub struct ReleasedApp {
    /// The app.
    pub app: App,
    owner: Actor,
}

impl ReleasedApp {
    /// A new app.
    pub async fn new(world: &World, owner: &Actor, name: &str) -> Self {
        Self { app: world.seed_app(owner, name).await, owner: owner.clone() }
    }

    /// A package of this version with the files `index.html` and `js/app.js`.
    pub async fn package(&self, world: &World, version: &str) -> PackageId {
        let unique = format!("{} {version}", self.app.id);
        let files = [("index.html", format!("<!-- {unique} -->")), ("js/app.js", format!("// {unique}"))];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        world.seed_package(&self.owner, &self.app, version, &files).await.id
    }

    /// The path of the app, with something behind it.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/apps/{}{rest}", self.app.id)
    }

    /// A path that devices ask.
    pub fn device_path(&self, rest: &str) -> String {
        format!("/v1/device/{}{rest}", self.app.app_key)
    }

    /// Releases a package on `production`; `more` are further or other fields.
    pub async fn release(&self, world: &World, by: &Actor, package: PackageId, more: Value) -> Reply {
        let mut body = json!({"package_id": package, "channel": "production"});
        let more = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().expect("an object").extend(more);
        world.post(by, &self.path("/releases"), body).await
    }

    /// Gives a command to a release.
    pub async fn command(&self, world: &World, by: &Actor, release: &str, verb: &str, body: Value) -> Reply {
        world.post(by, &self.path(&format!("/releases/{release}/{verb}")), body).await
    }
}
