//! Publishing a version of `examples/hello-app`: from files on disk to a signed package.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::demo::http::text;
use crate::demo::tenant::Tenant;
use crate::failure::{Context, Failure, Result};

/// What is needed to start, and what may come later.
const LAZY: &str = "img/";

/// A file of the app.
struct File {
    path: String,
    bytes: Vec<u8>,
    sha256: String,
}

/// A package as the demo remembers it.
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) files: usize,
    pub(crate) uploaded: usize,
    pub(crate) manifest_sha256: String,
}

/// Uploads what the platform does not have yet, and makes a package of all of it.
pub(crate) async fn publish(
    tenant: &mut Tenant,
    app: &str,
    directory: &Path,
    version: &str,
) -> Result<Package> {
    let files = read(directory)?;
    let uploaded = upload(tenant, app, &files).await?;
    let listed: Vec<Value> = files
        .iter()
        .map(|file| {
            let split = if file.path.starts_with(LAZY) { "lazy" } else { "important" };
            json!({ "path": file.path, "sha256": file.sha256, "split": split })
        })
        .collect();
    let body = json!({
        "version": version, "index": "index.html", "files": listed, "metadata": { "name": "hello-app" },
    });
    let package = tenant.act("package.create", &format!("/v1/apps/{app}/packages"), &body).await?;
    Ok(Package {
        id: text(&package, "/id")?,
        version: version.to_owned(),
        files: files.len(),
        uploaded,
        manifest_sha256: text(&package, "/sha256")?,
    })
}

/// Uploads the files that are needed, and answers how many were.
async fn upload(tenant: &mut Tenant, app: &str, files: &[File]) -> Result<usize> {
    let asked: Vec<Value> = files
        .iter()
        .map(|file| json!({ "path": file.path, "size": file.bytes.len(), "sha256": file.sha256 }))
        .collect();
    let answer = tenant.ask(&format!("/v1/apps/{app}/uploads"), &json!({ "files": asked })).await?;
    let wanted = answer["files"].as_array().map_or(&[][..], Vec::as_slice);
    let mut uploaded = 0;
    for (file, wanted) in files.iter().zip(wanted) {
        if wanted["status"] != "needed" {
            continue;
        }
        let upload = &wanted["upload"];
        let url = text(upload, "/url")?;
        tenant.http.put(&url, &upload["headers"], file.bytes.clone()).await?.expect(200)?;
        tenant.tally.stored_bytes += file.bytes.len() as u64;
        uploaded += 1;
    }
    Ok(uploaded)
}

fn read(directory: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for path in entries(&next)? {
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let bytes = fs::read(&path).context(|| format!("Reading {}", path.display()))?;
            let name = path.strip_prefix(directory).ok().and_then(Path::to_str);
            let name = name.ok_or_else(|| {
                Failure::new(format!("{} has a name that is not UTF-8; rename it.", path.display()))
            })?;
            files.push(File { path: name.to_owned(), sha256: sha256(&bytes), bytes });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = || format!("Reading {}", directory.display());
    let entries = fs::read_dir(directory).context(doing)?;
    entries.map(|entry| entry.map(|entry| entry.path()).context(doing)).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
