//! What people let clients do, as they see it, and that they can take it back.

use rookery_tests::world::Actor;
use serde_json::{Value, json};

use super::house::{Browser, House, PASSWORD, came_back, html};

#[tokio::test]
async fn people_see_what_they_let_clients_do_and_take_it_back() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    assert_eq!(world.get(&house.owner, "/v1/me/consents").await.expect(200).body["items"], json!([]));
    let (browser, answer) = house.arrive(&[("scope", "openid offline_access app.list")]).await;
    let tokens = house.redeem(&answer["code"]).await.expect(200);
    let client = house.holder(&tokens);
    world.get(&client, "/v1/apps").await.expect(200);
    let listed = world.get(&house.owner, "/v1/me/consents").await.expect(200);
    let one = &listed.body["items"][0];
    assert_eq!((&one["client_id"], &one["client_name"]), (&json!(house.id()), &json!("Dashboard")));
    assert_eq!(one["scopes"], json!(["openid", "offline_access", "app.list"]));
    assert_eq!(one["redirect_uri"], super::house::ADDRESS);
    assert!(one["given_at"].is_string());

    // Nobody else sees it or takes it back.
    let bob = world.person(&house.owner, "bob@example.com").await.actor;
    let path = format!("/v1/me/consents/{}", house.id());
    assert_eq!(world.get(&bob, "/v1/me/consents").await.expect(200).body["items"], json!([]));
    world.delete(&bob, &path).await.expect(404);
    let narrow = world.member(&house.owner, &["app.list"]).await;
    world.get(&narrow, "/v1/me/consents").await.expect(403);
    world.delete(&narrow, &path).await.expect(403);
    world.delete(&house.owner, "/v1/me/consents/cli_01h455vb4pex5vsknk084sn02q").await.expect(404);
    world.get(&client, "/v1/apps").await.expect(200);

    world.delete(&house.owner, &path).await.expect(204);
    house.refresh(&tokens.text("/refresh_token")).await.expect(400);
    world.wait(20);
    world.get(&client, "/v1/apps").await.expect(401);
    assert_eq!(world.get(&house.owner, "/v1/me/consents").await.expect(200).body["items"], json!([]));
    world.delete(&house.owner, &path).await.expect(404);
    // The browser's own session stays, and the client asks again.
    let page = browser.open(&house.query(&[])).await.expect(200);
    assert!(html(&page).contains("Know who you are"));
    let events = world.events(&house.owner).await;
    let told = events.iter().find(|event| event["action"] == "oauth.withdraw").unwrap();
    assert!(told["changes"].to_string().contains(house.id()), "{told}");
    let ended = |event: &&Value| event["action"] == "session.end" && event["outcome"] == "allowed";
    assert_eq!(events.iter().filter(ended).count(), 1);
}

#[tokio::test]
async fn a_client_that_is_gone_is_listed_without_a_name_and_pages_follow() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let (browser, _) = house.arrive(&[]).await;
    let mut ids = vec![house.id().to_owned()];
    for name in ["Second", "Third"] {
        let made = json!({"name": name, "redirect_uris": [super::house::ADDRESS], "scopes": ["openid"]});
        let id = world.post(&house.owner, "/v1/oauth-clients", made).await.expect(201).text("/id");
        let page = browser.open(&house.query(&[("client_id", &id)])).await.expect(200);
        came_back(&browser.press(&page, "allow", &[]).await);
        ids.push(id);
    }
    ids.reverse();
    world.delete(&house.owner, &format!("/v1/oauth-clients/{}", ids[0])).await.expect(204);
    let first = world.get(&house.owner, "/v1/me/consents?limit=2").await.expect(200);
    let next = first.text("/next_cursor");
    let second = world.get(&house.owner, &format!("/v1/me/consents?limit=2&cursor={next}")).await.expect(200);
    let items: Vec<Value> =
        [&first, &second].iter().flat_map(|page| page.body["items"].as_array().unwrap().clone()).collect();
    let listed: Vec<&str> = items.iter().map(|item| item["client_id"].as_str().unwrap()).collect();
    assert_eq!(listed, ids);
    assert_eq!((&items[0]["client_name"], &items[1]["client_name"]), (&Value::Null, &json!("Second")));
    assert_eq!(second.body["next_cursor"], Value::Null);
    world.delete(&house.owner, &format!("/v1/me/consents/{}", ids[0])).await.expect(204);
}

#[tokio::test]
async fn what_somebody_let_clients_do_goes_with_the_person() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let invited =
        world.post(&house.owner, "/v1/invitations", json!({"email": "bob@example.com"})).await.expect(201);
    let token = world.link(&house.owner, &invited.text("/id")).await;
    let body = json!({"token": token, "password": PASSWORD});
    let bob =
        world.post(&Actor::anonymous(), "/v1/invitations/accept", body).await.expect(201).text("/user/id");
    let browser = Browser::new(world);
    let page = browser.open(&house.query(&[])).await.expect(200);
    let page = browser.log_in(&page, "bob@example.com", PASSWORD).await.expect(200);
    came_back(&browser.press(&page, "allow", &[]).await);
    let place = format!("{bob}#consent");
    let kept = |items: Vec<String>| items.iter().any(|item| item.contains(&place));
    assert!(kept(world.everything().await));
    world.delete(&house.owner, &format!("/v1/users/{bob}")).await.expect(204);
    assert!(!kept(world.everything().await));
}
