//! One of every thing that a path can name, in a [`World`], and bodies that fit the operations.

use http::Method;
use rookery_domain::hash::Sha256;
use serde_json::{Map, Value, json};

use crate::fuzz::Operation;
use crate::world::{Actor, Reply, World};

/// The ids of one tenant, by the names that placeholders have in paths.
#[derive(Debug)]
pub struct Ids(pub Map<String, Value>);

impl Ids {
    /// One of each kind, made for this owner.
    pub async fn of(world: &World, owner: &Actor) -> Self {
        let app = world.seed_app(owner, "Hello").await;
        let text = format!("the start page of {}", app.id);
        let package = world.seed_package(owner, &app, "1.0.0", &[("index.html", &text)]).await.id;
        let secret = world.seed_secret(owner, &app, "TOKEN").await;
        let body = json!({"package_id": package, "channel": "production", "rollout_bp": 5000});
        let release = world.post(owner, &format!("/v1/apps/{}/releases", app.id), body).await.expect(201);
        let organization = world.post(owner, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
        let path = format!("/v1/organizations/{}/divisions", organization.text("/id"));
        let division = world.post(owner, &path, json!({"name": "North", "code": "N"})).await.expect(201);
        let key = world.post(owner, "/v1/api-keys", json!({"name": "k", "scopes": ["*"]})).await.expect(201);
        let body = json!({"name": "Pilot", "permissions": ["app.read"]});
        let role = world.post(owner, "/v1/roles", body).await.expect(201);
        let body = json!({
            "name": "Company", "kind": "oidc", "issuer": "https://id.invalid", "client_id": "rookery",
            "mail_domains": ["example.com"],
        });
        let provider = world.post(owner, "/v1/identity-providers", body).await.expect(201);
        let bindings = world.get(owner, "/v1/bindings").await.expect(200);
        // Of the organization that the founder belongs to, so that the founder can be a member.
        let path = format!("/v1/organizations/{}/groups", world.home(owner).await);
        let group = world.post(owner, &path, json!({"name": "Pilots"})).await.expect(201);
        let email = format!("guest-of-{}@example.com", owner.tenant);
        let invitation = world.post(owner, "/v1/invitations", json!({"email": email})).await.expect(201);
        let people = world.get(owner, "/v1/users").await.expect(200);
        let path = format!("/v1/groups/{}/members", group.text("/id"));
        world.post(owner, &path, json!({"user_id": people.text("/items/0/id")})).await.expect(201);
        let body = json!({"name": "Dashboard", "redirect_uris": ["https://dashboard.example.com/cb"]});
        let client = world.post(owner, "/v1/oauth-clients", body).await.expect(201);
        world.seed_consent(owner, &client.text("/id")).await;
        // What a directory sent; it comes last, so that the founder stays the first of the people above.
        let sent = json!({"userName": format!("sent-to-{}@example.com", owner.tenant), "externalId": "e1"});
        let sent = world.post(owner, "/scim/v2/Users", sent).await.expect(201);
        let crew =
            json!({"displayName": "Crew", "externalId": "e2", "members": [{"value": sent.text("/id")}]});
        world.post(owner, "/scim/v2/Groups", crew).await.expect(201);
        let service = json!({"name": "robot", "scopes": ["*"], "owner_id": owner.tenant});
        let service = world.post(owner, "/v1/api-keys", service).await.expect(201);
        let trust = world.post(owner, "/v1/workload-trusts", trust(&service.body["id"])).await.expect(201);
        Self(Map::from_iter([
            ("trust".to_owned(), json!(trust.text("/id"))),
            ("service_key".to_owned(), service.body["id"].clone()),
            ("client".to_owned(), json!(client.text("/id"))),
            ("resource_type".to_owned(), json!("User")),
            ("schema".to_owned(), json!("urn:ietf:params:scim:schemas:core:2.0:User")),
            ("endpoint".to_owned(), json!("Widgets")),
            ("tenant".to_owned(), json!(owner.tenant)),
            ("session".to_owned(), json!(world.seed_session(owner).await)),
            ("passkey".to_owned(), json!(world.seed_passkey(owner).await)),
            ("provider".to_owned(), json!(provider.text("/id"))),
            ("role".to_owned(), json!(role.text("/id"))),
            ("binding".to_owned(), json!(bindings.text("/items/0/id"))),
            ("subject".to_owned(), json!(bindings.text("/items/0/subject_id"))),
            ("node".to_owned(), json!(owner.tenant)),
            ("group".to_owned(), json!(group.text("/id"))),
            ("invitation".to_owned(), json!(invitation.text("/id"))),
            ("user".to_owned(), json!(people.text("/items/0/id"))),
            ("app".to_owned(), json!(app.id)),
            ("app_key".to_owned(), json!(app.app_key)),
            ("sha256".to_owned(), json!(Sha256::of(text.as_bytes()))),
            ("package".to_owned(), json!(package)),
            ("secret".to_owned(), json!(secret.id)),
            ("release".to_owned(), json!(release.text("/id"))),
            ("organization".to_owned(), json!(organization.text("/id"))),
            ("division".to_owned(), json!(division.text("/id"))),
            ("workspace".to_owned(), json!(app.ancestors.workspace)),
            ("project".to_owned(), json!(app.ancestors.project)),
            ("key".to_owned(), json!(key.text("/id"))),
        ]))
    }

    /// The path of an operation with these ids; `None` where it names something that no tenant owns.
    pub fn path(&self, operation: &Operation) -> Option<String> {
        let mut path = operation.path.clone();
        for (name, id) in &self.0 {
            path = path.replace(&format!("{{{name}}}"), id.as_str()?);
        }
        (!path.contains('{')).then_some(path)
    }

    /// Whether an answer holds any of them.
    pub fn appear_in(&self, reply: &Reply, path: &str) -> bool {
        // What the caller sent comes back as the problem's instance, which says nothing that was not known.
        let said = reply.body.to_string().replace(path, "");
        self.0.values().filter_map(Value::as_str).any(|id| said.contains(id))
    }
}

fn trust(service_key: &Value) -> Value {
    json!({
        "name": "Other", "issuer": "https://ci.example.com", "audience": "rookery", "service_key_id": service_key,
        "conditions": [{"claim": "repository", "equals": "other/app"}],
    })
}

/// A body that passes an operation's own checks, so that what is refused is refused for whom it is from.
pub fn body_for(operation: &Operation, ids: &Ids) -> Option<Value> {
    let description = &operation.description;
    if description["requestBody"].is_null() {
        return None;
    }
    let path = operation.path.as_str();
    if path.starts_with("/scim/") {
        let renaming = json!({"op": "replace", "path": "displayName", "value": "Renamed"});
        return Some(match operation.method {
            Method::PATCH => json!({"Operations": [renaming]}),
            _ => json!({"displayName": "Renamed", "userName": "renamed@example.com"}),
        });
    }
    Some(match path.rsplit('/').next().unwrap_or_default() {
        "organizations" | "projects" | "workspaces" | "groups" => json!({"name": "Other"}),
        "divisions" => json!({"name": "Other", "code": "OTHER"}),
        "move" => json!({"parent_id": null}),
        "oauth-clients" => json!({"name": "Other", "redirect_uris": ["https://other.example.com/cb"]}),
        "workload-trusts" => trust(&ids.0["service_key"]),
        "api-keys" => json!({"name": "Other", "scopes": ["app.read"]}),
        "apps" => json!({"name": "Other", "platforms": ["web"]}),
        "uploads" => {
            json!({"files": [{"path": "a", "size": 1, "sha256": "0".repeat(64)}]})
        }
        "packages" => {
            let file = json!({"path": "a", "sha256": "0".repeat(64), "split": "important"});
            json!({"version": "9.9.9", "index": "a", "files": [file], "metadata": {}})
        }
        "secrets" => json!({"name": "OTHER", "value": "v"}),
        "roles" => json!({"name": "Other", "permissions": ["app.read"]}),
        "bindings" => {
            json!({"subject_id": ids.0["subject"], "role": ids.0["role"], "node_id": ids.0["organization"]})
        }
        "check" => json!({"checks": [{
            "permission": "app.read", "resource_id": ids.0["app"], "principal_id": ids.0["subject"],
        }]}),
        "verify" if path.starts_with("/v1/identity-providers/") => json!({}),
        "versions" | "verify" => json!({"value": "v"}),
        "channels" => json!({"name": "beta"}),
        "releases" => json!({"package_id": ids.0["package"], "channel": "production"}),
        "ramp" => json!({"rollout_bp": 9000}),
        "members" => json!({"user_id": ids.0["user"]}),
        "identity-providers" => json!({"name": "Other", "kind": "google", "client_id": "other"}),
        "finish" => json!({"token": "none"}),
        "{provider}" => json!({"name": "Renamed"}),
        "invitations" => json!({"email": "other@example.com"}),
        "reset" if path.starts_with("/v1/users/") => json!({"reason": "because"}),
        "impersonate" => json!({"reason": "because", "minutes": 5}),
        "refresh" => json!({"refresh_token": "none"}),
        "login" => json!({"tenant": "none", "email": "nobody@example.com", "password": "none"}),
        "{passkey}" if operation.method == Method::DELETE => json!({}),
        "{organization}" | "{division}" | "{workspace}" | "{project}" | "{app}" | "{role}" | "{key}"
        | "{group}" | "{passkey}" | "{user}" | "{client}" | "{trust}" => {
            json!({"name": "Renamed"})
        }
        _ => json!({}),
    })
}
