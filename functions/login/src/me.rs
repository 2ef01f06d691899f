//! `/v1/me`: one's own record.

use axum::extract::State;
use deserr::Deserr;
use http::Uri;
use rookery_domain::event::{Action, Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::permission::Permission;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Caller, Context, Document, IfMatch, Problem, wire};
use rookery_store::{Transaction, user};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, edit))
}

/// What people may change of their own record. The mail address, by which they are known, is for those who manage people.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct MePatch {
    /// The new name; absent keeps the old one.
    #[deserr(default)]
    name: Option<Name>,
}

/// Read one's own record.
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "read_me",
    tag = "login",
    responses(
        (status = 200, description = "The person who asks.", body = wire::User),
        (status = 403, description = "The key's scopes do not hold it, or it is a service key, which is no person.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(State(context): State<Context>, caller: Caller, uri: Uri) -> Result<Answer, Problem> {
    let found = own(&context, &caller, Permission::UserRead, &uri).await?;
    let version = found.user.version;
    Ok(Answer::ok(&wire::User::from(found.user))?.version(version))
}

async fn own(
    context: &Context,
    caller: &Caller,
    permission: Permission,
    uri: &Uri,
) -> Result<user::Found, Problem> {
    let id = caller.oneself(context, permission, uri.path()).await?;
    user::find(context.table()?, &caller.tenant, id).await?.ok_or(Problem::NotFound("user"))
}

/// Change one's own record.
#[utoipa::path(
    patch,
    path = "/v1/me",
    operation_id = "update_me",
    tag = "login",
    params(("If-Match" = Option<String>, Header)),
    request_body = MePatch,
    responses(
        (status = 200, description = "The record as it is now.", body = wire::User),
        (status = 403, description = "The key's scopes do not hold it, or it is not the person who asks.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn edit(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    if_match: IfMatch,
    Body { value, .. }: Body<MePatch>,
) -> Result<Answer, Problem> {
    let found = own(&context, &caller, Permission::UserUpdate, &uri).await?;
    let before = &found.user;
    if_match.check(before.version)?;
    let Some(name) = value.name.filter(|name| *name != before.name) else {
        return Ok(Answer::ok(&wire::User::from(before.clone()))?.version(before.version));
    };
    let after = before.edited(before.email.clone(), name, before.division, context.now());
    let body = wire::User::from(after.clone());
    // The audit trail outlives the person: it says that the name changed, and not what it is.
    let mut changed = changes(&wire::User::from(before.clone()), &body);
    for change in &mut changed {
        (change.before, change.after) = Default::default();
    }
    let event = caller.own_event(&context, Action::ME_UPDATE, Resource::new("user", after.id), after.version);
    let mut transaction = Transaction::new();
    user::replace(&mut transaction, &caller.tenant, &found, &after)?;
    transaction.event(&caller.tenant, &rookery_domain::event::Event { changes: changed, ..event })?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&caller.tenant, None, transaction, answer).await
}
