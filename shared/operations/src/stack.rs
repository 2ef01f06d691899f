//! Which stack is meant: its description, as `cargo xtask dev` writes it into `stack.json`.

use std::collections::BTreeMap;
use std::path::Path;

use rookery_store::{Clients, Settings};
use serde::Deserialize;

/// A deployed stack.
#[derive(Debug)]
pub struct Stack {
    clients: Clients,
    queues: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Description {
    table: String,
    bus: String,
    region: String,
    endpoint_url: Option<String>,
    credentials: Option<Credentials>,
    queues: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
}

/// Why a stack cannot be worked with; a sentence for the operator.
#[derive(Debug)]
pub struct StackError(pub String);

impl Stack {
    /// Reads a description. Credentials that it does not hold are taken from the environment.
    pub fn read(path: &Path) -> Result<Self, StackError> {
        let fault = |what: &dyn std::fmt::Display| StackError(format!("{}: {what}.", path.display()));
        let text = std::fs::read(path).map_err(|error| fault(&error))?;
        let described: Description = serde_json::from_slice(&text).map_err(|error| fault(&error))?;
        let own = described.credentials.is_some();
        let look_up = |name: &str| match name {
            "TABLE_NAME" => Some(described.table.clone()),
            "EVENT_BUS_NAME" => Some(described.bus.clone()),
            "AWS_REGION" => Some(described.region.clone()),
            "AWS_ENDPOINT_URL" => described.endpoint_url.clone(),
            "AWS_ACCESS_KEY_ID" if own => described.credentials.as_ref().map(|own| own.access_key_id.clone()),
            "AWS_SECRET_ACCESS_KEY" if own => {
                described.credentials.as_ref().map(|own| own.secret_access_key.clone())
            }
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" if !own => {
                std::env::var(name).ok()
            }
            _ => None,
        };
        let needed = [rookery_store::Variable::AccessKeyId, rookery_store::Variable::SecretAccessKey];
        let settings = Settings::read(look_up, &needed).map_err(|missing| {
            StackError(format!(
                "{missing}; with the AWS CLI, `eval \"$(aws configure export-credentials --format env)\"` sets it."
            ))
        })?;
        Ok(Self { clients: Clients::new(settings), queues: described.queues })
    }

    /// The clients, with the operator's credentials.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The address of a queue, by its name in the description.
    pub fn queue(&self, name: &str) -> Option<&str> {
        self.queues.get(name).map(String::as_str)
    }

    /// The queues that have dead letters.
    pub fn redrivable(&self) -> Vec<String> {
        let names =
            self.queues.keys().filter(|name| self.queues.contains_key(&format!("{name}_dead_letters")));
        names.cloned().collect()
    }
}
