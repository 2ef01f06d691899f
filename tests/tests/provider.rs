//! The platform as a provider of identities, as browsers and clients meet it. The cases of the `OpenID` conformance suite's basic, config,
//! PKCE, refresh and error profiles stand here under the suite's own names.

#![expect(clippy::unwrap_used, reason = "what helps tests fails like them")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::Method;
use rookery_domain::hash::Sha256;
use rookery_tests::forms::form;
use rookery_tests::world::{Actor, Reply, World, sign_up_body};
use serde_json::{Value, json};

const ADDRESS: &str = "https://app.example.com/cb";
const PASSWORD: &str = "quarrel-Nimbus-47-oxide";
const EMAIL: &str = "ada@example.com";
/// Of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A tenant whose owner can log in, and a client of it.
struct House {
    world: World,
    owner: Actor,
    client: Value,
}

impl House {
    async fn new(change: Value) -> Self {
        let world = World::with_kms().await;
        let mut body = sign_up_body("acme");
        body["owner"]["password"] = json!(PASSWORD);
        let reply = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
        let owner = Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") };
        let mut body = json!({
            "name": "Dashboard", "redirect_uris": [ADDRESS, "https://app.example.com/cb?foo=bar"],
            "grants": ["authorization_code", "refresh_token"],
            "scopes": ["openid", "profile", "email", "offline_access", "app.list"],
        });
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        let client = world.post(&owner, "/v1/oauth-clients", body).await.expect(201).body;
        Self { world, owner, client }
    }

    fn id(&self) -> &str {
        self.client["id"].as_str().unwrap()
    }

    /// The query of a request that is sound, with changes; an empty value takes a parameter away.
    fn query(&self, changes: &[(&str, &str)]) -> String {
        let mut fields = BTreeMap::from([
            ("client_id", self.id()),
            ("redirect_uri", ADDRESS),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "s t&te"),
            ("nonce", "n-0S6"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        fields.extend(changes.iter().copied());
        fields.retain(|_, value| !value.is_empty());
        form(&fields.into_iter().collect::<Vec<_>>())
    }

    /// What a client asks the token endpoint, with its secret if it has one.
    async fn tokens(&self, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("client_id", self.id())];
        all.extend(self.client["secret"].as_str().map(|secret| ("client_secret", secret)));
        all.extend_from_slice(fields);
        self.world.submit("/oauth/token", &all, &[]).await
    }

    async fn redeem(&self, code: &str) -> Reply {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", ADDRESS),
            ("code_verifier", VERIFIER),
        ];
        self.tokens(&fields).await
    }

    async fn refresh(&self, token: &str) -> Reply {
        self.tokens(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    fn holder(&self, tokens: &Reply) -> Actor {
        Actor { token: Some(tokens.text("/access_token")), tenant: self.owner.tenant.clone() }
    }

    async fn denied(&self, reason: &str) -> usize {
        let events = self.world.events(&self.owner).await;
        events.iter().filter(|event| event["reason"] == reason).count()
    }

    /// Whoever is new to the browser logs in and lets the client in, and comes back with this.
    async fn arrive(&self, changes: &[(&str, &str)]) -> (Browser<'_>, BTreeMap<String, String>) {
        let browser = Browser::new(&self.world);
        let page = browser.open(&self.query(changes)).await.expect(200);
        let page = browser.log_in(&page, EMAIL, PASSWORD).await.expect(200);
        let sent = browser.press(&page, "allow", &[]).await.expect(303);
        let answer = came_back(&sent);
        (browser, answer)
    }
}

/// A browser that keeps cookies, and shows pages without running anything.
struct Browser<'a> {
    world: &'a World,
    cookies: RefCell<BTreeMap<String, String>>,
    language: &'static str,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, cookies: RefCell::default(), language: "en" }
    }

    fn header(&self) -> String {
        let pairs: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&self, reply: Reply) -> Reply {
        for cookie in reply.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            assert!(text.starts_with("__Host-rookery-"), "{text}");
            assert!(text.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    async fn open(&self, query: &str) -> Reply {
        let (path, cookies) = (format!("/oauth/authorize?{query}"), self.header());
        let headers = [("cookie", cookies.as_str()), ("accept-language", self.language)];
        let reply = self.world.call_with(&Actor::anonymous(), Method::GET, &path, None, &headers).await;
        self.keep(reply)
    }

    /// Presses a button of a page, with what was typed into it.
    async fn press(&self, page: &Reply, step: &str, typed: &[(&str, &str)]) -> Reply {
        let hidden = hidden(page);
        let mut fields: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.push(("step", step));
        fields.extend_from_slice(typed);
        let cookies = self.header();
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
        let reply = self.world.submit("/oauth/interaction", &fields, &headers).await;
        self.keep(reply)
    }

    async fn log_in(&self, page: &Reply, email: &str, password: &str) -> Reply {
        self.press(page, "login", &[("email", email), ("password", password)]).await
    }
}

fn html(page: &Reply) -> String {
    String::from_utf8(page.bytes.to_vec()).unwrap()
}

/// The hidden fields of a page.
fn hidden(page: &Reply) -> Vec<(String, String)> {
    let text = html(page);
    let tags = text.split("<input type=\"hidden\"").skip(1);
    let field = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next()?.replace("&amp;", "&"))
    };
    tags.map(|tag| (field(tag, "name").unwrap(), field(tag, "value").unwrap())).collect()
}

/// What the browser brings back to the client: the parameters of the address that it is sent to.
fn came_back(reply: &Reply) -> BTreeMap<String, String> {
    assert_eq!(reply.status, 303, "{}", html(reply));
    let location = reply.headers["location"].to_str().unwrap();
    let (address, query) = location.split_once('?').unwrap();
    assert_eq!(address, ADDRESS);
    assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    let url = reqwest::Url::parse(&format!("https://x.test/?{query}")).unwrap();
    let answer: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(answer.get("iss").map(String::as_str), Some("https://rookery.test"));
    answer
}

/// What an id token says, whose signature is checked elsewhere with the published keys.
fn said(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let text = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&BASE64URL.decode(text).unwrap()).unwrap()
    };
    (part(0), part(1))
}

fn verified(jwks: &Value, token: &str) -> bool {
    use rookery_domain::token_key::{Algorithm, PublicKey};
    let (header, _) = said(token);
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!(key["alg"], header["alg"]);
    let public: PublicKey = serde_json::from_value(key.clone()).unwrap();
    let algorithm: Algorithm = header["alg"].as_str().unwrap().parse().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let verifier = rookery_store::token_key::Verifier::new(algorithm, &public).unwrap();
    verifier.verify(signed.as_bytes(), &BASE64URL.decode(signature).unwrap())
}

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
    let style = text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::of(style.as_bytes()).as_bytes());
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self' https://app.example.com; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    );
    assert!(
        !text.contains("<script") && !text.contains("style=") && page.headers["cache-control"] == "no-store"
    );

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
        assert!(!stored.contains(secret.rsplit(['_', '.']).next().unwrap()), "{secret} is stored");
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

/// What a request is answered that is told to the client.
async fn told(house: &House, browser: &Browser<'_>, changes: &[(&str, &str)]) -> String {
    let answer = came_back(&browser.open(&house.query(changes)).await);
    assert_eq!(answer["state"], "s t&te");
    assert!(!answer.contains_key("code"));
    answer["error"].clone()
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
    assert!(!html(&hinted).contains("<script"), "{}", html(&hinted));
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

#[tokio::test]
async fn oidcc_codereuse() {
    let house = House::new(json!({})).await;
    let (_, answer) = house.arrive(&[("scope", "openid offline_access")]).await;
    let tokens = house.redeem(&answer["code"]).await.expect(200);
    house.world.get(&house.holder(&tokens), "/v1/whoami").await.expect(200);
    // oidcc-codereuse-30seconds
    house.world.wait(30);
    let again = house.redeem(&answer["code"]).await.expect(400);
    assert_eq!(again.text("/error"), "invalid_grant");
    let refused = house.refresh(&tokens.text("/refresh_token")).await.expect(400);
    assert_eq!(refused.text("/error"), "invalid_grant");
    house.world.wait(20);
    house.world.get(&house.holder(&tokens), "/v1/whoami").await.expect(401);
    assert_eq!(house.denied("code_reused").await, 1);
}

#[tokio::test]
async fn a_code_is_for_one_client_one_address_one_verifier_and_one_minute() {
    let house = House::new(json!({})).await;
    let other = json!({"name": "Other", "redirect_uris": [ADDRESS]});
    let other = house.world.post(&house.owner, "/v1/oauth-clients", other).await.expect(201);
    let (browser, answer) = house.arrive(&[]).await;
    let code = answer["code"].as_str();
    let right = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", ADDRESS),
        ("code_verifier", VERIFIER),
    ];
    let with = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        right.iter().map(|(known, old)| (*known, if *known == name { value } else { *old })).collect()
    };
    for fields in [
        with("code", "ro_none"),
        with("redirect_uri", "https://app.example.com/cb?foo=bar"),
        with("redirect_uri", "https://app.example.com/cb/"),
        with("redirect_uri", ""),
        with("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
        with("code_verifier", CHALLENGE),
        with("code_verifier", ""),
    ] {
        let reply = house.tokens(&fields).await.expect(400);
        assert_eq!(reply.text("/error"), "invalid_grant", "{fields:?}");
    }
    let (id, secret) = (other.text("/id"), other.text("/secret"));
    let mut fields = vec![("client_id", id.as_str()), ("client_secret", secret.as_str())];
    fields.extend(right);
    let reply = house.world.submit("/oauth/token", &fields, &[]).await.expect(400);
    assert_eq!(reply.text("/error"), "invalid_grant");
    assert_eq!(house.denied("wrong_grant").await, 8);
    // None of that cost the client its code.
    house.redeem(code).await.expect(200);
    let late = came_back(&browser.open(&house.query(&[])).await);
    house.world.wait(60);
    house.redeem(&late["code"]).await.expect(400);
}

#[tokio::test]
async fn two_who_come_with_one_code_at_once_end_with_nothing() {
    let house = House::new(json!({})).await;
    let (_, answer) = house.arrive(&[("scope", "openid offline_access")]).await;
    let (left, right) = tokio::join!(house.redeem(&answer["code"]), house.redeem(&answer["code"]));
    let mut answers = [left, right];
    answers.sort_by_key(|reply| reply.status);
    assert_eq!(answers.each_ref().map(|reply| reply.status.as_u16()), [200, 400]);
    house.refresh(&answers[0].text("/refresh_token")).await.expect(400);
}

#[tokio::test]
async fn oidcc_refresh_token() {
    let house = House::new(json!({})).await;
    let (_, answer) = house.arrive(&[("scope", "openid offline_access app.list")]).await;
    let first = house.redeem(&answer["code"]).await.expect(200);
    let (_, before) = said(&first.text("/id_token"));
    house.world.wait(600);
    let second = house.refresh(&first.text("/refresh_token")).await.expect(200);
    assert_ne!(first.text("/refresh_token"), second.text("/refresh_token"));
    let (_, after) = said(&second.text("/id_token"));
    for same in ["iss", "sub", "aud", "azp", "auth_time", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64() && after["nonce"].is_null());
    house.world.get(&house.holder(&second), "/v1/apps").await.expect(200);
    let fields = [
        ("grant_type", "refresh_token"),
        ("scope", "openid"),
        ("refresh_token", &second.text("/refresh_token")),
    ];
    let narrow = house.tokens(&fields).await.expect(200);
    house.world.get(&house.holder(&narrow), "/v1/apps").await.expect(403);
    let fields = [
        ("grant_type", "refresh_token"),
        ("scope", "openid email"),
        ("refresh_token", &narrow.text("/refresh_token")),
    ];
    assert_eq!(house.tokens(&fields).await.expect(400).text("/error"), "invalid_scope");

    // It is the client's alone: neither the platform's own login nor another client gets anything for it.
    let third = house.refresh(&narrow.text("/refresh_token")).await;
    let third = if third.status == 200 { third } else { panic!("{}", third.body) };
    let token = third.text("/refresh_token");
    let body = json!({"refresh_token": token});
    house.world.post(&Actor::anonymous(), "/v1/auth/refresh", body).await.expect(401);
    let other = json!({"name": "Other", "redirect_uris": [ADDRESS], "grants": ["authorization_code", "refresh_token"]});
    let other = house.world.post(&house.owner, "/v1/oauth-clients", other).await.expect(201);
    let (id, secret) = (other.text("/id"), other.text("/secret"));
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("client_id", &id),
        ("client_secret", &secret),
    ];
    house.world.submit("/oauth/token", &fields, &[]).await.expect(400);
    house.refresh(&token).await.expect(200);
    // One of before ends it.
    house.world.wait(11);
    house.refresh(&first.text("/refresh_token")).await.expect(400);
    assert_eq!(house.denied("token_reused").await, 1);
}

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
async fn a_public_client_and_one_without_pkce() {
    let house = House::new(json!({"kind": "public"})).await;
    let (_, answer) = house.arrive(&[]).await;
    house.redeem(&answer["code"]).await.expect(200);
    let house = House::new(json!({"require_pkce": false})).await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let (_, answer) = house.arrive(&none).await;
    let fields = [("grant_type", "authorization_code"), ("code", &answer["code"]), ("redirect_uri", ADDRESS)];
    house.tokens(&fields).await.expect(200);
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
