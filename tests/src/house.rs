//! A tenant whose people log in by an identity provider of their own, which each test runs.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::unreliable::Unreliable;
use crate::upstream::{CLIENT, SECRET, Upstream};
use crate::world::{Actor, Reply, World, sign_up_body};

/// The founder's password.
pub const PASSWORD: &str = "tulip-94-Gravel-moth";

/// A tenant with a provider that vouches for `example.com`.
pub struct House {
    /// The platform.
    pub world: World,
    /// The provider.
    pub upstream: Upstream,
    /// Whoever founded the tenant.
    pub owner: Actor,
    /// The id of what the tenant keeps of the provider.
    pub provider: String,
    _office: Unreliable,
}

/// A browser, which keeps one cookie.
#[derive(Debug, Default, Clone)]
pub struct Browser(pub Option<String>);

impl House {
    /// One where people are made, and whose founder has the address `founder@example.com` and a password.
    pub async fn new() -> Self {
        Self::at("https://rookery.test").await
    }

    /// One whose platform is known at this address.
    pub async fn at(public: &str) -> Self {
        let (office, upstream) = (Unreliable::new().await, Upstream::new().await);
        let resolver = format!("{}/resolve", upstream.url);
        let variables = [
            ("SIGNUPS_PER_HOUR", "1000"),
            ("LOOPBACK_PROVIDERS", "allowed"),
            ("DNS_OVER_HTTPS_URL", resolver.as_str()),
            ("PUBLIC_URL", public),
        ];
        let world = World::over(&office.url, &variables).await;
        let context = world.context().clone();
        upstream.runs_by(move || context.now());
        let mut body = sign_up_body("a-nest");
        body["owner"] = json!({"email": "founder@example.com", "name": "Founder", "password": PASSWORD});
        let founded = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
        let owner =
            Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") };
        let mut house = Self { world, upstream, owner, provider: String::new(), _office: office };
        let organization = house.world.home(&house.owner).await;
        house.provider = house.trust(json!({"organization_id": organization})).await;
        house
    }

    /// Trusts the provider, and shows that its domain is the tenant's own.
    pub async fn trust(&self, with: Value) -> String {
        let mut body = json!({
            "name": "Company", "kind": "oidc", "issuer": self.upstream.url, "client_id": CLIENT,
            "client_secret": SECRET, "mail_domains": ["Example.com"],
        });
        for (name, value) in with.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let made = self.world.post(&self.owner, "/v1/identity-providers", body).await.expect(201);
        let (record, value) =
            (made.text("/mail_domains/0/record"), made.text("/mail_domains/0/record_value"));
        self.upstream.set().records.insert(record, value);
        let id = made.text("/id");
        self.verify(&id).await.expect(200);
        id
    }

    /// Asks for the proof of the domains to be looked up.
    pub async fn verify(&self, id: &str) -> Reply {
        self.world.post(&self.owner, &format!("/v1/identity-providers/{id}/verify"), json!({})).await
    }

    /// Opens a page of the platform.
    pub async fn ask(&self, browser: &Browser, path: &str) -> Reply {
        let cookie = browser.0.clone().unwrap_or_default();
        self.world.call_with(&Actor::anonymous(), Method::GET, path, None, &[("cookie", &cookie)]).await
    }

    /// Goes to the provider and comes to the point of being sent back: answers the address.
    pub async fn go(&self, browser: &mut Browser, with: &str) -> String {
        let path = format!("/v1/auth/federated/{}/start?tenant=a-nest{with}", self.provider);
        let started = self.ask(browser, &path).await.expect(303);
        let cookie = started.headers["set-cookie"].to_str().expect("a cookie");
        browser.0 = cookie.split(';').next().map(str::to_owned);
        self.upstream.consent(started.headers["location"].to_str().expect("an address"))
    }

    /// Logs in with a browser of its own.
    pub async fn come(&self) -> Reply {
        let mut browser = Browser::default();
        let back = self.go(&mut browser, "").await;
        self.ask(&browser, &back).await
    }

    /// Ends a login that needs more than the provider.
    pub async fn finish(&self, browser: &Browser, actor: &Actor, body: Value) -> Reply {
        let path = format!("/v1/auth/federated/{}/finish", self.provider);
        let cookie = browser.0.clone().unwrap_or_default();
        self.world.call_with(actor, Method::POST, &path, Some(&body), &[("cookie", &cookie)]).await
    }

    /// Lets the provider say something of whoever comes.
    pub fn says(&self, claim: &str, value: Value) {
        self.upstream.set().claims.insert(claim.to_owned(), value);
    }

    /// The reasons for which logins were denied, in the order of time.
    pub async fn reasons(&self) -> Vec<String> {
        let events = self.world.events(&self.owner).await;
        let denied =
            events.iter().filter(|event| event["action"] == "session.begin" && event["outcome"] == "denied");
        denied.map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What was done, and how often.
    pub async fn actions(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for event in self.world.events(&self.owner).await {
            if event["outcome"] == "allowed" {
                *counts.entry(event["action"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// Whoever got these tokens.
    pub fn holder(&self, tokens: &Reply) -> Actor {
        Actor { token: Some(tokens.text("/access_token")), tenant: self.owner.tenant.clone() }
    }

    /// Trusts another provider, which is not asked for anything.
    pub async fn trust_another(&self) -> String {
        let body = json!({"name": "Second", "kind": "google", "client_id": CLIENT});
        self.world.post(&self.owner, "/v1/identity-providers", body).await.expect(201).text("/id")
    }
}
