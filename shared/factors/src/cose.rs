//! Public keys as authenticators write them (COSE, RFC 9052 and RFC 9053), and the signatures that they check.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};

use crate::cbor::Value;

/// ECDSA on P-256 with SHA-256.
pub const ES256: i64 = -7;
/// Ed25519.
pub const EDDSA: i64 = -8;
/// RSASSA-PKCS1-v1_5 with SHA-256.
pub const RS256: i64 = -257;
/// The algorithms that are asked for, the dearest first.
pub const ALGORITHMS: [i64; 3] = [EDDSA, ES256, RS256];

/// Bytes of the moduli that RSA keys may have: 2048 to 4096 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

/// A public key that is ready to check signatures.
#[derive(Debug, Clone)]
pub struct CoseKey {
    /// The algorithm that the key is for, and no other.
    pub algorithm: i64,
    key: ParsedPublicKey,
}

/// The bytes are no key that is taken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a key of ES256, EdDSA or RS256")]
pub struct NotAKey;

impl CoseKey {
    /// Reads a key from bytes that hold it and nothing else.
    pub fn of(bytes: &[u8]) -> Result<Self, NotAKey> {
        Value::whole(bytes).map_err(|_| NotAKey).and_then(|value| Self::read(&value))
    }

    pub(crate) fn read(value: &Value<'_>) -> Result<Self, NotAKey> {
        let int = |label| value.numbered(label).and_then(Value::int).ok_or(NotAKey);
        let bytes = |label| value.numbered(label).and_then(Value::bytes).ok_or(NotAKey);
        let coordinate = |label| bytes(label).and_then(|bytes| sized(bytes, 32));
        // The labels are those of RFC 9053, sections 7.1 and 7.2, and of RFC 8230, section 4.
        let (algorithm, key) = match (int(1)?, int(3)?) {
            (2, ES256) if int(-1)? == 1 => {
                let point = [&[0x04], coordinate(-2)?, coordinate(-3)?].concat();
                (ES256, ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| NotAKey)?)
            }
            (1, EDDSA) if int(-1)? == 6 => {
                (EDDSA, ParsedPublicKey::new(&ED25519, coordinate(-2)?).map_err(|_| NotAKey)?)
            }
            (3, RS256) => {
                let (n, e) = (bytes(-1)?, bytes(-2)?);
                let strong = MODULUS.contains(&n.len()) && n[0] & 0x80 != 0;
                if !strong || !(1..=4).contains(&e.len()) {
                    return Err(NotAKey);
                }
                let key = PublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                (RS256, key.map_err(|_| NotAKey)?)
            }
            _ => return Err(NotAKey),
        };
        Ok(Self { algorithm, key })
    }

    /// Whether the key signed the pieces of a message, laid end to end.
    pub fn signed(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        self.key.verify_sig(&message.concat(), signature).is_ok()
    }
}

fn sized(bytes: &[u8], length: usize) -> Result<&[u8], NotAKey> {
    if bytes.len() == length { Ok(bytes) } else { Err(NotAKey) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    };
    use proptest::prelude::*;

    /// A key pair of each algorithm.
    pub(crate) enum Pair {
        Ec(EcdsaKeyPair),
        Ed(Ed25519KeyPair),
        Rsa(RsaKeyPair),
    }

    pub(crate) fn head(major: u8, length: usize) -> Vec<u8> {
        let length = u16::try_from(length).unwrap().to_be_bytes();
        [&[major << 5 | 0x19], length.as_slice()].concat()
    }

    pub(crate) fn byte_string(bytes: &[u8]) -> Vec<u8> {
        [head(2, bytes.len()), bytes.to_vec()].concat()
    }

    impl Pair {
        pub(crate) fn all() -> [Self; 3] {
            [
                Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
                Self::ed(),
                Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            ]
        }

        pub(crate) fn ed() -> Self {
            Self::Ed(Ed25519KeyPair::generate().unwrap())
        }

        pub(crate) fn cose(&self) -> Vec<u8> {
            match self {
                Self::Ec(pair) => {
                    let point = pair.public_key().as_ref();
                    let (x, y) = (byte_string(&point[1..33]), byte_string(&point[33..]));
                    [vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21], x, vec![0x22], y].concat()
                }
                Self::Ed(pair) => {
                    [vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21], byte_string(pair.public_key().as_ref())]
                        .concat()
                }
                Self::Rsa(pair) => {
                    // The modulus lies behind nine bytes of the DER, the exponent behind two more.
                    let der = pair.public_key().as_ref();
                    let (n, e) = (byte_string(&der[9..265]), byte_string(&der[267..]));
                    [vec![0xa4, 1, 3, 3, 0x39, 1, 0, 0x20], n, vec![0x21], e].concat()
                }
            }
        }

        pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
            match self {
                Self::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
                Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
                Self::Rsa(pair) => {
                    let mut signature = vec![0; pair.public_modulus_len()];
                    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                    signature
                }
            }
        }
    }

    #[test]
    fn a_key_of_each_algorithm_checks_what_it_signed_and_nothing_else() {
        let pairs = Pair::all();
        for (pair, algorithm) in pairs.iter().zip([ES256, EDDSA, RS256]) {
            let key = CoseKey::of(&pair.cose()).unwrap();
            assert_eq!(key.algorithm, algorithm);
            let signature = pair.sign(b"rookery");
            assert!(key.signed(&[b"roo", b"kery"], &signature));
            assert!(!key.signed(&[b"rookerz"], &signature));
            assert!(!key.signed(&[b"rookery"], &signature[1..]));
            assert!(!key.signed(&[b"rookery"], &[]));
            for other in pairs.iter().filter(|other| other.cose() != pair.cose()) {
                assert!(!key.signed(&[b"rookery"], &other.sign(b"rookery")));
            }
        }
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        let [ec, ed, rsa] = Pair::all().map(|pair| pair.cose());
        let spoiled = |key: &[u8], at: usize, byte: u8| {
            let mut key = key.to_vec();
            key[at] = byte;
            key
        };
        for (what, bytes) in [
            ("nothing", Vec::new()),
            ("a point that is not on the curve", spoiled(&ec, 20, ec[20] ^ 1)),
            ("another curve", spoiled(&ec, 6, 2)),
            ("another type", spoiled(&ec, 2, 1)),
            ("ES256K", spoiled(&ec, 4, 0x38)),
            ("another curve of Ed25519", spoiled(&ed, 6, 4)),
            ("a modulus that is shorter than it looks", spoiled(&rsa, 11, 0)),
            ("something behind it", [ed.clone(), vec![0]].concat()),
        ] {
            assert!(CoseKey::of(&bytes).is_err(), "{what}");
        }
        let weak =
            [vec![0xa4, 1, 3, 3, 0x39, 1, 0, 0x20], byte_string(&[0xff; 128]), vec![0x21, 0x43, 1, 0, 1]];
        assert!(CoseKey::of(&weak.concat()).is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>, at in 0_usize..77, byte: u8) {
            let _ = CoseKey::of(&bytes);
            let mut spoiled = Pair::ed().cose();
            let at = at % spoiled.len();
            spoiled[at] = byte;
            let _ = CoseKey::of(&spoiled);
        }
    }
}
