//! Sending messages to the platform's own queues.

use serde::Serialize;

use crate::{Clients, StoreError, Variable};

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
        .map_err(|source| StoreError::unavailable("SendMessage", source))?;
    Ok(())
}
