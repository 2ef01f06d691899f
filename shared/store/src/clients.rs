//! The clients of one function, each made when it is first used.

use std::sync::OnceLock;

use aws_types::SdkConfig;

use crate::guard::Guard;
use crate::settings::{Settings, Variable};
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
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| aws::sdk_config(&self.settings))
    }

    /// The table.
    pub fn table(&self) -> Result<&Table, StoreError> {
        let name = self.settings.needed(Variable::Table)?;
        Ok(self.table.get_or_init(|| {
            let config = aws_sdk_dynamodb::config::Builder::from(self.config()).interceptor(Guard).build();
            Table::new(aws_sdk_dynamodb::Client::from_conf(config), name)
        }))
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
