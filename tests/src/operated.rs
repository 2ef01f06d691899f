//! The table of the deployed stack, with the operator's rights.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use rookery_domain::event::Event;

use crate::stack::Stack;

/// Items by their keys.
pub type Items = BTreeMap<(String, String), HashMap<String, AttributeValue>>;

/// The table, with the operator's rights.
#[derive(Debug)]
pub struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Table {
    /// The stack's table.
    pub fn of(stack: &Stack) -> Self {
        Self { client: client(stack), name: stack.text("/table").to_owned() }
    }

    /// Every item of a tenant whose partition key goes on like this.
    pub async fn items(&self, tenant: &str, rest: &str) -> Items {
        let (mut found, mut start) = (Items::new(), None);
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.name)
                .consistent_read(true)
                .filter_expression("begins_with(pk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S(format!("{tenant}#{rest}")))
                .set_exclusive_start_key(start)
                .send()
                .await
                .expect("the table is scanned");
            for item in page.items.unwrap_or_default() {
                let text = |name: &str| item[name].as_s().expect("a text").clone();
                found.insert((text("pk"), text("sk")), item);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return found;
            }
        }
    }

    /// The events of a tenant.
    pub async fn events(&self, tenant: &str) -> Vec<Event> {
        let mut items = self.items(tenant, "").await;
        items.retain(|(partition, _), _| partition.ends_with("#ev"));
        let read = |item: &HashMap<String, AttributeValue>| {
            serde_json::from_str(item["detail"].as_s().expect("a text")).expect("an event")
        };
        items.values().map(read).collect()
    }

    /// Writes an item.
    pub async fn put(&self, item: HashMap<String, AttributeValue>) {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.expect("a put");
    }

    /// Deletes an item.
    pub async fn delete(&self, (partition, sort): &(String, String)) {
        let key = |text: &String| AttributeValue::S(text.clone());
        let request = self.client.delete_item().table_name(&self.name);
        request.key("pk", key(partition)).key("sk", key(sort)).send().await.expect("a delete");
    }
}

/// DynamoDB behind the stack, with the operator's credentials.
pub fn client(stack: &Stack) -> aws_sdk_dynamodb::Client {
    let key = |name: &str| stack.text(&format!("/credentials/{name}"));
    let credentials = aws_credential_types::Credentials::new(
        key("access_key_id"),
        key("secret_access_key"),
        None,
        None,
        "test",
    );
    let config = aws_sdk_dynamodb::Config::builder()
        .http_client(rookery_store::http_client())
        .behavior_version(aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_dynamodb::config::Region::new(stack.text("/region").to_owned()))
        .credentials_provider(credentials)
        .endpoint_url(stack.text("/endpoint_url"))
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}
