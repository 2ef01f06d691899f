//! Files as objects of the bucket: `<tenant>/files/<sha256>`, uploaded by whoever holds a presigned URL.
//!
//! An upload is signed for its exact length and SHA-256, so that S3 itself refuses other bytes. It carries the tag
//! `state=pending` until a package accepts the file; the bucket's lifecycle removes what is abandoned. It is signed with
//! `If-None-Match: *` as well: an upload that comes late must not put the tag back on a file that a package already needs.
//!
//! How the files are downloaded is in [`crate::download`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::WorkspaceId;
use rookery_domain::package::{FileSize, Upload};

use crate::{Clients, StoreError, TenantScope, Variable};

/// For how long an upload URL is good.
const UPLOAD_GOOD_FOR: Duration = Duration::from_hours(1);
/// How many requests to S3 run at a time.
const AT_A_TIME: usize = 32;
/// The tag of an object that no package has accepted.
const PENDING: &str = "state=pending";

/// The files of the platform in its bucket.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    client: &'a aws_sdk_s3::Client,
    bucket: &'a str,
}

/// A request that its holder may make without credentials of their own.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers that must be sent as they are here.
    pub headers: BTreeMap<String, String>,
    /// From when on the request is refused.
    pub expires_at: Timestamp,
}

/// The place of a workspace's objects: `<tenant>/<workspace>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The place of a workspace of the tenant.
    pub fn of(scope: &TenantScope, workspace: WorkspaceId) -> Self {
        Self(format!("{}/{workspace}/", scope.tenant()))
    }

    /// How the names of its objects begin.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object that marks the place as taken. It has a name of its own, because not every S3 keeps, and not every policy names,
    /// an object that ends in a slash.
    fn mark(&self) -> String {
        format!("{}workspace", self.0)
    }
}

/// The name of a file's object.
pub fn key(scope: &TenantScope, sha256: Sha256) -> String {
    format!("{}/files/{sha256}", scope.tenant())
}

/// The names of the headers that a presigned URL is signed with. The SDK makes further ones, such as that of its own trace,
/// which concern nobody else.
fn signed_headers(url: &str) -> BTreeSet<String> {
    let mut parameters = url.split(['?', '&']);
    let names = parameters.find_map(|parameter| parameter.strip_prefix("X-Amz-SignedHeaders="));
    names.into_iter().flat_map(|names| names.split("%3B")).map(str::to_owned).collect()
}

impl<'a> Objects<'a> {
    /// The files of a function's bucket.
    pub fn new(clients: &'a Clients) -> Result<Self, StoreError> {
        Ok(Self { client: clients.objects(), bucket: clients.settings().needed(Variable::Bucket)? })
    }

    /// Presigns the upload of a file. Makes no request.
    pub async fn presign_upload(
        &self,
        scope: &TenantScope,
        file: &Upload,
        now: Timestamp,
    ) -> Result<Presigned, StoreError> {
        let unsigned = |source| StoreError::corrupt("presigned upload", source);
        let terms = PresigningConfig::builder()
            .start_time(SystemTime::from(now))
            .expires_in(UPLOAD_GOOD_FOR)
            .build()
            .map_err(|source| unsigned(source.to_string()))?;
        let request = self
            .client
            .put_object()
            .bucket(self.bucket)
            .key(key(scope, file.sha256))
            .content_length(i64::try_from(file.size.bytes()).unwrap_or(i64::MAX))
            .content_type(file.content_type.as_str())
            .checksum_sha256(BASE64.encode(file.sha256.as_bytes()))
            .tagging(PENDING)
            .if_none_match("*")
            .presigned(terms)
            .await
            .map_err(|source| StoreError::corrupt("presigned upload", source))?;
        let signed = signed_headers(request.uri());
        let headers = request.headers().filter(|(name, _)| signed.contains(&name.to_ascii_lowercase()));
        Ok(Presigned {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            expires_at: now + UPLOAD_GOOD_FOR,
        })
    }

    /// Which of these files S3 holds, with their sizes. Counts only what S3 itself found to have this SHA-256.
    pub async fn confirm(
        &self,
        scope: &TenantScope,
        files: BTreeSet<Sha256>,
    ) -> Result<BTreeMap<Sha256, FileSize>, StoreError> {
        let sizes = files.into_iter().map(|file| async move { Ok((file, self.size(scope, file).await?)) });
        stream::iter(sizes)
            .buffer_unordered(AT_A_TIME)
            .try_filter_map(|(file, size)| async move { Ok(size.map(|size| (file, size))) })
            .try_collect()
            .await
    }

    async fn size(&self, scope: &TenantScope, file: Sha256) -> Result<Option<FileSize>, StoreError> {
        let answer = self
            .client
            .head_object()
            .bucket(self.bucket)
            .key(key(scope, file))
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        let head = match answer {
            Ok(head) => head,
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => {
                return Ok(None);
            }
            Err(source) => return Err(StoreError::failed("HeadObject", source)),
        };
        let confirmed = head.checksum_sha256() == Some(BASE64.encode(file.as_bytes()).as_str());
        let size = head.content_length().and_then(|length| u64::try_from(length).ok());
        Ok(size.filter(|_| confirmed).and_then(|size| FileSize::new(size).ok()))
    }

    /// Keeps files from being removed as abandoned. Answers which of them are not there any more.
    pub async fn keep(
        &self,
        scope: &TenantScope,
        files: BTreeSet<Sha256>,
    ) -> Result<BTreeSet<Sha256>, StoreError> {
        let kept = files.into_iter().map(|file| async move { Ok((file, self.untag(scope, file).await?)) });
        stream::iter(kept)
            .buffer_unordered(AT_A_TIME)
            .try_filter_map(|(file, there)| async move { Ok((!there).then_some(file)) })
            .try_collect()
            .await
    }

    /// Erases objects of a tenant, files and marks, at most a thousand. Answers whether there may be more.
    pub async fn erase(&self, scope: &TenantScope) -> Result<bool, StoreError> {
        let failed = |source| StoreError::failed("ListObjectsV2", source);
        let prefix = format!("{}/", scope.tenant());
        let request = self.client.list_objects_v2().bucket(self.bucket).prefix(prefix);
        let page = request.send().await.map_err(failed)?;
        let names: Vec<String> =
            page.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        let erased = names.into_iter().map(|name| async move {
            let answer = self.client.delete_object().bucket(self.bucket).key(name).send().await;
            answer.map(drop).map_err(|source| StoreError::failed("DeleteObject", source))
        });
        stream::iter(erased).buffer_unordered(AT_A_TIME).try_collect::<()>().await?;
        Ok(page.is_truncated() == Some(true))
    }

    /// Marks a place for objects as taken, with an empty object. Marking it twice changes nothing.
    pub async fn mark(&self, prefix: &Prefix) -> Result<(), StoreError> {
        let request = self.client.put_object().bucket(self.bucket).key(prefix.mark()).content_length(0);
        request.send().await.map_err(|source| StoreError::failed("PutObject", source))?;
        Ok(())
    }

    /// Takes the mark of a place for objects away, if it is there.
    pub async fn unmark(&self, prefix: &Prefix) -> Result<(), StoreError> {
        let request = self.client.delete_object().bucket(self.bucket).key(prefix.mark());
        request.send().await.map_err(|source| StoreError::failed("DeleteObject", source))?;
        Ok(())
    }

    /// Removes an object's tags. Answers whether the object exists.
    async fn untag(&self, scope: &TenantScope, file: Sha256) -> Result<bool, StoreError> {
        let answer =
            self.client.delete_object_tagging().bucket(self.bucket).key(key(scope, file)).send().await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(false),
            Err(source) => Err(StoreError::failed("DeleteObjectTagging", source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_headers_are_read_from_the_url() {
        let url = "https://s3.example/x?X-Amz-Date=1&X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-tagging&X-Amz-Signature=2";
        let names = ["content-length", "host", "x-amz-tagging"].map(str::to_owned);
        assert_eq!(signed_headers(url), names.into());
        assert!(signed_headers("https://s3.example/x").is_empty());
    }
}
