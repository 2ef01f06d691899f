//! What went wrong, as SCIM says it (RFC 7644, section 3.12).

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use rookery_edge::{Phrasing, Problem};
use serde_json::{Value, json};

use crate::MEDIA_TYPE;

/// The schema of errors.
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// How problems are told.
const PHRASING: Phrasing = Phrasing { content_type: MEDIA_TYPE, document };

fn named(word: &'static str, detail: impl Into<String>) -> Problem {
    Problem::Named { status: StatusCode::BAD_REQUEST, word, detail: detail.into() }
}

/// A filter that is malformed, or of a kind that is not served.
pub(crate) fn filter(detail: impl Into<String>) -> Problem {
    named("invalidFilter", detail)
}

/// A path of a patch that is malformed, or names nothing that is known.
pub(crate) fn path(detail: impl Into<String>) -> Problem {
    named("invalidPath", detail)
}

/// A path of a patch that selects nothing.
pub(crate) fn no_target(detail: impl Into<String>) -> Problem {
    named("noTarget", detail)
}

/// A change of what is only told.
pub(crate) fn mutability(detail: impl Into<String>) -> Problem {
    named("mutability", detail)
}

/// A value that is missing, or cannot be.
pub(crate) fn value(detail: impl Into<String>) -> Problem {
    named("invalidValue", detail)
}

/// More than an answer can hold.
pub(crate) fn too_many(detail: impl Into<String>) -> Problem {
    named("tooMany", detail)
}

/// A cursor that leads nowhere in this query (RFC 9865, section 2.1).
pub(crate) fn cursor(detail: impl Into<String>) -> Problem {
    named("invalidCursor", detail)
}

/// A number of resources that cannot be asked for (RFC 9865, section 2.1).
pub(crate) fn count(detail: impl Into<String>) -> Problem {
    named("invalidCount", detail)
}

/// A request that is not what it should be.
pub(crate) fn syntax(detail: impl Into<String>) -> Problem {
    named("invalidSyntax", detail)
}

/// What the protocol has and this platform has not.
pub(crate) fn not_implemented(what: &'static str) -> Problem {
    let detail = format!("{what} is not served here; see /scim/v2/ServiceProviderConfig");
    Problem::Named { status: StatusCode::NOT_IMPLEMENTED, word: "", detail }
}

/// Answers of this protocol: problems are told in its form, and input that cannot be has the status 400, as everything that is wrong with a
/// request.
pub(crate) async fn phrase(mut response: Response) -> Response {
    let problem = response.extensions().get::<Arc<Problem>>();
    if problem.is_some_and(|problem| matches!(**problem, Problem::Invalid(_))) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response.extensions_mut().insert(PHRASING);
    response
}

fn document(problem: &Problem) -> Value {
    let (status, word) = match problem {
        Problem::Named { status, word, .. } => (*status, Some(*word).filter(|word| !word.is_empty())),
        Problem::Malformed(_) => (StatusCode::BAD_REQUEST, Some("invalidSyntax")),
        Problem::Invalid(_) => (StatusCode::BAD_REQUEST, Some("invalidValue")),
        Problem::Conflict { code: "already-exists", .. } => (StatusCode::CONFLICT, Some("uniqueness")),
        other => (other.status(), None),
    };
    let mut detail = problem.to_string();
    for fault in problem.errors() {
        detail = format!("{detail}; {} {}", fault.pointer, fault.detail);
    }
    let mut document = json!({"schemas": [ERROR], "status": status.as_str(), "detail": detail});
    if let Some(word) = word {
        document["scimType"] = json!(word);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_in_the_protocols_words() {
        let taken = document(&Problem::conflict("already-exists", "this userName is taken"));
        assert_eq!(taken["schemas"], json!([ERROR]));
        assert_eq!((&taken["status"], &taken["scimType"]), (&json!("409"), &json!("uniqueness")));
        let faulty = document(&Problem::invalid("/emails/0/value", "is not a mail address"));
        assert_eq!((&faulty["status"], &faulty["scimType"]), (&json!("400"), &json!("invalidValue")));
        assert!(faulty["detail"].as_str().unwrap().contains("/emails/0/value is not a mail address"));
        let unknown = document(&Problem::NotFound("user"));
        assert_eq!((&unknown["status"], unknown.get("scimType")), (&json!("404"), None));
    }
}
