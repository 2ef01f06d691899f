//! `/v1/tenant`: reading and changing the caller's own tenant.

use axum::extract::State;
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::password::PasswordLength;
use rookery_domain::permission::right;
use rookery_domain::tenant::Tenant;
use rookery_domain::text::{Email, Name};
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{TenantScope, Transaction, tenant};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, update))
}

/// What may be changed of a tenant. What is absent stays as it is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct TenantPatch {
    #[deserr(default)]
    #[schema(value_type = Name, required = false)]
    name: Patch<Name>,
    #[deserr(default)]
    #[schema(value_type = TenantSettingsPatch, required = false)]
    settings: Patch<TenantSettingsPatch>,
}

/// What may be changed of a tenant's settings. What is absent stays as it is.
#[derive(Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct TenantSettingsPatch {
    /// Whom those who operate the platform write to about security; `null` for nobody.
    #[deserr(default)]
    #[schema(value_type = Option<Email>, required = false)]
    security_contact: Patch<Email>,
    /// Whether people must log in with a second factor.
    #[deserr(default)]
    #[schema(value_type = bool, required = false)]
    require_second_factor: Patch<bool>,
    /// How many characters a password must have that somebody chooses from now on: 8 to 64.
    #[deserr(default)]
    #[schema(value_type = u8, minimum = 8, maximum = 64, required = false)]
    password_length: Patch<u8>,
}

/// A change that was checked.
#[derive(Debug)]
pub(crate) struct Change {
    name: Option<Name>,
    security_contact: Patch<Email>,
    require_second_factor: Option<bool>,
    password_length: Option<PasswordLength>,
}

impl TenantPatch {
    fn check(self) -> Result<Change, Problem> {
        let mut faults = Faults::default();
        let name = self.name.required("/name", &mut faults);
        let settings = self.settings.required("/settings", &mut faults).unwrap_or_default();
        let change = settings.noted(name, "/settings", &mut faults);
        faults.into_result().map(|()| change).map_err(Problem::Invalid)
    }
}

impl TenantSettingsPatch {
    /// The change of the settings alone.
    pub(crate) fn check(self) -> Result<Change, Problem> {
        let mut faults = Faults::default();
        let change = self.noted(None, "", &mut faults);
        faults.into_result().map(|()| change).map_err(Problem::Invalid)
    }

    fn noted(self, name: Option<Name>, at: &str, faults: &mut Faults) -> Change {
        let require_second_factor =
            self.require_second_factor.required(&format!("{at}/require_second_factor"), faults);
        let at = format!("{at}/password_length");
        let password_length = self.password_length.required(&at, faults).and_then(|characters| {
            let length = PasswordLength::new(characters);
            if length.is_none() {
                faults.push(&at, "is not 8 to 64");
            }
            length
        });
        Change { name, security_contact: self.security_contact, require_second_factor, password_length }
    }
}

pub(crate) async fn load(context: &Context, scope: &TenantScope) -> Result<Tenant, Problem> {
    tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))
}

fn answered(tenant: Tenant) -> Result<Answer, Problem> {
    let version = tenant.version;
    Ok(Answer::ok(&body::OwnTenant::from(tenant))?.version(version))
}

/// Read the caller's tenant with its settings.
#[utoipa::path(
    get,
    path = "/v1/tenant",
    operation_id = "read_tenant",
    tag = "tenancy",
    responses((status = 200, description = "The tenant.", body = body::OwnTenant))
)]
async fn read(State(context): State<Context>, scope: Scope<right::TenantRead>) -> Result<Answer, Problem> {
    answered(load(&context, &scope.tenant).await?)
}

/// Change the caller's tenant: its name, its settings. The slug stays for good.
#[utoipa::path(
    patch,
    path = "/v1/tenant",
    operation_id = "update_tenant",
    tag = "tenancy",
    params(("If-Match" = Option<String>, Header)),
    request_body = TenantPatch,
    responses(
        (status = 200, description = "The tenant as it is now.", body = body::OwnTenant),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(context): State<Context>,
    scope: Scope<right::TenantUpdate>,
    if_match: IfMatch,
    Body { value, .. }: Body<TenantPatch>,
) -> Result<Answer, Problem> {
    change(&context, &scope, if_match, value.check()?, answered).await
}

/// Changes the tenant, if that changes anything, and answers what is made of it.
pub(crate) async fn change(
    context: &Context,
    scope: &Scope<right::TenantUpdate>,
    if_match: IfMatch,
    change: Change,
    answered: impl Fn(Tenant) -> Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    let before = load(context, &scope.tenant).await?;
    if_match.check(before.version)?;
    let Change { name, security_contact, require_second_factor, password_length } = change;
    let settings = before.settings.changed(security_contact, require_second_factor, password_length);
    let after = before.changed(name, settings, context.now());
    if (&after.name, &after.settings) == (&before.name, &before.settings) {
        return answered(before);
    }
    let changed = changes(&body::OwnTenant::from(before.clone()), &body::OwnTenant::from(after.clone()));
    let event = scope.event(context, Resource::new("tenant", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    tenant::replace(&mut transaction, &scope.tenant, &before, &after)?;
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, answered(after)?).await
}
