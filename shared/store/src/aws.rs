//! How the SDK is set up: one HTTP client for all services, one behaviour version, credentials from the environment.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::settings::{Settings, Variable};

/// The configuration that every client starts from. Lambda hands credentials and region to a function in its environment, for
/// as long as the environment lives, so nothing has to be looked up and building this does no IO.
pub(crate) fn sdk_config(settings: &Settings) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region(settings).to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials(settings)))
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .operation_attempt_timeout(Duration::from_secs(4))
                .operation_timeout(Duration::from_secs(9))
                .build(),
        )
        // It watches how fast a body flows. No call of the store streams one: the limit of an attempt holds for all of it.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client());
    if let Some(endpoint) = settings.get(Variable::Endpoint) {
        config = config.endpoint_url(endpoint);
    }
    config.build()
}

/// The region that the function runs in.
pub(crate) fn region(settings: &Settings) -> &str {
    settings.get(Variable::Region).unwrap_or("us-east-1")
}

/// What the function signs its requests with.
pub(crate) fn credentials(settings: &Settings) -> Credentials {
    let text = |variable| settings.get(variable).unwrap_or_default().to_owned();
    let session = settings.get(Variable::SessionToken).map(str::to_owned);
    Credentials::new(
        text(Variable::AccessKeyId),
        text(Variable::SecretAccessKey),
        session,
        None,
        "environment",
    )
}

/// The HTTP client of every client of the SDK. Its TLS is rustls on ring, which is a quarter of a MiB smaller than aws-lc in a package.
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
}
