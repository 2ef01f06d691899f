//! A thousand devices.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::demo::http::{Http, text};
use crate::demo::say::Bar;
use crate::failure::{Failure, Result};

pub(crate) const DEVICES: usize = 1000;

/// How many requests are under way at a time. The local cloud starts a process for each concurrent invocation.
const AT_A_TIME: usize = 16;

/// Most reports that the API takes at a time.
const REPORTS_PER_CALL: usize = 100;

const PLATFORMS: [&str; 3] = ["android", "ios", "web"];

/// One of them.
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) platform: &'static str,
    /// The release that it runs, if any.
    pub(crate) runs: Option<String>,
}

/// All of them, and what they reported.
pub(crate) struct Fleet {
    http: Http,
    app_key: String,
    pub(crate) devices: Vec<Device>,
    /// How many devices reported what of which release.
    pub(crate) adoption: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many devices gave which reason for failing, by release.
    pub(crate) failures: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Fleet {
    pub(crate) fn new(http: &Http, app_key: &str) -> Self {
        let devices = (0..DEVICES).map(|number| Device {
            id: format!("device-{number:04}"),
            platform: PLATFORMS[number % PLATFORMS.len()],
            runs: None,
        });
        Self {
            http: http.clone(),
            app_key: app_key.to_owned(),
            devices: devices.collect(),
            adoption: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Asks without a name, as a cache in front of the API might, and answers for how long the answer is good.
    pub(crate) async fn ask_without_a_name(&self) -> Result<Duration> {
        let path = format!("/v1/device/{}/update?platform=web", self.app_key);
        let answer = self.http.call(Method::GET, &path, None, None).await?.expect(200)?;
        let caching = answer.header("cache-control").unwrap_or_default();
        let seconds = caching.split("max-age=").nth(1).and_then(|seconds| seconds.parse().ok());
        Ok(Duration::from_secs(seconds.unwrap_or_default()))
    }

    /// Lets every device ask what it should run. Where there is something newer, the answer is at the device's place.
    pub(crate) async fn ask(&self) -> Result<Vec<Option<Value>>> {
        let bar = Bar::start("Devices ask for updates", self.devices.len());
        let asking = self.devices.iter().map(|device| async {
            let answer = self.ask_as(device).await;
            bar.advance();
            answer
        });
        let answers = stream::iter(asking).buffered(AT_A_TIME).try_collect().await?;
        bar.done();
        Ok(answers)
    }

    async fn ask_as(&self, device: &Device) -> Result<Option<Value>> {
        let Device { id, platform, runs } = device;
        let current = runs.as_ref().map_or_else(String::new, |release| format!("&current={release}"));
        let path = format!("/v1/device/{}/update?platform={platform}&device_id={id}{current}", self.app_key);
        let answer = self.http.call(Method::GET, &path, None, None).await?;
        match answer.status {
            200 => Ok(Some(answer.json()?)),
            204 => Ok(None),
            _ => Err(answer.unexpected("200 or 204")),
        }
    }

    /// Lets some devices report something of a release, and answers with the reports.
    pub(crate) async fn report(
        &mut self,
        devices: &[usize],
        release: &str,
        event: &str,
    ) -> Result<Vec<Value>> {
        let at = Timestamp::now().to_string();
        let reports: Vec<Value> =
            devices.iter().map(|device| report(&self.devices[*device], release, event, &at)).collect();
        self.send(&reports).await?;
        for report in &reports {
            let counted = self.adoption.entry(release.to_owned()).or_default();
            *counted.entry(event.to_owned()).or_default() += 1;
            if let Some(reason) = report["reason"].as_str() {
                let counted = self.failures.entry(release.to_owned()).or_default();
                *counted.entry(reason.to_owned()).or_default() += 1;
            }
        }
        Ok(reports)
    }

    /// Sends reports, as many at a time as the API takes.
    pub(crate) async fn send(&self, reports: &[Value]) -> Result<()> {
        let path = format!("/v1/device/{}/reports", self.app_key);
        let sending = reports.chunks(REPORTS_PER_CALL).map(|reports| {
            let (path, body) = (&path, json!({ "reports": reports }));
            async move {
                let answer = self.http.call(Method::POST, path, None, Some(&body)).await?.expect(202)?;
                if answer.json()?["accepted"].as_u64() == Some(reports.len() as u64) {
                    Ok(())
                } else {
                    Err(answer.unexpected("202 for all reports"))
                }
            }
        });
        stream::iter(sending).buffer_unordered(AT_A_TIME).try_collect().await
    }

    /// Takes note of what devices were offered: all of it must be of one release. Answers which devices these are.
    pub(crate) fn offered(&self, answers: &[Option<Value>], release: &str) -> Result<Vec<usize>> {
        let mut offered = Vec::new();
        for (device, answer) in answers.iter().enumerate() {
            let Some(update) = answer else { continue };
            let named = text(update, "/release_id")?;
            if named != release {
                return Err(Failure::new(format!(
                    "{} was offered {named} instead of {release}; see how the device area decides.",
                    self.devices[device].id
                )));
            }
            offered.push(device);
        }
        Ok(offered)
    }

    /// The devices that a share of the fleet is, by the rule that docs/DEVICES.md gives for everybody to compute.
    pub(crate) fn share(&self, release: &str, rollout_bp: u64) -> Vec<usize> {
        let within = |device: &usize| bucket(release, &self.devices[*device].id) < rollout_bp;
        (0..self.devices.len()).filter(within).collect()
    }

    /// From now on these devices run that release.
    pub(crate) fn install(&mut self, devices: &[usize], release: &str) {
        for device in devices {
            self.devices[*device].runs = Some(release.to_owned());
        }
    }
}

fn report(device: &Device, release: &str, event: &str, at: &str) -> Value {
    let mut report = json!({ "device_id": device.id, "release_id": release, "event": event, "at": at });
    if event == "failed" {
        report["reason"] = reason(device.platform).into();
    }
    report
}

/// What the broken version's mistake is called by each platform's JavaScript engine.
fn reason(platform: &str) -> &'static str {
    match platform {
        "ios" => "TypeError: undefined is not an object (evaluating 'window.rookery.stars.paint')",
        _ => "TypeError: Cannot read properties of undefined (reading 'paint')",
    }
}

/// SHA-256 over the release, a zero byte and the device; its first eight bytes as a number, modulo 10000.
fn bucket(release: &str, device: &str) -> u64 {
    let digest = digest(&SHA256, format!("{release}\0{device}").as_bytes());
    digest.as_ref()[..8].iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte)) % 10_000
}

/// A change that devices learn of when what the functions remember has become old.
pub(crate) struct Spreading {
    since: Instant,
    takes: Duration,
}

impl Spreading {
    /// The change has just been made, and answers were good for so long.
    pub(crate) fn start(good_for: Duration) -> Self {
        Self { since: Instant::now(), takes: good_for + Duration::from_millis(200) }
    }

    /// Waits for what remains of it.
    pub(crate) async fn done(self) {
        let remains = self.takes.saturating_sub(self.since.elapsed());
        if remains.is_zero() {
            return;
        }
        let bar = Bar::waiting("The change reaches every function");
        tokio::time::sleep(remains).await;
        bar.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that `rollout.rs` in the domain pins down.
    #[test]
    fn the_bucket_follows_the_published_rule() {
        let release = "rel_01h455vb4pex5vsknk084sn02q";
        for (device, expected) in [("device-1", 5464), ("device-2", 5826), ("4f2a", 8806), ("!~", 5259)] {
            assert_eq!(bucket(release, device), expected, "{device}");
        }
    }
}
