//! Answers in the name of KMS, SQS, `EventBridge` and S3: enough for a function to do its work, and nothing kept secret.

use std::collections::{BTreeMap, HashMap};

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::StoredObject;
use crate::Failure;

const KEY_ARN: &str = "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-4000-8000-000000000000";

/// "Seals" by writing context and plaintext behind each other.
pub(super) fn kms(operation: &str, body: &[u8]) -> Result<Value, Failure> {
    let request: Value = serde_json::from_slice(body)?;
    // The SDK writes the context's pairs in any order; in a sorted map they are comparable.
    let context: BTreeMap<String, String> = match &request["EncryptionContext"] {
        Value::Null => BTreeMap::new(),
        context => serde_json::from_value(context.clone())?,
    };
    let context = json!(context).to_string();
    let seal = |plaintext: &str| STANDARD.encode(json!([context, plaintext]).to_string());
    Ok(match operation {
        "Encrypt" => {
            let plaintext = request["Plaintext"].as_str().ok_or("Encrypt without a plaintext")?;
            json!({"KeyId": KEY_ARN, "CiphertextBlob": seal(plaintext), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
        }
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
            let plaintext = STANDARD.encode([7; 32]);
            let mut answer = json!({"KeyId": KEY_ARN, "CiphertextBlob": seal(&plaintext)});
            if operation == "GenerateDataKey" {
                answer["Plaintext"] = json!(plaintext);
            }
            answer
        }
        "Decrypt" => {
            let blob =
                STANDARD.decode(request["CiphertextBlob"].as_str().ok_or("Decrypt without a ciphertext")?)?;
            let sealed: [String; 2] = serde_json::from_slice::<Value>(&blob)?
                .as_array()
                .and_then(|pair| {
                    Some([pair.first()?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned()])
                })
                .ok_or("a ciphertext of somebody else")?;
            if sealed[0] != context {
                return Err("InvalidCiphertextException".into());
            }
            json!({"KeyId": KEY_ARN, "Plaintext": sealed[1], "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
        }
        other => return Err(format!("nobody stands in for kms:{other}").into()),
    })
}

pub(super) fn sqs(operation: &str, body: &[u8]) -> Result<Value, Failure> {
    let request: Value = serde_json::from_slice(body)?;
    let accepted =
        json!({"MessageId": "00000000-0000-4000-8000-000000000001", "MD5OfMessageBody": "0".repeat(32)});
    Ok(match operation {
        "SendMessage" => accepted,
        "SendMessageBatch" => {
            let entries = request["Entries"].as_array().ok_or("a batch without entries")?;
            let successful: Vec<Value> = entries
                .iter()
                .map(|entry| {
                    let mut answer = accepted.clone();
                    answer["Id"] = entry["Id"].clone();
                    answer
                })
                .collect();
            json!({"Successful": successful, "Failed": []})
        }
        other => return Err(format!("nobody stands in for sqs:{other}").into()),
    })
}

pub(super) fn events(body: &[u8]) -> Result<Value, Failure> {
    let request: Value = serde_json::from_slice(body)?;
    let entries = request["Entries"].as_array().ok_or("no entries")?.iter();
    let entries: Vec<Value> =
        entries.map(|_| json!({"EventId": "00000000-0000-4000-8000-000000000002"})).collect();
    Ok(json!({"FailedEntryCount": 0, "Entries": entries}))
}

/// The name of the operation, and its answer.
pub(super) fn s3(
    objects: &mut HashMap<String, StoredObject>,
    method: &Method,
    uri: &Uri,
    body: &Bytes,
) -> (&'static str, Response) {
    let path = uri.path();
    let asks = |name: &str| {
        uri.query().unwrap_or_default().split('&').any(|pair| pair.split('=').next() == Some(name))
    };
    if asks("tagging") {
        let operation = match *method {
            Method::PUT => "PutObjectTagging",
            Method::DELETE => "DeleteObjectTagging",
            _ => "GetObjectTagging",
        };
        let body = "<Tagging><TagSet></TagSet></Tagging>";
        let status = if *method == Method::DELETE { StatusCode::NO_CONTENT } else { StatusCode::OK };
        return (operation, (status, body).into_response());
    }
    if *method == Method::PUT {
        let checksum = STANDARD.encode(sha2::Sha256::digest(body));
        objects.insert(path.to_owned(), StoredObject { size: body.len(), checksum });
        return ("PutObject", StatusCode::OK.into_response());
    }
    let Some(object) = objects.get(path) else {
        return (
            if *method == Method::HEAD { "HeadObject" } else { "GetObject" },
            StatusCode::NOT_FOUND.into_response(),
        );
    };
    let checksum = object.checksum.clone();
    if asks("attributes") {
        let body = format!(
            "<GetObjectAttributesResponse><Checksum><ChecksumSHA256>{checksum}</ChecksumSHA256>\
             <ChecksumType>FULL_OBJECT</ChecksumType></Checksum><ObjectSize>{}</ObjectSize></GetObjectAttributesResponse>",
            object.size
        );
        return ("GetObjectAttributes", body.into_response());
    }
    let headers = [
        ("content-length", object.size.to_string()),
        ("x-amz-checksum-sha256", checksum),
        ("x-amz-checksum-type", "FULL_OBJECT".to_owned()),
    ];
    ("HeadObject", headers.into_response())
}
