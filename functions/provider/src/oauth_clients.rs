//! `/v1/oauth-clients`: listing and creating clients.

use axum::extract::State;
use deserr::Deserr;
use rookery_access::Principal as Holder;
use rookery_domain::binding::Subject;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::id::KeyId;
use rookery_domain::key::KeyOwner;
use rookery_domain::oauth_client::{
    ClientSecret, ExtraClaim, Grant, OauthClient, RedirectUri, Scope as Words, ScopeWord, Terms,
};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::Name;
use rookery_domain::token_key::Algorithm;
use rookery_edge::{Answer, Body, Caller, Context, Document, Page, Params, PrincipalId, Problem, Scope};
use rookery_store::{Transaction, access, credential, oauth_client};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{self, Kind, NewOauthClient};

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A client to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewClient {
    /// What people call it, and see when they log in.
    name: Name,
    /// Whether it keeps a secret: `confidential`, unless given.
    #[deserr(default)]
    kind: Option<Kind>,
    /// Where people may be sent back to with a code, at most 20: https, http on localhost, or an app's own scheme with a dot in it.
    #[deserr(default)]
    redirect_uris: Vec<RedirectUri>,
    /// Where people may be sent to who logged out, at most 20.
    #[deserr(default)]
    post_logout_redirect_uris: Vec<RedirectUri>,
    /// How it gets tokens: `authorization_code`, unless given.
    #[deserr(default)]
    grants: Option<Vec<Grant>>,
    /// What it may ask for: `openid`, `profile` and `email`, unless given.
    #[deserr(default)]
    scopes: Option<Vec<ScopeWord>>,
    /// What else it is told of people; nothing, unless given.
    #[deserr(default)]
    claims: Vec<ExtraClaim>,
    /// How its id tokens are signed: `RS256`, unless given.
    #[deserr(default)]
    id_token_algorithm: Option<Algorithm>,
    /// Whether it has to prove that the code that it comes with was asked for by itself (RFC 7636): it has to, unless a confidential client
    /// is told otherwise.
    #[deserr(default)]
    require_pkce: Option<bool>,
    /// The service key whose rights it acts with by itself, for `client_credentials`.
    #[deserr(default)]
    service_key_id: Option<KeyId>,
}

impl NewClient {
    fn terms(self) -> Terms {
        let usual = || vec![ScopeWord::Openid, ScopeWord::Profile, ScopeWord::Email];
        Terms {
            name: self.name,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            grants: self.grants.unwrap_or_else(|| vec![Grant::AuthorizationCode]).into_iter().collect(),
            scope: Words(self.scopes.unwrap_or_else(usual).into_iter().collect()),
            claims: self.claims.into_iter().collect(),
            id_token_algorithm: self.id_token_algorithm.unwrap_or(Algorithm::Rs256),
            require_pkce: self.require_pkce.unwrap_or(true),
            service_key: self.service_key_id,
        }
    }
}

/// List the tenant's clients, newest first.
#[utoipa::path(
    get,
    path = "/v1/oauth-clients",
    operation_id = "list_oauth_clients",
    tag = "provider",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of clients.", body = Page<body::OauthClient>))
)]
async fn list(
    State(context): State<Context>,
    scope: Scope<right::OauthClientList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&scope.tenant)?;
    let listed = oauth_client::list(context.table()?, &scope.tenant, slice).await?;
    Answer::ok(&paging.page(listed, body::OauthClient::from))
}

/// Create a client. The secret of a confidential one is in this answer and in no other.
///
/// It may ask for no more than the caller's key holds, and act by itself with the rights of a service key only if the caller holds them.
#[utoipa::path(
    post,
    path = "/v1/oauth-clients",
    operation_id = "create_oauth_client",
    tag = "provider",
    request_body = NewClient,
    responses(
        (status = 201, description = "Created.", body = NewOauthClient),
        (status = 422, description = "The input is invalid.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    scope: Scope<right::OauthClientCreate>,
    Body { value, idempotency }: Body<NewClient>,
) -> Result<Answer, Problem> {
    let confidential = value.kind != Some(Kind::Public);
    let terms = value.terms();
    check(&scope, &terms, confidential)?;
    if let Some(key) = terms.service_key {
        may_act_as(&context, &scope, key, Permission::OauthClientCreate).await?;
    }
    let now = context.now();
    let client = OauthClient {
        id: context.new_id(),
        tenant: scope.tenant.tenant(),
        confidential,
        terms,
        previous_until: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let secret = confidential.then(|| ClientSecret::new(client.id, context.random()));

    let body = body::OauthClient::from(client.clone());
    let changed = changes(&serde_json::Value::Null, &body);
    let event = scope.event(&context, Resource::new("oauth_client", client.id), client.version, changed);
    let mut transaction = Transaction::new();
    let digest = secret.as_ref().map(ClientSecret::digest);
    oauth_client::create(&mut transaction, &scope.tenant, &client, digest)?;
    transaction.event(&scope.tenant, &event)?;
    let secret = secret.as_ref().map(ClientSecret::reveal);
    let place = format!("/v1/oauth-clients/{}", client.id);
    let answer = Answer::created(place, &NewOauthClient { client: body, secret })?;
    let answer = answer.version(client.version).with_secret();
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// Refuses terms that cannot be, and those by which a client could be let do more than the caller's key may.
pub(crate) fn check(caller: &Caller, terms: &Terms, confidential: bool) -> Result<(), Problem> {
    let mut faults = terms.faults(confidential);
    if !caller.principal.limits().scopes.cover(&terms.scope.rights().as_scopes()) {
        faults.push("/scopes", "go beyond the scopes of the key that asks for it");
    }
    faults.into_result().map_err(Problem::Invalid)
}

/// Whoever has the secret of a client can do what its service key can. So it is for those who can do it anyway.
pub(crate) async fn may_act_as(
    context: &Context,
    caller: &Caller,
    key: KeyId,
    permission: Permission,
) -> Result<(), Problem> {
    const FIELD: &str = "/service_key_id";
    let found = credential::find(context.table()?, &caller.tenant, key).await?;
    let found = found.ok_or_else(|| Problem::invalid(FIELD, "does not exist"))?;
    if matches!(found.key.owner, KeyOwner::User(_)) {
        return Err(Problem::invalid(FIELD, "is a person's; make a service key"));
    }
    if !found.credential().valid_at(context.now()) {
        return Err(Problem::invalid(FIELD, "was revoked, or has expired"));
    }
    if caller.principal.id() == PrincipalId::Key(key) {
        return Ok(());
    }
    let given = access::find(context.table()?, &caller.tenant, Subject::Key(key)).await?;
    let holds = caller.principal.limits().faults(&found.key.limits()).0.is_empty()
        && caller.covers(context, given.iter().flat_map(|access| &access.grants)).await?;
    if holds {
        return Ok(());
    }
    let path = format!("/v1/api-keys/{}", Holder::Key(key));
    Err(caller.beyond_own_rights(context, permission, permission, &path).await?)
}
