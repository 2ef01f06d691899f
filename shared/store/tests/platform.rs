//! A table in memory, and what the tests of the chain write into it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use jiff::Timestamp;
use rookery_domain::event::Event;
use rookery_domain::id::{EventId, TenantId};
use rookery_store::{Clients, Settings, Table, TenantScope};
use serde_json::{Value, json};

/// 2026-11-21T09:00:00Z.
pub(crate) const NOW: i64 = 1_795_251_600;

pub(crate) struct Platform {
    pub(crate) clients: Clients,
    pub(crate) raw: aws_sdk_dynamodb::Client,
    database: tokio::task::JoinHandle<()>,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.database.abort();
    }
}

pub(crate) type Item = HashMap<String, AttributeValue>;

impl Platform {
    pub(crate) async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let memory = dynoxide::Database::memory().unwrap();
        let database = tokio::spawn(dynoxide::server::serve_on(listener, memory));
        let look_up = |name: &str| {
            let value = match name {
                "TABLE_NAME" => "rookery",
                "AWS_ENDPOINT_URL" => &endpoint,
                "AWS_REGION" => "us-east-1",
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let clients = Clients::new(Settings::read(look_up, &[]).unwrap());
        let config =
            aws_sdk_dynamodb::Config::builder()
                .http_client(rookery_store::http_client())
                .behavior_version(
                    aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::v2026_01_12(),
                )
                .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
                .credentials_provider(aws_credential_types::Credentials::new(
                    "test", "test", None, None, "test",
                ))
                .endpoint_url(&endpoint)
                .build();
        let raw = aws_sdk_dynamodb::Client::from_conf(config);
        let attribute = |name: &str| {
            let definition = AttributeDefinition::builder().attribute_name(name);
            definition.attribute_type(ScalarAttributeType::S).build().unwrap()
        };
        let key = |name: &str, kind| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
        };
        raw.create_table()
            .table_name("rookery")
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk"))
            .attribute_definitions(attribute("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await
            .unwrap();
        Self { clients, raw, database }
    }

    pub(crate) fn table(&self) -> &Table {
        self.clients.table().unwrap()
    }

    /// Everything whose partition key begins so, by key.
    pub(crate) async fn items(&self, prefix: &str) -> BTreeMap<(String, String), Item> {
        let (mut found, mut start) = (BTreeMap::new(), None);
        loop {
            let page =
                self.raw.scan().table_name("rookery").set_exclusive_start_key(start).send().await.unwrap();
            for item in page.items.unwrap_or_default() {
                let text = |name: &str| item[name].as_s().unwrap().clone();
                if text("pk").starts_with(prefix) {
                    found.insert((text("pk"), text("sk")), item);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return found;
            }
        }
    }

    pub(crate) async fn delete(&self, (partition, sort): &(String, String)) {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.raw.delete_item().table_name("rookery");
        request.key("pk", key(partition)).key("sk", key(sort)).send().await.unwrap();
    }

    pub(crate) async fn put(&self, item: Item) {
        self.raw.put_item().table_name("rookery").set_item(Some(item)).send().await.unwrap();
    }
}

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(n))
}

pub(crate) fn scope(n: u128) -> TenantScope {
    TenantScope::founding(tenant(n))
}

/// An id of the given second.
pub(crate) fn event_id(second: u64, n: u64) -> EventId {
    EventId::from_uuid(uuid::Uuid::from_u128(((u128::from(second) * 1000) << 80) | (7 << 76) | u128::from(n)))
}

/// An event of a tenant; each `n` is one of its own, a second after the one before.
pub(crate) fn event(owner: u128, n: u64, fields: &Value) -> Event {
    let second = NOW + i64::try_from(n).unwrap();
    let mut event = json!({
        "id": event_id(u64::try_from(second).unwrap(), n),
        "tenant": tenant(owner),
        "action": "app.update",
        "resource": {"kind": "app", "id": "app_01h455vb4pex5vsknk084sn02q"},
        "version": n + 1,
        "at": Timestamp::from_second(second).unwrap(),
        "actor": {"kind": "api_key", "id": "key_01h455vb4pex5vsknk084sn02q"},
        "origin": {"request_id": format!("req-{n}")},
        "outcome": "allowed",
        "changes": [{"field": "name", "before": "a", "after": "b"}],
    });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}
