//! A tenant with a client, and a browser to go there with.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::Method;
use rookery_tests::forms::form;
use rookery_tests::world::{Actor, Reply, World, sign_up_body};
use serde_json::{Value, json};

pub(crate) const ADDRESS: &str = "https://app.example.com/cb";
pub(crate) const PASSWORD: &str = "quarrel-Nimbus-47-oxide";
pub(crate) const EMAIL: &str = "ada@example.com";
/// Of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A tenant whose owner can log in, and a client of it.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) owner: Actor,
    pub(crate) client: Value,
}

impl House {
    pub(crate) async fn new(change: Value) -> Self {
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

    pub(crate) fn id(&self) -> &str {
        self.client["id"].as_str().unwrap()
    }

    /// The query of a request that is sound, with changes; an empty value takes a parameter away.
    pub(crate) fn query(&self, changes: &[(&str, &str)]) -> String {
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
    pub(crate) async fn tokens(&self, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("client_id", self.id())];
        all.extend(self.client["secret"].as_str().map(|secret| ("client_secret", secret)));
        all.extend_from_slice(fields);
        self.world.submit("/oauth/token", &all, &[]).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Reply {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", ADDRESS),
            ("code_verifier", VERIFIER),
        ];
        self.tokens(&fields).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.tokens(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub(crate) fn holder(&self, tokens: &Reply) -> Actor {
        Actor { token: Some(tokens.text("/access_token")), tenant: self.owner.tenant.clone() }
    }

    pub(crate) async fn denied(&self, reason: &str) -> usize {
        let events = self.world.events(&self.owner).await;
        events.iter().filter(|event| event["reason"] == reason).count()
    }

    /// Whoever is new to the browser logs in and lets the client in, unless it is let in already, and comes back with this.
    pub(crate) async fn arrive(&self, changes: &[(&str, &str)]) -> (Browser<'_>, BTreeMap<String, String>) {
        let browser = Browser::new(&self.world);
        let page = browser.open(&self.query(changes)).await.expect(200);
        let page = browser.log_in(&page, EMAIL, PASSWORD).await;
        let sent = if page.status == 303 { page } else { browser.press(&page, "allow", &[]).await };
        let answer = came_back(&sent);
        (browser, answer)
    }
}

/// A browser that keeps cookies, and shows pages without running anything.
pub(crate) struct Browser<'a> {
    pub(crate) world: &'a World,
    pub(crate) cookies: RefCell<BTreeMap<String, String>>,
    pub(crate) language: &'static str,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, cookies: RefCell::default(), language: "en" }
    }

    pub(crate) fn header(&self) -> String {
        let pairs: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub(crate) fn keep(&self, reply: Reply) -> Reply {
        for cookie in reply.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            assert!(text.starts_with("__Host-rookery-"), "{text}");
            assert!(text.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    pub(crate) async fn open(&self, query: &str) -> Reply {
        self.visit(&format!("/oauth/authorize?{query}")).await
    }

    /// Follows a link.
    pub(crate) async fn visit(&self, path: &str) -> Reply {
        let cookies = self.header();
        let headers = [("cookie", cookies.as_str()), ("accept-language", self.language)];
        let reply = self.world.call_with(&Actor::anonymous(), Method::GET, path, None, &headers).await;
        self.keep(reply)
    }

    /// Presses a button of a page, with what was typed into it.
    pub(crate) async fn press(&self, page: &Reply, step: &str, typed: &[(&str, &str)]) -> Reply {
        self.press_to("/oauth/interaction", page, step, typed).await
    }

    /// As [`Browser::press`], on a page whose form goes elsewhere.
    pub(crate) async fn press_to(
        &self,
        path: &str,
        page: &Reply,
        step: &str,
        typed: &[(&str, &str)],
    ) -> Reply {
        let hidden = hidden(page);
        let mut fields: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.push(("step", step));
        fields.extend_from_slice(typed);
        let cookies = self.header();
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
        let reply = self.world.submit(path, &fields, &headers).await;
        self.keep(reply)
    }

    pub(crate) async fn log_in(&self, page: &Reply, email: &str, password: &str) -> Reply {
        self.press(page, "login", &[("email", email), ("password", password)]).await
    }
}

pub(crate) fn html(page: &Reply) -> String {
    String::from_utf8(page.bytes.to_vec()).unwrap()
}

/// The hidden fields of a page.
pub(crate) fn hidden(page: &Reply) -> Vec<(String, String)> {
    let text = html(page);
    let tags = text.split("<input type=\"hidden\"").skip(1);
    let field = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next()?.replace("&amp;", "&"))
    };
    tags.map(|tag| (field(tag, "name").unwrap(), field(tag, "value").unwrap())).collect()
}

/// What the browser brings back to the client: the parameters of the address that it is sent to.
pub(crate) fn came_back(reply: &Reply) -> BTreeMap<String, String> {
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
pub(crate) fn said(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let text = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&BASE64URL.decode(text).unwrap()).unwrap()
    };
    (part(0), part(1))
}

pub(crate) fn verified(jwks: &Value, token: &str) -> bool {
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

/// What a request is answered that is told to the client.
pub(crate) async fn told(house: &House, browser: &Browser<'_>, changes: &[(&str, &str)]) -> String {
    let answer = came_back(&browser.open(&house.query(changes)).await);
    assert_eq!(answer["state"], "s t&te");
    assert!(!answer.contains_key("code"));
    answer["error"].clone()
}
