//! Query parameters and paging. Unknown parameters are faults; cursors are opaque and bound to tenant and query.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use rookery_domain::fault::Faults;
use rookery_domain::hash::Sha256;
use rookery_domain::text::ParseError;
use rookery_store::{Listed, Slice, TenantScope};
use serde::Serialize;

use crate::{Context, Problem};

/// How many items a page has unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 25;
/// Most items of a page.
const MOST: u32 = 100;
/// The first byte of a cursor: the version of its form.
const CURSOR_FORM: u8 = 1;
/// What is wrong with a cursor that was made for something else.
const NOT_OF_THIS_QUERY: &str = "is not a cursor of this query";
/// How many bytes of a digest bind a cursor to its query.
const BINDING: usize = 8;

/// The query parameters of a request. A handler takes those it knows; what is left over is a fault.
#[derive(Debug)]
pub struct Params {
    path: String,
    given: Vec<(String, String)>,
    taken: Vec<(String, String)>,
    faults: Faults,
}

impl FromRequestParts<Context> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if let Some(name) = unreadable(query) {
            return Err(Problem::Malformed(Faults::one(format!("?{name}"), "is not UTF-8")));
        }
        let given = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|fault| Problem::Malformed(Faults::one(format!("?{query}"), fault.to_string())))?
            .0;
        Ok(Self { path: parts.uri.path().to_owned(), given, taken: Vec::new(), faults: Faults::default() })
    }
}

impl Params {
    /// Takes a parameter as a value that parses itself. Absent and faulty are both `None`; the fault is told at the end.
    pub fn take<T: FromStr<Err = ParseError>>(&mut self, name: &str) -> Option<T> {
        let text = self.take_text(name)?;
        self.parse(name, &text)
    }

    /// As [`Params::take`], where a parameter that is there and empty counts as absent.
    pub fn take_filled<T: FromStr<Err = ParseError>>(&mut self, name: &str) -> Option<T> {
        let text = self.take_text(name).filter(|text| !text.is_empty())?;
        self.parse(name, &text)
    }

    fn parse<T: FromStr<Err = ParseError>>(&mut self, name: &str, text: &str) -> Option<T> {
        text.parse().map_err(|fault: ParseError| self.fault(name, fault.to_string())).ok()
    }

    /// Takes a parameter as it is. Given twice, it is a fault.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        let (found, rest) = std::mem::take(&mut self.given).into_iter().partition(|(known, _)| known == name);
        self.given = rest;
        let found: Vec<(String, String)> = found;
        if found.len() > 1 {
            self.fault(name, "is given more than once");
        }
        let (_, value) = found.into_iter().next()?;
        self.taken.push((name.to_owned(), value.clone()));
        Some(value)
    }

    /// Notes a fault in a parameter.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(format!("?{name}"), detail);
    }

    /// Tells every fault, those of unknown parameters included.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.given) {
            self.fault(&name, "is not a known parameter");
        }
        self.faults.into_result().map_err(Problem::Malformed)
    }

    /// Takes `limit` and `cursor` and finishes: which part of a collection to list, and how to write the page. All other
    /// parameters must have been taken before, for they are what the cursor is bound to.
    pub fn paging(self, scope: &TenantScope) -> Result<(Slice, Paging), Problem> {
        self.paging_of(&scope.tenant().to_string())
    }

    /// As [`Params::paging`], for lists of the platform, which belong to no tenant.
    pub fn paging_of_platform(self) -> Result<(Slice, Paging), Problem> {
        self.paging_of("platform")
    }

    fn paging_of(mut self, owner: &str) -> Result<(Slice, Paging), Problem> {
        let paging = Paging::bound_to(owner, &self.path, self.taken.clone());
        let limit = match self.take_text("limit").map(|text| text.parse::<u32>()) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
            Some(_) => {
                self.fault("limit", "is not a number from 1 to 100");
                DEFAULT_LIMIT
            }
        };
        let after = match self.take_text("cursor").map(|text| paging.behind(&text)) {
            None => None,
            Some(Some(after)) => Some(after),
            Some(None) => {
                self.fault("cursor", NOT_OF_THIS_QUERY);
                None
            }
        };
        self.finish()?;
        Ok((Slice { limit, after, ..Slice::default() }, paging))
    }

    /// The fault of a cursor that points to where its query has nothing.
    pub fn foreign_cursor() -> Problem {
        Problem::Malformed(Faults::one("?cursor", NOT_OF_THIS_QUERY))
    }
}

/// How the pages of a query are written.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    binding: [u8; BINDING],
}

impl Paging {
    /// A page of what was listed.
    pub fn page<R, T: Serialize>(self, listed: Listed<R>, write: impl Fn(R) -> T) -> Page<T> {
        let next_cursor = listed.next.map(|after| self.cursor(&after));
        Page { items: listed.items.into_iter().map(write).collect(), next_cursor }
    }

    /// The paging of a query for a protocol that has parameters of its own: whose list it is, and the parameters that say what is listed.
    pub fn bound_to(owner: &str, path: &str, mut parameters: Vec<(String, String)>) -> Self {
        parameters.sort();
        Self { binding: binding(owner, path, &parameters) }
    }

    /// The cursor of what is behind a sort key.
    pub fn cursor(self, after: &str) -> String {
        encode(self.binding, after)
    }

    /// The sort key that a cursor leads behind; `None` if it is not one of this query.
    pub fn behind(self, cursor: &str) -> Option<String> {
        decode(cursor, self.binding)
    }
}

/// A part of a collection on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, newest first unless the route says otherwise.
    pub items: Vec<T>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// The name of the first parameter that is not UTF-8 once its percent signs are decoded. Reading it with replacement
/// characters would answer another question than the one that was asked.
fn unreadable(query: &str) -> Option<String> {
    query.split('&').find_map(|parameter| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        std::str::from_utf8(&decoded(parameter))
            .is_err()
            .then(|| String::from_utf8_lossy(&decoded(name)).into_owned())
    })
}

/// The bytes that a percent-encoded text stands for; what is no escape stands for itself (WHATWG URL, section 1.3).
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let escaped = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high << 4 | low).ok(),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

fn binding(owner: &str, path: &str, parameters: &[(String, String)]) -> [u8; BINDING] {
    let mut text = format!("{owner}\0{path}");
    for (name, value) in parameters {
        text.push('\0');
        text.push_str(name);
        text.push('\0');
        text.push_str(value);
    }
    let mut bytes = [0; BINDING];
    bytes.copy_from_slice(&Sha256::of(text.as_bytes()).as_bytes()[..BINDING]);
    bytes
}

fn encode(binding: [u8; BINDING], after: &str) -> String {
    let mut bytes = vec![CURSOR_FORM];
    bytes.extend(binding);
    bytes.extend(after.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(cursor: &str, expected: [u8; BINDING]) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (form, rest) = bytes.split_first()?;
    let (binding, after) = rest.split_at_checked(BINDING)?;
    if *form != CURSOR_FORM || binding != expected || after.is_empty() || after.len() > 512 {
        return None;
    }
    String::from_utf8(after.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_is_good_for_its_tenant_and_query_only() {
        let own = "ten_01h455vb4pex5vsknk084sn02q";
        let query = [("actor".to_owned(), "key_1".to_owned())];
        let here = binding(own, "/v1/apps", &query);
        let cursor = encode(here, "app_01h455vb4pex5vsknk084sn02q");
        assert_eq!(decode(&cursor, here).unwrap(), "app_01h455vb4pex5vsknk084sn02q");
        let other = "ten_01h455vb4pex5vsknk084sn02r";
        for elsewhere in [
            binding(other, "/v1/apps", &query),
            binding(own, "/v1/organizations", &query),
            binding(own, "/v1/apps", &[]),
        ] {
            assert_eq!(decode(&cursor, elsewhere), None);
        }
    }

    #[test]
    fn a_parameter_that_is_not_utf8_is_named() {
        for (query, name) in [
            ("actor=%FF", Some("actor")),
            ("limit=3&actor=key%C3", Some("actor")),
            ("a=1&%ff=2", Some("\u{fffd}")),
            ("actor=%C3%A9&%E2%82%AC=%F0%9F%90%A7", None),
            ("actor=100%&b=%zz&c=%4", None),
            ("a%C3=%A9", Some("a\u{fffd}")),
            ("", None),
        ] {
            assert_eq!(unreadable(query).as_deref(), name, "{query}");
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics(text in "\\PC{0,80}") {
            let _ = decode(&text, [0; BINDING]);
        }

        #[test]
        fn cursors_are_read_as_they_are_written(after in "[ -~]{1,200}", bytes: [u8; BINDING]) {
            prop_assert_eq!(decode(&encode(bytes, &after), bytes).unwrap(), after);
        }
    }
}
