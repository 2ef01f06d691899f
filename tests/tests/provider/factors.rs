//! Second factors on the pages.

use http::Method;
use rookery_factors::totp;
use rookery_tests::household::base32;
use rookery_tests::world::{Actor, Reply};
use serde_json::json;

use super::house::{Browser, EMAIL, House, PASSWORD, came_back, html, said};

fn code(house: &House, secret: &[u8]) -> String {
    totp::code_at(secret, house.world.context().now())
}

/// The texts that a page shows as code.
fn shown(page: &Reply) -> Vec<String> {
    let text = html(page);
    text.split("<code>").skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

/// Sets an authenticator up for the owner, as an app would; answers its secret and the recovery codes.
async fn enrol(house: &House) -> (Vec<u8>, Vec<String>) {
    let world = &house.world;
    let body = json!({"tenant": "acme", "email": EMAIL, "password": PASSWORD});
    let ada = house.holder(&world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(200));
    let path = "/v1/me/mfa/totp";
    let offer = world.post(&ada, path, json!({"password": PASSWORD})).await.expect(200);
    let secret = base32(&offer.text("/secret"));
    let body = json!({"code": code(house, &secret)});
    let confirmed = world.call_with(&ada, Method::PUT, path, Some(&body), &[]).await.expect(200);
    let codes = confirmed.body["recovery_codes"].as_array().unwrap().clone();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn a_second_factor_is_asked_for_on_the_pages() {
    let house = House::new(json!({})).await;
    let (secret, recovery) = enrol(&house).await;
    house.world.wait(60);
    let browser = Browser::new(&house.world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let page = browser.log_in(&login, EMAIL, PASSWORD).await.expect(200);
    assert!(html(&page).contains("Second factor") && html(&page).contains("one-time-code"));
    // Nobody is logged in by a password alone.
    let none = came_back(&browser.open(&house.query(&[("prompt", "none")])).await);
    assert_eq!(none["error"], "login_required");
    let wrong = browser.press(&page, "code", &[("code", "000000")]).await.expect(401);
    assert!(html(&wrong).contains("The code is wrong"));
    let right = code(&house, &secret);
    let consent = browser.press(&wrong, "code", &[("code", &right)]).await.expect(200);
    assert!(html(&consent).contains("Know who you are"), "{}", html(&consent));
    let answer = came_back(&browser.press(&consent, "allow", &[]).await);
    let (_, claims) = said(&house.redeem(&answer["code"]).await.expect(200).text("/id_token"));
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));

    // The login and the code are spent; so is a recovery code, once it was used.
    browser.press(&page, "code", &[("code", &right)]).await.expect(200);
    for (recovered, expected) in [(&recovery[0], 303), (&recovery[0], 401), (&recovery[1], 303)] {
        let other = Browser::new(&house.world);
        let login = other.open(&house.query(&[])).await.expect(200);
        let page = other.log_in(&login, EMAIL, PASSWORD).await.expect(200);
        other.press(&page, "code", &[("code", &right)]).await.expect(401);
        let typed = [("code", recovered.as_str()), ("recovery", "yes")];
        other.press(&page, "code", &typed).await.expect(expected);
    }
    // Codes are not guessed for long, and a login does not wait for ever.
    let login = Browser::new(&house.world);
    let page = login.open(&house.query(&[])).await.expect(200);
    let page = login.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(login.press(&page, "code", &[("code", "000000")]).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses.last()), (401, Some(&429)));
    house.world.wait(601);
    let again = login.press(&page, "code", &[("code", &code(&house, &secret))]).await.expect(200);
    assert!(html(&again).contains("type=\"password\""));
}

/// Somebody whose tenant asks for a second factor from now on, before the page to set one up on.
async fn has_to_set_up(house: &House) -> (Browser<'_>, Reply) {
    let settings = json!({"require_second_factor": true});
    house.world.patch(&house.owner, "/v1/tenant/settings", settings).await.expect(200);
    let browser = Browser::new(&house.world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let page = browser.log_in(&login, EMAIL, PASSWORD).await.expect(200);
    (browser, page)
}

#[tokio::test]
async fn who_has_to_have_a_second_factor_sets_one_up() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let (browser, page) = has_to_set_up(&house).await;
    let text = html(&page);
    assert!(
        text.contains("Set up a second factor") && text.contains("<svg ") && !text.contains("style="),
        "{text}"
    );
    let key = shown(&page).remove(0);
    let secret = base32(&key);
    // What was scanned stays good when the first code is typed wrong; and a code of elsewhere is none.
    let wrong = browser.press(&page, "enrol", &[("code", "000000")]).await.expect(401);
    assert_eq!(shown(&wrong), [key.as_str()]);
    browser.press(&page, "code", &[("code", &code(&house, &secret))]).await.expect(401);
    let told = came_back(&browser.open(&house.query(&[("prompt", "none")])).await);
    assert_eq!(told["error"], "login_required");

    let first = code(&house, &secret);
    let done = browser.press(&wrong, "enrol", &[("code", &first)]).await.expect(200);
    assert!(html(&done).contains("Recovery codes"));
    let codes = shown(&done);
    assert_eq!(codes.len(), 10);
    let consent = browser.press(&done, "go-on", &[]).await.expect(200);
    let answer = came_back(&browser.press(&consent, "allow", &[]).await);
    let (_, claims) = said(&house.redeem(&answer["code"]).await.expect(200).text("/id_token"));
    assert_eq!(claims["acr"], "aal2");
    // The login is spent, and the next one asks for a code.
    let again = browser.press(&wrong, "enrol", &[("code", &first)]).await.expect(200);
    assert!(html(&again).contains("type=\"password\""));
    world.wait(60);
    let other = Browser::new(world);
    let login = other.open(&house.query(&[])).await.expect(200);
    let page = other.log_in(&login, EMAIL, PASSWORD).await.expect(200);
    assert!(html(&page).contains("<h1>Second factor</h1>"));
    // Whoever holds the password alone cannot put another authenticator in the place of this one.
    let offered = other.press(&page, "enrol", &[("code", &code(&house, &secret))]).await.expect(200);
    assert!(!html(&offered).contains("<svg ") && html(&offered).contains("type=\"password\""));
    other.press(&page, "code", &[("code", &code(&house, &secret))]).await.expect(303);

    let events = world.events(&house.owner).await;
    assert_eq!(events.iter().filter(|event| event["action"] == "mfa.enrol").count(), 1);
    assert_eq!(
        events.iter().filter(|event| event["action"] == "mfa.use" && event["reason"] == "wrong_code").count(),
        2
    );
    let stored = world.everything().await.join("\n");
    assert!(!stored.contains(&key) && codes.iter().all(|code| !stored.contains(code)));
}

#[tokio::test]
async fn one_first_code_that_comes_twice_at_once_sets_one_factor_up() {
    let house = House::new(json!({})).await;
    let (browser, page) = has_to_set_up(&house).await;
    let first = code(&house, &base32(&shown(&page).remove(0)));
    let typed = [("code", first.as_str())];
    let (left, right) =
        tokio::join!(browser.press(&page, "enrol", &typed), browser.press(&page, "enrol", &typed));
    let pages = [html(&left.expect(200)), html(&right.expect(200))];
    assert_eq!(pages.iter().filter(|page| page.contains("Recovery codes")).count(), 1);
    assert_eq!(pages.iter().filter(|page| page.contains("type=\"password\"")).count(), 1);
}

#[tokio::test]
async fn what_a_running_session_asks_with_logs_nobody_in() {
    let house = House::new(json!({})).await;
    let (secret, _) = enrol(&house).await;
    let world = &house.world;
    world.wait(60);
    let body = json!({"tenant": "acme", "email": EMAIL, "password": PASSWORD});
    let asked = world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(202);
    let show = json!({"mfa_token": asked.text("/mfa_token"), "code": code(&house, &secret)});
    let tokens = world.post(&Actor::anonymous(), "/v1/auth/mfa", show).await.expect(200);
    let ada = house.holder(&tokens);
    let again = world.post(&ada, "/v1/me/mfa", json!({})).await.expect(202).text("/mfa_token");
    world.post(&Actor::anonymous(), "/v1/auth/mfa/enrol", json!({"mfa_token": again})).await.expect(401);
    world.wait(60);
    let browser = Browser::new(world);
    let login = browser.open(&house.query(&[])).await.expect(200);
    let typed = [("pending", again.as_str()), ("code", &code(&house, &secret))];
    let page = browser.press(&login, "code", &typed).await.expect(200);
    assert!(html(&page).contains("type=\"password\""));
}
