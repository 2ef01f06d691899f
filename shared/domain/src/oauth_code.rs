//! Codes: what a person brings back to a client, which takes it for tokens once, within a minute.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::id::{ClientId, Id as _, SessionId, TenantId, UserId};
use crate::oauth_client::{RedirectUri, Scope};
use crate::session::Proof;
use crate::text::{ParseError, text_type};
use crate::token;

/// For how long a code is good.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_secs(60);
/// For how long it is remembered what was made of a code, so that it can end when the code comes again.
pub const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What the text of every code begins with.
const PREFIX: &str = "ro";

/// A code as the client gets it: `ro_<session>_<secret>`, where the session is the one that it will begin. Only the digest of the secret
/// is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// The session that it begins.
    pub session: SessionId,
    secret: [u8; 32],
}

impl Code {
    /// Makes a code of 256 random bits.
    pub const fn new(session: SessionId, random: [u8; 32]) -> Self {
        Self { session, secret: random }
    }

    /// What is stored of the secret.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.secret)
    }

    /// The text that the person brings to the client.
    pub fn reveal(&self) -> String {
        token::write(PREFIX, self.session.uuid(), &self.secret)
    }
}

impl FromStr for Code {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (id, secret) = token::read(PREFIX, text).ok_or(ParseError::new("is not a code"))?;
        Ok(Self { session: SessionId::from_uuid(id), secret })
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({}, …)", self.session)
    }
}

/// The digest of a secret that a client will show with the code, so that whoever else gets the code gets nothing (RFC 7636, `S256`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge(Sha256);

impl Challenge {
    /// Whether it is the digest of this verifier.
    pub fn is_of(&self, verifier: &str) -> bool {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && Sha256::of(verifier.as_bytes()) == self.0
    }
}

impl FromStr for Challenge {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bytes = BASE64URL.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(|bytes| Self(Sha256::from_bytes(bytes)))
            .ok_or(ParseError::new("is not a SHA-256 in base64url"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL.encode(self.0.as_bytes()))
    }
}

text_type!(Challenge, format = "^[A-Za-z0-9_-]{43}$");

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The session that it begins.
    pub session: SessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// Who logged in.
    pub user: UserId,
    /// How, and when.
    pub proof: Proof,
    /// The browser's session that the person was sent back from.
    pub within: SessionId,
    /// The client that it is for.
    pub client: ClientId,
    /// Where the person was sent back to.
    pub redirect_uri: RedirectUri,
    /// What the client shows with the code.
    pub challenge: Option<Challenge>,
    /// What the client wants to find in the id token.
    pub nonce: Option<String>,
    /// What the client was let do.
    pub scope: Scope,
    /// From when on it is good no more.
    pub expires_at: Timestamp,
    /// Whether it was taken for tokens.
    pub spent: bool,
}

/// What a client brings with a code.
#[derive(Debug, Clone, Copy)]
pub struct Brought<'a> {
    /// Which client it is.
    pub client: ClientId,
    /// Where the person was sent back to, by the client's word.
    pub redirect_uri: Option<&'a str>,
    /// The secret behind the challenge.
    pub verifier: Option<&'a str>,
}

/// Why no tokens are given for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It was taken before: whoever has it should not.
    Reused,
    /// It is of another client, for another address, of another secret, or too old.
    Wrong(&'static str),
}

impl Promise {
    /// Whether tokens are given to whoever brings the code with this.
    pub fn check(&self, brought: Brought<'_>, now: Timestamp) -> Result<(), Broken> {
        if self.client != brought.client {
            return Err(Broken::Wrong("the code was given to another client"));
        }
        if self.spent {
            return Err(Broken::Reused);
        }
        if now >= self.expires_at {
            return Err(Broken::Wrong("the code is too old"));
        }
        if brought.redirect_uri != Some(self.redirect_uri.as_str()) {
            return Err(Broken::Wrong("redirect_uri is not the one that the code was asked for with"));
        }
        match (&self.challenge, brought.verifier) {
            (Some(challenge), Some(verifier)) if challenge.is_of(verifier) => Ok(()),
            // A verifier without a challenge: the challenge was taken out of the request on its way.
            (Some(_), _) | (None, Some(_)) => {
                Err(Broken::Wrong("code_verifier is not the one of the challenge"))
            }
            (None, None) => Ok(()),
        }
    }
}

/// What is kept of how somebody proved who it is, in records that are not sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptProof {
    /// How.
    pub methods: Vec<crate::session::Method>,
    /// When.
    pub at: Timestamp,
    /// When the second factor was used, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor_at: Option<Timestamp>,
}

impl From<Proof> for KeptProof {
    fn from(proof: Proof) -> Self {
        Self { methods: proof.methods, at: proof.at, second_factor_at: proof.second_factor_at }
    }
}

impl From<KeptProof> for Proof {
    fn from(kept: KeptProof) -> Self {
        Self { methods: kept.methods, at: kept.at, second_factor_at: kept.second_factor_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Method;
    use proptest::prelude::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn promise() -> Promise {
        Promise {
            session: "ses_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            tenant: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            user: "usr_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            proof: Proof::by(Method::Password, Timestamp::UNIX_EPOCH),
            within: "ses_01h455vb4pex5vsknk084sn02r".parse().unwrap(),
            client: "cli_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            redirect_uri: "https://app.example.com/cb".parse().unwrap(),
            challenge: Some(CHALLENGE.parse().unwrap()),
            nonce: None,
            scope: Scope::default(),
            expires_at: Timestamp::from_second(60).unwrap(),
            spent: false,
        }
    }

    #[test]
    fn the_example_of_the_rfc_holds() {
        let challenge: Challenge = CHALLENGE.parse().unwrap();
        assert_eq!(challenge.to_string(), CHALLENGE);
        assert!(challenge.is_of(VERIFIER));
        for other in ["", CHALLENGE, &VERIFIER[1..], &format!("{VERIFIER}x")] {
            assert!(!challenge.is_of(other), "{other}");
        }
        for bad in ["", "plain", &CHALLENGE[1..], &format!("{CHALLENGE}="), VERIFIER.repeat(3).as_str()] {
            assert!(bad.parse::<Challenge>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_code_is_good_for_whom_it_was_given_to_once() {
        let promise = promise();
        let right = Brought {
            client: promise.client,
            redirect_uri: Some("https://app.example.com/cb"),
            verifier: Some(VERIFIER),
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(promise.check(right, at(59)), Ok(()));
        assert!(promise.check(right, at(60)).is_err());
        let other = "cli_01h455vb4pex5vsknk084sn02r".parse().unwrap();
        for wrong in [
            Brought { client: other, ..right },
            Brought { redirect_uri: None, ..right },
            Brought { redirect_uri: Some("https://app.example.com/cb?x"), ..right },
            Brought { verifier: None, ..right },
            Brought { verifier: Some(CHALLENGE), ..right },
        ] {
            assert!(matches!(promise.check(wrong, at(1)), Err(Broken::Wrong(_))), "{wrong:?}");
        }
        let bare = Promise { challenge: None, ..promise.clone() };
        assert!(bare.check(right, at(1)).is_err());
        assert_eq!(bare.check(Brought { verifier: None, ..right }, at(1)), Ok(()));
        let spent = Promise { spent: true, ..promise };
        assert_eq!(spent.check(right, at(1)), Err(Broken::Reused));
        // Of another client it is no use to ask, and nothing ends by it.
        assert!(matches!(spent.check(Brought { client: other, ..right }, at(1)), Err(Broken::Wrong(_))));
    }

    proptest! {
        #[test]
        fn codes_are_read_as_they_are_written(id: u128, secret: [u8; 32]) {
            let code = Code::new(SessionId::from_uuid(uuid::Uuid::from_u128(id)), secret);
            prop_assert_eq!(code.reveal().parse::<Code>().unwrap(), code);
        }
    }
}
