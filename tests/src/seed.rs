//! Applications, packages and secrets as their routes would have made them with S3 and KMS, which a [`World`] does not have:
//! keys, signatures and sealed values here open nothing.

use rookery_domain::app::{Ancestors, App, AppKey, SigningKey};
use rookery_domain::binding::Subject;
use rookery_domain::event::{Actor as Author, ActorKind};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::key::{ApiKey, KeyOwner, Scopes, Token};
use rookery_domain::node::NodeId;
use rookery_domain::package::{FileSize, Manifest, ManifestFile, Package, Signature, Split};
use rookery_domain::properties::Metadata;
use rookery_domain::secret::Secret;
use rookery_store::access::{self, Access};
use rookery_store::app::StoredSigningKey;
use rookery_store::seal::Sealed;
use rookery_store::{
    Table, TenantScope, Transaction, app, channel, credential, file, node, package, project, secret,
};
use serde_json::json;

use crate::world::{Actor, World};

impl World {
    /// The table.
    pub fn table(&self) -> &Table {
        self.context().table().expect("the table is configured")
    }

    /// The scope of an actor's tenant.
    pub fn scope(&self, actor: &Actor) -> TenantScope {
        TenantScope::founding(actor.tenant.parse().expect("a tenant's id"))
    }

    /// What the tenant was founded with: organization, workspace and project.
    pub async fn tree(&self, owner: &Actor) -> Ancestors {
        let found = project::default(self.table(), &self.scope(owner)).await.expect("a read");
        found.expect("a project").ancestors
    }

    /// A place in the tree without the thing that it is the place of.
    pub async fn seed_place(&self, owner: &Actor, place: impl Into<NodeId>, parent: impl Into<NodeId>) {
        let scope = self.scope(owner);
        let parent = node::lineage(self.table(), &scope, parent.into(), &mut node::Unknown).await;
        let mut transaction = Transaction::new();
        let parent = parent.expect("a read").expect("a place");
        node::create(&mut transaction, &scope, place, &parent).expect("an item");
        self.table().commit(&transaction).await.expect("a commit");
    }

    /// A person of the tenant's first organization who has no role, acting through a personal key without limits.
    pub async fn seed_person(&self, owner: &Actor) -> (UserId, Actor) {
        let (scope, user): (_, UserId) = (self.scope(owner), self.context().new_id());
        self.seed_place(owner, user, self.tree(owner).await.organization).await;
        let mut transaction = Transaction::new();
        access::create(&mut transaction, &scope, Subject::User(user), &Access::default()).expect("an item");
        let token = Token::new(self.context().new_id(), self.context().random());
        let now = self.context().now();
        let key = ApiKey {
            id: token.id,
            tenant: scope.tenant(),
            owner: KeyOwner::User(user),
            name: "default".parse().expect("a name"),
            scopes: Scopes::All,
            addresses: Vec::new(),
            expires_at: None,
            revoked_at: None,
            previous_until: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        credential::create(&mut transaction, &scope, &key, token.digest()).expect("an item");
        let person = node::lineage(self.table(), &scope, user.into(), &mut node::Unknown).await;
        let person = person.expect("a read").expect("a place");
        node::attach(&mut transaction, &scope, token.id, &person).expect("an item");
        self.table().commit(&transaction).await.expect("a commit");
        (user, Actor { token: Some(token.reveal()), tenant: owner.tenant.clone() })
    }

    /// A group below another one, with these members, in the tenant's first organization.
    pub async fn seed_group(&self, owner: &Actor, above: Option<GroupId>, members: &[UserId]) -> GroupId {
        let (scope, group): (_, GroupId) = (self.scope(owner), self.context().new_id());
        self.seed_place(owner, group, self.tree(owner).await.organization).await;
        let mut transaction = Transaction::new();
        let access = Access { groups: above.into_iter().collect(), ..Access::default() };
        access::create(&mut transaction, &scope, Subject::Group(group), &access).expect("an item");
        for member in members.iter().copied().map(Subject::User) {
            let found = access::find(self.table(), &scope, member).await.expect("a read");
            let mut found = found.expect("a person");
            found.groups.push(group);
            access::replace(&mut transaction, &scope, member, &found).expect("an item");
        }
        self.table().commit(&transaction).await.expect("a commit");
        group
    }

    /// An application for iOS and Android, in the project that signing up made.
    pub async fn seed_app(&self, owner: &Actor, name: &str) -> App {
        let found = project::default(self.table(), &self.scope(owner)).await.expect("a read");
        self.seed_app_in(owner, name, &found.expect("a project").id.to_string()).await
    }

    /// As [`World::seed_app`], in another project.
    pub async fn seed_app_in(&self, owner: &Actor, name: &str, project: &str) -> App {
        let scope = self.scope(owner);
        let id = project.parse().expect("a project's id");
        let home = project::find(self.table(), &scope, id).await.expect("a read");
        let (id, now) = (self.context().new_id(), self.context().now());
        let public = SigningKey {
            id: "0123456789abcdef".to_owned(),
            algorithm: "ed25519".to_owned(),
            public_key: String::new(),
            public_key_pem: String::new(),
            created_at: now,
        };
        let app = App {
            id,
            ancestors: home.expect("a project").ancestors,
            name: name.parse().expect("a name"),
            platforms: vec!["ios".parse().expect("a platform"), "android".parse().expect("a platform")],
            app_key: AppKey::from_random(u128::from_be_bytes(self.context().random())),
            signing_keys: vec![public.clone()],
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let key = StoredSigningKey { public, private: sealed() };
        let mut transaction = Transaction::new();
        app::create(&mut transaction, &scope, &app, &[key]).expect("an item");
        channel::open_app(&mut transaction, &scope, &app).expect("an item");
        self.table().commit(&transaction).await.expect("a commit");
        app
    }

    /// A package of an application, with these texts at these paths. The first is its index.
    pub async fn seed_package(
        &self,
        owner: &Actor,
        app: &App,
        version: &str,
        files: &[(&str, &str)],
    ) -> Package {
        let (package, transaction) = self.new_package(owner, app, version, files);
        self.table().commit(&transaction).await.expect("a commit");
        package
    }

    /// As [`World::seed_package`], not committed yet.
    pub fn new_package(
        &self,
        owner: &Actor,
        app: &App,
        version: &str,
        files: &[(&str, &str)],
    ) -> (Package, Transaction) {
        let (scope, now) = (self.scope(owner), self.context().now());
        let listed = files
            .iter()
            .map(|(path, text)| ManifestFile {
                path: path.parse().expect("a path"),
                sha256: Sha256::of(text.as_bytes()),
                size: FileSize::new(text.len() as u64).expect("a size"),
                split: Split::Important,
            })
            .collect();
        let (version, index) = (version.parse().expect("a version"), files[0].0.parse().expect("a path"));
        let manifest =
            Manifest::new(app.id, version, index, listed, Metadata::default()).expect("a manifest");
        let signature = Signature {
            algorithm: "ed25519".to_owned(),
            key_id: app.signing_keys[0].id.clone(),
            value: String::new(),
        };
        let author = Author::new(ActorKind::System, "seed");
        let package = Package::new(self.context().new_id(), app, &manifest, signature, now, author);
        let mut transaction = Transaction::new();
        package::create(&mut transaction, &scope, &package, &manifest).expect("items");
        for (sha256, size) in manifest.contents() {
            file::create(&mut transaction, &scope, sha256, size, now).expect("an item");
        }
        (package, transaction)
    }

    /// A secret of an application.
    pub async fn seed_secret(&self, owner: &Actor, app: &App, name: &str) -> Secret {
        let name = name.parse().expect("a name");
        let secret = Secret::new(self.context().new_id(), app.id, name, self.context().now());
        let mut transaction = Transaction::new();
        secret::create(&mut transaction, &self.scope(owner), &secret, sealed()).expect("items");
        self.table().commit(&transaction).await.expect("a commit");
        secret
    }
}

/// A sealed value that opens nothing.
pub fn sealed() -> Sealed {
    serde_json::from_value(json!({"nonce": "", "ciphertext": ""})).expect("the form of a sealed value")
}
