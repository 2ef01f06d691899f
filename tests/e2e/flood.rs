//! A flood of guesses at one account, from one address of its own, on the deployed stack: what it costs the owner, and others.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rookery_tests::home::{Home, PASSWORD};
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::Actor;
use serde_json::{Value, json};
use tokio::sync::Mutex;

const FOUNDER: &str = "ada@example.com";
/// So many are sent, as far as the machine keeps up.
const PER_SECOND: u32 = 200;
/// So many of them wait for an answer at most.
const AT_ONCE: usize = 6;
const GUESSING: Duration = Duration::from_secs(12);
const READING: Duration = Duration::from_secs(5);

/// Whoever is at an address of this machine that nobody else comes from.
fn somebody(number: u8) -> reqwest::Client {
    let unique = jiff::Timestamp::now().as_microsecond().to_be_bytes();
    let address = Ipv4Addr::new(127, 1 + number, unique[5], unique[6]);
    let client = reqwest::Client::builder().local_address(IpAddr::from(address));
    client.timeout(Duration::from_secs(30)).build().expect("a client")
}

/// What was answered to a request of a flood.
#[derive(Debug, Clone, Copy)]
struct Answer {
    status: u16,
    retry_after_s: Option<u64>,
}

async fn log_in(stack: &Stack, from: &reqwest::Client, body: &Value) -> (Answer, Value) {
    let request = from.post(format!("{}/v1/auth/login", stack.base_url()));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let response = request.send().await.expect("an answer");
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let answer = Answer { status: response.status().as_u16(), retry_after_s: header };
    let bytes = response.bytes().await.expect("a body");
    (answer, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// Sends as many as are to be sent, for a while.
async fn flood<F>(lasting: Duration, send: impl Fn() -> F + Clone + Send + 'static) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send,
{
    let answers = Arc::new(Mutex::new(Vec::new()));
    let end = Instant::now() + lasting;
    let pause = Duration::from_secs(1) * u32::try_from(AT_ONCE).expect("few") / PER_SECOND;
    let senders = (0..AT_ONCE).map(|_| {
        let (answers, send) = (Arc::clone(&answers), send.clone());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(pause);
            while Instant::now() < end {
                ticks.tick().await;
                let answer = send().await;
                answers.lock().await.push(answer);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("all are answered");
    }
    Arc::into_inner(answers).expect("nobody else").into_inner()
}

/// How long somebody's requests take, while something goes on.
async fn median_while<T>(stack: &Stack, who: &Actor, going_on: impl Future<Output = T>) -> (Duration, T) {
    let done = AtomicBool::new(false);
    let measured = async {
        let mut times = Vec::new();
        while !done.load(Ordering::SeqCst) {
            let started = Instant::now();
            stack.get(who, "/v1/whoami").await.expect(200);
            times.push(started.elapsed());
        }
        times.sort_unstable();
        times[times.len() / 2]
    };
    let going_on = async {
        let result = going_on.await;
        done.store(true, Ordering::SeqCst);
        result
    };
    tokio::join!(measured, going_on)
}

/// How many guesses at one account are looked at within a time, as the documents say: five, and then after 1, 2, 4 … seconds one each.
fn looked_at(within: Duration) -> usize {
    let (mut after, mut wait, mut number) = (Duration::ZERO, Duration::from_secs(1), 5);
    while after + wait <= within {
        (after, wait, number) = (after + wait, (wait * 2).min(Duration::from_mins(1)), number + 1);
    }
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_guesses_locks_nobody_out_and_slows_nobody() {
    let stack = Stack::connect();
    let (home, neighbours) = (Home::found(&stack, "flooded").await, Home::found(&stack, "dry").await);
    let (stranger, usual, elsewhere) = (somebody(1), somebody(2), somebody(3));
    let right = home.credentials(FOUNDER);
    let (_, known) = log_in(&stack, &usual, &right).await;
    let device = known["device_token"].as_str().expect("a device that is known").to_owned();
    let neighbour = neighbours.holder(&neighbours.log_in(&stack, FOUNDER).await);

    let (quiet, ()) = median_while(&stack, &neighbour, tokio::time::sleep(Duration::from_secs(2))).await;
    // What as many requests cost that do nothing: the machine is small.
    let read = {
        let (stack, owner) = (stack.clone(), home.owner.clone());
        move || {
            let (stack, owner) = (stack.clone(), owner.clone());
            async move {
                let status = stack.get(&owner, "/v1/whoami").await.status.as_u16();
                Answer { status, retry_after_s: None }
            }
        }
    };
    let (busy, reads) = median_while(&stack, &neighbour, flood(READING, read)).await;

    let guess = {
        let (stack, stranger) = (stack.clone(), stranger.clone());
        let wrong = json!({"tenant": home.slug, "email": FOUNDER, "password": "not the one"});
        move || {
            let (stack, stranger, wrong) = (stack.clone(), stranger.clone(), wrong.clone());
            async move { log_in(&stack, &stranger, &wrong).await.0 }
        }
    };
    let others = async {
        tokio::time::sleep(GUESSING / 2).await;
        // The owner, from a device that is known; at another one, the address is the flood's own.
        let mut with_device = right.clone();
        with_device["device_token"] = json!(device);
        let owner = log_in(&stack, &stranger, &with_device).await;
        let neighbour = log_in(&stack, &elsewhere, &neighbours.credentials(FOUNDER)).await;
        (owner.0.status, neighbour.0.status)
    };
    let started = Instant::now();
    let (flooded, (guesses, others)) =
        median_while(&stack, &neighbour, async { tokio::join!(flood(GUESSING, guess), others) }).await;
    let elapsed = started.elapsed();

    assert_eq!(others, (200, 200), "the owner at a known device, and somebody else, were let in");
    let wrong = guesses.iter().filter(|answer| answer.status == 401).count();
    assert!(guesses.iter().all(|answer| matches!(answer.status, 401 | 429)), "{guesses:?}");
    assert!((5..=looked_at(elapsed)).contains(&wrong), "{wrong} passwords were looked at in {elapsed:?}");
    let waits: Vec<u64> = guesses
        .iter()
        .filter(|answer| answer.status == 429)
        .filter_map(|answer| answer.retry_after_s)
        .collect();
    assert_eq!(waits.len(), guesses.len() - wrong, "whoever is to wait is told for how long");
    assert!(waits.iter().all(|wait| (1..=60).contains(wait)), "{waits:?}");
    assert!(guesses.len() > 20 * wrong, "{} guesses are no flood", guesses.len());

    // Whoever comes from where the owner never was waits as long as it is told, and is let in then.
    let (answer, _) = log_in(&stack, &elsewhere, &right).await;
    if answer.status == 429 {
        let wait = answer.retry_after_s.expect("a time");
        assert!(wait <= 60, "{wait} s");
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let (answer, _) = log_in(&stack, &elsewhere, &right).await;
        assert_eq!(answer.status, 200, "the owner was locked out for longer than {wait} s");
    } else {
        assert_eq!(answer.status, 200);
    }

    // Each guess that was looked at is in the audit trail, and nothing of what was not.
    eventually("the entries", || async {
        let path = "/v1/audit/events?action=session.begin&outcome=denied&limit=100";
        let listed = stack.get(&home.owner, path).await.expect(200);
        let entries = listed.body["items"].as_array().expect("items").clone();
        assert!(!listed.body.to_string().contains(PASSWORD));
        if entries.len() == wrong { Ok(()) } else { Err(format!("{} entries of {wrong}", entries.len())) }
    })
    .await;

    eprintln!(
        "a neighbour's request took {quiet:?}, with {} reads of others {busy:?}, with {} guesses {flooded:?}, of which {wrong} were looked at",
        reads.len(),
        guesses.len()
    );
    let slower = flooded.as_secs_f64() / busy.as_secs_f64();
    assert!(slower < 3.0, "guesses slow others {slower} times as much as reads do");
}
