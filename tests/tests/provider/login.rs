//! Logging in to a client: what the suite's basic, config and error profiles ask of the way there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rookery_domain::hash::Sha256;
use rookery_tests::world::Actor;
use serde_json::{Value, json};

use super::house::{Browser, EMAIL, House, PASSWORD, came_back, html, said, told, verified};

#[tokio::test]
async fn oidcc_discovery_endpoint_verification() {
    let house = House::new(json!({})).await;
    let path = "/.well-known/openid-configuration";
    let found = house.world.get(&Actor::anonymous(), path).await.expect(200);
    assert_eq!(found.text("/issuer"), "https://rookery.test");
    for endpoint in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
        let url = found.text(&format!("/{endpoint}"));
        assert!(url.starts_with("https://rookery.test/"), "{url}");
    }
    assert_eq!(found.body["response_types_supported"], json!(["code"]));
    assert_eq!(found.body["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(found.body["id_token_signing_alg_values_supported"], json!(["RS256", "ES256"]));
    assert_eq!(found.body["authorization_response_iss_parameter_supported"], json!(true));
}

#[tokio::test]
async fn oidcc_server() {
    let house = House::new(json!({})).await;
    let world = &house.world;
    let browser = Browser::new(world);
    let page = browser.open(&house.query(&[("scope", "openid profile email")])).await.expect(200);
    let text = html(&page);
    assert!(text.contains("<html lang=\"en\">") && text.contains("<h1>Log in to The acme</h1>"), "{text}");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    // One style and one script, to the letter.
    let hash = |name: &str| {
        let parts: Vec<&str> = text.split(&format!("<{name}>")).collect();
        assert_eq!((parts.len(), text.matches(&format!("<{name}")).count()), (2, 1), "{text}");
        let inside = parts[1].split(&format!("</{name}>")).next().unwrap();
        base64::engine::general_purpose::STANDARD.encode(Sha256::of(inside.as_bytes()).as_bytes())
    };
    let (style, script) = (hash("style"), hash("script"));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'sha256-{script}'; connect-src 'self'; style-src 'sha256-{style}'; \
             form-action 'self' https://app.example.com; frame-ancestors 'none'; base-uri 'none'"
        )
    );
    assert!(!text.contains("style=") && page.headers["cache-control"] == "no-store");

    let page = browser.log_in(&page, EMAIL, PASSWORD).await.expect(200);
    let text = html(&page);
    for shown in ["Dashboard", "See your name", "See your email address", EMAIL, "https://app.example.com"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let answer = came_back(&browser.press(&page, "allow", &[]).await);
    assert_eq!(answer["state"], "s t&te");
    let tokens = house.redeem(&answer["code"]).await.expect(200);
    assert_eq!(
        (tokens.text("/token_type").as_str(), tokens.text("/scope").as_str()),
        ("Bearer", "openid profile email")
    );
    assert_eq!(tokens.body["refresh_token"], Value::Null);

    let (header, claims) = said(&tokens.text("/id_token"));
    let jwks = world.get(&Actor::anonymous(), "/.well-known/jwks.json").await.expect(200).body;
    assert!(verified(&jwks, &tokens.text("/id_token")));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    let user = world.founder(&house.owner).await;
    let digest = Sha256::of(tokens.text("/access_token").as_bytes());
    for (claim, expected) in [
        ("iss", json!("https://rookery.test")),
        ("sub", json!(user)),
        ("aud", json!(house.id())),
        ("azp", json!(house.id())),
        ("nonce", json!("n-0S6")),
        ("amr", json!(["pwd"])),
        ("acr", json!("aal1")),
        ("name", json!("Ada")),
        ("email", json!(EMAIL)),
        ("tenant", json!(house.owner.tenant)),
        ("at_hash", json!(BASE64URL.encode(&digest.as_bytes()[..16]))),
    ] {
        assert_eq!(claims[claim], expected, "{claim}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(claims["auth_time"].as_i64().unwrap() <= claims["iat"].as_i64().unwrap());

    // What the client was not let do, it may not.
    let client = house.holder(&tokens);
    world.get(&client, "/v1/apps").await.expect(403);
    let about = world.get(&client, "/oauth/userinfo").await.expect(200);
    assert_eq!((&about.body["sub"], &about.body["email"]), (&json!(user), &json!(EMAIL)));
    assert!(about.body["email_verified"].is_boolean());
    world.post(&client, "/oauth/userinfo", json!({})).await.expect(200);
    world.get(&Actor::anonymous(), "/oauth/userinfo").await.expect(401);
    world.get(&house.owner, "/oauth/userinfo").await.expect(403);

    // The next time nobody is asked anything.
    let again = came_back(&browser.open(&house.query(&[])).await);
    house.redeem(&again["code"]).await.expect(200);
    // Unless the client asks for more.
    browser.open(&house.query(&[("scope", "openid app.list")])).await.expect(200);
    let stored = world.everything().await.join("\n");
    for secret in
        [&answer["code"], &tokens.text("/access_token"), &browser.cookies.borrow()["__Host-rookery-session"]]
    {
        // What comes before may be: an id, a header, claims.
        assert!(!stored.contains(&secret[secret.len() - 20..]), "{secret} is stored");
    }
}

#[tokio::test]
async fn oidcc_idtoken_signature_es256() {
    let house =
        House::new(json!({"id_token_algorithm": "ES256", "claims": ["roles", "permissions", "groups"]}))
            .await;
    let (_, answer) = house.arrive(&[]).await;
    let tokens = house.redeem(&answer["code"]).await.expect(200);
    let (header, claims) = said(&tokens.text("/id_token"));
    assert_eq!(header["alg"], "ES256");
    let jwks = house.world.get(&Actor::anonymous(), "/.well-known/jwks.json").await.expect(200).body;
    assert!(verified(&jwks, &tokens.text("/id_token")));
    assert_eq!((&claims["roles"], &claims["groups"]), (&json!(["owner"]), &json!([])));
    assert!(claims["permissions"].as_array().unwrap().contains(&json!("app.create")));
    assert!(claims["email"].is_null() && claims["name"].is_null());
    house.world.get(&house.holder(&tokens), "/v1/whoami").await.expect(200);
}

#[tokio::test]
async fn the_error_profile() {
    let house = House::new(json!({})).await;
    let browser = Browser::new(&house.world);
    for (name, changes, error) in [
        ("oidcc-response-type-missing", vec![("response_type", "")], "invalid_request"),
        (
            "oidcc-response-type-unknown",
            vec![("response_type", "code id_token token")],
            "unsupported_response_type",
        ),
        ("oidcc-prompt-none-not-logged-in", vec![("prompt", "none")], "login_required"),
        ("oidcc-prompt-none-and-login", vec![("prompt", "none login")], "invalid_request"),
        (
            "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
            vec![("request", "eyJhbGciOiJub25lIn0.e30.")],
            "request_not_supported",
        ),
        (
            "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
            vec![("request_uri", "https://app.example.com/request.jwt")],
            "request_uri_not_supported",
        ),
        (
            "oidcc-pkce-missing",
            vec![("code_challenge", ""), ("code_challenge_method", "")],
            "invalid_request",
        ),
        ("oidcc-pkce-plain", vec![("code_challenge_method", "plain")], "invalid_request"),
        ("oidcc-scope-none", vec![("scope", "")], "invalid_scope"),
        ("oidcc-max-age-negative", vec![("max_age", "-1")], "invalid_request"),
        ("oidcc-response-mode-fragment", vec![("response_mode", "fragment")], "invalid_request"),
        (
            "oidcc-id-token-hint-foreign",
            vec![("prompt", "none"), ("id_token_hint", "e30.e30.e30")],
            "login_required",
        ),
    ] {
        assert_eq!(told(&house, &browser, &changes).await, error, "{name}");
    }
    // That nobody is logged in is nobody's fault.
    assert_eq!(house.denied("bad_request").await, 10);
    for (name, changes) in [
        ("oidcc-ensure-request-with-unknown-parameter-succeeds", vec![("extra", "foobar")]),
        ("oidcc-ensure-request-with-acr-values-succeeds", vec![("acr_values", "1 2")]),
        ("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", vec![("nonce", "")]),
        ("oidcc-display-page", vec![("display", "page")]),
        ("oidcc-display-popup", vec![("display", "popup")]),
        ("oidcc-ui-locales", vec![("ui_locales", "se")]),
        ("oidcc-claims-locales", vec![("claims_locales", "se")]),
        ("oidcc-login-hint", vec![("login_hint", "bob@example.com")]),
    ] {
        browser.open(&house.query(&changes)).await.expect(200);
        assert!(!name.is_empty());
    }
    let hinted =
        browser.open(&house.query(&[("login_hint", "\"><script>alert(1)</script>")])).await.expect(200);
    assert!(html(&hinted).contains("&lt;script&gt;alert(1)"), "{}", html(&hinted));
    assert!(!html(&hinted).contains("<script>alert"), "{}", html(&hinted));
}

#[tokio::test]
async fn oidcc_ensure_registered_redirect_uri() {
    let house = House::new(json!({})).await;
    let browser = Browser::new(&house.world);
    for (name, address) in [
        ("oidcc-ensure-registered-redirect-uri", "https://app.example.com/cb/foo"),
        ("oidcc-redirect-uri-query-added", "https://app.example.com/cb?x=y"),
        ("oidcc-redirect-uri-query-mismatch", "https://app.example.com/cb?foo=baz"),
        ("oidcc-redirect-uri-regfrag", "https://app.example.com/cb#foobar"),
        ("oidcc-ensure-redirect-uri-in-authorization-request", ""),
        ("a suffix of the host", "https://app.example.com.evil.example/cb"),
        ("another host before it", "https://evil.example/https://app.example.com/cb"),
        ("a user before the host", "https://app.example.com@evil.example/cb"),
        ("a path upwards", "https://app.example.com/cb/../x"),
        ("capitals", "https://APP.example.com/cb"),
        ("a script", "javascript:alert(1)"),
    ] {
        let reply = browser.open(&house.query(&[("redirect_uri", address)])).await.expect(400);
        assert!(reply.headers.get("location").is_none(), "{name}");
        assert!(address.is_empty() || !html(&reply).contains(address), "{name}");
        assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
    }
    assert_eq!(house.denied("redirect_uri").await, 11);
    // oidcc-redirect-uri-query-OK: one that is registered with a query.
    let address = "https://app.example.com/cb?foo=bar";
    let changes = [("redirect_uri", address), ("prompt", "none")];
    let sent = browser.open(&house.query(&changes)).await.expect(303);
    let location = sent.headers["location"].to_str().unwrap();
    assert!(location.starts_with("https://app.example.com/cb?foo=bar&error=login_required"), "{location}");
    for client in ["", "cli_01h455vb4pex5vsknk084sn02q", "dashboard"] {
        browser.open(&house.query(&[("client_id", client)])).await.expect(400);
    }
    let long = "x".repeat(5_000);
    browser.open(&house.query(&[("state", &long)])).await.expect(400);
}
