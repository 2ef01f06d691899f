//! Filters (RFC 7644, section 3.4.2.2): `eq`, joined by `and`. Nothing else is needed to find what was sent before, and everything else
//! would read everything.

use rookery_edge::Problem;
use serde_json::Value;

use crate::fault;
use crate::schema::{Attribute, Resource, find};

/// Most comparisons of a filter.
const MOST: usize = 10;

/// A comparison: an attribute, or a part of one, equals a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equals {
    /// The attribute, in lower case and without a schema before it.
    pub attribute: String,
    /// The value.
    pub value: Value,
}

/// Reads comparisons that are joined by `and`. Names are not looked up.
pub(crate) fn parse(text: &str) -> Result<Vec<Equals>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let (attribute, behind) = word(rest)?;
        let (operator, behind) = word(behind)?;
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(format!("{operator} is no operator that is served; eq is, and and"));
        }
        let behind = behind.trim_start();
        let mut values = serde_json::Deserializer::from_str(behind).into_iter::<Value>();
        let Some(Ok(value @ (Value::String(_) | Value::Bool(_)))) = values.next() else {
            return Err("what stands behind eq is neither text in quotes nor true nor false".to_owned());
        };
        let behind = behind.get(values.byte_offset()..).unwrap_or_default();
        found.push(Equals { attribute: attribute.to_ascii_lowercase(), value });
        if found.len() > MOST {
            return Err("there are too many comparisons".to_owned());
        }
        if behind.trim().is_empty() {
            return Ok(found);
        }
        if !behind.starts_with(char::is_whitespace) {
            return Err("something stands directly behind a value".to_owned());
        }
        let (conjunction, behind) = word(behind)?;
        if !conjunction.eq_ignore_ascii_case("and") {
            return Err(format!("{conjunction} joins nothing here; and does"));
        }
        rest = behind;
    }
}

/// The next word, and what is behind it.
fn word(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:$-_".contains(c);
    if word.is_empty() {
        return Err("it ends too early".to_owned());
    }
    if !word.chars().all(plain) {
        return Err(format!("{word} is neither a name nor an operator"));
    }
    Ok((word, rest))
}

/// Reads the filter of a list. Only some attributes can be looked for.
pub(crate) fn of_list(resource: &Resource, text: &str, known: &[&str]) -> Result<Vec<Equals>, Problem> {
    let mut terms = parse(text).map_err(fault::filter)?;
    for term in &mut terms {
        let bare = resource.bare(&term.attribute).to_owned();
        if !known.iter().any(|known| known.eq_ignore_ascii_case(&bare)) {
            let detail = format!("{bare} is not looked for; only {} are", known.join(", "));
            return Err(fault::filter(detail));
        }
        if !term.value.is_string() {
            return Err(fault::filter(format!("{bare} is compared with text")));
        }
        term.attribute = bare;
    }
    Ok(terms)
}

impl Equals {
    /// The text that is looked for, if it is that of this attribute.
    pub(crate) fn text_of(&self, attribute: &str) -> Option<&str> {
        if self.attribute.eq_ignore_ascii_case(attribute) { self.value.as_str() } else { None }
    }

    /// Whether a resource, as it is shown, has this value.
    pub(crate) fn holds(&self, resource: &Resource, shown: &serde_json::Map<String, Value>) -> bool {
        let (name, part) =
            self.attribute.split_once('.').map_or((self.attribute.as_str(), None), |(a, b)| (a, Some(b)));
        let Some(attribute) = resource.attribute(name) else { return false };
        let Some(value) = shown.get(attribute.name) else { return false };
        match part {
            None => equal(attribute, value, &self.value),
            Some(part) => {
                let Some(part) = find(attribute.parts(), part) else { return false };
                let items = match value {
                    Value::Array(items) => items.as_slice(),
                    one => std::slice::from_ref(one),
                };
                items.iter().any(|item| equal(part, &item[part.name], &self.value))
            }
        }
    }
}

/// Whether two values of an attribute are the same.
pub(crate) fn equal(attribute: &Attribute, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) if !attribute.case_exact => {
            left.to_lowercase() == right.to_lowercase()
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::USERS;
    use serde_json::json;

    #[test]
    fn comparisons_are_read() {
        let terms = parse(r#"userName Eq "a \"b\" and c"  AND active eq true"#).unwrap();
        let expected = [("username", json!("a \"b\" and c")), ("active", json!(true))];
        let read: Vec<_> = terms.iter().map(|term| (term.attribute.as_str(), term.value.clone())).collect();
        assert_eq!(read, expected);
        for faulty in [
            "",
            "userName",
            "userName eq",
            "userName eq bare",
            r#"userName co "x""#,
            r#"a eq "x" or b eq "y""#,
            r#"a eq "x"b"#,
            r#"(a eq "x")"#,
            r#"not (a eq "x")"#,
            "a pr",
            "a eq 1",
            r#"emails[type eq "x"]"#,
            r#"a eq "x" and"#,
            "a eq \"x",
        ] {
            assert!(parse(faulty).is_err(), "{faulty}");
        }
        let many = [r#"a eq "x""#; 11].join(" and ");
        assert!(parse(&many).is_err());
    }

    #[test]
    fn capitals_count_where_the_schema_says_so() {
        let shown = json!({
            "externalId": "A1", "userName": "Ada", "emails": [{"value": "x@example.com"}, {"value": "Y@example.com"}],
        });
        let shown = shown.as_object().unwrap();
        let known = ["userName", "externalId", "emails.value"];
        for (filter, found) in [
            (r#"userName eq "aDA""#, true),
            (r#"externalId eq "a1""#, false),
            (r#"externalId eq "A1" and emails.value eq "y@EXAMPLE.com""#, true),
            (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada""#, true),
            (r#"userName eq "ada" and externalId eq "other""#, false),
        ] {
            let terms = of_list(&USERS, filter, &known).unwrap();
            assert_eq!(terms.iter().all(|term| term.holds(&USERS, shown)), found, "{filter}");
        }
        assert!(of_list(&USERS, r#"title eq "x""#, &known).is_err());
        assert!(of_list(&USERS, "userName eq true", &known).is_err());
    }
}
