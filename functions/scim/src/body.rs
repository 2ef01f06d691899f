//! Representations of this area.

use jiff::Timestamp;
use rookery_domain::directory::{Entry, ExternalId};
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::text::{Email, Name};
use rookery_domain::user::UserState;
use rookery_domain::{group, user};
use rookery_edge::Problem;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::schema;

/// The schema of lists.
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What is known of a resource itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScimMeta)]
pub struct Meta {
    /// `User` or `Group`.
    resource_type: &'static str,
    /// When it was made.
    created: Timestamp,
    /// When it was last changed.
    last_modified: Timestamp,
    /// Where it is.
    location: String,
    /// Its version, as in the header `ETag`.
    version: String,
}

/// A person in SCIM.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScimUser)]
pub struct User {
    /// The schemas that it is described by.
    schemas: [&'static str; 1],
    /// The person's id.
    id: UserId,
    /// What the directory knows the person by.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    /// What is known of the record itself.
    meta: Meta,
    /// What the person logs in with at the directory; the mail address of whoever no directory sent.
    #[serde(rename = "userName")]
    called: Name,
    /// The parts of the name, as the directory sent them.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<PersonName>,
    /// What the person is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<Name>,
    /// Whether the person may act; absent where the directory took it away, and then the person may.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    /// Mail addresses.
    emails: Vec<Mail>,
    /// The groups that the person is a member of itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    groups: Vec<Membership>,
}

/// The parts of a name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScimName)]
pub struct PersonName {
    /// The whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    formatted: Option<Name>,
    /// The family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    family_name: Option<Name>,
    /// The given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<Name>,
}

/// A mail address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScimMail)]
pub struct Mail {
    /// The address.
    value: Email,
    /// What it is for.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Name>,
    /// Whether it is the one to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<bool>,
}

/// A group that a person is in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScimMembership)]
pub struct Membership {
    /// The group's id.
    value: GroupId,
    /// Where the group is.
    #[serde(rename = "$ref")]
    place: String,
    /// The group's name.
    display: Name,
}

/// A group in SCIM.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScimGroup)]
pub struct Group {
    /// The schemas that it is described by.
    schemas: [&'static str; 1],
    /// The group's id.
    id: GroupId,
    /// What the directory knows the group by.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    /// What is known of the record itself.
    meta: Meta,
    /// The group's name.
    display_name: Name,
    /// The people who are members of the group itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScimMember)]
pub struct Member {
    /// The person's id.
    value: UserId,
    /// Where the person is.
    #[serde(rename = "$ref")]
    place: String,
    /// `User`.
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A list of resources.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScimList)]
pub struct ListResponse {
    /// The schema of lists.
    schemas: [&'static str; 1],
    /// How many there are; left out where parts are read one behind the other and this is not the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_results: Option<usize>,
    /// Which of them is the first that is shown, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_index: Option<usize>,
    /// How many are shown.
    items_per_page: usize,
    /// What to ask for as `cursor` to see the next part, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Those that are shown.
    #[serde(rename = "Resources")]
    #[schema(value_type = Vec<Object>)]
    resources: Vec<Value>,
}

/// What describes the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScimDescription)]
pub struct Description {
    /// The schemas that it is described by.
    pub schemas: Vec<String>,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScimError)]
pub struct Error {
    /// The schema of errors.
    pub schemas: Vec<String>,
    /// The status, as text.
    pub status: String,
    /// The protocol's word for it, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scim_type: Option<String>,
    /// What went wrong this time.
    pub detail: String,
}

impl ListResponse {
    /// Those of all that are shown.
    pub fn new(
        resources: Vec<Value>,
        total_results: Option<usize>,
        start_index: Option<usize>,
        next_cursor: Option<String>,
    ) -> Self {
        let items_per_page = resources.len();
        Self { schemas: [LIST], total_results, start_index, items_per_page, next_cursor, resources }
    }
}

/// Where a person is.
pub fn place_of_person(base: &str, id: UserId) -> String {
    format!("{base}/scim/v2/Users/{id}")
}

/// Where a group is.
pub fn place_of_group(base: &str, id: GroupId) -> String {
    format!("{base}/scim/v2/Groups/{id}")
}

impl User {
    /// A person with what the directory says, and the groups that it is in.
    pub fn new(base: &str, person: &user::User, entry: Entry, groups: &[(GroupId, Name)]) -> Self {
        let suspended = person.state == UserState::Suspended;
        let Entry { external_id, user_name, display_name, formatted, family_name, given_name, .. } = entry;
        let has_name = formatted.is_some() || family_name.is_some() || given_name.is_some();
        let groups = groups.iter().map(|(id, name)| Membership {
            value: *id,
            place: place_of_group(base, *id),
            display: name.clone(),
        });
        let emails = entry.addresses.into_iter();
        Self {
            schemas: [schema::USER],
            id: person.id,
            external_id,
            meta: Meta {
                resource_type: "User",
                created: person.created_at,
                last_modified: person.updated_at,
                location: place_of_person(base, person.id),
                version: format!("\"{}\"", person.version),
            },
            called: user_name,
            name: has_name.then_some(PersonName { formatted, family_name, given_name }),
            display_name,
            active: (entry.says_active || suspended).then_some(!suspended),
            emails: emails
                .map(|address| Mail { value: address.value, kind: address.kind, primary: address.primary })
                .collect(),
            groups: groups.collect(),
        }
    }
}

impl Group {
    /// A group with what the directory knows it by, and its members.
    pub fn new(base: &str, group: &group::Group, known: Option<ExternalId>, members: &[UserId]) -> Self {
        let member = |id: &UserId| Member { value: *id, place: place_of_person(base, *id), kind: "User" };
        Self {
            schemas: [schema::GROUP],
            id: group.id,
            external_id: known,
            meta: Meta {
                resource_type: "Group",
                created: group.created_at,
                last_modified: group.updated_at,
                location: place_of_group(base, group.id),
                version: format!("\"{}\"", group.version),
            },
            display_name: group.name.clone(),
            members: members.iter().map(member).collect(),
        }
    }
}

/// A representation by the names of its attributes.
pub fn attributes(representation: &impl Serialize) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(representation) {
        Ok(Value::Object(attributes)) => Ok(attributes),
        Ok(_) => Err(Problem::internal("a resource is not an object")),
        Err(source) => Err(Problem::internal(source)),
    }
}
