//! The worker that makes the next key for tokens ahead of the last one's end, once a day; and that replaces the keys at once when an
//! operator calls it with `{"rotate": "at_once"}`. With `{"rotate": "at_once", "withdraw": true}` nothing that the keys of before signed
//! is believed any more.

use lambda_runtime::Error;
use rookery_domain::token_key::{self as plan, Algorithm};
use rookery_edge::{Boxed, Context};
use rookery_store::token_key;
use serde::Deserialize;
use serde_json::{Value, json};

/// What an operator may ask for. What the schedule sends has none of it.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    rotate: Option<When>,
    #[serde(default)]
    withdraw: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    AtOnce,
}

/// Makes what is due, or replaces everything at once.
pub fn work(context: Context, event: Value) -> Boxed<Result<Value, Error>> {
    Box::pin(async move {
        let asked: Asked = serde_json::from_value(event)?;
        let (clients, now) = (context.clients(), context.now());
        let mut made = Vec::new();
        for algorithm in Algorithm::ALL {
            let keys = token_key::list(context.table()?).await?;
            let in_use = keys.iter().any(|key| key.algorithm == algorithm && key.is_believed(now));
            match asked.rotate {
                Some(When::AtOnce) if in_use => {
                    let next = plan::at_once(&keys, algorithm, now);
                    let key = token_key::take_over(clients, next, !asked.withdraw, now).await?;
                    tracing::warn!(
                        token_key.kid = key.kid,
                        token_key.withdrawn = asked.withdraw,
                        "the keys for tokens were replaced at once"
                    );
                    made.push(algorithm);
                }
                Some(When::AtOnce) => {}
                None => {
                    if let Some(next) = plan::ahead(&keys, algorithm, now) {
                        token_key::make(clients, next).await?;
                        made.push(algorithm);
                    }
                }
            }
        }
        Ok(json!({"made": made}))
    })
}
