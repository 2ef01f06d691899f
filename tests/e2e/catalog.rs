//! Applications, uploads, packages and secrets on the deployed stack, with its S3 and KMS.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use http::Method;
use rookery_domain::event::Event;
use rookery_domain::hash::Sha256;
use rookery_domain::package::{FileSize, Manifest, ManifestFile, Split};
use rookery_domain::usage::Meter;
use rookery_store::history::EventRecord;
use rookery_store::{TenantScope, object};
use rookery_tests::stack::Stack;
use rookery_tests::world::{Actor, Reply};
use serde_json::{Value, json};

/// Text that no other run has uploaded.
fn fresh(text: &str) -> String {
    format!("{text} {} {}", std::process::id(), jiff::Timestamp::now().as_nanosecond())
}

fn scope(actor: &Actor) -> TenantScope {
    TenantScope::founding(actor.tenant.parse().unwrap())
}

async fn new_app(stack: &Stack, owner: &Actor, name: &str) -> (String, Value) {
    let body = json!({"name": name, "platforms": ["ios", "web"]});
    let app = stack.post(owner, "/v1/apps", body).await.expect(201);
    (app.headers["location"].to_str().unwrap().to_owned(), app.body)
}

fn file(path: &str, text: &str) -> Value {
    json!({"path": path, "size": text.len(), "sha256": Sha256::of(text.as_bytes())})
}

async fn put(stack: &Stack, upload: &Value, text: &str) -> u16 {
    let mut request = stack.client().put(upload["url"].as_str().unwrap()).body(text.to_owned());
    for (name, value) in upload["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.send().await.unwrap().status().as_u16()
}

/// Asks where to upload texts, and uploads what is needed. Answers how many were.
async fn upload(stack: &Stack, owner: &Actor, app: &str, files: &[(&str, &str)]) -> usize {
    let body = json!({"files": files.iter().map(|(path, text)| file(path, text)).collect::<Vec<_>>()});
    let reply = stack.post(owner, &format!("{app}/uploads"), body).await.expect(200);
    let answers = reply.body["files"].as_array().unwrap();
    let needed = answers.iter().zip(files).filter(|(answer, _)| answer["status"] == "needed");
    let mut uploaded = 0;
    for (answer, (_, text)) in needed {
        assert_eq!(put(stack, &answer["upload"], text).await, 200);
        uploaded += 1;
    }
    uploaded
}

fn package(version: &str, files: &[(&str, &str)]) -> Value {
    let listed = |(path, text): &(&str, &str)| json!({"path": path, "sha256": Sha256::of(text.as_bytes())});
    let files: Vec<Value> = files.iter().map(listed).collect();
    json!({"version": version, "index": files[0]["path"], "files": files, "metadata": {"branch": "main"}})
}

async fn publish(stack: &Stack, owner: &Actor, app: &str, version: &str, files: &[(&str, &str)]) -> Reply {
    upload(stack, owner, app, files).await;
    stack.post(owner, &format!("{app}/packages"), package(version, files)).await
}

async fn events(stack: &Stack, owner: &Actor, resource: &str) -> Vec<Event> {
    let operator = stack.operator();
    let partition = scope(owner).partition(&[resource, "ev"]);
    let records: Vec<EventRecord> = operator.table().unwrap().list_all(&partition).await.unwrap();
    records.iter().map(|record| record.event().unwrap()).collect()
}

async fn stored_bytes(stack: &Stack, owner: &Actor, resource: &str) -> u64 {
    let events = events(stack, owner, resource).await;
    events.iter().filter_map(|event| event.measures.get(&Meter::StoredBytes)).sum()
}

async fn tags(stack: &Stack, owner: &Actor, text: &str) -> usize {
    let key = object::key(&scope(owner), Sha256::of(text.as_bytes()));
    let operator = stack.operator();
    let request = operator.objects().get_object_tagging().bucket(stack.text("/bucket")).key(key);
    request.send().await.unwrap().tag_set().len()
}

/// Whether `openssl` finds that the key made the signature, as anybody can who has it.
fn openssl_verifies(pem: &str, signature: &str, message: &[u8]) -> bool {
    let directory = std::env::temp_dir().join(fresh("rookery-verify").replace(' ', "-"));
    std::fs::create_dir_all(&directory).unwrap();
    for (name, bytes) in
        [("key.pem", pem.as_bytes()), ("signature", signature.as_bytes()), ("message", message)]
    {
        std::fs::write(directory.join(name), bytes).unwrap();
    }
    let script = "openssl base64 -d -A -in signature -out raw && \
                  openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in message -sigfile raw";
    let status = Command::new("sh")
        .args(["-c", script])
        .current_dir(&directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    std::fs::remove_dir_all(&directory).unwrap();
    status.unwrap().success()
}

#[tokio::test]
async fn an_app_comes_with_a_key_and_a_channel() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let body = json!({"name": "Hello", "platforms": ["ios", "web"]});
    let headers = [("idempotency-key", "app-1")];
    let send = || stack.call_with(&owner, Method::POST, "/v1/apps", Some(&body), &headers);
    let (made, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(made.body, again.body);
    assert!(made.text("/app_key").starts_with("ak_"));
    assert!(
        made.text("/signing_keys/0/public_key_pem").starts_with("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw")
    );
    let path = made.headers["location"].to_str().unwrap();
    assert_eq!(stack.get(&owner, path).await.expect(200).body, made.body);
    let channels = stack.get(&owner, &format!("{path}/channels")).await.expect(200);
    assert_eq!(channels.text("/items/0/name"), "production");

    let taken = stack.post(&owner, "/v1/apps", json!({"name": "hello", "platforms": ["ios"]})).await;
    assert_eq!(taken.expect(409).problem(), "already-exists");
    let other = json!({"platforms": ["android"]});
    stack.call_with(&owner, Method::PATCH, path, Some(&other), &[("if-match", "\"1\"")]).await.expect(200);
    stack.call_with(&owner, Method::DELETE, path, None, &[("if-match", "\"1\"")]).await.expect(412);
    stack.call_with(&owner, Method::DELETE, path, None, &[]).await.expect(204);
    stack.get(&owner, path).await.expect(404);
    let id = made.text("/id");
    let actions: Vec<String> =
        events(&stack, &owner, &id).await.iter().map(|event| event.action.to_string()).collect();
    assert_eq!(actions, ["app.create", "app.update", "app.delete"], "one event each");
}

#[tokio::test]
async fn an_upload_takes_exactly_its_bytes_and_once() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let (app, _) = new_app(&stack, &owner, "Hello").await;
    let text = fresh("hello");
    let asked = json!({"files": [file("index.html", &text), file("copy.html", &text)]});
    let uploads = format!("{app}/uploads");
    let reply = stack.post(&owner, &uploads, asked.clone()).await.expect(200);
    assert_eq!(reply.text("/files/0/status"), "needed");
    assert_eq!(reply.text("/files/0/upload/method"), "PUT");
    assert_eq!(reply.text("/files/1/status"), "present", "one upload brings both");
    assert!(reply.body["files"][1].get("upload").is_none());
    let request = &reply.body["files"][0]["upload"];
    let mut names: Vec<&String> = request["headers"].as_object().unwrap().keys().collect();
    names.sort();
    let signed =
        ["content-length", "content-type", "if-none-match", "x-amz-checksum-sha256", "x-amz-tagging"];
    assert_eq!(names, signed, "what has to be sent, and nothing else");

    let other = text.replace("hello", "HELLO");
    assert!(matches!(put(&stack, request, &other).await, 400 | 403), "other bytes of this length");
    let mut shorter = request.clone();
    shorter["headers"]["content-length"] = json!("5");
    assert_eq!(put(&stack, &shorter, "hello").await, 403, "another length");
    let mut untagged = request.clone();
    untagged["headers"].as_object_mut().unwrap().remove("x-amz-tagging");
    assert_eq!(put(&stack, &untagged, &text).await, 403, "nothing that is signed may be left out");
    let again = stack.post(&owner, &uploads, asked.clone()).await.expect(200);
    assert_eq!(again.text("/files/0/status"), "needed", "nothing came of these");

    let missing = package("1.0.0", &[("index.html", &text), ("other.html", &fresh("other"))]);
    let reply = stack.post(&owner, &format!("{app}/packages"), missing.clone()).await.expect(409);
    assert_eq!(
        (reply.problem().as_str(), reply.pointers()),
        ("files-missing", vec!["/files/0".into(), "/files/1".into()])
    );

    assert_eq!(put(&stack, request, &text).await, 200);
    assert_eq!(put(&stack, request, &text).await, 412);
    let reply = stack.post(&owner, &uploads, asked).await.expect(200);
    assert_eq!(
        (reply.text("/files/0/status"), reply.text("/files/1/status")),
        ("present".into(), "present".into())
    );
    let reply = stack.post(
        &owner,
        &uploads,
        json!({"files": [{"path": "a", "size": 1, "sha256": Sha256::of(text.as_bytes())}]}),
    );
    assert_eq!(reply.await.expect(422).pointers(), ["/files/0/size"]);

    let reply = stack.post(&owner, &format!("{app}/packages"), missing).await.expect(409);
    assert_eq!(reply.pointers(), ["/files/1"]);
    assert_eq!(tags(&stack, &owner, &text).await, 1, "a package that is refused accepts nothing");
}

#[tokio::test]
async fn a_package_is_signed_over_what_it_says() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let (app, described) = new_app(&stack, &owner, "Hello").await;
    let (page, script) = (fresh("<!doctype html>"), fresh("let x"));
    let files = [("index.html", page.as_str()), ("js/app.js", script.as_str())];
    let made = publish(&stack, &owner, &app, "1.0.0", &files).await.expect(201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let read = stack.get(&owner, &path).await.expect(200);
    assert_eq!(read.text("/sha256"), made.text("/sha256"));
    assert_eq!(read.body["files"][1]["size"], script.len());
    assert_eq!(tags(&stack, &owner, &page).await + tags(&stack, &owner, &script).await, 0);

    let listed = files.map(|(path, text)| ManifestFile {
        path: path.parse().unwrap(),
        sha256: Sha256::of(text.as_bytes()),
        size: FileSize::new(text.len() as u64).unwrap(),
        split: Split::Important,
    });
    let metadata = serde_json::from_value(json!({"branch": "main"})).unwrap();
    let id = described["id"].as_str().unwrap().parse().unwrap();
    let index = "index.html".parse().unwrap();
    let manifest = Manifest::new(id, "1.0.0".parse().unwrap(), index, listed.to_vec(), metadata).unwrap();
    assert_eq!(made.text("/sha256"), manifest.sha256().to_string());
    let key = &described["signing_keys"][0];
    assert_eq!(made.text("/signature/key_id"), key["id"].as_str().unwrap());
    let (pem, signature) = (key["public_key_pem"].as_str().unwrap(), made.text("/signature/value"));
    assert!(openssl_verifies(pem, &signature, manifest.bytes()));
    assert!(!openssl_verifies(pem, &signature, &manifest.bytes()[1..]));

    let again = stack.post(&owner, &format!("{app}/packages"), package("1.0.0", &files)).await.expect(409);
    assert_eq!(again.problem(), "already-exists");
    stack.call_with(&owner, Method::DELETE, &app, None, &[]).await.expect(409);
}

#[tokio::test]
async fn a_file_that_two_packages_share_is_stored_and_counted_once() {
    let stack = Stack::connect();
    let (owner, stranger) = (stack.sign_up().await, stack.sign_up().await);
    let (app, _) = new_app(&stack, &owner, "Hello").await;
    let (shared, first, second) = (fresh("shared"), fresh("one"), fresh("a second one"));
    let made = publish(&stack, &owner, &app, "1", &[("a", &first), ("s", &shared), ("t", &shared)])
        .await
        .expect(201);
    let bytes = (first.len() + shared.len()) as u64;
    assert_eq!(stored_bytes(&stack, &owner, &made.text("/id")).await, bytes);
    assert_eq!(made.body["total_size"], bytes + shared.len() as u64);

    assert_eq!(upload(&stack, &owner, &app, &[("s", &shared), ("a", &second)]).await, 1);
    let made = publish(&stack, &owner, &app, "2", &[("a", &second), ("s", &shared)]).await.expect(201);
    assert_eq!(stored_bytes(&stack, &owner, &made.text("/id")).await, second.len() as u64);
    let made = publish(&stack, &owner, &app, "3", &[("a", &first), ("s", &shared)]).await.expect(201);
    assert_eq!(stored_bytes(&stack, &owner, &made.text("/id")).await, 0);

    // Another tenant's content is its own.
    let (theirs, _) = new_app(&stack, &stranger, "Hello").await;
    assert_eq!(upload(&stack, &stranger, &theirs, &[("s", &shared)]).await, 1);
}

#[tokio::test]
async fn packages_made_at_once_count_a_new_file_once() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let (app, _) = new_app(&stack, &owner, "Hello").await;
    let shared = fresh("shared");
    upload(&stack, &owner, &app, &[("s", &shared)]).await;
    let path = format!("{app}/packages");
    let make = |version: &str| stack.post(&owner, &path, package(version, &[("s", &shared)]));
    let (one, two, three) = tokio::join!(make("1"), make("2"), make("3"));
    let mut counted = 0;
    for made in [one, two, three] {
        counted += stored_bytes(&stack, &owner, &made.expect(201).text("/id")).await;
    }
    assert_eq!(counted, shared.len() as u64);
    let list = stack.get(&owner, &path).await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_package_with_more_new_files_than_a_transaction_holds_is_counted_exactly() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let (app, _) = new_app(&stack, &owner, "Hello").await;
    let texts: Vec<(String, String)> =
        (0..110).map(|n| (format!("f/{n}"), fresh(&format!("text {n}")))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(upload(&stack, &owner, &app, &files).await, 110);
    let body = package("1", &files);
    let headers = [("idempotency-key", "large")];
    let path = format!("{app}/packages");
    let send = || stack.call_with(&owner, Method::POST, &path, Some(&body), &headers);
    let (made, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(made.body, again.body);
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let hashes: BTreeSet<Sha256> = texts.iter().map(|(_, text)| Sha256::of(text.as_bytes())).collect();
    let mut counted = stored_bytes(&stack, &owner, &made.text("/id")).await;
    for sha256 in hashes {
        counted += stored_bytes(&stack, &owner, &sha256.to_string()).await;
    }
    assert_eq!(counted, bytes as u64);
}

#[tokio::test]
async fn a_secret_is_kept_used_and_rotated_and_never_told() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let (app, _) = new_app(&stack, &owner, "Hello").await;
    let secrets = format!("{app}/secrets");
    let made =
        stack.post(&owner, &secrets, json!({"name": "TOKEN", "value": "hunter-two"})).await.expect(201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let verify = async |value: &str| {
        let reply = stack.post(&owner, &format!("{path}/verify"), json!({"value": value})).await.expect(200);
        reply.body["matches"].as_bool().unwrap()
    };
    assert!(verify("hunter-two").await);
    assert!(!verify("hunter-three").await);
    assert!(!verify("hunter-two ").await);

    let headers = [("idempotency-key", "rotation"), ("if-match", "\"1\"")];
    let body = json!({"value": "hunter-three"});
    let versions = format!("{path}/versions");
    let rotate = || stack.call_with(&owner, Method::POST, &versions, Some(&body), &headers);
    let (rotated, again) = (rotate().await.expect(201), rotate().await.expect(201));
    assert_eq!((&rotated.body, &rotated.body["number"]), (&again.body, &json!(2)));
    assert!(verify("hunter-three").await && !verify("hunter-two").await);
    let list = stack.get(&owner, &versions).await.expect(200);
    let numbers: Vec<&Value> =
        list.body["items"].as_array().unwrap().iter().map(|item| &item["number"]).collect();
    assert_eq!(numbers, [2, 1]);

    let id = made.text("/id");
    let history = events(&stack, &owner, &id).await;
    let actions: Vec<String> = history.iter().map(|event| event.action.to_string()).collect();
    assert_eq!(actions, ["secret.create", "secret.rotate"]);
    assert!(!serde_json::to_string(&history).unwrap().contains("hunter"));
    let largest = "\u{1}".repeat(65_536);
    let made = stack.post(&owner, &secrets, json!({"name": "LARGEST", "value": largest})).await.expect(201);
    let verify = format!("{}/verify", made.headers["location"].to_str().unwrap());
    let reply = stack.post(&owner, &verify, json!({"value": largest})).await.expect(200);
    assert_eq!(reply.body, json!({"matches": true}));
    stack.call_with(&owner, Method::DELETE, &path, None, &[]).await.expect(204);
    stack.post(&owner, &format!("{path}/verify"), json!({"value": "hunter-three"})).await.expect(404);
}
