//! `/v1/oauth-clients/{client}`: reading, changing and deleting a client.

use axum::extract::{Path, State};
use deserr::Deserr;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::{ClientId, KeyId};
use rookery_domain::oauth_client::{ExtraClaim, Grant, RedirectUri, Scope as Words, ScopeWord, Terms};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::Name;
use rookery_domain::token_key::Algorithm;
use rookery_edge::{Answer, Body, Context, Document, IfMatch, Problem, Scope};
use rookery_store::{TenantScope, Transaction, oauth_client};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::OauthClient;
use crate::oauth_clients::{check, may_act_as};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read, change, delete))
}

/// Loads a client of the caller's tenant, or answers that there is none.
pub(crate) async fn load(
    context: &Context,
    scope: &TenantScope,
    id: &str,
) -> Result<oauth_client::Found, Problem> {
    let found = oauth_client::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("client"))
}

/// Read a client. Its secret is not part of it.
#[utoipa::path(
    get,
    path = "/v1/oauth-clients/{client}",
    operation_id = "read_oauth_client",
    tag = "provider",
    params(("client" = ClientId, Path)),
    responses(
        (status = 200, description = "The client.", body = OauthClient),
        (status = 404, description = "There is no such client.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::OauthClientRead>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let client = load(&context, &scope.tenant, &id).await?.client;
    let version = client.version;
    Ok(Answer::ok(&OauthClient::from(client))?.version(version))
}

/// What may be changed of a client. What is absent stays as it is.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ClientPatch {
    #[deserr(default)]
    name: Option<Name>,
    #[deserr(default)]
    redirect_uris: Option<Vec<RedirectUri>>,
    #[deserr(default)]
    post_logout_redirect_uris: Option<Vec<RedirectUri>>,
    #[deserr(default)]
    grants: Option<Vec<Grant>>,
    #[deserr(default)]
    scopes: Option<Vec<ScopeWord>>,
    #[deserr(default)]
    claims: Option<Vec<ExtraClaim>>,
    #[deserr(default)]
    id_token_algorithm: Option<Algorithm>,
    #[deserr(default)]
    require_pkce: Option<bool>,
    /// The service key whose rights it acts with by itself; `null`: none.
    #[deserr(default)]
    #[schema(value_type = Option<KeyId>, required = false)]
    service_key_id: Patch<KeyId>,
}

impl ClientPatch {
    fn apply(self, before: Terms) -> Terms {
        Terms {
            name: self.name.unwrap_or(before.name),
            redirect_uris: self.redirect_uris.unwrap_or(before.redirect_uris),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris
                .unwrap_or(before.post_logout_redirect_uris),
            grants: self.grants.map_or(before.grants, |grants| grants.into_iter().collect()),
            scope: self.scopes.map_or(before.scope, |words| Words(words.into_iter().collect())),
            claims: self.claims.map_or(before.claims, |claims| claims.into_iter().collect()),
            id_token_algorithm: self.id_token_algorithm.unwrap_or(before.id_token_algorithm),
            require_pkce: self.require_pkce.unwrap_or(before.require_pkce),
            service_key: self.service_key_id.apply(before.service_key),
        }
    }
}

/// Change a client. What it may ask for and what rights it acts with are changed within the bounds of creating one.
#[utoipa::path(
    patch,
    path = "/v1/oauth-clients/{client}",
    operation_id = "change_oauth_client",
    tag = "provider",
    params(("client" = ClientId, Path), ("If-Match" = Option<String>, Header)),
    request_body = ClientPatch,
    responses(
        (status = 200, description = "The client as it is now.", body = OauthClient),
        (status = 404, description = "There is no such client.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn change(
    State(context): State<Context>,
    scope: Scope<right::OauthClientUpdate>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body { value, .. }: Body<ClientPatch>,
) -> Result<Answer, Problem> {
    let found = load(&context, &scope.tenant, &id).await?;
    let before = &found.client;
    if_match.check(before.version)?;
    let terms = value.apply(before.terms.clone());
    if terms == before.terms {
        return Ok(Answer::ok(&OauthClient::from(before.clone()))?.version(before.version));
    }
    if terms.scope == before.terms.scope {
        terms.faults(before.confidential).into_result().map_err(Problem::Invalid)?;
    } else {
        check(&scope, &terms, before.confidential)?;
    }
    if let Some(key) = terms.service_key
        && (terms.service_key != before.terms.service_key || terms.scope != before.terms.scope)
    {
        may_act_as(&context, &scope, key, Permission::OauthClientUpdate).await?;
    }
    let after = before.changed(terms, context.now());

    let body = OauthClient::from(after.clone());
    let changed = changes(&OauthClient::from(before.clone()), &body);
    let event = scope.event(&context, Resource::new("oauth_client", after.id), after.version, changed);
    let mut transaction = Transaction::new();
    oauth_client::replace(&mut transaction, &scope.tenant, &found, &after)?;
    transaction.event(&scope.tenant, &event)?;
    let answer = Answer::ok(&body)?.version(after.version);
    context.commit(&scope.tenant, None, transaction, answer).await
}

/// Delete a client. Nobody logs in to it any more, and it gets no tokens; those that it has are refused everywhere within 60 seconds.
#[utoipa::path(
    delete,
    path = "/v1/oauth-clients/{client}",
    operation_id = "delete_oauth_client",
    tag = "provider",
    params(("client" = ClientId, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is no such client.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(context): State<Context>,
    scope: Scope<right::OauthClientDelete>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let client = load(&context, &scope.tenant, &id).await?.client;
    if_match.check(client.version)?;
    let changed = changes(&OauthClient::from(client.clone()), &serde_json::Value::Null);
    let event = scope.event(&context, Resource::new("oauth_client", client.id), client.version + 1, changed);
    let mut transaction = Transaction::new();
    oauth_client::delete(&mut transaction, &scope.tenant, &client);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}
