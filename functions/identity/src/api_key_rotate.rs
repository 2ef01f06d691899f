//! `POST /v1/api-keys/{key}/rotate`: giving an API key a new secret.

use axum::extract::{Path, State};
use deserr::Deserr;
use jiff::SignedDuration;
use rookery_domain::binding::Subject;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::KeyId;
use rookery_domain::key::{ApiKey, KeyOwner, LONGEST_OVERLAP_S, Token};
use rookery_domain::permission::{Permission, right};
use rookery_edge::wire::{self, NewApiKey};
use rookery_edge::{Answer, Body, Caller, Context, Document, PrincipalId, Problem, Scope};
use rookery_store::{Transaction, access, credential};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api_key::{load, refuse_revoked};

/// How long the old secret works beside the new one, unless told otherwise: a day.
const OVERLAP_S: u32 = 24 * 60 * 60;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(rotate))
}

/// How to rotate.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Rotation {
    /// For how many seconds the secret that the key has works beside the new one: a day, unless given; at most seven days. 0 ends it
    /// within a minute.
    #[deserr(default)]
    #[schema(maximum = 604_800)]
    overlap_s: Option<u32>,
}

/// Give an API key a new secret, which is in this answer and in no other.
///
/// The secret that it had works until the overlap ends; one from before that ends with this. A personal key is rotated by its owner.
/// A service key is rotated by itself, or by somebody who holds everything that it holds; and never with a key that may do less.
#[utoipa::path(
    post,
    path = "/v1/api-keys/{key}/rotate",
    operation_id = "rotate_api_key",
    tag = "identity",
    params(("key" = KeyId, Path)),
    request_body = Rotation,
    responses(
        (status = 200, description = "The key with its new secret.", body = NewApiKey),
        (status = 404, description = "There is no such key.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It was revoked, or changed at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rotate(
    State(context): State<Context>,
    scope: Scope<right::ApiKeyRotate>,
    Path(id): Path<String>,
    Body { value, idempotency }: Body<Rotation>,
) -> Result<Answer, Problem> {
    let overlap = value.overlap_s.unwrap_or(OVERLAP_S);
    if overlap > LONGEST_OVERLAP_S {
        return Err(Problem::invalid("/overlap_s", "is longer than seven days"));
    }
    let before = load(&context, &scope.tenant, &id).await?;
    refuse_revoked(&before.key)?;
    if !may_have_its_secret(&context, &scope, &before.key).await? {
        let (path, right) = (format!("/v1/api-keys/{id}/rotate"), Permission::ApiKeyRotate);
        return Err(scope.beyond_own_rights(&context, right, right, &path).await?);
    }
    let now = context.now();
    let until = now.checked_add(SignedDuration::from_secs(overlap.into())).map_err(Problem::internal)?;
    let after = before.key.rotated(until, now);
    let token = Token::new(after.id, context.random());

    let body = wire::ApiKey::from(after.clone());
    let changed = changes(&wire::ApiKey::from(before.key.clone()), &body);
    let event = scope.event(&context, Resource::new("api_key", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    credential::rotate(&mut transaction, &scope.tenant, &before, &after, token.digest())?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&NewApiKey { key: body, secret: token.reveal() })?;
    let answer = answer.version(after.version).with_secret();
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// Whoever gets the secret of a key can do everything that the key can. So it is for those who can do it anyway.
async fn may_have_its_secret(context: &Context, caller: &Caller, key: &ApiKey) -> Result<bool, Problem> {
    if caller.principal.id() == PrincipalId::Key(key.id) {
        return Ok(true);
    }
    if !caller.principal.limits().faults(&key.limits()).0.is_empty() {
        return Ok(false);
    }
    if let KeyOwner::User(person) = key.owner {
        return Ok(caller.principal.person() == Some(person));
    }
    let given = access::find(context.table()?, &caller.tenant, Subject::Key(key.id)).await?;
    caller.covers(context, given.iter().flat_map(|access| &access.grants)).await
}
