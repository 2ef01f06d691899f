//! Every function once in a container, as `sam local invoke` runs it: that it starts there under its handler, takes the
//! sample event, and gives the kind of answer that Lambda's caller expects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of `cargo xtask invoke --all`, or why there are none.
fn invoke_all() -> Result<Vec<Value>, String> {
    // Beside this test's own binary, in the folder above: what the test run has built, so that nothing is built again.
    let own = std::env::current_exe().expect("a path");
    let xtask = own.ancestors().nth(2).expect("the folder of binaries").join("xtask");
    let mut command = Command::new(xtask);
    command.args(["invoke", "--all", "--built"]).current_dir(root());
    if let Some(stack) = std::env::var_os("ROOKERY_STACK") {
        command.arg("--stack").arg(stack);
    }
    let output = command.output().expect("cargo starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let lines = String::from_utf8(output.stdout).expect("the answers are UTF-8");
    Ok(lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect())
}

fn samples() -> BTreeSet<String> {
    let files = root().join("events").read_dir().expect("events/ is there");
    files
        .map(|file| file.expect("a file of events/").path())
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect()
}

/// The status of the sample request: nobody is signed in, and the app key in it is made up.
fn expected(handler: &str) -> &'static [u64] {
    match handler {
        "health"
        | "openapi"
        | "docs"
        | "jwks"
        | "openid-configuration"
        | "scim-discovery"
        | "oauth-logout"
        | "oauth-device" => &[200],
        // The tenant of the sample is there once the sample of signing up was sent.
        "auth-tenants" => &[200, 404],
        "federated-start" => &[404],
        // It tells nobody whether there is such a person.
        "password-forgot" => &[202],
        // A session that is not known has ended.
        "auth-logout" => &[204],
        "oauth-authorize" | "oauth-interaction" => &[400],
        // The slug is taken when the sample was sent to this stack before.
        "signup" => &[201, 409, 429],
        "device-reports" => &[202, 404],
        // Their tokens are of no invitation and no link.
        "invitations-accept" | "password-reset" | "email-verify" => &[422],
        _ if handler.starts_with("device-") => &[404],
        // Whoever the sample of signing up founded a tenant for may log in to it.
        "auth-login" => &[200, 401, 429],
        // Other tests guess from the same address at the same time.
        _ if handler.starts_with("auth-") || handler.starts_with("oauth-") => &[401, 429],
        _ => &[401],
    }
}

fn is_as_expected(handler: &str, answer: &Value) -> bool {
    match handler {
        _ if answer.get("errorType").is_some() => false,
        _ if handler == "relay" || handler.ends_with("-worker") => answer["batchItemFailures"].is_array(),
        // Nobody's grace is over.
        "tenant-eraser" => answer["erased"] == 0,
        "token-key-rotator" => answer["made"].is_array() || answer["made"].is_u64(),
        _ => answer["statusCode"].as_u64().is_some_and(|status| expected(handler).contains(&status)),
    }
}

#[test]
fn every_function_runs_in_a_container() {
    let answers = match invoke_all() {
        Ok(answers) => answers,
        Err(reason) if reason.contains("No container engine answers") => {
            eprintln!("skipped, no function was run through `sam local invoke`: {}", reason.trim());
            return;
        }
        Err(reason) => panic!("{reason}"),
    };
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for line in &answers {
        let handler = line["handler"].as_str().expect("a handler");
        let answer = &line["answer"];
        if !is_as_expected(handler, answer) {
            faults.push(format!("{handler} answered {answer}"));
        }
        seen.insert(handler.to_owned());
    }
    assert_eq!(faults, [""; 0]);
    assert_eq!(seen, samples(), "every function has a sample event and was run");
}
