//! The life of workspaces as a story: a platform whose services fail when they are told to, and the worker's messages.

use rookery_domain::binding::Subject;
use rookery_domain::group::Group;
use rookery_domain::id::{OrganizationId, WorkspaceId};
use rookery_domain::quota::{Holder, Quota};
use rookery_domain::workspace::Step;
use rookery_edge::{Kind, SqsBatchResponse};
use rookery_store::history::{EventRecord, key_of};
use rookery_store::{Slice, Transaction, access, group, node, quota};
use serde_json::{Value, json};

use crate::unreliable::Unreliable;
use crate::world::{Actor, Reply, World, all_routes};

/// A platform, somebody who owns a tenant of it, and that tenant's organization.
pub struct Story {
    /// What fails when it is told to.
    pub cloud: Unreliable,
    /// The platform.
    pub world: World,
    /// Who owns the tenant.
    pub owner: Actor,
    /// The tenant's organization.
    pub organization: String,
}

impl Story {
    /// A platform with a tenant.
    pub async fn new() -> Self {
        let cloud = Unreliable::new().await;
        let world = World::over(&cloud.url, &[]).await;
        let owner = world.sign_up().await;
        let organization = world.get(&owner, "/v1/organizations").await.expect(200).text("/items/0/id");
        Self { cloud, world, owner, organization }
    }

    /// Asks for a workspace.
    pub async fn create(&self, name: &str) -> String {
        let path = format!("/v1/organizations/{}/workspaces", self.organization);
        self.world.post(&self.owner, &path, json!({"name": name})).await.expect(202).text("/id")
    }

    /// Reads a workspace.
    pub async fn read(&self, id: &str) -> Reply {
        self.world.get(&self.owner, &format!("/v1/workspaces/{id}")).await
    }

    /// The state of a workspace.
    pub async fn state(&self, id: &str) -> String {
        self.read(id).await.expect(200).text("/state")
    }

    /// Asks for something to happen to a workspace.
    pub async fn ask(&self, id: &str, verb: &str) -> Reply {
        let path = format!("/v1/workspaces/{id}");
        match verb {
            "delete" => self.world.delete(&self.owner, &path).await,
            "rename" => {
                let name = format!("Renamed {}", self.world.context().now());
                self.world.patch(&self.owner, &path, json!({"name": name})).await
            }
            _ => self.world.post(&self.owner, &format!("{path}/{verb}"), json!({})).await,
        }
    }

    /// The event of a version of something, if it happened.
    pub async fn event(&self, of: &str, version: u64) -> Option<Value> {
        let key = key_of(&self.world.scope(&self.owner), of, version);
        let record: Option<EventRecord> = self.world.table().get(&key).await.expect("a read");
        record.map(|record| serde_json::from_str(&record.detail).expect("an event"))
    }

    /// The actions of what happened to something.
    pub async fn actions(&self, of: &str) -> Vec<String> {
        let mut actions = Vec::new();
        for version in 1..60 {
            if let Some(event) = self.event(of, version).await {
                actions.push(event["action"].as_str().expect("an action").to_owned());
            }
        }
        actions
    }

    /// What the bus delivers of an event of a workspace.
    pub async fn message(&self, id: &str, version: u64) -> String {
        let detail = self.event(id, version).await.expect("an event");
        json!({"source": "rookery", "detail-type": detail["action"], "detail": detail}).to_string()
    }

    /// Hands messages to the worker, for the so-and-so-many-eth time, and answers which of them it reports as failed.
    pub async fn deliver(&self, attempt: u32, bodies: &[String]) -> Vec<String> {
        let route = all_routes().into_iter().find(|route| route.handler == "workspace-worker");
        let Kind::Queue(work) = route.expect("a worker").kind else { panic!("it works through no queue") };
        let attributes = json!({"ApproximateReceiveCount": attempt.to_string()});
        let record = |(at, body): (usize, &String)| json!({"messageId": at.to_string(), "body": body, "attributes": attributes});
        let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
        let batch = serde_json::from_value(json!({"Records": records})).expect("a batch");
        let SqsBatchResponse { batch_item_failures, .. } = work(self.world.context().clone(), batch).await;
        batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Lets the worker deal with a workspace.
    pub async fn settle(&self, id: &str) {
        let message = self.message(id, 1).await;
        assert!(self.deliver(1, &[message]).await.is_empty());
    }

    /// A workspace that is up.
    pub async fn active(&self, name: &str) -> String {
        let id = self.create(name).await;
        self.settle(&id).await;
        assert_eq!(self.state(&id).await, "active");
        id
    }

    /// The organization's groups, the oldest first.
    pub async fn groups(&self) -> Vec<Group> {
        let slice = Slice { limit: 100, oldest_first: true, ..Slice::default() };
        let organization: OrganizationId = self.organization.parse().expect("an id");
        let scope = self.world.scope(&self.owner);
        group::list(self.world.table(), &scope, organization, slice).await.expect("groups").items
    }

    /// A group at the top of the organization's groups.
    pub async fn take_name(&self, name: &str) -> Group {
        let (scope, table) = (self.world.scope(&self.owner), self.world.table());
        let organization: OrganizationId = self.organization.parse().expect("an id");
        let now = self.world.context().now();
        let taken = Group {
            id: self.world.context().new_id(),
            tenant: scope.tenant(),
            organization,
            division: None,
            parent: None,
            name: name.parse().expect("a name"),
            members: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let home = node::lineage(table, &scope, organization.into(), &mut node::Unknown).await;
        let tree = group::tree(table, &scope, organization).await.expect("a tree");
        let mut transaction = Transaction::new();
        let home = home.expect("a read").expect("an organization");
        group::create(&mut transaction, &scope, &taken, &home, tree).expect("items");
        table.commit(&transaction).await.expect("a commit");
        taken
    }

    /// Whether a workspace has counters of quotas.
    pub async fn counters(&self, id: &str) -> bool {
        let holder = Holder::Workspace(id.parse::<WorkspaceId>().expect("an id"));
        let (table, scope) = (self.world.table(), self.world.scope(&self.owner));
        quota::find(table, &scope, holder, Quota::Apps).await.expect("a read").is_some()
    }

    /// Asserts that a workspace has all of what it needs, once.
    pub async fn assert_whole(&self, id: &str) {
        let read = self.read(id).await.expect(200);
        assert_eq!(read.text("/state"), "active");
        assert_eq!(read.body["steps"], json!(Step::ALL));
        assert_eq!(read.body["failure"], Value::Null);
        assert_eq!(
            self.cloud.stored().into_iter().collect::<Vec<_>>(),
            [format!("{}workspace", read.text("/storage_prefix"))]
        );
        assert!(self.counters(id).await);
        let groups = self.groups().await;
        assert_eq!(groups.len(), 3);
        assert!(groups[1].parent == Some(groups[0].id) && groups[2].parent == Some(groups[0].id));
        let scope = self.world.scope(&self.owner);
        for (group, role) in groups.iter().zip(["viewer", "admin", "developer"]) {
            let given = access::find(self.world.table(), &scope, Subject::Group(group.id)).await;
            let grants = given.expect("a read").expect("access").grants;
            assert_eq!(grants.len(), 1, "{} was given one thing", group.name);
            assert_eq!(
                (grants[0].role.to_string().as_str(), grants[0].node.to_string()),
                (role, id.to_owned())
            );
            assert_eq!(self.actions(&group.id.to_string()).await, ["group.create"]);
            assert_eq!(self.actions(&grants[0].binding.to_string()).await, ["binding.create"]);
        }
        assert_eq!(self.actions(id).await.iter().filter(|action| *action == "workspace.activate").count(), 1);
    }

    /// Asserts that nothing is left of what a workspace had.
    pub async fn assert_bare(&self, id: &str) {
        assert!(self.cloud.stored().is_empty(), "{:?}", self.cloud.stored());
        assert!(!self.counters(id).await);
        assert!(self.groups().await.is_empty());
    }
}
