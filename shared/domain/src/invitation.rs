//! Invitations: somebody is asked into a tenant by mail.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::binding::Subject;
use crate::hash::Sha256;
use crate::id::{DivisionId, GroupId, Id as _, InvitationId, OrganizationId, TenantId, UserId};
use crate::node::NodeId;
use crate::role::RoleRef;
use crate::text::{Email, Name, ParseError};
use crate::token;

/// For how long an invitation can be accepted once it was sent.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most groups of an invitation.
pub const MOST_GROUPS: usize = 10;

/// What became of an invitation, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing yet.
    Open,
    /// It was accepted.
    Accepted,
    /// It was cancelled.
    Cancelled,
}

/// What can be done with an invitation at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be accepted.
    Pending,
    /// It was accepted.
    Accepted,
    /// It was cancelled.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Who invites.
    pub tenant: TenantId,
    /// The organization that the person will belong to.
    pub organization: OrganizationId,
    /// The division that the person will belong to, if to one.
    pub division: Option<DivisionId>,
    /// Who is invited; nobody any more once it was accepted or cancelled.
    pub email: Option<Email>,
    /// The person's name, as far as it is known.
    pub name: Option<Name>,
    /// The groups that the person will be a member of.
    pub groups: Vec<GroupId>,
    /// The role that the person will have, and where.
    pub role: Option<(RoleRef, NodeId)>,
    /// Who sent it last, and answers for what comes with it: a person, or a service key.
    pub sender: Subject,
    /// What became of it.
    pub state: State,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// Who accepted it.
    pub user: Option<UserId>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Invitation {
    /// Where the invitation stands in the tree that rights are given on.
    pub fn home(&self) -> NodeId {
        self.division.map_or(self.organization.into(), NodeId::from)
    }

    /// What can be done with it.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            State::Accepted => Standing::Accepted,
            State::Cancelled => Standing::Cancelled,
            State::Open if self.expires_at <= now => Standing::Expired,
            State::Open => Standing::Pending,
        }
    }

    /// The invitation sent again by somebody: its time begins anew.
    #[must_use]
    pub fn resent(&self, sender: Subject, at: Timestamp) -> Self {
        let version = self.version + 1;
        Self { sender, expires_at: at + GOOD_FOR, version, updated_at: at, ..self.clone() }
    }

    /// The invitation at its end. What it knew of the person is forgotten: from now on the person's own record knows it, or nobody.
    #[must_use]
    pub fn ended(&self, state: State, user: Option<UserId>, at: Timestamp) -> Self {
        Self {
            state,
            user,
            email: None,
            name: None,
            version: self.version + 1,
            updated_at: at,
            ..self.clone()
        }
    }
}

/// What the text of every token of an invitation begins with.
const PREFIX: &str = "ri";

/// What stands in the link of an invitation: `ri_<id>_<secret>`. Only the SHA-256 of the secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationToken {
    /// Which invitation it is.
    pub id: InvitationId,
    secret: [u8; 32],
}

impl InvitationToken {
    /// Makes a token of 256 random bits.
    pub const fn new(id: InvitationId, random: [u8; 32]) -> Self {
        Self { id, secret: random }
    }

    /// What is stored of the secret, which has 256 bits of entropy: a plain hash cannot be searched.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that stands in the mail.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.id.uuid(), &self.secret)
    }
}

impl FromStr for InvitationToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NOT_A_TOKEN: ParseError = ParseError::new("is not what stands in the link of an invitation");
        let (id, secret) = token::read(PREFIX, text).ok_or(NOT_A_TOKEN)?;
        Ok(Self { id: InvitationId::from_uuid(id), secret })
    }
}

impl fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationToken({}, …)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn invitation() -> Invitation {
        Invitation {
            id: InvitationId::from_uuid(Uuid::nil()),
            tenant: TenantId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            division: None,
            email: Some("ada@example.com".parse().unwrap()),
            name: Some("Ada".parse().unwrap()),
            groups: Vec::new(),
            role: None,
            sender: Subject::User(UserId::from_uuid(Uuid::nil())),
            state: State::Open,
            expires_at: Timestamp::UNIX_EPOCH + GOOD_FOR,
            user: None,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn it_is_good_for_a_week_and_again_when_it_is_sent_again() {
        let (end, first) = (Timestamp::UNIX_EPOCH + GOOD_FOR, invitation());
        assert_eq!(first.standing(end - SignedDuration::from_millis(1)), Standing::Pending);
        assert_eq!(first.standing(end), Standing::Expired);
        let sender = Subject::User(UserId::from_uuid(Uuid::max()));
        let again = first.resent(sender, end);
        assert_eq!((again.standing(end), again.version, again.sender), (Standing::Pending, 2, sender));
    }

    #[test]
    fn at_its_end_it_forgets_whom_it_was_for() {
        let ended = invitation().ended(State::Cancelled, None, Timestamp::UNIX_EPOCH);
        assert_eq!((ended.email, ended.name, ended.state), (None, None, State::Cancelled));
    }

    proptest! {
        #[test]
        fn tokens_are_read_as_they_are_written(id: u128, secret: [u8; 32]) {
            let token = InvitationToken::new(InvitationId::from_uuid(Uuid::from_u128(id)), secret);
            prop_assert_eq!(token.reveal().parse::<InvitationToken>().unwrap(), token);
        }

        #[test]
        fn parsing_never_panics(text in "(ri_)?\\PC{0,100}") {
            let _ = text.parse::<InvitationToken>();
        }
    }
}
