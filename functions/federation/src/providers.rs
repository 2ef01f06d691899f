//! `/v1/identity-providers`: by whom else people log in.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::OrganizationId;
use rookery_domain::identity_provider::{
    Choice, IdentityProvider, IssuerUrl, Kind, MOST, MailDomain, MappedGroup, domains,
};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Problem, Scope};
use rookery_store::{Listed, Transaction, identity_provider};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, choice};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// An identity provider to be trusted.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewIdentityProvider {
    name: Name,
    /// What it speaks.
    kind: Kind,
    /// Who it is, exactly as its tokens say. Google and GitHub are known; a GitHub of one's own is named by its URL.
    #[deserr(default)]
    issuer: Option<IssuerUrl>,
    /// The client that the platform is there.
    client_id: String,
    /// That client's secret. It never comes back.
    #[deserr(default)]
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// The mail domains that it vouches for, once `verify` has seen that they are the tenant's own.
    #[deserr(default)]
    mail_domains: Vec<MailDomain>,
    /// The organization in which people are made who come for the first time; without one, nobody is made.
    #[deserr(default)]
    organization_id: Option<OrganizationId>,
    /// The claim that names somebody's groups.
    #[deserr(default)]
    group_claim: Option<String>,
    /// Which groups they are here.
    #[deserr(default)]
    groups: Vec<MappedGroup>,
}

impl std::fmt::Debug for NewIdentityProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewIdentityProvider({})", self.name)
    }
}

/// List the identity providers of the tenant, newest first. There are 20 at the most.
#[utoipa::path(
    get,
    path = "/v1/identity-providers",
    operation_id = "list_identity_providers",
    tag = "federation",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of identity providers.", body = Page<body::IdentityProvider>))
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::IdentityProviderList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let all = identity_provider::list(context.table()?, &scope.tenant).await?;
    let listed = Listed::part_of(all, &slice, |provider| provider.id.to_string());
    Answer::ok(&paging.page(listed, body::IdentityProvider::from))
}

/// Let people log in by an identity provider, once one of its mail domains is verified.
#[utoipa::path(
    post,
    path = "/v1/identity-providers",
    operation_id = "create_identity_provider",
    tag = "federation",
    request_body = NewIdentityProvider,
    responses(
        (status = 201, description = "Created.", body = body::IdentityProvider),
        (status = 403, description = "The caller lacks the right, may not invite people to the organization, or lacks what a group gives.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "There are 20 already.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::IdentityProviderCreate>,
    Body { value, idempotency }: Body<NewIdentityProvider>,
) -> Result<Answer, Problem> {
    let issuer = issuer(&context, value.kind, value.issuer)?;
    let choice = Choice {
        name: value.name,
        enabled: true,
        client_id: value.client_id,
        domains: domains(value.mail_domains, &[]),
        organization: value.organization_id,
        group_claim: value.group_claim,
        groups: value.groups,
    };
    choice::check(&choice, value.client_secret.as_deref())?;
    choice::must_be_own(&context, &scope, Permission::IdentityProviderCreate, None, &choice).await?;
    if identity_provider::list(context.table()?, &scope.tenant).await?.len() >= MOST {
        return Err(Problem::conflict("limit-reached", "there are 20 identity providers, which is the most"));
    }
    let now = context.now();
    let made = IdentityProvider {
        id: context.new_id(),
        tenant: scope.tenant.tenant(),
        kind: value.kind,
        issuer,
        choice,
        secret_set_at: value.client_secret.as_ref().map(|_| now),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let secret = match &value.client_secret {
        Some(secret) => {
            Some(identity_provider::seal(&context.sealer(), &scope.tenant, made.id, secret).await?)
        }
        None => None,
    };
    let body = body::IdentityProvider::from(made.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("identity_provider", made.id), 1, changed);
    let mut transaction = Transaction::new();
    identity_provider::create(&mut transaction, &scope.tenant, &made, secret.as_ref())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::created(format!("/v1/identity-providers/{}", made.id), &body)?.version(1);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

fn issuer(context: &Context, kind: Kind, given: Option<IssuerUrl>) -> Result<IssuerUrl, Problem> {
    let issuer = match (kind, given, kind.usual_issuer()) {
        (Kind::Google, Some(_), _) => {
            return Err(Problem::invalid("/issuer", "is known for google; leave it out"));
        }
        (_, Some(issuer), _) => issuer,
        (_, None, Some(usual)) => usual.parse().map_err(Problem::internal)?,
        (_, None, None) => return Err(Problem::invalid("/issuer", "is missing")),
    };
    match context.clients().outbound().check(issuer.as_str()) {
        Ok(()) => Ok(issuer),
        Err(_) => Err(Problem::invalid("/issuer", "is not https at a public address")),
    }
}
