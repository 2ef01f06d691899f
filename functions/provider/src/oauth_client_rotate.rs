//! `POST /v1/oauth-clients/{client}/rotate`: giving a client a new secret.

use axum::extract::{Path, State};
use deserr::Deserr;
use jiff::SignedDuration;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::ClientId;
use rookery_domain::key::LONGEST_OVERLAP_S;
use rookery_domain::oauth_client::ClientSecret;
use rookery_domain::permission::{Permission, right};
use rookery_edge::{Answer, Body, Context, Document, Problem, Scope};
use rookery_store::{Transaction, oauth_client};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{NewOauthClient, OauthClient};
use crate::oauth_client::load;
use crate::oauth_clients::may_act_as;

/// How long the old secret works beside the new one, unless told otherwise: a day.
const OVERLAP_S: u32 = 24 * 60 * 60;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(rotate))
}

/// How to rotate.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ClientRotation {
    /// For how many seconds the secret that the client has works beside the new one: a day, unless given; at most seven days. 0 ends it
    /// at once.
    #[deserr(default)]
    #[schema(maximum = 604_800)]
    overlap_s: Option<u32>,
}

/// Give a confidential client a new secret, which is in this answer and in no other.
///
/// The secret that it had works until the overlap ends; one from before that ends with this.
#[utoipa::path(
    post,
    path = "/v1/oauth-clients/{client}/rotate",
    operation_id = "rotate_oauth_client",
    tag = "provider",
    params(("client" = ClientId, Path)),
    request_body = ClientRotation,
    responses(
        (status = 200, description = "The client with its new secret.", body = NewOauthClient),
        (status = 404, description = "There is no such client.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is public, or was changed at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rotate(
    State(context): State<Context>,
    scope: Scope<right::OauthClientRotate>,
    Path(id): Path<String>,
    Body { value, idempotency }: Body<ClientRotation>,
) -> Result<Answer, Problem> {
    let overlap = value.overlap_s.unwrap_or(OVERLAP_S);
    if overlap > LONGEST_OVERLAP_S {
        return Err(Problem::invalid("/overlap_s", "is longer than seven days"));
    }
    let found = load(&context, &scope.tenant, &id).await?;
    let before = &found.client;
    if !before.confidential {
        return Err(Problem::conflict("public", "the client is public; it keeps no secret"));
    }
    if let Some(key) = before.terms.service_key {
        may_act_as(&context, &scope, key, Permission::OauthClientRotate).await?;
    }
    let now = context.now();
    let until = now.checked_add(SignedDuration::from_secs(overlap.into())).map_err(Problem::internal)?;
    let after = before.rotated(until, now);
    let secret = ClientSecret::new(after.id, context.random());

    let body = OauthClient::from(after.clone());
    let changed = changes(&OauthClient::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("oauth_client", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    oauth_client::rotate(&mut transaction, &scope.tenant, &found, &after, secret.digest())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&NewOauthClient { client: body, secret: Some(secret.reveal()) })?;
    let answer = answer.version(after.version).with_secret();
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}
