//! The OpenAPI document that the stack serves is the one that the route table makes.

use std::path::Path;

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
        "docs/openapi.json is out of date: {UPDATE}=1 cargo nextest run -p rookery-tests --test openapi"
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
