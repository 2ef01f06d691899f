//! `POST /oauth/device_authorization`: codes for devices that have no browser (RFC 8628, section 3.1).

use axum::extract::State;
use http::HeaderMap;
use rookery_domain::attempt::Patience;
use rookery_domain::device_grant::{DeviceCode, GOOD_FOR, INTERVAL_S, UserCode, Wish};
use rookery_domain::event::DenialReason;
use rookery_domain::oauth_client::{Grant, Scope};
use rookery_domain::oauth_error::OauthError;
use rookery_edge::{Answer, Context, Document, Issuer, Problem, RequestFacts};
use rookery_store::{Refusal, StoreError, Transaction, device_grant};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client::{self, Known};
use crate::failure::{Failure, OauthFailure};
use crate::form::{self, Form};

/// How often another code is taken when a device shows the first one already.
const ATTEMPTS: u32 = 4;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(authorize_device))
}

/// What a device asks for.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read as a form, and described here")]
pub struct DeviceAuthorizationRequest {
    /// The client, unless it is in the header.
    client_id: Option<String>,
    /// Its secret, unless it is in the header, or there is none.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// What is asked for, apart by spaces.
    scope: Option<String>,
}

/// What a device shows, and what it asks with.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceAuthorization {
    /// What the device asks for tokens with. It shows it to nobody.
    #[schema(example = "rg_…")]
    pub device_code: String,
    /// What the device shows.
    #[schema(example = "WDJB-MJHT")]
    pub user_code: String,
    /// Where people type it in.
    pub verification_uri: String,
    /// The same with the code in it, for devices that can show a QR code.
    pub verification_uri_complete: String,
    /// For how many seconds the codes are good.
    pub expires_in: i64,
    /// How many seconds the device waits between two questions.
    pub interval: i64,
}

/// Let a device in: get the code that it shows.
///
/// For clients with the grant `urn:ietf:params:oauth:grant-type:device_code`. The device shows the code and where to type it in, and asks for tokens
/// meanwhile.
#[utoipa::path(
    post,
    path = "/oauth/device_authorization",
    operation_id = "authorize_device",
    tag = "oauth",
    security(()),
    request_body(content = DeviceAuthorizationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The codes.", body = DeviceAuthorization),
        (status = 400, description = "Not so, and why.", body = OauthFailure),
        (status = 401, description = "There is no such client, or its secret is another.", body = OauthFailure),
        (status = 415, description = "It is not a form.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn authorize_device(
    State(context): State<Context>,
    facts: RequestFacts,
    Issuer(issuer): Issuer,
    headers: HeaderMap,
    form: Form,
) -> Result<Answer, Failure> {
    let known = client::authenticate(&context, &facts, &headers, form.fields()).await?;
    if form.fields().repeated().is_some() {
        return Err(Failure::Told(OauthError::InvalidRequest, "a field stands in the request twice"));
    }
    if !known.client.may(Grant::DeviceCode) {
        let of = (&known.scope, &known.client);
        client::refuse(&context, &facts.origin, of, DenialReason::BadRequest).await?;
        return Err(Failure::Told(
            OauthError::UnauthorizedClient,
            "the client is not registered for this grant_type",
        ));
    }
    let scope = known.client.terms.scope.of_asked(form.fields().get("scope").unwrap_or_default());
    if scope == Scope::default() {
        return Err(Failure::Told(OauthError::InvalidScope, "scope has nothing that the client may ask for"));
    }
    context.pace(&facts.origin, "device-from", Patience::ADDRESS).await?;
    let (device_code, user_code) = begun(&context, &known, &scope).await?;
    let page = format!("{issuer}/oauth/device");
    let user_code = user_code.to_string();
    let answer = DeviceAuthorization {
        device_code: device_code.reveal(),
        verification_uri_complete: format!("{page}?{}", form::write(&[("user_code", &user_code)])),
        verification_uri: page,
        user_code,
        expires_in: GOOD_FOR.as_secs(),
        interval: INTERVAL_S,
    };
    Ok(Answer::ok(&answer)?)
}

/// Writes what the device wants, under codes that no other one has.
async fn begun(context: &Context, known: &Known, scope: &Scope) -> Result<(DeviceCode, UserCode), Failure> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let code = DeviceCode::new(context.new_id(), context.random());
        let shown = UserCode::new(context.random());
        let wish = Wish {
            session: code.session,
            tenant: known.client.tenant,
            client: known.client.id,
            scope: scope.clone(),
            shown: shown.digest(),
            expires_at: context.now().saturating_add(GOOD_FOR).map_err(Problem::internal)?,
        };
        let mut transaction = Transaction::new();
        device_grant::create(&mut transaction, &code, &wish)?;
        match context.table()?.commit(&transaction).await {
            Err(StoreError::Refused(Refusal::Overtaken)) if left > 0 => {}
            done => {
                done?;
                return Ok((code, shown));
            }
        }
    }
}
