//! Of KMS the two calls that data keys take, with its promise about them: a key opens in the context that it was made in, and in no other.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rookery_store::random;
use serde_json::{Value, json};

/// The keys that were made, by what stands for them sealed.
#[derive(Debug, Default)]
pub struct Kms(Mutex<HashMap<String, (String, Value)>>);

impl Kms {
    /// Answers a call, or says with which code it is refused.
    pub fn answer(&self, target: &str, request: &Value) -> Result<Value, &'static str> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let context = request["EncryptionContext"].clone();
        match target {
            "TrentService.GenerateDataKey" => {
                let (mut key, mut name) = ([0; 32], [0; 16]);
                random::fill(&mut key);
                random::fill(&mut name);
                let (key, sealed) = (BASE64.encode(key), BASE64.encode(name));
                keys.insert(sealed.clone(), (key.clone(), context));
                Ok(json!({"KeyId": "key", "Plaintext": key, "CiphertextBlob": sealed}))
            }
            "TrentService.Decrypt" => {
                let sealed = request["CiphertextBlob"].as_str().unwrap_or_default();
                match keys.get(sealed) {
                    Some((key, made)) if *made == context => Ok(json!({"KeyId": "key", "Plaintext": key})),
                    _ => Err("InvalidCiphertextException"),
                }
            }
            _ => Err("UnsupportedOperationException"),
        }
    }
}
