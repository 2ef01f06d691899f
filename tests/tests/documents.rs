//! What the documents say of the tests is so.

use std::fs;
use std::path::Path;

use regex::Regex;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What is named but is no test that exists, of a text that names tests as `` `file.rs: one_test, another_test` ``.
fn unknown_tests(text: &str) -> Vec<String> {
    let naming = Regex::new(r"`([a-z0-9_/]+\.rs): ([a-z0-9_, ]+)`").expect("a pattern");
    let mut unknown = Vec::new();
    for named in naming.captures_iter(text) {
        let (file, names) = (&named[1], &named[2]);
        // Files without a folder lie in `tests/tests`.
        let folder = if file.contains('/') { "" } else { "tests/tests" };
        let code = fs::read_to_string(repository().join(folder).join(file)).unwrap_or_default();
        for name in names.split(", ") {
            if !code.contains(&format!("fn {name}(")) {
                unknown.push(format!("{file}: {name}"));
            }
        }
    }
    unknown
}

#[test]
fn every_defence_of_the_threat_model_has_the_test_that_it_names() {
    let text = fs::read_to_string(repository().join("docs/THREAT-MODEL.md")).expect("the document is there");
    assert_eq!(unknown_tests(&text), [""; 0]);
    assert!(text.matches(".rs: ").count() > 50, "the document names tests");
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    let text =
        "`documents.rs: a_test_that_does_not_exist_is_noticed, another_one` and `nowhere.rs: some_test`";
    assert_eq!(unknown_tests(text), ["documents.rs: another_one", "nowhere.rs: some_test"]);
}
