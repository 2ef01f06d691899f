//! What a person logs in with: a password, an authenticator, recovery codes. What is kept of them, and what changes when they are used.

use jiff::{SignedDuration, Timestamp};

use crate::hash::Sha256;
use crate::password::{HISTORY, PasswordHash};

/// For how long an authenticator that was offered can be confirmed.
pub const OFFERED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A password as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPassword {
    /// Its hash.
    pub hash: PasswordHash,
    /// The hashes of those before it, the latest first.
    pub earlier: Vec<PasswordHash>,
    /// When it was chosen.
    pub chosen_at: Timestamp,
}

/// An authenticator that counts. `S` is its secret, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator<S> {
    /// Its secret.
    pub secret: S,
    /// The last step whose code was used: only later ones are good.
    pub last_step: u64,
    /// Since when it counts.
    pub confirmed_at: Timestamp,
}

/// An authenticator that was offered, and counts for nothing before its first code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered<S> {
    /// Its secret.
    pub secret: S,
    /// Until when it can be confirmed.
    pub until: Timestamp,
}

/// Everything that a person logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors<S> {
    /// The password, if there is one.
    pub password: Option<KeptPassword>,
    /// The authenticator that counts.
    pub authenticator: Option<Authenticator<S>>,
    /// One that is to be confirmed.
    pub offered: Option<Offered<S>>,
    /// The digests of the recovery codes that are left.
    pub recovery: Vec<Sha256>,
    /// Counts the changes; 0 where nothing was written yet.
    pub version: u64,
}

impl<S> Default for Factors<S> {
    fn default() -> Self {
        Self { password: None, authenticator: None, offered: None, recovery: Vec::new(), version: 0 }
    }
}

impl<S: Clone> Factors<S> {
    /// Whether the person has a second factor.
    pub const fn has_second(&self) -> bool {
        self.authenticator.is_some()
    }

    /// The hash of the password.
    pub fn hash(&self) -> Option<&PasswordHash> {
        self.password.as_ref().map(|password| &password.hash)
    }

    /// The hashes of passwords that may not be chosen again.
    pub fn used_up(&self) -> impl Iterator<Item = &PasswordHash> {
        self.password
            .iter()
            .flat_map(|password| [&password.hash].into_iter().chain(&password.earlier))
            .take(HISTORY)
    }

    fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    /// After another password was chosen.
    #[must_use]
    pub fn with_password(&self, hash: PasswordHash, at: Timestamp) -> Self {
        let earlier = self.used_up().take(HISTORY - 1).cloned().collect();
        Self { password: Some(KeptPassword { hash, earlier, chosen_at: at }), ..self.next() }
    }

    /// After the same password was hashed again.
    #[must_use]
    pub fn rehashed(&self, hash: PasswordHash) -> Self {
        let password = self.password.clone().map(|password| KeptPassword { hash, ..password });
        Self { password, ..self.next() }
    }

    /// After an authenticator was offered. One that was offered before is forgotten; one that counts goes on counting.
    #[must_use]
    pub fn offering(&self, secret: S, at: Timestamp) -> Self {
        Self { offered: Some(Offered { secret, until: at + OFFERED_FOR }), ..self.next() }
    }

    /// The secret of the authenticator that can be confirmed now.
    pub fn confirmable(&self, now: Timestamp) -> Option<&S> {
        self.offered.as_ref().filter(|offered| now < offered.until).map(|offered| &offered.secret)
    }

    /// After the offered authenticator showed the code of a step: it counts, in the place of one before it, and that code is used. The
    /// recovery codes are new.
    pub fn confirmed(&self, step: u64, recovery: Vec<Sha256>, at: Timestamp) -> Option<Self> {
        let secret = self.confirmable(at)?.clone();
        let authenticator = Some(Authenticator { secret, last_step: step, confirmed_at: at });
        Some(Self { authenticator, offered: None, recovery, ..self.next() })
    }

    /// After the code of a step was used; `None` if it, or a later one, was used before.
    pub fn used_step(&self, step: u64) -> Option<Self> {
        let before = self.authenticator.as_ref().filter(|known| step > known.last_step)?;
        Some(Self { authenticator: Some(Authenticator { last_step: step, ..before.clone() }), ..self.next() })
    }

    /// After a recovery code was used; `None` if it is none of those that are left.
    pub fn used_recovery(&self, digest: Sha256) -> Option<Self> {
        self.authenticator.as_ref()?;
        let recovery: Vec<Sha256> = self.recovery.iter().copied().filter(|known| *known != digest).collect();
        (recovery.len() < self.recovery.len()).then(|| Self { recovery, ..self.next() })
    }

    /// With new recovery codes; those before are good no more. `None` for whoever has no authenticator that they could stand in for.
    pub fn with_recovery(&self, recovery: Vec<Sha256>) -> Option<Self> {
        self.authenticator.as_ref()?;
        Some(Self { recovery, ..self.next() })
    }

    /// Without any second factor.
    #[must_use]
    pub fn without_second(&self) -> Self {
        Self { authenticator: None, offered: None, recovery: Vec::new(), ..self.next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::new(text.to_owned())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn enrolled() -> Factors<&'static str> {
        let offered = Factors::default().offering("secret", at(0));
        offered.confirmed(7, vec![Sha256::of(b"1"), Sha256::of(b"2")], at(60)).unwrap()
    }

    #[test]
    fn five_passwords_are_remembered() {
        let mut factors = Factors::<()>::default();
        for number in 0..7 {
            factors = factors.with_password(hash(&number.to_string()), at(number));
        }
        let used: Vec<&str> = factors.used_up().map(PasswordHash::as_str).collect();
        assert_eq!(used, ["6", "5", "4", "3", "2"]);
        assert_eq!(factors.version, 7);
        let again = factors.rehashed(hash("6 again"));
        assert_eq!(again.used_up().next(), Some(&hash("6 again")));
        assert_eq!(again.password.unwrap().chosen_at, at(6));
    }

    #[test]
    fn an_authenticator_counts_once_it_is_confirmed() {
        let offered = Factors::default().offering("secret", at(0));
        assert!(!offered.has_second() && offered.used_step(9).is_none());
        assert_eq!(offered.used_recovery(Sha256::of(b"1")), None);
        assert!(offered.confirmed(7, Vec::new(), at(15 * 60)).is_none());
        let enrolled = enrolled();
        assert!(enrolled.has_second() && enrolled.offered.is_none());
        // Another one that is offered does not count before its time either.
        let other = enrolled.offering("other", at(100));
        assert_eq!(other.authenticator.as_ref().unwrap().secret, "secret");
        assert_eq!(other.confirmed(8, Vec::new(), at(120)).unwrap().authenticator.unwrap().secret, "other");
        assert!(enrolled.confirmed(9, Vec::new(), at(61)).is_none());
    }

    #[test]
    fn no_code_is_good_twice() {
        let enrolled = enrolled();
        assert!(enrolled.used_step(7).is_none() && enrolled.used_step(6).is_none());
        let used = enrolled.used_step(8).unwrap();
        assert!(used.used_step(8).is_none());
        assert_eq!(used.version, enrolled.version + 1);
        let once = enrolled.used_recovery(Sha256::of(b"1")).unwrap();
        assert_eq!(once.used_recovery(Sha256::of(b"1")), None);
        assert!(once.used_recovery(Sha256::of(b"2")).unwrap().recovery.is_empty());
    }

    #[test]
    fn what_is_reset_is_gone() {
        let reset = enrolled().with_password(hash("p"), at(1)).offering("third", at(2)).without_second();
        assert!(!reset.has_second() && reset.offered.is_none() && reset.recovery.is_empty());
        assert!(reset.password.is_some() && reset.with_recovery(vec![Sha256::of(b"1")]).is_none());
    }
}
