//! The ways in which clients get tokens, each in a module of its own.

mod authorization_code;
mod client_credentials;
mod device_code;
mod refresh_token;

use rookery_domain::event::{DenialReason, Origin};
use rookery_domain::oauth_client::{Grant, Scope, ScopeWord};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::oauth_request::Parameters;
use rookery_domain::session::{RefreshToken, Session};
use rookery_domain::token_key::Algorithm;
use rookery_edge::token::ACCESS_TOKEN;
use rookery_edge::{Context, Issuer};

use crate::client::{self, Known};
use crate::failure::Failure;
use crate::id_token;
use crate::token::TokenAnswer;

/// What a client that is itself asks for.
pub(crate) struct Asked<'a> {
    pub(crate) context: &'a Context,
    pub(crate) issuer: &'a Issuer,
    pub(crate) origin: &'a Origin,
    pub(crate) known: Known,
    pub(crate) fields: Parameters<'a>,
}

impl Asked<'_> {
    /// A field that has to be there.
    pub(crate) fn field(&self, name: &str, missing: &'static str) -> Result<&str, Failure> {
        self.fields.get(name).ok_or(Failure::Told(OauthError::InvalidRequest, missing))
    }

    /// Records that the client does not get what it asks for, which it is told then.
    pub(crate) async fn refuse(&self, reason: DenialReason, error: OauthError, why: &'static str) -> Failure {
        let of = (&self.known.scope, &self.known.client);
        match client::refuse(self.context, self.origin, of, reason).await {
            Ok(()) => Failure::Told(error, why),
            Err(failure) => failure,
        }
    }

    /// The tokens of a session of the client's. `scope` is what of the session's own the access token is good for, `nonce` what the id
    /// token brings back.
    pub(crate) async fn tokens(
        &self,
        session: &Session,
        scope: &Scope,
        refresh: Option<&RefreshToken>,
        nonce: Option<&str>,
    ) -> Result<TokenAnswer, Failure> {
        let mut claims = self.context.claims(self.issuer, session);
        claims.scope = Some(scope.to_string());
        let access_token = self.context.sign_token(Algorithm::Rs256, ACCESS_TOKEN, &claims).await?;
        let id_token = if scope.holds(ScopeWord::Openid) {
            let of = (session, scope);
            Some(id_token::write(self.context, self.issuer, &self.known, of, nonce, &access_token).await?)
        } else {
            None
        };
        Ok(TokenAnswer {
            access_token,
            token_type: "Bearer",
            expires_in: claims.exp - claims.iat,
            refresh_token: refresh.map(RefreshToken::reveal),
            id_token,
            scope: scope.to_string(),
            issued_token_type: None,
        })
    }
}

/// Gives a client the tokens that it asks for, in the way that it asks.
pub(crate) async fn answer(asked: &Asked<'_>) -> Result<TokenAnswer, Failure> {
    if asked.fields.repeated().is_some() {
        return Err(Failure::Told(OauthError::InvalidRequest, "a field stands in the request twice"));
    }
    let kind = asked.field("grant_type", "grant_type is missing")?;
    let Ok(grant) = kind.parse::<Grant>() else {
        return Err(Failure::Told(OauthError::UnsupportedGrantType, "the platform has no such grant_type"));
    };
    if !asked.known.client.may(grant) {
        let why = "the client is not registered for this grant_type";
        return Err(asked.refuse(DenialReason::BadRequest, OauthError::UnauthorizedClient, why).await);
    }
    match grant {
        Grant::AuthorizationCode => authorization_code::answer(asked).await,
        Grant::RefreshToken => refresh_token::answer(asked).await,
        Grant::ClientCredentials => client_credentials::answer(asked).await,
        Grant::DeviceCode => device_code::answer(asked).await,
    }
}
