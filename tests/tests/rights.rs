//! The catalogue, roles, bindings, and questions about them.

use std::sync::atomic::Ordering;

use rookery_domain::binding::Subject;
use rookery_store::access;
use rookery_tests::line::Line;
use rookery_tests::world::{Actor, World};
use serde_json::{Value, json};

/// Longer than rights are kept in memory.
const SETTLED: i64 = 20;

async fn bind(world: &World, by: &Actor, subject: impl ToString, role: &str, node: impl ToString) -> String {
    let body = json!({"subject_id": subject.to_string(), "role": role, "node_id": node.to_string()});
    let made = world.post(by, "/v1/bindings", body).await.expect(201);
    world.wait(SETTLED);
    made.text("/id")
}

async fn make_role(world: &World, by: &Actor, name: &str, permissions: &[&str]) -> String {
    world
        .post(by, "/v1/roles", json!({"name": name, "permissions": permissions}))
        .await
        .expect(201)
        .text("/id")
}

async fn ask(world: &World, by: &Actor, check: Value) -> Value {
    let reply = world.post(by, "/v1/authz/check", json!({"checks": [check]})).await.expect(200);
    reply.body["results"][0].clone()
}

#[tokio::test]
async fn the_catalogue_says_who_holds_what() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let first = world.get(&owner, "/v1/permissions?limit=100").await.expect(200);
    let mut items = first.body["items"].as_array().unwrap().clone();
    if let Some(cursor) = first.body["next_cursor"].as_str() {
        let rest = world.get(&owner, &format!("/v1/permissions?limit=100&cursor={cursor}")).await.expect(200);
        items.extend(rest.body["items"].as_array().unwrap().clone());
        assert_eq!(rest.body["next_cursor"], Value::Null);
    }
    assert_eq!(items.len(), rookery_domain::permission::Permission::ALL.len());
    let ramp = items.iter().find(|item| item["name"] == "release.ramp").unwrap();
    assert_eq!((&ramp["resource"], &ramp["action"]), (&json!("release"), &json!("ramp")));
    assert_eq!(ramp["roles"], json!(["owner", "admin", "release_manager"]));
    world.get(&owner, "/v1/permissions?limit=0").await.expect(400);
}

#[tokio::test]
async fn predefined_roles_are_read_and_never_changed() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let own = make_role(&world, &owner, "Pilot", &["release.ramp"]).await;
    let mut names = Vec::new();
    let mut path = "/v1/roles?limit=3".to_owned();
    loop {
        let page = world.get(&owner, &path).await.expect(200);
        assert!(page.body["items"].as_array().unwrap().len() <= 3);
        names.extend(page.body["items"].as_array().unwrap().iter().map(|role| role["id"].clone()));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/roles?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    let expected = ["owner", "admin", "release_manager", "developer", "auditor", "viewer", own.as_str()];
    assert_eq!(names, expected);

    let viewer = world.get(&owner, "/v1/roles/viewer").await.expect(200);
    assert_eq!((&viewer.body["predefined"], &viewer.body["created_at"]), (&json!(true), &Value::Null));
    for role in ["owner", "viewer"] {
        let path = format!("/v1/roles/{role}");
        let reply = world.patch(&owner, &path, json!({"permissions": ["app.read"]})).await.expect(409);
        assert_eq!(reply.problem(), "predefined-role");
        assert_eq!(world.delete(&owner, &path).await.expect(409).problem(), "predefined-role");
    }
    world.get(&owner, "/v1/roles/pilot").await.expect(404);
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for (body, pointers) in [
        (json!({"name": "Owner", "permissions": ["app.read"]}), vec!["/name"]),
        (json!({"name": "x", "permissions": []}), vec!["/permissions"]),
        (
            json!({"name": "Viewer", "permissions": ["app.*", "*", "app.read"]}),
            vec!["/name", "/permissions/0", "/permissions/1"],
        ),
        (json!({"name": "x", "permissions": ["platform_tenant.list"]}), vec!["/permissions/0"]),
    ] {
        assert_eq!(world.post(&owner, "/v1/roles", body).await.expect(422).pointers(), pointers);
    }
    let made = make_role(&world, &owner, "Pilot", &["release.ramp", "release.read"]).await;
    let again = json!({"name": "pILOT", "permissions": ["app.read"]});
    assert_eq!(world.post(&owner, "/v1/roles", again).await.expect(409).problem(), "already-exists");

    let path = format!("/v1/roles/{made}");
    let changed = world.patch(&owner, &path, json!({"permissions": ["release.read"]})).await.expect(200);
    assert_eq!(
        (&changed.body["permissions"], &changed.body["version"]),
        (&json!(["release.read"]), &json!(2))
    );
    let tree = world.tree(&owner).await;
    let (person, actor) = world.seed_person(&owner).await;
    let binding = bind(&world, &owner, person, &made, tree.workspace).await;
    assert_eq!(world.delete(&owner, &path).await.expect(409).problem(), "not-empty");

    // What the role holds counts for those who have it.
    let app = world.seed_app(&owner, "Hello").await;
    world.get(&actor, &format!("/v1/apps/{}", app.id)).await.expect(403);
    world.patch(&owner, &path, json!({"permissions": ["app.read"]})).await.expect(200);
    world.wait(SETTLED);
    world.get(&actor, &format!("/v1/apps/{}", app.id)).await.expect(200);

    world.delete(&owner, &format!("/v1/bindings/{binding}")).await.expect(204);
    world.delete(&owner, &path).await.expect(204);
    world.get(&owner, &path).await.expect(404);
    make_role(&world, &owner, "Pilot", &["app.read"]).await;
    let actions: Vec<Value> =
        world.events(&owner).await.iter().map(|event| event["action"].clone()).collect();
    for action in ["role.create", "role.update", "role.delete", "binding.create", "binding.delete"] {
        assert!(actions.contains(&json!(action)), "{action} was not recorded");
    }
}

#[tokio::test]
async fn what_is_given_is_checked() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let tree = world.tree(&owner).await;
    let (person, _) = world.seed_person(&owner).await;
    let theirs = world.tree(&stranger).await;
    let good = json!({"subject_id": person, "role": "viewer", "node_id": tree.workspace});
    let personal = world.get(&owner, "/v1/api-keys").await.expect(200).text("/items/0/id");
    for (field, value, pointer) in [
        ("subject_id", json!("usr_01h455vb4pex5vsknk084sn02q"), "/subject_id"),
        ("subject_id", json!(personal), "/subject_id"),
        ("role", json!("pilot"), "/role"),
        ("role", json!("rol_01h455vb4pex5vsknk084sn02q"), "/role"),
        ("node_id", json!(person), "/node_id"),
        ("node_id", json!(theirs.workspace), "/node_id"),
        ("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at"),
        ("condition", json!({}), "/condition"),
        ("condition", json!({"second_factor_within_minutes": 0}), "/condition/second_factor_within_minutes"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let reply = world.post(&owner, "/v1/bindings", body.clone()).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.body);
        assert_eq!(reply.pointers(), [pointer], "{body}");
    }
    for _ in 0..100 {
        world.post(&owner, "/v1/bindings", good.clone()).await.expect(201);
    }
    assert_eq!(world.post(&owner, "/v1/bindings", good).await.expect(409).problem(), "too-many-bindings");
}

#[tokio::test]
async fn bindings_are_listed_by_subject_and_place() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let ((one, viewer), (two, _)) = (world.seed_person(&owner).await, world.seed_person(&owner).await);
    let first = bind(&world, &owner, one, "viewer", tree.workspace).await;
    let second = bind(&world, &owner, two, "developer", tree.workspace).await;
    let third = bind(&world, &owner, two, "viewer", tree.organization).await;
    let list = async |actor: &Actor, query: String| {
        let page = world.get(actor, &format!("/v1/bindings{query}")).await.expect(200);
        let ids =
            page.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(list(&owner, String::new()).await[..3], [third.clone(), second.clone(), first.clone()]);
    assert_eq!(list(&owner, format!("?subject={two}")).await, [third, second.clone()]);
    let both = format!("?subject={two}&node={}", tree.workspace);
    assert_eq!(list(&owner, both).await, [second.as_str()]);
    assert_eq!(list(&owner, format!("?node={}", tree.workspace)).await, [second.clone(), first.clone()]);
    // Whoever has a role on the workspace sees what was given there and below, and nothing above.
    assert_eq!(list(&viewer, String::new()).await, [second, first]);
    world.get(&owner, "/v1/bindings?subject=nobody").await.expect(400);
}

#[tokio::test]
async fn the_last_owner_stays() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let (person, second) = world.seed_person(&owner).await;
    let first = world.get(&owner, "/v1/bindings").await.expect(200).text("/items/0/id");
    let path = format!("/v1/bindings/{first}");
    assert_eq!(world.delete(&owner, &path).await.expect(409).problem(), "last-owner");

    // One who owns for a while only, or under a condition, does not count.
    let mut limited = json!({"subject_id": person, "role": "owner", "node_id": owner.tenant});
    limited["expires_at"] = json!("2027-01-01T00:00:00Z");
    world.post(&owner, "/v1/bindings", limited).await.expect(201);
    assert_eq!(world.delete(&owner, &path).await.expect(409).problem(), "last-owner");

    let other = bind(&world, &owner, person, "owner", &owner.tenant).await;
    let other = format!("/v1/bindings/{other}");
    let (left, right) = tokio::join!(world.delete(&owner, &path), world.delete(&second, &other));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "{} {}", left.body, right.body);
}

#[tokio::test]
async fn two_bindings_for_one_person_at_once_both_count() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let (person, actor) = world.seed_person(&owner).await;
    let give = |role: &'static str, node: String| {
        let body = json!({"subject_id": person, "role": role, "node_id": node});
        world.post(&owner, "/v1/bindings", body)
    };
    let (left, right) =
        tokio::join!(give("viewer", tree.workspace.to_string()), give("auditor", owner.tenant.clone()));
    left.expect(201);
    right.expect(201);
    world.wait(SETTLED);
    world.get(&actor, "/v1/audit/events").await.expect(200);
    let app = world.seed_app(&owner, "Hello").await;
    world.get(&actor, &format!("/v1/apps/{}", app.id)).await.expect(200);
}

#[tokio::test]
async fn questions_are_answered_with_what_decides() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let tree = world.tree(&owner).await;
    let app = world.seed_app(&owner, "Hello").await;
    let (person, actor) = world.seed_person(&owner).await;
    let above = world.seed_group(&owner, None, &[]).await;
    let group = world.seed_group(&owner, Some(above), &[person]).await;
    let binding = bind(&world, &owner, above, "developer", tree.organization).await;

    let question = json!({"permission": "package.create", "resource_id": app.id, "principal_id": person});
    let answer = ask(&world, &owner, question.clone()).await;
    let basis = json!({
        "kind": "binding", "binding_id": binding, "role": "developer", "node_id": tree.organization,
        "subject_id": above, "groups": [group, above],
    });
    assert_eq!(answer, json!({"allowed": true, "basis": basis}));
    // The person may ask about itself, by name or without.
    for principal in [Value::Null, json!(person)] {
        let mut own = question.clone();
        own["principal_id"] = principal;
        if own["principal_id"].is_null() {
            own.as_object_mut().unwrap().remove("principal_id");
        }
        assert_eq!(ask(&world, &actor, own.clone()).await["basis"]["binding_id"], json!(binding));
        // Denied, it is not told why.
        own["permission"] = json!("release.ramp");
        assert_eq!(ask(&world, &actor, own).await, json!({"allowed": false}));
    }
    let mut denied = question.clone();
    denied["permission"] = json!("release.ramp");
    assert_eq!(ask(&world, &owner, denied).await, json!({"allowed": false, "reason": "no_binding"}));

    // Asking about others takes a right on what is asked about.
    let me = world.get(&owner, "/v1/bindings").await.expect(200);
    let first_owner = me.body["items"].as_array().unwrap().last().unwrap()["subject_id"].clone();
    let others =
        json!({"checks": [{"permission": "app.read", "resource_id": app.id, "principal_id": first_owner}]});
    world.post(&actor, "/v1/authz/check", others.clone()).await.expect(403);
    let denial = world.events(&owner).await.pop().unwrap();
    assert_eq!((&denial["action"], &denial["reason"]), (&json!("authz.check"), &json!("no_binding")));

    // What belongs to another tenant does not exist, whatever else is asked.
    let mixed = json!({"checks": [question, {"permission": "app.read", "resource_id": world.tree(&stranger).await.workspace}]});
    let reply = world.post(&owner, "/v1/authz/check", mixed).await.expect(200);
    assert_eq!(reply.body["results"][0]["allowed"], true);
    assert_eq!(reply.body["results"][1], json!({"allowed": false, "reason": "not_found"}));
    let unknown = json!({"permission": "app.read", "resource_id": app.id, "principal_id": "usr_01h455vb4pex5vsknk084sn02q"});
    assert_eq!(ask(&world, &owner, unknown).await["reason"], "not_found");
    let nowhere = "app_01h455vb4pex5vsknk084sn02q";
    assert_eq!(
        ask(&world, &actor, json!({"permission": "app.read", "resource_id": nowhere})).await["allowed"],
        false
    );

    for body in [
        json!({"checks": []}),
        json!({"checks": vec![json!({"permission": "app.read", "resource_id": app.id}); 51]}),
    ] {
        assert_eq!(world.post(&owner, "/v1/authz/check", body).await.expect(422).pointers(), ["/checks"]);
    }
}

#[tokio::test]
async fn questions_may_be_about_other_times_and_circumstances() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let (person, actor) = world.seed_person(&owner).await;
    let body = json!({
        "subject_id": person, "role": "viewer", "node_id": tree.workspace,
        "starts_at": "2026-02-01T00:00:00Z", "expires_at": "2026-03-01T00:00:00Z",
        "condition": {"addresses": ["203.0.113.0/24"], "second_factor_within_minutes": 5},
    });
    world.post(&owner, "/v1/bindings", body).await.expect(201);
    let question = |more: Value| {
        let mut question =
            json!({"permission": "app.list", "resource_id": tree.workspace, "principal_id": person});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        question
    };
    let during = "2026-02-10T00:00:00Z";
    for (more, expected) in [
        (json!({}), json!("out_of_time")),
        (json!({"at": during}), json!("condition")),
        (json!({"at": during, "address": "203.0.113.7"}), json!("condition")),
        (json!({"at": during, "address": "203.0.114.7", "second_factor_age_s": 60}), json!("condition")),
        (json!({"at": during, "address": "203.0.113.7", "second_factor_age_s": 60}), Value::Null),
        (
            json!({"at": "2026-03-01T00:00:00Z", "address": "203.0.113.7", "second_factor_age_s": 60}),
            json!("out_of_time"),
        ),
    ] {
        let answer = ask(&world, &owner, question(more.clone())).await;
        assert_eq!(answer["reason"], expected, "{more}: {answer}");
        assert_eq!(answer["allowed"], json!(expected.is_null()));
    }
    world.wait(SETTLED);
    world.get(&actor, "/v1/apps").await.expect(403);
}

#[tokio::test]
async fn a_key_is_asked_about_with_its_scopes() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let made =
        world.post(&owner, "/v1/api-keys", json!({"name": "ci", "scopes": ["app.read"]})).await.expect(201);
    let ci = Actor { token: Some(made.text("/secret")), tenant: owner.tenant.clone() };
    let key = made.text("/id");
    let question = |permission: &str| json!({"permission": permission, "resource_id": tree.workspace, "principal_id": key});
    assert_eq!(ask(&world, &owner, question("app.read")).await["allowed"], true);
    assert_eq!(ask(&world, &owner, question("app.create")).await["reason"], "key_scope");
    assert_eq!(ask(&world, &ci, question("app.read")).await["allowed"], true);
    // What its owner may, the key is not told: it holds no `authz.check`.
    let me = world.get(&owner, "/v1/whoami").await.expect(200).text("/principal/owner_id");
    let about_owner =
        json!({"checks": [{"permission": "app.create", "resource_id": tree.workspace, "principal_id": me}]});
    world.post(&ci, "/v1/authz/check", about_owner).await.expect(403);
    assert_eq!(world.events(&owner).await.pop().unwrap()["reason"], "key_scope");
    world.delete(&owner, &format!("/v1/api-keys/{key}")).await.expect(204);
    assert_eq!(ask(&world, &owner, question("app.read")).await["reason"], "key_revoked");
}

#[tokio::test]
async fn a_warm_request_reads_nothing_to_be_authorized() {
    let (endpoint, line) = Line::to_a_database().await;
    let world = World::over(&endpoint, &[]).await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "Hello").await;
    let (person, actor) = world.seed_person(&owner).await;
    let group = world.seed_group(&owner, None, &[person]).await;
    bind(&world, &owner, group, "viewer", app.ancestors.organization).await;
    // What each reads for its own answer: a list that is written down in the code, a record, two records at once.
    for (path, own) in
        [("/v1/permissions".to_owned(), 0), (format!("/v1/apps/{}", app.id), 1), ("/v1/whoami".to_owned(), 1)]
    {
        let mut counts = [0; 3];
        for count in &mut counts {
            let before = line.requests.load(Ordering::SeqCst);
            world.get(&actor, &path).await.expect(200);
            *count = line.requests.load(Ordering::SeqCst) - before;
        }
        assert_eq!(counts[1..], [own, own], "GET {path}");
        assert!(counts[0] >= own, "GET {path}");
    }
    // Cold, it reads the credential, the rights and the tree.
    world.wait(SETTLED);
    let before = line.requests.load(Ordering::SeqCst);
    world.get(&actor, "/v1/permissions").await.expect(200);
    assert!(line.requests.load(Ordering::SeqCst) >= before + 3);
}

#[tokio::test]
async fn what_was_given_on_a_place_goes_with_it() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let tree = world.tree(&owner).await;
    let (person, _) = world.seed_person(&owner).await;
    let pilot = make_role(&world, &owner, "Pilot", &["release.ramp"]).await;
    let divisions = format!("/v1/organizations/{}/divisions", tree.organization);
    let projects = format!("/v1/workspaces/{}/projects", tree.workspace);
    let app = world.seed_app(&owner, "Hello").await;
    let made = async |path: &str, body: Value| world.post(&owner, path, body).await.expect(201).text("/id");
    let places = [
        ("organizations", made("/v1/organizations", json!({"name": "Nest"})).await),
        ("divisions", made(&divisions, json!({"name": "North", "code": "N"})).await),
        ("projects", made(&projects, json!({"name": "Firmware"})).await),
        ("apps", app.id.to_string()),
    ];
    for (kind, id) in &places {
        let viewer = bind(&world, &owner, person, "viewer", id).await;
        let piloting = bind(&world, &owner, person, &pilot, id).await;
        world.delete(&owner, &format!("/v1/{kind}/{id}")).await.expect(204);
        world.wait(SETTLED);
        let list = world.get(&owner, &format!("/v1/bindings?subject={person}")).await.expect(200);
        assert_eq!(list.body["items"], json!([]), "{kind}");
        for binding in [viewer, piloting] {
            world.get(&owner, &format!("/v1/bindings/{binding}")).await.expect(404);
            let told = world.events(&owner).await.into_iter().filter(|event| {
                event["action"] == "binding.delete" && event["resource"]["id"] == json!(binding)
            });
            assert_eq!(told.count(), 1, "{kind}");
        }
    }
    let scope = world.scope(&owner);
    let given = access::find(world.table(), &scope, Subject::User(person)).await.unwrap().unwrap();
    assert!(given.grants.is_empty());
    // Nobody has the role any more.
    world.delete(&owner, &format!("/v1/roles/{pilot}")).await.expect(204);
}
