//! `POST /v1/apps/{app}/secrets/{secret}/verify`: asking whether a value is a secret's current one.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Change, Resource};
use rookery_domain::fault::Faults;
use rookery_domain::id::{AppId, SecretId};
use rookery_domain::permission::right;
use rookery_domain::secret::SecretValue;
use rookery_edge::{Answer, Body, Context, Document, Problem, Scope};
use rookery_store::{Transaction, secret};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::load;
use crate::secrets::BODY;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(verify))
}

/// A value that may be the secret's.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Candidate {
    value: SecretValue,
}

/// Whether it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdict {
    /// Whether the value is the secret's current one.
    matches: bool,
}

/// Ask whether a value is a secret's current one. Every answer is in the audit trail, whichever it was.
#[utoipa::path(
    post,
    path = "/v1/apps/{app}/secrets/{secret}/verify",
    operation_id = "verify_secret",
    tag = "catalog",
    params(("app" = AppId, Path), ("secret" = SecretId, Path)),
    request_body = Candidate,
    responses(
        (status = 200, description = "Whether it is.", body = Verdict),
        (status = 404, description = "There is no such secret.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn verify(
    State(context): State<Context>,
    scope: Scope<right::SecretUse>,
    Path(place): Path<(String, String)>,
    Body { value, idempotency }: Body<Candidate, BODY>,
) -> Result<Answer, Problem> {
    let found = load::secret(&context, &scope.tenant, &place).await?;
    let (table, sealer) = (context.table()?, context.sealer());
    let matches = secret::matches(table, &sealer, &scope.tenant, &found, value.value.reveal()).await?;

    // A use changes nothing, so that it has no place among the secret's versions: 0.
    let verdict = Change { field: "matches".to_owned(), before: Value::Null, after: matches.into() };
    let event = scope.event(&context, Resource::new("secret", found.id), 0, vec![verdict]);
    let mut transaction = Transaction::new();
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&Verdict { matches })?;
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}
