//! What it costs a warm function that a route is authorized: the same request to the same work, open and with credentials, in turns.
//! `cargo xtask bench --only authorize` runs it; with `--check` it fails above its target, or if authorizing reads anything.
//!
//! Everything that stands before a handler is what the platform has: request facts, the key's check, the principal's rights, the way up
//! from the place, the decision, the count of the call, the log line. The handler does nothing, so that nothing else is measured.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use rookery_clock::worked;
use rookery_domain::binding::{Grant, Subject};
use rookery_domain::node::NodeId;
use rookery_domain::permission::right;
use rookery_edge::{Answer, Context, Scope, http_router, log_lines};
use rookery_store::{Transaction, access};
use rookery_tests::line::Line;
use rookery_tests::world::{Actor, World};
use serde_json::json;
use tower::ServiceExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Most CPU time that an authorized request may take more than an open one.
const TARGET: Duration = Duration::from_micros(100);
/// Requests of each kind in a round, and rounds, of which the medians count.
const REQUESTS: u32 = 400;
const ROUNDS: usize = 31;
/// How deep the place is that is asked about, below its organization; and what its asker is in and has.
const DEPTH: usize = 8;
const GROUPS: usize = 200;
const BINDINGS: usize = 50;

async fn open() -> Answer {
    Answer::no_content()
}

async fn authorized(_: Scope<right::DivisionRead>) -> Answer {
    Answer::no_content()
}

/// A division eight levels deep, and somebody who may read it: by the last of 50 bindings, given to groups in chains of eight.
async fn place(world: &World, owner: &Actor) -> (String, Actor) {
    let tree = world.tree(owner).await;
    let path = format!("/v1/organizations/{}/divisions", tree.organization);
    let mut above = None;
    for number in 0..DEPTH {
        let body = json!({"name": "Deep", "code": format!("D{number}"), "parent_id": above});
        above = Some(world.post(owner, &path, body).await.expect(201).text("/id"));
    }
    let division = above.expect("a division");
    let (person, actor) = world.seed_person(owner).await;
    let mut groups = Vec::new();
    for number in 0..GROUPS {
        let below = (number % 8 != 0).then(|| groups[number - 1]);
        // People are in the last group of each chain, and so in all of it.
        let members = if number % 8 == 7 { vec![person] } else { Vec::new() };
        groups.push(world.seed_group(owner, below, &members).await);
    }
    let way: [NodeId; 2] = [tree.organization.into(), division.parse().expect("an id")];
    let (scope, table) = (world.scope(owner), world.table());
    for number in 0..BINDINGS {
        let subject = Subject::Group(groups[number * 4]);
        let mut given = access::find(table, &scope, subject).await.expect("a read").expect("a group");
        let last = number + 1 == BINDINGS;
        given.grants.push(Grant {
            binding: world.context().new_id(),
            role: if last { "viewer" } else { "developer" }.parse().expect("a role"),
            node: if number % 2 == 1 { way[1] } else { tree.project.into() },
            starts_at: None,
            expires_at: None,
            condition: None,
        });
        let mut transaction = Transaction::new();
        access::replace(&mut transaction, &scope, subject, &given).expect("an item");
        table.commit(&transaction).await.expect("a commit");
    }
    (division, actor)
}

async fn ask(router: &Router<()>, path: &str, token: Option<&str>) {
    let mut request = Request::builder().uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("routers answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

async fn round(router: &Router<()>, path: &str, token: Option<&str>) -> Duration {
    let since = Instant::now();
    let begun = worked(since);
    for _ in 0..REQUESTS {
        ask(router, path, token).await;
    }
    worked(since).saturating_sub(begun) / REQUESTS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // Log lines are written as in a function, to nowhere.
    tracing_subscriber::registry().with(LevelFilter::INFO).with(log_lines(std::io::sink)).init();

    let (endpoint, line) = Line::to_a_database().await;
    let world = World::over(&endpoint, &[]).await;
    let owner = world.sign_up().await;
    let (division, somebody) = place(&world, &owner).await;
    let both = Router::<Context>::new()
        .route("/open/{division}", get(open))
        .route("/authorized/{division}", get(authorized));
    let router = http_router(both, world.context().clone());
    let (open, authorized) = (format!("/open/{division}"), format!("/authorized/{division}"));

    let mut met = true;
    for (who, actor) in [("the owner", &owner), ("50 bindings through 200 groups", &somebody)] {
        let token = actor.token.as_deref();
        ask(&router, &authorized, token).await;
        let before = line.sent.load(Ordering::SeqCst);
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            without.push(round(&router, &open, None).await);
            with.push(round(&router, &authorized, token).await);
        }
        let reads_nothing = line.sent.load(Ordering::SeqCst) == before;
        let (without, with) = (median(without), median(with));
        let more = with.saturating_sub(without);
        let pass = more <= TARGET && reads_nothing;
        met &= pass;
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        if given("--json") {
            let (more, without, with) = (micros(more), micros(without), micros(with));
            println!(
                "{{\"authorize\": \"{who}\", \"more_us\": {more:.1}, \"open_us\": {without:.1}, \"authorized_us\": {with:.1}, \"reads_nothing\": {reads_nothing}}}"
            );
        } else {
            let verdict = if pass { "pass" } else { "MISS" };
            let read = if reads_nothing { "nothing read" } else { "something was read" };
            println!(
                "{verdict}  authorize ({who}) ≤ {} µs: {:.1} µs more than {:.1} µs, {read}",
                TARGET.as_micros(),
                micros(more),
                micros(without)
            );
        }
    }
    if met || !given("--check") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
