//! `POST /v1/signup`: founding a tenant.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::fault::Faults;
use rookery_domain::hash::Sha256;
use rookery_domain::password::PasswordLength;
use rookery_domain::signup::Request;
use rookery_domain::text::{Email, Name, Slug};
use rookery_edge::password::{About, Chosen};
use rookery_edge::{
    Answer, Body, Context, Document, Founder, Problem, RequestFacts, SignedUp, found, password,
};
use rookery_store::Variable;
use rookery_store::factor::Factors;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(sign_up))
}

/// Who signs up, and as what.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SignUp {
    tenant: NewTenant,
    owner: NewOwner,
    /// The operator's code, where signing up takes one.
    #[deserr(default)]
    code: Option<String>,
}

#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct NewTenant {
    name: Name,
    slug: Slug,
}

#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct NewOwner {
    email: Email,
    name: Name,
    /// At least 8 characters, and not easy to guess. Kept as an Argon2id hash.
    #[deserr(default)]
    password: Option<Chosen>,
}

/// Found a tenant, with an organization, a workspace and a project named `default`, an owner and an API key.
///
/// The key's secret is in this answer and in no other. Who may sign up is the operator's choice: anyone, holders of a code,
/// or nobody; and an address may do so a few times an hour.
#[utoipa::path(
    post,
    path = "/v1/signup",
    operation_id = "sign_up",
    tag = "identity",
    request_body = SignUp,
    security(()),
    responses(
        (status = 201, description = "Founded.", body = SignedUp),
        (status = 403, description = "Signing up is closed, or takes a code.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The slug is taken.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn sign_up(
    State(context): State<Context>,
    facts: RequestFacts,
    Body { value, idempotency }: Body<SignUp>,
) -> Result<Answer, Problem> {
    // Whoever gives a code is counted before it is looked at, so that codes cannot be guessed without end.
    if value.code.is_some() {
        context.limit_tries(&facts.origin, "signup").await?;
        admit(&context, value.code.as_deref())?;
    } else {
        admit(&context, None)?;
        context.limit_tries(&facts.origin, "signup").await?;
    }
    let (tenant, owner) = (&value.tenant, &value.owner);
    let names = [owner.name.as_str(), tenant.name.as_str(), tenant.slug.as_str()];
    let about = About { email: &owner.email, names: &names };
    let choose = |password: &Chosen| {
        let shortest = PasswordLength::default();
        password::choose(&context, &password.0, shortest, about, &Factors::default(), "/owner/password")
    };
    let password_hash = owner.password.as_ref().map(choose).transpose()?;

    let request = Request {
        tenant_name: value.tenant.name,
        slug: value.tenant.slug,
        email: value.owner.email,
        owner_name: value.owner.name,
    };
    let founded = found(&context, request, password_hash, &facts.origin, Founder::Owner)?;
    let answer = founded.answer("/v1/whoami".to_owned())?;
    context.commit(&founded.scope, idempotency.as_ref(), founded.transaction, answer).await
}

/// Lets a sign-up pass that the operator allows.
fn admit(context: &Context, code: Option<&str>) -> Result<(), Problem> {
    let settings = context.settings();
    match settings.needed(Variable::SignupMode)? {
        "open" => Ok(()),
        "code" => {
            let expected: Sha256 =
                settings.needed(Variable::SignupCode)?.parse().map_err(Problem::internal)?;
            // Comparing digests takes the same time wherever they differ: whoever guesses cannot steer them.
            match code.map(|code| Sha256::of(code.as_bytes())) {
                Some(given) if given == expected => Ok(()),
                _ => Err(Problem::Closed("signing up takes the operator's code")),
            }
        }
        _ => Err(Problem::Closed("signing up is closed")),
    }
}
