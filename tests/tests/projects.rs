//! Projects, and the tenant itself.

use http::Method;
use rookery_domain::node::DEEPEST;
use rookery_domain::role::Predefined;
use rookery_tests::place::{Place, names};
use rookery_tests::world::Actor;
use serde_json::json;

#[tokio::test]
async fn projects_nest_move_and_hold_apps() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let outer = place.ask_project("Games", None).await.expect(201);
    assert_eq!(outer.body["workspace_id"], json!(place.workspace));
    let outer = outer.text("/id");
    place.ask_project("games", None).await.expect(409);
    let inner = place.ask_project("Games", Some(&outer)).await.expect(201).text("/id");
    let path = format!("/v1/projects/{inner}");
    // Signing up made a project that has its name like any other.
    place.ask_project("default", None).await.expect(409);

    let app = world.seed_app_in(owner, "Chess", &inner).await;
    assert_eq!(app.ancestors.project.to_string(), inner);
    assert_eq!(world.delete(owner, &path).await.expect(409).problem(), "not-empty");
    assert_eq!(
        world.delete(owner, &format!("/v1/projects/{outer}")).await.expect(409).problem(),
        "not-empty"
    );
    assert_eq!(place.move_project(&outer, Some(&inner)).await.expect(422).pointers(), ["/parent_id"]);
    place.move_project(&inner, None).await.expect(409);
    world.patch(owner, &path, json!({"name": "Board games"})).await.expect(200);
    let moved = place.move_project(&inner, None).await.expect(200);
    assert!(moved.body["parent_id"].is_null());
    // Rights reach the app on the way that it has now.
    let (in_inner, in_outer) = (
        place.person(&[(Predefined::Viewer, &inner)]).await,
        place.person(&[(Predefined::Viewer, &outer)]).await,
    );
    world.wait(20);
    world.get(&in_inner, &format!("/v1/apps/{}", app.id)).await.expect(200);
    world.get(&in_outer, &format!("/v1/apps/{}", app.id)).await.expect(403);
    let list = format!("/v1/workspaces/{}/projects", place.workspace);
    assert_eq!(names(&world.get(&in_inner, &list).await.expect(200)), ["Board games"]);
    assert_eq!(names(&world.get(owner, &list).await.expect(200)), ["Board games", "Games", "default"]);

    world.delete(owner, &format!("/v1/apps/{}", app.id)).await.expect(204);
    world.delete(owner, &path).await.expect(204);
    world.delete(owner, &format!("/v1/projects/{outer}")).await.expect(204);
    let history = ["project.create", "project.update", "project.move", "project.delete"];
    assert_eq!(place.history(&inner).await, history);
}

#[tokio::test]
async fn two_moves_of_projects_at_once_make_no_ring() {
    let place = Place::new().await;
    let a = place.ask_project("a", None).await.expect(201).text("/id");
    let b = place.ask_project("b", None).await.expect(201).text("/id");
    let (left, right) = tokio::join!(place.move_project(&a, Some(&b)), place.move_project(&b, Some(&a)));
    let done = [&left, &right].iter().filter(|reply| reply.status == 200).count();
    assert_eq!(done, 1, "{} and {}", left.body, right.body);
}

#[tokio::test]
async fn projects_nest_eight_deep_within_one_workspace() {
    let place = Place::new().await;
    let mut above: Option<String> = None;
    for level in 1..=DEEPEST {
        let made = place.ask_project(&format!("p{level}"), above.as_deref()).await.expect(201);
        above = Some(made.text("/id"));
    }
    let ninth = place.ask_project("p9", above.as_deref()).await.expect(422);
    assert_eq!(ninth.pointers(), ["/parent_id"]);
    let division = place.division("d", None).await;
    let foreign = Place::new().await.ask_project("p", None).await.expect(201).text("/id");
    for wrong in [division.as_str(), &foreign, &place.workspace, "prj_01h455vb4pex5vsknk084sn02q"] {
        assert_eq!(place.ask_project("p", Some(wrong)).await.expect(422).pointers(), ["/parent_id"]);
        let moved = place.move_project(above.as_deref().unwrap(), Some(wrong)).await.expect(422);
        assert_eq!(moved.pointers(), ["/parent_id"]);
    }
}

#[tokio::test]
async fn without_any_project_an_app_needs_one_named() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let list = world.get(owner, &format!("/v1/workspaces/{}/projects", place.workspace)).await.expect(200);
    world.delete(owner, &format!("/v1/projects/{}", list.text("/items/0/id"))).await.expect(204);
    let reply = world.post(owner, "/v1/apps", json!({"name": "x", "platforms": ["web"]})).await.expect(422);
    assert_eq!(reply.pointers(), ["/project_id"]);
}

#[tokio::test]
async fn a_tenant_is_renamed_and_set_up_by_its_owner() {
    let place = Place::new().await;
    let (world, owner) = (&place.world, &place.owner);
    let read = world.get(owner, "/v1/tenant").await.expect(200);
    assert_eq!(read.body["id"], json!(owner.tenant));
    assert_eq!(
        read.body["settings"],
        json!({"security_contact": null, "require_second_factor": false, "password_length": 8})
    );

    let body = json!({"name": "Colony", "settings": {"security_contact": "security@example.com"}});
    let changed = world.patch(owner, "/v1/tenant", body).await.expect(200);
    assert_eq!(
        (changed.text("/name").as_str(), &changed.headers["etag"]),
        ("Colony", &"\"2\"".parse().unwrap())
    );
    let settings = json!({"require_second_factor": true});
    let settings = world.patch(owner, "/v1/tenant/settings", settings).await.expect(200);
    let expected = json!({"security_contact": "security@example.com", "require_second_factor": true, "password_length": 8});
    assert_eq!((&settings.body, &settings.headers["etag"]), (&expected, &"\"3\"".parse().unwrap()));
    assert_eq!(world.get(owner, "/v1/tenant/settings").await.expect(200).body, expected);
    let tenant =
        world.patch(owner, "/v1/tenant", json!({"settings": {"security_contact": null}})).await.expect(200);
    let expected = json!({"security_contact": null, "require_second_factor": true, "password_length": 8});
    assert_eq!(tenant.body["settings"], expected);
    assert_eq!(world.get(owner, "/v1/whoami").await.expect(200).text("/tenant/name"), "Colony");
    let headers = [("if-match", "\"3\"")];
    let body = json!({"name": "Late"});
    world.call_with(owner, Method::PATCH, "/v1/tenant", Some(&body), &headers).await.expect(412);
    assert_eq!(place.history(&owner.tenant).await.len(), 4, "signing up and three changes");

    for (body, pointers) in [
        (json!({"name": null, "settings": null}), vec!["/name", "/settings"]),
        (
            json!({"settings": {"security_contact": "nobody", "require_second_factor": "yes"}}),
            vec!["/settings/security_contact", "/settings/require_second_factor"],
        ),
        (json!({"settings": {"require_second_factor": null}}), vec!["/settings/require_second_factor"]),
        (json!({"slug": "other"}), vec!["/slug"]),
        (json!({"settings": {"colour": "red"}}), vec!["/settings/colour"]),
    ] {
        let mut found = world.patch(owner, "/v1/tenant", body).await.expect(422).pointers();
        found.sort_by_key(|pointer| pointers.iter().position(|known| known == pointer));
        assert_eq!(found, pointers);
    }
    let admin = place.person(&[(Predefined::Admin, &owner.tenant)]).await;
    let nobody = place.person(&[(Predefined::Admin, &place.organization)]).await;
    for path in ["/v1/tenant", "/v1/tenant/settings"] {
        world.get(&Actor::anonymous(), path).await.expect(401);
        world.get(&admin, path).await.expect(200);
        world.patch(&admin, path, json!({})).await.expect(403);
        world.get(&nobody, path).await.expect(403);
    }
}
