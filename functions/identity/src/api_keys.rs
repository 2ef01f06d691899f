//! `/v1/api-keys`: listing and creating API keys.

use axum::extract::State;
use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::key::{ApiKey, KeyOwner, Scopes, Token};
use rookery_domain::permission::right;
use rookery_domain::quota::Quota;
use rookery_domain::text::{Name, ParseError};
use rookery_edge::wire::{self, NewApiKey};
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Principal, Problem, Reach};
use rookery_store::{Transaction, credential, node, quota};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A key to be made.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewKey {
    name: Name,
    /// Permissions, or `*` alone for everything that the owner may.
    scopes: Vec<String>,
    /// From when on the key is refused; never, unless given.
    #[deserr(default)]
    expires_at: Option<Expiry>,
}

#[derive(Debug, Deserr, ToSchema)]
#[deserr(try_from(&String) = Expiry::parse -> ParseError)]
#[schema(value_type = String, format = DateTime)]
struct Expiry(Timestamp);

impl Expiry {
    fn parse(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("is not an RFC 3339 timestamp"))
    }
}

/// List the API keys that the caller may see, newest first.
///
/// A page may hold fewer than its limit, even none, and yet have a next one.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    operation_id = "list_api_keys",
    tag = "identity",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page of keys.", body = Page<wire::ApiKey>))
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::ApiKeyList>,
    params: Params,
) -> Result<Answer, Problem> {
    let (slice, paging) = params.paging(&reach.tenant)?;
    let mut listed = credential::list(context.table()?, &reach.tenant, slice).await?;
    listed.items = reach.keep(&context, listed.items, |key| key.id).await?;
    Answer::ok(&paging.page(listed, wire::ApiKey::from))
}

/// Create an API key that may do no more than the key that makes it. Its secret is in this answer and in no other.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    operation_id = "create_api_key",
    tag = "identity",
    request_body = NewKey,
    responses(
        (status = 201, description = "Created.", body = NewApiKey),
        (status = 422, description = "The input is invalid, or the quota of keys used up.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::ApiKeyCreate>,
    Body { value, idempotency }: Body<NewKey>,
) -> Result<Answer, Problem> {
    let now = context.now();
    let expires_at = value.expires_at.map(|expiry| expiry.0);
    let KeyOwner::User(owner) = reach.principal.owner else {
        return Err(Problem::Closed("a service key makes no personal keys"));
    };
    let scope = reach.at(&context, owner).await?;
    let scopes = granted(&scope.principal, &value.scopes, expires_at, now)?;
    let token = Token::new(context.new_id(), context.random());
    let key = ApiKey {
        id: token.id,
        tenant: scope.tenant.tenant(),
        owner: KeyOwner::User(owner),
        name: value.name,
        scopes,
        expires_at,
        revoked_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };

    let body = wire::ApiKey::from(key.clone());
    let event = scope.event(
        &context,
        Resource::new("api_key", key.id),
        key.version,
        changes(&serde_json::Value::Null, &body),
    );
    let mut transaction = Transaction::new();
    credential::create(&mut transaction, &scope.tenant, &key, token.digest())?;
    node::attach(&mut transaction, &scope.tenant, key.id, scope.place())?;
    quota::take(&mut transaction, &scope.tenant, scope.place(), Quota::Keys, 1);
    transaction.event(&scope.tenant, &event)?;

    let answer = Answer::created(
        format!("/v1/api-keys/{}", key.id),
        &NewApiKey { key: body, secret: token.reveal() },
    )?;
    let answer = answer.version(key.version).with_secret();
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// Reads the scopes of a new key. Neither they nor its life may go beyond those of the key that makes it.
fn granted(
    maker: &Principal,
    wanted: &[String],
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Scopes, Problem> {
    let mut faults = Faults::default();
    let scopes = Scopes::from_strings(wanted);
    match &scopes {
        _ if wanted.is_empty() => faults.push("/scopes", "is empty"),
        Ok(scopes) if !maker.scopes.cover(scopes) => {
            faults.push("/scopes", "goes beyond the scopes of the key that makes it");
        }
        Ok(_) => {}
        Err(bad) => {
            for (at, fault) in bad {
                faults.push(format!("/scopes/{at}"), fault.to_string());
            }
        }
    }
    if expires_at.is_some_and(|expiry| expiry <= now) {
        faults.push("/expires_at", "is not in the future");
    }
    if maker.expires_at.is_some_and(|end| expires_at.is_none_or(|expiry| expiry > end)) {
        faults.push("/expires_at", "is not within the life of the key that makes it");
    }
    match scopes {
        Ok(scopes) if faults.0.is_empty() => Ok(scopes),
        _ => Err(Problem::Invalid(faults)),
    }
}
