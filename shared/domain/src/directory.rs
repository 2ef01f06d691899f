//! What a tenant's directory says of people and groups beside what the platform's own records hold: so that it finds again what it sent.

use std::fmt;
use std::str::FromStr;

use crate::text::{Email, Name, ParseError};
use crate::user::User;

/// Most mail addresses that a directory may say of a person.
pub const MOST_ADDRESSES: usize = 20;

/// What a directory knows a person or a group by: any text that it chose, compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !(1..=255).contains(&text.chars().count()) {
            return Err(ParseError::new("is not 1 to 255 characters long"));
        }
        if text.chars().any(char::is_control) {
            return Err(ParseError::new("contains a control character"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::text_type!(ExternalId, format = r"^[^\u0000-\u001f\u007f]{1,255}$");

/// A mail address as a directory says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub value: Email,
    /// What it is for, such as `work`.
    pub kind: Option<Name>,
    /// Whether it is the one to write to; not every directory says.
    pub primary: Option<bool>,
}

/// What a directory says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the directory knows the person by.
    pub external_id: Option<ExternalId>,
    /// What the person logs in with at the directory; unique within the tenant, whatever its case.
    pub user_name: Name,
    /// What the person is called.
    pub display_name: Option<Name>,
    /// The whole name.
    pub formatted: Option<Name>,
    /// The family name.
    pub family_name: Option<Name>,
    /// The given name.
    pub given_name: Option<Name>,
    /// Addresses; at least one.
    pub addresses: Vec<Address>,
    /// Whether it is said that the person may act. A directory can take that away, and then the person may.
    pub says_active: bool,
}

impl Entry {
    /// What would have been said of somebody whom no directory spoke of.
    pub fn of(user: &User) -> Result<Self, ParseError> {
        Ok(Self {
            external_id: None,
            user_name: user.email.as_str().parse()?,
            display_name: Some(user.name.clone()),
            formatted: None,
            family_name: None,
            given_name: None,
            addresses: vec![Address { value: user.email.clone(), kind: None, primary: Some(true) }],
            says_active: true,
        })
    }

    /// The address that the platform knows the person by: the primary one, or else the first.
    pub fn email(&self) -> Option<&Email> {
        let primary = self.addresses.iter().find(|address| address.primary == Some(true));
        primary.or(self.addresses.first()).map(|address| &address.value)
    }

    /// The name that the platform shows: the first that was said, from the one for showing down to what the person logs in with.
    pub fn name(&self) -> Result<Name, ParseError> {
        if let Some(name) = self.display_name.as_ref().or(self.formatted.as_ref()) {
            return Ok(name.clone());
        }
        let parts = [&self.given_name, &self.family_name];
        let parts: Vec<&str> = parts.into_iter().flatten().map(Name::as_str).collect();
        if parts.is_empty() { Ok(self.user_name.clone()) } else { parts.join(" ").parse() }
    }

    /// The same after a person was changed by other ways than the directory: what the platform's record holds counts.
    #[must_use]
    pub fn brought_up_to(mut self, user: &User) -> Self {
        if self.name().as_ref() != Ok(&user.name) {
            self.display_name = Some(user.name.clone());
        }
        if self.email() != Some(&user.email) {
            self.addresses.retain(|address| address.primary != Some(true) && address.value != user.email);
            let own = Address { value: user.email.clone(), kind: None, primary: Some(true) };
            self.addresses.insert(0, own);
            self.addresses.truncate(MOST_ADDRESSES);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{OrganizationId, TenantId, UserId};
    use crate::user::UserState;
    use jiff::Timestamp;
    use uuid::Uuid;

    fn ada() -> User {
        User {
            id: UserId::from_uuid(Uuid::nil()),
            tenant: TenantId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            division: None,
            email: "ada@example.com".parse().unwrap(),
            email_verified: true,
            name: "Ada".parse().unwrap(),
            state: UserState::Active,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_first_name_that_was_said_is_shown() {
        let mut entry = Entry { display_name: None, ..Entry::of(&ada()).unwrap() };
        assert_eq!(entry.name().unwrap().as_str(), "ada@example.com");
        entry.family_name = Some("Lovelace".parse().unwrap());
        assert_eq!(entry.name().unwrap().as_str(), "Lovelace");
        entry.given_name = Some("Ada".parse().unwrap());
        assert_eq!(entry.name().unwrap().as_str(), "Ada Lovelace");
        entry.formatted = Some("Countess".parse().unwrap());
        assert_eq!(entry.name().unwrap().as_str(), "Countess");
        // Two long names make one that is too long to show.
        let long: Name = "x".repeat(150).parse().unwrap();
        let entry =
            Entry { formatted: None, given_name: Some(long.clone()), family_name: Some(long), ..entry };
        assert!(entry.name().is_err());
    }

    #[test]
    fn what_was_changed_elsewhere_counts() {
        let entry = Entry {
            addresses: vec![
                Address { value: "old@example.com".parse().unwrap(), kind: None, primary: Some(true) },
                Address { value: "home@example.com".parse().unwrap(), kind: None, primary: None },
            ],
            display_name: None,
            given_name: Some("Augusta".parse().unwrap()),
            ..Entry::of(&ada()).unwrap()
        };
        let now = entry.brought_up_to(&ada());
        assert_eq!(now.name().unwrap(), ada().name);
        assert_eq!(now.email(), Some(&ada().email));
        let all: Vec<&str> = now.addresses.iter().map(|address| address.value.as_str()).collect();
        assert_eq!(all, ["ada@example.com", "home@example.com"]);
        assert_eq!(now.clone().brought_up_to(&ada()), now);
    }
}
