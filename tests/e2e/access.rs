//! The tree, rights, workspaces and operators on the deployed stack, where roles are enforced.

use http::Method;
use rookery_tests::stack::{Stack, described, eventually};
use rookery_tests::world::Actor;
use serde_json::json;

/// Waits until a workspace is in a state.
async fn state_of(stack: &Stack, owner: &Actor, path: &str, wanted: &str) {
    eventually(&format!("{path} is {wanted}"), || async {
        let reply = stack.get(owner, path).await;
        if reply.body["state"] == wanted { Ok(()) } else { Err(reply.body.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_workspace_is_provisioned_suspended_resumed_and_deleted() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let organization = stack.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let organization = organization.text("/id");
    let path = format!("/v1/organizations/{organization}/workspaces");
    let made = stack.post(&owner, &path, json!({"name": "Staging"})).await.expect(202);
    let workspace = format!("/v1/workspaces/{}", made.text("/id"));
    state_of(&stack, &owner, &workspace, "active").await;

    let groups = stack.get(&owner, &format!("/v1/organizations/{organization}/groups")).await.expect(200);
    assert_eq!(groups.body["items"].as_array().map(Vec::len), Some(3), "{}", groups.body);
    stack.post(&owner, &format!("{workspace}/suspend"), json!({})).await.expect(200);
    state_of(&stack, &owner, &workspace, "suspended").await;
    stack.post(&owner, &format!("{workspace}/resume"), json!({})).await.expect(200);
    let projects = format!("{workspace}/projects");
    let project = eventually("the workspace can be worked in again", || async {
        let reply = stack.post(&owner, &projects, json!({"name": "Kiosk"})).await;
        if reply.status == 201 { Ok(reply.text("/id")) } else { Err(reply.body.to_string()) }
    })
    .await;
    stack.call_with(&owner, Method::DELETE, &workspace, None, &[]).await.expect(409);
    stack.call_with(&owner, Method::DELETE, &format!("/v1/projects/{project}"), None, &[]).await.expect(204);
    stack.call_with(&owner, Method::DELETE, &workspace, None, &[]).await.expect(202);
    eventually("the workspace is gone", || async {
        let reply = stack.get(&owner, &workspace).await;
        if reply.status == 404 { Ok(()) } else { Err(reply.body.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_service_key_does_what_a_role_of_the_tenant_gives_it_and_no_more() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let me = stack.get(&owner, "/v1/whoami").await.expect(200);
    let tenant = me.text("/tenant/id");
    let organization = stack.get(&owner, "/v1/organizations").await.expect(200).text("/items/0/id");
    let role = json!({"name": "pilot", "permissions": ["division.list", "division.create"]});
    let role = stack.post(&owner, "/v1/roles", role).await.expect(201).text("/id");
    let key = json!({"name": "ci", "scopes": ["*"], "owner_id": organization});
    let key = stack.post(&owner, "/v1/api-keys", key).await.expect(201);
    let service = Actor { token: Some(key.text("/secret")), tenant };
    let divisions = format!("/v1/organizations/{organization}/divisions");
    stack.get(&service, &divisions).await.expect(403);

    let binding = json!({"subject_id": key.text("/id"), "role": role, "node_id": organization});
    stack.post(&owner, "/v1/bindings", binding).await.expect(201);
    // Each process of a function remembers for a while what somebody may do.
    let division = eventually("the key may make divisions", || async {
        let reply = stack.post(&service, &divisions, json!({"name": "North", "code": "N"})).await;
        if reply.status == 201 { Ok(reply.text("/id")) } else { Err(reply.body.to_string()) }
    })
    .await;
    let division = format!("/v1/divisions/{division}");
    stack.call_with(&service, Method::DELETE, &division, None, &[]).await.expect(403);

    let check = json!({"checks": [{
        "permission": "division.create", "resource_id": organization, "principal_id": key.text("/id"),
    }]});
    let answer = stack.post(&owner, "/v1/authz/check", check).await.expect(200);
    assert!(answer.body.to_string().contains(&role), "{}", answer.body);
    stack.get(&owner, "/v1/quotas").await.expect(200);
}

#[tokio::test]
async fn an_operator_suspends_a_tenant_and_lets_it_go_on() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let operated = rookery_operations::Stack::read(&described()).expect("the stack is described");
    let name = "Olga".parse().expect("a name");
    let (_, token) = rookery_operations::create_operator(&operated, name).await.expect("an operator");
    let operator = Actor { token: Some(token.reveal()), tenant: String::new() };

    let tenant = format!("/v1/platform/tenants/{}", owner.tenant);
    stack.get(&owner, &tenant).await.expect(401);
    stack.get(&operator, "/v1/whoami").await.expect(401);
    assert_eq!(stack.get(&operator, &tenant).await.expect(200).text("/state"), "active");
    let reason = json!({"reason": "unpaid"});
    stack.post(&operator, &format!("{tenant}/suspend"), reason.clone()).await.expect(200);
    eventually("the tenant's key is refused", || async {
        let reply = stack.get(&owner, "/v1/whoami").await;
        if reply.status == 403 { Ok(()) } else { Err(reply.body.to_string()) }
    })
    .await;
    stack.post(&operator, &format!("{tenant}/resume"), reason).await.expect(200);
    eventually("the tenant's key is good again", || async {
        let reply = stack.get(&owner, "/v1/whoami").await;
        if reply.status == 200 { Ok(()) } else { Err(reply.body.to_string()) }
    })
    .await;
}
