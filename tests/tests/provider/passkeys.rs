//! Passkeys on the pages.

use rookery_tests::authenticator::Authenticator;
use rookery_tests::world::{Actor, Reply};
use serde_json::{Value, json};

use crate::house::{Browser, EMAIL, House, PASSWORD, came_back, html, said};

const ORIGIN: &str = "https://rookery.test";

/// A passkey of the owner's, as an app would register it.
async fn register(house: &House) -> Authenticator {
    let world = &house.world;
    let body = json!({"tenant": "acme", "email": EMAIL, "password": PASSWORD});
    let ada = house.holder(&world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(200));
    let proof = json!({"password": PASSWORD});
    let offer = world.post(&ada, "/v1/me/passkeys/options", proof).await.expect(200);
    let mut device = Authenticator::at(ORIGIN);
    let made = json!({"passkey": device.create(&offer.body)});
    world.post(&ada, "/v1/me/passkeys", made).await.expect(201);
    device
}

/// What the page's script hands to the browser.
fn options(page: &Reply) -> Value {
    let text = html(page);
    let (_, rest) = text.split_once("data-passkey=\"").expect("options");
    let (options, _) = rest.split_once('"').expect("an end");
    serde_json::from_str(&options.replace("&quot;", "\"")).expect("JSON")
}

#[tokio::test]
async fn a_passkey_is_shown_on_the_pages() {
    let house = House::new(json!({})).await;
    let mut device = register(&house).await;
    let browser = Browser::new(&house.world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    assert!(!html(&login).contains("<script"));
    let page = browser.log_in(&login, EMAIL, PASSWORD).await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'; script-src 'sha256-"), "{policy}");
    // Without a script the button stays hidden, and a code will do.
    assert!(html(&page).contains("formnovalidate hidden data-passkey"));
    // Who has no authenticator is asked for no code of one.
    assert!(html(&page).contains(">Recovery code</label>") && !html(&page).contains("one-time-code"));

    // A passkey of another page, of another account, none, or one that answers for the second time.
    let mut thief = Authenticator::at(ORIGIN);
    thief.handle.clone_from(&device.handle);
    device.origin = "https://evil.example".to_owned();
    let elsewhere = device.get(&options(&page)).to_string();
    device.origin = ORIGIN.to_owned();
    let wrong = browser.press(&page, "passkey", &[("passkey", &elsewhere)]).await.expect(401);
    assert!(html(&wrong).contains("not one of this account"));
    let shown = thief.get(&options(&wrong)).to_string();
    let wrong = browser.press(&wrong, "passkey", &[("passkey", &shown)]).await.expect(401);
    let wrong = browser.press(&wrong, "passkey", &[("passkey", "nonsense")]).await.expect(401);
    let wrong = browser.press(&wrong, "passkey", &[]).await.expect(401);
    let events = house.world.events(&house.owner).await;
    assert_eq!(events.iter().filter(|event| event["reason"] == "wrong_passkey").count(), 4);

    let shown = device.get(&options(&wrong)).to_string();
    let consent = browser.press(&wrong, "passkey", &[("passkey", &shown)]).await.expect(200);
    assert!(html(&consent).contains("Know who you are"), "{}", html(&consent));
    let answer = came_back(&browser.press(&consent, "allow", &[]).await);
    let (_, claims) = said(&house.redeem(&answer["code"]).await.expect(200).text("/id_token"));
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pwd", "hwk", "mfa"])));
    // It is spent.
    let again = browser.press(&wrong, "passkey", &[("passkey", &shown)]).await;
    assert!(!html(&again).contains("Know who you are"));
}
