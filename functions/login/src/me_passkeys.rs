//! `/v1/me/passkeys`: one's own passkeys.

use axum::extract::{Path, State};
use deserr::Deserr;
use http::Uri;
use jiff::Timestamp;
use rookery_domain::event::{Action, Change, Event};
use rookery_domain::fault::Faults;
use rookery_domain::id::{PasskeyId, UserId};
use rookery_domain::passkey::{MOST, Octets, Passkey, Transport, handle};
use rookery_domain::permission::Permission;
use rookery_domain::text::Name;
use rookery_edge::{
    Answer, Caller, Context, Document, IfMatch, Issuer, Json, Page, Params, Problem, deciding,
};
use rookery_factors::cose::ALGORITHMS;
use rookery_factors::webauthn::registered;
use rookery_store::passkey::Ceremony;
use rookery_store::{Listed, Slice, Transaction, factor, tenant};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::passkey::{self, Descriptor, answered, relying_party};
use crate::person;
use crate::proof::{self, Confirmed};
use crate::second::{self, RecoveryCodes};

/// The routes.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list, register))
        .routes(routes!(options))
        .routes(routes!(read, rename, remove))
}

/// A passkey as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Passkey)]
pub struct PasskeyBody {
    /// Its id.
    id: PasskeyId,
    /// What its owner calls it.
    name: Name,
    /// Whether it may be on several devices.
    synced: bool,
    /// Whether it is.
    backed_up: bool,
    /// How it is reached.
    transports: Vec<Transport>,
    /// Since when it counts.
    created_at: Timestamp,
    /// When it was last used.
    last_used_at: Option<Timestamp>,
    /// Counts its changes, and its uses.
    version: u64,
}

impl From<&Passkey> for PasskeyBody {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name.clone(),
            synced: passkey.standing.synced,
            backed_up: passkey.standing.backed_up,
            transports: passkey.transports.clone(),
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            version: passkey.version,
        }
    }
}

/// A passkey that counts from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewPasskey {
    #[serde(flatten)]
    passkey: PasskeyBody,
    /// Recovery codes, where it is the first second factor. Shown here and never again.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<RecoveryCodes>,
}

/// What `PublicKeyCredential.parseCreationOptionsFromJSON` takes, and its outcome `navigator.credentials.create`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeyCreationOptions)]
pub struct CreationOptions {
    /// Who asks.
    rp: RelyingPartyEntity,
    /// For whom.
    user: UserEntity,
    /// What is answered, once, within five minutes.
    challenge: Octets,
    /// The kinds of keys that are taken.
    pub_key_cred_params: Vec<KeyKind>,
    /// For how many milliseconds.
    timeout: i64,
    /// The passkeys that there are: no authenticator makes a second one.
    exclude_credentials: Vec<Descriptor>,
    /// Which authenticators are wanted.
    authenticator_selection: Selection,
    /// `none`: nobody asks whose make the authenticator is.
    attestation: &'static str,
}

/// Who asks for a passkey.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasskeyRelyingParty)]
pub struct RelyingPartyEntity {
    /// The host.
    id: String,
    /// The tenant's name.
    name: Name,
}

/// Whom a passkey is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeyUser)]
pub struct UserEntity {
    /// What the authenticator knows the person by. It says nothing of who it is.
    id: Octets,
    /// The mail address, for telling accounts apart on the device.
    name: String,
    /// The person's name.
    display_name: Name,
}

/// A kind of key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasskeyKeyKind)]
pub struct KeyKind {
    /// `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The algorithm, as COSE numbers it.
    alg: i64,
}

/// Which authenticators are wanted: those that know whom they have passkeys for, and who uses them, as far as there are any.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeySelection)]
pub struct Selection {
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// What a browser answers that made a passkey.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = PasskeyRegistration)]
pub struct Registration {
    /// What to call it; `Passkey` unless given.
    #[deserr(default)]
    name: Option<Name>,
    /// What the browser answered.
    passkey: Attestation,
}

/// What a browser answers that made a passkey, as its `toJSON` writes it. What else it says is not looked at.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(as = PasskeyAttestation)]
pub struct Attestation {
    response: AttestationResponse,
}

/// What the browser and the authenticator say.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(as = PasskeyAttestationResponse, rename_all = "camelCase")]
pub struct AttestationResponse {
    /// What the browser says.
    #[deserr(rename = "clientDataJSON")]
    #[schema(rename = "clientDataJSON")]
    client_data: Octets,
    /// What the authenticator says.
    attestation_object: Octets,
    /// How it is reached.
    #[deserr(default)]
    transports: Vec<String>,
}

/// Another name.
#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PasskeyPatch {
    /// What to call it.
    name: Name,
}

/// List one's passkeys, oldest first: all of them on one page.
#[utoipa::path(
    get,
    path = "/v1/me/passkeys",
    operation_id = "list_my_passkeys",
    tag = "login",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "The passkeys.", body = Page<PasskeyBody>))
)]
async fn list(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    params: Params,
) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::UserRead, uri.path()).await?;
    let (slice, paging) = params.paging(&caller.tenant)?;
    let factors = factor::find(context.table()?, &caller.tenant, user).await?;
    let slice = Slice { oldest_first: true, ..slice };
    let listed = Listed::part_of(factors.passkeys, &slice, |passkey| passkey.id.to_string());
    Answer::ok(&paging.page(listed, |passkey| PasskeyBody::from(&passkey)))
}

/// Ask what a browser needs for making a passkey. It takes the password once more, or a passkey that was used within ten minutes.
#[utoipa::path(
    post,
    path = "/v1/me/passkeys/options",
    operation_id = "offer_my_passkey",
    tag = "login",
    request_body = Confirmed,
    responses(
        (status = 200, description = "What the browser takes. It can be answered once, within five minutes, in this session.", body = CreationOptions),
        (status = 409, description = "There are ten passkeys.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The password is another.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong passwords.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn options(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    issuer: Issuer,
    Json(value): Json<Confirmed>,
) -> Result<Answer, Problem> {
    let (user, session) = person::logged_in(&context, &caller, &uri).await?;
    let scope = &caller.tenant;
    let guess = proof::counted(&context, user).await?;
    let factors = proof::given(&context, &caller, (user, session), &value, Action::PASSKEY_REGISTER).await?;
    if factors.passkeys.len() >= MOST {
        return Err(full());
    }
    let found = person::active(&context, scope, user).await?.ok_or(Problem::NotFound("user"))?;
    let host = tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))?;
    let mut transaction = Transaction::new();
    guess.was_right(&mut transaction);
    let ceremony = Ceremony::Register { tenant: scope.tenant(), user, session };
    let options = CreationOptions {
        rp: RelyingPartyEntity { id: relying_party(&issuer)?.id, name: host.name },
        user: UserEntity {
            id: handle(scope.tenant(), user),
            name: found.user.email.as_str().to_owned(),
            display_name: found.user.name,
        },
        challenge: passkey::challenge(&context, &mut transaction, ceremony)?,
        pub_key_cred_params: ALGORITHMS.map(|alg| KeyKind { kind: "public-key", alg }).into(),
        timeout: passkey::timeout(),
        exclude_credentials: Descriptor::all(&factors.passkeys),
        authenticator_selection: Selection {
            resident_key: "preferred",
            require_resident_key: false,
            user_verification: "preferred",
        },
        attestation: "none",
    };
    context.commit(scope, None, transaction, Answer::ok(&options)?).await
}

fn full() -> Problem {
    Problem::conflict("too-many-passkeys", format!("there are {MOST} passkeys; remove one first"))
}

/// Register a passkey that a browser made. It counts from now on, as a second factor, and by itself wherever it is seen who uses it.
#[utoipa::path(
    post,
    path = "/v1/me/passkeys",
    operation_id = "register_my_passkey",
    tag = "login",
    request_body = Registration,
    responses(
        (status = 201, description = "It counts.", body = NewPasskey),
        (status = 409, description = "It is registered already, or there are ten.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "It is not to be believed, or answers no challenge of this session.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn register(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    issuer: Issuer,
    Json(value): Json<Registration>,
) -> Result<Answer, Problem> {
    let (user, session) = person::logged_in(&context, &caller, &uri).await?;
    let scope = &caller.tenant;
    let said = &value.passkey.response;
    let ceremony = Ceremony::Register { tenant: scope.tenant(), user, session };
    let made = answered(&context, &issuer, &said.client_data, ceremony)
        .await?
        .and_then(|answered| registered(&answered.rp, &answered.client, &said.attestation_object))
        .map_err(|fault| Problem::invalid("/passkey", fault.to_string()))?;
    let passkey = Passkey {
        id: context.new_id(),
        name: value.name.clone().map_or_else(|| "Passkey".parse(), Ok).map_err(Problem::internal)?,
        credential: made.credential,
        key: made.key,
        standing: made.standing,
        transports: Transport::known(&said.transports),
        created_at: context.now(),
        last_used_at: None,
        version: 1,
    };
    deciding(|| async {
        let before = factor::find(context.table()?, scope, user).await?;
        let codes = (!before.has_second()).then(|| second::codes(&context, user));
        let (codes, digests) = codes.unzip();
        let after = before.with_passkey(passkey.clone(), digests).ok_or_else(full)?;
        let mut transaction = Transaction::new();
        factor::put(&mut transaction, scope, user, &before, &after)?;
        transaction.event(scope, &event(&context, &caller, user, Action::PASSKEY_REGISTER, passkey.id))?;
        let body = NewPasskey { passkey: PasskeyBody::from(&passkey), recovery_codes: codes };
        let location = format!("/v1/me/passkeys/{}", passkey.id);
        let answer = Answer::created(location, &body)?.version(passkey.version).with_secret();
        context.commit(scope, None, transaction, answer).await
    })
    .await
}

/// What a person did with a passkey of its own. What the passkey is called is the person's affair.
fn event(context: &Context, caller: &Caller, user: UserId, action: Action, passkey: PasskeyId) -> Event {
    let (before, after) = if action == Action::PASSKEY_REMOVE {
        (json!(passkey), Value::Null)
    } else {
        (Value::Null, json!(passkey))
    };
    let change = Change { field: "passkey_id".into(), before, after };
    person::event(context, &caller.tenant, user, (action, 0), &caller.origin, vec![change])
}

/// Read one of one's passkeys.
#[utoipa::path(
    get,
    path = "/v1/me/passkeys/{passkey}",
    operation_id = "read_my_passkey",
    tag = "login",
    params(("passkey" = PasskeyId, Path)),
    responses(
        (status = 200, description = "The passkey.", body = PasskeyBody),
        (status = 404, description = "There is no such passkey of the caller's.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let user = caller.oneself(&context, Permission::UserRead, uri.path()).await?;
    let factors = factor::find(context.table()?, &caller.tenant, user).await?;
    let passkey = factors.passkey(id.parse()?).ok_or(Problem::NotFound("passkey"))?;
    Ok(Answer::ok(&PasskeyBody::from(passkey))?.version(passkey.version))
}

/// The id of one of the person's own passkeys. What is not the caller's is not there, whoever asks in whatever way.
async fn own(context: &Context, caller: &Caller, uri: &Uri, id: &str) -> Result<PasskeyId, Problem> {
    let user = caller.oneself(context, Permission::UserUpdate, uri.path()).await?;
    let factors = factor::find(context.table()?, &caller.tenant, user).await?;
    Ok(factors.passkey(id.parse()?).ok_or(Problem::NotFound("passkey"))?.id)
}

/// Call one of one's passkeys by another name.
#[utoipa::path(
    patch,
    path = "/v1/me/passkeys/{passkey}",
    operation_id = "rename_my_passkey",
    tag = "login",
    params(("passkey" = PasskeyId, Path), ("If-Match" = Option<String>, Header)),
    request_body = PasskeyPatch,
    responses(
        (status = 200, description = "The passkey as it is now.", body = PasskeyBody),
        (status = 404, description = "There is no such passkey of the caller's.", body = Document, content_type = "application/problem+json"),
        (status = 412, description = "It has another version.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn rename(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(value): Json<PasskeyPatch>,
) -> Result<Answer, Problem> {
    let id = own(&context, &caller, &uri, &id).await?;
    let (user, _) = person::logged_in(&context, &caller, &uri).await?;
    let scope = &caller.tenant;
    deciding(|| async {
        let before = factor::find(context.table()?, scope, user).await?;
        let known = before.passkey(id).ok_or(Problem::NotFound("passkey"))?;
        if_match.check(known.version)?;
        let renamed = known.renamed(value.name.clone());
        let mut transaction = Transaction::new();
        factor::put(&mut transaction, scope, user, &before, &before.changed_passkey(&renamed))?;
        transaction.event(scope, &event(&context, &caller, user, Action::PASSKEY_RENAME, id))?;
        let answer = Answer::ok(&PasskeyBody::from(&renamed))?.version(renamed.version);
        context.commit(scope, None, transaction, answer).await
    })
    .await
}

/// Remove one of one's passkeys. Not the last second factor where the tenant asks for one. It takes the password once more, or a passkey
/// that was used within ten minutes.
#[utoipa::path(
    delete,
    path = "/v1/me/passkeys/{passkey}",
    operation_id = "remove_my_passkey",
    tag = "login",
    params(("passkey" = PasskeyId, Path)),
    request_body = Confirmed,
    responses(
        (status = 204, description = "Removed."),
        (status = 404, description = "There is no such passkey of the caller's.", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The tenant asks for a second factor.", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The password is another.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong passwords.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn remove(
    State(context): State<Context>,
    caller: Caller,
    uri: Uri,
    Path(id): Path<String>,
    Json(value): Json<Confirmed>,
) -> Result<Answer, Problem> {
    let id = own(&context, &caller, &uri, &id).await?;
    let whose = person::logged_in(&context, &caller, &uri).await?;
    let (scope, user) = (&caller.tenant, whose.0);
    let guess = proof::counted(&context, user).await?;
    deciding(|| async {
        let before = proof::given(&context, &caller, whose, &value, Action::PASSKEY_REMOVE).await?;
        before.passkey(id).ok_or(Problem::NotFound("passkey"))?;
        let after = before.without_passkey(id);
        second::may_be_left(&context, scope, &after).await?;
        let mut transaction = Transaction::new();
        guess.was_right(&mut transaction);
        factor::put(&mut transaction, scope, user, &before, &after)?;
        transaction.event(scope, &event(&context, &caller, user, Action::PASSKEY_REMOVE, id))?;
        context.commit(scope, None, transaction, Answer::no_content()).await
    })
    .await
}
