//! A tenant on the deployed stack whose people log in.

use serde_json::{Value, json};

use crate::stack::{Stack, eventually};
use crate::world::{Actor, Reply, sign_up_body};

/// Everybody's password.
pub const PASSWORD: &str = "quarrel-Nimbus-47-oxide";

/// A tenant of a test's own.
#[derive(Debug, Clone)]
pub struct Home {
    /// What people call it when they log in.
    pub slug: String,
    /// A key of its founder's, `ada@example.com`, that may do everything.
    pub owner: Actor,
    /// The organization that it began with.
    pub organization: String,
}

impl Home {
    /// Founds one.
    pub async fn found(stack: &Stack, name: &str) -> Self {
        let slug = format!("{name}-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
        let mut body = sign_up_body(&slug);
        body["owner"]["password"] = json!(PASSWORD);
        let reply = stack.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
        let owner = Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") };
        let organizations = stack.get(&owner, "/v1/organizations").await.expect(200);
        Self { slug, owner, organization: organizations.text("/items/0/id") }
    }

    /// What somebody sends to log in.
    pub fn credentials(&self, email: &str) -> Value {
        json!({"tenant": self.slug, "email": email, "password": PASSWORD})
    }

    /// Invites somebody, who comes and can log in. Answers the address.
    pub async fn invite(&self, stack: &Stack, name: &str) -> String {
        let email = format!("{name}@{}.example", self.slug);
        stack.post(&self.owner, "/v1/invitations", json!({"email": email})).await.expect(201);
        let token = eventually("the invitation", || async {
            let mails = stack.mails(&email).await;
            let link = mails.first().and_then(|mail| mail.split_once('#')?.1.split_whitespace().next());
            link.map(str::to_owned).ok_or_else(|| format!("{mails:?}"))
        })
        .await;
        let body = json!({"token": token, "password": PASSWORD});
        stack.post(&Actor::anonymous(), "/v1/invitations/accept", body).await.expect(201);
        email
    }

    /// Logs somebody in.
    pub async fn log_in(&self, stack: &Stack, email: &str) -> Reply {
        let body = self.credentials(email);
        // Whatever meets the stack at the same time comes from the same address, and its guesses make this one wait.
        eventually("a login that need not wait", || async {
            let reply = stack.post(&Actor::anonymous(), "/v1/auth/login", body.clone()).await;
            if reply.status == 429 { Err("too many guesses from this address".to_owned()) } else { Ok(reply) }
        })
        .await
        .expect(200)
    }

    /// Whoever holds the tokens that a login answered.
    pub fn holder(&self, tokens: &Reply) -> Actor {
        Actor { token: Some(tokens.text("/access_token")), tenant: self.owner.tenant.clone() }
    }

    /// Registers a client with what a test asks for beside its name. Answers what a script is given of it.
    pub async fn client(&self, stack: &Stack, redirect_uri: &str, more: Value) -> Value {
        let mut body = json!({"name": "Dashboard", "redirect_uris": [redirect_uri]});
        let fields = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().expect("an object").extend(fields);
        let made = stack.post(&self.owner, "/v1/oauth-clients", body).await.expect(201);
        json!({"id": made.body["id"], "secret": made.body["secret"], "redirect_uri": redirect_uri})
    }

    /// Registers a client without a secret that runs on devices. Answers what a script is given of it.
    pub async fn device_client(&self, stack: &Stack, name: &str) -> Value {
        let body = json!({
            "name": name,
            "kind": "public",
            "redirect_uris": [],
            "grants": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
            "scopes": ["openid", "offline_access"],
        });
        let made = stack.post(&self.owner, "/v1/oauth-clients", body).await.expect(201);
        json!({"id": made.body["id"], "name": name})
    }

    /// A service key that may do something in the organization.
    pub async fn service_key(&self, stack: &Stack, permissions: &[&str]) -> String {
        let role = json!({"name": "Service", "permissions": permissions});
        let role = stack.post(&self.owner, "/v1/roles", role).await.expect(201).text("/id");
        let key = json!({"name": "service", "scopes": permissions, "owner_id": self.organization});
        let key = stack.post(&self.owner, "/v1/api-keys", key).await.expect(201).text("/id");
        let binding = json!({"subject_id": key, "role": role, "node_id": self.organization});
        stack.post(&self.owner, "/v1/bindings", binding).await.expect(201);
        key
    }
}
