//! Keys that sign tokens: their public halves at `directory#token-key`, which whoever checks tokens reads, and their private halves at
//! `directory#token-secret`, sealed by KMS, which only those read who sign.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jiff::{SignedDuration, Timestamp};
use rookery_domain::hash::Sha256;
use rookery_domain::token_key::{Algorithm, Plan, PublicKey, TokenKey};
use serde::{Deserialize, Serialize};

use crate::seal::{self, Sealed};
use crate::{Clients, Key, Partition, Record, Refusal, StoreError, Table, Transaction};

/// What these keys are for, in the encryption context that KMS authenticates.
const PURPOSE: &str = "token-signing";
/// For how long after it is gone a key is still listed, so that an operator can see what was.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// For how long after it signed for the last time a private half is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug, Serialize, Deserialize)]
struct PublicRecord {
    #[serde(flatten)]
    key: TokenKey,
    ttl: i64,
    version: u64,
}

impl Record for PublicRecord {
    const KIND: &'static str = "token_key";
}

#[derive(Debug, Serialize, Deserialize)]
struct SecretRecord {
    kid: String,
    /// The data key, sealed by KMS.
    data_key: String,
    /// The private half, sealed with the data key.
    private: Sealed,
    ttl: i64,
}

impl Record for SecretRecord {
    const KIND: &'static str = "token_secret";
}

fn published() -> Partition {
    Partition::directory_of("token-key")
}

fn secrets() -> Partition {
    Partition::directory_of("token-secret")
}

/// A number that is taken once: two who make a key at the same moment make one.
fn name(algorithm: Algorithm, number: u32) -> String {
    format!("{algorithm}#{number:06}")
}

fn place(key: &TokenKey) -> Key {
    published().item(name(key.algorithm, key.number))
}

fn failed<E>(_: E) -> StoreError {
    // What the library says of a private key stays here.
    StoreError::corrupt("token key", "the key is not one of its algorithm")
}

fn ttl(at: Timestamp, after: SignedDuration) -> i64 {
    at.as_second().saturating_add(after.as_secs())
}

fn record(key: &TokenKey, version: u64) -> PublicRecord {
    PublicRecord { key: key.clone(), ttl: ttl(key.gone_at, REMEMBERED), version }
}

/// Every key that is published or was not long ago, in the order of their making.
pub async fn list(table: &Table) -> Result<Vec<TokenKey>, StoreError> {
    Ok(listed(table).await?.into_iter().map(|record| record.key).collect())
}

async fn listed(table: &Table) -> Result<Vec<PublicRecord>, StoreError> {
    table.list_all(&published()).await
}

/// Makes the key of a plan. If somebody else made the key of this number at the same moment, theirs is the one that counts, and
/// nothing is written.
pub async fn make(clients: &Clients, plan: Plan) -> Result<(), StoreError> {
    let (key, private) = generate(plan)?;
    let mut transaction = Transaction::new();
    add(clients, &mut transaction, &key, &private).await?;
    match clients.table()?.commit(&transaction).await {
        Ok(()) => {
            tracing::info!(token_key.kid = key.kid, token_key.algorithm = %key.algorithm, "a key for tokens was made");
            Ok(())
        }
        Err(StoreError::Refused(Refusal::Repeated)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn add(
    clients: &Clients,
    transaction: &mut Transaction,
    key: &TokenKey,
    private: &[u8],
) -> Result<(), StoreError> {
    let (data_key, sealed) = seal::new_data_key(clients, context(&key.kid)).await?;
    let secret = SecretRecord {
        kid: key.kid.clone(),
        data_key: sealed,
        private: seal::encrypt(&data_key, bound_to(&key.kid).as_bytes(), private)?,
        ttl: ttl(key.signs_until, KEPT),
    };
    transaction.create(&place(key), &record(key, 1), Refusal::Repeated)?;
    transaction.put(&secrets().item(name(key.algorithm, key.number)), &secret)
}

/// Lets the key of a plan take over at once: the others sign no more, and unless what they signed is `believed` for a while still, it
/// is refused from now on.
pub async fn take_over(
    clients: &Clients,
    plan: Plan,
    believed: bool,
    now: Timestamp,
) -> Result<TokenKey, StoreError> {
    let (key, private) = generate(plan)?;
    let mut transaction = Transaction::new();
    add(clients, &mut transaction, &key, &private).await?;
    for before in listed(clients.table()?).await? {
        if before.key.algorithm == key.algorithm && before.key.is_believed(now) {
            let after = record(&before.key.relieved(believed, now), before.version + 1);
            transaction.replace(&place(&before.key), &after, before.version)?;
            transaction.remove(&secrets().item(name(before.key.algorithm, before.key.number)));
        }
    }
    clients.table()?.commit(&transaction).await?;
    Ok(key)
}

fn context(kid: &str) -> Vec<(&'static str, String)> {
    vec![("purpose", PURPOSE.to_owned()), ("kid", kid.to_owned())]
}

fn bound_to(kid: &str) -> String {
    format!("{PURPOSE}\0{kid}")
}

fn generate(plan: Plan) -> Result<(TokenKey, Vec<u8>), StoreError> {
    let (public, private) = match plan.algorithm {
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let private = pair.as_der().map_err(failed)?.as_ref().to_vec();
            (public_rsa(pair.public_key().as_ref())?, private)
        }
        Algorithm::Es256 => {
            let document =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
            let private = document.map_err(failed)?.as_ref().to_vec();
            let pair =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).map_err(failed)?;
            (public_ec(pair.public_key().as_ref())?, private)
        }
    };
    Ok((plan.key(thumbprint(&public), public), private))
}

/// Reads modulus and exponent out of an `RSAPublicKey` (RFC 8017, appendix A.1.1) of 2048 bits.
fn public_rsa(der: &[u8]) -> Result<PublicKey, StoreError> {
    // A sequence of two integers: the modulus, of 256 bytes behind a zero, and the exponent.
    const HEAD: [u8; 9] = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
    let (modulus, rest) =
        der.strip_prefix(&HEAD).and_then(|rest| rest.split_at_checked(256)).ok_or_else(|| failed(()))?;
    let exponent =
        rest.strip_prefix(&[0x02, 0x03]).filter(|rest| rest.len() == 3).ok_or_else(|| failed(()))?;
    Ok(PublicKey::Rsa { n: BASE64URL.encode(modulus), e: BASE64URL.encode(exponent) })
}

/// Reads the coordinates out of an uncompressed point (SEC 1, section 2.3.3).
fn public_ec(point: &[u8]) -> Result<PublicKey, StoreError> {
    let coordinates =
        point.strip_prefix(&[0x04]).filter(|rest| rest.len() == 64).ok_or_else(|| failed(()))?;
    let (x, y) = coordinates.split_at(32);
    Ok(PublicKey::Ec { crv: "P-256".to_owned(), x: BASE64URL.encode(x), y: BASE64URL.encode(y) })
}

/// The digest of a key's members in the order and form of RFC 7638, section 3.
pub fn thumbprint(public: &PublicKey) -> String {
    let members = match public {
        PublicKey::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        PublicKey::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
    };
    BASE64URL.encode(Sha256::of(members.as_bytes()).as_bytes())
}

enum Private {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// A key that can sign, in memory.
pub struct Signer {
    /// What tokens name it by.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    private: Private,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}, …)", self.kid)
    }
}

/// Opens the private half of a key; `None` if it is kept no more.
pub async fn open(clients: &Clients, key: &TokenKey) -> Result<Option<Signer>, StoreError> {
    let place = secrets().item(name(key.algorithm, key.number));
    let found: Option<SecretRecord> = clients.table()?.get(&place).await?;
    let Some(secret) = found.filter(|secret| secret.kid == key.kid) else { return Ok(None) };
    let data_key = seal::open_data_key(clients, context(&key.kid), &secret.data_key).await?;
    let private = seal::decrypt(&data_key, bound_to(&key.kid).as_bytes(), &secret.private)?;
    Signer::new(&key.kid, key.algorithm, &private).map(Some)
}

impl Signer {
    /// A key from its private half in PKCS #8.
    pub fn new(kid: &str, algorithm: Algorithm, private: &[u8]) -> Result<Self, StoreError> {
        let private = match algorithm {
            Algorithm::Rs256 => Private::Rsa(RsaKeyPair::from_pkcs8(private).map_err(failed)?),
            Algorithm::Es256 => Private::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).map_err(failed)?,
            ),
        };
        Ok(Self { kid: kid.to_owned(), algorithm, private })
    }

    /// A key that nobody keeps, and its public half: for measuring.
    pub fn fleeting(plan: Plan) -> Result<(Self, TokenKey), StoreError> {
        let (key, private) = generate(plan)?;
        Ok((Self::new(&key.kid, key.algorithm, &private)?, key))
    }

    /// Signs bytes, in the form of RFC 7518, sections 3.3 and 3.4.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        match &self.private {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Private::Ec(pair) => {
                Ok(pair.sign(&SystemRandom::new(), bytes).map_err(failed)?.as_ref().to_vec())
            }
        }
    }
}

/// A public key that is ready to check signatures.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// The algorithm that the key is for, and no other.
    pub algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl Verifier {
    /// Reads the members of a JWK.
    pub fn new(algorithm: Algorithm, public: &PublicKey) -> Result<Self, StoreError> {
        let bytes = |text: &str| {
            BASE64URL.decode(text).map_err(|source| StoreError::corrupt("public key of tokens", source))
        };
        let key = match (algorithm, public) {
            (Algorithm::Rs256, PublicKey::Rsa { n, e }) => PublicKeyComponents { n: bytes(n)?, e: bytes(e)? }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                .map_err(failed)?,
            (Algorithm::Es256, PublicKey::Ec { x, y, .. }) => {
                let point = [vec![0x04], bytes(x)?, bytes(y)?].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(failed)?
            }
            _ => return Err(failed(())),
        };
        Ok(Self { algorithm, key })
    }

    /// Whether the key signed bytes.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(bytes, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_domain::token_key::at_once;

    #[test]
    fn a_key_checks_what_it_signed_and_nothing_else() {
        for algorithm in Algorithm::ALL {
            let plan = at_once(&[], algorithm, Timestamp::UNIX_EPOCH);
            let (signer, key) = Signer::fleeting(plan).unwrap();
            let verifier = Verifier::new(algorithm, &key.public).unwrap();
            let signature = signer.sign(b"rookery").unwrap();
            assert!(verifier.verify(b"rookery", &signature));
            assert!(!verifier.verify(b"rookerz", &signature));
            assert!(!verifier.verify(b"rookery", &signature[1..]));
            let (other, _) = Signer::fleeting(plan).unwrap();
            assert!(!verifier.verify(b"rookery", &other.sign(b"rookery").unwrap()));
            let wrong = if algorithm == Algorithm::Rs256 { Algorithm::Es256 } else { Algorithm::Rs256 };
            assert!(Verifier::new(wrong, &key.public).is_err());
            assert!(!format!("{signer:?}").contains("private"));
        }
    }

    /// The key and the thumbprint of RFC 7638, section 3.1.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let public = PublicKey::Rsa { n: n.to_owned(), e: "AQAB".to_owned() };
        assert_eq!(thumbprint(&public), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
