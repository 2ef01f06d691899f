//! What all of it left behind: adoption, audit trail, usage. Each must show exactly what the demo itself counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::demo::http::text;
use crate::demo::say::{Bar, heading, number, percent, table};
use crate::demo::story::Story;
use crate::failure::{Failure, Result};

/// How long what happens behind queues may take to show.
const PATIENCE: Duration = Duration::from_secs(90);
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Functions send what they count within four seconds, and asking is counted as well: only who waits sees the whole.
const QUIET: Duration = Duration::from_millis(5_500);

const AUDIT_ENTRIES: usize = 15;

/// Waits until everything shows, and prints it.
pub(crate) async fn show(story: &mut Story) -> Result<()> {
    let bar = Bar::waiting("Reports are counted, the audit trail is written");
    let releases = adoption(story).await?;
    let entries = audit(story).await?;
    bar.done();
    print_adoption(story, &releases);
    print_audit(story, &entries)?;
    let bar = Bar::waiting("Usage is counted");
    let usage = usage(story).await?;
    bar.done();
    print_usage(story, &usage);
    Ok(())
}

/// Looks until something is as it should be, and answers what was seen then.
struct Until {
    started: Instant,
    pause: Duration,
}

impl Until {
    fn now(pause: Duration) -> Self {
        Self { started: Instant::now(), pause }
    }

    /// Not yet: waits before the next look, or gives up with what was seen.
    async fn again(&self, what: &str, seen: &str, wanted: &str, area: &str) -> Result<()> {
        if self.started.elapsed() > PATIENCE {
            return Err(Failure::new(format!(
                "After {} seconds {what} is {seen}, but the demo counted {wanted}; see the log of {area}.",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(self.pause).await;
        Ok(())
    }
}

type Counts = BTreeMap<String, u64>;

async fn adoption(story: &mut Story) -> Result<Vec<Value>> {
    let mut settled = Vec::new();
    for id in story.releases.clone() {
        let path = format!("/v1/apps/{}/releases/{id}", story.app.id);
        let of = |counted: &BTreeMap<String, Counts>| counted.get(&id).cloned().unwrap_or_default();
        let wanted = (of(&story.fleet.adoption), of(&story.fleet.failures));
        let until = Until::now(AGAIN_AFTER);
        loop {
            let release = story.tenant.get(&path).await?;
            let seen = (counts(&release["adoption"]), reasons(&release["failures"]));
            if seen == wanted {
                settled.push(release);
                break;
            }
            let what = format!("what devices reported of {}", story.names[&id]);
            until.again(&what, &format!("{seen:?}"), &format!("{wanted:?}"), "reports-worker").await?;
        }
    }
    Ok(settled)
}

/// An object of numbers, without the zeros.
fn counts(object: &Value) -> Counts {
    let entries = object.as_object().into_iter().flatten();
    entries
        .filter_map(|(name, count)| Some((name.clone(), count.as_u64().filter(|count| *count > 0)?)))
        .collect()
}

fn reasons(list: &Value) -> Counts {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| Some((entry["reason"].as_str()?.to_owned(), entry["count"].as_u64()?)))
        .collect()
}

/// The audit trail, newest first.
async fn audit(story: &mut Story) -> Result<Vec<Value>> {
    let until = Until::now(AGAIN_AFTER);
    loop {
        let answer = story.tenant.get("/v1/audit/events?limit=100").await?;
        let entries = answer["items"].as_array().cloned().unwrap_or_default();
        let seen: Vec<_> = entries.iter().rev().map(deed).collect();
        let mut numbers: Vec<_> = entries.iter().filter_map(|entry| entry["seq"].as_u64()).collect();
        numbers.sort_unstable();
        let deeds = &story.tenant.tally.deeds;
        let wanted: Vec<_> = deeds.iter().map(|(action, outcome)| (action.as_str(), *outcome)).collect();
        if seen == wanted && numbers.iter().copied().eq(1..=deeds.len() as u64) {
            return Ok(entries);
        }
        let seen = format!("{seen:?} with the numbers {numbers:?}");
        let wanted = format!("{wanted:?}");
        until.again("the audit trail", &seen, &wanted, "audit-worker").await?;
    }
}

fn deed(entry: &Value) -> (&str, &str) {
    (entry["action"].as_str().unwrap_or("-"), entry["outcome"].as_str().unwrap_or("-"))
}

async fn usage(story: &mut Story) -> Result<Counts> {
    let until = Until::now(QUIET);
    loop {
        tokio::time::sleep(QUIET).await;
        let wanted: Counts =
            story.tenant.tally.usage().map(|(meter, count)| (meter.to_owned(), count)).into();
        let answer = story.tenant.get("/v1/usage?granularity=day").await?;
        let seen = counts(&answer["totals"]);
        if seen == wanted {
            return Ok(seen);
        }
        until.again("usage", &format!("{seen:?}"), &format!("{wanted:?}"), "usage-worker").await?;
    }
}

fn print_adoption(story: &Story, releases: &[Value]) {
    heading("What devices reported of each release");
    let events = ["downloaded", "installed", "failed"];
    let row = |release: &Value| {
        let id = release["id"].as_str().unwrap_or_default();
        let rollout = release["rollout_bp"].as_u64().unwrap_or_default();
        let mut row = vec![
            story.names.get(id).cloned().unwrap_or_default(),
            release["state"].as_str().unwrap_or("-").to_owned(),
            percent(rollout),
        ];
        row.extend(events.map(|event| number(release["adoption"][event].as_u64().unwrap_or_default())));
        row
    };
    let rows: Vec<_> = releases.iter().map(row).collect();
    table(&["release", "state", "rollout", events[0], events[1], events[2]], &rows);
    for release in releases {
        for (reason, count) in reasons(&release["failures"]) {
            println!("  {count} devices say: {reason}");
        }
    }
}

fn print_audit(story: &Story, entries: &[Value]) -> Result<()> {
    heading("The audit trail");
    let name = |id: String| story.names.get(&id).cloned().unwrap_or(id);
    let row = |entry: &Value| -> Result<Vec<String>> {
        let at = text(entry, "/at")?;
        let time = at.split('T').nth(1).and_then(|time| time.get(..8)).unwrap_or(&at).to_owned();
        let (action, outcome) = deed(entry);
        Ok(vec![
            time,
            name(text(entry, "/actor/id")?),
            action.to_owned(),
            name(text(entry, "/resource/id")?),
            outcome.to_owned(),
        ])
    };
    let rows = entries.iter().take(AUDIT_ENTRIES).map(row).collect::<Result<Vec<_>>>()?;
    table(&["at (UTC)", "actor", "action", "resource", "outcome"], &rows);
    let earlier = entries.len().saturating_sub(AUDIT_ENTRIES);
    println!("  … and {earlier} earlier ones: {} entries, numbered without a gap", entries.len());
    Ok(())
}

fn print_usage(story: &Story, usage: &Counts) {
    heading("Usage");
    for (meter, _) in story.tenant.tally.usage() {
        println!("  {meter:<16} {:>9}", number(usage.get(meter).copied().unwrap_or_default()));
    }
}
