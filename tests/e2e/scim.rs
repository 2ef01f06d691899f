//! SCIM on the deployed stack, as a client of others meets it: the checks of the Python package `scim2-tester`.

use rookery_tests::counterpart::{python, run};
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::Actor;
use serde_json::{Value, json};

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
    let base = format!("{}/scim/v2", stack.base_url());
    let results = run(python("scim.py"), &json!({"base": base, "token": actor.token}));
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
