//! `/v1/divisions/{division}`: reading, changing and deleting a division.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::division::{Division, DivisionCode};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::DivisionId;
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{TenantScope, Transaction, division};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, update, delete))
}

/// What may be changed of a division. What is absent stays as it is; moving it is a command of its own.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct DivisionPatch {
    #[deserr(default)]
    #[schema(value_type = Name, required = false)]
    name: Patch<Name>,
    #[deserr(default)]
    #[schema(value_type = DivisionCode, required = false)]
    code: Patch<DivisionCode>,
}

impl DivisionPatch {
    fn check(self) -> Result<(Option<Name>, Option<DivisionCode>), Problem> {
        let mut faults = Faults::default();
        let name = self.name.required("/name", &mut faults);
        let code = self.code.required("/code", &mut faults);
        faults.into_result().map(|()| (name, code)).map_err(Problem::Invalid)
    }
}

pub(crate) async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Division, Problem> {
    let found = division::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("division"))
}

pub(crate) fn answered(division: Division) -> Result<Answer, Problem> {
    let version = division.version;
    Ok(Answer::ok(&body::Division::from(division))?.version(version))
}

/// Read a division.
#[utoipa::path(
    get,
    path = "/v1/divisions/{division}",
    operation_id = "read_division",
    tag = "tenancy",
    params(("division" = DivisionId, Path)),
    responses(
        (status = 200, description = "The division.", body = body::Division),
        (status = 404, description = "There is no such division.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::DivisionRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    answered(load(&context, &scope.tenant, &id).await?)
}

/// Change a division's name or code.
#[utoipa::path(
    patch,
    path = "/v1/divisions/{division}",
    operation_id = "update_division",
    tag = "tenancy",
    params(("division" = DivisionId, Path), ("If-Match" = Option<String>, Header)),
    request_body = DivisionPatch,
    responses(
        (status = 200, description = "The division as it is now.", body = body::Division),
        (status = 404, description = "There is no such division.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name or the code is taken.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(context): State<Context>,
    scope: Scope<right::DivisionUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<DivisionPatch>,
) -> Result<Answer, Problem> {
    let (name, code) = value.check()?;
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let after = before.changed(name, code, context.now());
    if (&after.name, &after.code) == (&before.name, &before.code) {
        return answered(before);
    }
    let changed = changes(&body::Division::from(before.clone()), &body::Division::from(after.clone()));
    let event = scope.event(&context, Resource::new("division", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    division::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, answered(after)?).await
}

/// Delete a division that holds nothing any more.
#[utoipa::path(
    delete,
    path = "/v1/divisions/{division}",
    operation_id = "delete_division",
    tag = "tenancy",
    params(("division" = DivisionId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such division.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It still holds divisions, workspaces, groups or people.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::DivisionDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let before = load(&context, &scope.tenant, &id).await?;
    if_match.check(before.version)?;
    let changed = changes(&body::Division::from(before.clone()), &serde_json::Value::Null);
    let event = scope.event(&context, Resource::new("division", before.id), before.version + 1, changed);
    let mut transaction = Transaction::new();
    division::delete(&mut transaction, &scope.tenant, &before);
    transaction.event(&scope.tenant, &event)?;
    let answer = context.commit(&scope.tenant, None, transaction, Answer::no_content()).await?;
    scope.forget_bindings(&context, before.id).await;
    Ok(answer)
}
