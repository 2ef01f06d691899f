//! Who acts: an API key, or a person in a session.

use std::fmt;

use jiff::Timestamp;
use rookery_domain::event::{Actor, ActorKind};
use rookery_domain::id::{KeyId, SessionId, UserId};
use rookery_domain::key::{KeyOwner, Limits};
use rookery_domain::permission::Permission;

/// Who acts.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Whoever holds an API key, or a workload with the rights of a service key.
    Key(KeyHolder),
    /// A person who has logged in.
    Person(Person),
}

/// Whoever holds an API key.
#[derive(Debug, Clone)]
pub struct KeyHolder {
    /// The key.
    pub id: KeyId,
    /// Whose key it is.
    pub owner: KeyOwner,
    /// Everything that the key must not hand on more of than it has.
    pub limits: Limits,
}

/// A person who has logged in.
#[derive(Debug, Clone)]
pub struct Person {
    /// The person whose rights count.
    pub id: UserId,
    /// Its session.
    pub session: SessionId,
    /// The client that the session is of; the platform's own have none.
    pub client: Option<String>,
    /// What the client was let do, in its words.
    pub scope: Option<String>,
    /// Who acts in the person's place, if somebody does.
    pub impersonator: Option<UserId>,
    /// When the person last used a second factor.
    pub second_factor_at: Option<Timestamp>,
    /// What the session must not hand on more of than it has: there is a limit if a client or somebody else acts for the person.
    pub limits: Limits,
}

/// What a principal is known by in logs and in histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalId {
    /// A key.
    Key(KeyId),
    /// A person.
    Person(UserId),
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Person(id) => id.fmt(f),
        }
    }
}

impl Principal {
    /// What it is known by: a key by itself, a person whatever it has logged in with.
    pub const fn id(&self) -> PrincipalId {
        match self {
            Self::Key(key) => PrincipalId::Key(key.id),
            Self::Person(person) => PrincipalId::Person(person.id),
        }
    }

    /// Whose rights it has: a person's, or, of a service key, its own, given at the place that it works for.
    pub const fn owner(&self) -> KeyOwner {
        match self {
            Self::Key(key) => key.owner,
            Self::Person(person) => KeyOwner::User(person.id),
        }
    }

    /// The person who acts, itself or through a key of its own.
    pub const fn person(&self) -> Option<UserId> {
        match self.owner() {
            KeyOwner::User(id) => Some(id),
            KeyOwner::Node(_) => None,
        }
    }

    /// The session, if it is not a key that was presented.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Key(_) => None,
            Self::Person(person) => Some(person.session),
        }
    }

    /// Who acts in the principal's place, if somebody does.
    pub const fn impersonator(&self) -> Option<UserId> {
        match self {
            Self::Key(_) => None,
            Self::Person(person) => person.impersonator,
        }
    }

    /// Everything that it must not hand on more of than it has.
    pub const fn limits(&self) -> &Limits {
        match self {
            Self::Key(key) => &key.limits,
            Self::Person(person) => &person.limits,
        }
    }

    /// Whether its scopes hold a permission.
    pub fn allows(&self, permission: Permission) -> bool {
        self.limits().scopes.allow(permission)
    }

    /// The principal as events and histories name it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Key(key) => Actor::new(ActorKind::ApiKey, key.id),
            Self::Person(person) => {
                Actor { impersonator: person.impersonator, ..Actor::new(ActorKind::User, person.id) }
            }
        }
    }
}
