//! `/v1/api-keys`: listing and creating API keys.

use axum::extract::State;
use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::binding::{Range, Subject};
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::Faults;
use rookery_domain::key::{ApiKey, KeyOwner, Limits, MOST_RANGES, Scopes, Token};
use rookery_domain::permission::right;
use rookery_domain::quota::Quota;
use rookery_domain::text::{Name, ParseError};
use rookery_edge::wire::{self, NewApiKey};
use rookery_edge::{Answer, Body, Context, Document, Page, Params, Principal, Problem, Reach};
use rookery_store::access::{self, Access};
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
    /// Whose key it is: the caller, unless given, or the place that a service key works for, which is a tenant, an organization, a
    /// division, a workspace, a project or an app. A service key may do what it is given a role for, there or below.
    #[deserr(default)]
    owner_id: Option<KeyOwner>,
    /// Permissions, or `*` alone for everything that the owner may.
    scopes: Vec<String>,
    /// The address ranges that it may be used from, at most 20; from anywhere, unless given.
    #[deserr(default)]
    addresses: Vec<Range>,
    /// From when on the key is refused; never, unless given.
    #[deserr(default)]
    expires_at: Option<Expiry>,
}

/// The part of a key to be made that bounds it.
struct NewKeyLimits {
    scopes: Vec<String>,
    addresses: Vec<Range>,
    expires_at: Option<Expiry>,
}

/// An instant as bodies name it.
#[derive(Debug, Clone, Copy, Deserr, ToSchema)]
#[deserr(try_from(&String) = Expiry::parse -> ParseError)]
#[schema(value_type = String, format = DateTime)]
pub(crate) struct Expiry(pub(crate) Timestamp);

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
    let ids = listed.items.iter().map(|key| key.id);
    let uses = credential::last_uses(context.table()?, &reach.tenant, ids).await?;
    Answer::ok(&paging.page(listed, |key| {
        let last_used_at = uses.get(&key.id).copied();
        wire::ApiKey { last_used_at, ..key.into() }
    }))
}

/// Create an API key that may do no more than the key that makes it. Its secret is in this answer and in no other.
///
/// A personal key may do what its owner may, at any moment. A service key, made by naming a place as `owner_id`, may do nothing until
/// it is given a role.
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
    let owner = owner(&reach.principal, value.owner_id)?;
    let wanted =
        NewKeyLimits { scopes: value.scopes, addresses: value.addresses, expires_at: value.expires_at };
    let Limits { scopes, addresses, expires_at } = granted(&reach.principal, wanted, now)?;
    let scope = reach.at(&context, owner.node()).await.map_err(|problem| problem.in_body("/owner_id"))?;
    let token = Token::new(context.new_id(), context.random());
    let key = ApiKey {
        id: token.id,
        tenant: scope.tenant.tenant(),
        owner,
        name: value.name,
        scopes,
        addresses,
        expires_at,
        revoked_at: None,
        previous_until: None,
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
    node::require(&mut transaction, &scope.tenant, owner.node());
    if matches!(owner, KeyOwner::Node(_)) {
        access::create(&mut transaction, &scope.tenant, Subject::Key(key.id), &Access::default())?;
    }
    transaction.event(&scope.tenant, &event)?;

    let answer = Answer::created(
        format!("/v1/api-keys/{}", key.id),
        &NewApiKey { key: body, secret: token.reveal() },
    )?;
    let answer = answer.version(key.version).with_secret();
    context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
}

/// Whose key it will be: the caller's own, or that of a place for which it works.
fn owner(principal: &Principal, wanted: Option<KeyOwner>) -> Result<KeyOwner, Problem> {
    match (wanted, principal.owner()) {
        (Some(KeyOwner::Node(node)), _) => Ok(KeyOwner::Node(node)),
        (Some(wanted), own) if wanted != own => {
            Err(Problem::invalid("/owner_id", "is somebody else; everybody makes their own keys"))
        }
        (_, KeyOwner::Node(_)) => Err(Problem::Closed("a service key makes no personal keys")),
        (_, own) => Ok(own),
    }
}

/// Reads the limits of a new key. They may not go beyond those of the key that makes it.
fn granted(maker: &Principal, wanted: NewKeyLimits, now: Timestamp) -> Result<Limits, Problem> {
    let mut faults = Faults::default();
    let scopes = scopes(&wanted.scopes, &mut faults);
    let expires_at = wanted.expires_at.map(|expiry| expiry.0);
    check(&wanted.addresses, expires_at, now, &mut faults);
    if let Some(scopes) = scopes {
        let limits = Limits { scopes, addresses: wanted.addresses, expires_at };
        faults.0.extend(maker.limits().faults(&limits).0);
        if faults.0.is_empty() {
            return Ok(limits);
        }
    }
    Err(Problem::Invalid(faults))
}

/// Reads scopes; what is wrong with them is noted.
pub(crate) fn scopes(wanted: &[String], faults: &mut Faults) -> Option<Scopes> {
    if wanted.is_empty() {
        faults.push("/scopes", "is empty");
        return None;
    }
    match Scopes::from_strings(wanted) {
        Ok(scopes) => Some(scopes),
        Err(bad) => {
            for (at, fault) in bad {
                faults.push(format!("/scopes/{at}"), fault.to_string());
            }
            None
        }
    }
}

/// Notes what can never be right about where and until when a key is good.
pub(crate) fn check(addresses: &[Range], expires_at: Option<Timestamp>, now: Timestamp, faults: &mut Faults) {
    if addresses.len() > MOST_RANGES {
        faults.push("/addresses", "has more than 20 ranges");
    }
    if expires_at.is_some_and(|expiry| expiry <= now) {
        faults.push("/expires_at", "is not in the future");
    }
}
