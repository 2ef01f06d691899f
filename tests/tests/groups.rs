//! Groups: their tree, who is in them, and what that gives.

use rookery_tests::world::{Actor, World};
use serde_json::json;

#[tokio::test]
async fn a_group_is_made_renamed_and_deleted() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let path = format!("/v1/organizations/{organization}/groups");
    let made = world.post(&owner, &path, json!({"name": "Pilots"})).await.expect(201);
    let own = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(made.body["parent_id"], json!(null));
    assert_eq!(world.get(&owner, &own).await.expect(200).body, made.body);

    let taken = world.post(&owner, &path, json!({"name": "pILOTS"})).await.expect(409);
    assert_eq!(taken.problem(), "already-exists");
    // Below another group the name is free.
    world.post(&owner, &path, json!({"name": "Pilots", "parent_id": made.body["id"]})).await.expect(201);

    let renamed = world.patch(&owner, &own, json!({"name": "Crew"})).await.expect(200);
    assert_eq!(renamed.body["version"], json!(2));
    world.post(&owner, &path, json!({"name": "Pilots"})).await.expect(201);
    assert_eq!(world.delete(&owner, &own).await.expect(409).problem(), "not-empty");
    let list = world.get(&owner, &path).await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 3);
    let child = list.text("/items/1/id");
    world.delete(&owner, &format!("/v1/groups/{child}")).await.expect(204);
    world.delete(&owner, &own).await.expect(204);
    world.get(&owner, &own).await.expect(404);
}

#[tokio::test]
async fn the_tree_is_shown_at_once_by_name() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let top = world.group(&owner, &organization, "B", None).await;
    world.group(&owner, &organization, "a", None).await;
    let below = world.group(&owner, &organization, "C", Some(&top)).await;
    world.group(&owner, &organization, "D", Some(&below)).await;
    let path = format!("/v1/organizations/{organization}/groups?view=tree");
    let tree = world.get(&owner, &path).await.expect(200);
    assert_eq!((tree.text("/items/0/name"), tree.text("/items/1/name")), ("a".into(), "B".into()));
    assert_eq!(tree.text("/items/1/children/0/children/0/name"), "D");
    assert_eq!(tree.body["next_cursor"], json!(null));
    let reply = world.get(&owner, &format!("{path}&limit=3")).await.expect(400);
    assert_eq!(reply.pointers(), ["?limit"]);
    let path = format!("/v1/organizations/{organization}/groups?view=bush");
    assert_eq!(world.get(&owner, &path).await.expect(400).pointers(), ["?view"]);
}

#[tokio::test]
async fn groups_are_nested_eight_deep_and_no_deeper() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let mut tower: Vec<String> = Vec::new();
    for level in 0..8 {
        tower.push(
            world.group(&owner, &organization, &format!("L{level}"), tower.last().map(String::as_str)).await,
        );
    }
    let path = format!("/v1/organizations/{organization}/groups");
    let body = json!({"name": "L8", "parent_id": tower[7]});
    assert_eq!(world.post(&owner, &path, body).await.expect(422).pointers(), ["/parent_id"]);

    let other = world.group(&owner, &organization, "X", None).await;
    world.group(&owner, &organization, "Y", Some(&other)).await;
    let path = format!("/v1/groups/{other}/move");
    let reply = world.post(&owner, &path, json!({"parent_id": tower[6]})).await.expect(422);
    assert_eq!(reply.pointers(), ["/parent_id"]);
    world.post(&owner, &path, json!({"parent_id": tower[5]})).await.expect(200);
}

#[tokio::test]
async fn a_group_is_not_moved_below_itself_or_elsewhere() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let organization = world.home(&owner).await;
    let top = world.group(&owner, &organization, "Top", None).await;
    let below = world.group(&owner, &organization, "Below", Some(&top)).await;
    let other = world.post(&owner, "/v1/organizations", json!({"name": "Other"})).await.expect(201);
    let far = world.group(&owner, &other.text("/id"), "Far", None).await;
    let foreign = world.group(&stranger, &world.home(&stranger).await, "Foreign", None).await;
    let path = format!("/v1/groups/{top}/move");
    for parent in [&top, &below, &far, &foreign] {
        let reply = world.post(&owner, &path, json!({"parent_id": parent})).await.expect(422);
        assert_eq!(reply.pointers(), ["/parent_id"], "{parent}");
    }
    assert_eq!(world.post(&owner, &path, json!({})).await.expect(422).pointers(), ["/parent_id"]);
    let moved = format!("/v1/groups/{below}/move");
    let moved = world.post(&owner, &moved, json!({"parent_id": null})).await.expect(200);
    assert_eq!((&moved.body["parent_id"], &moved.body["version"]), (&json!(null), &json!(2)));
    // The group that it came from holds nothing any more, and the name below it is free.
    world.group(&owner, &organization, "Below", Some(&top)).await;
}

#[tokio::test]
async fn two_moves_at_once_make_no_ring() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    for round in 0..5 {
        let left = world.group(&owner, &organization, &format!("L{round}"), None).await;
        let right = world.group(&owner, &organization, &format!("R{round}"), None).await;
        let (to_right, to_left) = (format!("/v1/groups/{left}/move"), format!("/v1/groups/{right}/move"));
        let (first, second) = tokio::join!(
            world.post(&owner, &to_right, json!({"parent_id": right})),
            world.post(&owner, &to_left, json!({"parent_id": left})),
        );
        let mut answers = [first.status.as_u16(), second.status.as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [200, 422], "{} {}", first.body, second.body);
    }
}

#[tokio::test]
async fn a_group_is_not_deleted_while_somebody_comes() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let person = world.person(&owner, "grace@example.com").await;
    for round in 0..6 {
        let group = world.group(&owner, &organization, &format!("G{round}"), None).await;
        let (own, members) = (format!("/v1/groups/{group}"), format!("/v1/groups/{group}/members"));
        let children = format!("/v1/organizations/{organization}/groups");
        let body = json!({"name": format!("child {round}"), "parent_id": group});
        let (gone, joined, child) = tokio::join!(
            world.delete(&owner, &own),
            world.post(&owner, &members, json!({"user_id": person.id})),
            world.post(&owner, &children, body),
        );
        if gone.status == 204 {
            assert!(!joined.status.is_success(), "{}", joined.body);
            assert!(!child.status.is_success(), "{}", child.body);
            world.get(&owner, &own).await.expect(404);
        } else {
            gone.expect(409);
            assert!(joined.status == 201 || child.status == 201);
        }
    }
}

#[tokio::test]
async fn whoever_is_in_a_group_has_what_was_given_above_it() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let person = world.person(&owner, "grace@example.com").await;
    let grandparent = world.group(&owner, &organization, "Grandparent", None).await;
    let parent = world.group(&owner, &organization, "Parent", Some(&grandparent)).await;
    let child = world.group(&owner, &organization, "Child", Some(&parent)).await;
    let sibling = world.group(&owner, &organization, "Sibling", Some(&grandparent)).await;
    world.give(&owner, &grandparent, "viewer", &owner.tenant).await;
    world.give(&owner, &sibling, "admin", &owner.tenant).await;
    world.get(&person.actor, "/v1/apps").await.expect(403);

    let members = format!("/v1/groups/{child}/members");
    world.post(&owner, &members, json!({"user_id": person.id})).await.expect(201);
    world.wait(20);
    world.get(&person.actor, "/v1/apps").await.expect(200);
    // What a group beside it was given is not the person's.
    world.post(&person.actor, "/v1/organizations", json!({"name": "Mine"})).await.expect(403);

    // Effective membership goes the same way, and says how.
    let path = format!("/v1/groups/{grandparent}/members");
    assert_eq!(world.get(&owner, &path).await.expect(200).body["items"], json!([]));
    let effective = world.get(&owner, &format!("{path}?effective=true")).await.expect(200);
    assert_eq!(effective.text("/items/0/user_id"), person.id);
    assert_eq!(effective.body["items"][0]["path"], json!([child, parent, grandparent]));
    let below = world.get(&owner, &format!("{members}?effective=true")).await.expect(200);
    assert_eq!(below.body["items"][0]["path"], json!([child]));

    // Out of the tree, the right is gone.
    let path = format!("/v1/groups/{parent}/move");
    world.post(&owner, &path, json!({"parent_id": null})).await.expect(200);
    world.wait(20);
    world.get(&person.actor, "/v1/apps").await.expect(403);
    world.post(&owner, &path, json!({"parent_id": grandparent})).await.expect(200);
    world.wait(20);
    world.get(&person.actor, "/v1/apps").await.expect(200);
    world.delete(&owner, &format!("{members}/{}", person.id)).await.expect(204);
    world.wait(20);
    world.get(&person.actor, "/v1/apps").await.expect(403);
    world.delete(&owner, &format!("{members}/{}", person.id)).await.expect(404);
}

#[tokio::test]
async fn effective_members_are_paged() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let top = world.group(&owner, &organization, "Top", None).await;
    let mut groups = vec![top.clone()];
    for name in ["A", "B", "C"] {
        groups.push(world.group(&owner, &organization, name, Some(&top)).await);
    }
    let mut expected = Vec::new();
    for number in 0..4 {
        let person = world.person(&owner, &format!("p{number}@example.com")).await;
        for group in &groups[..=number % 3] {
            let path = format!("/v1/groups/{group}/members");
            world.post(&owner, &path, json!({"user_id": person.id})).await.expect(201);
            expected.push(format!("{group}/{}", person.id));
        }
    }
    for limit in [1, 2, 3, 100] {
        let mut met = Vec::new();
        let first = format!("/v1/groups/{top}/members?effective=true&limit={limit}");
        let mut path = first.clone();
        loop {
            let page = world.get(&owner, &path).await.expect(200);
            for item in page.body["items"].as_array().unwrap() {
                met.push(format!(
                    "{}/{}",
                    item["group_id"].as_str().unwrap(),
                    item["user_id"].as_str().unwrap()
                ));
            }
            match page.body["next_cursor"].as_str() {
                Some(cursor) => path = format!("{first}&cursor={cursor}"),
                None => break,
            }
        }
        met.sort();
        expected.sort();
        assert_eq!(met, expected, "in pages of {limit}");
    }
}

#[tokio::test]
async fn nobody_gives_by_a_group_what_they_lack() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let manager = world.person(&owner, "manager@example.com").await;
    let friend = world.person(&owner, "friend@example.com").await;
    world.give(&owner, &manager.id, "admin", &organization).await;
    let powerful = world.group(&owner, &organization, "Powerful", None).await;
    let below = world.group(&owner, &organization, "Below", Some(&powerful)).await;
    let harmless = world.group(&owner, &organization, "Harmless", None).await;
    world.give(&owner, &powerful, "owner", &owner.tenant).await;

    // What is above the group counts as well.
    for group in [&powerful, &below] {
        let path = format!("/v1/groups/{group}/members");
        for who in [&manager.id, &friend.id] {
            let reply = world.post(&manager.actor, &path, json!({"user_id": who})).await.expect(403);
            assert_eq!(reply.problem(), "forbidden");
        }
    }
    let path = format!("/v1/groups/{harmless}/members");
    world.post(&manager.actor, &path, json!({"user_id": friend.id})).await.expect(201);
    let path = format!("/v1/groups/{harmless}/move");
    world.post(&manager.actor, &path, json!({"parent_id": below})).await.expect(403);
    world.post(&owner, &path, json!({"parent_id": below})).await.expect(200);
    // A group that something was given to stays until that is taken away.
    let lone = world.group(&owner, &organization, "Lone", None).await;
    world.give(&owner, &lone, "viewer", &organization).await;
    let reply = world.delete(&owner, &format!("/v1/groups/{lone}")).await.expect(409);
    assert_eq!(reply.problem(), "not-empty");
}

#[tokio::test]
async fn members_are_of_the_organization_and_in_at_most_fifty_groups() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let organization = world.home(&owner).await;
    let person = world.person(&owner, "grace@example.com").await;
    let other = world.post(&owner, "/v1/organizations", json!({"name": "Other"})).await.expect(201);
    let far = world.group(&owner, &other.text("/id"), "Far", None).await;
    let foreign = world.founder(&stranger).await;
    let path = format!("/v1/groups/{far}/members");
    for id in [&person.id, &foreign, &"usr_01h455vb4pex5vsknk084sn02q".to_owned()] {
        let reply = world.post(&owner, &path, json!({"user_id": id})).await.expect(422);
        assert_eq!(reply.pointers(), ["/user_id"]);
    }
    for number in 0..50 {
        let group = world.group(&owner, &organization, &format!("G{number}"), None).await;
        let path = format!("/v1/groups/{group}/members");
        world.post(&owner, &path, json!({"user_id": person.id})).await.expect(201);
        let twice = world.post(&owner, &path, json!({"user_id": person.id})).await.expect(409);
        assert_eq!(twice.problem(), "already-exists");
    }
    let group = world.group(&owner, &organization, "One more", None).await;
    let path = format!("/v1/groups/{group}/members");
    let reply = world.post(&owner, &path, json!({"user_id": person.id})).await.expect(409);
    assert_eq!(reply.problem(), "limit-reached");
}

#[tokio::test]
async fn groups_are_seen_by_those_who_may() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let organization = world.home(&owner).await;
    let group = world.group(&owner, &organization, "Pilots", None).await;
    let person = world.person(&owner, "grace@example.com").await;
    let (all, own) = (format!("/v1/organizations/{organization}/groups"), format!("/v1/groups/{group}"));
    for path in [&all, &own, &format!("{own}/members")] {
        world.get(&Actor::anonymous(), path).await.expect(401);
        world.get(&person.actor, path).await.expect(403);
        world.get(&stranger, path).await.expect(404);
    }
    world.give(&owner, &person.id, "viewer", &organization).await;
    for path in [&all, &own, &format!("{own}/members")] {
        world.get(&person.actor, path).await.expect(200);
    }
    world.patch(&person.actor, &own, json!({"name": "Mine"})).await.expect(403);
    world.post(&person.actor, &all, json!({"name": "Mine"})).await.expect(403);
}
