//! What a person logs in with: a password, an authenticator, passkeys, recovery codes. What is kept of them, and what changes when they are used.

use jiff::{SignedDuration, Timestamp};

use crate::hash::Sha256;
use crate::id::PasskeyId;
use crate::passkey::{self, Octets, Passkey};
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
    /// The passkeys, the oldest first.
    pub passkeys: Vec<Passkey>,
    /// The digests of the recovery codes that are left.
    pub recovery: Vec<Sha256>,
    /// Counts the changes; 0 where nothing was written yet.
    pub version: u64,
}

impl<S> Default for Factors<S> {
    fn default() -> Self {
        Self {
            password: None,
            authenticator: None,
            offered: None,
            passkeys: Vec::new(),
            recovery: Vec::new(),
            version: 0,
        }
    }
}

impl<S: Clone> Factors<S> {
    /// Whether the person has a second factor.
    pub const fn has_second(&self) -> bool {
        self.authenticator.is_some() || !self.passkeys.is_empty()
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
        if !self.has_second() {
            return None;
        }
        let recovery: Vec<Sha256> = self.recovery.iter().copied().filter(|known| *known != digest).collect();
        (recovery.len() < self.recovery.len()).then(|| Self { recovery, ..self.next() })
    }

    /// With new recovery codes; those before are good no more. `None` for whoever has no second factor that they could stand in for.
    pub fn with_recovery(&self, recovery: Vec<Sha256>) -> Option<Self> {
        self.has_second().then(|| Self { recovery, ..self.next() })
    }

    /// The passkey whose id its authenticator knows.
    pub fn passkey_of(&self, credential: &Octets) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.credential == *credential)
    }

    /// The passkey of an id.
    pub fn passkey(&self, id: PasskeyId) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.id == id)
    }

    /// With one more passkey, and with recovery codes if there are to be new ones; `None` if there are as many as there may be.
    pub fn with_passkey(&self, passkey: Passkey, recovery: Option<Vec<Sha256>>) -> Option<Self> {
        if self.passkeys.len() >= passkey::MOST {
            return None;
        }
        let mut next = self.next();
        next.passkeys.push(passkey);
        next.recovery = recovery.unwrap_or(next.recovery);
        Some(next)
    }

    /// With a passkey as it is now, in the place of what was known of it.
    #[must_use]
    pub fn changed_passkey(&self, after: &Passkey) -> Self {
        let mut next = self.next();
        for known in next.passkeys.iter_mut().filter(|known| known.id == after.id) {
            known.clone_from(after);
        }
        next
    }

    /// Without a passkey.
    #[must_use]
    pub fn without_passkey(&self, id: PasskeyId) -> Self {
        let mut next = self.next();
        next.passkeys.retain(|passkey| passkey.id != id);
        next.recoverable()
    }

    /// Without the authenticator.
    #[must_use]
    pub fn without_authenticator(&self) -> Self {
        Self { authenticator: None, offered: None, ..self.next() }.recoverable()
    }

    /// Without any second factor.
    #[must_use]
    pub fn without_second(&self) -> Self {
        Self { authenticator: None, offered: None, passkeys: Vec::new(), recovery: Vec::new(), ..self.next() }
    }

    /// Recovery codes stand in for a second factor, and are gone with the last one.
    fn recoverable(self) -> Self {
        if self.has_second() { self } else { Self { recovery: Vec::new(), ..self } }
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

    fn passkey(number: u128) -> Passkey {
        Passkey {
            id: PasskeyId::from_uuid(uuid::Uuid::from_u128(number)),
            name: "Key".parse().unwrap(),
            credential: number.to_be_bytes().to_vec().into(),
            key: Vec::new().into(),
            standing: passkey::Standing { counter: 0, synced: true, backed_up: false },
            transports: Vec::new(),
            created_at: at(0),
            last_used_at: None,
            version: 1,
        }
    }

    #[test]
    fn ten_passkeys_are_a_second_factor_and_no_more() {
        let codes = vec![Sha256::of(b"1")];
        let mut factors = Factors::<()>::default().with_passkey(passkey(0), Some(codes)).unwrap();
        assert!(factors.has_second() && factors.used_recovery(Sha256::of(b"1")).is_some());
        for number in 1..10 {
            factors = factors.with_passkey(passkey(number), None).unwrap();
        }
        assert!(factors.with_passkey(passkey(10), None).is_none());
        assert_eq!((factors.recovery.len(), factors.version), (1, 10));
        let used =
            passkey(3).used(passkey::Standing { counter: 4, synced: true, backed_up: true }, at(9)).unwrap();
        let after = factors.changed_passkey(&used);
        assert_eq!(after.passkey_of(&used.credential), Some(&used));
        assert_eq!(after.passkeys.iter().filter(|passkey| passkey.last_used_at.is_some()).count(), 1);
        for number in 0..9 {
            factors = factors.without_passkey(passkey(number).id);
        }
        assert!(factors.has_second() && !factors.recovery.is_empty());
        let last = factors.without_passkey(passkey(9).id);
        assert!(!last.has_second() && last.recovery.is_empty());
    }

    #[test]
    fn one_factor_goes_and_the_other_stays() {
        let both = enrolled().with_passkey(passkey(1), None).unwrap();
        let without = both.without_authenticator();
        assert!(without.has_second() && without.authenticator.is_none() && without.recovery.len() == 2);
        let neither = without.without_passkey(passkey(1).id);
        assert!(neither.recovery.is_empty());
        assert!(enrolled().without_authenticator().recovery.is_empty());
        assert!(both.without_second().passkeys.is_empty());
    }

    #[test]
    fn what_is_reset_is_gone() {
        let reset = enrolled().with_password(hash("p"), at(1)).offering("third", at(2)).without_second();
        assert!(!reset.has_second() && reset.offered.is_none() && reset.recovery.is_empty());
        assert!(reset.password.is_some() && reset.with_recovery(vec![Sha256::of(b"1")]).is_none());
    }
}
