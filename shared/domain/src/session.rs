//! Sessions: a person who has logged in somewhere, and the refresh tokens that keep it so.
//!
//! A refresh token is good once. Its secret has two halves: one that stays the same for as long as the session lives, and one that
//! every refresh turns into the next. Whoever presents the right first half with an old second one has a token of before: the session
//! ends, because it cannot be told who of two is the thief. Whoever has not even the first half has never had a token, and changes
//! nothing.
//!
//! An answer can be lost on its way. So the token of just before is good for some seconds more, and answered with the same next one: it
//! is made of the old token and of a salt that is kept, and so can be made again from the old token, and from nothing that is stored.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access_token::LIFE_S;
use crate::hash::Sha256;
use crate::id::{Id as _, SessionId, TenantId, UserId};
use crate::text::ParseError;
use crate::token;

/// Most sessions of a person. One more ends the one that began first.
pub const MOST: usize = 20;
/// For how long a session lives that nobody uses: 30 days.
pub const IDLE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// For how long a session lives at the most: 90 days.
pub const LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// For how long a session of a browser lives: half a day.
pub const BROWSER: SignedDuration = SignedDuration::from_hours(12);
/// What stands as the client of a browser's session. No client has such an id.
pub const BROWSER_CLIENT: &str = "browser";
/// For how long the refresh token of just before is good still.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);
/// Longest impersonation, in minutes.
pub const LONGEST_IMPERSONATION_MINUTES: u32 = 60;

/// How somebody proved who it is, by the names of RFC 8176.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum Method {
    /// A password.
    #[serde(rename = "pwd")]
    Password,
    /// A one-time password.
    #[serde(rename = "otp")]
    Otp,
    /// A recovery code. The registry has no name for it.
    #[serde(rename = "recovery")]
    Recovery,
    /// A key that does not leave its device: a passkey.
    #[serde(rename = "hwk")]
    Passkey,
    /// A key that may be on several devices: a passkey that is synced.
    #[serde(rename = "swk")]
    SyncedPasskey,
    /// Somebody was there, and was known to the device.
    #[serde(rename = "user")]
    Presence,
    /// Another provider vouched. The registry has no name for it.
    #[serde(rename = "fed")]
    Federated,
    /// More than one factor.
    #[serde(rename = "mfa")]
    Several,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Otp => "otp",
            Self::Recovery => "recovery",
            Self::Passkey => "hwk",
            Self::SyncedPasskey => "swk",
            Self::Presence => "user",
            Self::Federated => "fed",
            Self::Several => "mfa",
        }
    }
}

/// That somebody proved who it is: what a session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// How.
    pub methods: Vec<Method>,
    /// When.
    pub at: Timestamp,
    /// When the second factor was used, if one was.
    pub second_factor_at: Option<Timestamp>,
}

impl Proof {
    /// A proof by one factor.
    pub fn by(method: Method, at: Timestamp) -> Self {
        Self { methods: vec![method], at, second_factor_at: None }
    }

    /// A proof by a passkey that knew who uses it, by a code, a finger or a face: it is two factors at once.
    pub fn by_passkey(method: Method, at: Timestamp) -> Self {
        Self { methods: vec![method, Method::Presence, Method::Several], at, second_factor_at: Some(at) }
    }

    /// Whether it was by a passkey.
    pub fn is_by_passkey(&self) -> bool {
        self.methods.iter().any(|method| matches!(method, Method::Passkey | Method::SyncedPasskey))
    }

    /// The proof with a second factor.
    #[must_use]
    pub fn and(mut self, method: Method, at: Timestamp) -> Self {
        self.methods.extend([method, Method::Several]);
        self.methods.dedup();
        Self { second_factor_at: Some(at), ..self }
    }
}

/// Somebody who acts as somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impersonator {
    /// Who.
    pub user: UserId,
    /// In which session of its own.
    pub session: SessionId,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// The person whose rights it has.
    pub user: UserId,
    /// What the person logged in with: the user agent, as it named itself.
    pub device: Option<String>,
    /// From where it was last seen.
    pub address: Option<String>,
    /// The client that the session is of; the platform's own have none.
    pub client: Option<String>,
    /// What a client asked for and may do.
    pub scope: Option<String>,
    /// The session of the browser that the person came from, for one of a client.
    pub within: Option<SessionId>,
    /// Who acts in the person's place.
    pub impersonator: Option<Impersonator>,
    /// How the person proved who it is.
    pub proof: Proof,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub last_seen_at: Timestamp,
    /// From when on it is over, unless it is refreshed.
    pub expires_at: Timestamp,
    /// From when on it is over in any case.
    pub ends_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// Where a session is used from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The user agent.
    pub device: Option<String>,
    /// The network address.
    pub address: Option<String>,
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Session {
    /// A session that begins now.
    pub fn begin(id: SessionId, of: (TenantId, UserId), proof: Proof, seen: Seen, now: Timestamp) -> Self {
        let ends_at = later(now, LIFE);
        Self {
            id,
            tenant: of.0,
            user: of.1,
            device: seen.device,
            address: seen.address,
            client: None,
            scope: None,
            within: None,
            impersonator: None,
            proof,
            created_at: now,
            last_seen_at: now,
            expires_at: later(now, IDLE).min(ends_at),
            ends_at,
            version: 1,
        }
    }

    /// The session of a client that the person let do something, who came from a session of the browser, or let a device in. One that the
    /// client does not refresh is over with its first access token.
    #[must_use]
    pub fn of_client(self, client: &str, scope: String, within: Option<SessionId>, refreshed: bool) -> Self {
        let brief = later(self.created_at, SignedDuration::from_secs(LIFE_S));
        let expires_at = if refreshed { self.expires_at } else { brief };
        let ends_at = if refreshed { self.ends_at } else { brief };
        let (client, scope) = (Some(client.to_owned()), Some(scope));
        Self { client, scope, within, expires_at, ends_at, ..self }
    }

    /// The session of a browser in which somebody logged in to the platform's own pages. No token is made of it by itself.
    #[must_use]
    pub fn of_browser(self) -> Self {
        let until = later(self.created_at, BROWSER);
        Self { client: Some(BROWSER_CLIENT.to_owned()), expires_at: until, ends_at: until, ..self }
    }

    /// The session of somebody else who acts in the person's place until an instant.
    #[must_use]
    pub fn impersonated(self, by: Impersonator, until: Timestamp) -> Self {
        Self { impersonator: Some(by), expires_at: until, ends_at: until, ..self }
    }

    /// Whether it lasts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// The session after it was refreshed.
    #[must_use]
    pub fn refreshed(&self, seen: Seen, now: Timestamp) -> Self {
        Self {
            device: seen.device.or_else(|| self.device.clone()),
            address: seen.address.or_else(|| self.address.clone()),
            last_seen_at: now,
            expires_at: later(now, IDLE).min(self.ends_at),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The session after its person used a second factor again.
    #[must_use]
    pub fn stepped_up(&self, method: Method, now: Timestamp) -> Self {
        let mut proof = self.proof.clone();
        proof.second_factor_at = Some(now);
        for method in [method, Method::Several] {
            if !proof.methods.contains(&method) {
                proof.methods.push(method);
            }
        }
        Self { proof, version: self.version + 1, ..self.clone() }
    }
}

/// Those of a person's sessions that have to end so that one more may begin: the ones that began first.
pub fn crowded_out(sessions: &[Session], now: Timestamp) -> Vec<&Session> {
    let mut alive: Vec<&Session> = sessions.iter().filter(|session| session.is_alive(now)).collect();
    alive.sort_by_key(|session| session.id);
    let over = (alive.len() + 1).saturating_sub(MOST);
    alive.truncate(over);
    alive
}

/// What the text of every refresh token begins with.
const PREFIX: &str = "rr";
const HALF: usize = 16;

/// A refresh token as its holder has it. Never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Which session it is of.
    pub session: SessionId,
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first token of a session.
    pub const fn first(session: SessionId, random: [u8; 32]) -> Self {
        Self { session, secret: random }
    }

    /// The token after this one. The same salt makes the same token.
    #[must_use]
    pub fn next(&self, salt: &Sha256) -> Self {
        let made = Sha256::of_parts(&[b"rookery refresh", &self.secret, salt.as_bytes()]);
        let mut secret = self.secret;
        secret[HALF..].copy_from_slice(&made.as_bytes()[..HALF]);
        Self { session: self.session, secret }
    }

    /// What is kept of the half that stays.
    fn root(&self) -> Sha256 {
        Sha256::of_parts(&[b"rookery family", self.session.uuid().as_bytes(), &self.secret[..HALF]])
    }

    /// What is kept of the whole.
    fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that its holder presents.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.session.uuid(), &self.secret)
    }
}

impl FromStr for RefreshToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not a refresh token"))?;
        Ok(Self { session: SessionId::from_uuid(id), secret })
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({}, …)", self.session)
    }
}

/// The token before the last refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    digest: Sha256,
    salt: Sha256,
    at: Timestamp,
}

/// What is kept of a session's refresh tokens: digests, and nothing that makes a token by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    root: Sha256,
    current: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced: Option<Replaced>,
}

/// What a presented refresh token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// The one that is good.
    Current,
    /// The one of just before, whose answer was lost: this is what it was answered with.
    Lost(RefreshToken),
    /// One of before: somebody has it who should not, or had.
    Reused,
    /// None of this session.
    Unknown,
}

impl Family {
    /// What is kept of the first token.
    pub fn begin(token: &RefreshToken) -> Self {
        Self { root: token.root(), current: token.digest(), replaced: None }
    }

    /// Tells what a token is that is presented now. Comparing digests takes the same time wherever they differ: whoever guesses cannot
    /// steer them.
    pub fn meet(&self, token: &RefreshToken, now: Timestamp) -> Presented {
        if token.root() != self.root {
            return Presented::Unknown;
        }
        let digest = token.digest();
        if digest == self.current {
            return Presented::Current;
        }
        match &self.replaced {
            Some(replaced) if replaced.digest == digest && now.duration_since(replaced.at) <= GRACE => {
                Presented::Lost(token.next(&replaced.salt))
            }
            _ => Presented::Reused,
        }
    }

    /// Turns the good token into the next.
    pub fn turn(&self, token: &RefreshToken, salt: Sha256, now: Timestamp) -> (Self, RefreshToken) {
        let next = token.next(&salt);
        let replaced = Some(Replaced { digest: self.current, salt, at: now });
        (Self { current: next.digest(), replaced, ..*self }, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn id(number: u128) -> SessionId {
        SessionId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn session(number: u128, now: Timestamp) -> Session {
        let tenant = TenantId::from_uuid(uuid::Uuid::nil());
        let user = UserId::from_uuid(uuid::Uuid::nil());
        let proof = Proof::by(Method::Password, now);
        Session::begin(id(number), (tenant, user), proof, Seen::default(), now)
    }

    #[test]
    fn a_refresh_token_is_good_once_and_for_a_moment_after() {
        let first = RefreshToken::first(id(1), [7; 32]);
        let family = Family::begin(&first);
        assert_eq!(family.meet(&first, at(0)), Presented::Current);
        let (family, second) = family.turn(&first, Sha256::of(b"salt"), at(100));
        assert_ne!(second, first);
        assert_eq!(family.meet(&second, at(100)), Presented::Current);
        assert_eq!(family.meet(&first, at(110)), Presented::Lost(second.clone()));
        assert_eq!(family.meet(&first, at(111)), Presented::Reused);
        let (family, third) = family.turn(&second, Sha256::of(b"other"), at(105));
        assert_eq!(family.meet(&first, at(105)), Presented::Reused);
        assert_eq!(family.meet(&second, at(105)), Presented::Lost(third));
    }

    #[test]
    fn who_never_had_a_token_changes_nothing() {
        let first = RefreshToken::first(id(1), [7; 32]);
        let family = Family::begin(&first);
        let mut secret = [7; 32];
        secret[0] = 8;
        assert_eq!(family.meet(&RefreshToken::first(id(1), secret), at(0)), Presented::Unknown);
        assert_eq!(family.meet(&RefreshToken::first(id(2), [7; 32]), at(0)), Presented::Unknown);
    }

    #[test]
    fn a_session_lives_while_it_is_used_and_not_for_ever() {
        let day = 86_400;
        let mut session = session(1, at(0));
        assert!(session.is_alive(at(30 * day - 1)) && !session.is_alive(at(30 * day)));
        for days in [29, 58, 87] {
            session = session.refreshed(Seen::default(), at(days * day));
        }
        assert_eq!((session.expires_at, session.version), (at(90 * day), 4));
    }

    #[test]
    fn a_second_factor_is_remembered_with_its_time() {
        let stepped = session(1, at(0)).stepped_up(Method::Otp, at(5)).stepped_up(Method::Otp, at(9));
        assert_eq!(stepped.proof.methods, [Method::Password, Method::Otp, Method::Several]);
        assert_eq!(stepped.proof.second_factor_at, Some(at(9)));
        let both = Proof::by(Method::Password, at(0)).and(Method::Otp, at(1));
        assert_eq!(both.methods, [Method::Password, Method::Otp, Method::Several]);
    }

    #[test]
    fn the_first_makes_room() {
        let mut sessions: Vec<Session> = (1..=20).map(|number| session(number, at(0))).collect();
        assert_eq!(crowded_out(&sessions, at(1)).iter().map(|one| one.id).collect::<Vec<_>>(), [id(1)]);
        sessions.remove(0);
        assert!(crowded_out(&sessions, at(1)).is_empty());
        assert!(crowded_out(&sessions, at(40 * 86_400)).is_empty());
    }

    proptest! {
        #[test]
        fn tokens_are_read_as_they_are_written(number: u128, secret: [u8; 32]) {
            let token = RefreshToken::first(id(number), secret);
            prop_assert_eq!(token.reveal().parse::<RefreshToken>().unwrap(), token.clone());
            let shown = format!("{token:?}");
            prop_assert!(!shown.contains(&token.reveal()[30..]));
        }

        #[test]
        fn parsing_never_panics(text in "(rr_)?\\PC{0,100}") {
            let _ = text.parse::<RefreshToken>();
        }
    }
}
