//! `GET /v1/auth/tenants`: what a login page shows before it is known who comes.

use axum::extract::State;
use jiff::SignedDuration;
use rookery_domain::attempt::Patience;
use rookery_domain::id::IdentityProviderId;
use rookery_domain::identity_provider::{Kind, MailDomain};
use rookery_domain::text::{Email, Name, Slug};
use rookery_edge::{Answer, Context, Document, Params, Problem, RequestFacts};
use rookery_store::{TenantScope, identity_provider, tenant};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How often one address may do this or that of logging in by a provider before it waits.
pub(crate) const PATIENCE: Patience = Patience { free: 100, remembered: SignedDuration::from_mins(30) };

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(find))
}

/// A way to log in by another provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoginProvider)]
pub struct Way {
    id: IdentityProviderId,
    name: Name,
    kind: Kind,
    /// Where the browser goes to begin.
    #[schema(example = "/v1/auth/federated/idp_01h455vb4pex5vsknk084sn02q/start?tenant=acme")]
    start_path: String,
}

/// How people log in to a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginTenant {
    /// What to log in to.
    tenant: Slug,
    name: Name,
    /// Whether a password can be used.
    password: bool,
    /// By whom else: those who vouch for the address, or all where the tenant was named.
    providers: Vec<Way>,
}

/// Find how to log in: by the tenant's slug, or by a mail address.
///
/// Of the address only what is behind the `@` is looked at: the answer is the same whoever has it, or nobody. It is found if the tenant
/// has shown that the domain is its own.
#[utoipa::path(
    get,
    path = "/v1/auth/tenants",
    operation_id = "find_login_tenant",
    tag = "federation",
    params(("slug" = Option<Slug>, Query), ("email" = Option<Email>, Query)),
    security(()),
    responses(
        (status = 200, description = "How to log in.", body = LoginTenant),
        (status = 400, description = "Neither or both were given.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this slug, or has shown that this domain is its own.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn find(
    State(context): State<Context>,
    facts: RequestFacts,
    mut params: Params,
) -> Result<Answer, Problem> {
    let slug: Option<Slug> = params.take("slug");
    let email: Option<Email> = params.take("email");
    if slug.is_some() == email.is_some() {
        params.fault("slug", "is to be given, or email, and not both");
    }
    params.finish()?;
    context.pace(&facts.origin, "login-tenants", PATIENCE).await?;
    let unknown = || Problem::NotFound("tenant");
    let (scope, only) = match (slug, email.as_ref().and_then(MailDomain::of)) {
        (Some(slug), _) => (tenant::of_slug(context.table()?, &slug).await?.ok_or_else(unknown)?, None),
        (None, Some(domain)) => {
            let found = identity_provider::of_domain(context.table()?, &domain).await?;
            let (scope, provider) = found.ok_or_else(unknown)?;
            (scope, Some(provider))
        }
        (None, None) => return Err(unknown()),
    };
    context.bind(&scope);
    Answer::ok(&describe(&context, &scope, only).await?)
}

async fn describe(
    context: &Context,
    scope: &TenantScope,
    only: Option<IdentityProviderId>,
) -> Result<LoginTenant, Problem> {
    let tenant = tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))?;
    let providers = identity_provider::list(context.table()?, scope).await?;
    let offered = providers
        .into_iter()
        .filter(|provider| provider.choice.enabled && only.is_none_or(|only| only == provider.id));
    let way = |provider: rookery_domain::identity_provider::IdentityProvider| Way {
        id: provider.id,
        name: provider.choice.name,
        kind: provider.kind,
        start_path: format!("/v1/auth/federated/{}/start?tenant={}", provider.id, tenant.slug),
    };
    let providers = offered.map(way).collect();
    Ok(LoginTenant { tenant: tenant.slug.clone(), name: tenant.name.clone(), password: true, providers })
}
