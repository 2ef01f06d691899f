//! Mails that the platform sends, for stories about links and notices.

use rookery_edge::{Kind, SqsEvent};
use serde_json::{Value, json};

use crate::unreliable::Unreliable;
use crate::world::{Actor, World, all_routes};

/// A mail as SES was handed it.
#[derive(Debug, Clone)]
pub struct Received {
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

impl Received {
    fn of(mail: &Value) -> Self {
        let text = |pointer: &str| {
            mail.pointer(pointer).and_then(Value::as_str).map(str::to_owned).expect("a text of a mail")
        };
        Self {
            to: text("/Destination/ToAddresses/0"),
            subject: text("/Content/Simple/Subject/Data"),
            text: text("/Content/Simple/Body/Text/Data"),
        }
    }

    /// The token behind the `#` of the mail's link.
    #[track_caller]
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once('#').expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    }
}

impl World {
    /// Hands everything that happened in a tenant to the worker that sends mails, as the bus would, and answers the mails that it sent for
    /// it. What it got before it knows.
    pub async fn mailed(&self, office: &Unreliable, owner: &Actor) -> Vec<Received> {
        let before = office.mails().len();
        let routes = all_routes();
        let route = routes.iter().find(|route| route.handler == "notification-worker").expect("a worker");
        let Kind::Queue(work) = route.kind else { panic!("a worker of a queue") };
        let records: Vec<Value> = self
            .events(owner)
            .await
            .into_iter()
            .enumerate()
            .map(|(number, event)| {
                let message = json!({
                    "version": "0", "id": "1", "source": "rookery", "detail-type": event["action"], "detail": event,
                });
                json!({"messageId": number.to_string(), "body": message.to_string()})
            })
            .collect();
        let batch: SqsEvent = serde_json::from_value(json!({"Records": records})).expect("a batch");
        let answer = work(self.context().clone(), batch).await;
        assert!(answer.batch_item_failures.is_empty(), "{:?}", answer.batch_item_failures);
        office.mails()[before..].iter().map(Received::of).collect()
    }
}
