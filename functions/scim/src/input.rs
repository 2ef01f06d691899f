//! What directories send of people and groups, read into types. Names are those of the schema already: see
//! [`Resource::known`](crate::schema::Resource::known).

use deserr::Deserr;
use rookery_domain::directory::{Address, Entry, ExternalId, MOST_ADDRESSES};
use rookery_domain::fault::Faults;
use rookery_domain::id::UserId;
use rookery_domain::text::{Email, Name};
use rookery_edge::Problem;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::fault;

/// A person, as a directory sends one. What is not here is not looked at.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(as = NewScimUser, rename_all = "camelCase")]
pub struct Person {
    /// What the person logs in with at the directory; unique within the tenant, whatever its case.
    user_name: Name,
    /// What the directory knows the person by; unique within the tenant.
    #[deserr(default)]
    external_id: Option<ExternalId>,
    /// The parts of the name.
    #[deserr(default)]
    name: Option<PersonName>,
    /// What the person is called.
    #[deserr(default)]
    display_name: Option<Name>,
    /// Whether the person may act.
    #[deserr(default)]
    pub active: Option<bool>,
    /// Mail addresses; unless given, the `userName`.
    #[deserr(default)]
    emails: Vec<Mail>,
}

/// The parts of a name.
#[derive(Debug, Clone, Default, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(as = NewScimName, rename_all = "camelCase")]
pub struct PersonName {
    /// The whole name.
    #[deserr(default)]
    formatted: Option<Name>,
    /// The family name.
    #[deserr(default)]
    family_name: Option<Name>,
    /// The given name.
    #[deserr(default)]
    given_name: Option<Name>,
}

/// A mail address.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(as = NewScimMail)]
pub struct Mail {
    /// The address.
    value: Email,
    /// What it is for, such as `work`.
    #[deserr(default, rename = "type")]
    #[schema(rename = "type")]
    kind: Option<Name>,
    /// Whether it is the one to write to.
    #[deserr(default)]
    primary: Option<bool>,
}

/// A group, as a directory sends one.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(as = NewScimGroup, rename_all = "camelCase")]
pub struct Team {
    /// Its name, unique among the groups at the top of the organization, whatever its case.
    pub display_name: Name,
    /// What the directory knows the group by; unique within the tenant.
    #[deserr(default)]
    pub external_id: Option<ExternalId>,
    /// Its members.
    #[deserr(default)]
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(as = NewScimMember)]
pub struct Member {
    /// The person's id.
    pub value: UserId,
}

/// A patch (RFC 7644, section 3.5.2), for the document: what it says is read by the names of the schema.
#[derive(Debug, ToSchema)]
#[schema(as = ScimPatch)]
pub struct PatchOp {
    /// The operations, in the order in which they are carried out.
    #[schema(rename = "Operations", value_type = Vec<PatchOperation>)]
    pub operations: Vec<PatchOperation>,
}

/// An operation of a patch.
#[derive(Debug, ToSchema)]
#[schema(as = ScimPatchOperation)]
pub struct PatchOperation {
    /// `add`, `replace` or `remove`, whatever the case.
    pub op: String,
    /// What it is about: `attribute`, `attribute.part`, `attribute[part eq "value"]` or `attribute[part eq "value"].part`. Without one, the
    /// value is an object of attributes.
    pub path: Option<String>,
    /// The value.
    #[schema(value_type = Option<Object>)]
    pub value: Option<Value>,
}

/// Reads what is known of a resource into its type.
pub fn read<T: Deserr<Faults>>(known: Map<String, Value>) -> Result<T, Problem> {
    deserr::deserialize(Value::Object(known)).map_err(Problem::Invalid)
}

impl Person {
    /// What the directory says of the person.
    pub fn into_entry(self) -> Result<Entry, Problem> {
        let Self { user_name, external_id, name, display_name, active, emails } = self;
        let mut addresses: Vec<Address> = emails
            .into_iter()
            .map(|Mail { value, kind, primary }| Address { value, kind, primary })
            .collect();
        if addresses.is_empty() {
            let value = user_name.as_str().parse();
            let value = value.map_err(|_| {
                fault::value("/emails is missing, and /userName is not a mail address either")
            })?;
            addresses.push(Address { value, kind: None, primary: Some(true) });
        }
        if addresses.len() > MOST_ADDRESSES {
            return Err(fault::value(format!("/emails has more than {MOST_ADDRESSES} values")));
        }
        if addresses.iter().filter(|address| address.primary == Some(true)).count() > 1 {
            return Err(fault::value("/emails has more than one primary value"));
        }
        let PersonName { formatted, family_name, given_name } = name.unwrap_or_default();
        Ok(Entry {
            external_id,
            user_name,
            display_name,
            formatted,
            family_name,
            given_name,
            addresses,
            says_active: active.is_some(),
        })
    }
}
