//! Devices: what they are offered, what they fetch, and what that costs.

use std::sync::atomic::Ordering;

use http::Method;
use rookery_domain::hash::Sha256;
use rookery_tests::line::Line;
use rookery_tests::released_app::ReleasedApp;
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

const SHARED: &str = "public, max-age=5";
const OWN: &str = "private, no-store";

async fn start() -> (World, Actor, ReleasedApp) {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let hello = ReleasedApp::new(&world, &owner, "Hello").await;
    (world, owner, hello)
}

async fn ask(world: &World, hello: &ReleasedApp, query: &str) -> Reply {
    let path = hello.device_path(&format!("/update?platform=ios{query}"));
    world.get(&Actor::anonymous(), &path).await
}

fn caching(reply: &Reply) -> &str {
    reply.headers["cache-control"].to_str().unwrap()
}

#[tokio::test]
async fn a_device_gets_everything_that_it_needs() {
    let (world, owner, hello) = start().await;
    let nothing = ask(&world, &hello, "").await.expect(204);
    assert!(nothing.bytes.is_empty());
    let package = hello.package(&world, "1.0.0").await;
    let more = json!({"mandatory": true, "config": {"b": 1, "a": [true]}});
    let release = hello.release(&world, &owner, package, more).await.expect(201).text("/id");
    world.wait(5);

    let reply = ask(&world, &hello, "").await.expect(200);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(caching(&reply), SHARED);
    assert_eq!(reply.text("/release_id"), release);
    assert_eq!(reply.text("/package/id"), package.to_string());
    assert_eq!(reply.text("/package/version"), "1.0.0");
    assert_eq!(reply.text("/package/index"), "index.html");
    assert_eq!(reply.body["mandatory"], json!(true));
    assert_eq!(reply.body["config"], json!({"b": 1, "a": [true]}));
    let root = format!("https://rookery.test{}", hello.device_path(&format!("/packages/{package}")));
    for file in reply.body["package"]["files"].as_array().unwrap() {
        let sha256 = file["sha256"].as_str().unwrap();
        assert_eq!(file["url"], json!(format!("{root}/files/{sha256}")));
        assert!(file["size"].is_u64() && file["split"] == "important");
    }
    assert_eq!(reply.text("/signature/algorithm"), "ed25519");
    assert_eq!(reply.text("/signature/manifest_url"), format!("{root}/manifest"));

    // The manifest that the signature is of.
    let path = hello.device_path(&format!("/packages/{package}/manifest"));
    let manifest = world.get(&Actor::anonymous(), &path).await.expect(200);
    assert_eq!(Sha256::of(&manifest.bytes).to_string(), reply.text("/signature/manifest_sha256"));
    assert_eq!(caching(&manifest), "public, max-age=31536000, immutable");
    let signature = manifest.headers["rookery-signature"].to_str().unwrap();
    assert!(signature.starts_with("sig=\"") && signature.ends_with("alg=\"ed25519\""), "{signature}");

    // What the device runs, by any of its names.
    let digest = reply.text("/signature/manifest_sha256");
    for current in [package.to_string(), release, digest, "1.0.0".to_owned()] {
        let reply = ask(&world, &hello, &format!("&current={current}&device_id=d-1")).await.expect(204);
        assert_eq!(caching(&reply), OWN);
    }
    ask(&world, &hello, "&current=&device_id=&app_version=&channel=").await.expect(200);
    // A platform that the app does not have, and a device that names none.
    world.get(&Actor::anonymous(), &hello.device_path("/update?platform=web")).await.expect(204);
    world.get(&Actor::anonymous(), &hello.device_path("/update")).await.expect(200);
}

#[tokio::test]
async fn nobody_learns_more_of_what_does_not_exist() {
    let (world, owner, hello) = start().await;
    let package = hello.package(&world, "1").await;
    let anybody = Actor::anonymous();
    for path in [
        "/v1/device/ak_7zzzzzzzzzzzzzzzzzzzzzzzzz/update?platform=ios".to_owned(),
        "/v1/device/nonsense/update?platform=ios".to_owned(),
        hello.device_path("/update?platform=ios&channel=beta"),
        hello.device_path(&format!("/packages/{package}/manifest")),
        hello.device_path(&format!("/packages/{package}/files/{}", Sha256::of(b"x"))),
        hello.device_path("/packages/nonsense/manifest"),
        hello.device_path("/packages/nonsense/files/nonsense"),
    ] {
        let reply = world.get(&anybody, &path).await.expect(404);
        assert!(reply.bytes.is_empty() && caching(&reply) == "no-store", "{path}");
    }
    let reports = "/v1/device/ak_7zzzzzzzzzzzzzzzzzzzzzzzzz/reports";
    assert!(world.post(&anybody, reports, json!({})).await.expect(404).bytes.is_empty());

    // Once the package is released it is there, and stays there when its release has ended.
    let id = hello.release(&world, &owner, package, json!({})).await.expect(201).text("/id");
    let path = hello.device_path(&format!("/packages/{package}/manifest"));
    world.get(&anybody, &path).await.expect(200);
    let next = hello.package(&world, "2").await;
    let bad = hello.release(&world, &owner, next, json!({})).await.expect(201).text("/id");
    hello.command(&world, &owner, &bad, "rollback", json!({"to": id})).await.expect(201);
    world.get(&anybody, &hello.device_path(&format!("/packages/{next}/manifest"))).await.expect(200);
}

#[tokio::test]
async fn every_faulty_parameter_is_named() {
    let (world, _, hello) = start().await;
    let query = "/update?platform=No&channel=No&device_id=a%20b&current=%C3%A9&app_version=one&colour=red&colour=blue";
    let reply = world.get(&Actor::anonymous(), &hello.device_path(query)).await.expect(400);
    assert_eq!(reply.problem(), "malformed-request");
    assert_eq!(caching(&reply), "no-store");
    for pointer in ["?channel", "?device_id", "?current", "?app_version", "?colour"] {
        assert!(reply.pointers().iter().any(|known| known == pointer), "{pointer} in {}", reply.body);
    }
    let twice = hello.device_path("/update?platform=ios&platform=ios");
    assert_eq!(world.get(&Actor::anonymous(), &twice).await.expect(400).pointers(), ["?platform"]);
    let method = hello.device_path("/update?platform=ios");
    let reply = world.post(&Actor::anonymous(), &method, json!({})).await.expect(405);
    assert!(reply.headers["allow"].to_str().unwrap().contains("GET"));
}

async fn reached(world: &World, hello: &ReleasedApp, current: &str, release: &str) -> Vec<usize> {
    let mut reached = Vec::new();
    for n in 0..200 {
        let reply = ask(world, hello, &format!("&device_id=device-{n}&current={current}")).await;
        assert_eq!(caching(&reply), OWN);
        if reply.status == 200 && reply.text("/release_id") == release {
            reached.push(n);
        }
    }
    reached
}

#[tokio::test]
async fn a_rollout_grows_over_the_same_devices_and_is_rolled_back() {
    let (world, owner, hello) = start().await;
    let (one, two) = (hello.package(&world, "1").await, hello.package(&world, "2").await);
    let first = hello.release(&world, &owner, one, json!({})).await.expect(201).text("/id");
    let second =
        hello.release(&world, &owner, two, json!({"rollout_bp": 2500})).await.expect(201).text("/id");

    let quarter = reached(&world, &hello, "1", &second).await;
    assert!((25..=75).contains(&quarter.len()), "{} of 200", quarter.len());
    // Without a name a device is in no partial rollout; the answer may differ for others, so it is not shared.
    let nameless = ask(&world, &hello, "").await.expect(200);
    assert_eq!((nameless.text("/release_id"), caching(&nameless)), (first.clone(), OWN));

    hello.command(&world, &owner, &second, "pause", json!({})).await.expect(200);
    assert!(!reached(&world, &hello, "1", &second).await.is_empty(), "a change takes the cache's time");
    world.wait(5);
    assert!(reached(&world, &hello, "1", &second).await.is_empty());
    ask(&world, &hello, &format!("&device_id=device-{}&current=2", quarter[0])).await.expect(204);

    hello.command(&world, &owner, &second, "resume", json!({})).await.expect(200);
    hello.command(&world, &owner, &second, "ramp", json!({"rollout_bp": 6000})).await.expect(200);
    world.wait(5);
    let more = reached(&world, &hello, "1", &second).await;
    assert!(quarter.iter().all(|device| more.contains(device)) && more.len() > quarter.len());

    let minted = hello.command(&world, &owner, &second, "rollback", json!({})).await.expect(201).text("/id");
    world.wait(5);
    assert_eq!(reached(&world, &hello, "2", &minted).await.len(), 200);
    ask(&world, &hello, "&device_id=device-1&current=1").await.expect(204);
}

#[tokio::test]
async fn reports_are_read_with_every_fault() {
    let (world, _, hello) = start().await;
    let path = hello.device_path("/reports");
    let good = json!({"device_id": "d", "release_id": "rel_01h455vb4pex5vsknk084sn02q", "event": "installed",
        "at": "2026-01-01T09:00:00Z"});
    let anybody = Actor::anonymous();
    let many: Vec<&Value> = std::iter::repeat_n(&good, 101).collect();
    for (body, pointers) in [
        (json!({"reports": []}), vec!["/reports"]),
        (json!({"reports": many}), vec!["/reports"]),
        (json!({}), vec!["/reports"]),
        (
            json!({"reports": [good, {"event": "exploded"}]}),
            vec!["/reports/1/event", "/reports/1/device_id", "/reports/1/release_id", "/reports/1/at"],
        ),
    ] {
        let reply = world.post(&anybody, &path, body).await.expect(422);
        assert_eq!(reply.pointers(), pointers, "{}", reply.body);
    }
    let large = json!({"reports": [], "padding": "x".repeat(256 * 1024)});
    assert_eq!(world.post(&anybody, &path, large).await.expect(413).problem(), "body-too-large");
    // No queue takes anything in this world: the device is told to come again, and nothing of it may be cached.
    let headers = [("idempotency-key", "of no use here")];
    let body = json!({"reports": [good]});
    let reply = world.call_with(&anybody, Method::POST, &path, Some(&body), &headers).await.expect(503);
    assert!(reply.headers.contains_key("retry-after") && caching(&reply) == "no-store");
}

#[tokio::test]
async fn a_warm_device_function_makes_no_call_to_aws() {
    let (endpoint, line) = Line::to_a_database().await;
    let world = World::over(&endpoint, &[]).await;
    let owner = world.sign_up().await;
    let hello = ReleasedApp::new(&world, &owner, "Hello").await;
    let package = hello.package(&world, "1").await;
    hello.release(&world, &owner, package, json!({"rollout_bp": 5000})).await.expect(201);

    let anybody = Actor::anonymous();
    let check = hello.device_path("/update?platform=ios");
    let root = hello.device_path(&format!("/packages/{package}"));
    let manifest = world.get(&anybody, &format!("{root}/manifest")).await.expect(200);
    let sha256 = manifest.text("/files/0/sha256");
    let warm = async || {
        for n in 0..50 {
            let reply = world.get(&anybody, &format!("{check}&device_id=device-{n}")).await;
            assert!([200, 204].contains(&reply.status.as_u16()));
        }
        world.get(&anybody, &format!("{root}/manifest")).await.expect(200);
        let file = world.get(&anybody, &format!("{root}/files/{sha256}")).await.expect(302);
        assert_eq!(caching(&file), "private, max-age=600");
        assert!(file.headers["location"].to_str().unwrap().contains(&format!("/files/{sha256}?")));
    };
    warm().await;
    let before = line.sent.load(Ordering::SeqCst);
    assert!(before > 0, "the proxy counts");
    world.wait(4);
    warm().await;
    assert_eq!(line.sent.load(Ordering::SeqCst), before, "a warm function reads nothing");

    // When DynamoDB is away, a failed load is a 503 that nobody keeps, and the next one succeeds.
    line.cut.store(true, Ordering::SeqCst);
    world.wait(5);
    let down = world.get(&anybody, &check).await.expect(503);
    assert_eq!((down.problem().as_str(), caching(&down)), ("unavailable", "no-store"));
    world.get(&anybody, &format!("{root}/manifest")).await.expect(200);
    line.cut.store(false, Ordering::SeqCst);
    world.get(&anybody, &format!("{check}&current=1")).await.expect(204);
}
