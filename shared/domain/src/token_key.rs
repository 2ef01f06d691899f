//! Keys that sign tokens: when each is published, signs, and is gone.
//!
//! A key is published before it signs, so that whoever keeps the published keys for a while knows it by then, and it stays published
//! after it has signed for the last time, for longer than anything lives that it signed.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::text::{ParseError, text_type};

/// For how long a key signs: 30 days.
pub const SIGNS: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long before its first signature the next key is published: three days, so that a day's run that fails leaves two more.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// For how long a key stays published after its last signature: a day, longer than any token lives.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// How a token is signed (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSA of 2048 bits with SHA-256.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Rs256, Self::Es256];

    /// The name in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
        known.ok_or(ParseError::new("is neither RS256 nor ES256"))
    }
}

text_type!(Algorithm, format = "^(RS256|ES256)$");

/// The public half of a key as the members of a JWK (RFC 7518, section 6), each in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// Modulus and exponent.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
    /// A point of a curve.
    #[serde(rename = "EC")]
    Ec {
        /// The curve, which is `P-256`.
        crv: String,
        /// Its x coordinate.
        x: String,
        /// Its y coordinate.
        y: String,
    },
}

/// A key that signs tokens, without its private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// What tokens name it by: the thumbprint of the public half (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Its public half.
    pub public: PublicKey,
    /// Its number among the keys of its algorithm, from 1.
    pub number: u32,
    /// Since when it can be read.
    pub published_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Until when it signs; not included.
    pub signs_until: Timestamp,
    /// From when on nothing that it signed is believed.
    pub gone_at: Timestamp,
}

impl TokenKey {
    /// Whether what it signed is believed.
    pub fn is_believed(&self, now: Timestamp) -> bool {
        now < self.gone_at
    }

    fn signs(&self, now: Timestamp) -> bool {
        self.signs_from <= now && now < self.signs_until && self.is_believed(now)
    }

    /// The key as it stands once another one takes over at once. `believed` says whether what it signed is believed for a while still.
    #[must_use]
    pub fn relieved(&self, believed: bool, now: Timestamp) -> Self {
        let gone_at = if believed { later(now, OVERLAP) } else { now };
        Self { signs_until: self.signs_until.min(now), gone_at: self.gone_at.min(gone_at), ..self.clone() }
    }
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// A key that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Its number among the keys of its algorithm.
    pub number: u32,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// When it is published.
    pub published_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
}

impl Plan {
    /// The key of this plan.
    pub fn key(self, kid: String, public: PublicKey) -> TokenKey {
        let signs_until = later(self.signs_from, SIGNS);
        TokenKey {
            kid,
            algorithm: self.algorithm,
            public,
            number: self.number,
            published_at: self.published_at,
            signs_from: self.signs_from,
            signs_until,
            gone_at: later(signs_until, OVERLAP),
        }
    }
}

fn of(keys: &[TokenKey], algorithm: Algorithm) -> impl Iterator<Item = &TokenKey> {
    keys.iter().filter(move |key| key.algorithm == algorithm)
}

fn number_after(keys: &[TokenKey], algorithm: Algorithm) -> u32 {
    of(keys, algorithm).map(|key| key.number).max().unwrap_or(0) + 1
}

/// The key that signs now: where several could, the newest.
pub fn signer(keys: &[TokenKey], algorithm: Algorithm, now: Timestamp) -> Option<&TokenKey> {
    of(keys, algorithm).filter(|key| key.signs(now)).max_by_key(|key| key.number)
}

/// The key that signs from now on, whatever others there are.
pub fn at_once(keys: &[TokenKey], algorithm: Algorithm, now: Timestamp) -> Plan {
    Plan { number: number_after(keys, algorithm), algorithm, published_at: now, signs_from: now }
}

/// The key that has to be made ahead of the end of the last one. An algorithm that nobody has signed with yet, or not for long, needs
/// none: whoever signs first makes its key.
pub fn ahead(keys: &[TokenKey], algorithm: Algorithm, now: Timestamp) -> Option<Plan> {
    signer(keys, algorithm, now)?;
    let last = of(keys, algorithm).filter(|key| key.is_believed(now)).map(|key| key.signs_until).max()?;
    (later(now, AHEAD) >= last).then(|| Plan {
        number: number_after(keys, algorithm),
        algorithm,
        published_at: now,
        signs_from: last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RS: Algorithm = Algorithm::Rs256;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(number * 86_400).unwrap()
    }

    fn made(plan: Plan) -> TokenKey {
        let public = PublicKey::Rsa { n: "n".to_owned(), e: "AQAB".to_owned() };
        plan.key(format!("key {}", plan.number), public)
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_after_it_has_signed() {
        let mut keys = vec![made(at_once(&[], RS, day(0)))];
        assert_eq!(ahead(&keys, RS, day(26)), None);
        let next = made(ahead(&keys, RS, day(27)).unwrap());
        assert_eq!((next.published_at, next.signs_from, next.number), (day(27), day(30), 2));
        keys.push(next);
        assert_eq!(ahead(&keys, RS, day(28)), None);
        for (now, number) in [(0, 1), (29, 1), (30, 2), (59, 2)] {
            assert_eq!(signer(&keys, RS, day(now)).unwrap().number, number, "day {now}");
        }
        assert_eq!(signer(&keys, RS, day(60)), None);
        assert!(keys[0].is_believed(day(30)) && !keys[0].is_believed(day(31)));
        assert_eq!(signer(&keys, Algorithm::Es256, day(1)), None);
        assert_eq!(ahead(&keys, Algorithm::Es256, day(30)), None);
    }

    #[test]
    fn a_key_that_is_relieved_signs_no_more() {
        let old = made(at_once(&[], RS, day(0)));
        let kept = old.relieved(true, day(3));
        assert!(!kept.signs(day(3)) && kept.is_believed(day(3)) && !kept.is_believed(day(4)));
        let cut = old.relieved(false, day(3));
        assert!(!cut.is_believed(day(3)));
        let next = made(at_once(std::slice::from_ref(&cut), RS, day(3)));
        assert_eq!(signer(&[cut, next], RS, day(3)).unwrap().number, 2);
        // What is gone already stays gone.
        assert_eq!(kept.relieved(true, day(40)).gone_at, kept.gone_at);
    }
}
