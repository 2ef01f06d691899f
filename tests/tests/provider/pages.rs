//! The pages: who is asked what, in which browser, and how often.

use rookery_tests::world::Actor;
use serde_json::json;

use super::house::{Browser, EMAIL, House, PASSWORD, came_back, hidden, html, said, told};

#[tokio::test]
async fn oidcc_prompt_login_and_max_age() {
    let house = House::new(json!({})).await;
    let (browser, _) = house.arrive(&[]).await;
    let first = came_back(&browser.open(&house.query(&[("prompt", "none")])).await);
    let (_, first) = said(&house.redeem(&first["code"]).await.expect(200).text("/id_token"));
    house.world.wait(5);
    // oidcc-max-age-10000: who logged in is not asked again.
    let again = came_back(&browser.open(&house.query(&[("max_age", "10000")])).await);
    let (_, again) = said(&house.redeem(&again["code"]).await.expect(200).text("/id_token"));
    assert_eq!(first["auth_time"], again["auth_time"]);
    assert_eq!(told(&house, &browser, &[("max_age", "1"), ("prompt", "none")]).await, "login_required");
    for changes in [[("max_age", "1")], [("prompt", "login")], [("prompt", "select_account")]] {
        house.world.wait(5);
        let page = browser.open(&house.query(&changes)).await.expect(200);
        assert!(html(&page).contains("type=\"password\""), "{changes:?}");
        let answer = came_back(&browser.log_in(&page, EMAIL, PASSWORD).await);
        let (_, claims) = said(&house.redeem(&answer["code"]).await.expect(200).text("/id_token"));
        assert!(claims["auth_time"].as_i64() > again["auth_time"].as_i64(), "{changes:?}");
    }
    // oidcc-id-token-hint: whom the client expects.
    let tokens = came_back(&browser.open(&house.query(&[])).await);
    let hint = house.redeem(&tokens["code"]).await.expect(200).text("/id_token");
    house.world.wait(1000);
    let answer =
        came_back(&browser.open(&house.query(&[("prompt", "none"), ("id_token_hint", &hint)])).await);
    assert!(answer.contains_key("code"));
    // oidcc-prompt-consent: asked again, though it was let in.
    let page = browser.open(&house.query(&[("prompt", "consent")])).await.expect(200);
    let answer = came_back(&browser.press(&page, "allow", &[]).await);
    house.redeem(&answer["code"]).await.expect(200);
    let page = browser.open(&house.query(&[("prompt", "consent")])).await.expect(200);
    assert_eq!(came_back(&browser.press(&page, "cancel", &[]).await)["error"], "access_denied");
    assert_eq!(house.denied("consent_refused").await, 1);
    // A session of the browser lasts half a day.
    house.world.wait(12 * 3600);
    assert_eq!(told(&house, &browser, &[("prompt", "none")]).await, "login_required");
}

#[tokio::test]
async fn a_wrong_password_is_told_on_the_page_and_bounded() {
    let house = House::new(json!({})).await;
    let browser = Browser::new(&house.world);
    let page = browser.open(&house.query(&[])).await.expect(200);
    let mut statuses = Vec::new();
    for (email, password) in
        [(EMAIL, "not it"), ("bob@example.com", PASSWORD), ("nobody", PASSWORD), (EMAIL, "")]
    {
        let page = browser.log_in(&page, email, password).await.expect(401);
        assert!(html(&page).contains("Email address or password is not right."));
        assert!(html(&page).contains("role=\"alert\""));
    }
    for _ in 0..6 {
        statuses.push(browser.log_in(&page, EMAIL, "not it").await.status.as_u16());
    }
    assert_eq!(statuses.last(), Some(&429));
    assert!(house.denied("wrong_password").await >= 5);
    house.world.wait(61);
    let page = browser.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    assert!(html(&page).contains("Dashboard"));
}

#[tokio::test]
async fn a_page_of_another_browser_is_refused() {
    let house = House::new(json!({})).await;
    let (mine, theirs) = (Browser::new(&house.world), Browser::new(&house.world));
    let page = mine.open(&house.query(&[])).await.expect(200);
    // One that keeps nothing, one that was shown another page, and a page that somebody else makes send it.
    theirs.log_in(&page, EMAIL, PASSWORD).await.expect(400);
    theirs.open(&house.query(&[])).await.expect(200);
    theirs.log_in(&page, EMAIL, PASSWORD).await.expect(400);
    let hidden = hidden(&page);
    let fields =
        [("ticket", hidden[0].1.as_str()), ("step", "login"), ("email", EMAIL), ("password", PASSWORD)];
    let cookies = mine.header();
    let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "cross-site")];
    house.world.submit("/oauth/interaction", &fields, &headers).await.expect(400);
    house.world.submit("/oauth/interaction", &[("ticket", "x"), ("step", "login")], &[]).await.expect(400);
    // A consent that another session was shown is asked anew.
    let consent = mine.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    let page = mine.open(&house.query(&[("prompt", "login")])).await.expect(200);
    mine.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    mine.press(&consent, "allow", &[]).await.expect(200);
    house.world.wait(31 * 60);
    mine.press(&consent, "allow", &[]).await.expect(400);
    assert_eq!(house.denied("bad_request").await, 2);
}

#[tokio::test]
async fn the_pages_speak_german() {
    let house = House::new(json!({})).await;
    let browser = Browser { language: "de-CH, en;q=0.5", ..Browser::new(&house.world) };
    let page = browser.open(&house.query(&[])).await.expect(200);
    assert!(html(&page).contains("<html lang=\"de\">") && html(&page).contains("Anmelden bei The acme"));
    assert_eq!(page.headers["content-language"], "de");
    let english = browser.open(&house.query(&[("ui_locales", "fr en de")])).await.expect(200);
    assert!(html(&english).contains("Log in to"));
    let wrong = browser.open(&house.query(&[("client_id", "x")])).await.expect(400);
    assert!(html(&wrong).contains("Das geht nicht"));
}

#[tokio::test]
async fn who_is_suspended_is_let_in_nowhere() {
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
    let answer = came_back(&browser.press(&page, "allow", &[]).await);
    world.post(&house.owner, &format!("/v1/users/{bob}/suspend"), json!({})).await.expect(200);
    world.wait(20);
    house.redeem(&answer["code"]).await.expect(400);
    assert_eq!(told(&house, &browser, &[("prompt", "none")]).await, "login_required");
    let page = browser.open(&house.query(&[])).await.expect(200);
    browser.log_in(&page, "bob@example.com", PASSWORD).await.expect(401);
}

#[tokio::test]
async fn whoever_wants_to_leave_may_however_many_left_before() {
    let house = House::new(json!({})).await;
    let browser = Browser::new(&house.world);
    let page = browser.open(&house.query(&[])).await.expect(200);
    for _ in 0..51 {
        assert_eq!(came_back(&browser.press(&page, "cancel", &[]).await)["error"], "access_denied");
    }
    // What is recorded of it is bounded.
    assert_eq!(house.denied("consent_refused").await, 50);
}

#[tokio::test]
async fn a_form_of_another_site_becomes_a_link_that_cookies_come_along_with() {
    let house = House::new(json!({})).await;
    let (browser, _) = house.arrive(&[]).await;
    let query = house.query(&[]);
    let url = reqwest::Url::parse(&format!("https://x.test/?{query}")).unwrap();
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    // Browsers keep cookies from forms of other sites.
    let sent = house.world.submit("/oauth/authorize", &fields, &[("sec-fetch-site", "cross-site")]).await;
    let link = sent.expect(303).headers["location"].to_str().unwrap().to_owned();
    let path = link.strip_prefix("https://rookery.test").unwrap();
    assert!(came_back(&browser.visit(path).await).contains_key("code"));
    // What is longer than any request is refused where it came to.
    let long = "x".repeat(4000);
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("extra", long.as_str())]).collect();
    house.world.submit("/oauth/authorize", &fields, &[]).await.expect(400);
}
