//! What a tenant's directory does by SCIM: people and groups that it sends, finds again, changes and takes away.

use http::Method;
use rookery_domain::group::Group;
use rookery_store::{Transaction, group};
use rookery_tests::directory::{GROUPS, RIGHTS, USERS, found, key, made, patch, tenant};
use rookery_tests::world::{Actor, Reply, World};
use serde_json::json;

#[tokio::test]
async fn a_person_is_sent_found_changed_and_taken_away() {
    let world = World::new().await;
    let (owner, directory) = tenant(&world).await;
    let grace = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ghopper", "externalId": "E-1",
        "name": {"givenName": "Grace", "familyName": "Hopper"},
        "emails": [{"value": "grace@example.com", "type": "work", "primary": true}, {"value": "g@example.org"}],
        "active": true,
        "nickName": "Amazing Grace",
    });
    let reply = made(&world, &directory, USERS, grace).await;
    assert_eq!(reply.headers["content-type"], "application/scim+json");
    let (id, location) = (reply.text("/id"), reply.text("/meta/location"));
    assert_eq!(reply.headers["location"].to_str().unwrap(), location);
    assert_eq!(location, format!("https://rookery.test/scim/v2/Users/{id}"));
    assert_eq!(reply.headers["etag"].to_str().unwrap(), reply.text("/meta/version"));
    assert_eq!((reply.text("/userName"), reply.body.get("nickName")), ("ghopper".to_owned(), None));
    // On the platform it is a person like others, of the key's organization.
    let person = world.get(&owner, &format!("/v1/users/{id}")).await.expect(200);
    assert_eq!(
        (person.text("/name"), person.text("/email")),
        ("Grace Hopper".into(), "grace@example.com".into())
    );
    assert_eq!(person.text("/organization_id"), world.home(&owner).await);

    for filter in [
        r#"userName eq "GHopper""#,
        r#"externalId eq "E-1""#,
        r#"emails.value eq "Grace@Example.com" and userName eq "ghopper""#,
        r#"emails.value eq "g@example.org""#,
        &format!("id eq \"{id}\""),
    ] {
        assert_eq!(found(&world, &directory, USERS, filter).await, std::slice::from_ref(&id), "{filter}");
    }
    for filter in [
        r#"externalId eq "e-1""#,
        r#"userName eq "nobody""#,
        r#"userName eq "ghopper" and externalId eq "x""#,
    ] {
        assert!(found(&world, &directory, USERS, filter).await.is_empty(), "{filter}");
    }

    let path = format!("{USERS}/{id}");
    let operations = patch(&json!([
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "hopper@example.com"},
        {"op": "replace", "value": {"displayName": "Rear Admiral Hopper", "externalId": "E-2"}},
        {"op": "remove", "path": "name.givenName"},
    ]));
    let changed = world.patch(&directory, &path, operations).await.expect(200);
    assert_eq!(changed.body["name"], json!({"familyName": "Hopper"}));
    assert_eq!(found(&world, &directory, USERS, r#"externalId eq "E-2""#).await, std::slice::from_ref(&id));
    assert!(found(&world, &directory, USERS, r#"externalId eq "E-1""#).await.is_empty());
    let person = world.get(&owner, &format!("/v1/users/{id}")).await.expect(200);
    assert_eq!(
        (person.text("/name"), person.text("/email")),
        ("Rear Admiral Hopper".into(), "hopper@example.com".into())
    );
    // The other way round, too.
    world.patch(&owner, &format!("/v1/users/{id}"), json!({"name": "Grace"})).await.expect(200);
    assert_eq!(world.get(&directory, &path).await.expect(200).text("/displayName"), "Grace");

    let put = json!({"userName": "grace@example.com", "emails": [{"value": "grace@example.com"}]});
    let put = world.call_with(&directory, Method::PUT, &path, Some(&put), &[]).await.expect(200);
    assert_eq!((put.body.get("externalId"), put.body.get("name")), (None, None));
    assert_eq!(put.text("/userName"), "grace@example.com");

    world.delete(&directory, &path).await.expect(204);
    assert_eq!(world.get(&directory, &path).await.expect(404).scim_problem(), "404");
    world.get(&owner, &format!("/v1/users/{id}")).await.expect(404);
    // Nothing personal is left, nor anything that keeps the names taken.
    let all = world.everything().await;
    for trace in ["hopper", "Hopper", "grace@example.com", "E-2"] {
        assert!(!all.iter().any(|item| item.contains(trace)), "{trace} is still there");
    }
    made(
        &world,
        &directory,
        USERS,
        json!({"userName": "ghopper", "externalId": "E-2", "emails": [{"value": "grace@example.com"}]}),
    )
    .await;
}

#[tokio::test]
async fn what_a_directory_does_is_told_as_what_people_do_is() {
    let world = World::new().await;
    let (owner, directory) = tenant(&world).await;
    let id = made(&world, &directory, USERS, json!({"userName": "grace@example.com"})).await.text("/id");
    let path = format!("{USERS}/{id}");
    let suspend = patch(&json!([{"op": "replace", "path": "active", "value": false}]));
    world.patch(&directory, &path, suspend).await.expect(200);
    let rename = patch(
        &json!([{"op": "add", "path": "displayName", "value": "Grace"}, {"op": "replace", "path": "active", "value": "True"}]),
    );
    world.patch(&directory, &path, rename.clone()).await.expect(200);
    // Said again it changes nothing, and nothing is told.
    world.patch(&directory, &path, rename).await.expect(200);
    let group = json!({"displayName": "Pilots", "members": [{"value": id}]});
    let group = made(&world, &directory, GROUPS, group).await.text("/id");
    world.delete(&directory, &format!("{GROUPS}/{group}")).await.expect(204);
    world.delete(&directory, &path).await.expect(204);
    let events = world.events(&owner).await;
    let of_directory = events.iter().filter(|event| {
        event["actor"]["kind"] == "api_key" && event["actor"]["id"] != events[0]["actor"]["id"]
    });
    let told: Vec<(String, u64)> = of_directory
        .filter(|event| [&json!(id), &json!(group)].contains(&&event["resource"]["id"]))
        .map(|event| (event["action"].as_str().unwrap().to_owned(), event["version"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("user.create", 1),
        ("user.suspend", 2),
        ("user.resume", 3),
        ("user.update", 4),
        ("group.create", 1),
        ("group_member.add", 2),
        ("group_member.remove", 3),
        ("group.delete", 4),
        ("user.delete", 5),
    ];
    assert_eq!(told, expected.map(|(action, version)| (action.to_owned(), version)));
    assert!(
        !events.iter().any(|event| event.to_string().contains("grace@example.com")),
        "an event is personal"
    );
}

#[tokio::test]
async fn who_is_not_active_may_do_nothing_and_the_last_owner_stays() {
    let world = World::new().await;
    let (owner, directory) = tenant(&world).await;
    // Whoever owns the tenant has more rights than a directory's key, so the owner's own key is the directory here.
    let founder = world.founder(&owner).await;
    let path = format!("{USERS}/{founder}");
    let suspend = patch(&json!([{"op": "replace", "value": {"active": false}}]));
    world.patch(&directory, &path, suspend.clone()).await.expect(403);
    world.delete(&directory, &path).await.expect(403);
    world.patch(&owner, &path, suspend.clone()).await.expect(409);
    assert_eq!(world.delete(&owner, &path).await.expect(409).scim_problem(), "409");
    world.get(&owner, "/v1/whoami").await.expect(200);

    let grace = world.person(&owner, "grace@example.com").await;
    let path = format!("{USERS}/{}", grace.id);
    let shown = world.get(&directory, &path).await.expect(200);
    assert_eq!((&shown.body["active"], shown.text("/userName")), (&json!(true), "grace@example.com".into()));
    let suspended = world.patch(&directory, &path, suspend).await.expect(200);
    assert_eq!(suspended.body["active"], json!(false));
    world.wait(20);
    world.get(&grace.actor, "/v1/whoami").await.expect(401);
    // To say nothing of it leaves it as it is; to take it away does not.
    let put = json!({"userName": "grace@example.com", "displayName": "Grace"});
    let put = world.call_with(&directory, Method::PUT, &path, Some(&put), &[]).await.expect(200);
    assert_eq!(put.body["active"], json!(false));
    let gone =
        world.patch(&directory, &path, patch(&json!([{"op": "remove", "path": "active"}]))).await.expect(200);
    assert_eq!(gone.body.get("active"), None);
    world.wait(20);
    world.get(&grace.actor, "/v1/whoami").await.expect(200);
    // Somebody may come suspended.
    let idle = json!({"userName": "idle@example.com", "active": false});
    let idle = made(&world, &directory, USERS, idle).await;
    assert_eq!(
        world.get(&owner, &format!("/v1/users/{}", idle.text("/id"))).await.text("/state"),
        "suspended"
    );
}

#[tokio::test]
async fn names_lead_to_one_person_in_a_tenant() {
    let world = World::new().await;
    let (owner, directory) = tenant(&world).await;
    let (_, stranger) = tenant(&world).await;
    let ada = json!({"userName": "ada.l", "externalId": "1", "emails": [{"value": "lovelace@example.com"}]});
    made(&world, &directory, USERS, ada.clone()).await;
    made(&world, &stranger, USERS, ada).await;
    for taken in [
        json!({"userName": "ADA.L", "emails": [{"value": "other@example.com"}]}),
        json!({"userName": "other", "externalId": "1", "emails": [{"value": "other@example.com"}]}),
        json!({"userName": "other", "emails": [{"value": "Lovelace@example.com"}]}),
        // Of somebody whom no directory sent.
        json!({"userName": "ada@example.com", "emails": [{"value": "other@example.com"}]}),
    ] {
        let reply = world.post(&directory, USERS, taken.clone()).await.expect(409);
        assert_eq!(reply.scim_problem(), "uniqueness", "{taken}");
    }
    let other = made(&world, &directory, USERS, json!({"userName": "other@example.com"})).await;
    let path = format!("{USERS}/{}", other.text("/id"));
    let steal = patch(&json!([{"op": "replace", "path": "externalId", "value": "1"}]));
    assert_eq!(world.patch(&directory, &path, steal).await.expect(409).scim_problem(), "uniqueness");
    // Deleting by the platform's own way frees the names as well.
    let ada = found(&world, &directory, USERS, r#"userName eq "ada.l""#).await;
    world.delete(&owner, &format!("/v1/users/{}", ada[0])).await.expect(204);
    let again =
        json!({"userName": "ada.l", "externalId": "1", "emails": [{"value": "lovelace@example.com"}]});
    made(&world, &directory, USERS, again).await;
}

async fn write(world: &World, owner: &Actor, before: &Group, after: &Group) {
    let mut transaction = Transaction::new();
    group::replace(&mut transaction, &world.scope(owner), before, after).expect("an item");
    world.table().commit(&transaction).await.expect("a write");
}

#[tokio::test]
async fn a_group_is_sent_with_its_members() {
    let world = World::new().await;
    let (owner, directory) = tenant(&world).await;
    let mut people = Vec::new();
    for name in ["a@example.com", "b@example.com", "c@example.com"] {
        people.push(made(&world, &directory, USERS, json!({"userName": name})).await.text("/id"));
    }
    let group = json!({"displayName": "Pilots", "externalId": "G", "members": [{"value": people[0]}]});
    let group = made(&world, &directory, GROUPS, group).await;
    let id = group.text("/id");
    let path = format!("{GROUPS}/{id}");
    let member = json!({"value": people[0], "type": "User", "$ref": format!("https://rookery.test/scim/v2/Users/{}", people[0])});
    assert_eq!(group.body["members"], json!([member]));
    assert_eq!(group.headers["location"].to_str().unwrap(), format!("https://rookery.test{path}"));
    assert_eq!(world.get(&owner, &format!("/v1/groups/{id}")).await.expect(200).body["members"], json!(1));

    let operations = patch(&json!([
        {"op": "add", "path": "members", "value": [{"value": people[1]}, {"value": people[2]}]},
        {"op": "remove", "path": format!("members[value eq \"{}\"]", people[0])},
        {"op": "replace", "path": "displayName", "value": "Aviators"},
    ]));
    let changed = world.patch(&directory, &path, operations).await.expect(200);
    let members = |reply: &Reply| -> Vec<String> {
        let all = reply.body["members"].as_array().cloned().unwrap_or_default();
        all.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((members(&changed), changed.text("/displayName")), (people[1..].to_vec(), "Aviators".into()));
    let shown = world.get(&directory, &format!("{USERS}/{}", people[1])).await.expect(200);
    assert_eq!(
        (shown.text("/groups/0/value"), shown.text("/groups/0/display")),
        (id.clone(), "Aviators".into())
    );
    for filter in [r#"displayName eq "aviators""#, r#"externalId eq "G""#, &format!("id eq \"{id}\"")] {
        assert_eq!(found(&world, &directory, GROUPS, filter).await, std::slice::from_ref(&id), "{filter}");
    }
    let slim = world.get(&directory, &format!("{GROUPS}?excludedAttributes=members")).await.expect(200);
    assert!(slim.body["Resources"][0].get("members").is_none());

    // What no answer could hold is not shown in part.
    let group = group::find(world.table(), &world.scope(&owner), id.parse().unwrap()).await.unwrap().unwrap();
    let crowded = Group { members: 10_001, version: group.version + 1, ..group.clone() };
    write(&world, &owner, &group, &crowded).await;
    for asked in [&path, GROUPS] {
        assert_eq!(world.get(&directory, asked).await.expect(400).scim_problem(), "tooMany");
        world.get(&directory, &format!("{asked}?excludedAttributes=members")).await.expect(200);
    }
    write(&world, &owner, &crowded, &Group { version: crowded.version + 1, ..group }).await;

    let put = json!({"displayName": "Aviators", "members": [{"value": people[0]}, {"value": people[2]}]});
    let put = world.call_with(&directory, Method::PUT, &path, Some(&put), &[]).await.expect(200);
    assert_eq!((members(&put).len(), put.body.get("externalId")), (2, None));
    let taken = json!({"displayName": "AVIATORS"});
    assert_eq!(world.post(&directory, GROUPS, taken).await.expect(409).scim_problem(), "uniqueness");

    // What was given to a group is handed on by whoever has it, and keeps the group.
    let binding = json!({"subject_id": id, "role": "viewer", "node_id": world.home(&owner).await});
    let binding = world.post(&owner, "/v1/bindings", binding).await.expect(201).text("/id");
    world.wait(20);
    let join = patch(&json!([{"op": "add", "path": "members", "value": [{"value": people[1]}]}]));
    world.patch(&directory, &path, join.clone()).await.expect(403);
    world.patch(&owner, &path, join).await.expect(200);
    world.delete(&directory, &path).await.expect(409);
    assert_eq!(members(&world.get(&directory, &path).await.expect(200)).len(), 3, "nobody went for nothing");
    world.delete(&owner, &format!("/v1/bindings/{binding}")).await.expect(204);
    world.delete(&directory, &path).await.expect(204);
    world.get(&directory, &path).await.expect(404);
    assert!(
        world
            .get(&directory, &format!("{USERS}/{}", people[1]))
            .await
            .expect(200)
            .body
            .get("groups")
            .is_none()
    );
}

#[tokio::test]
async fn only_people_of_the_organization_are_seen_and_let_in() {
    let world = World::new().await;
    let (owner, directory) = tenant(&world).await;
    let (_, stranger) = tenant(&world).await;
    let nest = world.post(&owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201).text("/id");
    let other = key(&world, &owner, &nest, &RIGHTS[..13]).await;
    let theirs = made(&world, &other, USERS, json!({"userName": "nest@example.com"})).await.text("/id");
    assert_eq!(world.get(&owner, &format!("/v1/users/{theirs}")).await.text("/organization_id"), nest);
    assert!(found(&world, &directory, USERS, r#"userName eq "nest@example.com""#).await.is_empty());
    world.get(&directory, &format!("{USERS}/{theirs}")).await.expect(403);
    world.get(&stranger, &format!("{USERS}/{theirs}")).await.expect(404);
    let list = world.get(&other, USERS).await.expect(200);
    assert_eq!((list.body["totalResults"].as_u64(), list.text("/Resources/0/id")), (Some(1), theirs.clone()));
    for member in [theirs, "usr_01h455vb4pex5vsknk084sn02q".to_owned()] {
        let group = json!({"displayName": "Pilots", "members": [{"value": member}]});
        assert_eq!(world.post(&directory, GROUPS, group).await.expect(400).scim_problem(), "invalidValue");
    }
    assert!(found(&world, &directory, GROUPS, r#"displayName eq "Pilots""#).await.is_empty());
    // A key of the tenant as a whole says no organization.
    let whole = json!({"name": "whole", "scopes": ["*"], "owner_id": owner.tenant});
    let whole = world.post(&owner, "/v1/api-keys", whole).await.expect(201);
    let binding = json!({"subject_id": whole.text("/id"), "role": "admin", "node_id": owner.tenant});
    world.post(&owner, "/v1/bindings", binding).await.expect(201);
    world.wait(20);
    let whole = Actor { token: Some(whole.text("/secret")), tenant: owner.tenant.clone() };
    world.get(&whole, USERS).await.expect(403);
}

#[tokio::test]
async fn each_change_takes_its_own_right() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let id = made(&world, &owner, USERS, json!({"userName": "grace@example.com"})).await.text("/id");
    let group = made(&world, &owner, GROUPS, json!({"displayName": "Pilots"})).await.text("/id");
    let writer =
        key(&world, &owner, &organization, &["user.read", "user.update", "group.update", "group.read"]).await;
    let path = format!("{USERS}/{id}");
    let rename = patch(&json!([{"op": "replace", "path": "displayName", "value": "G"}]));
    world.patch(&writer, &path, rename).await.expect(200);
    let suspend = patch(&json!([{"op": "replace", "path": "active", "value": false}]));
    assert_eq!(world.patch(&writer, &path, suspend).await.expect(403).scim_problem(), "403");
    let join = patch(&json!([{"op": "add", "path": "members", "value": [{"value": id}]}]));
    world.patch(&writer, &format!("{GROUPS}/{group}"), join).await.expect(403);
    world.get(&writer, USERS).await.expect(403);
    world.post(&writer, USERS, json!({"userName": "x@example.com"})).await.expect(403);
    world.get(&Actor::anonymous(), USERS).await.expect(401);
    let denied = world.events(&owner).await;
    let denied: Vec<&str> = denied
        .iter()
        .filter(|event| event["outcome"] == "denied")
        .filter_map(|event| event["action"].as_str())
        .collect();
    assert_eq!(denied, ["user.suspend", "group_member.add", "user.list", "user.create"]);
}
