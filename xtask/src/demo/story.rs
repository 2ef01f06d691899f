//! The main job from beginning to end: a tenant, an app, three releases, a thousand devices.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::demo::device::{self, Downloaded};
use crate::demo::fleet::{DEVICES, Fleet, Spreading};
use crate::demo::hello_app::{self, Package};
use crate::demo::http::{Http, text};
use crate::demo::say::{Bar, fact, heading, number, percent};
use crate::demo::tenant::Tenant;
use crate::failure::{Failure, Result};

/// The share of the fleet that gets the second version first.
const QUARTER_BP: u64 = 2_500;
/// The share that gets the broken one.
const TENTH_BP: u64 = 1_000;
/// How many devices download and verify everything; the others are satisfied with being told.
const CAREFUL_DEVICES: usize = 3;

const INSTALLED: &[&str] = &["downloaded", "installed"];
const FAILED: &[&str] = &["downloaded", "failed"];

/// Everything that the demo has made.
pub(crate) struct Story {
    pub(crate) tenant: Tenant,
    pub(crate) fleet: Fleet,
    pub(crate) app: App,
    /// Ids of releases, oldest first.
    pub(crate) releases: Vec<String>,
    /// What people call what the ids name.
    pub(crate) names: BTreeMap<String, String>,
    /// Where the files of the second version lie, and the one to open.
    pub(crate) laid_out: PathBuf,
    /// What devices have not reported yet: they do so when they get round to it.
    untold: Vec<Untold>,
    /// For how long functions remember what they offer to devices.
    good_for: Duration,
}

/// What happened on some devices with a release.
struct Untold {
    devices: Vec<usize>,
    release: String,
    events: &'static [&'static str],
}

/// The app.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) key: String,
    signing_keys: Value,
}

/// Plays it on a running stack. `examples` holds the versions of the app, `output` is where a device lays files out.
pub(crate) async fn play(http: &Http, examples: &Path, output: &Path) -> Result<Story> {
    let mut story = begin(http, output).await?;
    story.first_version(&examples.join("v1")).await?;
    story.second_version(&examples.join("v2")).await?;
    story.broken_version(&examples.join("v3-broken")).await?;
    story.refusal().await?;
    story.secrets().await?;
    Ok(story)
}

async fn begin(http: &Http, output: &Path) -> Result<Story> {
    heading("Sign up, and create an app");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let slug = format!("hello-{}", since.as_millis());
    let (mut tenant, answer) = Tenant::sign_up(http, "Hello Inc.", &slug).await?;
    fact("tenant", format_args!("Hello Inc. ({slug}), {}", tenant.id));
    let platforms = json!({ "name": "hello-app", "platforms": ["android", "ios", "web"] });
    let made = tenant.act("app.create", "/v1/apps", &platforms).await?;
    let app = App {
        id: text(&made, "/id")?,
        key: text(&made, "/app_key")?,
        signing_keys: made["signing_keys"].clone(),
    };
    fact("app", format_args!("hello-app, {}", app.id));
    fact("app key", format_args!("{} (public: devices name the app by it)", app.key));
    let names = [
        (tenant.id.clone(), "Hello Inc.".to_owned()),
        (text(&answer, "/user/id")?, "Ada".to_owned()),
        (tenant.key_id.clone(), "Ada's key".to_owned()),
        (app.id.clone(), "hello-app".to_owned()),
    ];
    Ok(Story {
        fleet: Fleet::new(http, &app.key),
        tenant,
        app,
        releases: Vec::new(),
        names: names.into(),
        laid_out: output.to_owned(),
        untold: Vec::new(),
        good_for: Duration::ZERO,
    })
}

impl Story {
    async fn first_version(&mut self, directory: &Path) -> Result<()> {
        heading("Release 1.0.0 to everybody");
        let package = self.publish(directory, "1.0.0").await?;
        let release = self.release(&package, 10_000).await?;
        self.command(&release, "conclude", json!({})).await?;
        self.good_for = self.fleet.ask_without_a_name().await?;
        self.tenant.tally.update_checks += 1;
        let reached = self.wave(&release).await?;
        expect(reached.len(), DEVICES, "devices were offered 1.0.0")?;
        self.fleet.install(&reached, &release);
        fact("devices", format_args!("all {} were offered 1.0.0", number(DEVICES as u64)));
        self.untold.push(Untold { devices: reached, release, events: INSTALLED });
        Ok(())
    }

    async fn second_version(&mut self, directory: &Path) -> Result<()> {
        heading("Release 2.0.0 to a quarter, then to everybody");
        let package = self.publish(directory, "2.0.0").await?;
        let release = self.release(&package, QUARTER_BP).await?;
        self.spread().await?;
        let answers = self.ask().await?;
        let early = self.fleet.offered(&answers, &release)?;
        self.expect_share(&early, &release, QUARTER_BP, "2.0.0")?;
        self.fleet.install(&early, &release);

        self.command(&release, "ramp", json!({ "rollout_bp": 10_000 })).await?;
        let spreading = Spreading::start(self.good_for);
        self.download(&early, &answers, &package).await?;
        self.untold.push(Untold { devices: early.clone(), release: release.clone(), events: INSTALLED });
        self.tell().await?;
        spreading.done().await;
        self.remaining_devices(&early, release).await
    }

    async fn remaining_devices(&mut self, early: &[usize], release: String) -> Result<()> {
        let late = self.wave(&release).await?;
        let kept: Vec<usize> = (0..DEVICES).filter(|device| !late.contains(device)).collect();
        if kept != early {
            return Err(Failure::new(
                "At 100 % the devices that had 2.0.0 did not simply keep it; \
                 see `decide` in shared/domain/src/device.rs.",
            ));
        }
        fact(
            "at 100 %",
            format_args!("those {} kept it, the other {} were offered it", kept.len(), late.len()),
        );
        self.fleet.install(&late, &release);
        self.command(&release, "conclude", json!({})).await?;
        self.untold.push(Untold { devices: late, release, events: INSTALLED });
        Ok(())
    }

    async fn broken_version(&mut self, directory: &Path) -> Result<()> {
        heading("Release 3.0.0 to a tenth: it does not start, and is rolled back");
        let package = self.publish(directory, "3.0.0").await?;
        let failing = self.release(&package, TENTH_BP).await?;
        self.spread().await?;
        let hit = self.wave(&failing).await?;
        self.expect_share(&hit, &failing, TENTH_BP, "3.0.0")?;
        self.fleet.install(&hit, &failing);
        self.command(&failing, "pause", json!({})).await?;
        self.roll_back(hit, failing).await
    }

    async fn roll_back(&mut self, hit: Vec<usize>, failing: String) -> Result<()> {
        let notes = json!({ "notes": "It does not start." });
        let minted = self.command(&failing, "rollback", notes).await?;
        let minted = self.remember(&minted, "rollback to 2.0.0")?;
        fact("rollback", format_args!("by a new release of 2.0.0, {minted}"));
        self.untold.push(Untold { devices: hit.clone(), release: failing, events: FAILED });
        self.spread().await?;
        let back = self.wave(&minted).await?;
        if back != hit {
            return Err(Failure::new(
                "Not exactly the devices with 3.0.0 were sent back to 2.0.0; \
                 see `decide` in shared/domain/src/device.rs.",
            ));
        }
        fact("devices", format_args!("all {} went back to 2.0.0, the others stayed", back.len()));
        self.fleet.install(&back, &minted);
        self.untold.push(Untold { devices: back, release: minted, events: &["installed"] });
        self.tell().await
    }

    /// Which devices a partial rollout reaches can be computed by anybody, and has to be exactly that.
    fn expect_share(&self, offered: &[usize], release: &str, rollout_bp: u64, version: &str) -> Result<()> {
        if offered != self.fleet.share(release, rollout_bp) {
            return Err(Failure::new(format!(
                "The devices that were offered {version} are not those that docs/DEVICES.md lets compute; \
                 see `bucket` in shared/domain/src/rollout.rs."
            )));
        }
        let (offered, all) = (offered.len(), number(DEVICES as u64));
        fact(
            "devices",
            format_args!("{offered} of {all} were offered {version}, exactly those that it was for"),
        );
        Ok(())
    }

    /// A key that may only look tries to do more.
    async fn refusal(&mut self) -> Result<()> {
        heading("Refuse what a key may not do");
        let body = json!({ "name": "dashboard", "scopes": ["release.list", "release.read"] });
        let key = self.tenant.act("api_key.create", "/v1/api-keys", &body).await?;
        self.names.insert(text(&key, "/id")?, "dashboard's key".to_owned());
        let newest = self.releases.last().cloned().unwrap_or_default();
        let path = format!("/v1/apps/{}/releases/{newest}/rollback", self.app.id);
        let secret = text(&key, "/secret")?;
        let told = self.tenant.try_with(&secret, "release.rollback", &path, &json!({})).await?;
        fact("403", told);
        Ok(())
    }

    async fn secrets(&mut self) -> Result<()> {
        heading("Keep a secret");
        let path = format!("/v1/apps/{}/secrets", self.app.id);
        let body = json!({ "name": "PUSH_TOKEN", "value": "a first value" });
        let secret = text(&self.tenant.act("secret.create", &path, &body).await?, "/id")?;
        self.names.insert(secret.clone(), "PUSH_TOKEN".to_owned());
        let path = format!("{path}/{secret}");
        let second = json!({ "value": "a second value" });
        self.tenant.act("secret.rotate", &format!("{path}/versions"), &second).await?;
        for (value, matches) in [("a first value", false), ("a second value", true)] {
            let verify = format!("{path}/verify");
            let verdict = self.tenant.act("secret.use", &verify, &json!({ "value": value })).await?;
            if verdict["matches"] != matches {
                return Err(Failure::new(format!(
                    "Verifying {value:?} answered {verdict}; see the secrets."
                )));
            }
        }
        let shown = self.tenant.get(&path).await?;
        if shown.to_string().contains("a second value") {
            return Err(Failure::new("A secret's value came back; see the catalog area."));
        }
        fact("PUSH_TOKEN", "created and rotated: the new value verifies, the old one does not,");
        fact("", "and neither ever comes back through the API");
        Ok(())
    }

    async fn publish(&mut self, directory: &Path, version: &str) -> Result<Package> {
        let package = hello_app::publish(&mut self.tenant, &self.app.id, directory, version).await?;
        self.names.insert(package.id.clone(), format!("package {version}"));
        let shared = match package.files - package.uploaded {
            0 => String::new(),
            shared => format!(", {shared} are those of earlier versions"),
        };
        fact(
            "package",
            format_args!("{version}: {} files, {} uploaded{shared}", package.files, package.uploaded),
        );
        Ok(package)
    }

    async fn release(&mut self, package: &Package, rollout_bp: u64) -> Result<String> {
        let path = format!("/v1/apps/{}/releases", self.app.id);
        let body = json!({ "package_id": package.id, "channel": "production", "rollout_bp": rollout_bp });
        let made = self.tenant.act("release.create", &path, &body).await?;
        let id = self.remember(&made, &format!("release {}", package.version))?;
        fact("release", format_args!("{} of devices, {id}", percent(rollout_bp)));
        Ok(id)
    }

    fn remember(&mut self, release: &Value, name: &str) -> Result<String> {
        let id = text(release, "/id")?;
        self.names.insert(id.clone(), name.to_owned());
        self.releases.push(id.clone());
        Ok(id)
    }

    async fn command(&mut self, release: &str, verb: &str, body: Value) -> Result<Value> {
        let path = format!("/v1/apps/{}/releases/{release}/{verb}", self.app.id);
        self.tenant.act(&format!("release.{verb}"), &path, &body).await
    }

    async fn ask(&mut self) -> Result<Vec<Option<Value>>> {
        let answers = self.fleet.ask().await?;
        self.tenant.tally.update_checks += answers.len() as u64;
        Ok(answers)
    }

    /// Lets every device ask, and answers which are offered this release. None may be offered another one.
    async fn wave(&mut self, release: &str) -> Result<Vec<usize>> {
        let answers = self.ask().await?;
        self.fleet.offered(&answers, release)
    }

    /// Waits until a change that has just been made reaches devices, which meanwhile report what they have to.
    async fn spread(&mut self) -> Result<()> {
        let spreading = Spreading::start(self.good_for);
        self.tell().await?;
        spreading.done().await;
        Ok(())
    }

    /// Devices report what became of releases, and those with bad news repeat it: that must not count twice.
    async fn tell(&mut self) -> Result<()> {
        let bar = Bar::waiting("Devices report");
        let mut repeated = 0;
        for Untold { devices, release, events } in std::mem::take(&mut self.untold) {
            for event in events {
                let reports = self.fleet.report(&devices, &release, event).await?;
                self.tenant.tally.reports += reports.len() as u64;
                if *event == "failed" {
                    self.fleet.send(&reports).await?;
                    repeated += reports.len() as u64;
                }
            }
        }
        bar.done();
        self.tenant.tally.reports += repeated;
        if repeated > 0 {
            fact("reports", "each failure was reported twice, and must be counted once");
        }
        Ok(())
    }

    /// Some devices download everything and verify it, and one lays it out to be looked at.
    async fn download(
        &mut self,
        early: &[usize],
        answers: &[Option<Value>],
        package: &Package,
    ) -> Result<()> {
        let bar = Bar::waiting("Devices download and verify");
        let careful = early.iter().take(CAREFUL_DEVICES).filter_map(|device| answers[*device].as_ref());
        let (http, keys) = (&self.tenant.http, &self.app.signing_keys);
        let downloads: Vec<Downloaded> =
            try_join_all(careful.map(|update| device::download(http, keys, update))).await?;
        bar.done();
        if downloads.iter().any(|downloaded| downloaded.manifest_sha256 != package.manifest_sha256) {
            return Err(Failure::new("A device was given another package than 2.0.0; see the device area."));
        }
        self.tenant.tally.downloaded_bytes += downloads.iter().map(Downloaded::bytes).sum::<u64>();
        if let Some(first) = downloads.first() {
            first.lay_out(&self.laid_out)?;
            self.laid_out.push(&first.index);
            fact(
                "verified",
                format_args!(
                    "{} devices downloaded {} files each: signature, sizes and SHA-256 are right",
                    downloads.len(),
                    first.files()
                ),
            );
        }
        Ok(())
    }
}

fn expect(seen: usize, wanted: usize, what: &str) -> Result<()> {
    if seen == wanted {
        return Ok(());
    }
    Err(Failure::new(format!("{seen} {what} instead of {wanted}; see the device area.")))
}
