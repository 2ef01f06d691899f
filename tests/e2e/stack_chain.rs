//! What the tests of the chain look at and act with: the table, the queues and the processes of the deployed stack.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use jiff::Timestamp;
use rookery_store::queue::depth;
pub(crate) use rookery_tests::operated::Table;
use rookery_tests::stack::{Stack, eventually};
use serde_json::{Value, json};

pub(crate) fn queue(stack: &Stack, name: &str) -> String {
    stack.text(&format!("/queues/{name}")).to_owned()
}

pub(crate) async fn send(stack: &Stack, name: &str, body: &str) {
    let clients = stack.operator();
    let request = clients.queues().send_message().queue_url(queue(stack, name)).message_body(body);
    request.send().await.expect("the queue takes it");
}

/// An event as the bus delivers it.
pub(crate) fn delivered(event: &Value) -> String {
    json!({
        "version": "0", "id": "00000000-0000-4000-8000-000000000001", "detail-type": event["action"], "source": "rookery",
        "account": "000000000000", "time": event["at"], "region": "us-east-1", "resources": [], "detail": event,
    })
    .to_string()
}

/// 26 characters of an id, of this moment and this number.
pub(crate) fn suffix(n: u64) -> String {
    let milliseconds = u128::try_from(Timestamp::now().as_millisecond()).expect("a time after 1970");
    let random = u128::from(std::process::id()) << 32 | u128::from(n);
    rookery_domain::id::encode(uuid::Uuid::from_u128(milliseconds << 80 | 0x7 << 76 | random))
}

/// A tenant that nobody signed up, so that nothing but the test writes in it.
pub(crate) fn new_tenant(n: u64) -> String {
    format!("ten_{}", suffix(n))
}

pub(crate) fn event(tenant: &str, n: u64) -> Value {
    json!({
        "id": format!("evt_{}", suffix(n)), "tenant": tenant, "action": "app.update",
        "resource": {"kind": "app", "id": "app_01h455vb4pex5vsknk084sn02q"}, "version": n,
        "at": Timestamp::now(), "actor": {"kind": "api_key", "id": "key_01h455vb4pex5vsknk084sn02q"},
        "origin": {"request_id": format!("req-{n}")}, "outcome": "allowed",
    })
}

/// The entries of a tenant by event id: their numbers.
pub(crate) async fn numbers(table: &Table, tenant: &str) -> BTreeMap<String, u64> {
    let items = table.items(tenant, "audit").await;
    let partition = format!("{tenant}#audit");
    let entries = items.into_iter().filter(|((pk, _), _)| *pk == partition);
    entries
        .map(|((_, id), item)| (id, item["seq"].as_n().expect("a number").parse().expect("a number")))
        .collect()
}

/// Waits until a tenant has so many entries, and answers their numbers.
pub(crate) async fn entries(table: &Table, tenant: &str, count: usize) -> BTreeMap<String, u64> {
    eventually("the audit trail is complete", async || {
        let found = numbers(table, tenant).await;
        if found.len() == count { Ok(found) } else { Err(format!("{} of {count} entries", found.len())) }
    })
    .await
}

pub(crate) fn assert_without_gaps(numbers: &BTreeMap<String, u64>) {
    let seen: BTreeSet<u64> = numbers.values().copied().collect();
    let last = u64::try_from(numbers.len()).expect("a number");
    assert_eq!(seen, (1..=last).collect(), "numbered from 1 on without gaps");
}

/// Waits until a queue holds nothing, neither waiting nor in somebody's hands.
pub(crate) async fn drained(stack: &Stack, name: &str) {
    eventually("the queue is empty", async || {
        match depth(stack.operator().queues(), &queue(stack, name)).await.expect("a depth") {
            0 => Ok(()),
            depth => Err(format!("{depth} messages")),
        }
    })
    .await;
}

/// The processes of a function of this stack.
pub(crate) fn processes(stack: &Stack, function: &str) -> Vec<u32> {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={}", stack.text(&format!("/functions/{function}")));
    let cloud = format!("AWS_ENDPOINT_URL={}", stack.text("/endpoint_url"));
    let listed = std::fs::read_dir("/proc").expect("a Linux machine").flatten();
    let ids = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_it = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let variables: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
        [&name, &cloud].iter().all(|wanted| variables.contains(&wanted.as_bytes()))
    };
    ids.filter(is_it).collect()
}

pub(crate) fn signal(id: u32, signal: &str) {
    // It may have ended by itself meanwhile, so the outcome says nothing.
    let _ = Command::new("kill").args([signal, &id.to_string()]).status();
}

/// The stack, as the operator's program sees it.
pub(crate) fn operator() -> rookery_operations::Stack {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/local/stack.json"));
    let path = std::env::var_os("ROOKERY_STACK").map_or_else(default, PathBuf::from);
    rookery_operations::Stack::read(&path).unwrap_or_else(|fault| panic!("{fault:?}"))
}
