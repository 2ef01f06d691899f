//! Working through queues: every message by itself, those that failed reported back alone.

use std::future::Future;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use rookery_store::StoreError;
use tracing::Instrument as _;

use crate::request::chain;

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's id of the message.
    pub id: String,
    /// Its text.
    pub body: String,
    /// How often it was taken from the queue, this time included.
    pub attempt: u32,
}

/// How often a message is tried before it goes to the dead-letter queue: `maxReceiveCount` in `infra/messaging.yaml`.
pub const ATTEMPTS: u32 = 5;

/// Why a message was not dealt with. It goes back to the queue, and to the dead-letter queue in the end.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The message is not of a form that the worker knows.
    #[error("the message cannot be read")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store did not do what the message asks for.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl WorkerError {
    /// A message of an unknown form.
    pub fn malformed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Malformed(source.into())
    }
}

/// Deals with the messages of a batch together where that is cheaper: `read` reads each by itself, `handle` gets all that could
/// be read. If that fails, each is handled alone, so that no message suffers from another one; `handle` must therefore do no
/// harm when it gets again what it dealt with before.
pub async fn handle_together<T, R, F, Fut>(batch: SqsEvent, read: R, handle: F) -> SqsBatchResponse
where
    T: Clone,
    R: Fn(&Message) -> Result<T, WorkerError>,
    F: Fn(Vec<T>) -> Fut,
    Fut: Future<Output = Result<(), WorkerError>>,
{
    let mut response = SqsBatchResponse::default();
    let mut readable = Vec::new();
    for record in batch.records {
        let message = message(record);
        match read(&message) {
            Ok(content) => readable.push((message.id, content)),
            Err(error) => report(&mut response, message.id, &error),
        }
    }
    if readable.is_empty() {
        return response;
    }
    let together = readable.iter().map(|(_, content)| content.clone()).collect();
    let Err(error) = handle(together).await else {
        return response;
    };
    tracing::warn!(
        messages = readable.len(),
        error.chain = chain(&error),
        "messages failed together; each is tried alone"
    );
    for (id, content) in readable {
        if let Err(error) = handle(vec![content]).await {
            report(&mut response, id, &error);
        }
    }
    response
}

fn message(record: SqsMessage) -> Message {
    let SqsMessage { message_id, body, attributes, .. } = record;
    let attempt = attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Message {
        id: message_id.unwrap_or_default(),
        body: body.unwrap_or_default(),
        attempt: attempt.unwrap_or(1),
    }
}

fn report(response: &mut SqsBatchResponse, id: String, error: &WorkerError) {
    tracing::error!(message.id = id, error.chain = chain(error), "message failed; it goes back to the queue");
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    response.batch_item_failures.push(failure);
}

/// Deals with the messages of a batch one after the other, and answers which of them failed.
pub async fn handle_batch<F, Fut>(batch: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(Message) -> Fut,
    Fut: Future<Output = Result<(), WorkerError>>,
{
    let mut response = SqsBatchResponse::default();
    for record in batch.records {
        let message = message(record);
        let id = message.id.clone();
        let span = tracing::info_span!("message", message.id = id);
        if let Err(error) = handle(message).instrument(span).await {
            report(&mut response, id, &error);
        }
    }
    response
}
