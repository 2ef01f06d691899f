//! A tenant with a tree in it: divisions, projects, and people who have roles there.

use rookery_domain::binding::{Grant, Subject};
use rookery_domain::id::UserId;
use rookery_domain::key::{ApiKey, KeyOwner, Scopes, Token};
use rookery_domain::node::NodeId;
use rookery_domain::role::{Predefined, RoleRef};
use rookery_store::access::{self, Access};
use rookery_store::history::{EventRecord, key_of};
use rookery_store::{Transaction, credential, node, project};
use serde_json::{Value, json};

use crate::world::{Actor, Reply, World};

/// A tenant with its owner, and where divisions and projects are made in it.
pub struct Place {
    /// Where it is.
    pub world: World,
    /// Who may do everything.
    pub owner: Actor,
    /// The id of the organization that signing up made.
    pub organization: String,
    /// The id of the workspace that signing up made.
    pub workspace: String,
}

impl Place {
    /// A tenant in a world of its own.
    pub async fn new() -> Self {
        Self::in_world(World::new().await).await
    }

    /// A tenant in a world.
    pub async fn in_world(world: World) -> Self {
        let owner = world.sign_up().await;
        let first =
            project::default(world.table(), &world.scope(&owner)).await.expect("a read").expect("a project");
        let (organization, workspace) =
            (first.ancestors.organization.to_string(), first.ancestors.workspace.to_string());
        Self { world, owner, organization, workspace }
    }

    /// Asks for a division. Its code is its name.
    pub async fn ask_division(&self, who: &Actor, name: &str, parent: Option<&str>) -> Reply {
        let path = format!("/v1/organizations/{}/divisions", self.organization);
        self.world.post(who, &path, json!({"name": name, "code": name, "parent_id": parent})).await
    }

    /// Makes a division; answers its id.
    pub async fn division(&self, name: &str, parent: Option<&str>) -> String {
        self.ask_division(&self.owner, name, parent).await.expect(201).text("/id")
    }

    /// Divisions below each other, the first below `parent`.
    pub async fn chain(&self, names: &[&str], parent: Option<&str>) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for name in names {
            let id = self.division(name, ids.last().map(String::as_str).or(parent)).await;
            ids.push(id);
        }
        ids
    }

    /// Moves a division.
    pub async fn move_division(&self, who: &Actor, id: &str, parent: Option<&str>) -> Reply {
        let path = format!("/v1/divisions/{id}/move");
        self.world.post(who, &path, json!({"parent_id": parent})).await
    }

    /// Asks for a project.
    pub async fn ask_project(&self, name: &str, parent: Option<&str>) -> Reply {
        let path = format!("/v1/workspaces/{}/projects", self.workspace);
        self.world.post(&self.owner, &path, json!({"name": name, "parent_id": parent})).await
    }

    /// Moves a project.
    pub async fn move_project(&self, id: &str, parent: Option<&str>) -> Reply {
        let path = format!("/v1/projects/{id}/move");
        self.world.post(&self.owner, &path, json!({"parent_id": parent})).await
    }

    /// What a division is directly below, as it is answered.
    pub async fn parent_of(&self, division: &str) -> Value {
        let read = self.world.get(&self.owner, &format!("/v1/divisions/{division}")).await.expect(200);
        read.body["parent_id"].clone()
    }

    /// The actions of what happened to something, oldest first.
    pub async fn history(&self, id: &str) -> Vec<String> {
        let mut actions = Vec::new();
        for version in 1.. {
            let key = key_of(&self.world.scope(&self.owner), id, version);
            let Some(record) = self.world.table().get::<EventRecord>(&key).await.expect("a read") else {
                break;
            };
            actions.push(record.action);
        }
        actions
    }

    /// A person with a personal key and these roles, and nothing else.
    pub async fn person(&self, roles: &[(Predefined, &str)]) -> Actor {
        let (scope, context) = (self.world.scope(&self.owner), self.world.context());
        let user: UserId = context.new_id();
        let grants = roles.iter().map(|(role, node)| Grant {
            binding: context.new_id(),
            role: RoleRef::Predefined(*role),
            node: node.parse().expect("an id"),
            starts_at: None,
            expires_at: None,
            condition: None,
        });
        let access = Access { grants: grants.collect(), ..Access::default() };
        let token = Token::new(context.new_id(), context.random());
        let key = ApiKey {
            id: token.id,
            tenant: scope.tenant(),
            owner: KeyOwner::User(user),
            name: "personal".parse().expect("a name"),
            scopes: Scopes::All,
            addresses: Vec::new(),
            expires_at: None,
            revoked_at: None,
            previous_until: None,
            version: 1,
            created_at: context.now(),
            updated_at: context.now(),
        };
        let home: NodeId = self.organization.parse().expect("an id");
        let home = context.lineage(&scope, home).await.expect("a read").expect("a place");
        let mut transaction = Transaction::new();
        access::create(&mut transaction, &scope, Subject::User(user), &access).expect("an item");
        node::create(&mut transaction, &scope, user, &home).expect("an item");
        credential::create(&mut transaction, &scope, &key, token.digest()).expect("an item");
        node::attach(&mut transaction, &scope, key.id, &home).expect("an item");
        self.world.table().commit(&transaction).await.expect("a commit");
        Actor { token: Some(token.reveal()), tenant: self.owner.tenant.clone() }
    }
}

/// The names of what a list holds.
pub fn names(list: &Reply) -> Vec<&str> {
    let items = list.body["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["name"].as_str()).collect()
}
