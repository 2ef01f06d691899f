//! `GET /v1/auth/federated/{provider}/callback`: the way back from a provider.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use rookery_domain::event::DenialReason;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{IdentityProviderId, UserId};
use rookery_domain::identity_provider::{IdentityProvider, ReturnTo};
use rookery_domain::text::{Email, ParseError};
use rookery_edge::session::Tokens;
use rookery_edge::{Answer, Context, Document, Issuer, Params, Problem, RequestFacts};
use rookery_store::federation::{self, OnTheWay, Step};
use rookery_store::identity_provider::{self, Found};
use rookery_store::{Transaction, user};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::callback_path;
use crate::browser::{Bound, Browser, parse, reveal};
use crate::join;
use crate::let_in::{Further, let_in, may_come, refused};
use crate::tenants::PATIENCE;
use crate::upstream::{Brought, Identity, Memory, Refusal};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(callback)).layer(Extension(Arc::new(Memory::default())))
}

/// What a provider sends a browser back with (RFC 6749, section 4.1.2).
struct Returned {
    state: String,
    code: Option<String>,
    error: Option<String>,
    /// Who it says that it is (RFC 9207).
    issuer: Option<String>,
}

/// A parameter as it is.
struct Text(String);

impl std::str::FromStr for Text {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Ok(Self(text.to_owned()))
    }
}

fn text(params: &mut Params, name: &str) -> Option<String> {
    params.take::<Text>(name).map(|text| text.0)
}

/// Somebody whom the provider vouched for.
enum Known {
    /// Somebody of the tenant.
    Person(UserId),
    /// Perhaps somebody of the tenant, who has to show that the account is theirs.
    Unlinked(UserId, Sha256),
}

/// Come back from an identity provider.
///
/// Where the login was begun with a page to return to, the answer leads there, with `#federation=` and a token that the page sends to
/// `finish`. Otherwise the answer is the session. An account that was there before is joined only by whoever also proves that it is
/// theirs: then a token is answered for `finish`, which takes the password or a session.
#[utoipa::path(
    get,
    path = "/v1/auth/federated/{provider}/callback",
    operation_id = "finish_federated_login_at_provider",
    tag = "federation",
    params(
        ("provider" = IdentityProviderId, Path),
        ("state" = String, Query),
        ("code" = Option<String>, Query),
        ("error" = Option<String>, Query)
    ),
    security(()),
    responses(
        (status = 200, description = "Logged in.", body = Tokens),
        (status = 202, description = "A second factor is asked for, or that the account is shown to be one's own.", body = Further),
        (status = 303, description = "To the page.", headers(("Location" = String, description = "The page, with a token behind a `#`."))),
        (status = 401, description = "Not so. The audit trail of the tenant has the reason.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "The tenant is suspended.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The provider does not answer.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn callback(
    State(context): State<Context>,
    Extension(memory): Extension<Arc<Memory>>,
    facts: RequestFacts,
    issuer: Issuer,
    browser: Browser,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    // Providers add what they like, so what is not known is left alone.
    let returned = Returned {
        state: text(&mut params, "state").unwrap_or_default(),
        code: text(&mut params, "code"),
        error: text(&mut params, "error"),
        issuer: text(&mut params, "iss"),
    };
    context.pace(&facts.origin, "federation-from", PATIENCE).await?;
    let state = parse(&returned.state).ok_or(Problem::Unauthenticated)?;
    let found = federation::find(context.table()?, &state, context.now()).await?;
    let on_the_way = found.ok_or(Problem::Unauthenticated)?;
    let Step::Provider { return_to } = on_the_way.step.clone() else { return Err(Problem::Unauthenticated) };
    let scope = on_the_way.scope;
    context.bind(&scope);
    let came = came_back(&context, &memory, &issuer, (&state, &browser, &on_the_way), &id, &returned).await;
    let known = match came {
        Ok(known) => known,
        Err(refusal) => return Err(refused(&context, &scope, &facts.origin, refusal).await),
    };
    let user = match known {
        Known::Person(user) | Known::Unlinked(user, _) => user,
    };
    may_come(&context, &scope, &facts.origin, user).await?;
    let step = match (known, &return_to) {
        (Known::Person(user), None) => {
            let answer = let_in(&context, &facts.origin, &issuer, &scope, user, Transaction::new()).await?;
            return Ok(answer.into_response());
        }
        (Known::Person(user), Some(_)) => Step::Page { user },
        (Known::Unlinked(user, subject), _) => Step::Link { user, subject },
    };
    let token: [u8; 32] = context.random();
    let mut transaction = Transaction::new();
    let waits = OnTheWay { step, ..on_the_way };
    federation::begin(&mut transaction, &token, &waits, context.now())?;
    context.carry_out(&scope, &transaction).await?;
    match return_to {
        Some(page) => Ok(to_page(&page, &token, &waits.step)),
        None => Ok(Answer::accepted(&Further::link(reveal(&token)))?.with_secret().into_response()),
    }
}

/// What stands behind a `#` is not sent to any server, and no good without the browser's cookie.
fn to_page(page: &ReturnTo, token: &[u8; 32], step: &Step) -> Response {
    let next = if matches!(step, Step::Link { .. }) { "link" } else { "finish" };
    let location = format!("{}#federation={}&step={next}", page.as_str(), reveal(token));
    let headers = [(header::LOCATION, location), (header::REFERRER_POLICY, "no-referrer".to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

async fn came_back(
    context: &Context,
    memory: &Memory,
    issuer: &Issuer,
    (state, browser, on_the_way): (&[u8; 32], &Browser, &OnTheWay),
    id: &str,
    returned: &Returned,
) -> Result<Known, Refusal> {
    const STATE: DenialReason = DenialReason::ProviderState;
    let scope = on_the_way.scope;
    if id != on_the_way.provider.to_string() {
        return Err(Refusal::Login(STATE, "the login is of another provider"));
    }
    let Some(secret) = browser.0.filter(|_| browser.is(&on_the_way.browser)) else {
        return Err(Refusal::Login(STATE, "the login was begun in another browser"));
    };
    let mut transaction = Transaction::new();
    federation::spend(&mut transaction, state, on_the_way);
    match context.carry_out(&scope, &transaction).await {
        Err(Problem::Conflict { .. }) => return Err(Refusal::Login(STATE, "the login was used before")),
        spent => spent?,
    }
    let found = identity_provider::find(context.table()?, &scope, on_the_way.provider).await?;
    let Some(found) = found.filter(|found| found.provider.choice.enabled) else {
        return Err(Refusal::Login(DenialReason::ProviderAnswer, "the provider is not trusted any more"));
    };
    if returned.error.is_some() {
        return Err(Refusal::Login(DenialReason::ProviderAnswer, "the provider refused"));
    }
    if returned.issuer.as_deref().is_some_and(|said| said != found.provider.issuer.as_str()) {
        return Err(Refusal::Login(DenialReason::ProviderAnswer, "another provider answered"));
    }
    let code = returned.code.as_deref();
    let code = code.ok_or(Refusal::Login(DenialReason::ProviderAnswer, "there is no code"))?;
    let client_secret = identity_provider::open(&context.sealer(), &scope, &found).await?;
    let brought = Brought {
        code,
        redirect_uri: &format!("{}{}", issuer.0, callback_path(found.provider.id)),
        bound: &Bound::new(state, &secret),
        secret: client_secret.as_ref().map(|secret| secret.as_str()),
    };
    let identity = memory.identify(context, &found.provider, &brought).await?;
    recognise(context, on_the_way, &found, &identity).await
}

/// Who somebody is here: whom the provider means already, somebody new, or perhaps somebody who was there before.
async fn recognise(
    context: &Context,
    on_the_way: &OnTheWay,
    found: &Found,
    identity: &Identity,
) -> Result<Known, Refusal> {
    let (scope, provider) = (&on_the_way.scope, &found.provider);
    let table = context.table()?;
    let subject = federation::digest(provider.id, &identity.subject);
    if let Some(linked) = federation::linked(table, scope, provider.id, &subject).await?
        && let Some(person) = user::find(table, scope, linked).await?
    {
        join::bring_in_line(context, scope, provider, &person.user, &identity.groups).await?;
        return Ok(Known::Person(linked));
    }
    let email = vouched_for(provider, identity)?;
    if let Some(person) = user::of_email(table, scope, &email).await? {
        return Ok(Known::Unlinked(person.user.id, subject));
    }
    let Some(organization) = provider.choice.organization else {
        return Err(Refusal::Login(DenialReason::ProviderUnknownPerson, "nobody new is made"));
    };
    let newcomer = join::Newcomer { provider, organization, email, identity, subject };
    Ok(Known::Person(join::provision(context, scope, &newcomer).await?))
}

/// The first address that is the person's and the provider's to vouch for.
fn vouched_for(provider: &IdentityProvider, identity: &Identity) -> Result<Email, Refusal> {
    let addresses = identity.emails.iter().filter_map(|text| text.parse::<Email>().ok());
    let mut good = addresses.filter(|email| provider.vouches_for(email));
    good.next().ok_or(Refusal::Login(
        DenialReason::ProviderMail,
        "there is no verified address of a verified domain",
    ))
}
