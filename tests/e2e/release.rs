//! Releases on the deployed stack: a thousand devices go through a rollout, a pause and a rollback, and verify what they fetch.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;

use http::Method;
use rookery_domain::hash::Sha256;
use rookery_domain::rollout::bucket;
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::{Actor, Reply};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many devices ask at a time.
const AT_ONCE: usize = 24;

/// An app with packages on the stack.
struct Hello {
    stack: Stack,
    owner: Actor,
    path: String,
    app: Value,
    marker: String,
}

impl Hello {
    async fn new() -> Self {
        let stack = Stack::connect();
        let owner = stack.sign_up().await;
        let body = json!({"name": "Hello", "platforms": ["web"]});
        let app = stack.post(&owner, "/v1/apps", body).await.expect(201);
        let path = app.headers["location"].to_str().unwrap().to_owned();
        Self { stack, path, app: app.body, marker: owner.tenant.clone(), owner }
    }

    async fn publish(&self, version: &str) -> String {
        let texts = [
            ("index.html", format!("<!-- {version} {} -->", self.marker)),
            ("js/app.js", format!("console.log({version:?}, {:?})", self.marker)),
        ];
        let listed = |with_size: bool| -> Vec<Value> {
            let file = |(path, text): &(&str, String)| {
                let sha256 = Sha256::of(text.as_bytes());
                if with_size {
                    json!({"path": path, "sha256": sha256, "size": text.len()})
                } else {
                    json!({"path": path, "sha256": sha256, "split": "important"})
                }
            };
            texts.iter().map(file).collect()
        };
        let body = json!({"files": listed(true)});
        let uploads = self.stack.post(&self.owner, &format!("{}/uploads", self.path), body).await.expect(200);
        for (answer, (_, text)) in uploads.body["files"].as_array().unwrap().iter().zip(&texts) {
            let upload = &answer["upload"];
            let mut request = self.stack.client().put(upload["url"].as_str().unwrap()).body(text.clone());
            for (name, value) in upload["headers"].as_object().unwrap() {
                request = request.header(name, value.as_str().unwrap());
            }
            assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
        }
        let body = json!({"version": version, "index": "index.html", "files": listed(false), "metadata": {}});
        self.stack.post(&self.owner, &format!("{}/packages", self.path), body).await.expect(201).text("/id")
    }

    async fn release(&self, package: &str, rollout_bp: u16) -> String {
        let body = json!({"package_id": package, "channel": "production", "rollout_bp": rollout_bp});
        self.stack.post(&self.owner, &format!("{}/releases", self.path), body).await.expect(201).text("/id")
    }

    async fn command(&self, release: &str, verb: &str, body: Value) -> Reply {
        self.stack.post(&self.owner, &format!("{}/releases/{release}/{verb}", self.path), body).await
    }

    fn device_path(&self, rest: &str) -> String {
        format!("/v1/device/{}{rest}", self.app["app_key"].as_str().unwrap())
    }

    async fn check(&self, device: usize, current: &str) -> Reply {
        let query =
            format!("/update?channel=production&platform=web&device_id=device-{device}&current={current}");
        self.stack.get(&Actor::anonymous(), &self.device_path(&query)).await
    }

    /// Waits until a device is offered this release, or nothing.
    async fn shows(&self, device: usize, current: &str, release: Option<&str>) -> Reply {
        eventually("the change reaches devices", async || {
            let reply = self.check(device, current).await;
            let seen = (reply.status == 200).then(|| reply.text("/release_id"));
            if seen.as_deref() == release { Ok(reply) } else { Err(format!("{seen:?}")) }
        })
        .await
    }
}

/// Which of the devices are offered a release.
async fn offered(
    hello: &Arc<Hello>,
    devices: impl IntoIterator<Item = usize>,
    current: &'static str,
    release: &str,
) -> BTreeSet<usize> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asks = JoinSet::new();
    for device in devices {
        let (hello, turns, release) = (Arc::clone(hello), Arc::clone(&turns), release.to_owned());
        asks.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            let reply = hello.check(device, current).await;
            assert!([200, 204].contains(&reply.status.as_u16()), "{} {}", reply.status, reply.body);
            (reply.status == 200 && reply.text("/release_id") == release).then_some(device)
        });
    }
    asks.join_all().await.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_thousand_devices_go_through_a_rollout() {
    let hello = Arc::new(Hello::new().await);
    let (one, two, three) =
        (hello.publish("1.0.0").await, hello.publish("2.0.0").await, hello.publish("3.0.0").await);
    let first = hello.release(&one, 10_000).await;
    hello.shows(0, "", Some(&first)).await;

    // A quarter: exactly those whom the published rule names, whichever process they asked.
    let second = hello.release(&two, 2500).await;
    let id = second.parse().unwrap();
    let expected: BTreeSet<usize> =
        (0..1000).filter(|n| bucket(id, &format!("device-{n}").parse().unwrap()) < 2500).collect();
    let (within, without) = (*expected.first().unwrap(), (0..1000).find(|n| !expected.contains(n)).unwrap());
    hello.shows(within, "1.0.0", Some(&second)).await;
    // Other processes than the one that was asked answer from memory for up to the cache's time.
    let quarter = eventually("every process shows the rollout", async || {
        let seen = offered(&hello, 0..1000, "1.0.0", &second).await;
        if seen == expected { Ok(seen) } else { Err(format!("{} devices", seen.len())) }
    })
    .await;
    assert!((190..=310).contains(&quarter.len()), "{} of 1000", quarter.len());

    // Paused: nobody new, and whoever has it keeps it.
    hello.command(&second, "pause", json!({})).await.expect(200);
    hello.shows(within, "1.0.0", None).await;
    hello.check(within, "2.0.0").await.expect(204);
    hello.command(&second, "resume", json!({})).await.expect(200);
    hello.shows(within, "1.0.0", Some(&second)).await;
    hello.command(&second, "ramp", json!({"rollout_bp": 10_000})).await.expect(200);
    hello.shows(without, "1.0.0", Some(&second)).await;

    // A version that fails is taken back: its package is replaced by the one before, under a new release.
    let third = hello.release(&three, 10_000).await;
    hello.shows(within, "2.0.0", Some(&third)).await;
    let minted = hello.command(&third, "rollback", json!({"notes": "it fails"})).await.expect(201);
    assert_eq!(minted.text("/package/id"), two);
    let back = hello.shows(within, "3.0.0", Some(&minted.text("/id"))).await;
    assert_eq!(back.text("/package/version"), "2.0.0");
    hello.check(without, "2.0.0").await.expect(204);
    let ended = hello.stack.get(&hello.owner, &format!("{}/releases/{third}", hello.path)).await.expect(200);
    assert_eq!(ended.text("/state"), "rolled_back");
}

fn openssl_verifies(pem: &str, signature: &str, message: &[u8]) -> bool {
    let directory = std::env::temp_dir().join(format!("rookery-{}", Sha256::of(signature.as_bytes())));
    std::fs::create_dir_all(&directory).unwrap();
    for (name, bytes) in [("key", pem.as_bytes()), ("signature", signature.as_bytes()), ("message", message)]
    {
        std::fs::write(directory.join(name), bytes).unwrap();
    }
    let script = "openssl base64 -d -A -in signature -out raw && \
                  openssl pkeyutl -verify -pubin -inkey key -rawin -in message -sigfile raw";
    let run = Command::new("sh").args(["-c", script]).current_dir(&directory).stdout(Stdio::null()).status();
    std::fs::remove_dir_all(&directory).unwrap();
    run.unwrap().success()
}

#[tokio::test]
async fn a_device_verifies_what_it_fetches() {
    let hello = Hello::new().await;
    let package = hello.publish("1.0.0").await;
    let release = hello.release(&package, 10_000).await;
    let update = hello.shows(1, "", Some(&release)).await;
    assert_eq!(update.headers["cache-control"], "private, no-store");
    let anybody = Actor::anonymous();

    let manifest = hello.stack.get(&anybody, &update.text("/signature/manifest_url")).await.expect(200);
    assert_eq!(Sha256::of(&manifest.bytes).to_string(), update.text("/signature/manifest_sha256"));
    let key = &hello.app["signing_keys"][0];
    assert_eq!(json!(update.text("/signature/key_id")), key["id"]);
    let pem = key["public_key_pem"].as_str().unwrap();
    let signature = update.text("/signature/value");
    assert!(openssl_verifies(pem, &signature, &manifest.bytes));
    assert!(!openssl_verifies(pem, &signature, &[&manifest.bytes[..], b" "].concat()));
    assert_eq!(manifest.body["files"].as_array().unwrap().len(), 2);

    for file in update.body["package"]["files"].as_array().unwrap() {
        let url = file["url"].as_str().unwrap();
        assert!(url.starts_with(hello.stack.base_url()), "{url}");
        let way = hello.stack.get(&anybody, url).await.expect(302);
        assert_eq!(way.headers["cache-control"], "private, max-age=600");
        let bytes = hello.stack.get(&anybody, way.headers["location"].to_str().unwrap()).await.expect(200);
        assert_eq!(json!(Sha256::of(&bytes.bytes)), file["sha256"]);
        assert_eq!(json!(bytes.bytes.len()), file["size"]);
        let kind = bytes.headers["content-type"].to_str().unwrap();
        let expected = if file["path"] == "index.html" { "text/html" } else { "text/javascript" };
        assert!(kind.starts_with(expected), "{kind}");
    }
    let unknown = hello.device_path(&format!("/packages/{package}/files/{}", Sha256::of(b"no such file")));
    assert!(hello.stack.get(&anybody, &unknown).await.expect(404).bytes.is_empty());
    // A package that was not released is nobody's to fetch.
    let hidden = hello.publish("2.0.0").await;
    let path = hello.device_path(&format!("/packages/{hidden}/manifest"));
    assert!(hello.stack.get(&anybody, &path).await.expect(404).bytes.is_empty());
}

#[tokio::test]
async fn reports_become_adoption_without_counting_twice() {
    let hello = Hello::new().await;
    let package = hello.publish("1.0.0").await;
    let release = hello.release(&package, 10_000).await;
    let at = jiff::Timestamp::now();
    let report = |device: usize, event: &str| {
        let reason = (event == "failed").then_some("signature mismatch");
        json!({"device_id": format!("d-{device}"), "release_id": release, "event": event, "at": at, "reason": reason})
    };
    let reports: Vec<Value> = (0..40)
        .flat_map(|n| [report(n, "downloaded"), report(n, if n < 30 { "installed" } else { "failed" })])
        .collect();
    let path = hello.device_path("/reports");
    for _ in 0..2 {
        let reply =
            hello.stack.post(&Actor::anonymous(), &path, json!({"reports": reports})).await.expect(202);
        assert_eq!(reply.body, json!({"accepted": 80}));
    }
    let expected = json!({"downloaded": 40, "installed": 30, "launched": 0, "failed": 10, "rolled_back": 0});
    let read = eventually("the reports are counted", async || {
        let path = format!("{}/releases/{release}", hello.path);
        let reply = hello.stack.get(&hello.owner, &path).await.expect(200);
        if reply.body["adoption"] == expected { Ok(reply) } else { Err(reply.body["adoption"].to_string()) }
    })
    .await;
    assert_eq!(read.body["failures"], json!([{"reason": "signature mismatch", "count": 10}]));
}

#[tokio::test]
async fn every_command_has_the_rights_that_it_needs() {
    let hello = Hello::new().await;
    let channels = format!("{}/channels", hello.path);
    hello.stack.post(&hello.owner, &channels, json!({"name": "beta"})).await.expect(201);
    assert_eq!(
        hello.stack.get(&hello.owner, &channels).await.expect(200).body["items"].as_array().unwrap().len(),
        2
    );
    let (one, two) = (hello.publish("1").await, hello.publish("2").await);
    let first = hello.release(&one, 10_000).await;
    let second = hello.release(&two, 100).await;
    let ramp = format!("{}/releases/{second}/ramp", hello.path);
    let body = json!({"rollout_bp": 5000});
    let headers = [("idempotency-key", "ramp-1"), ("if-match", "\"1\"")];
    for _ in 0..2 {
        let reply = hello.stack.call_with(&hello.owner, Method::POST, &ramp, Some(&body), &headers).await;
        assert_eq!(reply.expect(200).body["version"], 2);
    }
    let stale =
        hello.stack.call_with(&hello.owner, Method::POST, &ramp, Some(&body), &[("if-match", "\"1\"")]).await;
    stale.expect(412);

    // At once: one wins, and the other is told.
    let (left, right) = tokio::join!(
        hello.command(&second, "pause", json!({})),
        hello.command(&second, "conclude", json!({}))
    );
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", left.body, right.body);

    if right.status != 200 {
        hello.command(&second, "resume", json!({})).await.expect(200);
        hello.command(&second, "conclude", json!({})).await.expect(200);
    }
    let superseded =
        hello.stack.get(&hello.owner, &format!("{}/releases/{first}", hello.path)).await.expect(200);
    assert_eq!(superseded.text("/state"), "superseded");
    let minted = hello.command(&second, "rollback", json!({"to": first})).await.expect(201);
    let filtered = format!("{}/releases?channel=production&state=active", hello.path);
    let list = hello.stack.get(&hello.owner, &filtered).await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(list.text("/items/0/id"), minted.text("/id"));
}
