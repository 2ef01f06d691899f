//! Tokens of workloads for tokens of the platform's (RFC 8693): a build shows what its runner says of it, and gets the rights of a service
//! key for a quarter of an hour.

use rookery_domain::access_token::{Claims, Holder, LIFE_S};
use rookery_domain::event::{Action, Actor, ActorKind, DenialReason, Event, Origin, Resource, changes};
use rookery_domain::id::{EventId, WorkloadTrustId};
use rookery_domain::oauth_client::{Scope, ScopeWord};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::oauth_request::Parameters;
use rookery_domain::token_key::Algorithm;
use rookery_domain::workload_trust::{Refused, WorkloadTrust};
use rookery_edge::token::ACCESS_TOKEN;
use rookery_edge::{Context, Guess, Issuer};
use rookery_store::{TenantScope, Transaction, credential, workload_trust};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::token::TokenAnswer;

/// The name of this grant.
pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What is given.
const GIVEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What is taken: tokens of `OpenID` Connect, which are JWTs, by either name.
const TAKEN: [&str; 2] =
    ["urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt"];
/// The same for everything that is wrong with a token or the trust that it names. The audit trail knows more.
const REFUSED: &str = "there is no such trust, or the token is not one that it takes";
/// How much of what a workload is called the audit trail keeps, in characters.
const SUBJECT_KEPT: usize = 300;

struct Asked<'a> {
    context: &'a Context,
    origin: &'a Origin,
    scope: TenantScope,
    trust: WorkloadTrust,
}

impl Asked<'_> {
    fn resource(&self) -> Resource {
        Resource::new("workload_trust", self.trust.id)
    }

    async fn refuse(&self, fault: &'static str, reason: DenialReason) -> Failure {
        tracing::warn!(workload_trust.id = %self.trust.id, token.fault = fault, "a workload's token was refused");
        match self.record(reason).await {
            Ok(()) => Failure::Told(OauthError::InvalidRequest, REFUSED),
            Err(failure) => failure,
        }
    }

    async fn record(&self, reason: DenialReason) -> Result<(), Failure> {
        Guess::at_client(self.origin).count(self.context).await?;
        let (tenant, action) = (self.trust.tenant, Action::WORKLOAD_EXCHANGE);
        let refused = self.context.strangers_attempt(tenant, action, self.resource(), self.origin, reason);
        let mut transaction = Transaction::new();
        transaction.event(&self.scope, &refused)?;
        Ok(self.context.table()?.commit(&transaction).await?)
    }
}

pub(crate) async fn answer(
    context: &Context,
    issuer: &Issuer,
    origin: &Origin,
    fields: Parameters<'_>,
) -> Result<TokenAnswer, Failure> {
    let told = |why| Failure::Told(OauthError::InvalidRequest, why);
    if fields.repeated().is_some() {
        return Err(told("a field stands in the request twice"));
    }
    let token = fields.get("subject_token").ok_or(told("subject_token is missing"))?;
    if !fields.get("subject_token_type").is_some_and(|kind| TAKEN.contains(&kind)) {
        return Err(told("subject_token_type is neither an id_token nor a jwt"));
    }
    if fields.get("requested_token_type").is_some_and(|kind| kind != GIVEN) {
        return Err(told("requested_token_type is not an access_token"));
    }
    if fields.get("actor_token").is_some() || fields.get("resource").is_some() {
        return Err(told("actor_token and resource are not taken; the trust is named by audience"));
    }
    let named = fields.get("audience").ok_or(told("audience is missing: the id of the trust"))?;
    let found = match named.parse::<WorkloadTrustId>() {
        Ok(id) => workload_trust::look_up(context.table()?, id).await?,
        Err(_) => None,
    };
    let Some((scope, trust)) = found else {
        Guess::at_client(origin).count(context).await?;
        return Err(told(REFUSED));
    };
    context.bind(&scope);
    let asked = Asked { context, origin, scope, trust };
    let claims = match context.believe_upstream(&asked.trust.terms.issuer, token).await {
        Ok(claims) => claims,
        Err(fault) => return Err(asked.refuse(fault.as_str(), DenialReason::WrongGrant).await),
    };
    match asked.trust.admits(&claims, context.now()) {
        Ok(()) => {}
        Err(fault @ Refused::Condition) => {
            return Err(asked.refuse(fault.as_str(), DenialReason::ConditionUnmet).await);
        }
        Err(fault) => return Err(asked.refuse(fault.as_str(), DenialReason::WrongGrant).await),
    }
    let all = Scope([ScopeWord::Everything].into());
    let scope = fields.get("scope").map_or_else(|| all.clone(), |wanted| all.of_asked(wanted));
    if scope == Scope::default() {
        return Err(Failure::Told(OauthError::InvalidScope, "scope names no permission"));
    }
    given(&asked, issuer, &scope, claims.get("sub").and_then(Value::as_str)).await
}

async fn given(
    asked: &Asked<'_>,
    issuer: &Issuer,
    scope: &Scope,
    subject: Option<&str>,
) -> Result<TokenAnswer, Failure> {
    let Asked { context, trust, .. } = asked;
    let key = trust.terms.service_key;
    let found = credential::find(context.table()?, &asked.scope, key).await?;
    let Some(found) = found.filter(|found| found.credential().valid_at(context.now())) else {
        return Err(asked.refuse("service_key", DenialReason::KeyRevoked).await);
    };
    let from = context.now().as_second();
    let end = found.key.expires_at.map_or(i64::MAX, jiff::Timestamp::as_second);
    let claims = Claims {
        iss: issuer.0.clone(),
        aud: issuer.0.clone(),
        sub: Holder::Key(key),
        tenant: trust.tenant,
        sid: None,
        iat: from,
        nbf: from,
        exp: end.min(from + LIFE_S),
        jti: context.new_id::<EventId>().to_string(),
        amr: Vec::new(),
        auth_time: None,
        mfa_at: None,
        client_id: None,
        scope: Some(scope.to_string()),
        act: None,
        trust: Some(trust.id),
    };
    let access_token = context.sign_token(Algorithm::Rs256, ACCESS_TOKEN, &claims).await?;
    let subject = subject.map(|subject| subject.chars().take(SUBJECT_KEPT).collect::<String>());
    let made =
        changes(&Value::Null, &json!({"subject": subject, "token_id": claims.jti, "scope": claims.scope}));
    let (action, actor) = (Action::WORKLOAD_EXCHANGE, Actor::new(ActorKind::ApiKey, key));
    let event = context.event(trust.tenant, action, asked.resource(), (actor, asked.origin));
    let event = Event { changes: made, ..event };
    let mut transaction = Transaction::new();
    transaction.event(&asked.scope, &event)?;
    context.table()?.commit(&transaction).await?;
    Ok(TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: claims.exp - claims.iat,
        scope: scope.to_string(),
        issued_token_type: Some(GIVEN),
        ..TokenAnswer::default()
    })
}
