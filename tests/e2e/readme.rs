//! What the README tells its reader to type works, and what it says of verifying a package is true.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rookery_tests::stack::Stack;

const README: &str = include_str!("../../README.md");

/// In front of curl: spoils what was downloaded to the path that `SPOIL` names, as a lying server would.
const SPOILING_CURL: &str = r#"#!/bin/bash
PATH=${PATH#*:} curl "$@" || exit
while [ $# -gt 0 ]; do
  if [ "$1" = -o ] && [ "$2" = "$SPOIL" ]; then printf ' ' >> "$2"; fi
  shift
done
"#;

/// The shell block between two marks of the README.
fn block(mark: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("<!-- {mark}:begin -->\n```sh\n")).expect("where it begins");
    rest.split_once(&format!("```\n<!-- {mark}:end -->")).expect("where it ends").0
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "the README says {from} once");
    text.replace(from, to)
}

fn bash(directory: &Path, script: &str, environment: &[(&str, &str)]) -> Output {
    Command::new("bash")
        .args(["-c", script])
        .envs(environment.iter().copied())
        .current_dir(directory)
        .output()
        .expect("bash runs")
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A directory that looks like the project's root to what the README tells to type.
fn checkout(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(root.join("bin")).expect("a directory");
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"), root.join("examples")).expect("a link");
    let curl = root.join("bin/curl");
    fs::write(&curl, SPOILING_CURL).expect("a script");
    fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).expect("a script that runs");
    root
}

#[test]
fn the_walk_of_the_readme_works_and_what_is_tampered_with_is_found_out() {
    for tool in ["jq", "openssl", "curl"] {
        if Command::new(tool).arg("--version").output().is_err() {
            eprintln!("SKIPPED: {tool} is missing, which the README's commands need; install it.");
            return;
        }
    }
    let stack = Stack::connect();
    let slug = format!("walk-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
    let root = checkout(&slug);
    let base_url = format!("base_url={}", stack.base_url());
    let walk = replaced(block("walk"), "\"slug\": \"acme\"", &format!("\"slug\": \"{slug}\""));
    let walk = replaced(&walk, "base_url=http://localhost:8480", &base_url);

    let output = bash(&root, &format!("set -euo pipefail\n{walk}"), &[]);
    assert!(output.status.success(), "the walk: {}", said(&output));
    assert!(said(&output).contains("\"rollout_bp\": 10000"), "{}", said(&output));

    let directory = root.join("target/walk");
    let verify = format!("{base_url}\napp_key=$(jq -r .app_key app.json)\n{}", block("verify"));
    let output = bash(&directory, &verify, &[]);
    assert!(output.status.success(), "verifying: {}", said(&output));
    assert!(directory.join("files/index.html").is_file());

    let path = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").expect("a PATH"));
    for (spoiled, found) in [
        ("manifest.json", "Signature Verification Failure"),
        ("files/index.html", "files/index.html: FAILED"),
    ] {
        let output = bash(&directory, &verify, &[("PATH", &path), ("SPOIL", spoiled)]);
        assert!(!output.status.success(), "{spoiled} was tampered with: {}", said(&output));
        assert!(said(&output).contains(found), "{spoiled}: {}", said(&output));
    }
    // The wrapper itself breaks nothing.
    assert!(bash(&directory, &verify, &[("PATH", &path), ("SPOIL", "nothing")]).status.success());
    fs::remove_dir_all(&root).expect("the directory goes");
}
