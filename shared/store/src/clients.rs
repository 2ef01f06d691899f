//! The clients of one function, each made when it is first used.

use std::sync::{Arc, OnceLock};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::IdentityCache;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_types::SdkConfig;

use crate::guard::Guard;
use crate::outbound::Outbound;
use crate::settings::{Settings, Variable};
use crate::tenant_session::{OfTheRequest, Sessions, TenantCredentials};
use crate::{StoreError, Table, aws};

/// The settings and the clients of a function.
#[derive(Debug)]
pub struct Clients {
    settings: Settings,
    config: OnceLock<SdkConfig>,
    table: OnceLock<Table>,
    objects: OnceLock<aws_sdk_s3::Client>,
    keys: OnceLock<aws_sdk_kms::Client>,
    queues: OnceLock<aws_sdk_sqs::Client>,
    bus: OnceLock<aws_sdk_eventbridge::Client>,
    mail: OnceLock<aws_sdk_sesv2::Client>,
    sessions: OnceLock<Arc<dyn TenantCredentials>>,
    outbound: OnceLock<Outbound>,
    observer: Option<SharedInterceptor>,
}

impl Clients {
    /// Clients for these settings. Does no IO.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            config: OnceLock::new(),
            table: OnceLock::new(),
            objects: OnceLock::new(),
            keys: OnceLock::new(),
            queues: OnceLock::new(),
            bus: OnceLock::new(),
            mail: OnceLock::new(),
            sessions: OnceLock::new(),
            outbound: OnceLock::new(),
            observer: None,
        }
    }

    /// The same, where every request to the table is seen by somebody, who may refuse it.
    #[must_use]
    pub fn observed(self, observer: SharedInterceptor) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn outbound_once(&self) -> &OnceLock<Outbound> {
        &self.outbound
    }

    fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| aws::sdk_config(&self.settings))
    }

    /// The table.
    pub fn table(&self) -> Result<&Table, StoreError> {
        let name = self.settings.needed(Variable::Table)?;
        Ok(self.table.get_or_init(|| {
            let own = aws::credentials(&self.settings);
            let mut config = aws_sdk_dynamodb::config::Builder::from(self.config())
                .interceptor(Guard)
                // What it keeps would be one tenant's credentials, for every request that follows.
                .identity_cache(IdentityCache::no_cache())
                .credentials_provider(SharedCredentialsProvider::new(OfTheRequest::or(own)));
            if let Some(observer) = &self.observer {
                config = config.interceptor(observer.clone());
            }
            Table::new(aws_sdk_dynamodb::Client::from_conf(config.build()), name)
        }))
    }

    /// Credentials for one tenant at a time, if the function has a role to take on for that. Whoever never asks for them does not
    /// link what they take.
    pub fn sessions(&self) -> Option<Arc<dyn TenantCredentials>> {
        let role = self.settings.get(Variable::TenantRole)?;
        let made = self.sessions.get_or_init(|| {
            Arc::new(Sessions::new(aws_sdk_sts::Client::new(self.config()), role.to_owned()))
        });
        Some(Arc::clone(made))
    }

    /// S3.
    pub fn objects(&self) -> &aws_sdk_s3::Client {
        // One form of address for every endpoint: the emulator has no host name per bucket.
        let path_style = self.settings.get(Variable::Endpoint).is_some();
        self.objects.get_or_init(|| {
            let config =
                aws_sdk_s3::config::Builder::from(self.config()).force_path_style(path_style).build();
            aws_sdk_s3::Client::from_conf(config)
        })
    }

    /// KMS.
    pub fn keys(&self) -> &aws_sdk_kms::Client {
        self.keys.get_or_init(|| aws_sdk_kms::Client::new(self.config()))
    }

    /// SQS.
    pub fn queues(&self) -> &aws_sdk_sqs::Client {
        self.queues.get_or_init(|| aws_sdk_sqs::Client::new(self.config()))
    }

    /// EventBridge.
    pub fn bus(&self) -> &aws_sdk_eventbridge::Client {
        self.bus.get_or_init(|| aws_sdk_eventbridge::Client::new(self.config()))
    }

    /// SES.
    pub fn mail(&self) -> &aws_sdk_sesv2::Client {
        self.mail.get_or_init(|| aws_sdk_sesv2::Client::new(self.config()))
    }
}
