//! `0001-tree`: before it, a tenant had no places and no bindings; every key could do in the whole tenant what its scopes said.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rookery_domain::account::{Account, TenantState};
use rookery_domain::app::Ancestors;
use rookery_domain::binding::{Binding, Grant, Subject};
use rookery_domain::id::{
    AppId, BindingId, Id as _, KeyId, OrganizationId, ProjectId, TenantId, UserId, WorkspaceId,
};
use rookery_domain::key::KeyOwner;
use rookery_domain::node::{NodeId, NodeState};
use rookery_domain::package::FileSize;
use rookery_domain::quota::{Holder, Quota};
use rookery_domain::role::{Predefined, RoleRef};
use rookery_domain::text::{Name, Slug};
use serde::{Deserialize, Serialize};

use super::MigrationError;
use crate::node::{self, Node};
use crate::{
    Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction, access, account, binding,
    project, quota, user, workspace,
};

/// Most deletions of one transaction.
const TOGETHER: usize = 50;

macro_rules! stored {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {$(
        /// As much of a record as its place in the tree takes.
        #[derive(Debug, Serialize, Deserialize)]
        struct $name {$($field: $type,)*}

        impl Record for $name {
            const KIND: &'static str = stringify!($name);
            const SCHEMA: u32 = u32::MAX;
        }
    )*};
}

stored! {
    Organization { id: OrganizationId }
    Workspace { id: WorkspaceId, organization: OrganizationId }
    Project { id: ProjectId, ancestors: Ancestors }
    App { id: AppId, ancestors: Ancestors }
    User { id: UserId, created_at: Timestamp }
    ApiKey { id: KeyId, owner: KeyOwner, revoked_at: Option<Timestamp> }
    File { size: FileSize }
    Sort { sk: String }
    Tenant { id: TenantId, name: Name, slug: Slug, created_at: Timestamp }
}

/// How many packages and secrets an application has, as it was counted before the tree did.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    #[serde(default)]
    packages: i64,
    #[serde(default)]
    secrets: i64,
}

impl Record for Contents {
    const KIND: &'static str = "contents";
}

fn contents(scope: &TenantScope, app: AppId) -> Key {
    scope.partition(&[&app.to_string(), "contents"]).only()
}

/// Places a tenant that has no place yet. Its own place is written last: without it, nobody of the tenant may do anything, so that
/// nothing is made while the rest is counted.
pub(super) async fn up(table: &Table, scope: &TenantScope) -> Result<u64, MigrationError> {
    let tenant: NodeId = scope.tenant().into();
    let entered = enter(table, scope).await?;
    if node::find(table, scope, tenant).await?.is_some() {
        return Ok(entered);
    }
    let all = |kind: &'static str| scope.partition(&[kind]);
    let organizations: Vec<Organization> = table.list_all(&all("organization")).await?;
    let workspaces: Vec<Workspace> = table.list_all(&all("workspace")).await?;
    let projects: Vec<Project> = table.list_all(&all("project")).await?;
    let apps: Vec<App> = table.list_all(&all("app")).await?;
    let users: Vec<User> = table.list_all(&all("user")).await?;
    let keys: Vec<ApiKey> = table.list_all(&all("key")).await?;
    // Whoever was there before belongs to the organization that the tenant was founded with, the oldest.
    let Some(home) = organizations.iter().map(|organization| organization.id).min() else {
        return Ok(entered);
    };

    let mut places: BTreeMap<NodeId, (Vec<NodeId>, i64)> = BTreeMap::new();
    for organization in &organizations {
        places.insert(organization.id.into(), (vec![tenant], 0));
    }
    for workspace in &workspaces {
        places.insert(workspace.id.into(), (vec![workspace.organization.into(), tenant], 0));
    }
    for project in &projects {
        let Ancestors { workspace, organization, .. } = project.ancestors;
        places.insert(project.id.into(), (vec![workspace.into(), organization.into(), tenant], 0));
    }
    for user in &users {
        places.insert(user.id.into(), (vec![home.into(), tenant], 0));
    }
    for app in &apps {
        let above = app.ancestors.project_place().below();
        let held: Contents = table.get(&contents(scope, app.id)).await?.unwrap_or_default();
        places.insert(app.id.into(), (above, held.packages + held.secrets));
    }
    let parents: Vec<NodeId> = places.values().filter_map(|(above, _)| above.first().copied()).collect();
    for parent in parents {
        if let Some((_, children)) = places.get_mut(&parent) {
            *children += 1;
        }
    }
    // Keys keep nothing from being deleted.
    for key in &keys {
        let owner = key.owner.node();
        let above = places.get(&owner).map(|(above, _)| above.clone()).unwrap_or_default();
        places.insert(key.id.into(), ([vec![owner], above].concat(), 0));
    }

    let mut changed = entered;
    changed += count(table, scope, &workspaces, (users.len(), &apps, &keys), &places).await?;
    for (id, (above, children)) in places {
        changed += ensure(table, scope, id, above, children).await?;
    }
    changed += own(table, scope, tenant, &users).await?;
    changed += user::complete(table, scope, home).await?;
    changed += workspace::complete(table, scope).await?;
    changed += project::complete(table, scope).await?;
    for app in &apps {
        let mut transaction = Transaction::new();
        transaction.remove(&contents(scope, app.id));
        table.commit(&transaction).await?;
        changed += 1;
    }
    let organizations = i64::try_from(organizations.len()).unwrap_or(i64::MAX);
    Ok(changed + ensure(table, scope, tenant, Vec::new(), organizations).await?)
}

/// Writes the counters of quotas with what there is: nothing is made meanwhile, for nobody may do anything yet. Contents belong to the
/// tenant as a whole; they are counted in its oldest workspace, which was the only one.
async fn count(
    table: &Table,
    scope: &TenantScope,
    workspaces: &[Workspace],
    (people, apps, keys): (usize, &[App], &[ApiKey]),
    places: &BTreeMap<NodeId, (Vec<NodeId>, i64)>,
) -> Result<u64, StoreError> {
    let files: Vec<File> = table.list_all(&scope.partition(&["file"])).await?;
    let bytes: u64 = files.iter().map(|file| file.size.bytes()).sum();
    let valid: Vec<&ApiKey> = keys.iter().filter(|key| key.revoked_at.is_none()).collect();
    let amount = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
    let used = BTreeMap::from([
        (Quota::Apps, amount(apps.len())),
        (Quota::Members, amount(people)),
        (Quota::Keys, amount(valid.len())),
        (Quota::StoredBytes, bytes),
    ]);
    let mut changed = quota::complete(table, scope, Holder::Tenant, &used).await?;
    let oldest = workspaces.iter().map(|workspace| workspace.id).min();
    for workspace in workspaces {
        let place = NodeId::from(workspace.id);
        let within =
            |key: &&&ApiKey| places.get(&key.id.into()).is_some_and(|(above, _)| above.contains(&place));
        let used = BTreeMap::from([
            (Quota::Apps, amount(apps.iter().filter(|app| app.ancestors.workspace == workspace.id).count())),
            (Quota::Keys, amount(valid.iter().filter(within).count())),
            (Quota::StoredBytes, if oldest == Some(workspace.id) { bytes } else { 0 }),
        ]);
        changed += quota::complete(table, scope, Holder::Workspace(workspace.id), &used).await?;
    }
    Ok(changed)
}

/// Enters the tenant into the directory of tenants, unless it is there.
async fn enter(table: &Table, scope: &TenantScope) -> Result<u64, StoreError> {
    let key = scope.partition(&["tenant"]).item(scope.tenant());
    let Some(tenant) = table.get::<Tenant>(&key).await? else { return Ok(0) };
    let account = Account::new(tenant.id, tenant.slug, tenant.name, tenant.created_at);
    Ok(u64::from(account::ensure(table, &account).await?))
}

/// Writes a place unless it is there.
async fn ensure(
    table: &Table,
    scope: &TenantScope,
    id: NodeId,
    above: Vec<NodeId>,
    children: i64,
) -> Result<u64, StoreError> {
    let parent = above.first().copied();
    let node = Node { parent, above, state: NodeState::Active, children, moves: 0, grown: 0 };
    written(table.create(&node::key(scope, id), &node, Refusal::Repeated).await)
}

fn written(outcome: Result<(), StoreError>) -> Result<u64, StoreError> {
    match outcome {
        Ok(()) => Ok(1),
        Err(StoreError::Refused(_)) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Gives the whole tenant to those who were in it: before, all of them could do everything.
async fn own(table: &Table, scope: &TenantScope, tenant: NodeId, users: &[User]) -> Result<u64, StoreError> {
    let mut changed = 0;
    let mut owners = access::Owners { version: 1, ..access::Owners::default() };
    for user in users {
        let ownership = Binding {
            tenant: scope.tenant(),
            subject: Subject::User(user.id),
            grant: Grant {
                // The bits of the person's id, so that the same binding is made however often this runs.
                binding: BindingId::from_uuid(user.id.uuid()),
                role: RoleRef::Predefined(Predefined::Owner),
                node: tenant,
                starts_at: None,
                expires_at: None,
                condition: None,
            },
            version: 1,
            created_at: user.created_at,
        };
        let mut transaction = Transaction::new();
        binding::create(&mut transaction, scope, &ownership)?;
        let given = access::Access { grants: vec![ownership.grant.clone()], ..access::Access::default() };
        access::create(&mut transaction, scope, ownership.subject, &given)?;
        changed += 4 * written(table.commit(&transaction).await)?;
        changed += ensure(table, scope, ownership.id().into(), vec![tenant], 0).await?;
        owners.users.insert(user.id);
    }
    Ok(changed + written(table.create(&access::owners_key(scope), &owners, Refusal::Repeated).await)?)
}

/// Takes a tenant's places and bindings away again, and counts what applications hold as it was counted before.
pub(super) async fn down(table: &Table, scope: &TenantScope) -> Result<u64, MigrationError> {
    let nodes: Vec<Sort> = table.list_all(&scope.partition(&["node"])).await?;
    let nodes: Vec<NodeId> = nodes.iter().filter_map(|sort| sort.sk.parse().ok()).collect();
    let unknown = |node: &NodeId| match node {
        NodeId::Division(_) => Some("divisions"),
        NodeId::Group(_) => Some("groups"),
        NodeId::Role(_) => Some("roles of its own"),
        NodeId::Invitation(_) => Some("invitations"),
        _ => None,
    };
    if let Some(what) = nodes.iter().find_map(unknown) {
        return Err(MigrationError::NoWayBack { tenant: scope.tenant(), what });
    }
    let entry = account::find(table, scope.tenant()).await?;
    if entry.is_some_and(|account| account.state != TenantState::Active) {
        return Err(MigrationError::NoWayBack { tenant: scope.tenant(), what: "a state other than active" });
    }
    let projects = project::completion(table, scope).await?;
    if projects.nested {
        return Err(MigrationError::NoWayBack { tenant: scope.tenant(), what: "projects within projects" });
    }
    // The tenant's own place goes first: from then on nobody of the tenant may do anything.
    let mut keys = vec![node::key(scope, scope.tenant()), account::place(scope.tenant())];
    keys.extend(projects.keys);
    keys.extend(workspace::completion(table, scope).await?);
    let mut transactions = Vec::new();
    for id in nodes.iter().filter(|id| !matches!(id, NodeId::Tenant(_))) {
        keys.push(node::key(scope, *id));
        if let NodeId::App(app) = id {
            let count = |kind: &'static str| scope.partition(&[&app.to_string(), kind]);
            let packages: Vec<Sort> = table.list_all(&count("package")).await?;
            let secrets: Vec<Sort> = table.list_all(&count("secret")).await?;
            let number = |held: usize| i64::try_from(held).unwrap_or(i64::MAX);
            let held = Contents { packages: number(packages.len()), secrets: number(secrets.len()) };
            let mut transaction = Transaction::new();
            transaction.put(&contents(scope, *app), &held)?;
            transactions.push(transaction);
        }
        if let NodeId::Organization(organization) = id {
            for partition in user::completion(scope, *organization) {
                keys.extend(keys_of(table, &partition).await?);
            }
        }
        let with_bindings = scope.partition(&[&id.to_string(), "binding"]);
        keys.extend(keys_of(table, &with_bindings).await?);
    }
    for partition in [
        scope.partition(&[&scope.tenant().to_string(), "binding"]),
        scope.partition(&["binding"]),
        scope.partition(&["access"]),
        scope.partition(&["quota"]),
    ] {
        keys.extend(keys_of(table, &partition).await?);
    }
    // A transaction takes each item once.
    keys.sort_by_cached_key(ToString::to_string);
    keys.dedup();
    for chunk in keys.chunks(TOGETHER) {
        let mut transaction = Transaction::new();
        for key in chunk {
            transaction.remove(key);
        }
        transactions.push(transaction);
    }
    for transaction in &transactions {
        table.commit(transaction).await?;
    }
    Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX))
}

async fn keys_of(table: &Table, partition: &Partition) -> Result<Vec<Key>, StoreError> {
    let sorts: Vec<Sort> = table.list_all(partition).await?;
    Ok(sorts.iter().map(|sort| partition.item(&sort.sk)).collect())
}
