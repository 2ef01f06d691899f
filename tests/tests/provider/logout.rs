//! Logging out: what the suite's logout profile asks, and that nobody logs anybody else out.

use rookery_tests::forms::form;
use rookery_tests::world::{Actor, Reply};
use serde_json::{Value, json};

use super::house::{ADDRESS, Browser, EMAIL, House, PASSWORD, came_back, html, told};

const BYE: &str = "https://app.example.com/bye";
const BYE_WITH_QUERY: &str = "https://app.example.com/bye?foo=bar";

async fn house() -> House {
    House::new(json!({"post_logout_redirect_uris": [BYE, BYE_WITH_QUERY]})).await
}

/// Somebody who is logged in to the client, in a browser, with what the client was given.
async fn logged_in(house: &House) -> (Browser<'_>, Reply) {
    let (browser, answer) = house.arrive(&[("scope", "openid offline_access")]).await;
    let tokens = house.redeem(&answer["code"]).await.expect(200);
    (browser, tokens)
}

async fn leave(browser: &Browser<'_>, fields: &[(&str, &str)]) -> Reply {
    browser.visit(&format!("/oauth/logout?{}", form(fields))).await
}

fn sent_to(reply: &Reply) -> &str {
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["referrer-policy"]),
        (303, &"no-referrer".parse().unwrap())
    );
    reply.headers["location"].to_str().unwrap()
}

async fn is_logged_in(house: &House, browser: &Browser<'_>) -> bool {
    came_back(&browser.open(&house.query(&[("prompt", "none")])).await).contains_key("code")
}

#[tokio::test]
async fn oidcc_rp_initiated_logout() {
    let house = house().await;
    let world = &house.world;
    let (browser, tokens) = logged_in(&house).await;
    let (elsewhere, _) = house.arrive(&[]).await;
    // Another client that was reached in the same browser ends with it.
    let other = json!({
        "name": "Other", "redirect_uris": [ADDRESS], "kind": "public",
        "grants": ["authorization_code", "refresh_token"], "scopes": ["openid", "offline_access"],
    });
    let other = world.post(&house.owner, "/v1/oauth-clients", other).await.expect(201).text("/id");
    let page = browser.open(&house.query(&[("client_id", &other), ("scope", "openid offline_access")])).await;
    let code = came_back(&browser.press(&page, "allow", &[]).await)["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", &other),
        ("code", &code),
        ("redirect_uri", ADDRESS),
        ("code_verifier", super::house::VERIFIER),
    ];
    let others = world.submit("/oauth/token", &fields, &[]).await.expect(200);

    // The id token may be old.
    world.wait(1000);
    let hint = tokens.text("/id_token");
    let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s t&te")];
    let gone = leave(&browser, &fields).await;
    assert_eq!(sent_to(&gone), "https://app.example.com/bye?state=s+t%26te");
    let cookie = gone.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-rookery-session=;") && cookie.ends_with("; Max-Age=0"), "{cookie}");

    assert_eq!(told(&house, &browser, &[("prompt", "none")]).await, "login_required");
    house.refresh(&tokens.text("/refresh_token")).await.expect(400);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &other),
        ("refresh_token", &others.text("/refresh_token")),
    ];
    world.submit("/oauth/token", &fields, &[]).await.expect(400);
    world.wait(20);
    world.get(&house.holder(&others), "/v1/whoami").await.expect(401);
    // Where else the person is logged in it stays so.
    assert!(is_logged_in(&house, &elsewhere).await);
    let ended = world.events(&house.owner).await;
    assert_eq!(ended.iter().filter(|event| event["action"] == "session.end").count(), 3);
    // A second time there is nothing to end, and the way on is the same.
    let fields =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE_WITH_QUERY), ("state", "x")];
    assert_eq!(sent_to(&leave(&browser, &fields).await), "https://app.example.com/bye?foo=bar&state=x");
}

#[tokio::test]
async fn what_may_be_left_out() {
    let house = house().await;
    for (name, uri, expected) in [
        ("oidcc-rp-initiated-logout-no-state", BYE, Some(BYE)),
        ("oidcc-rp-initiated-logout-no-post-logout-redirect-uri", "", None),
    ] {
        let (browser, tokens) = logged_in(&house).await;
        let hint = tokens.text("/id_token");
        let mut fields = vec![("id_token_hint", hint.as_str())];
        fields.extend((!uri.is_empty()).then_some(("post_logout_redirect_uri", uri)));
        let gone = leave(&browser, &fields).await;
        match expected {
            Some(expected) => assert_eq!(sent_to(&gone), expected, "{name}"),
            None => assert!(html(&gone.expect(200)).contains("You are logged out"), "{name}"),
        }
        assert!(!is_logged_in(&house, &browser).await, "{name}");
    }
}

#[tokio::test]
async fn who_brings_no_token_of_their_own_is_asked() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let (hint, access) = (tokens.text("/id_token"), tokens.text("/access_token"));
    let modified = format!("{}AAAA", &hint[..hint.len() - 4]);
    for (name, fields, sends) in [
        ("oidcc-rp-initiated-logout-no-params", vec![], false),
        ("oidcc-rp-initiated-logout-only-state", vec![("state", "x")], false),
        ("oidcc-rp-initiated-logout-no-id-token-hint", vec![("post_logout_redirect_uri", BYE)], false),
        (
            "oidcc-rp-initiated-logout-modified-id-token-hint",
            vec![("id_token_hint", modified.as_str()), ("post_logout_redirect_uri", BYE)],
            false,
        ),
        (
            "oidcc-rp-initiated-logout-bad-id-token-hint",
            vec![("id_token_hint", "e30.e30.e30"), ("post_logout_redirect_uri", BYE)],
            false,
        ),
        ("an access token", vec![("id_token_hint", access.as_str())], false),
        (
            "a client",
            vec![("client_id", house.id()), ("post_logout_redirect_uri", BYE), ("state", "x")],
            true,
        ),
    ] {
        let page = leave(&browser, &fields).await.expect(200);
        assert!(html(&page).contains("<h1>Log out?</h1>") && html(&page).contains(EMAIL), "{name}");
        let stayed = browser.press_to("/oauth/logout", &page, "cancel", &[]).await.expect(200);
        assert!(html(&stayed).contains("You are still logged in"), "{name}");
        assert!(is_logged_in(&house, &browser).await, "{name}");
        let gone = browser.press_to("/oauth/logout", &page, "logout", &[]).await;
        if sends {
            assert_eq!(sent_to(&gone), "https://app.example.com/bye?state=x", "{name}");
        } else {
            assert!(html(&gone.expect(200)).contains("You are logged out"), "{name}");
        }
        assert!(!is_logged_in(&house, &browser).await, "{name}");
        // Nobody is there to be asked any more, and nobody is sent to where nobody knows.
        let again = leave(&browser, &fields).await;
        assert_eq!(again.status == 303, sends, "{name}");
        let page = browser.open(&house.query(&[])).await.expect(200);
        browser.log_in(&page, EMAIL, PASSWORD).await.expect(303);
    }
}

#[tokio::test]
async fn nobody_is_sent_where_the_client_has_not_said() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let hint = tokens.text("/id_token");
    for (name, uri) in [
        ("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", "https://app.example.com/bye/"),
        (
            "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
            "https://app.example.com/bye?x=y",
        ),
        ("an address to log in at", ADDRESS),
        ("another host", "https://evil.example/https://app.example.com/bye"),
        ("a script", "javascript:alert(1)"),
        ("capitals", "https://APP.example.com/bye"),
    ] {
        for known in [("id_token_hint", hint.as_str()), ("client_id", house.id())] {
            let refused = leave(&browser, &[known, ("post_logout_redirect_uri", uri)]).await.expect(400);
            assert!(refused.headers.get("location").is_none() && !html(&refused).contains(uri), "{name}");
        }
    }
    assert_eq!(house.denied("redirect_uri").await, 12);
    for fields in [
        vec![("client_id", "cli_01h455vb4pex5vsknk084sn02q"), ("id_token_hint", &hint)],
        vec![("state", "a"), ("state", "b")],
    ] {
        leave(&browser, &fields).await.expect(400);
    }
    // Of a client that nobody knows, nobody knows an address.
    for id in ["cli_01h455vb4pex5vsknk084sn02q", "dashboard"] {
        let asked =
            leave(&browser, &[("client_id", id), ("post_logout_redirect_uri", BYE)]).await.expect(200);
        assert!(html(&asked).contains("<h1>Log out?</h1>"));
    }
    let long = "x".repeat(8_000);
    leave(&browser, &[("state", &long)]).await.expect(400);
    // Nothing of that logged anybody out.
    assert!(is_logged_in(&house, &browser).await);
    house.refresh(&tokens.text("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn nobody_is_logged_out_by_somebody_else() {
    let house = house().await;
    let (mine, tokens) = logged_in(&house).await;
    let theirs = Browser::new(&house.world);
    let page = leave(&mine, &[]).await.expect(200);
    // The page works where it was shown, and for the session that it was shown to.
    theirs.press_to("/oauth/logout", &page, "logout", &[]).await.expect(400);
    let hidden = super::house::hidden(&page);
    let fields = [("ticket", hidden[0].1.as_str()), ("step", "logout")];
    let cookies = mine.header();
    let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "cross-site")];
    house.world.submit("/oauth/logout", &fields, &headers).await.expect(400);
    house.world.submit("/oauth/logout", &[("ticket", "x"), ("step", "logout")], &[]).await.expect(400);
    mine.press_to("/oauth/logout", &page, "else", &[]).await.expect(400);
    assert!(is_logged_in(&house, &mine).await);

    // Somebody else's id token ends nothing of whoever is logged in.
    let bob = json!({"email": "bob@example.com"});
    let invited = house.world.post(&house.owner, "/v1/invitations", bob).await.expect(201);
    let token = house.world.link(&house.owner, &invited.text("/id")).await;
    let body = json!({"token": token, "password": PASSWORD});
    house.world.post(&Actor::anonymous(), "/v1/invitations/accept", body).await.expect(201);
    let login = theirs.open(&house.query(&[])).await.expect(200);
    let consent = theirs.log_in(&login, "bob@example.com", PASSWORD).await.expect(200);
    came_back(&theirs.press(&consent, "allow", &[]).await);
    let hint = tokens.text("/id_token");
    let asked = leave(&theirs, &[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)]).await;
    assert!(html(&asked.expect(200)).contains("bob@example.com"));
    assert!(is_logged_in(&house, &theirs).await && is_logged_in(&house, &mine).await);
    house.world.wait(31 * 60);
    mine.press_to("/oauth/logout", &page, "logout", &[]).await.expect(400);
}

#[tokio::test]
async fn a_client_can_send_people_by_a_form() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let hint = tokens.text("/id_token");
    let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "x")];
    // A form of another site comes without cookies, and the browser with them when it follows.
    let sent = house.world.submit("/oauth/logout", &fields, &[]).await.expect(303);
    let location = sent_to(&sent);
    let path = location.strip_prefix("https://rookery.test").unwrap();
    assert!(path.starts_with("/oauth/logout?id_token_hint="), "{location}");
    assert_eq!(sent_to(&browser.visit(path).await), "https://app.example.com/bye?state=x");
    assert!(!is_logged_in(&house, &browser).await);

    let (browser, tokens) = logged_in(&house).await;
    let (hint, cookies) = (tokens.text("/id_token"), browser.header());
    let fields = [("id_token_hint", hint.as_str()), ("ui_locales", "de")];
    let headers = [("cookie", cookies.as_str())];
    let gone = house.world.submit("/oauth/logout", &fields, &headers).await.expect(200);
    assert!(html(&gone).contains("Sie sind abgemeldet"));
}

#[tokio::test]
async fn a_client_ends_its_own_session_when_the_browsers_is_over() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    house.world.wait(13 * 3600);
    let hint = tokens.text("/id_token");
    assert_eq!(
        sent_to(&leave(&browser, &[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)]).await),
        BYE
    );
    let refused = house.refresh(&tokens.text("/refresh_token")).await.expect(400);
    assert_eq!(refused.body["error"], Value::from("invalid_grant"));
}
