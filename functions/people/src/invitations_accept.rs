//! `POST /v1/invitations/accept`: becoming a person of the tenant that invites.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::binding::{Binding, Subject};
use rookery_domain::event::{Action, Actor, ActorKind, Event, Origin, Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::group::{Group, Member};
use rookery_domain::id::UserId;
use rookery_domain::invitation::{Invitation, InvitationToken, Standing, State as InvitationState};
use rookery_domain::key::{ApiKey, KeyOwner, Scopes, Token};
use rookery_domain::node::Lineage;
use rookery_domain::role::RoleRef;
use rookery_domain::text::{Email, Name};
use rookery_domain::user::{User, UserState};
use rookery_edge::password::{self, About, Chosen};
use rookery_edge::wire::{self, NewApiKey};
use rookery_edge::{Answer, Body, Context, Document, Problem, RequestFacts, deciding};
use rookery_roster::{ownership, people, quota};
use rookery_store::access::Access;
use rookery_store::factor::{self, Factors};
use rookery_store::{TenantScope, Transaction, binding, credential, group, invitation, node, tenant};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{gifts, load};

/// The name of the key that comes with accepting.
const FIRST_KEY: &str = "default";

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(accept))
}

/// Who accepts.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Acceptance {
    /// What stands in the link, behind the `#`.
    token: String,
    /// The person's name: unless given, that of the invitation, or else the part of the mail address before the `@`.
    #[deserr(default)]
    name: Option<Name>,
    /// A password to log in with: at least 8 characters, or as many as the tenant asks for, and not easy to guess. Without one, there is
    /// no logging in until one is chosen by `POST /v1/auth/password/forgot`.
    #[deserr(default)]
    password: Option<Chosen>,
}

impl std::fmt::Debug for Acceptance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptance(…)")
    }
}

/// The person, and its first API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    user: wire::User,
    api_key: NewApiKey,
}

/// Accept an invitation: be a person of the tenant, with the groups and the role that come with it, and a personal API key.
///
/// The key's secret is in this answer and in no other. An address may try a few times an hour.
#[utoipa::path(
    post,
    path = "/v1/invitations/accept",
    operation_id = "accept_invitation",
    tag = "people",
    request_body = Acceptance,
    security(()),
    responses(
        (status = 201, description = "Accepted.", body = Accepted),
        (status = 409, description = "The invitation was accepted or cancelled, its time is over, whoever sent it could not send it any more, or the mail address is a person's of the tenant.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The token is that of no invitation, or of a link that another one was sent after.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn accept(
    State(context): State<Context>,
    facts: RequestFacts,
    Body { value, idempotency }: Body<Acceptance>,
) -> Result<Answer, Problem> {
    context.limit_tries(&facts.origin, "invitation-try").await?;
    let unknown = || Problem::invalid("/token", "is of no invitation, or of an earlier mail than the last");
    let token: InvitationToken = value.token.parse().map_err(|_| unknown())?;
    let known = invitation::look_up(context.table()?, token.id).await?;
    let scope = invitation::check(&token, known.as_ref()).ok_or_else(unknown)?;
    context.bind(&scope);
    deciding(|| async {
        let found = invitation::find(context.table()?, &scope, token.id).await?.ok_or_else(unknown)?;
        match found.standing(context.now()) {
            Standing::Pending => {}
            Standing::Accepted => return Err(load::accepted()),
            Standing::Cancelled => return Err(load::cancelled()),
            Standing::Expired => {
                let detail = "the invitation was good for 7 days; ask for another one";
                return Err(Problem::conflict("invitation-expired", detail));
            }
        }
        let joined = Joined::new(&context, &scope, &found, value.name.clone()).await?;
        let key = Token::new(context.new_id(), context.random());
        let mut transaction = Transaction::new();
        let api_key = joined.write(&context, &scope, &mut transaction, &found, &key).await?;
        if let Some(password) = &value.password {
            joined.log_in_with(&context, &scope, &mut transaction, password).await?;
        }
        transaction.event(&scope, &joined.event(&context, &facts.origin, &found))?;
        let body = Accepted {
            user: joined.user.into(),
            api_key: NewApiKey { key: api_key.into(), secret: key.reveal() },
        };
        let answer = Answer::created("/v1/whoami".to_owned(), &body)?.with_secret();
        context.commit(&scope, idempotency.as_ref(), transaction, answer).await
    })
    .await
}

/// Somebody who comes, and what there still is of what was promised: groups and places may have gone meanwhile.
struct Joined {
    user: User,
    home: Lineage,
    groups: Vec<Group>,
    binding: Option<Binding>,
}

impl Joined {
    async fn new(
        context: &Context,
        scope: &TenantScope,
        invitation: &Invitation,
        name: Option<Name>,
    ) -> Result<Self, Problem> {
        let now = context.now();
        let email = invitation.email.clone().ok_or_else(load::accepted)?;
        let name = match name.or_else(|| invitation.name.clone()) {
            Some(name) => name,
            None => name_of(&email)?,
        };
        let user = User {
            id: context.new_id(),
            tenant: scope.tenant(),
            organization: invitation.organization,
            division: invitation.division,
            email,
            // The link was mailed there.
            email_verified: true,
            name,
            state: UserState::Active,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let gone = || Problem::conflict("gone", "what the invitation is to does not exist any more");
        let home = load::place(context, scope, invitation.home()).await?.ok_or_else(gone)?;
        let (mut groups, mut grants) = (Vec::new(), Vec::new());
        for id in &invitation.groups {
            if let Some(group) = group::find(context.table()?, scope, *id).await? {
                grants.extend(load::given_to(context, scope, *id).await?);
                groups.push(group.joined(groups.len(), now).map_err(load::full)?);
            }
        }
        let binding = match invitation.role {
            Some(role) if gifts::exists(context, scope, role).await? => Some(Binding {
                tenant: scope.tenant(),
                subject: Subject::User(user.id),
                grant: gifts::grant(context.new_id(), role),
                version: 1,
                created_at: now,
            }),
            _ => None,
        };
        grants.extend(binding.iter().map(|binding: &Binding| binding.grant.clone()));
        gifts::must_still_be_own(context, scope, invitation, &home, &grants).await?;
        Ok(Self { user, home, groups, binding })
    }

    /// Writes everything that accepting makes, and answers the key.
    async fn write(
        &self,
        context: &Context,
        scope: &TenantScope,
        transaction: &mut Transaction,
        before: &Invitation,
        token: &Token,
    ) -> Result<ApiKey, Problem> {
        let user = &self.user;
        let after = before.ended(InvitationState::Accepted, Some(user.id), user.created_at);
        invitation::replace(transaction, scope, before, &after)?;
        for group in &self.groups {
            let member = Member { group: group.id, user: user.id, added_at: user.created_at };
            group::join_new(transaction, scope, group, &member)?;
        }
        let access = Access {
            groups: self.groups.iter().map(|group| group.id).collect(),
            grants: self.binding.iter().map(|binding| binding.grant.clone()).collect(),
            ..Access::default()
        };
        people::settle(transaction, scope, user, &self.home, &access)?;
        if let Some(binding) = &self.binding {
            binding::create(transaction, scope, binding)?;
            // A role of the tenant stays while somebody has it.
            if let RoleRef::Custom(id) = binding.grant.role {
                node::count(transaction, scope, id.into(), 1);
            }
            let place = load::place(context, scope, binding.grant.node).await?;
            node::attach(transaction, scope, binding.id(), &place.ok_or(Problem::NotFound("place"))?)?;
        }
        ownership::enter(context, scope, transaction, user.id, &access).await?;
        let key = first_key(user, token)?;
        credential::create(transaction, scope, &key, token.digest())?;
        quota::take_key(transaction, scope, &self.home);
        let above = self.home.below();
        let own = Lineage { node: user.id.into(), above, stopped: None };
        node::attach(transaction, scope, key.id, &own)?;
        Ok(key)
    }

    /// Writes the password that the person chose.
    async fn log_in_with(
        &self,
        context: &Context,
        scope: &TenantScope,
        transaction: &mut Transaction,
        Chosen(password): &Chosen,
    ) -> Result<(), Problem> {
        let tenant = tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))?;
        let names = [self.user.name.as_str(), tenant.name.as_str(), tenant.slug.as_str()];
        let about = About { email: &self.user.email, names: &names };
        let (before, shortest) = (Factors::default(), tenant.settings.password_length);
        let hash = password::choose(context, password, shortest, about, &before, "/password")?;
        let after = before.with_password(hash, self.user.created_at);
        Ok(factor::put(transaction, scope, self.user.id, &before, &after)?)
    }

    fn event(&self, context: &Context, origin: &Origin, invitation: &Invitation) -> Event {
        let mut made = json!({
            "invitation_id": invitation.id,
            "organization_id": self.user.organization,
            "division_id": self.user.division,
            "groups": self.groups.iter().map(|group| group.id).collect::<Vec<_>>(),
        });
        if let Some(binding) = &self.binding {
            made["binding_id"] = json!(binding.id());
            made["role"] = json!(binding.grant.role);
            made["node"] = json!(binding.grant.node);
        }
        let (resource, by) = (Resource::new("user", self.user.id), actor(self.user.id));
        Event {
            version: self.user.version,
            at: self.user.created_at,
            changes: changes(&Value::Null, &made),
            ..context.event(self.user.tenant, Action::INVITATION_ACCEPT, resource, (by, origin))
        }
    }
}

fn actor(user: UserId) -> Actor {
    Actor::new(ActorKind::User, user)
}

fn first_key(user: &User, token: &Token) -> Result<ApiKey, Problem> {
    Ok(ApiKey {
        id: token.id,
        tenant: user.tenant,
        owner: KeyOwner::User(user.id),
        name: FIRST_KEY.parse().map_err(Problem::internal)?,
        scopes: Scopes::All,
        addresses: Vec::new(),
        expires_at: None,
        revoked_at: None,
        previous_until: None,
        version: 1,
        created_at: user.created_at,
        updated_at: user.created_at,
    })
}

/// What somebody is called who was not asked: the mail address up to the `@`, or all of it.
fn name_of(email: &Email) -> Result<Name, Problem> {
    let (local, _) = email.as_str().rsplit_once('@').unwrap_or((email.as_str(), ""));
    local.parse().map_err(|_| Problem::invalid("/name", "is missing: the mail address makes no name"))
}
