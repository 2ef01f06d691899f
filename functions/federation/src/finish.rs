//! `POST /v1/auth/federated/{provider}/finish`: the session of somebody who came back, once everything is proved.

use axum::extract::{FromRequestParts, Path, State};
use deserr::Deserr;
use http::header;
use http::request::Parts;
use rookery_domain::event::{Action, Actor, ActorKind, DenialReason, Event, Origin, Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{IdentityProviderId, UserId};
use rookery_edge::password::{self, Presented};
use rookery_edge::session::Tokens;
use rookery_edge::{
    Answer, Body, Caller, Context, Document, Guess, Issuer, Principal, Problem, RequestFacts, Secret,
};
use rookery_store::federation::{self, OnTheWay, Step};
use rookery_store::{TenantScope, Transaction, factor, tenant, user};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::browser::{Browser, parse};
use crate::let_in::{Further, let_in, may_come, refused};
use crate::tenants::PATIENCE;
use crate::upstream::Refusal;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(finish))
}

/// What a page sends to which somebody was led back.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Finish {
    /// What stood behind `#federation=`, or was answered.
    token: String,
    /// The password of the account, where it is to be joined. Not needed by whoever is logged in there.
    #[deserr(default)]
    password: Option<Presented>,
}

impl std::fmt::Debug for Finish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Finish(…)")
    }
}

/// Whoever asks in a session, if anybody does.
struct LoggedIn(Option<Caller>);

impl FromRequestParts<Context> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        Caller::from_request_parts(parts, context).await.map(|caller| Self(Some(caller)))
    }
}

impl LoggedIn {
    /// Whether this is somebody in a session of its own: no key, and nobody in its place.
    fn is(&self, scope: &TenantScope, user: UserId) -> bool {
        self.0.as_ref().is_some_and(|caller| match &caller.principal {
            Principal::Person(person) => {
                caller.tenant == *scope
                    && person.id == user
                    && person.impersonator.is_none()
                    && person.client.is_none()
            }
            Principal::Key(_) => false,
        })
    }
}

/// Finish a login by an identity provider, in the browser that began it.
///
/// An account that nobody has linked takes its password, or a session of the same person, and is linked from then on.
#[utoipa::path(
    post,
    path = "/v1/auth/federated/{provider}/finish",
    operation_id = "finish_federated_login",
    tag = "federation",
    params(("provider" = IdentityProviderId, Path)),
    request_body = Finish,
    security(()),
    responses(
        (status = 200, description = "Logged in.", body = Tokens),
        (status = 202, description = "A second factor is asked for.", body = Further),
        (status = 401, description = "Not so: another browser, too late, used before, or another password.", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "The tenant is suspended.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn finish(
    State(context): State<Context>,
    facts: RequestFacts,
    issuer: Issuer,
    browser: Browser,
    logged_in: LoggedIn,
    Path(id): Path<String>,
    Body { value, .. }: Body<Finish>,
) -> Result<Answer, Problem> {
    context.pace(&facts.origin, "federation-from", PATIENCE).await?;
    let token = parse(&value.token).ok_or(Problem::Unauthenticated)?;
    let found = federation::find(context.table()?, &token, context.now()).await?;
    let waits = found.ok_or(Problem::Unauthenticated)?;
    // Somebody logged in to another tenant reaches nothing of this one.
    if logged_in.0.as_ref().is_some_and(|caller| caller.tenant != waits.scope) {
        return Err(Problem::Unauthenticated);
    }
    let scope = waits.scope;
    context.bind(&scope);
    if id != waits.provider.to_string() || !browser.is(&waits.browser) {
        let fault = Refusal::Login(DenialReason::ProviderState, "the login was begun in another browser");
        return Err(refused(&context, &scope, &facts.origin, fault).await);
    }
    let mut transaction = Transaction::new();
    let user = match waits.step.clone() {
        Step::Provider { .. } => return Err(Problem::Unauthenticated),
        Step::Page { user } => {
            may_come(&context, &scope, &facts.origin, user).await?;
            user
        }
        Step::Link { user, subject } => {
            may_come(&context, &scope, &facts.origin, user).await?;
            let presented = value.password.as_ref();
            let origin = &facts.origin;
            prove(&context, &mut transaction, (&scope, origin), user, &logged_in, presented).await?;
            join(&context, &mut transaction, &waits, origin, user, &subject)?;
            user
        }
    };
    federation::spend(&mut transaction, &token, &waits);
    match let_in(&context, &facts.origin, &issuer, &scope, user, transaction).await {
        Err(Problem::Conflict { code: "gone", .. }) => {
            let fault = Refusal::Login(DenialReason::ProviderState, "the login was used before");
            Err(refused(&context, &scope, &facts.origin, fault).await)
        }
        answered => answered,
    }
}

/// Sees that the account is that of whoever asks: by a session, or else by its password.
async fn prove(
    context: &Context,
    transaction: &mut Transaction,
    (scope, origin): (&TenantScope, &Origin),
    user: UserId,
    logged_in: &LoggedIn,
    presented: Option<&Presented>,
) -> Result<(), Problem> {
    if logged_in.is(scope, user) {
        return Ok(());
    }
    let Some(Presented(presented)) = presented else {
        return Err(Problem::invalid(
            "/password",
            "is missing: the account was there before, and is not linked",
        ));
    };
    let table = context.table()?;
    let person = user::find(table, scope, user).await?.ok_or(Problem::Unauthenticated)?;
    let tenant = tenant::find(table, scope).await?.ok_or(Problem::Unauthenticated)?;
    // Counted with what is guessed at the login itself.
    let guess = Guess::new(Secret::Password, tenant.slug.as_str(), &person.user.email, origin);
    guess.count(context).await?;
    let factors = factor::find(table, scope, user).await?;
    if !password::verify(presented, factors.hash()).is_right() {
        context.record_failed_login(scope, origin, Some(user), DenialReason::WrongPassword).await?;
        return Err(Problem::Unauthenticated);
    }
    guess.was_right(transaction);
    Ok(())
}

fn join(
    context: &Context,
    transaction: &mut Transaction,
    waits: &OnTheWay,
    origin: &Origin,
    user: UserId,
    subject: &Sha256,
) -> Result<(), Problem> {
    let scope = &waits.scope;
    federation::link(transaction, scope, waits.provider, subject, user, context.now())?;
    let linked = changes(&Value::Null, &json!({"identity_provider_id": waits.provider}));
    // The person's record does not change by it.
    let (resource, actor) = (Resource::new("user", user), Actor::new(ActorKind::User, user));
    let event = context.event(scope.tenant(), Action::IDENTITY_LINK, resource, (actor, origin));
    Ok(transaction.event(scope, &Event { changes: linked, ..event })?)
}
