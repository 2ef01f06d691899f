//! What becomes of tokens once the client that they were given to is deleted; and where apps listen.

use rookery_tests::world::{Actor, World};
use serde_json::json;

use super::house::{ADDRESS, Browser, EMAIL, House, PASSWORD, VERIFIER};

#[tokio::test]
async fn the_tokens_of_a_deleted_client_are_refused_within_a_minute() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let key = json!({"name": "robot", "scopes": ["*"], "owner_id": house.owner.tenant});
    let key = world.post(&house.owner, "/v1/api-keys", key).await.expect(201);
    let robot = json!({
        "name": "Robot", "grants": ["client_credentials"], "scopes": ["*"], "service_key_id": key.text("/id"),
    });
    let robot = world.post(&house.owner, "/v1/oauth-clients", robot).await.expect(201);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &robot.text("/id")),
        ("client_secret", &robot.text("/secret")),
    ];
    let by_itself = house.holder(&world.submit("/oauth/token", &fields, &[]).await.expect(200));
    let (_, answer) = house.arrive(&[("scope", "openid app.list")]).await;
    let for_somebody = house.holder(&house.redeem(&answer["code"]).await.expect(200));
    for (actor, id) in [(&by_itself, robot.text("/id")), (&for_somebody, house.id().to_owned())] {
        world.get(actor, "/v1/whoami").await.expect(200);
        world.delete(&house.owner, &format!("/v1/oauth-clients/{id}")).await.expect(204);
        world.wait(16);
        world.get(actor, "/v1/whoami").await.expect(401);
    }
    assert_eq!(house.denied("client_gone").await, 2);
    let own = Actor { token: Some(key.text("/secret")), tenant: house.owner.tenant.clone() };
    world.get(&own, "/v1/whoami").await.expect(200);
}

/// How many requests to the table it takes to ask who one is.
async fn requests(world: &World, actor: &Actor) -> usize {
    let before = world.recorder().requests();
    world.get(actor, "/v1/whoami").await.expect(200);
    world.recorder().requests() - before
}

#[tokio::test]
async fn whether_a_client_is_there_costs_nothing_once_it_is_known() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let body = json!({"tenant": "acme", "email": EMAIL, "password": PASSWORD});
    let own = house.holder(&world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(200));
    let (_, answer) = house.arrive(&[("scope", "openid app.list")]).await;
    let client = house.holder(&house.redeem(&answer["code"]).await.expect(200));
    world.wait(20);
    let mut cold = Vec::new();
    for actor in [&house.owner, &own, &client] {
        // Everything but what is about the token is known already.
        world.wait(61);
        requests(world, &own).await;
        world.wait(1);
        cold.push(requests(world, actor).await);
    }
    let mut warm = Vec::new();
    for actor in [&house.owner, &own, &client] {
        requests(world, actor).await;
        warm.push(requests(world, actor).await);
    }
    // Once it is known, a client's token costs what one of the platform's own does. Before, a key costs its credential, and a client's token
    // its session and the client.
    let told = format!("cold: {cold:?}, warm: {warm:?}");
    assert_eq!((warm[2], cold[0], cold[1], cold[2]), (warm[1], warm[0] + 1, warm[1], warm[2] + 2), "{told}");
}

#[tokio::test]
async fn an_app_listens_on_whatever_port_is_free() {
    let house = House::new(json!({
        "kind": "public", "redirect_uris": ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:9/cb"],
    }))
    .await;
    let world = &house.world;
    let browser = Browser::new(world);
    for (number, address) in ["http://127.0.0.1:49152/cb", "http://[::1]:65535/cb"].iter().enumerate() {
        let page = browser.open(&house.query(&[("redirect_uri", address)])).await.expect(200);
        let page = if number == 0 { browser.log_in(&page, EMAIL, PASSWORD).await.expect(200) } else { page };
        let sent = browser.press(&page, "allow", &[]).await.expect(303);
        let location = sent.headers["location"].to_str().unwrap();
        let query = location.strip_prefix(&format!("{address}?code=")).unwrap();
        let code = query.split('&').next().unwrap();
        let fields = |redirect_uri| {
            [
                ("grant_type", "authorization_code"),
                ("code", code),
                ("code_verifier", VERIFIER),
                ("redirect_uri", redirect_uri),
            ]
        };
        // What listens on another port gets nothing for it.
        house.tokens(&fields("http://127.0.0.1:49153/cb")).await.expect(400);
        house.tokens(&fields(address)).await.expect(200);
    }
    for address in
        ["http://localhost:49152/cb", "http://127.0.0.1:49152/", "https://127.0.0.1:49152/cb", ADDRESS]
    {
        browser.open(&house.query(&[("redirect_uri", address)])).await.expect(400);
    }
    let server = House::new(json!({"redirect_uris": ["http://127.0.0.1/cb"]})).await;
    let browser = Browser::new(&server.world);
    browser.open(&server.query(&[("redirect_uri", "http://127.0.0.1:49152/cb")])).await.expect(400);
}
