//! What operators type, against the deployed stack: letting somebody in, and migrating what an earlier release stored.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use rookery_tests::operated::client;
use rookery_tests::stack::Stack;
use rookery_tests::world::Actor;
use serde_json::{Value, json};

#[tokio::test]
async fn an_operator_is_let_in_listed_and_let_in_no_more() {
    let stack = Stack::connect();
    let name = format!("Olga {}", std::process::id());
    let (made, said) = stack.xtask(&["operator", "create", "--name", &name], None);
    assert!(made, "{said}");
    let id = said.split_whitespace().find(|word| word.starts_with("opr_")).expect("an id");
    let id = id.trim_end_matches('.').to_owned();
    let token = said.lines().rev().find(|line| line.starts_with("rop_")).expect("a token");
    let operator = Actor { token: Some(token.trim().to_owned()), tenant: String::new() };
    stack.get(&operator, "/v1/platform/tenants").await.expect(200);

    let (listed, said) = stack.xtask(&["operator", "list"], None);
    assert!(listed && said.lines().any(|line| line.contains(&id) && line.contains(&name)), "{said}");
    let (revoked, said) = stack.xtask(&["operator", "revoke", &id], None);
    assert!(revoked && said.contains(" to "), "{said}");
    stack.get(&operator, "/v1/platform/tenants").await.expect(401);
    let (again, said) = stack.xtask(&["operator", "revoke", "opr_01h455vb4pex5vsknk084sn02q"], None);
    assert!(!again && said.contains("there is no operator"), "{said}");
}

/// A table of its own, for everybody's table is no place to go back to an earlier release in.
async fn table(client: &aws_sdk_dynamodb::Client, name: &str) {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder().attribute_name(attribute);
        let definition = definition.attribute_type(ScalarAttributeType::S).build().expect("a definition");
        let key =
            KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().expect("a key");
        request = request.attribute_definitions(definition).key_schema(key);
    }
    request.send().await.expect("a table");
}

fn value(of: &Value) -> AttributeValue {
    match of {
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Object(map) => {
            AttributeValue::M(map.iter().map(|(name, of)| (name.clone(), value(of))).collect())
        }
        other => panic!("no record holds {other}"),
    }
}

/// A tenant as the release before the tree stored it.
async fn earlier(client: &aws_sdk_dynamodb::Client, table: &str, number: u32) {
    let id = |prefix: &str| format!("{prefix}_01h455vb4pex5vsknk084sn{number:03}");
    let ancestors = json!({
        "tenant": id("ten"), "organization": id("org"), "workspace": id("ws"), "project": id("prj"),
    });
    let times = json!({
        "version": 1, "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:00Z",
    });
    let records = [
        ("tenant", id("ten"), json!({"name": "Acme", "slug": format!("acme-{number}")})),
        ("organization", id("org"), json!({"workspaces": 1})),
        ("workspace", id("ws"), json!({"organization": id("org"), "name": "default"})),
        ("project", id("prj"), json!({"ancestors": ancestors, "name": "default"})),
        ("app", id("app"), json!({"ancestors": ancestors})),
        ("user", id("usr"), json!({"tenant": id("ten"), "email": "ada@example.com", "name": "Ada"})),
        ("key", id("key"), json!({"owner": id("usr")})),
    ];
    for (kind, own, record) in records {
        let keys =
            json!({"pk": format!("{}#{kind}", id("ten")), "sk": own, "id": own, "kind": kind, "schema": 1});
        let item: HashMap<String, AttributeValue> = [&keys, &times, &record]
            .into_iter()
            .flat_map(|part| part.as_object().into_iter().flatten())
            .map(|(name, of)| (name.clone(), value(of)))
            .collect();
        client.put_item().table_name(table).set_item(Some(item)).send().await.expect("a put");
    }
}

async fn places(client: &aws_sdk_dynamodb::Client, table: &str) -> usize {
    let request = client.scan().table_name(table).filter_expression("kind = :kind");
    let request = request.expression_attribute_values(":kind", AttributeValue::S("node".into()));
    request.send().await.expect("a scan").items().len()
}

#[tokio::test]
async fn what_an_earlier_release_stored_is_migrated_and_back() {
    let stack = Stack::connect();
    let client = client(&stack);
    let name = format!("rookery-migrated-{}", std::process::id());
    table(&client, &name).await;
    for number in [1, 2] {
        earlier(&client, &name, number).await;
    }
    let mut description = stack.description.clone();
    description["table"] = json!(name);
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&file, description.to_string()).expect("a file");
    let migrate = |words: &[&str]| {
        let (done, said) = stack.xtask(&[&["migrate"], words].concat(), Some(&file));
        assert!(done, "{said}");
        said
    };

    assert!(migrate(&["status"]).contains("0001-tree  not carried out"));
    let up = migrate(&["up", "--writes-per-second", "1000"]);
    assert!(up.contains("0001-tree  1 of 2 tenants") && up.contains("0001-tree  up: 2 tenants"), "{up}");
    // Tenant, organization, workspace, project, app, person, key and the binding of the owner, of each.
    assert_eq!(places(&client, &name).await, 16);
    assert!(migrate(&["status"]).contains("0001-tree  up: 2 tenants"));
    assert!(!migrate(&["up"]).contains(" of 2 tenants"), "nothing is left to do");
    let down = migrate(&["down", "0001-tree"]);
    assert!(down.contains("0001-tree  down: 2 tenants"), "{down}");
    assert_eq!(places(&client, &name).await, 0);
    let (unknown, said) = stack.xtask(&["migrate", "up", "0009-none"], Some(&file));
    assert!(!unknown && said.contains("there is no migration 0009-none"), "{said}");
    client.delete_table().table_name(&name).send().await.expect("the table goes");
}
