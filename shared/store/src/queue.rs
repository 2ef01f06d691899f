//! Sending messages to the platform's own queues.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::operation::start_message_move_task::StartMessageMoveTaskError;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;

use crate::{Clients, StoreError, Variable};

/// How often a move of messages is asked whether it is done, and how long is waited in between.
const QUESTIONS: u32 = 600;
const PAUSE: Duration = Duration::from_secs(1);

/// Sends a message as JSON to the queue whose address a variable holds. A message may hold 1 MiB.
pub async fn send(clients: &Clients, queue: Variable, message: &impl Serialize) -> Result<(), StoreError> {
    let address = clients.settings().needed(queue)?;
    let body = serde_json::to_string(message).map_err(|source| StoreError::corrupt("message", source))?;
    clients
        .queues()
        .send_message()
        .queue_url(address)
        .message_body(body)
        .send()
        .await
        .map_err(|source| StoreError::failed("SendMessage", source))?;
    Ok(())
}

/// About how many messages a queue holds, those included that somebody has received and not yet dealt with.
pub async fn depth(client: &Client, queue: &str) -> Result<u64, StoreError> {
    let mut depth = 0;
    for name in [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ] {
        depth += number(client, queue, name).await?;
    }
    Ok(depth)
}

/// Moves everything that lies in a dead-letter queue to the queue that it came from, and answers how many messages. SQS does
/// so by itself; where it cannot (emulators), they are received, sent and deleted one by one, so that one is at worst in both.
pub async fn redrive(client: &Client, dead_letters: &str, queue: &str) -> Result<u64, StoreError> {
    let source = attribute(client, dead_letters, QueueAttributeName::QueueArn).await?;
    // What EventBridge sent there never was in a queue, so SQS has to be told where to.
    let destination = attribute(client, queue, QueueAttributeName::QueueArn).await?;
    let started =
        client.start_message_move_task().source_arn(&source).destination_arn(destination).send().await;
    match started {
        Ok(_) => moved(client, &source).await,
        Err(error) if error.as_service_error().is_some_and(lacks_it) => {
            by_hand(client, dead_letters, queue).await
        }
        Err(error) => Err(StoreError::failed("StartMessageMoveTask", error)),
    }
}

fn lacks_it(error: &StartMessageMoveTaskError) -> bool {
    let code = error.code().unwrap_or_default();
    ["InvalidAction", "UnsupportedOperation", "UnknownOperation"].iter().any(|known| code.contains(known))
}

async fn attribute(client: &Client, queue: &str, name: QueueAttributeName) -> Result<String, StoreError> {
    let answer = client
        .get_queue_attributes()
        .queue_url(queue)
        .attribute_names(name.clone())
        .send()
        .await
        .map_err(|source| StoreError::failed("GetQueueAttributes", source))?;
    let value = answer.attributes.and_then(|mut attributes| attributes.remove(&name));
    value.ok_or_else(|| StoreError::unavailable("GetQueueAttributes", format!("there is no {name}")))
}

async fn number(client: &Client, queue: &str, name: QueueAttributeName) -> Result<u64, StoreError> {
    let value = attribute(client, queue, name).await?;
    value.parse().map_err(|source: std::num::ParseIntError| StoreError::corrupt("number of messages", source))
}

async fn moved(client: &Client, source: &str) -> Result<u64, StoreError> {
    for _ in 0..QUESTIONS {
        let answer = client
            .list_message_move_tasks()
            .source_arn(source)
            .send()
            .await
            .map_err(|source| StoreError::failed("ListMessageMoveTasks", source))?;
        let Some(task) = answer.results().first() else { return Ok(0) };
        match task.status() {
            Some("RUNNING") => tokio::time::sleep(PAUSE).await,
            Some("COMPLETED") => {
                return Ok(task.approximate_number_of_messages_moved().try_into().unwrap_or(0));
            }
            other => {
                let reason = task.failure_reason().or(other).unwrap_or("it does not say why");
                return Err(StoreError::unavailable("StartMessageMoveTask", reason.to_owned()));
            }
        }
    }
    Err(StoreError::unavailable("ListMessageMoveTasks", "the move goes on; ask again later"))
}

async fn by_hand(client: &Client, dead_letters: &str, queue: &str) -> Result<u64, StoreError> {
    // What fails again may come back while this runs, so no more is moved than lay there in the beginning.
    let waiting = number(client, dead_letters, QueueAttributeName::ApproximateNumberOfMessages).await?;
    let mut moved = 0;
    while moved < waiting {
        let answer = client
            .receive_message()
            .queue_url(dead_letters)
            .max_number_of_messages(i32::try_from(waiting - moved).unwrap_or(10).min(10))
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|source| StoreError::failed("ReceiveMessage", source))?;
        let messages = answer.messages.unwrap_or_default();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            client
                .send_message()
                .queue_url(queue)
                .set_message_body(message.body)
                .set_message_attributes(message.message_attributes)
                .send()
                .await
                .map_err(|source| StoreError::failed("SendMessage", source))?;
            client
                .delete_message()
                .queue_url(dead_letters)
                .set_receipt_handle(message.receipt_handle)
                .send()
                .await
                .map_err(|source| StoreError::failed("DeleteMessage", source))?;
            moved += 1;
        }
    }
    Ok(moved)
}
