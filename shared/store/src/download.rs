//! Downloads of files: URLs that S3 answers to whoever holds them, for a while.
//!
//! A presigned `GET` is an address and a signature, and neither takes a request. They are made here with the SDK's signer
//! alone, so that the functions of devices need not carry the whole client of S3.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_http::query_writer::QueryWriter;
use aws_smithy_runtime_api::client::identity::Identity;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::package::ContentType;

use crate::{Settings, StoreError, TenantScope, Variable, aws, object};

/// Presigns the download of a file, which S3 then serves as immutable, and as this type instead of the one that it was
/// uploaded as.
pub fn presign(
    settings: &Settings,
    scope: &TenantScope,
    file: Sha256,
    content_type: Option<&ContentType>,
    good_for: Duration,
    now: Timestamp,
) -> Result<String, StoreError> {
    let unsigned = |source| StoreError::corrupt("presigned download", source);
    let place = format!("{}/{}", bucket(settings)?, object::key(scope, file));
    let mut query = QueryWriter::new_from_string(&place).map_err(|source| unsigned(source.to_string()))?;
    query.insert("x-id", "GetObject");
    query.insert("response-cache-control", "private, max-age=31536000, immutable");
    if let Some(content_type) = content_type {
        query.insert("response-content-type", content_type.as_str());
    }
    let url = query.build_uri();

    let mut how = SigningSettings::default();
    how.signature_location = SignatureLocation::QueryParams;
    how.expires_in = Some(good_for);
    // S3 signs a path as it is sent, where other services encode and normalize it once more.
    how.percent_encoding_mode = PercentEncodingMode::Single;
    how.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = Identity::from(aws::credentials(settings));
    let terms = v4::SigningParams::builder()
        .identity(&identity)
        .region(aws::region(settings))
        .name("s3")
        .time(SystemTime::from(now))
        .settings(how)
        .build()
        .map_err(|source| unsigned(source.to_string()))?
        .into();
    let text = url.to_string();
    let request = SignableRequest::new("GET", &text, std::iter::empty(), SignableBody::UnsignedPayload);
    let signed = request.and_then(|request| sign(request, &terms));
    let (_, parameters) = signed.map_err(|source| unsigned(source.to_string()))?.into_parts().0.into_parts();
    let mut query = QueryWriter::new(&url);
    for (name, value) in parameters {
        query.insert(name, &value);
    }
    Ok(query.build_uri().to_string())
}

/// Where the bucket is: a host of its own at AWS, a path at any other endpoint, which has no host name per bucket.
fn bucket(settings: &Settings) -> Result<String, StoreError> {
    let bucket = settings.needed(Variable::Bucket)?;
    if let Some(endpoint) = settings.get(Variable::Endpoint) {
        return Ok(format!("{}/{bucket}", endpoint.trim_end_matches('/')));
    }
    let region = aws::region(settings);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://{bucket}.s3.{region}.{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::presigning::PresigningConfig;

    use crate::Clients;

    const GOOD_FOR: Duration = Duration::from_mins(15);

    fn settings(region: &str, endpoint: &str) -> Settings {
        let value = |name: &str| {
            Some(match name {
                "PACKAGE_BUCKET" => "rookery-data-bucket-1abc".to_owned(),
                "AWS_REGION" => region.to_owned(),
                "AWS_ENDPOINT_URL" => endpoint.to_owned(),
                "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE".to_owned(),
                "AWS_SECRET_ACCESS_KEY" => "not/a+secret".to_owned(),
                "AWS_SESSION_TOKEN" => "a+token/of=a==session".to_owned(),
                _ => return None,
            })
        };
        Settings::read(value, &[Variable::Bucket]).unwrap()
    }

    /// The same URL, made by the client of S3.
    async fn by_the_client(
        settings: Settings,
        scope: &TenantScope,
        file: Sha256,
        content_type: Option<&ContentType>,
        now: Timestamp,
    ) -> String {
        let terms = PresigningConfig::builder().start_time(SystemTime::from(now)).expires_in(GOOD_FOR);
        let clients = Clients::new(settings);
        let request = clients
            .objects()
            .get_object()
            .bucket(clients.settings().get(Variable::Bucket).unwrap())
            .key(object::key(scope, file))
            .set_response_content_type(content_type.map(ToString::to_string))
            .response_cache_control("private, max-age=31536000, immutable")
            .presigned(terms.build().unwrap())
            .await;
        request.unwrap().uri().to_owned()
    }

    #[tokio::test]
    async fn the_url_is_the_one_that_the_client_of_s3_makes() {
        let scope = TenantScope::of_served(rookery_domain::id::Id::from_uuid(uuid::Uuid::from_u128(7)));
        let file = Sha256::of(b"content");
        let now = "2026-11-21T09:30:00Z".parse().unwrap();
        let typed = ContentType::known(&"a.js".parse().unwrap());
        assert!(typed.is_some());
        for (region, endpoint) in [
            ("eu-central-1", ""),
            ("us-east-1", ""),
            ("ap-southeast-5", ""),
            ("us-gov-west-1", ""),
            ("cn-north-1", ""),
            ("eu-central-1", "http://127.0.0.1:4566"),
            ("eu-central-1", "http://localhost:4566/"),
        ] {
            for content_type in [None, typed.as_ref()] {
                let ours =
                    presign(&settings(region, endpoint), &scope, file, content_type, GOOD_FOR, now).unwrap();
                let theirs = by_the_client(settings(region, endpoint), &scope, file, content_type, now).await;
                assert_eq!(parts(&ours), parts(&theirs), "{region} {endpoint}");
            }
        }
    }

    /// Place and parameters; their order means nothing.
    fn parts(url: &str) -> (&str, std::collections::BTreeSet<&str>) {
        let (place, query) = url.split_once('?').unwrap();
        (place, query.split('&').collect())
    }
}
