//! Applications, packages and secrets through the route table. What S3 and KMS make is seeded.

use http::Method;
use rookery_domain::app::Platform;
use rookery_domain::hash::Sha256;
use rookery_domain::secret::VERSIONS_KEPT;
use rookery_store::{
    Refusal, Slice, StoreError, Transaction, app, file, idempotency, package, secret, serving,
};
use rookery_tests::seed::sealed;
use rookery_tests::world::World;
use serde_json::{Value, json};

const PAGE: &str = "<!doctype html>";

#[tokio::test]
async fn an_app_is_read_listed_changed_and_deleted() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let path = format!("/v1/apps/{}", app.id);
    let read = world.get(&owner, &path).await.expect(200);
    assert_eq!(read.headers["etag"], "\"1\"");
    assert_eq!(read.text("/app_key"), app.app_key.to_string());
    assert_eq!(read.text("/project_id"), app.ancestors.project.to_string());
    assert_eq!(read.text("/signing_keys/0/algorithm"), "ed25519");
    assert!(!read.bytes.windows(7).any(|text| text == b"private"));
    let list = world.get(&owner, "/v1/apps").await.expect(200);
    assert_eq!(list.body["items"], json!([read.body]));

    let changed = json!({"name": "Hello again", "platforms": ["web"]});
    let changed = world.patch(&owner, &path, changed).await.expect(200);
    assert_eq!((changed.text("/name").as_str(), &changed.body["version"]), ("Hello again", &json!(2)));
    let same = world.patch(&owner, &path, json!({"platforms": ["web"]})).await.expect(200);
    assert_eq!(same.body, changed.body, "what changes nothing is no change");
    // The old name is free again, the new one is taken.
    world.seed_app(&owner, "Hello").await;

    world.delete(&owner, &path).await.expect(204);
    assert_eq!(world.get(&owner, &path).await.expect(404).problem(), "not-found");
    assert!(serving::channels(world.table(), &app).await.unwrap().is_none());
    assert!(serving::of_app(world.table(), &app).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_of_an_app_names_every_fault_and_heeds_its_version() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    world.seed_app(&owner, "Other").await;
    let path = format!("/v1/apps/{}", app.id);
    for (body, pointers) in [
        (json!({"name": null, "platforms": []}), vec!["/name", "/platforms"]),
        (json!({"platforms": ["ios", "ios"]}), vec!["/platforms"]),
        (json!({"name": "a\u{0}", "platforms": ["iOS", 7]}), vec!["/name", "/platforms/0", "/platforms/1"]),
        (json!({"app_key": "ak_1"}), vec!["/app_key"]),
    ] {
        let reply = world.patch(&owner, &path, body).await.expect(422);
        assert_eq!(reply.pointers(), pointers);
    }
    let taken = world.patch(&owner, &path, json!({"name": "oTHER"})).await.expect(409);
    assert_eq!(taken.problem(), "already-exists");
    for (method, body) in [(Method::PATCH, Some(json!({"name": "New"}))), (Method::DELETE, None)] {
        let reply = world.call_with(&owner, method, &path, body.as_ref(), &[("if-match", "\"7\"")]).await;
        assert_eq!(reply.expect(412).problem(), "precondition-failed");
    }
    assert_eq!(world.get(&owner, &path).await.expect(200).body["version"], 1);
}

#[tokio::test]
async fn new_platforms_reach_every_channel() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let path = format!("/v1/apps/{}", app.id);
    world.post(&owner, &format!("{path}/channels"), json!({"name": "beta"})).await.expect(201);
    world.patch(&owner, &path, json!({"platforms": ["web", "ios"]})).await.expect(200);
    let servings = serving::of_app(world.table(), &app).await.unwrap();
    assert_eq!(servings.len(), 2);
    for item in servings {
        let platforms: Vec<&str> = item.platforms.iter().map(Platform::as_str).collect();
        assert_eq!(platforms, ["web", "ios"], "{}", item.channel);
    }
}

#[tokio::test]
async fn an_app_that_holds_something_stays() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let path = format!("/v1/apps/{}", app.id);
    let kept = world.seed_secret(&owner, &app, "TOKEN").await;
    assert_eq!(world.delete(&owner, &path).await.expect(409).problem(), "not-empty");
    world.delete(&owner, &format!("{path}/secrets/{}", kept.id)).await.expect(204);

    let other = world.seed_app(&owner, "Other").await;
    world.seed_package(&owner, &other, "1.0.0", &[("index.html", PAGE)]).await;
    let reply = world.delete(&owner, &format!("/v1/apps/{}", other.id)).await.expect(409);
    assert_eq!(reply.problem(), "not-empty");
    world.delete(&owner, &path).await.expect(204);
    world.get(&owner, &format!("/v1/apps/{}", other.id)).await.expect(200);
}

fn refusal(result: Result<(), StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_package_and_the_end_of_its_app_never_both_commit() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let scope = world.scope(&owner);

    // The package comes second.
    let app = world.seed_app(&owner, "Hello").await;
    let (_, publish) = world.new_package(&owner, &app, "1", &[("index.html", PAGE)]);
    world.delete(&owner, &format!("/v1/apps/{}", app.id)).await.expect(204);
    assert_eq!(refusal(world.table().commit(&publish).await), Refusal::Gone("app"));

    // The end comes second, decided when there was no package yet.
    let app = world.seed_app(&owner, "Hello").await;
    let mut end = Transaction::new();
    app::delete(&mut end, &scope, &app);
    world.seed_package(&owner, &app, "1", &[("index.html", PAGE)]).await;
    assert!(matches!(refusal(world.table().commit(&end).await), Refusal::NotEmpty(_)));
}

#[tokio::test]
async fn what_an_app_is_made_of_is_checked_before_anything_is_made() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let project = world.seed_app(&stranger, "Theirs").await.ancestors.project;
    for (body, pointers) in [
        (json!({}), vec!["/name", "/platforms"]),
        (json!({"name": " ", "platforms": "ios", "x": 1}), vec!["/name", "/platforms", "/x"]),
        (json!({"name": "a", "platforms": []}), vec!["/platforms"]),
        (json!({"name": "a", "platforms": ["ios"], "project_id": project.to_string()}), vec!["/project_id"]),
        (json!({"name": "a", "platforms": ["ios"], "project_id": "prj_1"}), vec!["/project_id"]),
    ] {
        let reply = world.post(&owner, "/v1/apps", body).await.expect(422);
        let mut found = reply.pointers();
        found.sort();
        assert_eq!(found, pointers);
    }
}

#[tokio::test]
async fn packages_are_listed_without_files_and_read_with_them() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let first = world.seed_package(&owner, &app, "1.0.0", &[("index.html", PAGE), ("a.js", "1")]).await;
    let (_, second) = world.new_package(&owner, &app, "1.1.0", &[("index.html", "new")]);
    world.table().commit(&second).await.unwrap();

    let path = format!("/v1/apps/{}/packages", app.id);
    let page = world.get(&owner, &format!("{path}?limit=1")).await.expect(200);
    assert_eq!(
        (page.text("/items/0/version").as_str(), &page.body["items"][0]["files"]),
        ("1.1.0", &Value::Null)
    );
    let next = format!("{path}?limit=1&cursor={}", page.text("/next_cursor"));
    let item = world.get(&owner, &next).await.expect(200).body["items"][0].clone();
    let read = world.get(&owner, &format!("{path}/{}", first.id)).await.expect(200);
    assert_eq!(read.headers["etag"], "\"1\"");
    let mut without_files = read.body.clone();
    without_files.as_object_mut().unwrap().remove("files");
    assert_eq!(without_files, item);
    let paths: Vec<&Value> =
        read.body["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["a.js", "index.html"], "sorted, as in the manifest");
    assert_eq!(read.body["total_size"], PAGE.len() + 1);

    let taken =
        json!({"version": "1.0.0", "index": "a", "files": [{"path": "a", "sha256": Sha256::of(b"a")}]});
    let reply = world.post(&owner, &path, taken).await.expect(409);
    assert_eq!(reply.problem(), "already-exists");
    let (_, again) = world.new_package(&owner, &app, "1.0.0", &[("other.html", "other")]);
    assert_eq!(refusal(world.table().commit(&again).await), Refusal::Taken("version"));
}

#[tokio::test]
async fn a_file_is_recorded_once_per_tenant() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let app = world.seed_app(&owner, "Hello").await;
    let theirs = world.seed_app(&stranger, "Hello").await;
    // Both are decided before the other commits, so that both take the file for new.
    let (_, first) = world.new_package(&owner, &app, "1", &[("index.html", PAGE)]);
    let (late, second) = world.new_package(&owner, &app, "2", &[("index.html", PAGE)]);
    world.table().commit(&first).await.unwrap();
    assert_eq!(refusal(world.table().commit(&second).await), Refusal::Overtaken);
    let gone = package::find(world.table(), &world.scope(&owner), app.id, late.id).await.unwrap();
    assert!(gone.is_none());
    world.seed_package(&stranger, &theirs, "1", &[("index.html", PAGE)]).await;
    let (scope, files) = (world.scope(&owner), [Sha256::of(PAGE.as_bytes())].into());
    assert_eq!(file::find_many(world.table(), &scope, &files).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_package_names_every_fault() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let path = format!("/v1/apps/{}/packages", app.id);
    let hash = Sha256::of(b"a").to_string();
    let file = |path: &str| json!({"path": path, "sha256": hash, "split": "important"});
    for (body, pointers) in [
        (json!({}), vec!["/files", "/index", "/version"]),
        (
            json!({"version": "a b", "index": "/x", "files": [{"path": "../x", "sha256": "A"}], "metadata": []}),
            vec!["/files/0/path", "/files/0/sha256", "/index", "/metadata", "/version"],
        ),
        (json!({"version": "1", "index": "a", "files": []}), vec!["/files", "/index"]),
        (
            json!({"version": "1", "index": "a", "files": [file("a"), file("A"), file("a/b")]}),
            vec!["/files/1/path", "/files/2/path"],
        ),
        (json!({"version": "1", "index": "b", "files": [file("a")]}), vec!["/index"]),
        (
            json!({"version": "1", "index": "a", "files": [{"path": "a", "sha256": hash, "split": "lazy"}]}),
            vec!["/index"],
        ),
        (
            json!({"version": "1", "index": "a", "files": [file("a")], "metadata": {"n": 1e300}}),
            vec!["/metadata/n"],
        ),
    ] {
        let reply = world.post(&owner, &path, body.clone()).await.expect(422);
        let mut found = reply.pointers();
        found.sort();
        assert_eq!(found, pointers, "{body}");
    }
    let many: Vec<Value> = (0..=2000).map(|n| file(&format!("{n}"))).collect();
    let reply =
        world.post(&owner, &path, json!({"version": "1", "index": "0", "files": many})).await.expect(422);
    assert_eq!(reply.pointers(), ["/files"]);
}

#[tokio::test]
async fn uploads_name_every_fault() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let path = format!("/v1/apps/{}/uploads", app.id);
    let file = |path: &str, size: u64, text: &str| json!({"path": path, "size": size, "sha256": Sha256::of(text.as_bytes())});
    for (files, pointers) in [
        (json!([]), vec!["/files"]),
        (json!([file("a", 0, "a"), file("b", 5_368_709_121, "b")]), vec!["/files/0/size", "/files/1/size"]),
        (json!([file("/a", 1, "a"), file("a/../b", 1, "b")]), vec!["/files/0/path", "/files/1/path"]),
        (json!([file("a", 1, "a"), file("a", 1, "b")]), vec!["/files/1/path"]),
        (json!([file("a", 1, "a"), file("b", 2, "a")]), vec!["/files/1/size"]),
        (
            json!([{"path": "a", "size": -1, "sha256": "x", "content_type": "text"}]),
            vec!["/files/0/content_type", "/files/0/sha256", "/files/0/size"],
        ),
    ] {
        let reply = world.post(&owner, &path, json!({"files": files})).await.expect(422);
        let mut found = reply.pointers();
        found.sort();
        assert_eq!(found, pointers, "{files}");
    }
    let large = json!({"files": [], "x": "x".repeat(1_048_577)});
    assert_eq!(world.post(&owner, &path, large).await.expect(413).problem(), "body-too-large");
}

#[tokio::test]
async fn a_stored_file_is_present_with_its_one_size() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    world.seed_package(&owner, &app, "1", &[("index.html", PAGE)]).await;
    let path = format!("/v1/apps/{}/uploads", app.id);
    let asked = |size: usize| json!({"files": [{"path": "other.html", "size": size, "sha256": Sha256::of(PAGE.as_bytes())}]});
    let reply = world.post(&owner, &path, asked(PAGE.len())).await.expect(200);
    assert_eq!(
        reply.body,
        json!({"files": [{"path": "other.html", "sha256": Sha256::of(PAGE.as_bytes()), "status": "present"}]})
    );
    let reply = world.post(&owner, &path, asked(1)).await.expect(422);
    assert_eq!(reply.pointers(), ["/files/0/size"]);
}

#[tokio::test]
async fn secrets_are_listed_and_deleted_and_never_told() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let kept = world.seed_secret(&owner, &app, "TOKEN").await;
    let path = format!("/v1/apps/{}/secrets", app.id);
    let list = world.get(&owner, &path).await.expect(200);
    let item = world.get(&owner, &format!("{path}/{}", kept.id)).await.expect(200);
    assert_eq!(list.body["items"], json!([item.body]));
    assert!(item.body.get("value").is_none());
    let versions = world.get(&owner, &format!("{path}/{}/versions", kept.id)).await.expect(200);
    let version = json!({"secret_id": kept.id, "number": 1, "current": true, "created_at": kept.created_at});
    assert_eq!(versions.body["items"], json!([version]));

    for body in [json!({}), json!({"name": "1x", "value": 7}), json!({"name": "a b", "value": ""})] {
        assert_eq!(world.post(&owner, &path, body).await.expect(422).pointers().len(), 2);
    }
    let long = json!({"name": "LONG", "value": "x".repeat(65_537)});
    assert_eq!(world.post(&owner, &path, long).await.expect(422).pointers(), ["/value"]);

    world.delete(&owner, &format!("{path}/{}", kept.id)).await.expect(204);
    for below in ["", "/versions"] {
        world.get(&owner, &format!("{path}/{}{below}", kept.id)).await.expect(404);
    }
    // The name is free again.
    world.seed_secret(&owner, &app, "TOKEN").await;
}

#[tokio::test]
async fn the_last_values_of_a_secret_are_kept_and_all_go_with_it() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let scope = world.scope(&owner);
    let app = world.seed_app(&owner, "Hello").await;
    let mut current = world.seed_secret(&owner, &app, "TOKEN").await;
    for _ in 0..VERSIONS_KEPT {
        let after = current.rotated(world.context().now());
        let mut transaction = Transaction::new();
        secret::rotate(&mut transaction, &scope, &current, &after, sealed()).unwrap();
        world.table().commit(&transaction).await.unwrap();
        current = after;
    }
    let slice = || Slice { limit: 100, ..Slice::default() };
    let kept = secret::versions(world.table(), &scope, current.id, slice()).await.unwrap().items;
    assert_eq!(kept.len() as u64, VERSIONS_KEPT);
    assert_eq!((kept[0].number, kept[49].number), (VERSIONS_KEPT + 1, 2));

    world.delete(&owner, &format!("/v1/apps/{}/secrets/{}", app.id, current.id)).await.expect(204);
    let kept = secret::versions(world.table(), &scope, current.id, slice()).await.unwrap().items;
    assert!(kept.is_empty());
}

#[tokio::test]
async fn nothing_of_another_tenant_or_app_is_there() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let app = world.seed_app(&owner, "Hello").await;
    let other = world.seed_app(&owner, "Other").await;
    let package = world.seed_package(&owner, &app, "1", &[("index.html", PAGE)]).await;
    let kept = world.seed_secret(&owner, &app, "TOKEN").await;
    let own = format!("/v1/apps/{}", app.id);
    let paths = [
        own.clone(),
        format!("{own}/packages"),
        format!("{own}/packages/{}", package.id),
        format!("{own}/secrets"),
        format!("{own}/secrets/{}", kept.id),
        format!("{own}/secrets/{}/versions", kept.id),
    ];
    for path in &paths {
        world.get(&owner, path).await.expect(200);
        assert_eq!(world.get(&stranger, path).await.expect(404).problem(), "not-found");
    }
    world.delete(&stranger, &own).await.expect(404);
    world.delete(&stranger, &paths[4]).await.expect(404);
    for path in [format!("packages/{}", package.id), format!("secrets/{}", kept.id)] {
        world.get(&owner, &format!("/v1/apps/{}/{path}", other.id)).await.expect(404);
    }
    let verify = format!("/v1/apps/{}/secrets/{}/verify", other.id, kept.id);
    world.post(&owner, &verify, json!({"value": "x"})).await.expect(404);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let reader = world.member(&owner, &["app.read", "secret.list"]).await;
    let path = format!("/v1/apps/{}", app.id);
    world.get(&reader, &path).await.expect(200);
    world.get(&reader, &format!("{path}/secrets")).await.expect(200);
    for path in ["/v1/apps".to_owned(), format!("{path}/packages")] {
        assert_eq!(world.get(&reader, &path).await.expect(403).problem(), "forbidden");
    }
    world.delete(&reader, &path).await.expect(403);
    // Rights come before the input: nobody learns of its faults who may not send it.
    for below in ["uploads", "packages", "secrets"] {
        world.post(&reader, &format!("{path}/{below}"), json!({})).await.expect(403);
    }
}

/// The body of a request that carries a secret must not be found by trying values against what is stored of it.
#[tokio::test]
async fn what_is_kept_of_a_request_is_no_digest_of_its_body() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let principal = world.get(&owner, "/v1/whoami").await.expect(200).text("/principal/id");
    let body = json!({"name": "Nest"});
    let headers = [("idempotency-key", "one")];
    let path = "/v1/organizations";
    let send = || world.call_with(&owner, Method::POST, path, Some(&body), &headers);
    let (first, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(first.body, again.body);

    let scope = world.scope(&owner);
    let caller = idempotency::Caller::Tenant(&scope);
    let place = idempotency::key(caller, &principal, "POST /v1/organizations", "one");
    let now = world.context().now();
    let kept = idempotency::find(world.table(), &place, now).await.unwrap().unwrap();
    assert_ne!(kept.request, Sha256::of(body.to_string().as_bytes()));
    assert_ne!(kept.request, Sha256::of_parts(&[b"one", b"\0", body.to_string().as_bytes()]));
}
