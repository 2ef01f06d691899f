//! Letting devices in that have no browser (RFC 8628).

use rookery_tests::world::Reply;
use serde_json::{Value, json};

use super::house::{Browser, EMAIL, House, PASSWORD, html, said};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A tenant with a client that runs on devices, where nothing is kept secret.
async fn house() -> House {
    let change = json!({
        "name": "Telly", "kind": "public", "redirect_uris": [], "grants": [GRANT, "refresh_token"],
        "scopes": ["openid", "profile", "offline_access", "app.list"],
    });
    House::new(change).await
}

async fn begin(house: &House, scope: &str) -> Reply {
    let fields = [("client_id", house.id()), ("scope", scope)];
    house.world.submit("/oauth/device_authorization", &fields, &[]).await
}

async fn ask(house: &House, begun: &Reply) -> Reply {
    house.tokens(&[("grant_type", GRANT), ("device_code", &begun.text("/device_code"))]).await
}

async fn refused(house: &House, begun: &Reply) -> String {
    ask(house, begun).await.expect(400).text("/error")
}

/// Types in a code on the page.
async fn type_in(browser: &Browser<'_>, code: &str) -> Reply {
    let page = browser.visit("/oauth/device").await.expect(200);
    browser.press_to("/oauth/device", &page, "", &[("user_code", code)]).await
}

#[tokio::test]
async fn a_device_is_let_in() {
    let house = house().await;
    let world = &house.world;
    let begun = begin(&house, "openid offline_access app.list phone").await.expect(200);
    let (code, shown) = (begun.text("/device_code"), begun.text("/user_code"));
    let letters = |text: &str| text.bytes().all(|byte| b"BCDFGHJKLMNPQRSTVWXZ".contains(&byte));
    assert!(shown.len() == 9 && letters(&shown.replace('-', "")) && shown.as_bytes()[4] == b'-', "{shown}");
    assert_eq!(begun.text("/verification_uri"), "https://rookery.test/oauth/device");
    let whole = begun.text("/verification_uri_complete");
    assert_eq!(whole, format!("https://rookery.test/oauth/device?user_code={shown}"));
    assert_eq!((&begun.body["expires_in"], &begun.body["interval"]), (&json!(600), &json!(5)));
    assert_eq!(begun.headers["cache-control"], "no-store");

    assert_eq!(refused(&house, &begun).await, "authorization_pending");
    assert_eq!(refused(&house, &begun).await, "slow_down");
    world.wait(5);
    assert_eq!(refused(&house, &begun).await, "authorization_pending");

    let browser = Browser::new(world);
    let page = browser.visit(whole.strip_prefix("https://rookery.test").unwrap()).await.expect(200);
    assert!(html(&page).contains(&format!("value=\"{shown}\"")), "{}", html(&page));
    let typed = shown.replace('-', " ").to_lowercase();
    let page = type_in(&browser, &typed).await.expect(200);
    assert!(html(&page).contains("Log in to The acme") && html(&page).contains("Telly"));
    let page = browser.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    let text = html(&page);
    for part in ["Telly", "Know who you are", &shown, "Allow this only if you began it yourself", EMAIL] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("See your name") && !text.contains("autofocus"), "{text}");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' ;") || policy.contains("form-action 'self';"), "{policy}");
    world.wait(5);
    assert_eq!(refused(&house, &begun).await, "authorization_pending");
    let done = browser.press(&page, "allow", &[]).await.expect(200);
    assert!(html(&done).contains("The device is let in"));

    // A question right after the one before is answered all the same, now that there is an answer.
    let tokens = ask(&house, &begun).await.expect(200);
    let scope = tokens.text("/scope");
    assert_eq!(scope, "openid offline_access app.list");
    let (_, claims) = said(&tokens.text("/id_token"));
    assert_eq!((&claims["aud"], &claims["amr"]), (&json!(house.id()), &json!(["pwd"])));
    let device = house.holder(&tokens);
    world.get(&device, "/v1/apps").await.expect(200);
    world.get(&device, "/oauth/userinfo").await.expect(200);
    house.refresh(&tokens.text("/refresh_token")).await.expect(200);
    // Once, and the code that was shown leads nowhere any more.
    assert_eq!(refused(&house, &begun).await, "invalid_grant");
    type_in(&browser, &shown).await.expect(400);
    let events = world.events(&house.owner).await;
    for action in ["oauth.authorize", "oauth.consent"] {
        let told = events.iter().find(|event| event["action"] == action).unwrap();
        assert!(told["changes"].to_string().contains(house.id()), "{told}");
    }
    let stored = world.everything().await.join("\n");
    for secret in [code.rsplit('_').next().unwrap(), &shown, &shown.replace('-', "")] {
        assert!(!stored.contains(secret), "{secret} is stored");
    }
    // Who logs out of the browser leaves the device on.
    let page = browser.visit("/oauth/logout").await.expect(200);
    browser.press_to("/oauth/logout", &page, "logout", &[]).await.expect(200);
    world.wait(20);
    world.get(&device, "/v1/apps").await.expect(200);
}

#[tokio::test]
async fn who_is_logged_in_is_asked_each_time() {
    let house = house().await;
    let browser = Browser::new(&house.world);
    let mut pages = Vec::new();
    for number in 0..2 {
        let begun = begin(&house, "openid").await.expect(200);
        let page = type_in(&browser, &begun.text("/user_code")).await.expect(200);
        let page = if number == 0 { browser.log_in(&page, EMAIL, PASSWORD).await.expect(200) } else { page };
        assert!(html(&page).contains("Know who you are"));
        browser.press(&page, "allow", &[]).await.expect(200);
        let tokens = ask(&house, &begun).await.expect(200);
        assert_eq!(tokens.body["refresh_token"], Value::Null);
        pages.push(page);
    }
    // What was said is said.
    let again = browser.press(&pages[1], "allow", &[]).await.expect(400);
    assert!(html(&again).contains("There is no such code"));
    browser.press(&pages[0], "cancel", &[]).await.expect(400);
}

#[tokio::test]
async fn a_device_is_not_let_in() {
    let house = house().await;
    let browser = Browser::new(&house.world);
    let begun = begin(&house, "openid").await.expect(200);
    let page = type_in(&browser, &begun.text("/user_code")).await.expect(200);
    let denied = browser.press(&page, "cancel", &[]).await.expect(200);
    assert!(html(&denied).contains("The device was not let in"));
    assert_eq!(refused(&house, &begun).await, "access_denied");
    assert_eq!(refused(&house, &begun).await, "access_denied");
    assert_eq!(house.denied("consent_refused").await, 1);
    // Two who look at the same page: whoever speaks first is heard.
    let begun = begin(&house, "openid").await.expect(200);
    let other = Browser::new(&house.world);
    let (page, others) = (
        type_in(&browser, &begun.text("/user_code")).await.expect(200),
        type_in(&other, &begun.text("/user_code")).await.expect(200),
    );
    let page = browser.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    browser.press(&page, "allow", &[]).await.expect(200);
    other.press(&others, "cancel", &[]).await.expect(400);
    ask(&house, &begun).await.expect(200);
}

#[tokio::test]
async fn codes_are_good_for_ten_minutes() {
    let house = house().await;
    let browser = Browser::new(&house.world);
    let (late, later) =
        (begin(&house, "openid").await.expect(200), begin(&house, "openid").await.expect(200));
    let page = type_in(&browser, &late.text("/user_code")).await.expect(200);
    let page = browser.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    let other = type_in(&browser, &later.text("/user_code")).await.expect(200);
    house.world.wait(590);
    browser.press(&page, "allow", &[]).await.expect(200);
    house.world.wait(10);
    // What was let in time and not fetched in time is over, too.
    assert_eq!(refused(&house, &late).await, "expired_token");
    assert_eq!(refused(&house, &later).await, "expired_token");
    browser.press(&other, "allow", &[]).await.expect(400);
    type_in(&browser, &later.text("/user_code")).await.expect(400);
}

#[tokio::test]
async fn codes_are_of_one_client() {
    let house = house().await;
    let world = &house.world;
    let begun = begin(&house, "openid").await.expect(200);
    let code = begun.text("/device_code");
    let other = json!({"name": "Other", "kind": "public", "grants": [GRANT], "scopes": ["openid"]});
    let other = world.post(&house.owner, "/v1/oauth-clients", other).await.expect(201).text("/id");
    let plain = json!({"name": "Plain", "redirect_uris": ["https://app.example.com/cb"]});
    let plain = world.post(&house.owner, "/v1/oauth-clients", plain).await.expect(201);
    let (plain, secret) = (plain.text("/id"), plain.text("/secret"));
    let fields = [("grant_type", GRANT), ("client_id", other.as_str()), ("device_code", code.as_str())];
    assert_eq!(world.submit("/oauth/token", &fields, &[]).await.expect(400).text("/error"), "invalid_grant");
    let own = [("client_id", plain.as_str()), ("client_secret", secret.as_str())];
    let fields = [own.as_slice(), &[("grant_type", GRANT), ("device_code", code.as_str())]].concat();
    let reply = world.submit("/oauth/token", &fields, &[]).await.expect(400);
    assert_eq!(reply.text("/error"), "unauthorized_client");
    for (fields, status, error) in [
        ([own.as_slice(), &[("scope", "openid")]].concat(), 400, "unauthorized_client"),
        (vec![("client_id", plain.as_str()), ("scope", "openid")], 401, "invalid_client"),
        (vec![("client_id", "cli_01h455vb4pex5vsknk084sn02q"), ("scope", "openid")], 401, "invalid_client"),
        (vec![("client_id", house.id()), ("scope", "phone")], 400, "invalid_scope"),
        (vec![("client_id", house.id())], 400, "invalid_scope"),
        (vec![("client_id", house.id()), ("scope", "openid"), ("scope", "openid")], 400, "invalid_request"),
    ] {
        let reply = world.submit("/oauth/device_authorization", &fields, &[]).await.expect(status);
        assert_eq!(reply.text("/error"), error, "{fields:?}");
    }
    for (code, error) in
        [("", "invalid_request"), ("rg_none", "invalid_grant"), (&code[..code.len() - 1], "invalid_grant")]
    {
        let reply = house.tokens(&[("grant_type", GRANT), ("device_code", code)]).await.expect(400);
        assert_eq!(reply.text("/error"), error, "{code}");
    }
    // What the client may not ask for any more, nobody can let it.
    let browser = Browser::new(world);
    type_in(&browser, &begun.text("/user_code")).await.expect(200);
    let path = format!("/v1/oauth-clients/{}", house.id());
    world.patch(&house.owner, &path, json!({"scopes": ["profile"]})).await.expect(200);
    type_in(&browser, &begun.text("/user_code")).await.expect(400);
}

#[tokio::test]
async fn codes_cannot_be_guessed_and_pages_cannot_be_forged() {
    let house = house().await;
    let world = &house.world;
    let browser = Browser { language: "de", ..Browser::new(world) };
    let page =
        browser.visit("/oauth/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await.expect(200);
    assert!(
        !html(&page).contains("<script") && html(&page).contains("Ein Gerät anmelden"),
        "{}",
        html(&page)
    );
    for (header, value) in
        [("x-frame-options", "DENY"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store")]
    {
        assert_eq!(page.headers[header], value);
    }
    let english = browser.visit("/oauth/device?ui_locales=en").await.expect(200);
    assert!(html(&english).contains("Let a device in"));
    let begun = begin(&house, "openid").await.expect(200);
    let shown = begun.text("/user_code");
    let headers = [("sec-fetch-site", "cross-site")];
    world.submit("/oauth/device", &[("user_code", &shown)], &headers).await.expect(400);
    // Another browser's page is of no use.
    let page = type_in(&browser, &shown).await.expect(200);
    let other = Browser::new(world);
    other.press(&page, "cancel", &[]).await.expect(400);
    assert_eq!(refused(&house, &begun).await, "authorization_pending");
    // What is no code at all costs nothing; what could be one is counted by the address.
    let wrong = type_in(&browser, "<b>AEIOU</b>").await.expect(400);
    assert!(html(&wrong).contains("&lt;b&gt;AEIOU") && html(&wrong).contains("role=\"alert\""));
    let mut statuses = Vec::new();
    for number in 0..60_usize {
        let letters = b"BCDFGHJKLMNPQRSTVWXZ";
        let code = format!("BBBBBB{}{}", char::from(letters[number / 20]), char::from(letters[number % 20]));
        statuses.push(type_in(&browser, &code).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses.last()), (400, Some(&429)));
    let limited = type_in(&browser, &shown).await.expect(429);
    assert!(limited.headers.contains_key("retry-after"));
    world.wait(61);
    type_in(&browser, &shown).await.expect(200);
}
