//! `POST /v1/auth/password/change`: choosing another password by the present one.

use axum::extract::State;
use deserr::Deserr;
use http::Uri;
use rookery_domain::event::{Action, DenialReason, Resource};
use rookery_domain::fault::Faults;
use rookery_edge::password::{Chosen, Presented, verify};
use rookery_edge::{Answer, Caller, Context, Document, Guess, Json, Problem, deciding};
use rookery_store::{Transaction, factor};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::person;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(change))
}

/// Another password.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PasswordChange {
    /// The present password.
    current_password: Presented,
    /// The new one: as long as the tenant asks for, not easy to guess, none of the last five.
    password: Chosen,
}

/// Choose another password. It takes the present one, whoever is logged in. Every session of the person ends but the one that asks.
#[utoipa::path(
    post,
    path = "/v1/auth/password/change",
    operation_id = "change_password",
    tag = "login",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "Chosen."),
        (status = 422, description = "The present password is another, or the new one will not do.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong ones.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn change(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Json(value): Json<PasswordChange>,
) -> Result<Answer, Problem> {
    let (id, session) = person::logged_in(&context, &caller, &uri).await?;
    let scope = &caller.tenant;
    let guess = Guess::at_code(id);
    guess.count(&context).await?;
    deciding(|| async {
        let table = context.table()?;
        let found = person::active(&context, scope, id).await?.ok_or(Problem::NotFound("user"))?;
        let known = factor::find(table, scope, id).await?;
        let mut transaction = Transaction::new();
        if !verify(&value.current_password.0, known.hash()).is_right() {
            let (action, reason) = (Action::PASSWORD_CHANGE, DenialReason::WrongPassword);
            let resource = Resource::new("user", id);
            let event = context.strangers_attempt(scope.tenant(), action, resource, &caller.origin, reason);
            transaction.event(scope, &event)?;
            table.commit(&transaction).await?;
            return Err(Problem::invalid("/current_password", "is not the present password"));
        }
        let hash = person::chosen(&context, scope, &found.user, &value.password.0, &known).await?;
        factor::put(&mut transaction, scope, id, &known, &known.with_password(hash, context.now()))?;
        guess.was_right(&mut transaction);
        person::log_out(&context, &mut transaction, scope, &caller.origin, id, Some(session)).await?;
        let action = (Action::PASSWORD_CHANGE, 0);
        let event = person::event(&context, scope, id, action, &caller.origin, Vec::new());
        transaction.event(scope, &event)?;
        context.commit(scope, None, transaction, Answer::no_content()).await
    })
    .await
}
