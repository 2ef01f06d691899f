//! The OpenAPI document that the stack serves is the one that the route table makes.

use std::path::Path;

use http::Method;
use rookery_tests::fuzz::{Operation, operations};
use rookery_tests::world::openapi;

/// Set to write the document instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

#[test]
fn the_stored_document_is_what_the_routes_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let made = openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert!(
        stored == made,
        "docs/openapi.json is out of date: {UPDATE}=1 cargo nextest run --workspace --test stories openapi::"
    );
}

#[test]
fn the_stored_catalogue_is_what_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PERMISSIONS.md");
    let made = rookery_rights::permissions::document();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == made,
        "docs/PERMISSIONS.md is out of date: {UPDATE}=1 cargo nextest run --workspace --test stories openapi::"
    );
}

#[test]
fn every_operation_has_an_id_a_summary_and_a_tag() {
    let api = serde_json::to_value(openapi()).unwrap();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for field in ["operationId", "summary", "tags", "responses"] {
                assert!(!operation[field].is_null(), "{method} {path} has no {field}");
            }
        }
    }
    assert!(!api["paths"].as_object().unwrap().is_empty());
}

#[test]
fn operation_ids_are_unique() {
    let api = serde_json::to_value(openapi()).unwrap();
    let items = api["paths"].as_object().unwrap().values();
    let ids: Vec<&str> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an operation id stands twice in {ids:?}");
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let api = serde_json::to_value(openapi()).unwrap();
    let text = api.to_string();
    for reference in text.split("\"#/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(api.pointer(&format!("/{reference}")).is_some(), "#/{reference} leads nowhere");
    }
}

#[test]
fn every_post_but_those_of_devices_and_of_oauth_takes_an_idempotency_key() {
    let api = serde_json::to_value(openapi()).unwrap();
    let posts: Vec<_> =
        operations(&api).into_iter().filter(|operation| operation.method == Method::POST).collect();
    let takes_key = |operation: &Operation| {
        let parameters = operation.description["parameters"].as_array().into_iter().flatten();
        parameters
            .filter(|parameter| parameter["name"] == "Idempotency-Key" && parameter["in"] == "header")
            .count()
            == 1
    };
    let without: Vec<&str> =
        posts.iter().filter(|post| !takes_key(post)).map(|post| post.path.as_str()).collect();
    let (oauth, other): (Vec<&str>, Vec<&str>) =
        without.into_iter().partition(|path| path.starts_with("/oauth/"));
    assert_eq!(other, ["/v1/device/{app_key}/reports"]);
    assert!(oauth.contains(&"/oauth/token"), "{oauth:?}");
}

#[test]
fn answers_name_their_headers() {
    let api = serde_json::to_value(openapi()).unwrap();
    let described = |method: &str, path: &str, status: &str| -> Vec<&str> {
        let headers = &api["paths"][path][method]["responses"][status]["headers"];
        headers.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    };
    assert_eq!(described("post", "/v1/apps", "201"), ["ETag", "Location"]);
    assert_eq!(described("patch", "/v1/apps/{app}", "200"), ["ETag"]);
    assert_eq!(described("get", "/v1/apps/{app}/releases/{release}", "200"), ["ETag"]);
    assert_eq!(described("delete", "/v1/apps/{app}", "204"), [""; 0]);
    assert_eq!(described("get", "/v1/apps", "200"), [""; 0], "a list has no version");
    assert_eq!(described("post", "/v1/signup", "201"), ["Location"]);
    assert_eq!(described("post", "/v1/signup", "429"), ["Retry-After"]);
    for operation in operations(&api) {
        let unavailable = &operation.description["responses"]["503"];
        assert!(unavailable["headers"]["Retry-After"].is_object(), "{} {}", operation.method, operation.path);
    }
}
