//! Text records for the local cloud, which has no domain names of its own: whoever is on this machine writes them, and the stack asks for
//! them as it asks for those of others, by DNS over HTTPS in its JSON form.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Path, Query, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where records are looked up, on the stack's own address: no path of the API begins so.
pub(crate) const PATH: &str = "/_local/dns";
/// The number of text records (RFC 1035, section 3.2.2), and what says that there is no such name (RFC 2136, section 2.2).
const TXT: u16 = 16;
const NO_SUCH_NAME: u16 = 3;

/// What each name says.
type Records = Arc<RwLock<BTreeMap<String, String>>>;

/// The routes: `PUT /_local/dns/{name}` with a text, and the look-up.
pub(crate) fn router() -> Router {
    Router::new()
        .route(PATH, get(look_up))
        .route(&format!("{PATH}/{{name}}"), put(write))
        .with_state(Records::default())
}

#[derive(Deserialize)]
struct Question {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

async fn look_up(State(records): State<Records>, Query(question): Query<Question>) -> Json<Value> {
    let records = records.read().unwrap_or_else(PoisonError::into_inner);
    let text = records.get(&question.name.to_ascii_lowercase()).filter(|_| question.kind == "TXT");
    Json(match text {
        Some(text) => json!({
            "Status": 0,
            "Answer": [{"name": question.name, "type": TXT, "TTL": 1, "data": text}],
        }),
        None => json!({"Status": NO_SUCH_NAME}),
    })
}

async fn write(State(records): State<Records>, Path(name): Path<String>, text: String) -> StatusCode {
    records.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_ascii_lowercase(), text);
    StatusCode::NO_CONTENT
}
