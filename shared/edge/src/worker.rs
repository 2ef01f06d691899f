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
}

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

/// Deals with the messages of a batch one after the other, and answers which of them failed.
pub async fn handle_batch<F, Fut>(batch: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(Message) -> Fut,
    Fut: Future<Output = Result<(), WorkerError>>,
{
    let mut response = SqsBatchResponse::default();
    for record in batch.records {
        let SqsMessage { message_id, body, .. } = record;
        let id = message_id.unwrap_or_default();
        let message = Message { id: id.clone(), body: body.unwrap_or_default() };
        let span = tracing::info_span!("message", message.id = id);
        if let Err(error) = handle(message).instrument(span.clone()).await {
            span.in_scope(|| {
                tracing::error!(error.chain = chain(&error), "message failed; it goes back to the queue");
            });
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}
