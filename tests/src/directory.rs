//! What a company's directory does by SCIM.

use serde_json::{Value, json};

use crate::world::{Actor, Reply, World};

/// Where people are.
pub const USERS: &str = "/scim/v2/Users";
/// Where groups are.
pub const GROUPS: &str = "/scim/v2/Groups";

/// What a directory's key may do.
pub const RIGHTS: [&str; 14] = [
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

/// A service key of an organization with these rights there.
pub async fn key(world: &World, owner: &Actor, organization: &str, rights: &[&str]) -> Actor {
    let role = json!({"name": format!("Directory {}", rights.len()), "permissions": rights});
    let role = world.post(owner, "/v1/roles", role).await.expect(201).text("/id");
    let key = json!({"name": "directory", "scopes": rights, "owner_id": organization});
    let key = world.post(owner, "/v1/api-keys", key).await.expect(201);
    let binding = json!({"subject_id": key.text("/id"), "role": role, "node_id": organization});
    world.post(owner, "/v1/bindings", binding).await.expect(201);
    world.wait(20);
    Actor { token: Some(key.text("/secret")), tenant: owner.tenant.clone() }
}

/// A tenant with its owner, and the directory of its organization.
pub async fn tenant(world: &World) -> (Actor, Actor) {
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let directory = key(world, &owner, &organization, &RIGHTS).await;
    (owner, directory)
}

/// Sends something that is made of it.
pub async fn made(world: &World, directory: &Actor, path: &str, body: Value) -> Reply {
    world.post(directory, path, body).await.expect(201)
}

/// The ids of what a filter finds.
pub async fn found(world: &World, directory: &Actor, path: &str, filter: &str) -> Vec<String> {
    let filter = filter.replace(' ', "%20").replace('"', "%22").replace('+', "%2B");
    let reply = world.get(directory, &format!("{path}?filter={filter}")).await.expect(200);
    let all = reply.body["Resources"].as_array().expect("a list");
    assert_eq!(reply.body["totalResults"], json!(all.len()));
    all.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

/// A body of these operations.
pub fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}
