//! How much slower lists and reads are when there is much to list: every `GET` of the API on two platforms side by side, one with ten
//! of everything and one with many.
//!
//! ```text
//! cargo run --release --package rookery-tests --example scale
//! ```
//!
//! Both platforms are the real route table over a DynamoDB in memory. The many are copies of what the routes themselves made.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use http::Method;
use rookery_tests::fuzz::{Operation, operations};
use rookery_tests::ids::Ids;
use rookery_tests::world::{Actor, TABLE, World, openapi};
use serde_json::json;

type Item = HashMap<String, AttributeValue>;

/// How often each route is asked on each platform.
const ROUNDS: usize = 60;
/// How many times as long a route may take.
const BOUND: f64 = 1.3;

/// How much there is of what.
struct Size {
    tenants: usize,
    users: usize,
    groups: usize,
    projects: usize,
}

const FEW: Size = Size { tenants: 10, users: 10, groups: 10, projects: 10 };
const MANY: Size = Size { tenants: 10_000, users: 100_000, groups: 1_000, projects: 10_000 };

/// A platform with a tenant of some size in it, and other tenants beside it.
struct Platform {
    world: World,
    owner: Actor,
    ids: Ids,
    database: tokio::task::JoinHandle<()>,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.database.abort();
    }
}

impl Platform {
    async fn of(size: &Size) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = dynoxide::Database::memory().expect("a database");
        let database = tokio::spawn(dynoxide::server::serve_on(listener, memory));
        // What decides about rights is read on every request, so that its reading is measured too.
        let world = World::over(&endpoint, &[("AUTH_CACHE_SECONDS", "0")]).await;
        let owner = world.sign_up().await;
        let ids = Ids::of(&world, &owner).await;
        let raw = client(&endpoint);
        let items = everything(&raw).await;
        for (kind, prefix, many) in
            [("user", "usr", size.users), ("group", "grp", size.groups), ("project", "prj", size.projects)]
        {
            let id = ids.0[kind].as_str().expect("an id").to_owned();
            let own = |item: &&Item| text(item, "sk").contains(&id) && !text(item, "pk").ends_with("#ev");
            let copied: Vec<Item> = items.iter().filter(own).cloned().collect();
            multiply(&raw, &copied, &[(&id, prefix)], many).await;
        }
        let tenant = owner.tenant.clone();
        let own = |item: &&Item| text(item, "pk").contains(&tenant) && !text(item, "pk").ends_with("#ev");
        let copied: Vec<Item> = items.iter().filter(own).cloned().collect();
        multiply(&raw, &copied, &[(&tenant, "ten")], size.tenants).await;
        Self { world, owner, ids, database }
    }

    async fn time(&self, operation: &Operation) -> Option<Duration> {
        let path = self.ids.path(operation)?;
        let begun = Instant::now();
        let reply = self.world.call_with(&self.owner, Method::GET, &path, None, &[]).await;
        let taken = begun.elapsed();
        // Some need a parameter, or a service that is not here.
        reply.status.is_success().then_some(taken)
    }
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .http_client(rookery_store::http_client())
        .behavior_version(aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

async fn everything(raw: &Client) -> Vec<Item> {
    let (mut found, mut start) = (Vec::new(), None);
    loop {
        let page = raw.scan().table_name(TABLE).set_exclusive_start_key(start).send().await.expect("a page");
        found.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            return found;
        }
    }
}

/// Writes copies of items, each with ids of its own in place of the given ones.
async fn multiply(raw: &Client, items: &[Item], ids: &[(&str, &str)], many: usize) {
    let mut writes = Vec::with_capacity(25);
    for number in 0..many {
        for item in items {
            let copy: Item = item
                .iter()
                .map(|(name, value)| {
                    let replaced = ids.iter().fold(value.clone(), |value, (old, prefix)| {
                        replaced(value, old, &format!("{prefix}_01h455vb4pex5vsknk{number:08}"))
                    });
                    (name.clone(), replaced)
                })
                .collect();
            let put = PutRequest::builder().set_item(Some(copy)).build().expect("an item");
            writes.push(WriteRequest::builder().put_request(put).build());
            if writes.len() == 25 {
                write(raw, std::mem::take(&mut writes)).await;
            }
        }
    }
    if !writes.is_empty() {
        write(raw, writes).await;
    }
}

async fn write(raw: &Client, writes: Vec<WriteRequest>) {
    let answer = raw.batch_write_item().request_items(TABLE, writes).send().await.expect("written");
    assert!(answer.unprocessed_items.unwrap_or_default().is_empty(), "everything is written");
}

fn replaced(value: AttributeValue, old: &str, new: &str) -> AttributeValue {
    match value {
        AttributeValue::S(text) => AttributeValue::S(text.replace(old, new)),
        AttributeValue::L(list) => {
            AttributeValue::L(list.into_iter().map(|value| replaced(value, old, new)).collect())
        }
        AttributeValue::M(map) => AttributeValue::M(
            map.into_iter().map(|(name, value)| (name, replaced(value, old, new))).collect(),
        ),
        other => other,
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    let (few, many) = (Platform::of(&FEW).await, Platform::of(&MANY).await);
    let api = serde_json::to_value(openapi()).expect("the document is JSON");
    let open = json!({});
    let mut worst: f64 = 0.0;
    println!("| route | with few | with many | ratio |\n| --- | --- | --- | --- |");
    for operation in operations(&api) {
        let is_open = operation.description["security"].as_array().is_some_and(|own| own.contains(&open));
        if operation.method != Method::GET || is_open {
            continue;
        }
        let (mut small, mut large) = (Vec::new(), Vec::new());
        // One after the other, so that whatever else the machine does meets both.
        for _ in 0..ROUNDS {
            small.extend(few.time(&operation).await);
            large.extend(many.time(&operation).await);
        }
        if small.len() < ROUNDS || large.len() < ROUNDS {
            continue;
        }
        let (small, large) = (median(small), median(large));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        worst = worst.max(ratio);
        println!(
            "| GET {} | {} µs | {} µs | {ratio:.2} |",
            operation.path,
            small.as_micros(),
            large.as_micros()
        );
    }
    println!("\nworst ratio {worst:.2}, bound {BOUND}");
    if worst > BOUND {
        std::process::exit(1);
    }
}
