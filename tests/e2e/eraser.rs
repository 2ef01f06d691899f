//! The eraser on the deployed stack: what its schedule starts takes away everything that a closed tenant had.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rookery_domain::account::{Account, TenantState};
use rookery_domain::hash::Sha256;
use rookery_domain::id::TenantId;
use rookery_operations::create_operator;
use rookery_store::{Transaction, account};
use rookery_tests::operated::Table;
use rookery_tests::stack::{Stack, described, eventually};
use rookery_tests::world::Actor;
use serde_json::json;

/// The names of what the bucket holds of a tenant.
async fn objects(stack: &Stack, tenant: &str) -> Vec<String> {
    let clients = stack.operator();
    let request = clients.objects().list_objects_v2().bucket(stack.text("/bucket"));
    let page = request.prefix(format!("{tenant}/")).send().await.expect("the bucket is listed");
    page.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

/// Uploads a file of a package, and marks a workspace's place.
async fn fill(stack: &Stack, owner: &Actor) {
    let app = stack.post(owner, "/v1/apps", json!({"name": "Hello", "platforms": ["web"]})).await.expect(201);
    let file = json!({"path": "index.html", "size": 5, "sha256": Sha256::of(b"hello")});
    let uploads = format!("/v1/apps/{}/uploads", app.text("/id"));
    let wanted = stack.post(owner, &uploads, json!({"files": [file]})).await.expect(200);
    let upload = &wanted.body["files"][0]["upload"];
    let mut request = stack.client().put(upload["url"].as_str().expect("a URL")).body("hello");
    for (name, value) in upload["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().expect("a text"));
    }
    assert_eq!(request.send().await.expect("S3 answers").status(), 200);
    let organization = stack.get(owner, "/v1/organizations").await.expect(200).text("/items/0/id");
    let path = format!("/v1/organizations/{organization}/workspaces");
    let made = stack.post(owner, &path, json!({"name": "Staging"})).await.expect(202).text("/id");
    eventually("the workspace is active", || async {
        let reply = stack.get(owner, &format!("/v1/workspaces/{made}")).await;
        if reply.body["state"] == "active" { Ok(()) } else { Err(reply.body.to_string()) }
    })
    .await;
}

/// Lets the time of grace be over, which is thirty days.
async fn let_grace_end(stack: &Stack, tenant: TenantId) {
    let clients = stack.operator();
    let table = clients.table().expect("a table");
    let closed = account::find(table, tenant).await.expect("a read").expect("a tenant");
    assert_eq!(closed.state, TenantState::Closing);
    let version = closed.version;
    let opened = Account { state: TenantState::Active, version: version + 1, ..closed.clone() };
    let past = Timestamp::now() - SignedDuration::from_mins(1);
    let due = Account { erase_after: Some(past), version: version + 2, ..closed.clone() };
    for (before, after) in [(&closed, &opened), (&opened, &due)] {
        let mut transaction = Transaction::new();
        account::replace(&mut transaction, before, after).expect("items");
        table.commit(&transaction).await.expect("a commit");
    }
}

/// Has the eraser's rule come due within the minute instead of the hour.
async fn hasten(stack: &Stack) {
    let clients = stack.operator();
    let rules =
        clients.bus().list_rules().send().await.expect("the rules are listed").rules.unwrap_or_default();
    let found = rules.iter().find(|rule| rule.name().is_some_and(|name| name.contains("TenantEraser")));
    let rule = found.expect("a schedule for the eraser");
    assert_eq!(rule.schedule_expression(), Some("rate(1 hour)"));
    let sooner = clients.bus().put_rule().name(rule.name().expect("a name"));
    sooner.schedule_expression("rate(1 minute)").send().await.expect("the rule is changed");
}

#[tokio::test]
async fn the_schedule_erases_a_closed_tenant_with_its_objects_and_keeps_the_proof_of_its_log() {
    let stack = Stack::connect();
    let (owner, beside) = (stack.sign_up().await, stack.sign_up().await);
    fill(&stack, &owner).await;
    let before = objects(&stack, &owner.tenant).await;
    assert_eq!(before.len(), 2, "a content and a mark: {before:?}");

    let operated = rookery_operations::Stack::read(&described()).expect("the stack is described");
    let (_, token) = create_operator(&operated, "Olga".parse().expect("a name")).await.expect("an operator");
    let operator = Actor { token: Some(token.reveal()), tenant: String::new() };
    let path = format!("/v1/platform/tenants/{}", owner.tenant);
    stack.post(&operator, &format!("{path}/close"), json!({"reason": "it ends"})).await.expect(200);
    let log = format!("{}#audit-log", owner.tenant);
    let table = Table::of(&stack);
    eventually("the closing is in the log", || async {
        let rows = table.items(&owner.tenant, "audit-log").await;
        if rows.len() > 3 { Ok(()) } else { Err(format!("{} rows", rows.len())) }
    })
    .await;
    let_grace_end(&stack, owner.tenant.parse().expect("a tenant")).await;
    hasten(&stack).await;

    // A minute at the most until the rule comes due, and then what the erasing takes.
    let mut waited = Duration::ZERO;
    while stack.get(&operator, &path).await.expect(200).text("/state") != "erased" {
        assert!(waited < Duration::from_mins(3), "the eraser was not started, or did not come to an end");
        tokio::time::sleep(Duration::from_secs(1)).await;
        waited += Duration::from_secs(1);
    }
    assert_eq!(objects(&stack, &owner.tenant).await, Vec::<String>::new());
    let left = table.items(&owner.tenant, "").await;
    let proof = ["audit-log", "audit-head", "audit-number"].map(|kind| format!("{}#{kind}", owner.tenant));
    let own = format!("{0}#platform_tenant-{0}#ev", owner.tenant);
    for (partition, sort) in left.keys() {
        // What was still on its way through a queue when the end came, for which thirty days are time enough elsewhere.
        let late = ["#audit", "#usage", "#key-use"].iter().any(|kind| partition.contains(kind));
        assert!(proof.contains(partition) || *partition == own || late, "{partition} {sort} is left");
    }
    assert!(left.keys().any(|(partition, _)| *partition == log), "the proof is kept");
    stack.get(&owner, "/v1/whoami").await.expect(401);
    stack.get(&beside, "/v1/whoami").await.expect(200);
}
