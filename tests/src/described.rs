//! Whether answers carry the headers that the OpenAPI document promises, and no others of their kind.

use std::sync::LazyLock;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::fuzz::{Operation, operations};
use crate::template::repository;

/// The headers that follow from what is answered.
const HEADERS: [&str; 3] = ["ETag", "Location", "Retry-After"];

/// Those of the stored document, which `openapi.rs` compares with the routes: making it anew takes longer than most tests.
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let stored = std::fs::read(repository().join("docs/openapi.json")).expect("the document is there");
    operations(&serde_json::from_slice(&stored).expect("the document is JSON"))
});

/// Compares the headers of an answer with those of the document. An answer that no operation describes passes.
pub fn assert_headers(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap) {
    let known = OPERATIONS.iter().find(|known| known.method == *method && is_of(path, &known.path));
    let Some(answer) = known.and_then(|known| known.description["responses"].get(status.as_str())) else {
        return;
    };
    for name in HEADERS {
        let described = !answer["headers"].get(name).unwrap_or(&Value::Null).is_null();
        assert_eq!(headers.contains_key(name), described, "{name} of {status} to {method} {path}");
    }
}

fn is_of(path: &str, template: &str) -> bool {
    let (parts, places) = (path.split('/'), template.split('/'));
    parts.clone().count() == places.clone().count()
        && parts.zip(places).all(|(part, place)| place.starts_with('{') || part == place)
}
