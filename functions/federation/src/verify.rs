//! `POST /v1/identity-providers/{provider}/verify`: showing that mail domains are the tenant's own.

use axum::extract::{Path, State};
use rookery_domain::event::{Resource, changes};
use rookery_domain::id::IdentityProviderId;
use rookery_domain::identity_provider::{MailDomain, challenge};
use rookery_domain::permission::right;
use rookery_edge::{Answer, Body, Context, Document, Empty, Problem, Scope};
use rookery_store::identity_provider::{self, Found};
use rookery_store::{StoreError, Transaction, Variable};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, provider};

/// The number of text records (RFC 1035, section 3.2.2).
const TXT: u16 = 16;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(verify))
}

/// What DNS over HTTPS answers in its JSON form.
#[derive(Debug, Deserialize)]
struct Resolved {
    #[serde(rename = "Answer", default)]
    answer: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: u16,
    data: String,
}

/// Look up the text records of the mail domains that are not verified yet. Those that say what they should are the provider's from then
/// on, and nobody else's on the platform.
#[utoipa::path(
    post,
    path = "/v1/identity-providers/{provider}/verify",
    operation_id = "verify_identity_provider",
    tag = "federation",
    params(("provider" = IdentityProviderId, Path)),
    request_body = Empty,
    responses(
        (status = 200, description = "The identity provider, with what is verified now.", body = body::IdentityProvider),
        (status = 404, description = "There is no such identity provider.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "A domain is another tenant's or another provider's.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn verify(
    State(context): State<Context>,
    scope: Scope<right::IdentityProviderUpdate>,
    Path(id): Path<String>,
    Body { idempotency, .. }: Body<Empty>,
) -> Result<Answer, Problem> {
    let Found { provider: before, secret } = provider::load(&context, &scope.tenant, &id).await?;
    let mut choice = before.choice.clone();
    for own in choice.domains.iter_mut().filter(|own| own.verified_at.is_none()) {
        if says(&context, &own.domain, &challenge(before.id)).await? {
            own.verified_at = Some(context.now());
        }
    }
    if choice == before.choice {
        let version = before.version;
        let answer = Answer::ok(&body::IdentityProvider::from(before))?.version(version);
        return context.commit_nothing(idempotency.as_ref(), answer).await;
    }
    let after = before.changed(choice, before.secret_set_at, context.now());

    let body = body::IdentityProvider::from(after.clone());
    let changed = changes(&body::IdentityProvider::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("identity_provider", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    identity_provider::replace(&mut transaction, &scope.tenant, &before, &after, secret.as_ref())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

async fn says(context: &Context, domain: &MailDomain, expected: &str) -> Result<bool, Problem> {
    let resolver = context.settings().needed(Variable::DnsOverHttpsUrl)?;
    let url = format!("{resolver}?name={}&type=TXT", domain.record());
    let headers = [("accept", "application/dns-json".to_owned())];
    let asked = context.clients().outbound().get::<Resolved>(&url, &headers).await;
    let told = asked.map_err(StoreError::from)?;
    Ok(told.answer.iter().any(|entry| entry.kind == TXT && entry.data.trim_matches('"') == expected))
}
