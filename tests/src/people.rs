//! People and what is given to them, for stories about groups, people and rights.

use rookery_domain::binding::{Grant, Subject};
use rookery_domain::consent::Consent;
use rookery_domain::id::{BindingId, InvitationId, PasskeyId, SessionId};
use rookery_domain::invitation::InvitationToken;
use rookery_domain::oauth_client::{Scope, ScopeWord};
use rookery_domain::passkey::{Passkey, Standing};
use rookery_domain::session::{Method, Proof, RefreshToken, Seen, Session};
use rookery_store::{Transaction, Variable, access, consent, factor, invitation, session};
use serde_json::{Value, json};

use crate::world::{Actor, Reply, TABLE, World, database};

/// Somebody who was invited and came.
#[derive(Debug, Clone)]
pub struct Person {
    /// The person's id.
    pub id: String,
    /// The person as one who acts.
    pub actor: Actor,
}

impl World {
    /// The id of the tenant's first organization.
    pub async fn home(&self, owner: &Actor) -> String {
        let organizations = self.get(owner, "/v1/organizations").await.expect(200);
        let items = organizations.body["items"].as_array().expect("items").clone();
        items.last().and_then(|item| item["id"].as_str()).expect("an organization").to_owned()
    }

    /// The id of the person who founded a tenant.
    pub async fn founder(&self, owner: &Actor) -> String {
        let people = self.get(owner, "/v1/users").await.expect(200);
        let items = people.body["items"].as_array().expect("items").clone();
        items.last().and_then(|item| item["id"].as_str()).expect("a person").to_owned()
    }

    /// A link of an invitation, as the worker makes one before it sends the mail.
    pub async fn link(&self, owner: &Actor, id: &str) -> String {
        let (scope, table) = (self.scope(owner), self.context().table().expect("a table"));
        let id: InvitationId = id.parse().expect("an invitation's id");
        let found = invitation::find(table, &scope, id).await.expect("an answer").expect("an invitation");
        let token = InvitationToken::new(id, self.context().random());
        let mut transaction = Transaction::new();
        invitation::put_link(&mut transaction, &scope, &found, token.digest()).expect("a write");
        table.commit(&transaction).await.expect("it commits");
        token.reveal()
    }

    /// Accepts an invitation by its link.
    pub async fn accept(&self, token: &str) -> Reply {
        self.post(&Actor::anonymous(), "/v1/invitations/accept", json!({"token": token})).await
    }

    /// Somebody who is invited, with what else the invitation says, and comes.
    pub async fn person_with(&self, owner: &Actor, email: &str, with: Value) -> Person {
        let mut body = json!({"email": email});
        for (field, value) in with.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        let invited = self.post(owner, "/v1/invitations", body).await.expect(201);
        let token = self.link(owner, &invited.text("/id")).await;
        let accepted = self.accept(&token).await.expect(201);
        let actor = Actor { token: Some(accepted.text("/api_key/secret")), tenant: owner.tenant.clone() };
        Person { id: accepted.text("/user/id"), actor }
    }

    /// Somebody who is invited to nothing in particular, and comes.
    pub async fn person(&self, owner: &Actor, email: &str) -> Person {
        self.person_with(owner, email, json!({})).await
    }

    /// Gives a role to a person or a group somewhere: the part of a binding that decides.
    pub async fn give(&self, owner: &Actor, subject: &str, role: &str, node: &str) {
        let (scope, table) = (self.scope(owner), self.context().table().expect("a table"));
        let subject: Subject = subject.parse().expect("a subject");
        let mut access = access::find(table, &scope, subject).await.expect("an answer").expect("a subject");
        access.grants.push(Grant {
            binding: self.context().new_id::<BindingId>(),
            role: role.parse().expect("a role"),
            node: node.parse().expect("a place"),
            starts_at: None,
            expires_at: None,
            condition: None,
        });
        let mut transaction = Transaction::new();
        access::replace(&mut transaction, &scope, subject, &access).expect("a write");
        table.commit(&transaction).await.expect("it commits");
        self.wait(20);
    }

    /// A session of the tenant's founder, as logging in makes one but for its tokens.
    pub async fn seed_session(&self, owner: &Actor) -> SessionId {
        self.seed_session_of(owner, &self.founder(owner).await).await
    }

    /// As [`World::seed_session`], of any person.
    pub async fn seed_session_of(&self, owner: &Actor, user: &str) -> SessionId {
        let user = user.parse().expect("a person");
        let (scope, now) = (self.scope(owner), self.context().now());
        let proof = Proof::by(Method::Password, now);
        let of = (scope.tenant(), user);
        let session = Session::begin(self.context().new_id(), of, proof, Seen::default(), now);
        let token = RefreshToken::first(session.id, self.context().random());
        let mut transaction = Transaction::new();
        session::create(&mut transaction, &scope, &session, Some(&token)).expect("items");
        self.context().table().expect("a table").commit(&transaction).await.expect("it commits");
        session.id
    }

    /// That the tenant's founder lets a client do something.
    pub async fn seed_consent(&self, owner: &Actor, client: &str) {
        let user = self.founder(owner).await.parse().expect("a person");
        let (scope, now) = (self.scope(owner), self.context().now());
        let let_in = Scope([ScopeWord::Openid].into());
        let consent = Consent::to(client.parse().expect("a client"), now).extended_on_device(&let_in, now);
        let mut transaction = Transaction::new();
        consent::put(&mut transaction, &scope, user, &consent).expect("an item");
        self.context().table().expect("a table").commit(&transaction).await.expect("it commits");
    }

    /// A passkey of the tenant's founder, which no device has.
    pub async fn seed_passkey(&self, owner: &Actor) -> PasskeyId {
        let user = self.founder(owner).await.parse().expect("a person");
        let (scope, table) = (self.scope(owner), self.context().table().expect("a table"));
        let id: PasskeyId = self.context().new_id();
        let passkey = Passkey {
            id,
            name: "Phone".parse().expect("a name"),
            credential: id.to_string().into_bytes().into(),
            key: Vec::new().into(),
            standing: Standing { counter: 0, synced: true, backed_up: true },
            transports: Vec::new(),
            created_at: self.context().now(),
            last_used_at: None,
            version: 1,
        };
        let before = factor::find(table, &scope, user).await.expect("factors");
        let after = before.with_passkey(passkey, None).expect("room");
        let mut transaction = Transaction::new();
        factor::put(&mut transaction, &scope, user, &before, &after).expect("items");
        table.commit(&transaction).await.expect("it commits");
        id
    }

    /// A group of an organization.
    pub async fn group(&self, owner: &Actor, organization: &str, name: &str, parent: Option<&str>) -> String {
        let path = format!("/v1/organizations/{organization}/groups");
        let made = self.post(owner, &path, json!({"name": name, "parent_id": parent})).await.expect(201);
        made.text("/id")
    }
}

/// Everything that the table holds, for stories about what must not be in it. (No function of the platform may read so.)
impl World {
    /// Every item of the table, as text.
    pub async fn everything(&self) -> Vec<String> {
        let endpoint = self.context().settings().get(Variable::Endpoint).expect("an endpoint");
        let items = database(endpoint).scan().table_name(TABLE).into_paginator().items().send();
        let items = items.collect::<Result<Vec<_>, _>>().await.expect("items");
        items.iter().map(|item| format!("{item:?}")).collect()
    }
}
