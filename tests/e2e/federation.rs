//! Logging in to the deployed stack by another provider: `oidc-provider-mock` from `PyPI`, which knows nothing of the platform.

use http::Method;
use rookery_tests::counterpart::{Running, python};
use rookery_tests::forms::form;
use rookery_tests::home::{Home, PASSWORD};
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::{Actor, Reply};
use serde_json::{Value, json};

/// A tenant with a provider of its own.
struct Company {
    stack: Stack,
    home: Home,
    issuer: String,
    provider: Reply,
    group: String,
    _running: Running,
}

/// Somebody who comes back from the provider.
struct Back {
    callback: String,
    cookie: String,
}

impl Company {
    async fn found() -> Self {
        let stack = Stack::connect();
        let home = Home::found(&stack, "company").await;
        let running = Running::start(python("upstream.py"), &json!({}));
        let issuer = running.ready["issuer"].as_str().expect("an issuer").to_owned();
        let (path, body) =
            (format!("/v1/organizations/{}/groups", home.organization), json!({"name": "Developers"}));
        let group = stack.post(&home.owner, &path, body).await.expect(201).text("/id");
        let provider = json!({
            "name": "Acme",
            "kind": "oidc",
            "issuer": issuer,
            "client_id": "rookery",
            "client_secret": "s%cret:& +/=é",
            "mail_domains": [format!("{}.example", home.slug)],
            "organization_id": home.organization,
            "group_claim": "groups",
            "groups": [{"value": "developers", "group_id": group}],
        });
        let provider = stack.post(&home.owner, "/v1/identity-providers", provider).await.expect(201);
        Self { stack, home, issuer, provider, group, _running: running }
    }

    fn mail(&self, name: &str) -> String {
        format!("{name}@{}.example", self.home.slug)
    }

    /// Shows that the mail domain is the tenant's own.
    async fn verify(&self) {
        let (name, value) = (
            self.provider.text("/mail_domains/0/record"),
            self.provider.text("/mail_domains/0/record_value"),
        );
        let url = format!("{}/_local/dns/{name}", self.stack.base_url());
        let written = self.stack.client().put(url).body(value).send().await.expect("an answer");
        assert_eq!(written.status(), 204);
        let path = format!("/v1/identity-providers/{}/verify", self.provider.text("/id"));
        let verified = self.stack.post(&self.home.owner, &path, json!({})).await.expect(200);
        assert!(verified.body["mail_domains"][0]["verified_at"].is_string(), "{}", verified.body);
    }

    /// Says who somebody is there.
    async fn know(&self, subject: &str, claims: Value) {
        let url = format!("{}/users/{subject}", self.issuer);
        let request = self.stack.client().put(url).header("content-type", "application/json");
        let answer = request.body(claims.to_string()).send().await.expect("the provider answers");
        assert_eq!(answer.status(), 204);
    }

    /// Sends somebody to the provider, who logs in there and is sent back.
    async fn go(&self, subject: &str) -> Back {
        let path =
            format!("/v1/auth/federated/{}/start?tenant={}", self.provider.text("/id"), self.home.slug);
        let started = self.stack.get(&Actor::anonymous(), &path).await.expect(303);
        let header = |name: &str| started.headers[name].to_str().expect("a text").to_owned();
        let cookie = header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let request = self.stack.client().post(header("location"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form(&[("sub", subject)])).send().await.expect("the provider answers");
        let location = answer.headers().get("location").expect("the way back").to_str().expect("a text");
        Back { callback: location.to_owned(), cookie }
    }

    async fn land(&self, back: &Back) -> Reply {
        let headers = [("cookie", back.cookie.as_str())];
        self.stack.call_with(&Actor::anonymous(), Method::GET, &back.callback, None, &headers).await
    }

    async fn come(&self, subject: &str) -> Reply {
        let back = self.go(subject).await;
        self.land(&back).await
    }

    async fn members(&self) -> Vec<Value> {
        let path = format!("/v1/groups/{}/members", self.group);
        let listed = self.stack.get(&self.home.owner, &path).await.expect(200);
        listed.body["items"].as_array().expect("items").clone()
    }
}

#[tokio::test]
async fn people_come_by_the_provider_of_their_company() {
    let company = Company::found().await;
    let (stack, home) = (&company.stack, &company.home);
    let eve = company.mail("eve");
    let claims =
        json!({"email": eve, "email_verified": true, "name": "Eve", "groups": ["developers", "others"]});
    company.know("e1", claims).await;
    company.come("e1").await.expect(401);
    company.verify().await;

    // Whoever comes for the first time is made, with the groups that the provider says.
    let back = company.go("e1").await;
    company.land(&Back { cookie: "rookery-login=x".to_owned(), ..back }).await.expect(401);
    let back = company.go("e1").await;
    let tokens = company.land(&back).await.expect(200);
    company.land(&back).await.expect(401);
    let me = stack.get(&home.holder(&tokens), "/v1/me").await.expect(200);
    assert_eq!((me.text("/email"), me.text("/name")), (eve.clone(), "Eve".to_owned()));
    let members = company.members().await;
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(members[0]["user_id"], me.body["id"], "{members:?}");

    // Who is known is known by the name there, and leaves the groups that are not named any more.
    company.know("e1", json!({"email": company.mail("eve2"), "email_verified": true, "groups": []})).await;
    let again = company.come("e1").await.expect(200);
    assert_eq!(again.text("/user_id"), me.text("/id"));
    eventually("the group is left", || async {
        let members = company.members().await;
        if members.is_empty() { Ok(()) } else { Err(format!("{members:?}")) }
    })
    .await;

    // Addresses that nobody vouches for let nobody in.
    company.know("m1", json!({"email": company.mail("mallory"), "email_verified": false})).await;
    company.come("m1").await.expect(401);
    company.know("m2", json!({"email": "mallory@elsewhere.example", "email_verified": true})).await;
    company.come("m2").await.expect(401);
    let path = "/v1/audit/events?action=session.begin&outcome=denied";
    eventually("the entries", || async {
        let listed = stack.get(&home.owner, path).await.expect(200);
        let reasons: Vec<&Value> =
            listed.body["items"].as_array().expect("items").iter().map(|entry| &entry["reason"]).collect();
        let mails = reasons.iter().filter(|reason| **reason == "provider_mail").count();
        if mails == 3 && reasons.contains(&&json!("provider_state")) {
            Ok(())
        } else {
            Err(format!("{reasons:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_that_was_there_is_joined_by_its_owner_alone() {
    let company = Company::found().await;
    let (stack, home) = (&company.stack, &company.home);
    company.verify().await;
    let bob = home.invite(stack, "bob").await;
    company.know("b1", json!({"email": bob, "email_verified": true})).await;
    let back = company.go("b1").await;
    let waiting = company.land(&back).await.expect(202);
    assert_eq!(waiting.text("/step"), "link");
    let path = format!("/v1/auth/federated/{}/finish", company.provider.text("/id"));
    let finish = async |password: &str| {
        let body = json!({"token": waiting.text("/token"), "password": password});
        let headers = [("cookie", back.cookie.as_str())];
        stack.call_with(&Actor::anonymous(), Method::POST, &path, Some(&body), &headers).await
    };
    finish("not the one").await.expect(401);
    let tokens = finish(PASSWORD).await.expect(200);
    let me = stack.get(&home.holder(&tokens), "/v1/me").await.expect(200);
    assert_eq!(me.text("/email"), bob);
    // From now on the provider's word is enough.
    assert_eq!(company.come("b1").await.expect(200).text("/user_id"), me.text("/id"));
}
