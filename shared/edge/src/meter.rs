//! Counting what tenants use, without a write per request.
//!
//! Counts gather in memory and are sent to the usage queue as batches: four seconds after the first count of a batch, or when
//! it holds ten thousand, and when the process is told to end. A batch keeps its id until the queue took it, and whoever
//! reads it counts each id once, so that nothing is counted twice. Only a process that is killed without notice loses what it
//! counted, at most the last five seconds.
//!
//! The same batches tell which keys were used, so that when a key was last used is known without a write per request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rookery_domain::id::{EventId, KeyId, TenantId};
use rookery_domain::usage::{Batch, KeyLog, Meter as Kind, Tally};
use rookery_store::{Variable, queue};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::Context;
use crate::request::chain;

/// How long a count waits at the most before its batch is sent.
const PATIENCE: Duration = Duration::from_secs(4);
/// How many counts a batch gathers before it is sent early.
const FULL: u64 = 10_000;

/// Gathers counts.
#[derive(Debug, Default)]
pub struct Meter {
    pending: Mutex<Pending>,
    /// The batch that is on its way. Held while it is sent, so that there is one at a time.
    sending: AsyncMutex<Option<Batch>>,
    first: Notify,
    full: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    tally: Tally,
    keys: KeyLog,
    counted: u64,
}

impl Meter {
    /// Counts something of a tenant.
    pub fn count(&self, tenant: TenantId, meter: Kind, amount: u64, now: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.tally.add(tenant, meter, now, amount);
        pending.counted += 1;
        match pending.counted {
            1 => self.first.notify_one(),
            FULL => self.full.notify_one(),
            _ => {}
        }
    }

    /// Notes that a key was used. It is told with the counts; by itself it makes no batch due, for every use is counted too.
    pub fn used(&self, tenant: TenantId, key: KeyId, now: Timestamp) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).keys.note(tenant, key, now);
    }

    fn take(&self, context: &Context) -> Option<Batch> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.counted = 0;
        let id: EventId = context.new_id();
        let counts = pending.tally.take(id);
        let keys = pending.keys.take();
        match counts {
            Some(batch) => Some(Batch { keys, ..batch }),
            None if keys.is_empty() => None,
            None => Some(Batch { id, counts: Vec::new(), keys }),
        }
    }

    /// Sends everything that was counted. What cannot be sent stays and is sent with the next call.
    pub async fn flush(&self, context: &Context) {
        let mut sending = self.sending.lock().await;
        loop {
            if sending.is_none() {
                *sending = self.take(context);
            }
            let Some(batch) = sending.as_ref() else { return };
            match queue::send(context.clients(), Variable::UsageQueue, batch).await {
                Ok(()) => *sending = None,
                Err(error) => {
                    tracing::error!(batch.id = %batch.id, error.chain = chain(&error), "usage could not be sent; kept");
                    return;
                }
            }
        }
    }

    /// Sends batches as they become due, for as long as the process lives.
    pub(crate) async fn run(context: Context) {
        loop {
            let meter = context.meter();
            meter.first.notified().await;
            tokio::select! {
                () = tokio::time::sleep(PATIENCE) => {}
                () = meter.full.notified() => {}
            }
            meter.flush(&context).await;
            if meter.sending.lock().await.is_some() {
                // The queue did not take the batch: come again, even if nothing further is counted.
                meter.first.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use axum::Json;
    use axum::extract::State;
    use axum::response::{IntoResponse, Response};
    use http::StatusCode;
    use rookery_store::Settings;
    use serde_json::{Value, json};

    use crate::Sources;

    /// A queue that keeps what it takes, and refuses as often as it is told.
    #[derive(Debug, Default)]
    struct Queue {
        /// Every batch that came, whether it was taken, and when.
        came: Mutex<Vec<(Batch, bool, Instant)>>,
        refusals: AtomicU32,
    }

    impl Queue {
        fn take(&self, message: &Value) -> Response {
            let batch = serde_json::from_str(message["MessageBody"].as_str().unwrap()).unwrap();
            let less = |left: u32| left.checked_sub(1);
            let taken = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err();
            self.came.lock().unwrap().push((batch, taken, Instant::now()));
            if taken {
                Json(json!({"MessageId": "1", "MD5OfMessageBody": "0"})).into_response()
            } else {
                // An answer that the SDK does not try again by itself.
                (StatusCode::BAD_REQUEST, Json(json!({"__type": "KmsDisabled"}))).into_response()
            }
        }

        fn came(&self) -> Vec<(Batch, bool, Instant)> {
            self.came.lock().unwrap().clone()
        }

        /// What a reader counts, who counts each batch once.
        fn counted(&self) -> u64 {
            let batches: Vec<Batch> = self.came().into_iter().map(|(batch, _, _)| batch).collect();
            let once: std::collections::BTreeMap<_, _> =
                batches.iter().map(|batch| (batch.id, &batch.counts)).collect();
            once.values().copied().flatten().map(|count| count.count).sum()
        }

        async fn until(&self, batches: usize) -> Vec<(Batch, bool, Instant)> {
            for _ in 0..600 {
                let came = self.came();
                if came.len() >= batches {
                    return came;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("{batches} batches did not come: {:?}", self.came());
        }
    }

    async fn queue() -> (Arc<Queue>, Context) {
        let queue = Arc::new(Queue::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let take =
            |State(queue): State<Arc<Queue>>, Json(message): Json<Value>| async move { queue.take(&message) };
        let routes = axum::Router::new().fallback(take).with_state(Arc::clone(&queue));
        // The SDK's content type is one of its own.
        let routes = routes.layer(axum::middleware::map_request(async |mut request: http::Request<_>| {
            let json = http::HeaderValue::from_static("application/json");
            request.headers_mut().insert(http::header::CONTENT_TYPE, json);
            request
        }));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let value = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            "USAGE_QUEUE_URL" => Some(format!("{endpoint}/000000000000/usage")),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        let settings = Settings::read(value, &[Variable::UsageQueue]).unwrap();
        (queue, Context::new(settings, Sources::system()))
    }

    fn tenant(n: u128) -> TenantId {
        rookery_domain::id::Id::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn count(context: &Context, n: u128, amount: u64) {
        // One hour, so that no test depends on when it runs.
        let now = "2026-11-21T09:30:00Z".parse().unwrap();
        context.meter().count(tenant(n), Kind::UpdateChecks, amount, now);
    }

    #[tokio::test]
    async fn a_batch_is_sent_four_seconds_after_its_first_count() {
        let (queue, context) = queue().await;
        tokio::spawn(Meter::run(context.clone()));
        let first = Instant::now();
        count(&context, 1, 2);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(queue.came().is_empty());
        count(&context, 1, 3);
        let came = queue.until(1).await;
        let waited = came[0].2 - first;
        assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
        assert_eq!(came[0].0.counts.iter().map(|count| count.count).collect::<Vec<_>>(), [5]);
        // The next batch has four seconds of its own, once the first has been answered for.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let second = Instant::now();
        count(&context, 1, 1);
        let waited = queue.until(2).await[1].2 - second;
        assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
        assert_eq!(queue.counted(), 6);
    }

    #[tokio::test]
    async fn a_full_batch_is_sent_at_once() {
        let (queue, context) = queue().await;
        tokio::spawn(Meter::run(context.clone()));
        // The client is made before time counts.
        count(&context, 2, 1);
        context.meter().flush(&context).await;
        tokio::task::yield_now().await;
        let first = Instant::now();
        for _ in 0..FULL {
            count(&context, 1, 1);
        }
        let came = queue.until(2).await;
        assert!(came[1].2 - first < PATIENCE, "{:?}", came[1].2 - first);
        assert_eq!(queue.counted(), FULL + 1);
    }

    #[tokio::test]
    async fn what_could_not_be_sent_is_sent_again_as_it_was() {
        let (queue, context) = queue().await;
        queue.refusals.store(2, Ordering::SeqCst);
        count(&context, 1, 7);
        context.meter().flush(&context).await;
        // Counted meanwhile: it has to wait, for the batch that may have arrived must not change.
        count(&context, 1, 4);
        context.meter().flush(&context).await;
        context.meter().flush(&context).await;
        let came = queue.came();
        assert_eq!(came.iter().map(|(_, taken, _)| *taken).collect::<Vec<_>>(), [false, false, true, true]);
        assert_eq!(came[0].0, came[1].0);
        assert_eq!(came[0].0, came[2].0);
        assert_ne!(came[2].0.id, came[3].0.id);
        assert_eq!(queue.counted(), 11);
    }

    #[tokio::test]
    async fn a_refused_batch_is_sent_again_though_nothing_further_is_counted() {
        let (queue, context) = queue().await;
        queue.refusals.store(1, Ordering::SeqCst);
        tokio::spawn(Meter::run(context.clone()));
        count(&context, 1, 7);
        let came = queue.until(2).await;
        assert_eq!(came[0].0, came[1].0);
        assert_eq!((came[0].1, came[1].1), (false, true));
    }

    #[tokio::test]
    async fn everything_is_sent_in_the_end() {
        let (queue, context) = queue().await;
        for n in 0..2500 {
            count(&context, n, 1);
        }
        context.meter().flush(&context).await;
        assert_eq!(queue.came().len(), 3);
        assert_eq!(queue.counted(), 2500);
        context.meter().flush(&context).await;
        assert_eq!(queue.came().len(), 3, "nothing is left");
    }

    #[tokio::test]
    async fn keys_travel_with_what_was_counted() {
        let (queue, context) = queue().await;
        let key: KeyId = rookery_domain::id::Id::from_uuid(uuid::Uuid::from_u128(7));
        let now = "2026-11-21T09:30:00Z".parse().unwrap();
        for _ in 0..3 {
            context.meter().used(tenant(1), key, now);
            count(&context, 1, 1);
        }
        context.meter().flush(&context).await;
        let batch = &queue.came()[0].0;
        assert_eq!(batch.keys.iter().map(|used| (used.key, used.at)).collect::<Vec<_>>(), [(key, now)]);
        assert_eq!(batch.counts[0].count, 3);
        context.meter().flush(&context).await;
        assert_eq!(queue.came().len(), 1, "nothing is left");
    }
}
