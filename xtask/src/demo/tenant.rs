//! The people of a tenant at their API, and a tally of what they did there, to hold the audit trail and the usage against.

use reqwest::Method;
use serde_json::{Value, json};

use crate::demo::http::{Http, text};
use crate::failure::{Failure, Result};

/// A signed-up tenant and what was done in its name.
pub(crate) struct Tenant {
    pub(crate) http: Http,
    key: String,
    pub(crate) id: String,
    pub(crate) key_id: String,
    pub(crate) tally: Tally,
}

/// What the demo itself counted.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) api_calls: u64,
    pub(crate) update_checks: u64,
    pub(crate) reports: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) downloaded_bytes: u64,
    /// Everything that belongs into the audit trail, oldest first: the action, and whether it was allowed.
    pub(crate) deeds: Vec<(String, &'static str)>,
}

impl Tally {
    /// What was used, by the names of the meters.
    pub(crate) fn usage(&self) -> [(&'static str, u64); 5] {
        [
            ("api_calls", self.api_calls),
            ("update_checks", self.update_checks),
            ("reports", self.reports),
            ("stored_bytes", self.stored_bytes),
            ("downloaded_bytes", self.downloaded_bytes),
        ]
    }
}

impl Tenant {
    /// Founds a tenant and takes the API key that comes with it.
    pub(crate) async fn sign_up(http: &Http, name: &str, slug: &str) -> Result<(Self, Value)> {
        let body = json!({
            "tenant": { "name": name, "slug": slug },
            "owner": { "email": "ada@hello.example", "name": "Ada", "password": "four rooks, one old tree" },
        });
        let answer = http.call(Method::POST, "/v1/signup", None, Some(&body)).await?.expect(201)?.json()?;
        let mut tenant = Self {
            http: http.clone(),
            key: text(&answer, "/api_key/secret")?,
            id: text(&answer, "/tenant/id")?,
            key_id: text(&answer, "/api_key/id")?,
            tally: Tally::default(),
        };
        tenant.tally.deeds.push(("tenant.sign_up".into(), "allowed"));
        Ok((tenant, answer))
    }

    /// The secret of the API key. The tenant lives no longer than the local cloud does.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Reads.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Value> {
        self.tally.api_calls += 1;
        self.http.call(Method::GET, path, Some(&self.key), None).await?.expect(200)?.json()
    }

    /// Asks for something that leaves no trace in the audit trail.
    pub(crate) async fn ask(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.tally.api_calls += 1;
        self.http.call(Method::POST, path, Some(&self.key), Some(body)).await?.expect(200)?.json()
    }

    /// Does something that the audit trail tells of under the name `action`.
    pub(crate) async fn act(&mut self, action: &str, path: &str, body: &Value) -> Result<Value> {
        self.tally.api_calls += 1;
        let answer = self.http.call(Method::POST, path, Some(&self.key), Some(body)).await?;
        if !matches!(answer.status, 200 | 201) {
            return Err(answer.unexpected("200 or 201"));
        }
        self.tally.deeds.push((action.into(), "allowed"));
        answer.json()
    }

    /// Tries something with a key that may not, and answers what it was told.
    pub(crate) async fn try_with(
        &mut self,
        key: &str,
        action: &str,
        path: &str,
        body: &Value,
    ) -> Result<String> {
        self.tally.api_calls += 1;
        let answer = self.http.call(Method::POST, path, Some(key), Some(body)).await?.expect(403)?;
        self.tally.deeds.push((action.into(), "denied"));
        text(&answer.json()?, "/detail").map_err(|_| Failure::new("A refusal gives no reason."))
    }
}
