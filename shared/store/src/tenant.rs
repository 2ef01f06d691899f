//! The records of a tenant and of the tree that it is founded with.

use jiff::Timestamp;
use rookery_domain::account::Account;
use rookery_domain::binding::{Binding, Subject};
use rookery_domain::id::{KeyId, TenantId, UserId};
use rookery_domain::key::ApiKey;
use rookery_domain::node::NodeId;
use rookery_domain::password::PasswordHash;
use rookery_domain::quota::{Plan, Quota};
use rookery_domain::signup::Founding;
use rookery_domain::tenant::{Tenant, TenantSettings};
use rookery_domain::text::{Name, Slug};
use rookery_domain::user::User;
use serde::{Deserialize, Serialize};

use crate::credential::{self, ApiKeyRecord};
use crate::factor::{self, Factors};
use crate::user::UserRecord;
use crate::{
    Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction, access, account, binding,
    node, organization, project, quota, user, workspace,
};

#[derive(Debug, Serialize, Deserialize)]
struct TenantRecord {
    id: TenantId,
    name: Name,
    slug: Slug,
    #[serde(default)]
    settings: TenantSettings,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for TenantRecord {
    const KIND: &'static str = "tenant";
}

/// The slug's entry in the directory, which makes it unique on the platform.
#[derive(Debug, Serialize, Deserialize)]
struct SlugRecord {
    tenant: TenantId,
}

impl Record for SlugRecord {
    const KIND: &'static str = "slug";
}

fn tenant_key(scope: &TenantScope) -> Key {
    scope.partition(&["tenant"]).item(scope.tenant())
}

/// Adds everything that founding a tenant makes to a transaction. The hash of the owner's password, if there is one, is kept with what
/// the owner logs in with, and travels nowhere else.
pub fn found(
    transaction: &mut Transaction,
    scope: &TenantScope,
    founding: &Founding,
    password_hash: Option<PasswordHash>,
    ownership: &Binding,
) -> Result<(), StoreError> {
    const FRESH: Refusal = Refusal::Taken("id");
    let Founding { tenant, organization: first, workspace: first_workspace, project, owner } =
        founding.clone();
    transaction.create(
        &Partition::directory("slug", &tenant.slug).only(),
        &SlugRecord { tenant: tenant.id },
        Refusal::Taken("slug"),
    )?;
    let entry = Account::new(tenant.id, tenant.slug.clone(), tenant.name.clone(), tenant.created_at);
    account::create(transaction, &entry)?;
    transaction.create(&tenant_key(scope), &TenantRecord::from(&tenant), FRESH)?;
    organization::create(transaction, scope, &first)?;
    workspace::put_new(transaction, scope, &first_workspace)?;
    project::put_new(transaction, scope, &project)?;
    user::create(transaction, scope, &owner)?;
    if let Some(hash) = password_hash {
        let before = Factors::default();
        factor::put(transaction, scope, owner.id, &before, &before.with_password(hash, owner.created_at))?;
    }
    node::plant(transaction, scope, &places(founding, ownership))?;
    quota::open(transaction, scope, Plan::Free, &[(Quota::Members, 1), (Quota::Keys, 1)])?;
    quota::open_workspace(transaction, scope, founding.workspace.id)?;
    binding::create(transaction, scope, ownership)?;
    let access = access::Access { grants: vec![ownership.grant.clone()], ..access::Access::default() };
    access::create(transaction, scope, Subject::User(founding.owner.id), &access)?;
    access::found(transaction, scope, founding.owner.id)
}

/// What founding a tenant makes in the tree: each place with what is above it and how many things are below it.
fn places(founding: &Founding, ownership: &Binding) -> [(NodeId, Vec<NodeId>, i64); 6] {
    let tenant: NodeId = founding.tenant.id.into();
    let organization: NodeId = founding.organization.id.into();
    let workspace: NodeId = founding.workspace.id.into();
    let in_organization = vec![organization, tenant];
    [
        (tenant, Vec::new(), 1),
        // The workspace and the owner.
        (organization, vec![tenant], 2),
        (workspace, in_organization.clone(), 1),
        (founding.project.id.into(), vec![workspace, organization, tenant], 0),
        (founding.owner.id.into(), in_organization, 0),
        (ownership.id().into(), vec![tenant], 0),
    ]
}

impl From<&Tenant> for TenantRecord {
    fn from(tenant: &Tenant) -> Self {
        let tenant = tenant.clone();
        Self {
            id: tenant.id,
            name: tenant.name,
            slug: tenant.slug,
            settings: tenant.settings,
            version: tenant.version,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// Adds a changed tenant to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Tenant,
    after: &Tenant,
) -> Result<(), StoreError> {
    if before.name != after.name {
        account::rename(transaction, scope, &after.name);
    }
    transaction.replace(&tenant_key(scope), &TenantRecord::from(after), before.version)
}

/// The scope of the tenant that somebody names by its slug, for whoever logs in to it or asks for a mail: it says nothing of the tenant
/// to them before they have proved who they are.
pub async fn of_slug(table: &Table, slug: &Slug) -> Result<Option<TenantScope>, StoreError> {
    let record: Option<SlugRecord> = table.get(&Partition::directory("slug", slug).only()).await?;
    Ok(record.map(|record| TenantScope::of_slug(record.tenant)))
}

/// Reads the caller's tenant.
pub async fn find(table: &Table, scope: &TenantScope) -> Result<Option<Tenant>, StoreError> {
    let record: Option<TenantRecord> = table.get(&tenant_key(scope)).await?;
    Ok(record.map(Tenant::from))
}

/// Reads the caller's tenant and one of its API keys, in one request.
pub async fn find_with_key(
    table: &Table,
    scope: &TenantScope,
    key: KeyId,
) -> Result<(Option<Tenant>, Option<ApiKey>), StoreError> {
    let (tenant, key): (Option<TenantRecord>, Option<ApiKeyRecord>) =
        table.get_both(&tenant_key(scope), &credential::place(scope, key)).await?;
    Ok((tenant.map(Tenant::from), key.map(|record| record.into_found().key)))
}

/// Reads the caller's tenant and one of its people, in one request.
pub async fn find_with_user(
    table: &Table,
    scope: &TenantScope,
    user: UserId,
) -> Result<(Option<Tenant>, Option<User>), StoreError> {
    let (tenant, user): (Option<TenantRecord>, Option<UserRecord>) =
        table.get_both(&tenant_key(scope), &user::place(scope, user)).await?;
    Ok((tenant.map(Tenant::from), user.map(User::from)))
}

impl From<TenantRecord> for Tenant {
    fn from(record: TenantRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            slug: record.slug,
            settings: record.settings,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}
