//! `/v1/me/consents`: what one lets clients do.

use axum::extract::{Path, State};
use http::Uri;
use jiff::Timestamp;
use rookery_domain::consent::Consent;
use rookery_domain::event::{Action, Resource, changes};
use rookery_domain::id::ClientId;
use rookery_domain::oauth_client::{RedirectUri, ScopeWord};
use rookery_domain::permission::Permission;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Caller, Context, Document, Page, Params, Problem};
use rookery_store::{Listed, Transaction, consent, oauth_client, session};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::end;

/// The routes.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(withdraw))
}

/// What one lets a client do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub struct ConsentBody {
    /// The client.
    pub client_id: ClientId,
    /// What it is called; `null` once it was deleted.
    pub client_name: Option<Name>,
    /// What it was let do.
    pub scopes: Vec<ScopeWord>,
    /// Where one is sent back to it; `null` if it was let in on devices alone.
    pub redirect_uri: Option<RedirectUri>,
    /// When one last let it do something.
    pub given_at: Timestamp,
}

/// List what one lets clients do, the newest clients first.
#[utoipa::path(
    get,
    path = "/v1/me/consents",
    operation_id = "list_my_consents",
    tag = "login",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of them.", body = Page<ConsentBody>))
)]
async fn list(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    params: Params,
) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::SessionList, uri.path()).await?;
    let (slice, paging) = params.paging(&caller.tenant)?;
    let table = context.table()?;
    let mut items = consent::list(table, &caller.tenant, user).await?;
    items.reverse();
    let listed = Listed::part_of(items, &slice, |consent| consent.client.to_string());
    let ids: Vec<ClientId> = listed.items.iter().map(|consent| consent.client).collect();
    let clients = oauth_client::find_all(table, &caller.tenant, &ids).await?;
    let shown = |consent: Consent| ConsentBody {
        client_name: clients
            .iter()
            .find(|client| client.id == consent.client)
            .map(|client| client.terms.name.clone()),
        client_id: consent.client,
        scopes: consent.everything().0.into_iter().collect(),
        redirect_uri: consent.redirect_uri,
        given_at: consent.at,
    };
    Answer::ok(&paging.page(listed, shown))
}

/// Take back what one lets a client do. All that it has of one ends; it is refused everywhere within 60 seconds, and asks again the next time.
#[utoipa::path(
    delete,
    path = "/v1/me/consents/{client}",
    operation_id = "withdraw_my_consent",
    tag = "login",
    params(("client" = ClientId, Path)),
    responses(
        (status = 204, description = "Taken back."),
        (status = 404, description = "The caller lets no such client do anything.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn withdraw(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::SessionEnd, uri.path()).await?;
    let (table, client): (_, ClientId) = (context.table()?, id.parse()?);
    let found = consent::find(table, &caller.tenant, (user, client)).await?;
    let before = found.ok_or(Problem::NotFound("consent"))?;
    let mut ended = session::list(table, &caller.tenant, user, context.now()).await?;
    // There are few of one client by a rule of the domain: they end together with what was let.
    ended.retain(|session| session.client.as_deref() == Some(id.as_str()));
    let mut transaction = Transaction::new();
    for session in &ended {
        end::one(&context, &caller, &mut transaction, session)?;
    }
    consent::remove(&mut transaction, &caller.tenant, user, client);
    let said = json!({"client_id": client, "scope": before.everything().to_string()});
    let mut event = caller.own_event(&context, Action::OAUTH_WITHDRAW, Resource::new("user", user), 0);
    event.changes = changes(&said, &Value::Null);
    transaction.event(&caller.tenant, &event)?;
    table.commit(&transaction).await?;
    Ok(Answer::no_content())
}
