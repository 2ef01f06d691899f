//! How much slower lists and reads are when there is much to list: every `GET` of the API on two platforms side by side, one with ten
//! of everything and one with many.
//!
//! ```text
//! cargo run --profile driver --package rookery-tests --example scale
//! ```
//!
//! Both platforms are the real route table over a DynamoDB in memory. The many are copies of what the routes themselves made, written
//! into the database directly. What counts is the CPU time of the whole process, database included, which says more than the clock
//! on a machine that does other work besides.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use rookery_domain::operator::Token;
use rookery_store::operator;
use rookery_tests::fuzz::{Operation, operations};
use rookery_tests::ids::Ids;
use rookery_tests::world::{Actor, TABLE, World, openapi};
use serde_json::json;

type Item = HashMap<String, AttributeValue>;

/// How often each route is measured on each platform, in turns, and with how many requests each time.
const ROUNDS: u32 = 50;
const REQUESTS: u32 = 4;
/// How many times as long a route may take.
const BOUND: f64 = 1.3;
/// How many copies are written at once.
const TOGETHER: usize = 20_000;

/// What reads as much as there is by its meaning, up to a limit that the documentation names.
const LIMITED: [(&str, &str); 2] = [
    ("/v1/groups/{group}/members?effective=true", "the groups of an organization, 1000 at the most"),
    ("/v1/organizations/{organization}/groups?view=tree", "the groups of an organization, 1000 at the most"),
];

/// Further questions than the paths alone.
const QUESTIONS: [&str; 5] = [
    "/v1/users?q=ada&limit=10",
    "/v1/users?state=active&limit=10",
    "/v1/groups/{group}/members?effective=true",
    "/v1/organizations/{organization}/groups?view=tree",
    "/scim/v2/Groups/{group}?excludedAttributes=members",
];

/// How many of a list are asked for: as many as there are where there are few, so that both answers show the same.
const SHOWN: usize = 10;

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
    operator: Actor,
    ids: Ids,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Platform {
    async fn of(size: &Size) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let database = dynoxide::Database::memory().expect("a database");
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        // What decides about rights is read on every request, so that its reading is measured too.
        let world = World::over(&endpoint, &[("AUTH_CACHE_SECONDS", "0")]).await;
        let owner = world.sign_up().await;
        let founded = world.items().await;
        let ids = Ids::of(&world, &owner).await;
        let items = world.items().await;
        for (kind, prefix, many) in
            [("user", "usr", size.users), ("group", "grp", size.groups), ("project", "prj", size.projects)]
        {
            let id = ids.0[kind].as_str().expect("an id").to_owned();
            let own = |item: &&Item| text(item, "sk").contains(&id) && !text(item, "pk").ends_with("#ev");
            let copied: Vec<&Item> = items.iter().filter(own).collect();
            multiply(&database, &copied, &[(&id, prefix)], many);
        }
        let crowded = ids.0["group"].as_str().expect("an id");
        let groups = items.iter().filter(|item| text(item, "id") == crowded && item.contains_key("members"));
        let crowded = groups.map(|item| {
            let same = item.iter().map(|(name, value)| (name.clone(), replaced(value, &[])));
            let count = dynoxide::AttributeValue::N(size.users.to_string());
            same.chain([("members".to_owned(), count)]).collect()
        });
        let imported = database.import_items(TABLE, crowded.collect(), dynoxide::ImportOptions::default());
        imported.unwrap_or_else(|error| panic!("the group is written: {error}"));
        // Whatever founding a tenant makes, and its entries in the directory.
        let key = world.get(&owner, "/v1/whoami").await.expect(200).text("/principal/id");
        let tenant = owner.tenant.clone();
        let own = |item: &&Item| {
            let (pk, sk) = (text(item, "pk"), text(item, "sk"));
            !pk.ends_with("#ev")
                && [&pk, &sk].iter().any(|text| text.contains(&tenant) || text.contains(&key))
        };
        let copied: Vec<&Item> = founded.iter().filter(own).collect();
        multiply(&database, &copied, &[(&tenant, "ten"), (&key, "key")], size.tenants);
        let operator = operator(&world).await;
        Self { world, owner, operator, ids, server }
    }

    /// The CPU time of a request, on the average of some; `None` where it needs what is not here, such as a further parameter or a
    /// service besides the database.
    async fn time(&self, path: &str) -> Option<Duration> {
        let by = if path.starts_with("/v1/platform/") { &self.operator } else { &self.owner };
        let begun = worked();
        for _ in 0..REQUESTS {
            let reply = self.world.call_with(by, Method::GET, path, None, &[]).await;
            if !reply.status.is_success() {
                return None;
            }
        }
        Some(worked().saturating_sub(begun) / REQUESTS)
    }
}

/// Lets somebody operate the platform.
async fn operator(world: &World) -> Actor {
    let token = Token::new(world.context().new_id(), world.context().random());
    let name = "Olga".parse().expect("a name");
    let table = world.context().table().expect("a table");
    operator::create(table, name, &token, world.context().now()).await.expect("an operator");
    Actor { token: Some(token.reveal()), tenant: String::new() }
}

/// The time that all threads of this process have worked.
fn worked() -> Duration {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task").expect("Linux") {
        let path = thread.expect("a thread").path().join("schedstat");
        // A thread may end between the listing and the reading; it was idle.
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        nanoseconds += text.split(' ').next().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    }
    Duration::from_nanos(nanoseconds)
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

/// Writes copies of items, each with ids of its own in place of the given ones.
fn multiply(database: &dynoxide::Database, items: &[&Item], ids: &[(&str, &str)], many: usize) {
    let numbers: Vec<usize> = (0..many).collect();
    for part in numbers.chunks(TOGETHER.div_ceil(items.len().max(1))) {
        let mut copies = Vec::with_capacity(part.len() * items.len());
        for number in part {
            let of_copy: Vec<(&str, String)> = ids
                .iter()
                .map(|(old, prefix)| (*old, format!("{prefix}_01h455vb4pex5vsknk{number:08}")))
                .collect();
            for item in items {
                let attributes = item.iter().map(|(name, value)| (name.clone(), replaced(value, &of_copy)));
                copies.push(attributes.collect());
            }
        }
        let imported = database.import_items(TABLE, copies, dynoxide::ImportOptions::default());
        imported.unwrap_or_else(|error| panic!("the copies are written: {error}"));
    }
}

/// A value as the database keeps it, with other ids.
fn replaced(value: &AttributeValue, ids: &[(&str, String)]) -> dynoxide::AttributeValue {
    use dynoxide::AttributeValue as Kept;
    match value {
        AttributeValue::S(text) => {
            Kept::S(ids.iter().fold(text.clone(), |text, (old, new)| text.replace(old, new)))
        }
        AttributeValue::N(number) => Kept::N(number.clone()),
        AttributeValue::Bool(flag) => Kept::BOOL(*flag),
        AttributeValue::Null(flag) => Kept::NULL(*flag),
        AttributeValue::L(list) => Kept::L(list.iter().map(|value| replaced(value, ids)).collect()),
        AttributeValue::M(map) => {
            Kept::M(map.iter().map(|(name, value)| (name.clone(), replaced(value, ids))).collect())
        }
        other => panic!("no record holds {other:?}"),
    }
}

/// Every path that is read with credentials, with the ids of each platform.
fn paths(few: &Ids, many: &Ids) -> Vec<(String, [String; 2])> {
    let api = serde_json::to_value(openapi()).expect("the document is JSON");
    let open = json!({});
    let mut all: Vec<Operation> = operations(&api)
        .into_iter()
        .filter(|operation| {
            let security = operation.description["security"].as_array();
            operation.method == Method::GET && !security.is_some_and(|own| own.contains(&open))
        })
        .collect();
    for operation in &mut all {
        let parameters = operation.description["parameters"].as_array();
        let takes = |name: &str| {
            parameters.is_some_and(|all| {
                all.iter().any(|one| one["name"] == json!(name) && one["in"] == json!("query"))
            })
        };
        if let Some(name) = ["limit", "count"].into_iter().find(|name| takes(name)) {
            operation.path = format!("{}?{name}={SHOWN}", operation.path);
        }
    }
    for question in QUESTIONS {
        all.push(Operation { path: question.to_owned(), ..all[0].clone() });
    }
    let named = |operation: Operation| {
        // Operators ask for a tenant.
        let path = operation.path.replace("{tenant}", "{node}");
        let operation = Operation { path, ..operation };
        Some((operation.path.clone(), [few.path(&operation)?, many.path(&operation)?]))
    };
    all.into_iter().filter_map(named).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (few, many) = (Platform::of(&FEW).await, Platform::of(&MANY).await);
    eprintln!("{} items and {}", few.world.items().await.len(), many.world.items().await.len());
    let mut missed = Vec::new();
    println!("| route | with few | with many | ratio |\n| --- | --- | --- | --- |");
    for (name, [small, large]) in paths(&few.ids, &many.ids) {
        let (mut measured, mut times) = (0, [Duration::ZERO; 2]);
        // One after the other, so that whatever else the machine does meets both. The mean, because a kernel may tell the time in steps
        // that are longer than a request takes.
        for _ in 0..ROUNDS {
            let (Some(few), Some(many)) = (few.time(&small).await, many.time(&large).await) else { break };
            times[0] += few;
            times[1] += many;
            measured += 1;
        }
        if measured < ROUNDS {
            eprintln!("not measured: GET {name}");
            continue;
        }
        let [few, many] = times.map(|time| time / ROUNDS);
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        let limit = LIMITED.iter().find(|(limited, _)| *limited == name);
        if ratio > BOUND && limit.is_none() {
            missed.push(name.clone());
        }
        let note = limit.map(|(_, what)| format!(" (reads {what})")).unwrap_or_default();
        println!("| GET {name}{note} | {} µs | {} µs | {ratio:.2} |", few.as_micros(), many.as_micros());
    }
    if missed.is_empty() {
        println!("\nAll are within {BOUND}, but for what reads up to a limit.");
    } else {
        println!("\nOver {BOUND}: {}", missed.join(", "));
        std::process::exit(1);
    }
}
