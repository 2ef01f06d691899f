//! Passkeys on the pages.

use rookery_tests::authenticator::{Authenticator, PRESENT, VERIFIED};
use rookery_tests::world::{Actor, Reply, sign_up_body};
use serde_json::{Value, json};

use super::house::{Browser, EMAIL, House, PASSWORD, came_back, html, said};

const ORIGIN: &str = "https://rookery.test";

/// A passkey of the owner's, as an app would register it.
async fn register(house: &House) -> Authenticator {
    register_of(house, "acme", EMAIL).await
}

/// A passkey of somebody's.
async fn register_of(house: &House, tenant: &str, email: &str) -> Authenticator {
    let world = &house.world;
    let body = json!({"tenant": tenant, "email": email, "password": PASSWORD});
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
    let page = browser.log_in(&login, EMAIL, PASSWORD).await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("connect-src"), "{policy}");
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

/// What the script of the page to log in on asks for, and is answered.
async fn asked(house: &House) -> Value {
    house.world.post(&Actor::anonymous(), "/v1/auth/passkeys/options", json!({})).await.expect(200).body
}

/// Somebody uses a passkey on the page to log in on.
async fn use_alone(house: &House, browser: &Browser<'_>, page: &Reply, device: &mut Authenticator) -> Reply {
    let shown = device.get(&asked(house).await).to_string();
    browser.press(page, "passkey-alone", &[("passkey", &shown)]).await
}

#[tokio::test]
async fn a_passkey_logs_in_on_the_pages_by_itself() {
    let house = House::new(json!({})).await;
    let mut device = register(&house).await;
    let browser = Browser::new(&house.world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let text = html(&login);
    // Without a script the button stays hidden, and a password will do.
    assert!(text.contains("formnovalidate hidden data-passkey=\"/v1/auth/passkeys/options\""), "{text}");
    let policy = login.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(policy.contains("; connect-src 'self'; style-src"), "{policy}");

    // Nobody was seen; another's; another page's; none at all.
    device.flags = PRESENT;
    let wrong = use_alone(&house, &browser, &login, &mut device).await.expect(401);
    assert!(html(&wrong).contains("does not log you in here"), "{}", html(&wrong));
    device.flags |= VERIFIED;
    let mut thief = Authenticator::at(ORIGIN);
    (thief.id, thief.handle) = (device.id.clone(), device.handle.clone());
    let wrong = use_alone(&house, &browser, &wrong, &mut thief).await.expect(401);
    let wrong = use_alone(&house, &browser, &wrong, &mut Authenticator::at(ORIGIN)).await.expect(401);
    device.origin = "https://evil.example".to_owned();
    let wrong = use_alone(&house, &browser, &wrong, &mut device).await.expect(401);
    device.origin = ORIGIN.to_owned();
    let wrong = browser.press(&wrong, "passkey-alone", &[("passkey", "nonsense")]).await.expect(401);
    let wrong = browser.press(&wrong, "passkey-alone", &[]).await.expect(401);
    assert_eq!(house.denied("wrong_passkey").await, 6);
    let told = came_back(&browser.open(&house.query(&[("prompt", "none")])).await);
    assert_eq!(told["error"], "login_required");

    let shown = device.get(&asked(&house).await).to_string();
    let consent = browser.press(&wrong, "passkey-alone", &[("passkey", &shown)]).await.expect(200);
    assert!(html(&consent).contains("Know who you are") && html(&consent).contains(EMAIL));
    let answer = came_back(&browser.press(&consent, "allow", &[]).await);
    let (_, claims) = said(&house.redeem(&answer["code"]).await.expect(200).text("/id_token"));
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["hwk", "user", "mfa"])));
    // It is spent, in every browser.
    let other = Browser::new(&house.world);
    let login = other.open(&house.query(&[])).await.expect(200);
    other.press(&login, "passkey-alone", &[("passkey", &shown)]).await.expect(401);
    // What was asked for as the second factor of a password does not do instead of it.
    let page = other.log_in(&login, EMAIL, PASSWORD).await.expect(200);
    let shown = device.get(&options(&page)).to_string();
    other.press(&login, "passkey-alone", &[("passkey", &shown)]).await.expect(401);
}

#[tokio::test]
async fn a_passkey_of_another_tenant_logs_nobody_in_on_the_pages() {
    let house = House::new(json!({})).await;
    let mut body = sign_up_body("elsewhere");
    body["owner"]["password"] = json!(PASSWORD);
    let founded = house.world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    let stranger = Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") };
    let mut device = register_of(&house, "elsewhere", EMAIL).await;
    let browser = Browser::new(&house.world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let wrong = use_alone(&house, &browser, &login, &mut device).await.expect(401);
    assert!(html(&wrong).contains("does not log you in here") && !html(&wrong).contains(EMAIL));
    assert!(!browser.cookies.borrow().contains_key("__Host-rookery-session"));
    assert_eq!(house.denied("wrong_passkey").await, 1);
    // Of its own tenant nothing is told, and it goes on being good there.
    let events = house.world.events(&stranger).await;
    assert!(events.iter().all(|event| event["outcome"] != "denied"), "{events:?}");
    let shown = json!({"passkey": device.get(&asked(&house).await)});
    house.world.post(&Actor::anonymous(), "/v1/auth/passkeys", shown).await.expect(200);
}

#[tokio::test]
async fn passkeys_cannot_be_tried_on_the_pages_for_ever() {
    let house = House::new(json!({})).await;
    let mut device = register(&house).await;
    device.flags = PRESENT;
    let browser = Browser::new(&house.world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let shown = device.get(&asked(&house).await).to_string();
    let mut last = None;
    for _ in 0..51 {
        last = Some(browser.press(&login, "passkey-alone", &[("passkey", &shown)]).await);
    }
    let last = last.unwrap().expect(429);
    assert!(last.headers.contains_key("retry-after") && html(&last).contains("Too many tries."));
    // Whoever has a password is not kept waiting by it.
    browser.log_in(&login, EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_is_suspended_does_not_come_in_with_a_passkey() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let invited =
        world.post(&house.owner, "/v1/invitations", json!({"email": "bob@example.com"})).await.expect(201);
    let body = json!({"token": world.link(&house.owner, &invited.text("/id")).await, "password": PASSWORD});
    let bob =
        world.post(&Actor::anonymous(), "/v1/invitations/accept", body).await.expect(201).text("/user/id");
    let mut device = register_of(&house, "acme", "bob@example.com").await;
    world.post(&house.owner, &format!("/v1/users/{bob}/suspend"), json!({})).await.expect(200);
    world.wait(20);
    let browser = Browser::new(world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let wrong = use_alone(&house, &browser, &login, &mut device).await.expect(401);
    assert!(html(&wrong).contains("does not log you in here") && !html(&wrong).contains("bob@example.com"));
    assert!(!browser.cookies.borrow().contains_key("__Host-rookery-session"));
}
