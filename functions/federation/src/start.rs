//! `GET /v1/auth/federated/{provider}/start`: the way to a provider.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use rookery_domain::hash::Sha256;
use rookery_domain::id::IdentityProviderId;
use rookery_domain::identity_provider::ReturnTo;
use rookery_domain::text::Slug;
use rookery_edge::{Context, Document, Issuer, Params, Problem, RequestFacts};
use rookery_store::federation::{self, OnTheWay, Step};
use rookery_store::{Transaction, identity_provider, tenant};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::callback_path;
use crate::browser::{Bound, Browser, cookie, reveal};
use crate::let_in::refused;
use crate::tenants::PATIENCE;
use crate::upstream::{Memory, form};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(start)).layer(Extension(Arc::new(Memory::default())))
}

/// Go to an identity provider to log in there. For browsers: the answer leads there and sets a cookie, without which nobody comes back.
#[utoipa::path(
    get,
    path = "/v1/auth/federated/{provider}/start",
    operation_id = "start_federated_login",
    tag = "federation",
    params(
        ("provider" = IdentityProviderId, Path),
        ("tenant" = Slug, Query, description = "The tenant's slug."),
        ("return_to" = Option<String>, Query, description = "The path of a page of the platform that finishes the login. Without it the callback answers the session.")
    ),
    security(()),
    responses(
        (status = 303, description = "To the provider.", headers(("Location" = String, description = "The provider's page."))),
        (status = 400, description = "A parameter is missing or faulty.", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "The tenant has no such provider.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The provider does not answer.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn start(
    State(context): State<Context>,
    Extension(memory): Extension<Arc<Memory>>,
    facts: RequestFacts,
    issuer: Issuer,
    browser: Browser,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let slug: Option<Slug> = params.take("tenant");
    let return_to: Option<ReturnTo> = params.take("return_to");
    if slug.is_none() {
        params.fault("tenant", "is missing, or no slug");
    }
    params.finish()?;
    context.pace(&facts.origin, "federation-from", PATIENCE).await?;
    let unknown = || Problem::NotFound("identity provider");
    let id: IdentityProviderId = id.parse().map_err(|_| unknown())?;
    let slug = slug.ok_or_else(unknown)?;
    let scope = tenant::of_slug(context.table()?, &slug).await?.ok_or_else(unknown)?;
    context.bind(&scope);
    let found = identity_provider::find(context.table()?, &scope, id).await?;
    let provider = found.map(|found| found.provider).filter(|found| found.choice.enabled);
    let provider = provider.ok_or_else(unknown)?;
    let described = match memory.described(&context, &provider).await {
        Ok(described) => described,
        Err(refusal) => return Err(refused(&context, &scope, &facts.origin, refusal).await),
    };
    if let Err(failure) = context.clients().outbound().check(&described.authorization_endpoint) {
        return Err(refused(&context, &scope, &facts.origin, failure.into()).await);
    }

    let state: [u8; 32] = context.random();
    // A browser that begins twice keeps its secret, so that the first login can still be finished.
    let secret = browser.0.unwrap_or_else(|| context.random());
    let bound = Bound::new(&state, &secret);
    let step = Step::Provider { return_to };
    let on_the_way = OnTheWay { scope, provider: id, browser: Sha256::of(&secret), step };
    let mut transaction = Transaction::new();
    federation::begin(&mut transaction, &state, &on_the_way, context.now())?;
    context.carry_out(&scope, &transaction).await?;

    let query = form(&[
        ("response_type", "code"),
        ("client_id", &provider.choice.client_id),
        ("redirect_uri", &format!("{}{}", issuer.0, callback_path(id))),
        ("scope", &described.scopes(&provider)),
        ("state", &reveal(&state)),
        ("nonce", &bound.nonce),
        ("code_challenge", &bound.challenge()),
        ("code_challenge_method", "S256"),
    ]);
    let endpoint = &described.authorization_endpoint;
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    let headers = [
        (header::LOCATION, format!("{endpoint}{joint}{query}")),
        (header::SET_COOKIE, cookie(&issuer, &secret)),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
