//! Those who operate the platform, and what they do with its tenants.
//!
//! The files of a tenant lie in S3, which does not exist here: that they are erased too is for the deployed stack to show.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use rookery_domain::account::Account;
use rookery_domain::audit::Entry;
use rookery_domain::event::{ActorKind, Event};
use rookery_domain::id::OperatorId;
use rookery_domain::operator::Token;
use rookery_platform::eraser;
use rookery_store::erasure::Budget;
use rookery_store::history::{self, EventRecord};
use rookery_store::{account, audit, operator};
use rookery_tests::fuzz::{Operation, operations};
use rookery_tests::ids::Ids;
use rookery_tests::released_app::ReleasedApp;
use rookery_tests::world::{Actor, Reply, World, openapi};
use serde_json::{Value, json};

const TENANTS: &str = "/v1/platform/tenants";
const DAY: i64 = 86_400;
/// Longer than anything is kept in memory that decides about callers.
const KEPT: i64 = 60;

/// Lets somebody operate the platform, as the operator's program does.
async fn operator(world: &World) -> Actor {
    let id: OperatorId = world.context().new_id();
    let token = Token::new(id, world.context().random());
    let name = "Grace".parse().expect("a name");
    operator::create(world.table(), name, &token, world.context().now()).await.expect("an operator");
    Actor { token: Some(token.reveal()), tenant: String::new() }
}

fn id_of(operator: &Actor) -> OperatorId {
    operator.token.as_deref().and_then(|text| text.parse::<Token>().ok()).expect("a token").id()
}

fn path(tenant: &Actor, rest: &str) -> String {
    format!("{TENANTS}/{}{rest}", tenant.tenant)
}

async fn command(world: &World, operator: &Actor, tenant: &Actor, verb: &str) -> Reply {
    world.post(operator, &path(tenant, &format!("/{verb}")), json!({"reason": "Not paid"})).await
}

async fn asks(world: &World, app: &ReleasedApp) -> Reply {
    let query = "/update?platform=ios&device_id=d-1";
    world.get(&Actor::anonymous(), &app.device_path(query)).await
}

/// What operators and the platform did to a tenant, in order.
async fn history(world: &World, tenant: &Actor) -> Vec<Event> {
    let scope = world.scope(tenant);
    let aggregate = format!("platform_tenant-{}", tenant.tenant);
    let mut events = Vec::new();
    for version in 1..20 {
        let key = history::key_of(&scope, &aggregate, version);
        let stored: Option<EventRecord> = world.table().get(&key).await.expect("a read");
        events.extend(stored.map(|record| record.event().expect("an event")));
    }
    events
}

async fn load(world: &World, tenant: &Actor) -> Account {
    let id = tenant.tenant.parse().expect("an id");
    account::find(world.table(), id).await.expect("a read").expect("an entry")
}

fn is_of_operators(operation: &Operation) -> bool {
    operation.description["security"].as_array().is_some_and(|own| own.contains(&json!({"operator": []})))
}

#[tokio::test]
async fn the_routes_of_the_platform_open_to_operators_only_and_no_others_open_to_them() {
    let world = World::new().await;
    let (owner, operator) = (world.sign_up().await, operator(&world).await);
    let unknown = Token::new(world.context().new_id(), [7; 32]).reveal();
    let wrong = Token::new(id_of(&operator), [7; 32]).reveal();
    let strangers = [unknown, wrong].map(|token| Actor { token: Some(token), tenant: String::new() });
    let api = serde_json::to_value(openapi()).unwrap();
    let (mut own, mut others) = (0, 0);
    for operation in operations(&api) {
        let path = operation.path.replace("{tenant}", &owner.tenant);
        let what = format!("{} {path}", operation.method);
        let ask = async |actor: &Actor| {
            let body = (operation.method != Method::GET).then(|| json!({"reason": "Not paid"}));
            world.call_with(actor, operation.method.clone(), &path, body.as_ref(), &[]).await
        };
        if is_of_operators(&operation) {
            assert!(operation.path.starts_with(TENANTS), "{what} is for operators only");
            for caller in [&owner, &Actor::anonymous(), &strangers[0], &strangers[1]] {
                assert_eq!(ask(caller).await.status, 401, "{what} by {caller:?}");
            }
            own += 1;
        } else if operation.description["security"].is_null() {
            assert!(
                !operation.path.starts_with("/v1/platform"),
                "{what} does not say that it is for operators"
            );
            assert_eq!(ask(&operator).await.status, 401, "{what} by an operator");
            others += 1;
        }
    }
    assert!(own >= 7 && others >= 25, "{own} and {others} operations");
    world.get(&operator, TENANTS).await.expect(200);
    operator::revoke(world.table(), id_of(&operator), world.context().now()).await.unwrap().unwrap();
    assert_eq!(world.get(&operator, TENANTS).await.expect(401).problem(), "unauthenticated");
    let listed = operator::list(world.table()).await.unwrap();
    assert!(listed.len() == 1 && listed[0].revoked_at.is_some());
}

#[tokio::test]
async fn a_suspended_tenant_is_refused_while_its_devices_are_served() {
    let world = World::new().await;
    let (owner, other) = (world.sign_up().await, world.sign_up().await);
    let operator = operator(&world).await;
    let app = ReleasedApp::new(&world, &owner, "Hello").await;
    let package = app.package(&world, "1.0.0").await;
    app.release(&world, &owner, package, json!({"rollout_bp": 10_000})).await.expect(201);
    let offered = asks(&world, &app).await.expect(200);

    let suspended = command(&world, &operator, &owner, "suspend").await.expect(200);
    assert_eq!((suspended.text("/state"), suspended.body["version"].clone()), ("suspended".into(), json!(2)));
    world.wait(KEPT);
    let refused = world.get(&owner, "/v1/apps").await.expect(403);
    assert_eq!(refused.problem(), "tenant-suspended");
    world.get(&other, "/v1/apps").await.expect(200);
    assert_eq!(
        asks(&world, &app).await.expect(200).body,
        offered.body,
        "devices keep what they were offered"
    );

    command(&world, &operator, &owner, "resume").await.expect(200);
    world.wait(KEPT);
    world.get(&owner, "/v1/apps").await.expect(200);

    let events = history(&world, &owner).await;
    let told: Vec<_> = events.iter().map(|event| (event.action.as_str(), event.version)).collect();
    assert_eq!(told, [("platform_tenant.suspend", 2), ("platform_tenant.resume", 3)]);
    for event in events {
        assert_eq!((event.actor.kind, event.actor.id), (ActorKind::Operator, id_of(&operator).to_string()));
        let reason = event.changes.iter().find(|change| change.field == "reason").expect("a reason");
        assert_eq!(reason.after, "Not paid");
        assert!(event.changes.iter().any(|change| change.field == "state"));
    }
}

#[tokio::test]
async fn what_a_state_rules_out_is_refused_with_what_is_possible() {
    let world = World::new().await;
    let (owner, operator) = (world.sign_up().await, operator(&world).await);
    let refused = command(&world, &operator, &owner, "resume").await.expect(409);
    assert_eq!(refused.problem(), "illegal-transition");
    let said = "the tenant is active, which rules out resume; possible: suspend, close";
    assert_eq!(refused.text("/detail"), said);

    // Of two at once, one is carried out.
    let (one, two) = tokio::join!(
        command(&world, &operator, &owner, "suspend"),
        command(&world, &operator, &owner, "suspend"),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(history(&world, &owner).await.len(), 1);

    let headers = [("if-match", "\"1\"")];
    let body = json!({"reason": "Not paid"});
    let stale =
        world.call_with(&operator, Method::POST, &path(&owner, "/close"), Some(&body), &headers).await;
    stale.expect(412);
    for (body, pointer) in [(json!({}), "/reason"), (json!({"reason": " "}), "/reason")] {
        let faulty = world.post(&operator, &path(&owner, "/close"), body).await.expect(422);
        assert_eq!(faulty.pointers(), [pointer]);
    }
    for unknown in ["ten_01h455vb4pex5vsknk084sn02q", "app_01h455vb4pex5vsknk084sn02q", "x"] {
        world.get(&operator, &format!("{TENANTS}/{unknown}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_command_that_is_sent_again_is_carried_out_once() {
    let world = World::new().await;
    let (owner, operator) = (world.sign_up().await, operator(&world).await);
    let body = json!({"reason": "Not paid"});
    let send = async || {
        let headers = [("idempotency-key", "one")];
        world.call_with(&operator, Method::POST, &path(&owner, "/suspend"), Some(&body), &headers).await
    };
    let first = send().await.expect(200);
    assert_eq!(send().await.expect(200).body, first.body);
    assert_eq!(history(&world, &owner).await.len(), 1);
}

#[tokio::test]
async fn tenants_are_listed_newest_first_and_by_state() {
    let world = World::with(&[("SIGNUP_MODE", "closed")]).await;
    let operator = operator(&world).await;
    let mut founded = Vec::new();
    for slug in ["one", "two", "three"] {
        let owner = json!({"email": "ada@example.com", "name": "Ada"});
        let body = json!({"name": slug, "slug": slug, "owner": owner});
        let reply = world.post(&operator, TENANTS, body.clone()).await.expect(201);
        world.post(&operator, TENANTS, body).await.expect(409);
        founded.push(Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") });
    }
    world.get(&founded[0], "/v1/whoami").await.expect(200);
    let key = history::key_of(&world.scope(&founded[0]), &founded[0].tenant, 1);
    let event = world.table().get::<EventRecord>(&key).await.unwrap().unwrap().event().unwrap();
    assert_eq!((event.action.as_str(), event.actor.kind), ("platform_tenant.create", ActorKind::Operator));

    command(&world, &operator, &founded[1], "suspend").await.expect(200);
    let slugs = |reply: &Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().unwrap();
        items.iter().map(|item| item["slug"].as_str().unwrap().to_owned()).collect()
    };
    world.patch(&founded[0], "/v1/tenant", json!({"name": "Renamed"})).await.expect(200);
    let renamed = world.get(&operator, &path(&founded[0], "")).await.expect(200);
    assert_eq!((renamed.text("/name"), renamed.text("/slug")), ("Renamed".into(), "one".into()));
    let page = world.get(&operator, &format!("{TENANTS}?limit=2")).await.expect(200);
    assert_eq!(slugs(&page), ["three", "two"]);
    let cursor = page.text("/next_cursor");
    let rest = world.get(&operator, &format!("{TENANTS}?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(slugs(&rest), ["one"]);
    let suspended = world.get(&operator, &format!("{TENANTS}?state=suspended")).await.expect(200);
    assert_eq!(slugs(&suspended), ["two"]);
    world.get(&operator, &format!("{TENANTS}?state=gone")).await.expect(400);
}

#[tokio::test]
async fn plan_and_quotas_are_set() {
    let world = World::new().await;
    let (owner, operator) = (world.sign_up().await, operator(&world).await);
    let limit = |reply: &Reply, name: &str| {
        let quotas = reply.body["quotas"].as_array().unwrap().clone();
        let quota = quotas.into_iter().find(|quota| quota["name"] == name).expect("a quota");
        (quota["limit"].as_u64(), quota["own"].as_bool().unwrap())
    };
    let body = json!({"plan": "team", "quotas": {"apps": 7}, "reason": "A contract"});
    let set = world.patch(&operator, &path(&owner, ""), body).await.expect(200);
    assert_eq!((limit(&set, "apps"), limit(&set, "keys")), ((Some(7), true), (Some(10_000), false)));
    let read = world.get(&operator, &path(&owner, "")).await.expect(200);
    assert_eq!(read.body, set.body);

    let body = json!({"plan": "enterprise", "reason": "Another"});
    let set = world.patch(&operator, &path(&owner, ""), body).await.expect(200);
    assert_eq!((limit(&set, "apps"), limit(&set, "keys")), ((Some(7), true), (Some(100_000), false)));
    let body = json!({"quotas": {"apps": null, "keys": 1}, "reason": "Another"});
    let set = world.patch(&operator, &path(&owner, ""), body).await.expect(200);
    assert_eq!((limit(&set, "apps"), limit(&set, "keys")), ((Some(10_000), false), (Some(1), true)));
    world.post(&owner, "/v1/api-keys", json!({"name": "k", "scopes": ["*"]})).await.expect(422);

    let events = history(&world, &owner).await;
    let fields: Vec<&str> = events[2].changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(
        fields.iter().copied().collect::<BTreeSet<_>>(),
        ["quota.apps", "quota.keys", "reason"].into()
    );
    let faulty = world.patch(&operator, &path(&owner, ""), json!({"plan": "gold", "reason": "Why"})).await;
    assert_eq!(faulty.expect(422).pointers(), ["/plan"]);
}

#[tokio::test]
async fn a_closed_tenant_is_resumed_within_its_grace() {
    let world = World::new().await;
    let (owner, operator) = (world.sign_up().await, operator(&world).await);
    command(&world, &operator, &owner, "suspend").await.expect(200);
    let closed = command(&world, &operator, &owner, "close").await.expect(200);
    assert_eq!(closed.text("/state"), "closing");
    assert!(closed.text("/erase_after").starts_with("2026-01-31T09:00:00"));
    world.wait(29 * DAY);
    let id = load(&world, &owner).await.id;
    let due = account::due(world.table(), world.context().now(), 10).await.unwrap();
    assert!(due.is_empty());
    assert!(
        eraser::begin(world.context(), id).await.unwrap().is_none(),
        "nothing is erased within the grace"
    );
    let resumed = command(&world, &operator, &owner, "resume").await.expect(200);
    assert_eq!(resumed.body["erase_after"], Value::Null);
    world.wait(KEPT + 2 * DAY);
    world.get(&owner, "/v1/apps").await.expect(200);
    assert!(account::due(world.table(), world.context().now(), 10).await.unwrap().is_empty());
}

/// Every key of the table that a text stands in.
async fn keys_with(world: &World, text: &str) -> Vec<String> {
    let text_of = |value: &AttributeValue| value.as_s().expect("a text").clone();
    let items = world.items().await;
    let keys = items.iter().map(|item| format!("{} / {}", text_of(&item["pk"]), text_of(&item["sk"])));
    let mut found: Vec<String> = keys.filter(|key| key.contains(text)).collect();
    found.sort();
    found
}

/// Puts everything that happened in a tenant so far into its log, as the relay and the audit worker do.
async fn log_everything(world: &World, tenant: &Actor) -> u64 {
    let mut logged = 0;
    for item in world.items().await {
        let Some(detail) = item.get("detail").and_then(|detail| detail.as_s().ok()) else { continue };
        let event: Event = serde_json::from_str(detail).expect("an event");
        if event.tenant.to_string() == tenant.tenant {
            let entry = Entry::new(&event).expect("an entry");
            audit::append(world.table(), &world.scope(tenant), &entry).await.expect("a number");
            logged += 1;
        }
    }
    logged
}

#[tokio::test]
async fn a_closed_tenant_is_erased_after_its_grace_but_for_the_proof_of_its_log() {
    let world = World::new().await;
    let (owner, other) = (world.sign_up().await, world.sign_up().await);
    let operator = operator(&world).await;
    Ids::of(&world, &owner).await;
    Ids::of(&world, &other).await;
    let app = ReleasedApp::new(&world, &owner, "Second").await;
    let package = app.package(&world, "1.0.0").await;
    app.release(&world, &owner, package, json!({"rollout_bp": 10_000})).await.expect(201);
    let member = world.member(&owner, &["usage.read"]).await;
    world.get(&member, "/v1/apps").await.expect(403);
    let untouched = keys_with(&world, &other.tenant).await;

    command(&world, &operator, &owner, "close").await.expect(200);
    world.wait(KEPT);
    world.get(&owner, "/v1/apps").await.expect(403);
    asks(&world, &app).await.expect(200);
    let logged = log_everything(&world, &owner).await;
    world.wait(30 * DAY);
    let due = account::due(world.table(), world.context().now(), 10).await.unwrap();
    assert_eq!(due, [load(&world, &owner).await.id]);

    // Each run has room for a few items only, and is killed then; the next one goes on.
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 200, "it does not come to an end");
        let erasing = eraser::begin(world.context(), due[0]).await.unwrap().expect("it is due");
        let mut budget = Budget::of(60);
        eraser::shut(world.context(), &erasing, &mut budget).await.unwrap();
        if runs == 1 {
            let refused = command(&world, &operator, &owner, "resume").await.expect(409);
            assert!(refused.text("/detail").contains("erasing"), "{}", refused.body);
        }
        eraser::empty(world.context(), &erasing, &mut budget).await.unwrap();
        if !budget.is_used_up() {
            eraser::end(world.context(), &erasing).await.unwrap();
            break;
        }
    }
    assert!(runs > 2, "{runs} runs");

    world.wait(KEPT);
    world.get(&owner, "/v1/apps").await.expect(401);
    asks(&world, &app).await.expect(404);
    let erased = world.get(&operator, &path(&owner, "")).await.expect(200);
    assert_eq!((erased.text("/state"), erased.body["quotas"].clone()), ("erased".into(), json!([])));
    assert!(account::due(world.table(), world.context().now(), 10).await.unwrap().is_empty());
    command(&world, &operator, &owner, "resume").await.expect(409);

    let left: BTreeSet<String> = keys_with(&world, &owner.tenant)
        .await
        .iter()
        .filter_map(|key| key.split(" / ").next()?.strip_prefix(&format!("{}#", owner.tenant)))
        .map(str::to_owned)
        .collect();
    let operators = format!("platform_tenant-{}#ev", owner.tenant);
    let expected = ["audit-head", "audit-log", "audit-number", operators.as_str()].map(str::to_owned);
    assert_eq!(left, expected.into(), "what is left of it");
    let rows = keys_with(&world, &format!("{}#audit-log / ", owner.tenant)).await;
    assert_eq!(rows.len() as u64, logged);
    assert!(keys_with(&world, &app.app.app_key.to_string()).await.is_empty());
    assert_eq!(keys_with(&world, &other.tenant).await, untouched, "nobody else lost anything");

    let last = history(&world, &owner).await.pop().expect("events");
    assert_eq!((last.action.as_str(), last.actor.kind), ("platform_tenant.erase", ActorKind::System));
    let slug = world.post(
        &operator,
        TENANTS,
        json!({"name": "x", "slug": "tenant-1", "owner": {"email": "a@b.c", "name": "A"}}),
    );
    slug.await.expect(409);
}
