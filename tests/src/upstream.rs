//! An identity provider on this machine: discovery, keys that it signs with, codes that are good once with their verifier, and a switch
//! for each thing that can be wrong. Beside it the text records of DNS over HTTPS, and what of GitHub is asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use http::{HeaderMap, StatusCode, Uri, header};
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::token_key::{Algorithm, PublicKey, TokenKey, at_once};
use rookery_store::token_key::Signer;
use serde_json::{Value, json};

/// The client that the platform is here.
pub const CLIENT: &str = "rookery";
/// Its secret, with what has to be encoded.
pub const SECRET: &str = "s%cret:& +/=é";

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// The provider, with its published key.
    Own,
    /// Nobody: `alg` is `none`.
    None,
    /// Whoever knows the public key: `HS256` with it.
    PublicKey,
    /// A key that nobody published, under the name of one that was.
    Stranger,
}

/// How the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// Later than anybody waits.
    Slow,
    /// With more than anybody reads.
    Huge,
    /// That it is elsewhere.
    Elsewhere,
}

/// What somebody was asked to consent to.
#[derive(Debug, Clone)]
struct Asked {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

/// The provider, as a test sets it.
pub struct Inner {
    /// What its tokens say besides what they have to; `null` leaves a claim out.
    pub claims: BTreeMap<String, Value>,
    /// What the headers of its tokens say besides.
    pub header: BTreeMap<String, Value>,
    /// Who signs.
    pub signature: Signature,
    /// How it answers about tokens.
    pub mood: Mood,
    /// What it says in discovery besides.
    pub described: BTreeMap<String, Value>,
    /// What it tells of somebody apart from the token.
    pub userinfo: Value,
    /// Text records.
    pub records: HashMap<String, String>,
    /// Mail addresses at GitHub.
    pub emails: Value,
    /// How often its keys were read.
    pub keys_read: u32,
    /// How often it was asked for a token.
    pub exchanged: u32,
    keys: Vec<(Signer, TokenKey)>,
    asked: HashMap<String, Asked>,
    now: Box<dyn Fn() -> Timestamp + Send>,
    url: String,
}

/// A provider that runs until it is dropped.
pub struct Upstream {
    /// Its issuer.
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn key(algorithm: Algorithm) -> (Signer, TokenKey) {
    Signer::fleeting(at_once(&[], algorithm, Timestamp::UNIX_EPOCH)).expect("a key")
}

type Shared = State<Arc<Mutex<Inner>>>;

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream {
    /// A provider where all is well, and whose clock is that of a world once there is one.
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Inner {
            claims: BTreeMap::new(),
            header: BTreeMap::new(),
            signature: Signature::Own,
            mood: Mood::Well,
            described: BTreeMap::new(),
            userinfo: Value::Null,
            records: HashMap::new(),
            emails: json!([]),
            keys_read: 0,
            exchanged: 0,
            keys: vec![key(Algorithm::Rs256)],
            asked: HashMap::new(),
            now: Box::new(Timestamp::now),
            url: url.clone(),
        };
        let inner = Arc::new(Mutex::new(inner));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/login/oauth/access_token", post(token))
            .route(
                "/api/v3/user",
                get(|| async { Json(json!({"id": 583_231, "login": "octocat", "name": null})) }),
            )
            .route("/api/v3/user/emails", get(emails))
            .route("/resolve", get(resolve))
            .with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, inner, server }
    }

    /// The provider's switches.
    pub fn set(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Sets its clock.
    pub fn runs_by(&self, now: impl Fn() -> Timestamp + Send + 'static) {
        self.set().now = Box::new(now);
    }

    /// Signs with another key from now on, which alone is published.
    pub fn rotate(&self, algorithm: Algorithm) {
        self.set().keys = vec![key(algorithm)];
    }

    /// Somebody consents to what the platform asks: answers the path and query that the browser is sent back to.
    pub fn consent(&self, location: &str) -> String {
        let uri: Uri = location.parse().expect("an address");
        let Query(asked) = Query::<HashMap<String, String>>::try_from_uri(&uri).expect("a query");
        assert_eq!(
            (asked["response_type"].as_str(), asked["code_challenge_method"].as_str()),
            ("code", "S256")
        );
        assert_eq!(asked["client_id"], CLIENT);
        let code = format!("code-{}", self.set().asked.len());
        let known = Asked {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        let uri: Uri = known.redirect_uri.parse().expect("an address");
        self.set().asked.insert(code.clone(), known);
        format!("{}?code={code}&state={}", uri.path(), asked["state"])
    }
}

async fn describe(State(inner): Shared) -> Json<Value> {
    let inner = lock(&inner);
    let url = &inner.url;
    let mut described = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/keys"),
        "scopes_supported": ["openid", "groups"],
    });
    for (name, value) in &inner.described {
        described[name] = value.clone();
    }
    Json(described)
}

async fn keys(State(inner): Shared) -> Json<Value> {
    let mut inner = lock(&inner);
    inner.keys_read += 1;
    let published = inner.keys.iter().map(|(_, key)| {
        let mut jwk = serde_json::to_value(&key.public).expect("a key");
        jwk["kid"] = json!(key.kid);
        jwk["use"] = json!("sig");
        jwk
    });
    // What nobody can use stands beside what counts.
    let others = [json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), json!({"kty": "oct", "k": "AA"})];
    Json(json!({"keys": published.chain(others).collect::<Vec<_>>()}))
}

async fn token(State(inner): Shared, headers: HeaderMap, request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), 65_536).await.expect("a body");
    let uri: Uri = format!("/?{}", String::from_utf8_lossy(&body)).parse().expect("a form");
    let Query(form) = Query::<HashMap<String, String>>::try_from_uri(&uri).expect("a form");
    let mood = lock(&inner).mood;
    match mood {
        Mood::Well => {}
        Mood::Slow => tokio::time::sleep(Duration::from_secs(8)).await,
        Mood::Huge => return Json(json!({"id_token": "x".repeat(300 * 1024)})).into_response(),
        Mood::Elsewhere => {
            let there = lock(&inner).url.clone() + "/userinfo";
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, there)]).into_response();
        }
    }
    let mut inner = lock(&inner);
    inner.exchanged += 1;
    // A code is good once, for whoever has its verifier.
    let asked = form.get("code").and_then(|code| inner.asked.remove(code));
    let verified = asked.filter(|asked| {
        let verifier = form.get("code_verifier").map(String::as_str).unwrap_or_default();
        asked.challenge == BASE64URL.encode(Sha256::of(verifier.as_bytes()).as_bytes())
            && form.get("redirect_uri") == Some(&asked.redirect_uri)
    });
    let Some(asked) = verified.filter(|_| is_client(&headers, &form)) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let token = inner.sign(&asked.nonce);
    Json(json!({"access_token": "opaque", "token_type": "Bearer", "id_token": token})).into_response()
}

fn is_client(headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    if form.get("client_secret").is_some_and(|secret| secret == SECRET) {
        return form.get("client_id").is_some_and(|id| id == CLIENT);
    }
    let basic = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let decoded = basic.and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
    String::from_utf8_lossy(&decoded) == "rookery:s%25cret%3A%26%20%2B%2F%3D%C3%A9"
}

impl Inner {
    fn sign(&self, nonce: &str) -> String {
        let now = (self.now)().as_second();
        let (signer, key) = self.keys.first().expect("a key");
        let mut header = json!({"typ": "JWT", "alg": signer.algorithm.as_str(), "kid": key.kid});
        let mut claims = json!({
            "iss": self.url, "aud": CLIENT, "sub": "ada-there", "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
        });
        match self.signature {
            Signature::None => header["alg"] = json!("none"),
            Signature::PublicKey => header["alg"] = json!("HS256"),
            Signature::Own | Signature::Stranger => {}
        }
        for (to, with) in [(&mut header, &self.header), (&mut claims, &self.claims)] {
            let fields = to.as_object_mut().expect("an object");
            fields.extend(with.iter().map(|(name, value)| (name.clone(), value.clone())));
            fields.retain(|_, value| !value.is_null());
        }
        let text = [header, claims].map(|part| BASE64URL.encode(part.to_string())).join(".");
        let signature = match (self.signature, &key.public) {
            (Signature::Own, _) => signer.sign(text.as_bytes()).expect("a signature"),
            (Signature::None, _) => Vec::new(),
            (Signature::PublicKey, PublicKey::Rsa { n: public, .. } | PublicKey::Ec { x: public, .. }) => {
                hmac(public.as_bytes(), text.as_bytes())
            }
            (Signature::Stranger, _) => {
                let (stranger, _) = self::key(signer.algorithm);
                stranger.sign(text.as_bytes()).expect("a signature")
            }
        };
        format!("{text}.{}", BASE64URL.encode(signature))
    }
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    let secret = if secret.len() > 64 { Sha256::of(secret).as_bytes().to_vec() } else { secret.to_vec() };
    block[..secret.len()].copy_from_slice(&secret);
    let inner = Sha256::of_parts(&[&block.map(|byte| byte ^ 0x36), message]);
    Sha256::of_parts(&[&block.map(|byte| byte ^ 0x5c), inner.as_bytes()]).as_bytes().to_vec()
}

async fn userinfo(State(inner): Shared, headers: HeaderMap) -> Response {
    let inner = lock(&inner);
    if headers.get("authorization").is_none_or(|value| value != "Bearer opaque") || inner.userinfo.is_null() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(inner.userinfo.clone()).into_response()
}

async fn emails(State(inner): Shared) -> Json<Value> {
    Json(lock(&inner).emails.clone())
}

async fn resolve(State(inner): Shared, Query(asked): Query<HashMap<String, String>>) -> Json<Value> {
    let inner = lock(&inner);
    let found = inner.records.get(&asked["name"]).filter(|_| asked["type"] == "TXT");
    let answer = found.map(|data| json!({"name": asked["name"], "type": 16, "data": format!("\"{data}\"")}));
    Json(
        json!({"Status": if answer.is_some() { 0 } else { 3 }, "Answer": answer.into_iter().collect::<Vec<_>>()}),
    )
}
