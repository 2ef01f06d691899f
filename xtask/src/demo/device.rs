//! What a careful device does with an update: it believes nothing but the app's public key, which it was shipped with.

use std::fs;
use std::path::{Component, Path};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::demo::hello_app::sha256;
use crate::demo::http::{Http, text};
use crate::failure::{Context, Failure, Result};

/// A package that was downloaded and found to be what was signed.
pub(crate) struct Downloaded {
    files: Vec<(String, Vec<u8>)>,
    pub(crate) index: String,
    pub(crate) manifest_sha256: String,
}

/// Downloads what an update offers. Fails on the first thing that is not as the app's public key vouches for.
pub(crate) async fn download(http: &Http, signing_keys: &Value, update: &Value) -> Result<Downloaded> {
    let manifest = http.fetch(&text(update, "/signature/manifest_url")?).await?.expect(200)?;
    let manifest_sha256 = sha256(&manifest.body);
    check(
        manifest_sha256 == text(update, "/signature/manifest_sha256")?,
        "the manifest has another SHA-256",
    )?;
    verify(&manifest.body, &update["signature"], signing_keys)?;

    let manifest = manifest.json()?;
    let mut files = Vec::new();
    for file in manifest["files"].as_array().into_iter().flatten() {
        let path = text(file, "/path")?;
        let offered = update["package"]["files"].as_array().into_iter().flatten();
        let offered = offered.clone().find(|offered| offered["path"] == path.as_str());
        let offered = offered.ok_or_else(|| not_as_signed("a file of the manifest is not offered"))?;
        let bytes = fetch(http, &text(offered, "/url")?).await?;
        check(file["size"].as_u64() == Some(bytes.len() as u64), "a file has another size")?;
        check(text(file, "/sha256")? == sha256(&bytes), "a file has another SHA-256")?;
        files.push((path, bytes));
    }
    check(!files.is_empty(), "the manifest lists no file")?;
    Ok(Downloaded { files, index: text(&manifest, "/index")?, manifest_sha256 })
}

/// Fetches a file by way of the redirect, which is where downloads are counted.
async fn fetch(http: &Http, url: &str) -> Result<Vec<u8>> {
    let redirect = http.fetch(url).await?.expect(302)?;
    let place = redirect.header("location").ok_or_else(|| redirect.unexpected("302 with a location"))?;
    Ok(http.fetch(place).await?.expect(200)?.body)
}

fn verify(manifest: &[u8], signature: &Value, signing_keys: &Value) -> Result<()> {
    let key = signing_keys.as_array().into_iter().flatten().find(|key| key["id"] == signature["key_id"]);
    let key = key.ok_or_else(|| not_as_signed("the app has no such signing key"))?;
    let bytes = |value, pointer| {
        BASE64.decode(text(value, pointer)?).map_err(|_| not_as_signed("something is not base64"))
    };
    let (public, signature) = (bytes(key, "/public_key")?, bytes(signature, "/value")?);
    UnparsedPublicKey::new(&ED25519, public)
        .verify(manifest, &signature)
        .map_err(|_| not_as_signed("the signature does not verify"))
}

fn check(holds: bool, fault: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(not_as_signed(fault)) }
}

fn not_as_signed(fault: &str) -> Failure {
    Failure::new(format!(
        "A device refuses the update, as it should: {fault}; see what the catalog area signed."
    ))
}

impl Downloaded {
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Lays the files out in `directory`, which is emptied first.
    pub(crate) fn lay_out(&self, directory: &Path) -> Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory).context(|| format!("Removing {}", directory.display()))?;
        }
        for (path, bytes) in &self.files {
            let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            check(inside, "a path leads out of the package")?;
            let path = directory.join(path);
            let doing = || format!("Writing {}", path.display());
            fs::create_dir_all(path.parent().unwrap_or(directory)).context(doing)?;
            fs::write(&path, bytes).context(doing)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    #[test]
    fn only_the_signed_bytes_pass() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let keys = json!([{ "id": "k", "public_key": BASE64.encode(pair.public_key()) }]);
        let signature = json!({ "key_id": "k", "value": BASE64.encode(pair.sign(b"manifest")) });
        assert!(verify(b"manifest", &signature, &keys).is_ok());
        assert!(verify(b"Manifest", &signature, &keys).is_err());
        assert!(verify(b"manifest", &signature, &json!([])).is_err());
    }

    #[test]
    fn nothing_is_written_outside() {
        let of = |path: &str| Downloaded {
            files: vec![(path.to_owned(), vec![1])],
            index: String::new(),
            manifest_sha256: String::new(),
        };
        let directory = std::env::temp_dir().join(format!("rookery-demo-{}", std::process::id()));
        for path in ["../x", "/x", "a/../../x", "./x"] {
            assert!(of(path).lay_out(&directory).is_err(), "{path}");
        }
        of("a/x").lay_out(&directory).unwrap();
        assert_eq!(fs::read(directory.join("a/x")).unwrap(), [1]);
        fs::remove_dir_all(directory).unwrap();
    }
}
