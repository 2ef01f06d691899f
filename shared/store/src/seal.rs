//! Envelope encryption: a data key per tenant and purpose, sealed by KMS; values sealed with it by AES-256-GCM.
//!
//! The encryption context that KMS authenticates binds tenant and purpose; the additional data of each value binds the
//! resource as well, so that a sealed value moved to another place does not open. Plaintext keys are kept in memory for five
//! minutes and zeroed when they go.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rookery_domain::id::WorkspaceId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Clients, Key, Record, Refusal, StoreError, TenantScope, Transaction, Variable, random};

/// How long a plaintext data key stays in memory.
const KEPT: Duration = Duration::from_mins(5);

/// What a data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Private keys that sign packages.
    Signing,
    /// Secrets of applications.
    Secrets,
    /// Answers that hold a secret, kept for requests that are sent again.
    Answers,
    /// Secrets of authenticators.
    Authenticators,
    /// Secrets of the clients that the platform is at identity providers.
    Providers,
    /// What belongs to one workspace, which has a data key of its own.
    Workspace(WorkspaceId),
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Secrets => "secrets",
            Self::Answers => "answers",
            Self::Authenticators => "authenticators",
            Self::Providers => "providers",
            Self::Workspace(_) => "workspace",
        }
    }

    /// The purpose with what it is narrowed to.
    fn whole(self) -> String {
        match self {
            Self::Workspace(id) => format!("{}#{id}", self.as_str()),
            Self::Signing | Self::Secrets | Self::Answers | Self::Authenticators | Self::Providers => {
                self.as_str().to_owned()
            }
        }
    }
}

/// A sealed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The nonce, in base64.
    nonce: String,
    /// Ciphertext and tag, in base64.
    ciphertext: String,
}

/// A tenant's data key for a purpose, sealed by KMS.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct DataKeyRecord {
    sealed: String,
}

impl Record for DataKeyRecord {
    const KIND: &'static str = "data_key";
}

pub(crate) type KeyBytes = Zeroizing<Vec<u8>>;

/// Plaintext data keys that were used a moment ago.
#[derive(Default)]
pub struct KeyCache(Mutex<HashMap<(TenantScope, Purpose), (Instant, KeyBytes)>>);

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCache(…)")
    }
}

impl KeyCache {
    fn get(&self, of: (TenantScope, Purpose)) -> Option<KeyBytes> {
        let mut keys = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.retain(|_, (since, _)| since.elapsed() < KEPT);
        keys.get(&of).map(|(_, key)| key.clone())
    }

    fn put(&self, of: (TenantScope, Purpose), key: KeyBytes) {
        let mut keys = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.insert(of, (Instant::now(), key));
    }
}

/// Seals and opens values.
#[derive(Debug, Clone, Copy)]
pub struct Sealer<'a> {
    clients: &'a Clients,
    cache: &'a KeyCache,
}

impl<'a> Sealer<'a> {
    /// A sealer over a function's clients.
    pub fn new(clients: &'a Clients, cache: &'a KeyCache) -> Self {
        Self { clients, cache }
    }

    /// Seals a value of a tenant for one resource.
    pub async fn seal(
        &self,
        scope: &TenantScope,
        purpose: Purpose,
        resource: &str,
        plaintext: &[u8],
    ) -> Result<Sealed, StoreError> {
        let key = self.data_key(scope, purpose).await?;
        encrypt(&key, &additional_data(scope, purpose, resource), plaintext)
    }

    /// Opens a sealed value. Fails when any of tenant, purpose or resource is not what it was sealed for.
    pub async fn open(
        &self,
        scope: &TenantScope,
        purpose: Purpose,
        resource: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let key = self.data_key(scope, purpose).await?;
        decrypt(&key, &additional_data(scope, purpose, resource), sealed)
    }

    /// As [`Sealer::seal`], for a value that is written by a transaction: a data key that has to be made first is written by it
    /// too, so that nothing is left behind if it does not commit.
    pub async fn seal_within(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        purpose: Purpose,
        resource: &str,
        plaintext: &[u8],
    ) -> Result<Sealed, StoreError> {
        if let Some(key) = self.known_key(scope, purpose).await? {
            return encrypt(&key, &additional_data(scope, purpose, resource), plaintext);
        }
        // Not kept in memory: there is no such key unless the transaction commits.
        let (key, record) = self.generate(scope, purpose).await?;
        transaction.create(&place(scope, purpose), &record, Refusal::Overtaken)?;
        encrypt(&key, &additional_data(scope, purpose, resource), plaintext)
    }

    /// Adds a data key to a transaction, unless there is one.
    pub async fn make_key(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        purpose: Purpose,
    ) -> Result<(), StoreError> {
        let place = place(scope, purpose);
        if self.clients.table()?.get::<DataKeyRecord>(&place).await?.is_none() {
            let (_, record) = self.generate(scope, purpose).await?;
            transaction.create(&place, &record, Refusal::Overtaken)?;
        }
        Ok(())
    }

    async fn data_key(&self, scope: &TenantScope, purpose: Purpose) -> Result<KeyBytes, StoreError> {
        if let Some(key) = self.known_key(scope, purpose).await? {
            return Ok(key);
        }
        let (key, record) = self.generate(scope, purpose).await?;
        match self.clients.table()?.create(&place(scope, purpose), &record, Refusal::Repeated).await {
            Ok(()) => {
                self.cache.put((*scope, purpose), key.clone());
                Ok(key)
            }
            // Another request made the key at the same moment; its key is the one that counts.
            Err(StoreError::Refused(_)) => {
                let known = self.known_key(scope, purpose).await?;
                known.ok_or_else(|| StoreError::corrupt("data key", "it vanished"))
            }
            Err(error) => Err(error),
        }
    }

    /// The data key if there is one: from memory, or else from the table and kept in memory.
    async fn known_key(&self, scope: &TenantScope, purpose: Purpose) -> Result<Option<KeyBytes>, StoreError> {
        if let Some(key) = self.cache.get((*scope, purpose)) {
            return Ok(Some(key));
        }
        let found: Option<DataKeyRecord> = self.clients.table()?.get(&place(scope, purpose)).await?;
        let Some(record) = found else { return Ok(None) };
        let key = self.unseal(scope, purpose, &record).await?;
        self.cache.put((*scope, purpose), key.clone());
        Ok(Some(key))
    }

    async fn generate(
        &self,
        scope: &TenantScope,
        purpose: Purpose,
    ) -> Result<(KeyBytes, DataKeyRecord), StoreError> {
        let (key, sealed) = new_data_key(self.clients, context(scope, purpose)).await?;
        Ok((key, DataKeyRecord { sealed }))
    }

    async fn unseal(
        &self,
        scope: &TenantScope,
        purpose: Purpose,
        record: &DataKeyRecord,
    ) -> Result<KeyBytes, StoreError> {
        open_data_key(self.clients, context(scope, purpose), &record.sealed).await
    }
}

fn place(scope: &TenantScope, purpose: Purpose) -> Key {
    scope.partition(&["data-key"]).item(purpose.whole())
}

/// Adds the end of a data key to a transaction: what was sealed with it is unreadable from then on, once it has left the memory of
/// functions.
pub fn forget_key(transaction: &mut Transaction, scope: &TenantScope, purpose: Purpose) {
    transaction.remove(&place(scope, purpose));
}

/// Seals bytes with a data key. `place` is what they are bound to.
pub(crate) fn encrypt(key: &[u8], place: &[u8], plaintext: &[u8]) -> Result<Sealed, StoreError> {
    let mut nonce = [0; NONCE_LEN];
    random::fill(&mut nonce);
    let mut bytes = plaintext.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut bytes)
        .map_err(|_| StoreError::corrupt("sealed value", "sealing failed"))?;
    Ok(Sealed { nonce: BASE64.encode(nonce), ciphertext: BASE64.encode(bytes) })
}

/// Opens what [`encrypt`] sealed with the same key for the same place.
pub(crate) fn decrypt(key: &[u8], place: &[u8], sealed: &Sealed) -> Result<KeyBytes, StoreError> {
    let unreadable = |source| StoreError::corrupt("sealed value", source);
    let nonce = BASE64.decode(&sealed.nonce).map_err(unreadable)?;
    let nonce = Nonce::try_assume_unique_for_key(&nonce)
        .map_err(|_| StoreError::corrupt("sealed value", "the nonce has the wrong length"))?;
    let mut bytes = Zeroizing::new(BASE64.decode(&sealed.ciphertext).map_err(unreadable)?);
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(place), &mut bytes)
        .map_err(|_| StoreError::corrupt("sealed value", "it was not sealed for this place"))?
        .len();
    bytes.truncate(length);
    Ok(bytes)
}

/// A data key that KMS made, and the same sealed by KMS, in base64.
pub(crate) async fn new_data_key(
    clients: &Clients,
    context: Vec<(&'static str, String)>,
) -> Result<(KeyBytes, String), StoreError> {
    let mut request = clients
        .keys()
        .generate_data_key()
        .key_id(clients.settings().needed(Variable::KmsKey)?)
        .key_spec(DataKeySpec::Aes256);
    for (name, value) in context {
        request = request.encryption_context(name, value);
    }
    let answer = request.send().await.map_err(|source| StoreError::failed("GenerateDataKey", source))?;
    let missing = || StoreError::corrupt("data key", "KMS answered without a key");
    let plaintext = answer.plaintext.ok_or_else(missing)?.into_inner();
    Ok((Zeroizing::new(plaintext), BASE64.encode(answer.ciphertext_blob.ok_or_else(missing)?)))
}

/// Has KMS open a data key that it sealed in the same context.
pub(crate) async fn open_data_key(
    clients: &Clients,
    context: Vec<(&'static str, String)>,
    sealed: &str,
) -> Result<KeyBytes, StoreError> {
    let sealed = BASE64.decode(sealed).map_err(|source| StoreError::corrupt("data key", source))?;
    let mut request = clients
        .keys()
        .decrypt()
        .key_id(clients.settings().needed(Variable::KmsKey)?)
        .ciphertext_blob(Blob::new(sealed));
    for (name, value) in context {
        request = request.encryption_context(name, value);
    }
    let answer = request.send().await.map_err(|source| StoreError::failed("Decrypt", source))?;
    let plaintext =
        answer.plaintext.ok_or_else(|| StoreError::corrupt("data key", "KMS answered without a key"))?;
    Ok(Zeroizing::new(plaintext.into_inner()))
}

fn context(scope: &TenantScope, purpose: Purpose) -> Vec<(&'static str, String)> {
    let mut context = vec![("tenant", scope.tenant().to_string()), ("purpose", purpose.as_str().to_owned())];
    if let Purpose::Workspace(id) = purpose {
        context.push(("workspace", id.to_string()));
    }
    context
}

fn additional_data(scope: &TenantScope, purpose: Purpose, resource: &str) -> Vec<u8> {
    format!("{}\0{}\0{resource}", scope.tenant(), purpose.whole()).into_bytes()
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| StoreError::corrupt("data key", "it does not have 256 bits"))
}
