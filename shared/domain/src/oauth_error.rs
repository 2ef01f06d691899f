//! What a client is told when it does not get what it asked for.

use std::fmt;

/// What went wrong, by the names that RFC 6749 and `OpenID` Connect Core give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OauthError {
    /// A parameter is missing, stands twice, or says what it cannot.
    InvalidRequest,
    /// The client is unknown, or did not prove that it is itself.
    InvalidClient,
    /// What was presented for tokens is not good, or not the client's.
    InvalidGrant,
    /// The client may not get tokens in this way.
    UnauthorizedClient,
    /// There is no such way.
    UnsupportedGrantType,
    /// There is nothing of what was asked for that the client may have.
    InvalidScope,
    /// The person, or the platform for it, said no.
    AccessDenied,
    /// Only codes are answered.
    UnsupportedResponseType,
    /// Nobody is logged in, and no page may be shown.
    LoginRequired,
    /// The person has not let the client yet, and no page may be shown.
    ConsentRequired,
    /// Requests in a parameter are not read.
    RequestNotSupported,
    /// Requests from elsewhere are not read.
    RequestUriNotSupported,
    /// Clients are registered by the API.
    RegistrationNotSupported,
    /// Tokens of this kind cannot be revoked.
    UnsupportedTokenType,
    /// Too much at once.
    SlowDown,
    /// The person has not said yet whether the device may.
    AuthorizationPending,
    /// The code of a device is too old.
    ExpiredToken,
}

impl OauthError {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::SlowDown => "slow_down",
            Self::AuthorizationPending => "authorization_pending",
            Self::ExpiredToken => "expired_token",
        }
    }
}

impl fmt::Display for OauthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
