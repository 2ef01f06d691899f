//! The schemas (RFC 7643, section 7): which attributes people and groups have here. What is in these tables is read, kept and shown;
//! what is not is ignored in what directories send.

use serde_json::{Map, Value, json};

/// The schema of people.
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of groups.
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// What values an attribute has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// Where a resource of one of these types is.
    Reference(&'static [&'static str]),
    /// Several together.
    Complex(&'static [Attribute]),
}

/// Who may say what an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutability {
    /// Whoever writes the resource.
    ReadWrite,
    /// Nobody: it follows from other things.
    ReadOnly,
    /// Whoever first writes the value.
    Immutable,
}

/// An attribute.
#[expect(clippy::struct_excessive_bools, reason = "the characteristics of RFC 7643, section 2.2")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What values it has.
    pub kind: Kind,
    /// Whether it has a list of them.
    pub multi: bool,
    /// Whether a resource cannot be without.
    pub required: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// Whether no two resources have the same.
    pub unique: bool,
    /// Whether capitals count.
    pub case_exact: bool,
    /// Usual values.
    pub usual: &'static [&'static str],
    /// What it is.
    pub description: &'static str,
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    Attribute {
        name,
        kind: Kind::Text,
        multi: false,
        required: false,
        mutability: Mutability::ReadWrite,
        unique: false,
        case_exact: false,
        usual: &[],
        description,
    }
}

const fn told(name: &'static str, kind: Kind, description: &'static str) -> Attribute {
    Attribute { kind, mutability: Mutability::ReadOnly, ..text(name, description) }
}

const EXTERNAL_ID: Attribute =
    Attribute { unique: true, case_exact: true, ..text("externalId", "What the directory knows it by.") };
const ID: Attribute =
    Attribute { case_exact: true, unique: true, ..told("id", Kind::Text, "What the platform knows it by.") };
const META: Attribute = told("meta", Kind::Complex(&[]), "When it was made and changed, and its version.");
const SCHEMAS: Attribute =
    Attribute { multi: true, ..told("schemas", Kind::Text, "The schemas that it is described by.") };

/// What all resources have. It is in no schema's own list.
const COMMON: &[Attribute] = &[SCHEMAS, ID, EXTERNAL_ID, META];

const USER_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        required: true,
        unique: true,
        ..text("userName", "What the person logs in with at the directory; unique within the tenant.")
    },
    Attribute {
        kind: Kind::Complex(&[
            text("formatted", "The whole name."),
            text("familyName", "The family name."),
            text("givenName", "The given name."),
        ]),
        ..text("name", "The parts of the person's name.")
    },
    text("displayName", "What the person is called; unless given, the name, or else the userName."),
    Attribute {
        kind: Kind::Boolean,
        ..text(
            "active",
            "Whether the person may act. A person without it may; whoever is not active is suspended.",
        )
    },
    Attribute {
        kind: Kind::Complex(&[
            Attribute { required: true, ..text("value", "The address.") },
            Attribute { usual: &["work", "home", "other"], ..text("type", "What it is for.") },
            Attribute { kind: Kind::Boolean, ..text("primary", "Whether it is the one to write to.") },
        ]),
        multi: true,
        required: true,
        ..text(
            "emails",
            "Mail addresses. The primary one, or else the first, is unique within the tenant. Unless given, the userName.",
        )
    },
    Attribute {
        multi: true,
        ..told(
            "groups",
            Kind::Complex(&[
                told("value", Kind::Text, "The group's id."),
                told("$ref", Kind::Reference(&["Group"]), "Where the group is."),
                told("display", Kind::Text, "The group's name."),
            ]),
            "The groups that the person is a member of itself.",
        )
    },
];

const fn member(name: &'static str, kind: Kind, description: &'static str) -> Attribute {
    Attribute { kind, mutability: Mutability::Immutable, case_exact: true, ..text(name, description) }
}

const GROUP_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        required: true,
        unique: true,
        ..text("displayName", "The group's name, unique among the groups at the top of the organization.")
    },
    Attribute {
        kind: Kind::Complex(&[
            member("value", Kind::Text, "The person's id."),
            member("$ref", Kind::Reference(&["User"]), "Where the person is."),
            Attribute { usual: &["User"], ..member("type", Kind::Text, "What kind of member it is.") },
        ]),
        multi: true,
        ..text("members", "The people who are members of the group itself.")
    },
];

/// A kind of resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource {
    /// Its name.
    pub name: &'static str,
    /// Where its resources are.
    pub endpoint: &'static str,
    /// The URN of its schema.
    pub schema: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Its own attributes.
    attributes: &'static [Attribute],
}

/// People.
pub(crate) const USERS: Resource = Resource {
    name: "User",
    endpoint: "/Users",
    schema: USER,
    description: "A person",
    attributes: USER_ATTRIBUTES,
};
/// Groups.
pub(crate) const GROUPS: Resource = Resource {
    name: "Group",
    endpoint: "/Groups",
    schema: GROUP,
    description: "A group of people",
    attributes: GROUP_ATTRIBUTES,
};

/// An attribute by its name, whatever its case.
pub(crate) fn find<'a>(among: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    among.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

impl Resource {
    /// An attribute of the resource, or one that all have.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.attributes, name).or_else(|| find(COMMON, name))
    }

    /// A name of an attribute without the schema before it.
    pub(crate) fn bare<'a>(&self, name: &'a str) -> &'a str {
        match name.get(..self.schema.len()) {
            Some(prefix) if prefix.eq_ignore_ascii_case(self.schema) => {
                name[self.schema.len()..].strip_prefix(':').unwrap_or(name)
            }
            _ => name,
        }
    }

    /// What is known of what a directory sent, under the names of the schema: without what is nothing, and without what is only told.
    pub(crate) fn known(&self, sent: &Map<String, Value>) -> Map<String, Value> {
        let mut known = Map::new();
        for (name, value) in sent {
            let attribute = self.attribute(self.bare(name));
            let Some(attribute) = attribute.filter(|known| known.mutability != Mutability::ReadOnly) else {
                continue;
            };
            if let Some(value) = attribute.normal(value) {
                known.insert(attribute.name.to_owned(), value);
            }
        }
        known
    }
}

impl Attribute {
    /// The attributes that it is made of.
    pub(crate) const fn parts(&self) -> &'static [Attribute] {
        match self.kind {
            Kind::Complex(parts) => parts,
            _ => &[],
        }
    }

    /// A value under the names of the schema; `None` for what counts as no value (RFC 7643, section 2.5).
    pub(crate) fn normal(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Null => None,
            Value::Array(items) if self.multi => {
                let items: Vec<Value> = items.iter().filter_map(|item| self.normal_one(item)).collect();
                (!items.is_empty()).then_some(Value::Array(items))
            }
            // One value stands for a list of one.
            one if self.multi => Some(Value::Array(vec![self.normal_one(one)?])),
            one => self.normal_one(one),
        }
    }

    /// As [`Attribute::normal`], one of the values of an attribute that has several.
    pub(crate) fn normal_one(&self, value: &Value) -> Option<Value> {
        match (self.kind, value) {
            (_, Value::Null) => None,
            (Kind::Complex(parts), Value::Object(fields)) => {
                let mut known = Map::new();
                for (name, value) in fields {
                    if let Some(part) = find(parts, name)
                        && let Some(value) = part.normal(value)
                    {
                        known.insert(part.name.to_owned(), value);
                    }
                }
                (!known.is_empty()).then_some(Value::Object(known))
            }
            // Some directories write truth as text.
            (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Some(json!(true)),
            (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Some(json!(false)),
            (_, value) => Some(value.clone()),
        }
    }

    fn described(&self) -> Value {
        let (kind, more) = match self.kind {
            Kind::Text => ("string", json!({})),
            Kind::Boolean => ("boolean", json!({})),
            Kind::Reference(types) => ("reference", json!({"referenceTypes": types})),
            Kind::Complex(parts) => {
                let parts: Vec<Value> = parts.iter().map(Self::described).collect();
                ("complex", json!({"subAttributes": parts}))
            }
        };
        let mut described = json!({
            "name": self.name,
            "type": kind,
            "multiValued": self.multi,
            "description": self.description,
            "required": self.required,
            "mutability": match self.mutability {
                Mutability::ReadWrite => "readWrite",
                Mutability::ReadOnly => "readOnly",
                Mutability::Immutable => "immutable",
            },
            "returned": "default",
        });
        if matches!(self.kind, Kind::Text | Kind::Reference(_)) {
            described["caseExact"] = json!(self.case_exact);
            described["uniqueness"] = json!(if self.unique { "server" } else { "none" });
        }
        if !self.usual.is_empty() {
            described["canonicalValues"] = json!(self.usual);
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            described[name.as_str()] = value.clone();
        }
        described
    }
}

fn meta(kind: &str, location: &str) -> Value {
    json!({"resourceType": kind, "location": location})
}

impl Resource {
    /// What the resource's schema says, as it is published below a base URL.
    pub(crate) fn schema(&self, base: &str) -> Value {
        json!({
            "schemas": [SCHEMA],
            "id": self.schema,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes.iter().map(Attribute::described).collect::<Vec<_>>(),
            "meta": meta("Schema", &format!("{base}/scim/v2/Schemas/{}", self.schema)),
        })
    }

    /// The kind of resource, as it is published below a base URL.
    pub(crate) fn resource_type(&self, base: &str) -> Value {
        json!({
            "schemas": [RESOURCE_TYPE],
            "id": self.name,
            "name": self.name,
            "description": self.description,
            "endpoint": self.endpoint,
            "schema": self.schema,
            "meta": meta("ResourceType", &format!("{base}/scim/v2/ResourceTypes/{}", self.name)),
        })
    }
}

/// What of the protocol is served (RFC 7643, section 5).
pub(crate) fn config(base: &str, most: usize) -> Value {
    json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": most},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "cursor",
            "defaultPageSize": most,
            "maxPageSize": most,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "API key",
            "description": "An API key of an organization, sent as Authorization: Bearer",
            "primary": true,
        }],
        "meta": meta("ServiceProviderConfig", &format!("{base}/scim/v2/ServiceProviderConfig")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_under_the_names_of_the_schema() {
        let sent = json!({
            "schemas": [USER],
            "USERNAME": "ada",
            "urn:ietf:params:scim:schemas:core:2.0:user:displayname": "Ada",
            "active": "False",
            "emails": {"Value": "ada@example.com", "colour": "red"},
            "name": {"givenname": "Ada", "familyName": null},
            "groups": [{"value": "grp"}],
            "id": "usr",
            "nickName": "Countess",
            "externalId": null,
        });
        let known = USERS.known(sent.as_object().unwrap());
        let expected = json!({
            "userName": "ada",
            "displayName": "Ada",
            "active": false,
            "emails": [{"value": "ada@example.com"}],
            "name": {"givenName": "Ada"},
        });
        assert_eq!(Value::Object(known), expected);
    }
}
