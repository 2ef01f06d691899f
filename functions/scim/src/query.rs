//! What a request asks to see: which resources, which part of them, and which of their attributes (RFC 7644, section 3.4.2 and 3.9).

use axum::extract::FromRequestParts;
use http::request::Parts;
use rookery_edge::{Context, Paging, Problem};
use rookery_store::{Slice, TenantScope};
use serde_json::{Map, Value};

use crate::schema::Resource;
use crate::{body, fault};

/// Most resources of one answer.
pub(crate) const MOST: usize = 100;

/// The parameters of a request. Others are not looked at, as the protocol has it.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Which resources.
    pub filter: Option<String>,
    /// The first of them that is shown, from 1. Without it, or with a cursor, parts are read one behind the other.
    start: Option<usize>,
    /// How many of them.
    count: usize,
    cursor: Option<String>,
    path: String,
    attributes: Vec<String>,
    excluded: Vec<String>,
}

impl FromRequestParts<Context> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        let given = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let given = given.map_err(|fault| fault::syntax(fault.to_string()))?.0;
        let path = parts.uri.path().to_owned();
        let mut query = Self { count: MOST, path, ..Self::default() };
        for (name, value) in given {
            let names =
                || value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            match name.to_ascii_lowercase().as_str() {
                "filter" => query.filter = Some(value),
                // What is less than nothing is nothing (RFC 7644, section 3.4.2.4).
                "startindex" => query.start = Some(number(&name, &value)?.max(1)),
                "cursor" => query.cursor = Some(value),
                "count" => query.count = number(&name, &value)?.min(MOST),
                "attributes" => query.attributes.extend(names()),
                "excludedattributes" => query.excluded.extend(names()),
                _ => {}
            }
        }
        if !query.attributes.is_empty() && !query.excluded.is_empty() {
            return Err(fault::syntax("attributes and excludedAttributes exclude each other"));
        }
        match (&query.cursor, query.start, query.count) {
            (Some(_), Some(_), _) => Err(fault::syntax("cursor and startIndex exclude each other")),
            (Some(_), _, 0) => Err(fault::count("count is less than 1")),
            // Who wants nothing of it wants to know how many there are.
            (None, None, 0) => Ok(Self { start: Some(1), ..query }),
            _ => Ok(query),
        }
    }
}

fn number(name: &str, text: &str) -> Result<usize, Problem> {
    match text.parse::<i64>() {
        Ok(number) => Ok(usize::try_from(number).unwrap_or(0)),
        Err(_) => Err(fault::value(format!("{name} is not a number"))),
    }
}

/// A part of an attribute's name that is asked for, if the name is that attribute's.
#[expect(clippy::option_option, reason = "whether it is asked for, and whether for a part of it")]
fn part_of<'a>(resource: &Resource, asked: &'a str, attribute: &str) -> Option<Option<&'a str>> {
    let bare = resource.bare(asked);
    let (first, part) = bare.split_once('.').map_or((bare, None), |(first, part)| (first, Some(part)));
    first.eq_ignore_ascii_case(attribute).then_some(part)
}

fn parts(value: &Value, keep: impl Fn(&str) -> bool + Copy) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| parts(item, keep)).collect()),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| keep(name));
            Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

impl Query {
    /// Whether an attribute is shown, or a part of it.
    pub(crate) fn shows(&self, resource: &Resource, attribute: &str) -> bool {
        if matches!(attribute, "id" | "schemas") {
            return true;
        }
        if !self.attributes.is_empty() {
            return self.attributes.iter().any(|asked| part_of(resource, asked, attribute).is_some());
        }
        !self.excluded.iter().any(|asked| part_of(resource, asked, attribute) == Some(None))
    }

    /// What of a resource is shown.
    pub(crate) fn project(&self, resource: &Resource, whole: Map<String, Value>) -> Map<String, Value> {
        let shown = whole.into_iter().filter(|(name, _)| self.shows(resource, name));
        let shown = shown.map(|(name, value)| {
            let asked = |names: &[String]| -> Vec<Option<String>> {
                let parts = names.iter().filter_map(|asked| part_of(resource, asked, &name));
                parts.map(|part| part.map(str::to_owned)).collect()
            };
            let is = |asked: &Option<String>, name: &str| {
                asked.as_ref().is_some_and(|asked| asked.eq_ignore_ascii_case(name))
            };
            let (wanted, unwanted) = (asked(&self.attributes), asked(&self.excluded));
            let keep = |part: &str| {
                let whole = wanted.is_empty() || wanted.contains(&None);
                (whole || wanted.iter().any(|asked| is(asked, part)))
                    && !unwanted.iter().any(|asked| is(asked, part))
            };
            let value = if matches!(name.as_str(), "id" | "schemas") { value } else { parts(&value, keep) };
            (name, value)
        });
        shown.collect()
    }

    fn paging(&self, scope: &TenantScope) -> Paging {
        let filter = self.filter.iter().map(|filter| ("filter".to_owned(), filter.clone())).collect();
        Paging::bound_to(&scope.tenant().to_string(), &self.path, filter)
    }

    /// What is read to answer by cursors (RFC 9865), which is how parts are shown unless `startIndex` is asked for; `None` where all is
    /// read.
    pub(crate) fn slice(&self, scope: &TenantScope) -> Result<Option<Slice>, Problem> {
        if self.start.is_some() {
            return Ok(None);
        }
        let behind = |cursor: &String| {
            let behind = self.paging(scope).behind(cursor);
            behind.ok_or_else(|| fault::cursor("the cursor is not one of this query"))
        };
        let after = self.cursor.as_ref().filter(|cursor| !cursor.is_empty()).map(behind).transpose()?;
        let limit = u32::try_from(self.count).map_err(Problem::internal)?;
        Ok(Some(Slice { limit, after, oldest_first: true, ..Slice::default() }))
    }

    /// The part of what was read that is shown.
    pub(crate) fn page<T>(&self, read: Vec<T>) -> Vec<T> {
        read.into_iter().skip(self.start.unwrap_or(1) - 1).take(self.count).collect()
    }

    /// What is shown, of how many that were read. `next` is behind what the next part begins.
    pub(crate) fn list(
        &self,
        scope: &TenantScope,
        shown: Vec<Value>,
        read: usize,
        next: Option<&str>,
    ) -> body::ListResponse {
        // Only by reading on would it be known how many there are, which the protocol does not ask for (RFC 9865, section 2.1).
        let is_all = next.is_none() && self.cursor.as_ref().is_none_or(String::is_empty);
        let total = (self.start.is_some() || is_all).then_some(read);
        let start = total.map(|_| self.start.unwrap_or(1));
        let next = next.filter(|_| self.start.is_none()).map(|after| self.paging(scope).cursor(after));
        body::ListResponse::new(shown, total, start, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::USERS;
    use serde_json::json;

    fn shown(query: &Query) -> Value {
        let whole = json!({
            "schemas": ["s"], "id": "1", "userName": "ada", "name": {"givenName": "Ada", "familyName": "L"},
            "emails": [{"value": "a@example.com", "primary": true}],
        });
        Value::Object(query.project(&USERS, whole.as_object().unwrap().clone()))
    }

    fn asking(attributes: &[&str], excluded: &[&str]) -> Query {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Query { attributes: owned(attributes), excluded: owned(excluded), ..Query::default() }
    }

    #[test]
    fn what_is_asked_for_is_shown_with_what_always_is() {
        let some =
            shown(&asking(&["NAME.givenname", "urn:ietf:params:scim:schemas:core:2.0:User:userName"], &[]));
        let expected = json!({"schemas": ["s"], "id": "1", "userName": "ada", "name": {"givenName": "Ada"}});
        assert_eq!(some, expected);
        let rest = shown(&asking(&[], &["emails.primary", "name", "id", "userName"]));
        assert_eq!(rest, json!({"schemas": ["s"], "id": "1", "emails": [{"value": "a@example.com"}]}));
    }
}
