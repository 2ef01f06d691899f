//! Passkeys (WebAuthn): what is kept of one, and what its next use may say of it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::id::{Id as _, PasskeyId, TenantId, UserId};
use crate::session::Method;
use crate::text::{Name, ParseError};

/// Most passkeys of a person.
pub const MOST: usize = 10;
/// For how long a challenge can be answered.
pub const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// How many random bytes a challenge has.
pub const CHALLENGE: usize = 32;
/// Most bytes that a single value of a browser's answer has.
const LONGEST: usize = 32 * 1024;

/// Bytes that are written in base64url without padding, as browsers write all that WebAuthn is made of.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Octets(Vec<u8>);

impl Octets {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Octets {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl FromStr for Octets {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > LONGEST.div_ceil(3) * 4 {
            return Err(ParseError::new("is longer than 32 KiB"));
        }
        BASE64URL.decode(text).map(Self).map_err(|_| ParseError::new("is not base64url without padding"))
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL.encode(&self.0))
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Octets({})", self.0.len())
    }
}

// Four letters are three bytes; in what is left, bits that stand for nothing are 0.
crate::text::text_type!(
    Octets,
    format = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$"
);

/// How a browser reaches the authenticator that has a passkey. It is a hint for the next time, and nothing rests on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// By USB.
    Usb,
    /// By NFC.
    Nfc,
    /// By Bluetooth.
    Ble,
    /// By the contacts of a smart card.
    SmartCard,
    /// By another device beside.
    Hybrid,
    /// It is the device itself.
    Internal,
}

impl Transport {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Usb, "usb"),
        (Self::Nfc, "nfc"),
        (Self::Ble, "ble"),
        (Self::SmartCard, "smart-card"),
        (Self::Hybrid, "hybrid"),
        (Self::Internal, "internal"),
    ];

    /// Those that are known of the ones that a browser names, each once.
    pub fn known(names: &[String]) -> Vec<Self> {
        Self::ALL
            .iter()
            .filter(|(_, name)| names.iter().any(|known| known == name))
            .map(|(it, _)| *it)
            .collect()
    }
}

/// What an authenticator says of a passkey whenever it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How often the authenticator signed; 0 for ever where it does not count.
    pub counter: u32,
    /// Whether the passkey may be on several devices.
    pub synced: bool,
    /// Whether it is.
    pub backed_up: bool,
}

/// A passkey of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Our id of it.
    pub id: PasskeyId,
    /// What the person calls it.
    pub name: Name,
    /// The authenticator's id of it.
    pub credential: Octets,
    /// Its public key, as a COSE key.
    pub key: Octets,
    /// What its authenticator said of it last.
    pub standing: Standing,
    /// How it is reached.
    pub transports: Vec<Transport>,
    /// Since when it counts.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// Why a passkey is not believed whose signature is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Its authenticator counts, and did not count on: somebody may have a copy of it.
    Counter,
    /// It says of itself that it is of another kind than it was.
    Kind,
}

impl Passkey {
    /// The passkey after it was used.
    pub fn used(&self, says: Standing, at: Timestamp) -> Result<Self, Doubt> {
        let counts = self.standing.counter > 0 || says.counter > 0;
        if counts && says.counter <= self.standing.counter {
            return Err(Doubt::Counter);
        }
        if says.synced != self.standing.synced {
            return Err(Doubt::Kind);
        }
        Ok(Self { standing: says, last_used_at: Some(at), version: self.version + 1, ..self.clone() })
    }

    /// The passkey by another name.
    #[must_use]
    pub fn renamed(&self, name: Name) -> Self {
        Self { name, version: self.version + 1, ..self.clone() }
    }

    /// What using it proves, by the names of RFC 8176.
    pub const fn method(&self) -> Method {
        if self.standing.synced { Method::SyncedPasskey } else { Method::Passkey }
    }

    /// What a credential is looked up by.
    pub fn digest(&self) -> Sha256 {
        digest(&self.credential)
    }
}

/// What a credential is looked up by, whosever it is.
pub fn digest(credential: &Octets) -> Sha256 {
    Sha256::of(credential.as_bytes())
}

/// What authenticators know a person by: always the same, and it says nothing of who it is.
pub fn handle(tenant: TenantId, user: UserId) -> Octets {
    let (tenant, user) = (tenant.uuid(), user.uuid());
    let parts: [&[u8]; 3] = [b"rookery passkeys", tenant.as_bytes(), user.as_bytes()];
    Octets(Sha256::of_parts(&parts).as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn standing(counter: u32) -> Standing {
        Standing { counter, synced: false, backed_up: false }
    }

    fn passkey(counter: u32) -> Passkey {
        Passkey {
            id: PasskeyId::from_uuid(Uuid::nil()),
            name: "Key".parse().unwrap(),
            credential: Octets(vec![1; 16]),
            key: Octets(vec![2; 77]),
            standing: standing(counter),
            transports: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            last_used_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_counter_goes_on_or_is_not_there() {
        let now = Timestamp::UNIX_EPOCH;
        for (before, after, fine) in [
            (0, 0, true),
            (0, 7, true),
            (7, 8, true),
            (7, 700, true),
            (7, 7, false),
            (7, 6, false),
            (7, 0, false),
        ] {
            assert_eq!(passkey(before).used(standing(after), now).is_ok(), fine, "{before} {after}");
        }
        let used = passkey(7).used(standing(9), now).unwrap();
        assert_eq!((used.standing.counter, used.last_used_at, used.version), (9, Some(now), 2));
    }

    #[test]
    fn a_passkey_stays_of_its_kind() {
        let says = Standing { synced: true, ..standing(8) };
        assert_eq!(passkey(7).used(says, Timestamp::UNIX_EPOCH), Err(Doubt::Kind));
        assert_eq!(passkey(7).method(), Method::Passkey);
    }

    #[test]
    fn a_handle_is_of_one_person_in_one_tenant() {
        let tenant = |bits| TenantId::from_uuid(Uuid::from_u128(bits));
        let user = |bits| UserId::from_uuid(Uuid::from_u128(bits));
        assert_eq!(handle(tenant(1), user(2)), handle(tenant(1), user(2)));
        assert_ne!(handle(tenant(1), user(2)), handle(tenant(1), user(3)));
        assert_ne!(handle(tenant(1), user(2)), handle(tenant(2), user(2)));
    }

    #[test]
    fn transports_that_nobody_knows_are_left_out() {
        let names = ["internal", "cable", "usb", "usb"].map(str::to_owned);
        assert_eq!(Transport::known(&names), [Transport::Usb, Transport::Internal]);
        for (transport, name) in Transport::ALL {
            assert_eq!(serde_json::to_value(transport).unwrap(), name);
        }
    }

    proptest! {
        #[test]
        fn octets_are_read_as_they_are_written(bytes: Vec<u8>, text in "\\PC{0,60}") {
            let octets = Octets(bytes);
            prop_assert_eq!(octets.to_string().parse::<Octets>().unwrap(), octets);
            if let Ok(read) = text.parse::<Octets>() {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
