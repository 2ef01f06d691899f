//! A software authenticator with the browser before it: makes passkeys and uses them (WebAuthn Level 3), well or badly.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rookery_domain::hash::Sha256;
use serde_json::{Value, json};

/// Somebody is there.
pub const PRESENT: u8 = 1;
/// And was seen: by a code, a finger, a face.
pub const VERIFIED: u8 = 4;
/// The passkey may be on several devices.
pub const SYNCED: u8 = 8;
/// It is.
pub const BACKED_UP: u8 = 16;
const ATTESTED: u8 = 64;

/// A passkey, with the device that has it. What is public is for spoiling.
#[derive(Debug)]
pub struct Authenticator {
    key: EcdsaKeyPair,
    /// The authenticator's id of the passkey.
    pub id: Vec<u8>,
    /// What it says of itself and of whoever is there.
    pub flags: u8,
    /// How often it signed; `None` where it does not count.
    pub counter: Option<u32>,
    /// The origin of the page.
    pub origin: String,
    /// The host that it believes to be at, if not the one that asks.
    pub host: Option<String>,
    /// What it calls what it does, if not by its name.
    pub kind: Option<String>,
    /// What it knows the person by.
    pub handle: Option<String>,
    /// What stands behind what it says of a new passkey.
    pub behind: Vec<u8>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Authenticator {
    /// A new one, at a page of an origin, whose owner it knows.
    pub fn at(origin: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let id = Sha256::of(key.public_key().as_ref()).as_bytes()[..20].to_vec();
        Self {
            key,
            id,
            flags: PRESENT | VERIFIED,
            counter: Some(0),
            origin: origin.to_owned(),
            host: None,
            kind: None,
            handle: None,
            behind: Vec::new(),
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let kind = self.kind.as_deref().unwrap_or(kind);
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
            .into_bytes()
    }

    fn data(&self, host: &str, flags: u8, attested: &[u8]) -> Vec<u8> {
        let host = Sha256::of(self.host.as_deref().unwrap_or(host).as_bytes());
        let counter = self.counter.unwrap_or(0).to_be_bytes();
        [host.as_bytes().as_slice(), &[self.flags | flags], &counter, attested].concat()
    }

    /// The public key as a COSE key.
    fn cose(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], &point[1..33], &[0x22, 0x58, 32], &point[33..]]
            .concat()
    }

    /// Makes the passkey that a relying party asks for: what `navigator.credentials.create` answers.
    pub fn create(&mut self, options: &Value) -> Value {
        let algorithms = options["pubKeyCredParams"].as_array().expect("algorithms");
        assert!(algorithms.contains(&json!({"type": "public-key", "alg": -7})), "{options}");
        self.handle = Some(text(&options["user"]["id"]));
        let length = u16::try_from(self.id.len()).expect("a length").to_be_bytes();
        let attested = [&[0; 16], length.as_slice(), &self.id, &self.cose(), &self.behind].concat();
        let data = self.data(&text(&options["rp"]["id"]), ATTESTED, &attested);
        let length = u16::try_from(data.len()).expect("a length").to_be_bytes();
        let object =
            [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(), &length, &data].concat();
        json!({
            "id": BASE64URL.encode(&self.id),
            "rawId": BASE64URL.encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64URL.encode(self.client_data("webauthn.create", &options["challenge"])),
                "attestationObject": BASE64URL.encode(object),
                "transports": ["internal", "hybrid", "telepathy"],
            },
        })
    }

    /// Uses the passkey: what `navigator.credentials.get` answers.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter = self.counter.map(|counter| counter + 1);
        let client_data = self.client_data("webauthn.get", &options["challenge"]);
        let data = self.data(&text(&options["rpId"]), 0, &[]);
        let signed = [data.as_slice(), Sha256::of(&client_data).as_bytes()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        json!({
            "id": BASE64URL.encode(&self.id),
            "rawId": BASE64URL.encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64URL.encode(&client_data),
                "authenticatorData": BASE64URL.encode(&data),
                "signature": BASE64URL.encode(signature.as_ref()),
                "userHandle": self.handle,
            },
        })
    }
}
