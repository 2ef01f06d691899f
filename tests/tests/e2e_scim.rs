//! SCIM on the deployed stack, as a client of others meets it: the checks of the Python package `scim2-tester`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::Actor;
use serde_json::{Value, json};

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with the packages of `infra/local/requirements-tests.txt`.
fn python() -> PathBuf {
    let default = || tests().join("../target/local/counterparts/bin/python");
    let python = std::env::var_os("ROOKERY_TEST_PYTHON").map_or_else(default, PathBuf::from);
    assert!(python.exists(), "there is no {}; `cargo xtask test` makes it", python.display());
    python
}

/// A service key of the tenant's organization that may do with people and groups what a directory does.
async fn directory(stack: &Stack, owner: &Actor) -> Actor {
    let organizations = stack.get(owner, "/v1/organizations").await.expect(200);
    let organization = organizations.text("/items/0/id");
    let permissions = [
        "user.list",
        "user.read",
        "user.create",
        "user.update",
        "user.suspend",
        "user.resume",
        "user.delete",
        "group.list",
        "group.read",
        "group.create",
        "group.update",
        "group.delete",
        "group_member.add",
        "group_member.remove",
    ];
    let role = json!({"name": "Directory", "permissions": permissions});
    let role = stack.post(owner, "/v1/roles", role).await.expect(201).text("/id");
    let key = json!({"name": "directory", "scopes": permissions, "owner_id": organization});
    let key = stack.post(owner, "/v1/api-keys", key).await.expect(201);
    let binding = json!({"subject_id": key.text("/id"), "role": role, "node_id": organization});
    stack.post(owner, "/v1/bindings", binding).await.expect(201);
    let actor = Actor { token: Some(key.text("/secret")), tenant: owner.tenant.clone() };
    eventually("the key's right", async || {
        let reply = stack.get(&actor, "/scim/v2/Users").await;
        if reply.status == 200 { Ok(()) } else { Err(reply.body.to_string()) }
    })
    .await;
    actor
}

#[tokio::test]
async fn the_checks_of_scim2_tester_find_nothing_wrong() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let actor = directory(&stack, &owner).await;
    let output = Command::new(python())
        .arg(tests().join("counterparts/scim.py"))
        .arg(format!("{}/scim/v2", stack.base_url()))
        .env("SCIM_TOKEN", actor.token.expect("a token"))
        .stderr(Stdio::inherit())
        .output()
        .expect("python starts");
    assert!(output.status.success(), "the checks ended with {}", output.status);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let results: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let fine = ["SUCCESS", "COMPLIANT", "ACCEPTABLE", "SKIPPED"];
    let is_wrong = |result: &&Value| !fine.iter().any(|fine| result["status"] == *fine);
    let wrong: Vec<&Value> = results.iter().filter(is_wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What is left out is what is not served: searching people and groups at once.
    let skipped: Vec<&Value> = results
        .iter()
        .filter(|result| result["status"] == "SKIPPED")
        .map(|result| &result["check"])
        .collect();
    assert_eq!(skipped, ["search_with_attributes", "search_with_attributes"]);
    assert!(results.len() >= 50, "only {} checks were made", results.len());
}
