//! Keys that sign packages: Ed25519 (RFC 8032). The private half is opened for the moment of signing only.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rookery_domain::app::SigningKey;
use rookery_domain::hash::Sha256;
use rookery_domain::id::AppId;
use rookery_domain::package::Signature;

use crate::app::StoredSigningKey;
use crate::seal::{Purpose, Sealer};
use crate::{StoreError, TenantScope};

const ALGORITHM: &str = "ed25519";
/// How many hex digits of the public key's SHA-256 name a key.
const ID_LENGTH: usize = 16;

fn failed<E>(_: E) -> StoreError {
    // What the library says of a private key stays here.
    StoreError::corrupt("signing key", "the key is not one of Ed25519")
}

/// Makes a signing key for an application.
pub async fn generate(
    sealer: &Sealer<'_>,
    scope: &TenantScope,
    app: AppId,
    at: Timestamp,
) -> Result<StoredSigningKey, StoreError> {
    let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
    let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).map_err(failed)?;
    let private = sealer.seal(scope, Purpose::Signing, &app.to_string(), private.as_ref()).await?;
    Ok(StoredSigningKey { public: public_half(&pair, at)?, private })
}

/// Signs bytes with a key of an application.
pub async fn sign(
    sealer: &Sealer<'_>,
    scope: &TenantScope,
    app: AppId,
    key: &StoredSigningKey,
    bytes: &[u8],
) -> Result<Signature, StoreError> {
    let private = sealer.open(scope, Purpose::Signing, &app.to_string(), &key.private).await?;
    let pair = Ed25519KeyPair::from_pkcs8(&private).map_err(failed)?;
    Ok(Signature {
        algorithm: ALGORITHM.to_owned(),
        key_id: key.public.id.clone(),
        value: BASE64.encode(pair.sign(bytes)),
    })
}

fn public_half(pair: &Ed25519KeyPair, at: Timestamp) -> Result<SigningKey, StoreError> {
    let public = pair.public_key();
    let encoded = public.as_der().map_err(failed)?;
    let mut id = Sha256::of(public.as_ref()).to_string();
    id.truncate(ID_LENGTH);
    Ok(SigningKey {
        id,
        algorithm: ALGORITHM.to_owned(),
        public_key: BASE64.encode(public.as_ref()),
        public_key_pem: format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64.encode(encoded.as_ref())
        ),
        created_at: at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    /// The first key of RFC 8032, section 7.1, and the form of RFC 8410, section 10.1, that `openssl` reads.
    #[test]
    fn the_public_half_is_what_others_read() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = public_half(&pair, Timestamp::UNIX_EPOCH).unwrap();
        let raw = BASE64.decode(&public.public_key).unwrap();
        assert_eq!(hex::encode(&raw), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(
            public.public_key_pem,
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
        );
        assert_eq!(public.id, Sha256::of(&raw).to_string()[..16]);
        let verifies =
            UnparsedPublicKey::new(&ED25519, &raw).verify(b"rookery", pair.sign(b"rookery").as_ref());
        assert!(verifies.is_ok());
    }
}
