//! Migrations over what an earlier release stored.

use super::platform::{Item, NOW, Platform};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rookery_domain::account::TenantState;
use rookery_domain::binding::Subject;
use rookery_domain::id::{TenantId, UserId};
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::quota::{Holder, Plan, Quota, Standing};
use rookery_domain::role::{Predefined, RoleRef};
use rookery_store::migration::{self, ALL, Direction, MigrationError};
use rookery_store::{
    Slice, TenantScope, Transaction, access, account, node, project, quota, user, workspace,
};

/// The last characters of the ids of a tenant's things.
fn id(prefix: &str, tenant: u32, number: u32) -> String {
    format!("{prefix}_01h455vb4pex5vsknk0{tenant:03}{number:04}")
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

async fn put(platform: &Platform, pk: String, sk: &str, kind: &str, attributes: &[(&str, AttributeValue)]) {
    let mut item: Item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    item.insert("pk".into(), AttributeValue::S(pk));
    item.insert("sk".into(), AttributeValue::S(sk.into()));
    item.insert("kind".into(), AttributeValue::S(kind.into()));
    item.insert("schema".into(), AttributeValue::N("1".into()));
    platform.raw.put_item().table_name("rookery").set_item(Some(item)).send().await.unwrap();
}

/// A tenant as the release before the tree stored it: an app with two packages and a secret, and nothing about rights.
async fn found(platform: &Platform, number: u32) -> TenantScope {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let tenant = id("ten", number, 1);
    let (organization, workspace, project) =
        (id("org", number, 1), id("ws", number, 1), id("prj", number, 1));
    let (app, user, key) = (id("app", number, 1), id("usr", number, 1), id("key", number, 1));
    let ancestors = AttributeValue::M(
        [
            ("tenant", &tenant),
            ("organization", &organization),
            ("workspace", &workspace),
            ("project", &project),
        ]
        .into_iter()
        .map(|(name, id)| (name.to_owned(), text(id)))
        .collect(),
    );
    let within = |kind: &str| format!("{tenant}#{kind}");
    let count = |number: &str| AttributeValue::N(number.to_owned());
    let created = text("2026-11-21T09:00:00Z");
    let attributes = [
        ("id", text(&tenant)),
        ("name", text("Acme")),
        ("slug", text(&format!("acme-{number}"))),
        ("created_at", created.clone()),
    ];
    put(platform, within("tenant"), &tenant, "tenant", &attributes).await;
    let attributes = [("id", text(&organization)), ("workspaces", count("1"))];
    put(platform, within("organization"), &organization, "organization", &attributes).await;
    let attributes = [
        ("id", text(&workspace)),
        ("organization", text(&organization)),
        ("name", text("default")),
        ("version", count("1")),
        ("created_at", created.clone()),
        ("updated_at", created.clone()),
    ];
    put(platform, within("workspace"), &workspace, "workspace", &attributes).await;
    let attributes = [
        ("id", text(&project)),
        ("ancestors", ancestors.clone()),
        ("name", text("default")),
        ("version", count("1")),
        ("created_at", created.clone()),
        ("updated_at", created.clone()),
    ];
    put(platform, within("project"), &project, "project", &attributes).await;
    put(platform, within("app"), &app, "app", &[("id", text(&app)), ("ancestors", ancestors)]).await;
    let attributes = [("packages", count("2")), ("secrets", count("1"))];
    put(platform, within(&format!("{app}#contents")), "-", "contents", &attributes).await;
    for (kind, many) in [("package", 2), ("secret", 1)] {
        for at in 1..=many {
            put(platform, within(&format!("{app}#{kind}")), &at.to_string(), kind, &[]).await;
        }
    }
    let attributes = [
        ("id", text(&user)),
        ("tenant", text(&tenant)),
        ("email", text("ada@example.com")),
        ("name", text("Ada")),
        ("password_hash", text("$argon2id$")),
        ("version", count("1")),
        ("created_at", created.clone()),
        ("updated_at", created.clone()),
    ];
    put(platform, within("user"), &user, "user", &attributes).await;
    let attributes = [("id", text(&key)), ("owner", text(&user))];
    put(platform, within("key"), &key, "api_key", &attributes).await;
    // A key of the application, and one that was revoked.
    let service = id("key", number, 2);
    let attributes = [("id", text(&service)), ("owner", text(&app))];
    put(platform, within("key"), &service, "api_key", &attributes).await;
    let revoked = id("key", number, 3);
    let attributes = [("id", text(&revoked)), ("owner", text(&user)), ("revoked_at", created.clone())];
    put(platform, within("key"), &revoked, "api_key", &attributes).await;
    for (at, size) in [("a", "1000"), ("b", "24")] {
        put(platform, within("file"), at, "file", &[("size", count(size))]).await;
    }
    TenantScope::of_message(tenant.parse::<TenantId>().unwrap())
}

async fn children(platform: &Platform, scope: &TenantScope, id: &str) -> Option<i64> {
    let table = platform.clients.table().unwrap();
    let node = node::find(table, scope, id.parse::<NodeId>().unwrap()).await.unwrap();
    node.map(|node| node.children)
}

#[tokio::test]
async fn a_tenant_of_the_release_before_gets_places_and_an_owner_and_loses_them_again() {
    let platform = Platform::new().await;
    let scope = found(&platform, 1).await;
    let table = platform.clients.table().unwrap();
    let [tree, ..] = ALL else { panic!("there is no migration") };
    assert_eq!(migration::progress(table, *tree).await.unwrap(), None);

    let up = migration::run(table, *tree, Direction::Up, 10_000, now, |_, _| {}).await.unwrap();
    assert!(up.done && up.changed > 0);
    for (prefix, below) in [("ten", 1), ("org", 2), ("ws", 1), ("prj", 1), ("app", 3), ("usr", 0), ("key", 0)]
    {
        assert_eq!(children(&platform, &scope, &id(prefix, 1, 1)).await, Some(below), "{prefix}");
    }
    let key: NodeId = id("key", 1, 1).parse().unwrap();
    let lineage = node::lineage(table, &scope, key, &mut node::Unknown).await.unwrap().unwrap();
    assert_eq!(lineage.above.len(), 3, "{lineage:?}");
    let user: UserId = id("usr", 1, 1).parse().unwrap();
    let given = access::given(table, &scope, Subject::User(user)).await.unwrap().unwrap();
    assert_eq!(given.grants[0].1.role, RoleRef::Predefined(Predefined::Owner));
    assert_eq!(access::owners(table, &scope).await.unwrap().users, [user].into());
    let organization = id("org", 1, 1).parse().unwrap();
    let found = user::find(table, &scope, user).await.unwrap().unwrap();
    assert_eq!(found.user.organization, organization);
    let which = user::Which { organization: Some(organization), ..user::Which::default() };
    let slice = || Slice { limit: 10, ..Slice::default() };
    assert_eq!(user::list(table, &scope, which, slice()).await.unwrap().items, [found.user]);
    let workspaces = workspace::list_of(table, &scope, organization, slice()).await.unwrap();
    assert_eq!(workspaces.items.len(), 1);

    let workspace = id("ws", 1, 1).parse().unwrap();
    let listed = async || {
        project::list(table, &scope, workspace, Slice { limit: 10, ..Slice::default() }).await.unwrap().items
    };
    assert_eq!(listed().await.len(), 1);
    let entry = account::find(table, scope.tenant()).await.unwrap().unwrap();
    assert_eq!((entry.slug.to_string().as_str(), entry.state), ("acme-1", TenantState::Active));

    let again =
        migration::run(table, *tree, Direction::Up, 10_000, now, |_, _| panic!("again")).await.unwrap();
    assert_eq!(again, up);

    let down = migration::run(table, *tree, Direction::Down, 10_000, now, |_, _| {}).await.unwrap();
    assert!(down.done && down.direction == Direction::Down);
    assert_eq!(children(&platform, &scope, &id("ten", 1, 1)).await, None);
    assert!(listed().await.is_empty());
    assert_eq!(account::find(table, scope.tenant()).await.unwrap(), None);
    assert!(access::given(table, &scope, Subject::User(user)).await.unwrap().is_none());
    let up = migration::run(table, *tree, Direction::Up, 10_000, now, |_, _| {}).await.unwrap();
    assert_eq!(
        children(&platform, &scope, &id("app", 1, 1)).await,
        Some(3),
        "counted on the way down: {up:?}"
    );
}

#[tokio::test]
async fn quotas_begin_with_what_a_tenant_has() {
    let platform = Platform::new().await;
    let scope = found(&platform, 1).await;
    let table = platform.clients.table().unwrap();
    let workspace = Holder::Workspace(id("ws", 1, 1).parse().unwrap());
    let standing = async |holder, name| quota::find(table, &scope, holder, name).await.unwrap();
    for _ in 0..2 {
        migration::run(table, ALL[0], Direction::Up, 10_000, now, |_, _| {}).await.unwrap();
        for (name, in_tenant, in_workspace) in [
            (Quota::Apps, 1, Some(1)),
            (Quota::Members, 1, None),
            (Quota::Keys, 2, Some(1)),
            (Quota::StoredBytes, 1024, Some(1024)),
            (Quota::MonthlyChecks, 0, None),
        ] {
            let limit = Some(Plan::Free.limit(name));
            assert_eq!(
                standing(Holder::Tenant, name).await,
                Some(Standing { limit, used: in_tenant }),
                "{name}"
            );
            let expected = in_workspace.map(|used| Standing { limit: None, used });
            assert_eq!(standing(workspace, name).await, expected, "{name}");
        }
        // What counts is the room that is left.
        let place = Lineage { node: scope.tenant().into(), above: Vec::new(), stopped: None };
        let room = Plan::Free.limit(Quota::Keys) - 2;
        for (amount, held) in [(room + 1, false), (room, true)] {
            let mut transaction = Transaction::new();
            quota::take(&mut transaction, &scope, &place, Quota::Keys, amount);
            assert_eq!(table.commit(&transaction).await.is_ok(), held, "{amount}");
        }
        migration::run(table, ALL[0], Direction::Down, 10_000, now, |_, _| {}).await.unwrap();
        assert_eq!(standing(Holder::Tenant, Quota::Keys).await, None);
    }
}

#[tokio::test]
async fn a_migration_that_was_killed_goes_on_behind_the_last_tenant() {
    let platform = Platform::new().await;
    for number in 1..=5 {
        found(&platform, number).await;
    }
    let table = platform.clients.table().unwrap();
    let tree = ALL[0];
    // At one write in a second it finishes a tenant, waits, and meets its end there.
    let (finished, mut first) = tokio::sync::mpsc::unbounded_channel();
    let slow = migration::run(table, tree, Direction::Up, 1, now, |progress, _| {
        finished.send(progress.tenants).unwrap();
    });
    tokio::select! {
        _ = slow => panic!("it did not wait"),
        finished = first.recv() => assert_eq!(finished, Some(1)),
    }
    let half = migration::progress(table, tree).await.unwrap().unwrap();
    assert!(!half.done && half.tenants == 1, "{half:?}");

    let mut told = Vec::new();
    let end = migration::run(table, tree, Direction::Up, 10_000, now, |progress, all| {
        told.push((progress.tenants, all));
    });
    let end = end.await.unwrap();
    assert_eq!(told, [(2, 5), (3, 5), (4, 5), (5, 5)]);
    assert!(end.done && end.last.unwrap().to_string() == id("ten", 5, 1));
}

#[tokio::test]
async fn a_half_placed_tenant_is_finished() {
    let platform = Platform::new().await;
    let scope = found(&platform, 1).await;
    let table = platform.clients.table().unwrap();
    migration::run(table, ALL[0], Direction::Up, 10_000, now, |_, _| {}).await.unwrap();
    // As if it had been killed before its last writes: the tenant's own place, and the note that it is done.
    for (pk, sk) in [
        (format!("{}#node", scope.tenant()), scope.tenant().to_string()),
        ("directory#migration#0001-tree".into(), "-".into()),
    ] {
        let delete = platform.raw.delete_item().table_name("rookery");
        delete.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk)).send().await.unwrap();
    }
    // The counters of contents are gone by then, and the places that were counted with them are kept.
    let end = migration::run(table, ALL[0], Direction::Up, 10_000, now, |_, _| {}).await.unwrap();
    assert!(end.done);
    assert_eq!(children(&platform, &scope, &id("app", 1, 1)).await, Some(3));
    assert_eq!(children(&platform, &scope, &id("ten", 1, 1)).await, Some(1));
}

#[tokio::test]
async fn there_is_no_way_back_for_what_the_release_before_does_not_know() {
    let platform = Platform::new().await;
    let scope = found(&platform, 1).await;
    let table = platform.clients.table().unwrap();
    migration::run(table, ALL[0], Direction::Up, 10_000, now, |_, _| {}).await.unwrap();
    let division = id("div", 1, 1);
    put(&platform, format!("{}#node", scope.tenant()), &division, "node", &[]).await;
    let error = migration::run(table, ALL[0], Direction::Down, 10_000, now, |_, _| {}).await.unwrap_err();
    assert!(matches!(error, MigrationError::NoWayBack { what: "divisions", .. }), "{error}");
    assert_eq!(children(&platform, &scope, &id("app", 1, 1)).await, Some(3), "nothing was taken away");
}
