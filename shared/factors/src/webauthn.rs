//! What a relying party checks of passkeys: the ceremonies of Web Authentication Level 3, sections 7.1 and 7.2.
//!
//! Nothing here knows whose a passkey is, which challenges were given, or what time it is: callers look a challenge up by what
//! [`ClientData::challenge`] says, once, and compare whose it is.
//!
//! No attestation is asked for. Whatever an authenticator says of its make is not looked at, with two exceptions: a statement that is none
//! must be empty, and one that the passkey itself signed must be signed.

use rookery_domain::hash::Sha256;
use rookery_domain::passkey::{CHALLENGE, Octets, Standing};
use serde::Deserialize;

use crate::cbor::{Malformed, Value};
use crate::cose::CoseKey;

/// Most bytes of what a browser says of a ceremony.
const LONGEST_CLIENT_DATA: usize = 8 * 1024;
/// How many bytes an id of a passkey has: 16 at the least, so that none is guessed, and 1023 at the most (section 7.1, step 25).
const CREDENTIAL_ID: std::ops::RangeInclusive<usize> = 16..=1023;

/// Somebody was there.
const USER_PRESENT: u8 = 1;
/// The authenticator knows who.
const USER_VERIFIED: u8 = 1 << 2;
/// The passkey may be on several devices.
const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// It is.
const BACKED_UP: u8 = 1 << 4;
/// A passkey was made, and is described.
const ATTESTED: u8 = 1 << 6;
/// There are extensions.
const EXTENDED: u8 = 1 << 7;

/// Who asks for passkeys: us, as browsers know us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// The host. Passkeys are made for it and for no other.
    pub id: String,
    /// The origin, as browsers write it.
    pub origin: String,
}

impl RelyingParty {
    /// The relying party at a base URL.
    pub fn of(base: &str) -> Option<Self> {
        let url: http::Uri = base.parse().ok()?;
        let scheme = url.scheme_str().filter(|scheme| ["https", "http"].contains(scheme))?;
        let id = url.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        let usual = if scheme == "https" { 443 } else { 80 };
        let origin = match url.port_u16().filter(|port| *port != usual) {
            Some(port) => format!("{scheme}://{id}:{port}"),
            None => format!("{scheme}://{id}"),
        };
        Some(Self { id, origin })
    }
}

/// Why what a browser says of a passkey is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not in the form of the standard.
    #[error("is not in the form that browsers write")]
    Malformed,
    /// It is an answer to something else.
    #[error("is an answer to something else")]
    Kind,
    /// The challenge is none that was given, or was answered before.
    #[error("answers a challenge that was not given here, is too old, or was answered before")]
    Challenge,
    /// The page was another's, or was within another's.
    #[error("comes from a page of another origin")]
    Origin,
    /// The passkey is for somebody else.
    #[error("is for another relying party")]
    RelyingParty,
    /// Nobody was there.
    #[error("does not say that somebody was there")]
    Absent,
    /// The authenticator does not know who was there.
    #[error("does not say that it was seen who was there")]
    NotVerified,
    /// It says that it was copied and cannot be.
    #[error("contradicts itself about its copies")]
    Backup,
    /// Its id is too short or too long.
    #[error("has an id that is not 16 to 1023 bytes long")]
    CredentialId,
    /// The key is of no kind that was asked for.
    #[error("has no key of ES256, EdDSA or RS256")]
    Key,
    /// What the passkey is said to have signed of itself it did not.
    #[error("has an attestation that does not hold")]
    Attestation,
    /// The signature is another's.
    #[error("has a signature that does not hold")]
    Signature,
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    r#type: String,
    challenge: Octets,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
}

/// What a browser says of a ceremony, which authenticators sign.
#[derive(Debug)]
pub struct ClientData {
    said: Said,
    digest: Sha256,
}

/// Which ceremony it was.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Create,
    Get,
}

impl ClientData {
    /// Reads what a browser said.
    pub fn read(json: &Octets) -> Result<Self, Fault> {
        let bytes = json.as_bytes();
        if bytes.len() > LONGEST_CLIENT_DATA {
            return Err(Fault::Malformed);
        }
        let said: Said = serde_json::from_slice(bytes).map_err(|_| Fault::Malformed)?;
        if said.challenge.as_bytes().len() != CHALLENGE {
            return Err(Fault::Challenge);
        }
        Ok(Self { said, digest: Sha256::of(bytes) })
    }

    /// The challenge that it answers.
    pub fn challenge(&self) -> &[u8] {
        self.said.challenge.as_bytes()
    }

    fn check(&self, kind: Kind, rp: &RelyingParty) -> Result<(), Fault> {
        let expected = match kind {
            Kind::Create => "webauthn.create",
            Kind::Get => "webauthn.get",
        };
        if self.said.r#type != expected {
            return Err(Fault::Kind);
        }
        let within = self.said.cross_origin == Some(true) || self.said.top_origin.is_some();
        if self.said.origin != rp.origin || within { Err(Fault::Origin) } else { Ok(()) }
    }
}

/// What an authenticator says (section 6.1).
#[derive(Debug)]
struct AuthenticatorData<'a> {
    rp: &'a [u8],
    flags: u8,
    counter: u32,
    attested: Option<Attested<'a>>,
}

/// A passkey that was made (section 6.5.1).
#[derive(Debug)]
struct Attested<'a> {
    id: &'a [u8],
    cose: &'a [u8],
    key: CoseKey,
}

fn split<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Fault> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(Fault::Malformed)?;
    *bytes = rest;
    Ok(taken)
}

fn number(bytes: &mut &[u8], count: usize) -> Result<u32, Fault> {
    Ok(split(bytes, count)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

impl<'a> AuthenticatorData<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self, Fault> {
        let rest = &mut bytes;
        let rp = split(rest, 32)?;
        let flags = u8::try_from(number(rest, 1)?).map_err(|_| Fault::Malformed)?;
        let counter = number(rest, 4)?;
        let attested = if flags & ATTESTED != 0 { Some(Attested::read(rest)?) } else { None };
        if flags & EXTENDED != 0 && !matches!(Value::read(rest)?, Value::Map(_)) {
            return Err(Fault::Malformed);
        }
        if rest.is_empty() { Ok(Self { rp, flags, counter, attested }) } else { Err(Fault::Malformed) }
    }

    fn says(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn check(&self, rp: &RelyingParty, verification: Verification) -> Result<Standing, Fault> {
        if self.rp != Sha256::of(rp.id.as_bytes()).as_bytes() {
            return Err(Fault::RelyingParty);
        }
        if !self.says(USER_PRESENT) {
            return Err(Fault::Absent);
        }
        if verification == Verification::Required && !self.says(USER_VERIFIED) {
            return Err(Fault::NotVerified);
        }
        if self.says(BACKED_UP) && !self.says(BACKUP_ELIGIBLE) {
            return Err(Fault::Backup);
        }
        let (synced, backed_up) = (self.says(BACKUP_ELIGIBLE), self.says(BACKED_UP));
        Ok(Standing { counter: self.counter, synced, backed_up })
    }
}

impl<'a> Attested<'a> {
    fn read(rest: &mut &'a [u8]) -> Result<Self, Fault> {
        let _make = split(rest, 16)?;
        let length = usize::try_from(number(rest, 2)?).map_err(|_| Fault::Malformed)?;
        let id = split(rest, length)?;
        let before = *rest;
        let value = Value::read(rest)?;
        let cose = &before[..before.len() - rest.len()];
        let key = CoseKey::read(&value).map_err(|_| Fault::Key)?;
        Ok(Self { id, cose, key })
    }
}

/// Whether it must have been seen who was there: by a code, a finger, a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It must: the passkey is all that is shown.
    Required,
    /// It need not: the passkey is shown besides something else.
    Preferred,
}

/// A passkey that was made for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The authenticator's id of it.
    pub credential: Octets,
    /// Its public key, as a COSE key.
    pub key: Octets,
    /// What the authenticator says of it.
    pub standing: Standing,
}

/// Looks at a passkey that a browser says was made.
pub fn registered(
    rp: &RelyingParty,
    client: &ClientData,
    attestation_object: &Octets,
) -> Result<Registered, Fault> {
    client.check(Kind::Create, rp)?;
    let object = Value::whole(attestation_object.as_bytes())?;
    let format = object.named("fmt").and_then(Value::text).ok_or(Fault::Malformed)?;
    let statement = object.named("attStmt").ok_or(Fault::Malformed)?;
    let bytes = object.named("authData").and_then(Value::bytes).ok_or(Fault::Malformed)?;
    let data = AuthenticatorData::read(bytes)?;
    let standing = data.check(rp, Verification::Preferred)?;
    let Attested { id, cose, key } = data.attested.ok_or(Fault::Malformed)?;
    if !CREDENTIAL_ID.contains(&id.len()) {
        return Err(Fault::CredentialId);
    }
    attested(format, statement, &key, &[bytes, client.digest.as_bytes()])?;
    Ok(Registered { credential: id.to_vec().into(), key: cose.to_vec().into(), standing })
}

/// Looks at an attestation as far as it says something of the passkey, and not of whoever made its authenticator.
fn attested(format: &str, statement: &Value<'_>, key: &CoseKey, signed: &[&[u8]]) -> Result<(), Fault> {
    let Value::Map(members) = statement else { return Err(Fault::Malformed) };
    let holds = match format {
        "none" => members.is_empty(),
        "packed" if statement.named("x5c").is_none() => {
            let algorithm = statement.named("alg").and_then(Value::int);
            let signature = statement.named("sig").and_then(Value::bytes).unwrap_or_default();
            algorithm == Some(key.algorithm) && key.signed(signed, signature)
        }
        _ => true,
    };
    if holds { Ok(()) } else { Err(Fault::Attestation) }
}

/// Looks at the use of a passkey whose key is known. What it says of the passkey then is for the caller to compare.
pub fn used(
    rp: &RelyingParty,
    client: &ClientData,
    key: &Octets,
    (authenticator_data, signature): (&Octets, &Octets),
    verification: Verification,
) -> Result<Standing, Fault> {
    client.check(Kind::Get, rp)?;
    let bytes = authenticator_data.as_bytes();
    let data = AuthenticatorData::read(bytes)?;
    let standing = data.check(rp, verification)?;
    let key = CoseKey::of(key.as_bytes()).map_err(|_| Fault::Key)?;
    let holds = key.signed(&[bytes, client.digest.as_bytes()], signature.as_bytes());
    if holds { Ok(standing) } else { Err(Fault::Signature) }
}

#[cfg(test)]
mod tests;
