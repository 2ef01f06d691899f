//! Letting in devices that have no browser (RFC 8628): such a device shows a short code, which a person types in on a page elsewhere, and
//! asks meanwhile, with a long one, whether it was let in.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::hash::Sha256;
use crate::id::{ClientId, Id as _, SessionId, TenantId, UserId};
use crate::oauth_client::Scope;
use crate::session::Proof;
use crate::text::ParseError;
use crate::token;

/// For how long both codes are good.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_mins(10);
/// For how long it is remembered that a code was too old, so that the device is told that and nothing less.
pub const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How long a device is told to wait between two questions, in seconds.
pub const INTERVAL_S: i64 = 5;
/// What comes sooner than this after the question before comes too soon. A second is left to the network.
pub const SHORTEST: SignedDuration = SignedDuration::from_secs(INTERVAL_S - 1);

/// What the text of every code of a device begins with.
const PREFIX: &str = "rg";

/// The code that a device keeps to itself: `rg_<session>_<secret>`, where the session is the one that it will begin. Only the digest of the
/// secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// The session that it begins.
    pub session: SessionId,
    secret: [u8; 32],
}

impl DeviceCode {
    /// Makes a code of 256 random bits.
    pub const fn new(session: SessionId, random: [u8; 32]) -> Self {
        Self { session, secret: random }
    }

    /// What is stored of the secret.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that the device asks with.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.session.uuid(), &self.secret)
    }
}

impl FromStr for DeviceCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not the code of a device"))?;
        Ok(Self { session: SessionId::from_uuid(id), secret })
    }
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceCode({}, …)", self.session)
    }
}

/// How many letters a code has that people type.
const LETTERS: usize = 8;
/// What they are: without vowels, so that no code is a word, and without what looks like something else (RFC 8628, section 6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// The code that a device shows, and a person types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserCode([u8; LETTERS]);

impl UserCode {
    /// Makes a code of random bits, of which 34 matter: no code is noticeably likelier than another.
    pub fn new(random: [u8; 16]) -> Self {
        let mut rest = u128::from_be_bytes(random);
        let letters = [(); LETTERS].map(|()| {
            let at = usize::try_from(rest % 20).unwrap_or_default();
            rest /= 20;
            ALPHABET[at]
        });
        Self(letters)
    }

    /// What is stored of it.
    pub fn digest(&self) -> Sha256 {
        Sha256::of_parts(&[b"rookery user code", &self.0])
    }
}

impl FromStr for UserCode {
    type Err = ParseError;

    /// Reads a code as people type it: in small letters, without the hyphen, or with spaces.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let typed = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
        let mut letters = Vec::with_capacity(LETTERS);
        for letter in typed.take(LETTERS + 1) {
            let letter = u8::try_from(letter.to_ascii_uppercase()).unwrap_or_default();
            if !ALPHABET.contains(&letter) {
                return Err(ParseError::new("has something that no code has"));
            }
            letters.push(letter);
        }
        letters.try_into().map(Self).map_err(|_| ParseError::new("has not eight letters"))
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in self.0.iter().enumerate() {
            let hyphen = if at == LETTERS / 2 { "-" } else { "" };
            write!(f, "{hyphen}{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

/// What a device wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The session that would begin.
    pub session: SessionId,
    /// The tenant whose people may let it in.
    pub tenant: TenantId,
    /// The client that runs on it.
    pub client: ClientId,
    /// What it asks for.
    pub scope: Scope,
    /// The digest of the code that it shows.
    pub shown: Sha256,
    /// From when on its codes are good no more.
    pub expires_at: Timestamp,
}

/// What a person said of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It may.
    Yes {
        /// Who said so.
        user: UserId,
        /// How the person logged in, and when.
        proof: Proof,
    },
    /// It may not.
    No,
}

/// Why a device gets no tokens yet, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// Nobody has said anything.
    Pending,
    /// Its time is over.
    Expired,
    /// It may not.
    Denied,
}

impl Wish {
    /// Whether a device gets tokens, and in whose name. What was said in time is good for as long as the codes.
    pub fn decide<'a>(&self, said: Option<&'a Said>, now: Timestamp) -> Result<Granted<'a>, NotYet> {
        match said {
            _ if now >= self.expires_at => Err(NotYet::Expired),
            None => Err(NotYet::Pending),
            Some(Said::No) => Err(NotYet::Denied),
            Some(Said::Yes { user, proof }) => Ok(Granted { user: *user, proof }),
        }
    }
}

/// In whose name a device gets tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted<'a> {
    /// Who let it in.
    pub user: UserId,
    /// How the person logged in, and when.
    pub proof: &'a Proof,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Method;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code: UserCode = "WDJB-MJHT".parse().unwrap();
        for typed in ["wdjbmjht", " WDJB MJHT ", "wdjb-mjht", "w-d-j-b-m-j-h-t"] {
            assert_eq!(typed.parse::<UserCode>().unwrap(), code, "{typed}");
        }
        assert_eq!(code.to_string(), "WDJB-MJHT");
        assert_eq!(format!("{code:?}"), "UserCode(…)");
        for bad in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH0", "WDJB_MJHT", "ẂDJB-MJHT"] {
            assert!(bad.parse::<UserCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_device_gets_what_somebody_said_in_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let wish = Wish {
            session: "ses_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            tenant: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            client: "cli_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            scope: Scope::default(),
            shown: Sha256::of(b"x"),
            expires_at: at(600),
        };
        let yes = Said::Yes {
            user: "usr_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            proof: Proof::by(Method::Password, at(0)),
        };
        assert_eq!(wish.decide(None, at(599)), Err(NotYet::Pending));
        assert_eq!(wish.decide(Some(&Said::No), at(599)), Err(NotYet::Denied));
        assert!(wish.decide(Some(&yes), at(599)).is_ok());
        for said in [None, Some(&Said::No), Some(&yes)] {
            assert_eq!(wish.decide(said, at(600)), Err(NotYet::Expired));
        }
    }

    proptest! {
        #[test]
        fn codes_are_read_as_they_are_written(id: u128, secret: [u8; 32], random: [u8; 16], text in "\\PC{0,20}") {
            let code = DeviceCode::new(SessionId::from_uuid(uuid::Uuid::from_u128(id)), secret);
            prop_assert_eq!(code.reveal().parse::<DeviceCode>().unwrap(), code);
            let code = UserCode::new(random);
            prop_assert_eq!(code.to_string().parse::<UserCode>().unwrap(), code);
            let _ = text.parse::<UserCode>();
        }
    }
}
