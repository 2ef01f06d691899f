//! Administration that was handed on: what somebody may manage who was given a role on a part of the tenant, and how nobody gets at
//! more than they have.

use http::Method;
use rookery_domain::id::{DivisionId, OrganizationId, UserId, WorkspaceId};
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

/// Longer than rights are kept in memory.
const SETTLED: i64 = 20;

#[expect(clippy::needless_pass_by_value, reason = "ids and texts alike")]
fn binding(subject: impl ToString, role: &str, node: impl ToString) -> Value {
    json!({"subject_id": subject.to_string(), "role": role, "node_id": node.to_string()})
}

async fn bind(world: &World, by: &Actor, body: Value) -> String {
    let made = world.post(by, "/v1/bindings", body).await.expect(201);
    world.wait(SETTLED);
    made.text("/id")
}

/// Refused, without being told why; the audit trail knows.
async fn refused(world: &World, owner: &Actor, reply: Reply, reason: &str) {
    assert_eq!(reply.status, 403, "{}", reply.body);
    assert_eq!(reply.problem(), "forbidden");
    assert!(!reply.body.to_string().contains(reason), "{} tells the reason", reply.body);
    let denial =
        world.events(owner).await.into_iter().rev().find(|event| event["outcome"] == "denied").unwrap();
    assert_eq!(denial["reason"], reason, "{denial}");
}

/// Two organizations with a division and two workspaces in the first, one in the second.
struct Places {
    organization: OrganizationId,
    division: DivisionId,
    inside: WorkspaceId,
    beside: WorkspaceId,
    other: OrganizationId,
    elsewhere: WorkspaceId,
}

impl Places {
    async fn of(world: &World, owner: &Actor) -> Self {
        let organization = world.tree(owner).await.organization;
        let other = world.post(owner, "/v1/organizations", json!({"name": "Other"})).await.expect(201);
        let other: OrganizationId = other.text("/id").parse().unwrap();
        let context = world.context();
        let division: DivisionId = context.new_id();
        let [inside, beside, elsewhere]: [WorkspaceId; 3] = std::array::from_fn(|_| context.new_id());
        world.seed_place(owner, division, organization).await;
        world.seed_place(owner, inside, division).await;
        world.seed_place(owner, beside, organization).await;
        world.seed_place(owner, elsewhere, other).await;
        Self { organization, division, inside, beside, other, elsewhere }
    }
}

async fn admin_of(world: &World, owner: &Actor, node: impl ToString) -> (UserId, Actor) {
    let (user, actor) = world.seed_person(owner).await;
    bind(world, owner, binding(user, "admin", node)).await;
    (user, actor)
}

#[tokio::test]
async fn an_admin_of_a_division_manages_what_is_in_it_and_nothing_else() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let places = Places::of(&world, &owner).await;
    let (_, admin) = admin_of(&world, &owner, places.division).await;
    let (person, member) = world.seed_person(&owner).await;

    let mut made = Vec::new();
    for node in [places.division.to_string(), places.inside.to_string()] {
        made.push(bind(&world, &admin, binding(person, "developer", node)).await);
    }
    for node in [
        places.organization.to_string(),
        places.beside.to_string(),
        places.other.to_string(),
        places.elsewhere.to_string(),
        owner.tenant.clone(),
    ] {
        let reply = world.post(&admin, "/v1/bindings", binding(person, "viewer", node)).await;
        refused(&world, &owner, reply, "no_binding").await;
    }

    // It sees what was given there, and can take it away, and nothing of the rest.
    let above = bind(&world, &owner, binding(person, "viewer", places.organization)).await;
    let listed = world.get(&admin, "/v1/bindings").await.expect(200);
    let listed: Vec<&Value> =
        listed.body["items"].as_array().unwrap().iter().map(|item| &item["node_id"]).collect();
    assert!(
        !listed.is_empty()
            && listed
                .iter()
                .all(|node| { **node == json!(places.division) || **node == json!(places.inside) })
    );
    for method in [Method::GET, Method::DELETE] {
        let path = format!("/v1/bindings/{above}");
        refused(&world, &owner, world.call_with(&admin, method, &path, None, &[]).await, "no_binding").await;
    }
    for binding in made {
        world.delete(&admin, &format!("/v1/bindings/{binding}")).await.expect(204);
    }
    world.wait(SETTLED);
    let question = json!({"permission": "package.create", "resource_id": places.inside});
    let answer = world.post(&member, "/v1/authz/check", json!({"checks": [question]})).await.expect(200);
    assert_eq!(answer.body["results"][0]["allowed"], false);

    // Roles are the tenant's: the admin of a part sees them, and makes or changes none.
    world.get(&admin, "/v1/roles").await.expect(200);
    let role = json!({"name": "Mine", "permissions": ["app.read"]});
    refused(&world, &owner, world.post(&admin, "/v1/roles", role).await, "no_binding").await;
    let role =
        world.post(&owner, "/v1/roles", json!({"name": "R", "permissions": ["app.read"]})).await.expect(201);
    let path = format!("/v1/roles/{}", role.text("/id"));
    world.get(&admin, &path).await.expect(200);
    let all = json!({"permissions": ["tenant.update"]});
    refused(&world, &owner, world.patch(&admin, &path, all).await, "no_binding").await;
    refused(&world, &owner, world.delete(&admin, &path).await, "no_binding").await;
    bind(&world, &admin, binding(person, &role.text("/id"), places.inside)).await;
}

#[tokio::test]
async fn a_role_in_one_organization_gives_nothing_in_another() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let places = Places::of(&world, &owner).await;
    let (user, actor) = world.seed_person(&owner).await;
    bind(&world, &owner, binding(user, "admin", places.organization)).await;

    world.get(&actor, &format!("/v1/organizations/{}", places.organization)).await.expect(200);
    let other = format!("/v1/organizations/{}", places.other);
    refused(&world, &owner, world.get(&actor, &other).await, "no_binding").await;
    refused(&world, &owner, world.delete(&actor, &other).await, "no_binding").await;
    let listed = world.get(&actor, "/v1/organizations").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    refused(
        &world,
        &owner,
        world.post(&actor, "/v1/organizations", json!({"name": "x"})).await,
        "no_binding",
    )
    .await;

    // Nor does a group that is in the other organization's tree, once the role is given there.
    let group = world.seed_group(&owner, None, &[user]).await;
    bind(&world, &owner, binding(group, "viewer", places.elsewhere)).await;
    refused(&world, &owner, world.get(&actor, &other).await, "no_binding").await;
    let question = |node: String| json!({"checks": [{"permission": "app.list", "resource_id": node}]});
    let inside =
        world.post(&actor, "/v1/authz/check", question(places.elsewhere.to_string())).await.expect(200);
    assert_eq!(inside.body["results"][0]["basis"]["groups"], json!([group]));
    let above = world.post(&actor, "/v1/authz/check", question(places.other.to_string())).await.expect(200);
    assert_eq!(above.body["results"][0]["allowed"], false);
}

#[tokio::test]
async fn nobody_gives_what_they_lack() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let (admin_id, admin) = admin_of(&world, &owner, owner.tenant.clone()).await;
    let (person, _) = world.seed_person(&owner).await;

    // Not the owner's role, to nobody and nowhere.
    for (subject, node) in
        [(admin_id, owner.tenant.clone()), (person, world.tree(&owner).await.workspace.to_string())]
    {
        let reply = world.post(&admin, "/v1/bindings", binding(subject, "owner", node)).await;
        refused(&world, &owner, reply, "beyond_own_rights").await;
    }
    // Not by way of a role of its own, when it is made or later.
    let stronger = json!({"name": "Stronger", "permissions": ["app.read", "tenant.update"]});
    refused(&world, &owner, world.post(&admin, "/v1/roles", stronger).await, "beyond_own_rights").await;
    let mine = json!({"name": "Mine", "permissions": ["app.read"]});
    let mine = world.post(&admin, "/v1/roles", mine).await.expect(201).text("/id");
    bind(&world, &admin, binding(admin_id, &mine, &owner.tenant)).await;
    let path = format!("/v1/roles/{mine}");
    let more = json!({"permissions": ["app.read", "tenant.update"]});
    refused(&world, &owner, world.patch(&admin, &path, more.clone()).await, "beyond_own_rights").await;
    assert_eq!(world.get(&admin, &path).await.expect(200).body["version"], 1);
    // What somebody who may has put in, the admin may keep, rename, and take out.
    world.patch(&owner, &path, more).await.expect(200);
    world.patch(&admin, &path, json!({"name": "Ours"})).await.expect(200);
    // With it in, the admin has it, by a binding of its own.
    world.wait(SETTLED);
    world.patch(&admin, &path, json!({"permissions": ["app.read"]})).await.expect(200);

    // Nor is anything taken away that could not be given.
    let bindings = world.get(&admin, "/v1/bindings").await.expect(200);
    let owners =
        bindings.body["items"].as_array().unwrap().iter().find(|item| item["role"] == "owner").unwrap();
    let path = format!("/v1/bindings/{}", owners["id"].as_str().unwrap());
    world.wait(SETTLED);
    refused(&world, &owner, world.delete(&admin, &path).await, "beyond_own_rights").await;
}

#[tokio::test]
async fn what_is_held_for_a_while_is_given_for_no_longer() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let node = world.tree(&owner).await.workspace;
    let ((user, lent), (person, _)) = (world.seed_person(&owner).await, world.seed_person(&owner).await);
    let mut body = binding(user, "admin", node);
    body["expires_at"] = json!("2026-01-02T00:00:00Z");
    bind(&world, &owner, body).await;
    for expires_at in [Value::Null, json!("2026-01-02T00:00:01Z")] {
        let mut body = binding(person, "viewer", node);
        if !expires_at.is_null() {
            body["expires_at"] = expires_at;
        }
        refused(&world, &owner, world.post(&lent, "/v1/bindings", body).await, "beyond_own_rights").await;
    }
    let mut body = binding(person, "viewer", node);
    body["expires_at"] = json!("2026-01-02T00:00:00Z");
    world.post(&lent, "/v1/bindings", body).await.expect(201);
    world.wait(24 * 3600);
    let reply = world.post(&lent, "/v1/bindings", binding(person, "viewer", node)).await;
    refused(&world, &owner, reply, "no_binding").await;
}

#[tokio::test]
async fn a_right_under_a_condition_is_not_handed_on() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let node = world.tree(&owner).await.workspace;
    let ((user, bound), (person, _)) = (world.seed_person(&owner).await, world.seed_person(&owner).await);
    let hours = json!({"window": {
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "08:00", "to": "18:00",
    }});
    let mut body = binding(user, "admin", node);
    body["condition"] = hours.clone();
    bind(&world, &owner, body).await;
    // It is nine o'clock: the admin may look, and give nothing, not even under the same condition.
    world.get(&bound, "/v1/bindings").await.expect(200);
    for condition in [Value::Null, hours] {
        let mut body = binding(person, "viewer", node);
        if !condition.is_null() {
            body["condition"] = condition;
        }
        refused(&world, &owner, world.post(&bound, "/v1/bindings", body).await, "beyond_own_rights").await;
    }
    world.wait(12 * 3600);
    let path = format!("/v1/bindings?node={node}");
    assert_eq!(world.get(&bound, &path).await.expect(200).body["items"], json!([]));
}

#[tokio::test]
async fn a_key_gives_no_more_than_its_scopes() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let node = world.tree(&owner).await.workspace;
    let (person, _) = world.seed_person(&owner).await;
    let key = world.member(&owner, &["binding.create", "role.create", "role.update", "app.read"]).await;
    let reply = world.post(&key, "/v1/bindings", binding(person, "viewer", node)).await;
    refused(&world, &owner, reply, "beyond_own_rights").await;
    let role = |permissions: &[&str]| json!({"name": "Narrow", "permissions": permissions});
    refused(&world, &owner, world.post(&key, "/v1/roles", role(&["app.create"])).await, "beyond_own_rights")
        .await;
    let made = world.post(&key, "/v1/roles", role(&["app.read"])).await.expect(201).text("/id");
    let path = format!("/v1/roles/{made}");
    let reply = world.patch(&key, &path, json!({"permissions": ["app.read", "app.create"]})).await;
    refused(&world, &owner, reply, "beyond_own_rights").await;
    world.post(&key, "/v1/bindings", binding(person, &made, node)).await.expect(201);
}

#[tokio::test]
async fn denials_are_recorded_with_reasons_that_the_caller_is_not_told() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let tree = world.tree(&owner).await;
    let (person, actor) = world.seed_person(&owner).await;
    let path = format!("/v1/organizations/{}", tree.organization);

    refused(&world, &owner, world.get(&actor, &path).await, "no_binding").await;
    let mut later = binding(person, "viewer", tree.organization);
    later["starts_at"] = json!("2026-06-01T00:00:00Z");
    bind(&world, &owner, later).await;
    refused(&world, &owner, world.get(&actor, &path).await, "out_of_time").await;
    let mut from_office = binding(person, "viewer", tree.organization);
    from_office["condition"] = json!({"addresses": ["203.0.113.0/24"]});
    bind(&world, &owner, from_office).await;
    refused(&world, &owner, world.get(&actor, &path).await, "condition").await;
    let narrow = world.member(&owner, &["app.read"]).await;
    refused(&world, &owner, world.get(&narrow, &path).await, "key_scope").await;

    // A stranger is told what somebody is told who asks for nothing at all, and nothing is recorded where it has no place.
    let (before, own) = (world.events(&owner).await.len(), world.events(&stranger).await.len());
    let reply = world.get(&stranger, &path).await.expect(404);
    let nothing = world.get(&stranger, "/v1/organizations/org_01h455vb4pex5vsknk084sn02q").await.expect(404);
    assert_eq!(reply.body["detail"], nothing.body["detail"]);
    assert_eq!((world.events(&owner).await.len(), world.events(&stranger).await.len()), (before, own));
}
