//! `/v1/apps/{app}`: reading, changing and deleting an application.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::app::{self, App, Platform};
use rookery_domain::channel::{ServedApp, Serving};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::AppId;
use rookery_domain::permission::right;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope, deciding};
use rookery_store::{Transaction, channel, serving};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{body, load};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, update, delete))
}

/// What may be changed of an application. What is absent stays as it is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct AppPatch {
    #[deserr(default)]
    #[schema(value_type = Name, required = false)]
    name: Patch<Name>,
    #[deserr(default)]
    #[schema(value_type = Vec<Platform>, required = false)]
    platforms: Patch<Vec<Platform>>,
}

impl AppPatch {
    /// What is to be changed; every fault where something is not as it may be.
    fn check(self) -> Result<(Option<Name>, Option<Vec<Platform>>), Faults> {
        let mut faults = Faults::default();
        let name = self.name.required("/name", &mut faults);
        let platforms = self.platforms.required("/platforms", &mut faults);
        let platforms = platforms.and_then(|list| {
            app::platforms(list).map_err(|fault| faults.push("/platforms", fault.to_string())).ok()
        });
        faults.into_result().map(|()| (name, platforms))
    }
}

/// Read an application with its public keys.
#[utoipa::path(
    get,
    path = "/v1/apps/{app}",
    operation_id = "read_app",
    tag = "catalog",
    params(("app" = AppId, Path)),
    responses(
        (status = 200, description = "The application.", body = body::App),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::AppRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let found = load::app(&context, &scope.tenant, &id).await?.app;
    answered(found)
}

fn answered(app: App) -> Result<Answer, Problem> {
    let version = app.version;
    Ok(Answer::ok(&body::App::from(app))?.version(version))
}

/// Change an application's name or platforms.
///
/// Devices on a platform that is taken away are offered nothing from then on; those on a new one are offered what they match.
#[utoipa::path(
    patch,
    path = "/v1/apps/{app}",
    operation_id = "update_app",
    tag = "catalog",
    params(("app" = AppId, Path), ("If-Match" = Option<String>, Header)),
    request_body = AppPatch,
    responses(
        (status = 200, description = "The application as it is now.", body = body::App),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or somebody else changed the application at the same time.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn update(
    State(context): State<Context>,
    scope: Scope<right::AppUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<AppPatch>,
) -> Result<Answer, Problem> {
    let (name, platforms) = value.check().map_err(Problem::Invalid)?;
    deciding(|| async {
        let before = load::app(&context, &scope.tenant, &id).await?;
        if_match.check(before.app.version)?;
        let after = before.app.changed(name.clone(), platforms.clone(), context.now());
        if (&after.name, &after.platforms) == (&before.app.name, &before.app.platforms) {
            return answered(before.app);
        }
        let mut transaction = Transaction::new();
        rookery_store::app::replace(&mut transaction, &scope.tenant, &before, &after)?;
        if after.platforms != before.app.platforms {
            serve_platforms(&context, &mut transaction, &after).await?;
        }
        let changed = changes(&body::App::from(before.app), &body::App::from(after.clone()));
        let event = scope.event(&context, Resource::new("app", after.id), after.version, changed);
        transaction.event(&scope.tenant, &event)?;
        context.commit(&scope.tenant, None, transaction, answered(after)?).await
    })
    .await
}

/// Tells the devices' side of an application which platforms it has now.
async fn serve_platforms(
    context: &Context,
    transaction: &mut Transaction,
    after: &App,
) -> Result<(), Problem> {
    let (served, servings) = shown(context, after).await?;
    Ok(serving::set_platforms(transaction, &served, &servings, &after.platforms, after.updated_at)?)
}

/// Loads everything that an application shows to devices.
async fn shown(context: &Context, app: &App) -> Result<(ServedApp, Vec<Serving>), Problem> {
    let table = context.table()?;
    // In this order, so that a channel that is made in between is noticed: making it changes what is read first.
    let served = serving::channels(table, app)
        .await?
        .ok_or_else(|| Problem::internal(format!("the app {} shows nothing to devices", app.id)))?;
    Ok((served, serving::of_app(table, app).await?))
}

/// Delete an application that has neither packages nor secrets.
///
/// Its channels go with it, and its app key is unknown from then on.
#[utoipa::path(
    delete,
    path = "/v1/apps/{app}",
    operation_id = "delete_app",
    tag = "catalog",
    params(("app" = AppId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such application.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It has packages, and with them perhaps releases, or secrets.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::AppDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    deciding(|| async {
        let app = load::app(&context, &scope.tenant, &id).await?.app;
        if_match.check(app.version)?;
        let changed = changes(&body::App::from(app.clone()), &serde_json::Value::Null);
        let event = scope.event(&context, Resource::new("app", app.id), app.version + 1, changed);
        let mut transaction = Transaction::new();
        rookery_store::app::delete(&mut transaction, &scope.tenant, &app);
        let (served, servings) = shown(&context, &app).await?;
        channel::close_app(&mut transaction, &scope.tenant, &app, &served, &servings);
        transaction.event(&scope.tenant, &event)?;
        let answer = context.commit(&scope.tenant, None, transaction, Answer::no_content()).await?;
        scope.forget_bindings(&context, app.id).await;
        Ok(answer)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(patch: serde_json::Value) -> Vec<String> {
        let patch: AppPatch = deserr::deserialize::<_, _, Faults>(patch).unwrap();
        patch.check().err().unwrap_or_default().0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn null_clears_nothing_that_an_app_needs() {
        assert_eq!(places(json!({"name": null, "platforms": null})), ["/name", "/platforms"]);
        assert_eq!(places(json!({"name": null, "platforms": []})), ["/name", "/platforms"]);
        assert_eq!(places(json!({"platforms": ["ios", "ios"]})), ["/platforms"]);
        assert!(places(json!({})).is_empty());
    }
}
