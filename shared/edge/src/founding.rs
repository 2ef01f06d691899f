//! Founding a tenant: what signing up and an operator do alike.

use rookery_domain::app::Ancestors;
use rookery_domain::binding::{Binding, Grant, Subject};
use rookery_domain::event::{Action, Actor, ActorKind, Event, Origin, Resource, changes};
use rookery_domain::id::UserId;
use rookery_domain::key::{ApiKey, KeyOwner, Scopes, Token};
use rookery_domain::node::Lineage;
use rookery_domain::password::PasswordHash;
use rookery_domain::role::{Predefined, RoleRef};
use rookery_domain::signup::{self, DEFAULT, Founding, Ids, Request};
use rookery_domain::text::Name;
use rookery_store::{TenantScope, Transaction, credential, node, tenant};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{self, NewApiKey};
use crate::{Answer, Context, Problem};

/// Everything that founding a tenant made.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedUp {
    tenant: wire::Tenant,
    organization: wire::Organization,
    workspace: wire::Workspace,
    project: wire::Project,
    user: wire::User,
    api_key: NewApiKey,
}

/// Who founds a tenant.
#[derive(Debug, Clone)]
pub enum Founder {
    /// Its owner, by signing up.
    Owner,
    /// Somebody else, and what that is called.
    Other(Actor, Action),
}

/// A tenant that is founded once its transaction commits.
#[derive(Debug)]
pub struct Founded {
    /// The new tenant's scope.
    pub scope: TenantScope,
    /// Everything that is written.
    pub transaction: Transaction,
    /// What is answered; it holds the first key's secret.
    pub body: SignedUp,
}

impl Founded {
    /// The answer, which says where to look next.
    pub fn answer(&self, location: String) -> Result<Answer, Problem> {
        Ok(Answer::created(location, &self.body)?.with_secret())
    }
}

/// Founds a tenant with an organization, a workspace and a project named `default`, an owner and an API key of the owner's.
pub fn found(
    context: &Context,
    request: Request,
    password_hash: Option<PasswordHash>,
    origin: &Origin,
    founder: Founder,
) -> Result<Founded, Problem> {
    let ids = Ids {
        tree: Ancestors {
            tenant: context.new_id(),
            organization: context.new_id(),
            workspace: context.new_id(),
            project: context.new_id(),
        },
        owner: context.new_id(),
    };
    let default: Name = DEFAULT.parse().map_err(Problem::internal)?;
    let founding = signup::found(request, ids, &default, context.now());
    let token = Token::new(context.new_id(), context.random());
    let key = first_key(&founding, &token, default);
    let ownership = ownership(context, &founding);

    let scope = TenantScope::founding(founding.tenant.id);
    let mut transaction = Transaction::new();
    tenant::found(&mut transaction, &scope, &founding, password_hash, &ownership)?;
    credential::create(&mut transaction, &scope, &key, token.digest())?;
    node::attach(&mut transaction, &scope, key.id, &home(&founding))?;
    transaction.event(&scope, &event(context, origin, &founding, founder))?;

    let body = SignedUp {
        tenant: founding.tenant.into(),
        organization: founding.organization.into(),
        workspace: founding.workspace.into(),
        project: founding.project.into(),
        user: founding.owner.into(),
        api_key: NewApiKey { key: key.into(), secret: token.reveal() },
    };
    Ok(Founded { scope, transaction, body })
}

fn first_key(founding: &Founding, token: &Token, name: Name) -> ApiKey {
    ApiKey {
        id: token.id,
        tenant: founding.tenant.id,
        owner: KeyOwner::User(founding.owner.id),
        name,
        scopes: Scopes::All,
        addresses: Vec::new(),
        expires_at: None,
        revoked_at: None,
        previous_until: None,
        version: 1,
        created_at: founding.tenant.created_at,
        updated_at: founding.tenant.created_at,
    }
}

/// The owner's role in the whole tenant.
fn ownership(context: &Context, founding: &Founding) -> Binding {
    Binding {
        tenant: founding.tenant.id,
        subject: Subject::User(founding.owner.id),
        grant: Grant {
            binding: context.new_id(),
            role: RoleRef::Predefined(Predefined::Owner),
            node: founding.tenant.id.into(),
            starts_at: None,
            expires_at: None,
            condition: None,
        },
        version: 1,
        created_at: founding.tenant.created_at,
    }
}

/// Where the owner stands in the tree.
fn home(founding: &Founding) -> Lineage {
    Lineage {
        node: founding.owner.id.into(),
        above: vec![founding.organization.id.into(), founding.tenant.id.into()],
        stopped: None,
    }
}

fn event(context: &Context, origin: &Origin, founding: &Founding, founder: Founder) -> Event {
    let by_owner = |owner: UserId| Actor::new(ActorKind::User, owner);
    let (actor, action) = match founder {
        Founder::Owner => (by_owner(founding.owner.id), Action::TENANT_SIGN_UP),
        Founder::Other(actor, action) => (actor, action),
    };
    let resource = Resource::new("tenant", founding.tenant.id);
    Event {
        version: founding.tenant.version,
        at: founding.tenant.created_at,
        changes: changes(&serde_json::Value::Null, &wire::Tenant::from(founding.tenant.clone())),
        ..context.event(founding.tenant.id, action, resource, (actor, origin))
    }
}
