//! Usage: exact whatever arrives how often, in which order and at the same time; and rebuilt from its batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::platform::{NOW, Platform, event_id, scope, tenant};
use jiff::Timestamp;
use proptest::prelude::*;
use rookery_domain::usage::{Batch, Bucket, Granularity, Meter, Range, Tally, fold};
use rookery_store::usage::{self, COUNTED_SECONDS, KEPT_SECONDS, Part};

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn batch(n: u64, used: &[(usize, i64, u64)]) -> Batch {
    let mut tally = Tally::default();
    for (meter, ago, count) in used {
        tally.add(tenant(1), Meter::ALL[*meter], Timestamp::from_second(NOW - ago).unwrap(), *count);
    }
    tally.take(event_id(1, n)).unwrap_or(Batch { id: event_id(1, n), counts: Vec::new(), keys: Vec::new() })
}

fn part(batch: &Batch) -> Part {
    Part { batch: batch.id, counts: batch.counts.clone() }
}

async fn count(platform: &Platform, batches: &[&Batch]) -> usize {
    let parts: Vec<Part> = batches.iter().map(|batch| part(batch)).collect();
    usage::count(platform.table(), &scope(1), &parts, now()).await.unwrap()
}

/// Every counter of the tenant, by meter and bucket.
async fn counters(platform: &Platform) -> BTreeMap<(Meter, Bucket), u64> {
    let items = platform.items(&format!("{}#usage#", tenant(1))).await;
    let read = items.into_iter().map(|((partition, sort), item)| {
        let meter = partition.rsplit('#').next().unwrap().parse().unwrap();
        let bucket = sort.split_once('#').unwrap().1.parse().unwrap();
        ((meter, bucket), item["count"].as_n().unwrap().parse().unwrap())
    });
    read.collect()
}

fn sums(batches: &[Batch]) -> BTreeMap<(Meter, Bucket), u64> {
    fold(batches).into_iter().map(|((_, meter, bucket), sum)| ((meter, bucket), sum)).collect()
}

#[tokio::test]
async fn a_batch_counts_once() {
    let platform = Platform::new().await;
    let one = batch(1, &[(0, 0, 5), (1, 3600, 7)]);
    assert_eq!(count(&platform, &[&one, &one]).await, 1);
    let before = platform.items("").await;
    assert_eq!(count(&platform, &[&one]).await, 0);
    assert_eq!(platform.items("").await, before);
    // A new one is counted though it comes with one that is known.
    let two = batch(2, &[(0, 0, 1)]);
    assert_eq!(count(&platform, &[&one, &two]).await, 1);
    assert_eq!(counters(&platform).await, sums(&[one, two]));
}

#[tokio::test]
async fn a_large_batch_is_counted_in_pieces_once() {
    let platform = Platform::new().await;
    let used: Vec<_> = (0..400).map(|hour| (2, hour * 3600, 3)).collect();
    let large = batch(1, &used);
    count(&platform, &[&large]).await;
    assert_eq!(count(&platform, &[&large]).await, 0);
    assert_eq!(counters(&platform).await, sums(&[large]));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_at_once_count_exactly() {
    let platform = Arc::new(Platform::new().await);
    let batches: Arc<Vec<Batch>> =
        Arc::new((0..24).map(|n| batch(n, &[(0, 0, 1), (1, 60, n + 1)])).collect());
    let mut workers = Vec::new();
    for worker in 0..6 {
        let (platform, batches) = (platform.clone(), batches.clone());
        workers.push(tokio::spawn(async move {
            for step in 0..4 {
                let at = |offset: usize| &batches[(worker * 4 + step * 5 + offset) % 24];
                count(&platform, &[at(0), at(1), at(2)]).await;
            }
        }));
    }
    // A rebuild in the midst of it takes nothing away and adds nothing.
    for _ in 0..3 {
        usage::rebuild(platform.table(), &scope(1), now()).await.unwrap();
    }
    for worker in workers {
        worker.await.unwrap();
    }
    for batch in batches.iter() {
        count(&platform, &[batch]).await;
    }
    assert_eq!(counters(&platform).await, sums(&batches));
}

#[tokio::test]
async fn counters_are_rebuilt_as_they_were() {
    let platform = Platform::new().await;
    let batches: Vec<Batch> =
        (0..5).map(|n| batch(n, &[(0, i64::try_from(n).unwrap() * 40_000, 2), (3, 0, 1_000_000)])).collect();
    count(&platform, &batches.iter().collect::<Vec<_>>()).await;
    let before = platform.items("").await;
    for key in before.keys().filter(|(partition, _)| partition.contains("#usage#")).step_by(2) {
        platform.delete(key).await;
    }
    let mut wrong =
        before.values().find(|item| item["sk"].as_s().unwrap().starts_with("month#")).unwrap().clone();
    wrong.insert("count".into(), aws_sdk_dynamodb::types::AttributeValue::N("1".into()));
    platform.put(wrong).await;

    let rebuilt = usage::rebuild(platform.table(), &scope(1), now()).await.unwrap();
    assert_eq!(rebuilt.batches, 5);
    assert!(rebuilt.corrected > 0);
    assert_eq!(platform.items("").await, before);
    let again = usage::rebuild(platform.table(), &scope(1), now()).await.unwrap();
    assert_eq!(again.corrected, 0);
}

#[tokio::test]
async fn what_is_older_than_its_batches_is_left_alone() {
    let platform = Platform::new().await;
    // Three hours around the border, one behind it, and one of today.
    let used: Vec<_> = [-7200, 0, 7200, 5 * 86_400, -KEPT_SECONDS]
        .iter()
        .map(|offset| (0, KEPT_SECONDS + offset, 10))
        .collect();
    count(&platform, &[&batch(1, &used)]).await;
    let before = counters(&platform).await;
    // The batch is gone, as if its time were over; of what it counted, only that within the last 90 days is still told.
    for key in platform.items(&format!("{}#usage-batch", tenant(1))).await.keys() {
        platform.delete(key).await;
    }
    count(&platform, &[&batch(2, &[used[0], used[4]])]).await;
    usage::rebuild(platform.table(), &scope(1), now()).await.unwrap();
    assert_eq!(counters(&platform).await, before);
}

#[test]
fn use_of_long_ago_cannot_be_told_from_what_was_counted() {
    let of = |ago| part(&batch(1, &[(0, ago, 1), (0, 0, 1)]));
    assert!(of(COUNTED_SECONDS - 7200).is_countable(now()));
    assert!(!of(COUNTED_SECONDS + 7200).is_countable(now()));
}

#[tokio::test]
async fn a_range_is_answered_in_order() {
    let platform = Platform::new().await;
    count(&platform, &[&batch(1, &[(1, 0, 4), (1, 3600, 3), (1, 90_000, 2), (0, 0, 9)])]).await;
    let list = async |granularity| {
        let range = Range::new(None, None, granularity, now()).unwrap();
        let found = usage::list(platform.table(), &scope(1), Meter::UpdateChecks, range).await.unwrap();
        found.iter().map(|(bucket, sum)| format!("{bucket} {sum}")).collect::<Vec<_>>()
    };
    assert_eq!(list(Granularity::Hour).await, ["2026-11-21T08 3", "2026-11-21T09 4"]);
    assert_eq!(list(Granularity::Day).await, ["2026-11-20 2", "2026-11-21 7"]);
    assert_eq!(list(Granularity::Month).await, ["2026-11 9"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn neither_order_nor_repetition_nor_company_matters(
        used in proptest::collection::vec(proptest::collection::vec((0_usize..5, 0_i64..400_000, 1_u64..1000), 1..40), 1..6),
        arrivals in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 1..5), 0..6),
    ) {
        let batches: Vec<Batch> = used.iter().zip(0..).map(|(used, n)| batch(n, used)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let platform = Platform::new().await;
            for arrival in &arrivals {
                count(&platform, &arrival.iter().map(|index| index.get(&batches)).collect::<Vec<_>>()).await;
            }
            count(&platform, &batches.iter().rev().collect::<Vec<_>>()).await;
            counters(&platform).await
        });
        prop_assert_eq!(found, sums(&batches));
    }
}
