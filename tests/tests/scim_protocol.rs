//! SCIM 2.0 as a protocol: versions, lists, faults, and what is served to everybody.

use http::Method;
use rookery_tests::directory::{USERS, made, patch, tenant};
use rookery_tests::world::{Actor, World};
use serde_json::json;
#[tokio::test]
async fn versions_guard_and_save() {
    let world = World::new().await;
    let (_, directory) = tenant(&world).await;
    let made = made(&world, &directory, USERS, json!({"userName": "grace@example.com"})).await;
    let path = format!("{USERS}/{}", made.text("/id"));
    let tag = made.text("/meta/version");
    let same =
        world.call_with(&directory, Method::GET, &path, None, &[("if-none-match", &tag)]).await.expect(304);
    assert!(same.bytes.is_empty());
    let rename = patch(&json!([{"op": "replace", "path": "displayName", "value": "G"}]));
    let headers = [("if-match", tag.as_str())];
    let renamed =
        world.call_with(&directory, Method::PATCH, &path, Some(&rename), &headers).await.expect(200);
    assert_ne!(renamed.text("/meta/version"), tag);
    let stale = world.call_with(&directory, Method::PATCH, &path, Some(&rename), &headers).await.expect(412);
    assert_eq!(stale.scim_problem(), "412");
    world.call_with(&directory, Method::DELETE, &path, None, &headers).await.expect(412);
    world.call_with(&directory, Method::GET, &path, None, &[("if-none-match", &tag)]).await.expect(200);
}

#[tokio::test]
async fn lists_are_read_in_parts_and_show_what_is_asked_for() {
    let world = World::new().await;
    let (_, directory) = tenant(&world).await;
    for number in 1..=4 {
        made(&world, &directory, USERS, json!({"userName": format!("p{number}@example.com")})).await;
    }
    let part =
        world.get(&directory, &format!("{USERS}?startIndex=2&count=2&attributes=userName")).await.expect(200);
    assert_eq!(part.body["totalResults"], json!(5), "the founder is one of them");
    assert_eq!((&part.body["startIndex"], &part.body["itemsPerPage"]), (&json!(2), &json!(2)));
    let names: Vec<&str> = part.body["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["userName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["p1@example.com", "p2@example.com"]);
    let mut fields: Vec<&String> = part.body["Resources"][0].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["id", "schemas", "userName"]);
    let none = world.get(&directory, &format!("{USERS}?count=0&startIndex=-3")).await.expect(200);
    assert_eq!((&none.body["totalResults"], &none.body["Resources"]), (&json!(5), &json!([])));
    assert_eq!(none.body["startIndex"], json!(1));
    let both = format!("{USERS}?attributes=userName&excludedAttributes=name");
    world.get(&directory, &both).await.expect(400);
}

#[tokio::test]
async fn cursors_lead_through_everybody_once_and_cost_what_is_shown() {
    let world = World::new().await;
    let (_, directory) = tenant(&world).await;
    for number in 1..=4 {
        made(&world, &directory, USERS, json!({"userName": format!("p{number}@example.com")})).await;
    }
    let whole = world.get(&directory, USERS).await.expect(200);
    assert_eq!((&whole.body["totalResults"], whole.body.get("nextCursor")), (&json!(5), None));
    let (mut seen, mut cursor, mut parts) = (Vec::new(), String::new(), 0);
    loop {
        let part = world.get(&directory, &format!("{USERS}?cursor={cursor}&count=2")).await.expect(200);
        assert_eq!(part.body.get("totalResults"), None, "to tell it, everybody would have to be read");
        let resources = part.body["Resources"].as_array().unwrap();
        assert!(resources.len() <= 2);
        seen.extend(resources.iter().map(|one| one["id"].clone()));
        parts += 1;
        match part.body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(parts, 3);
    let expected: Vec<_> =
        whole.body["Resources"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(seen, expected);

    for (query, word) in [
        (format!("cursor={cursor}x"), "invalidCursor"),
        (format!("cursor={cursor}&filter=displayName%20eq%20%22Ada%22"), "invalidCursor"),
        (format!("cursor={cursor}&count=0"), "invalidCount"),
        (format!("cursor={cursor}&startIndex=1"), "invalidSyntax"),
    ] {
        let refused = world.get(&directory, &format!("{USERS}?{query}")).await.expect(400);
        assert_eq!(refused.body["scimType"], json!(word), "{query}");
    }
    let (_, other) = tenant(&world).await;
    let refused = world.get(&other, &format!("{USERS}?cursor={cursor}")).await.expect(400);
    assert_eq!(refused.body["scimType"], json!("invalidCursor"));
    world.get(&directory, &format!("/scim/v2/Groups?cursor={cursor}")).await.expect(400);
}

#[tokio::test]
async fn faults_are_told_in_the_protocols_words() {
    let world = World::new().await;
    let (_, directory) = tenant(&world).await;
    let id = made(&world, &directory, USERS, json!({"userName": "grace@example.com"})).await.text("/id");
    let path = format!("{USERS}/{id}");
    for filter in [
        "userName%20co%20%22x%22",
        "userName%20pr",
        "title%20eq%20%22x%22",
        "userName%20eq%20x",
        "userName%20eq%20%22a%22%20or%20userName%20eq%20%22b%22",
        "",
    ] {
        let reply = world.get(&directory, &format!("{USERS}?filter={filter}")).await.expect(400);
        assert_eq!(reply.scim_problem(), "invalidFilter", "{filter}");
    }
    for (operation, word) in [
        (json!({"op": "replace", "path": "shoeSize", "value": 43}), "invalidPath"),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
        (
            json!({"op": "replace", "path": "emails[type eq \"home\"].value", "value": "x@example.com"}),
            "noTarget",
        ),
        (
            json!({"op": "replace", "path": "emails[type gt \"home\"].value", "value": "x@example.com"}),
            "invalidFilter",
        ),
        (json!({"op": "remove", "path": "userName"}), "invalidValue"),
        (json!({"op": "replace", "path": "emails", "value": [{"value": "no address"}]}), "invalidValue"),
        (json!({"op": "replace", "path": "active", "value": "perhaps"}), "invalidValue"),
        (json!({"op": "copy", "path": "userName"}), "invalidSyntax"),
    ] {
        let reply = world.patch(&directory, &path, patch(&json!([operation]))).await.expect(400);
        assert_eq!(reply.scim_problem(), word, "{operation}");
    }
    for body in [
        json!({}),
        json!({"userName": "no-address"}),
        json!({"userName": 7}),
        json!({"userName": "x@example.com", "externalId": "a\u{0}b"}),
        json!({"userName": "x@example.com", "emails": [{"value": "a@b.cd", "primary": true}, {"value": "c@b.cd", "primary": true}]}),
    ] {
        let reply = world.post(&directory, USERS, body.clone()).await.expect(400);
        assert_eq!(reply.scim_problem(), "invalidValue", "{body}");
    }
    let cut = world.call_with(&directory, Method::POST, USERS, Some(&json!("text")), &[]).await;
    cut.expect(400).scim_problem();
    assert_eq!(
        world.call_with(&directory, Method::POST, &path, None, &[]).await.expect(405).scim_problem(),
        "405"
    );
    assert_eq!(world.get(&directory, "/scim/v2/Widgets").await.expect(404).scim_problem(), "404");
    for endpoint in [".search", "Bulk", "Me"] {
        let reply = world.post(&directory, &format!("/scim/v2/{endpoint}"), json!({})).await.expect(501);
        assert_eq!(reply.scim_problem(), "501");
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_makes_one_person() {
    let world = World::new().await;
    let (_, directory) = tenant(&world).await;
    let body = json!({"userName": "grace@example.com"});
    let send = || world.call_with(&directory, Method::POST, USERS, Some(&body), &[("idempotency-key", "1")]);
    let (first, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!((&first.body, &first.headers["content-type"]), (&again.body, &again.headers["content-type"]));
    assert_eq!(world.get(&directory, USERS).await.expect(200).body["totalResults"], json!(2));
}

#[tokio::test]
async fn anybody_may_read_what_is_served() {
    let world = World::new().await;
    let nobody = Actor::anonymous();
    let config = world.get(&nobody, "/scim/v2/ServiceProviderConfig").await.expect(200);
    assert_eq!(config.headers["content-type"], "application/scim+json");
    assert_eq!(config.body["patch"]["supported"], json!(true));
    assert_eq!(config.body["bulk"]["supported"], json!(false));
    for (list, total) in [("ResourceTypes", 2), ("Schemas", 2)] {
        let all = world.get(&nobody, &format!("/scim/v2/{list}")).await.expect(200);
        assert_eq!(all.body["totalResults"], json!(total));
        for one in all.body["Resources"].as_array().unwrap() {
            let path = format!("/scim/v2/{list}/{}", one["id"].as_str().unwrap());
            assert_eq!(world.get(&nobody, &path).await.expect(200).body, *one);
        }
        world.get(&nobody, &format!("/scim/v2/{list}?filter=name%20eq%20%22User%22")).await.expect(403);
        assert_eq!(
            world.get(&nobody, &format!("/scim/v2/{list}/none")).await.expect(404).scim_problem(),
            "404"
        );
    }
}
