//! Problem documents (RFC 9457): one type for all that can go wrong with a request, one mapping to the wire.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rookery_domain::fault::{Fault, Faults};
use rookery_domain::id::WorkspaceId;
use rookery_domain::permission::Permission;
use rookery_domain::quota::{Exceeded, Holder, Quota};
use rookery_domain::text::ParseError;
use rookery_store::{Refusal, StoreError};

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The request is not of the form that it should be.
    #[error("the request is malformed")]
    Malformed(Faults),
    /// The request is well-formed, but says something that cannot be.
    #[error("the input is invalid")]
    Invalid(Faults),
    /// Nobody is known to be asking.
    #[error("no valid credentials")]
    Unauthenticated,
    /// The caller is known and may not.
    #[error("the permission {0} is missing")]
    Forbidden(Permission),
    /// The tenant is suspended or closed.
    #[error("the tenant is suspended; ask those who operate the platform")]
    TenantSuspended,
    /// Something is closed to everybody.
    #[error("{0}")]
    Closed(&'static str),
    /// There is no such thing, at least not for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The path knows other methods.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// The state of things does not allow it.
    #[error("{detail}")]
    Conflict {
        /// The last part of the problem's type, such as `already-exists`.
        code: &'static str,
        /// What is in the way.
        detail: String,
        /// Where in the request, if it can be said.
        errors: Faults,
    },
    /// `If-Match` names another version than the current one.
    #[error("the resource has version {current}")]
    PreconditionFailed {
        /// The version that it has.
        current: u64,
    },
    /// The body is larger than it may be.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// Most bytes.
        limit: usize,
    },
    /// The body is not JSON by its own account.
    #[error("the content type is not application/json")]
    UnsupportedMediaType,
    /// The body is not a form by its own account.
    #[error("the content type is not application/x-www-form-urlencoded")]
    NotAForm,
    /// Too many requests of one kind.
    #[error("too many requests")]
    TooManyRequests {
        /// When to come again, in seconds.
        retry_after_s: u64,
    },
    /// There may not be so much more of something.
    #[error("{0}")]
    QuotaExceeded(Exceeded),
    /// A service that the answer depends on cannot give it now.
    #[error("a service is not available")]
    Unavailable(#[source] StoreError),
    /// Something that the protocol of a route names by a word of its own.
    #[error("{detail}")]
    Named {
        /// The status of the answer.
        status: StatusCode,
        /// The word.
        word: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Problem {
    /// The code of a conflict that may be gone when the same is tried again.
    pub const OVERTAKEN: &'static str = "concurrent-changes";

    /// A conflict with a code of its own.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into(), errors: Faults::default() }
    }

    /// One fault in otherwise good input.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(Faults::one(pointer, detail))
    }

    /// What a body names and is not there is a fault in the body, at its place.
    #[must_use]
    pub fn in_body(self, pointer: &str) -> Self {
        match self {
            Self::NotFound(_) => Self::invalid(pointer, "does not exist"),
            other => other,
        }
    }

    /// A fault of ours.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) | Self::QuotaExceeded(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::Closed(_) | Self::TenantSuspended => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::PreconditionFailed { .. } => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Named { status, .. } => *status,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last part of its type, such as `not-found`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::Invalid(_) => "invalid-input",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::Closed(_) => "closed",
            Self::TenantSuspended => "tenant-suspended",
            Self::NotFound(_) => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict { code, .. } => code,
            Self::PreconditionFailed { .. } => "precondition-failed",
            Self::TooLarge { .. } => "body-too-large",
            Self::UnsupportedMediaType | Self::NotAForm => "unsupported-media-type",
            Self::TooManyRequests { .. } => "too-many-requests",
            Self::QuotaExceeded(_) => "quota-exceeded",
            Self::Unavailable(_) => "unavailable",
            Self::Named { word, .. } => word,
            Self::Internal(_) => "internal-error",
        }
    }

    /// Every fault in the input that it tells of.
    pub fn errors(&self) -> &[Fault] {
        match self {
            Self::Malformed(faults) | Self::Invalid(faults) | Self::Conflict { errors: faults, .. } => {
                &faults.0
            }
            _ => &[],
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests { retry_after_s } => Some(*retry_after_s),
            Self::Unavailable(_) => Some(2),
            _ => None,
        }
    }

    /// The document for a request. Sources of errors are not part of it.
    pub(crate) fn document(&self, instance: &str, request_id: &str) -> Document {
        let code = self.code();
        let mut title = code.replace('-', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Document {
            kind: format!("/problems/{code}"),
            title,
            status: self.status().as_u16(),
            detail: self.to_string(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors().to_vec(),
            quota: match self {
                Self::QuotaExceeded(exceeded) => Some((*exceeded).into()),
                _ => None,
            },
        }
    }
}

/// A problem on the wire.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// A stable reference to the kind of problem, such as `/problems/version-conflict`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The request's id, for finding it in logs and in the audit trail.
    pub request_id: String,
    /// Every fault in the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// The quota that does not hold what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaDocument>,
}

/// A quota that does not hold what was asked for, on the wire.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ExceededQuota)]
pub struct QuotaDocument {
    /// Which quota.
    pub name: Quota,
    /// The workspace whose quota it is; absent for the tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// How much there may be.
    pub limit: Option<u64>,
    /// How much there is.
    pub used: Option<u64>,
}

impl From<Exceeded> for QuotaDocument {
    fn from(exceeded: Exceeded) -> Self {
        Self {
            name: exceeded.quota,
            workspace_id: match exceeded.holder {
                Holder::Workspace(id) => Some(id),
                Holder::Tenant => None,
            },
            limit: exceeded.standing.and_then(|standing| standing.limit),
            used: exceeded.standing.map(|standing| standing.used),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Unavailable { .. } => Self::Unavailable(error),
            StoreError::Rejected { .. } | StoreError::Corrupt { .. } | StoreError::Undeclared(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Taken(what) => Self::conflict("already-exists", format!("this {what} is taken")),
            Refusal::Stale => {
                Self::conflict("version-conflict", "the resource was changed at the same time; read it again")
            }
            Refusal::Overtaken => Self::conflict(
                Self::OVERTAKEN,
                "others are changing things beside it at the same time; send the request again",
            ),
            Refusal::Gone(what) => Self::conflict("gone", format!("the {what} does not exist any more")),
            Refusal::NotEmpty(what) => Self::conflict("not-empty", format!("there are still {what} in it")),
            Refusal::Exceeded(holder, quota) => {
                Self::QuotaExceeded(Exceeded { quota, holder, standing: None })
            }
            Refusal::Repeated => Self::conflict("repeated", "this was done before"),
            Refusal::Busy => {
                Self::conflict("version-conflict", "many writers are changing the resource; try again")
            }
        }
    }
}

/// A bad id in a path names nothing.
impl From<ParseError> for Problem {
    fn from(_: ParseError) -> Self {
        Self::NotFound("resource")
    }
}

impl IntoResponse for Problem {
    /// Leaves the document to the outermost layer, which knows the request.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::Unauthenticated) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}
