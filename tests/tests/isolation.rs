//! No tenant reaches another: every operation of the document that names something, asked by four kinds of callers with the
//! ids of a tenant that is not theirs. A route that is added is covered without a change here.

use http::Method;
use rookery_tests::fuzz::{Operation, operations};
use rookery_tests::ids::{Ids, body_for};
use rookery_tests::world::{Actor, World, openapi};
use serde_json::json;

fn is_open(operation: &Operation) -> bool {
    operation.description["security"].as_array().is_some_and(|own| own.contains(&json!({})))
}

/// By what the document says: for those who operate the platform. `platform.rs` has what concerns them.
fn is_of_operators(operation: &Operation) -> bool {
    operation.description["security"].as_array().is_some_and(|own| own.contains(&json!({"operator": []})))
}

#[tokio::test]
async fn no_operation_answers_a_stranger_with_anything_of_another_tenant() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let (ids, own) = (Ids::of(&world, &owner).await, Ids::of(&world, &stranger).await);
    let powerless = world.member(&owner, &["usage.read"]).await;
    let api = serde_json::to_value(openapi()).unwrap();
    let mut walked = 0;
    let asked = |operation: &&Operation| !is_open(operation) && !is_of_operators(operation);
    for operation in operations(&api).iter().filter(asked) {
        let Some(path) = ids.path(operation) else {
            panic!("{} {} names something that this test does not make", operation.method, operation.path)
        };
        let named = operation.path.contains('{');
        let body = body_for(operation, &ids);
        let ask = |actor: Actor, path: String| {
            let (world, body, method) = (&world, body.clone(), operation.method.clone());
            async move { world.call_with(&actor, method, &path, body.as_ref(), &[]).await }
        };
        let what = format!("{} {}", operation.method, operation.path);

        let nobody = ask(Actor::anonymous(), path.clone()).await;
        assert_eq!(nobody.status, 401, "{what} without credentials");

        if named {
            let reply = ask(stranger.clone(), path.clone()).await;
            assert_eq!(reply.status, 404, "{what} by a stranger: {}", reply.body);
            assert!(!ids.appear_in(&reply, &path), "{what} told a stranger an id: {}", reply.body);
            // The stranger's own app with things of the other tenant inside.
            for (name, id) in &own.0 {
                let theirs = ids.0[name].as_str().unwrap();
                let mixed = path.replace(theirs, id.as_str().unwrap());
                if mixed != path && ids.0.values().any(|id| mixed.contains(id.as_str().unwrap())) {
                    let reply = ask(stranger.clone(), mixed.clone()).await;
                    assert_eq!(reply.status, 404, "{what} by a stranger as {mixed}: {}", reply.body);
                }
            }
        } else if operation.method == Method::GET {
            let reply = ask(stranger.clone(), path.clone()).await.expect(200);
            assert!(!ids.appear_in(&reply, &path), "{what} showed a stranger an id: {}", reply.body);
        }

        if operation.path != "/v1/whoami" && operation.path != "/v1/usage" {
            let reply = ask(powerless.clone(), path.clone()).await;
            assert_eq!(reply.status, 403, "{what} without the right: {}", reply.body);
            assert!(!ids.appear_in(&reply, &path), "{what} told an id: {}", reply.body);
        }
        walked += 1;
    }
    assert!(walked >= 25, "the walk met {walked} operations only");
}

#[tokio::test]
async fn ids_of_another_tenant_in_a_body_are_unknown() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let (ids, own) = (Ids::of(&world, &owner).await, Ids::of(&world, &stranger).await);
    let app = own.0["app"].as_str().unwrap();
    let body = json!({"package_id": ids.0["package"], "channel": "production"});
    let reply = world.post(&stranger, &format!("/v1/apps/{app}/releases"), body).await.expect(422);
    assert_eq!(reply.pointers(), ["/package_id"]);
    let release = own.0["release"].as_str().unwrap();
    let body = json!({"to": ids.0["release"]});
    let path = format!("/v1/apps/{app}/releases/{release}/rollback");
    assert_eq!(world.post(&stranger, &path, body).await.expect(422).pointers(), ["/to"]);
    let project = world.get(&owner, &format!("/v1/apps/{}", ids.0["app"].as_str().unwrap())).await;
    let body = json!({"name": "x", "platforms": ["web"], "project_id": project.text("/project_id")});
    let reply = world.post(&stranger, "/v1/apps", body).await.expect(422);
    assert_eq!(reply.pointers(), ["/project_id"]);
}
