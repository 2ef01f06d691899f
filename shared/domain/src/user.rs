//! People: their records, and finding them by mail address or name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{DivisionId, OrganizationId, TenantId, UserId};
use crate::node::NodeId;
use crate::text::{Email, Name, ParseError};

/// Most words of a name that a person is found by.
const MOST_WORDS: usize = 8;
/// How much of a word is compared, in characters.
const WORD_LENGTH: usize = 64;

/// Whether a person may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// The person may.
    Active,
    /// The person is refused everywhere.
    Suspended,
}

impl UserState {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl std::str::FromStr for UserState {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(ParseError::new("is neither active nor suspended"))
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// The division it belongs to, if it belongs to one.
    pub division: Option<DivisionId>,
    /// Its mail address, unique within the tenant.
    pub email: Email,
    /// Whether it has shown that the address is its own.
    pub email_verified: bool,
    /// Its name.
    pub name: Name,
    /// Whether it may act.
    pub state: UserState,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// Where the person stands in the tree that rights are given on.
    pub fn home(&self) -> NodeId {
        self.division.map_or(self.organization.into(), NodeId::from)
    }

    fn changed(&self, at: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The person with other data. Another mail address is to be verified again.
    #[must_use]
    pub fn edited(&self, email: Email, name: Name, division: Option<DivisionId>, at: Timestamp) -> Self {
        let email_verified = self.email_verified && email.normalized() == self.email.normalized();
        Self { division, email, email_verified, name, ..self.changed(at) }
    }

    /// The person that has shown that the mail address is its own.
    #[must_use]
    pub fn verified(&self, at: Timestamp) -> Self {
        Self { email_verified: true, ..self.changed(at) }
    }

    /// The person suspended or active.
    #[must_use]
    pub fn in_state(&self, state: UserState, at: Timestamp) -> Self {
        Self { state, ..self.changed(at) }
    }

    /// What the person is found by: the mail address, and the words of the name.
    pub fn words(&self) -> BTreeSet<String> {
        let name = self.name.normalized();
        let words = name.split_whitespace().take(MOST_WORDS).map(cut);
        words.chain([cut(&self.email.normalized())]).collect()
    }
}

/// The part of a word that is compared.
pub fn cut(word: &str) -> String {
    word.chars().take(WORD_LENGTH).collect()
}

/// A question for people: words, each of which a mail address or a word of a name must begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    terms: Vec<String>,
}

impl std::str::FromStr for Search {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name: Name = text.parse()?;
        let normalized = name.normalized();
        let mut terms: Vec<String> = normalized.split_whitespace().map(cut).collect();
        if terms.is_empty() {
            return Err(ParseError::new("is empty"));
        }
        // The longest finds the fewest.
        terms.sort_by_key(|term| std::cmp::Reverse(term.len()));
        Ok(Self { terms })
    }
}

impl Search {
    /// The word to look up; the others are looked for among what it finds.
    pub fn lead(&self) -> &str {
        self.terms.first().map_or("", String::as_str)
    }

    /// Whether a person is found, and if so by which word: the first that fits, so that nobody is found twice.
    pub fn finds(&self, user: &User) -> Option<String> {
        let words = user.words();
        let all = self.terms.iter().all(|term| words.iter().any(|word| word.starts_with(term.as_str())));
        if !all {
            return None;
        }
        words.into_iter().find(|word| word.starts_with(self.lead()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(email: &str, name: &str) -> User {
        User {
            id: UserId::from_uuid(Uuid::nil()),
            tenant: TenantId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            division: None,
            email: email.parse().unwrap(),
            email_verified: true,
            name: name.parse().unwrap(),
            state: UserState::Active,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn people_are_found_by_the_beginnings_of_words() {
        let ada = user("Ada+ci@Example.com", "Ada  Lovelace-O'Neil Zoë");
        for (question, found) in [
            ("ada", Some("ada")),
            ("LOVE", Some("lovelace-o'neil")),
            ("ada+", Some("ada+ci@example.com")),
            ("ada love", Some("lovelace-o'neil")),
            ("zoe\u{308}", Some("zoë")),
            ("ada babbage", None),
            ("neil", None),
            ("ci@example", None),
        ] {
            let search: Search = question.parse().unwrap();
            assert_eq!(search.finds(&ada).as_deref(), found, "{question}");
        }
        assert!("  ".parse::<Search>().is_err());
    }

    #[test]
    fn another_address_is_to_be_verified_again() {
        let ada = user("ada@example.com", "Ada");
        let renamed = ada.edited("ADA@example.com".parse().unwrap(), ada.name.clone(), None, ada.updated_at);
        assert!(renamed.email_verified);
        let moved = ada.edited("ada@example.org".parse().unwrap(), ada.name.clone(), None, ada.updated_at);
        assert!(!moved.email_verified && moved.verified(ada.updated_at).email_verified);
    }

    #[test]
    fn a_person_has_a_bounded_number_of_words() {
        let many = (0..50).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        let words = user("a@example.com", &many).words();
        assert_eq!(words.len(), MOST_WORDS + 1);
        let long = user("a@example.com", &"ﷺ".repeat(50)).words();
        assert!(long.iter().all(|word| word.chars().count() <= WORD_LENGTH));
    }
}
