//! Mails of invitations, with something in the place of SES that writes down what it is sent.

use std::sync::{Arc, Mutex};

use rookery_edge::{Kind, SqsBatchResponse, SqsEvent};
use rookery_tests::world::{Actor, World, all_routes};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What stands between the platform and the database: it takes mails, and hands everything else on.
#[derive(Debug, Clone, Default)]
struct PostOffice {
    mails: Arc<Mutex<Vec<Value>>>,
    closed: Arc<Mutex<bool>>,
}

impl PostOffice {
    async fn open(&self) -> String {
        let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = format!("http://{}", database.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(database, dynoxide::Database::memory().unwrap()));
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", door.local_addr().unwrap());
        let office = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = door.accept().await {
                let (office, behind) = (office.clone(), behind.clone());
                tokio::spawn(async move { office.serve(stream, &behind).await });
            }
        });
        endpoint
    }

    /// Serves the requests of one connection, one after the other.
    async fn serve(&self, mut stream: TcpStream, behind: &str) -> Option<()> {
        let client = reqwest::Client::new();
        let mut bytes = Vec::new();
        loop {
            let head = loop {
                if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                    break at;
                }
                if stream.read_buf(&mut bytes).await.ok()? == 0 {
                    return None;
                }
            };
            let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
            let header = |name: &str| {
                let lines = text.lines().filter_map(|line| line.split_once(':'));
                let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
                found.next().map(|(_, value)| value.trim().to_owned())
            };
            let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            while bytes.len() < head + 4 + length {
                if stream.read_buf(&mut bytes).await.ok()? == 0 {
                    return None;
                }
            }
            let body = bytes[head + 4..head + 4 + length].to_vec();
            bytes.drain(..head + 4 + length);
            let (status, answer) = if text.starts_with("POST /v2/email/outbound-emails ") {
                self.take(&body)
            } else {
                let request = client.post(behind).header("x-amz-target", header("x-amz-target")?);
                let request = request.header("content-type", header("content-type")?);
                let request = request.header("authorization", header("authorization").unwrap_or_default());
                let request = request.header("x-amz-date", header("x-amz-date").unwrap_or_default());
                let answer = request.body(body).send().await.ok()?;
                (answer.status().as_u16(), answer.bytes().await.ok()?.to_vec())
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(&answer).await.ok()?;
        }
    }

    fn take(&self, body: &[u8]) -> (u16, Vec<u8>) {
        if *self.closed.lock().unwrap() {
            let refusal = json!({"__type": "MessageRejected", "message": "not verified"});
            return (400, refusal.to_string().into_bytes());
        }
        self.mails.lock().unwrap().push(serde_json::from_slice(body).unwrap());
        (200, json!({"MessageId": "1"}).to_string().into_bytes())
    }

    fn mails(&self) -> Vec<Value> {
        self.mails.lock().unwrap().clone()
    }
}

/// The world with a post office, and somebody who owns a tenant in it.
async fn world() -> (World, PostOffice, Actor) {
    let office = PostOffice::default();
    let world = World::over(&office.open().await, &[]).await;
    let owner = world.sign_up().await;
    (world, office, owner)
}

async fn deliver(world: &World, bodies: &[String]) -> SqsBatchResponse {
    let routes = all_routes();
    let worker = routes.iter().find(|route| route.handler == "notification-worker").unwrap();
    let Kind::Queue(work) = worker.kind else { panic!("the worker empties a queue") };
    let record = |(at, body): (usize, &String)| json!({"messageId": at.to_string(), "body": body});
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    let batch: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    work(world.context().clone(), batch).await
}

/// A message as the bus makes it of the event of an invitation at a version.
fn message(owner: &Actor, invitation: &Value, action: &str, event: &str) -> String {
    json!({
        "version": "0", "id": "1", "source": "rookery", "detail-type": action,
        "detail": {
            "id": event, "tenant": owner.tenant, "action": action,
            "resource": {"kind": "invitation", "id": invitation["id"]}, "version": invitation["version"],
            "at": "2026-01-01T09:00:00Z", "actor": {"kind": "api_key", "id": "key_01h455vb4pex5vsknk084sn02q"},
            "origin": {}, "outcome": "allowed",
        }
    })
    .to_string()
}

/// The token in a mail's link.
fn token(mail: &Value) -> String {
    let text = mail.pointer("/Content/Simple/Body/Text/Data").and_then(Value::as_str).unwrap();
    let (_, rest) = text.split_once("https://rookery.test/invited#").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

const FIRST: &str = "evt_01h455vb4pex5vsknk084sn02q";
const SECOND: &str = "evt_01h455vb4pex5vsknk084sn02r";

#[tokio::test]
async fn an_invitation_is_mailed_once_and_its_link_is_good() {
    let (world, office, owner) = world().await;
    let body = json!({"email": "\"grace+o'x\"@bücher.example", "name": "Grace"});
    let invited = world.post(&owner, "/v1/invitations", body).await.expect(201).body;
    let message = message(&owner, &invited, "invitation.create", FIRST);
    for _ in 0..3 {
        let answer = deliver(&world, &[message.clone(), message.clone()]).await;
        assert!(answer.batch_item_failures.is_empty());
    }
    let mails = office.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].pointer("/Destination/ToAddresses/0"), Some(&json!("\"grace+o'x\"@bücher.example")));
    assert_eq!(mails[0]["FromEmailAddress"], json!("rookery@example.com"));
    // The secret is in the mail alone.
    let token = token(&mails[0]);
    let secret = token.rsplit('_').next().unwrap().to_owned();
    assert!(world.everything().await.iter().all(|item| !item.contains(&secret)));
    world.accept(&token).await.expect(201);
}

#[tokio::test]
async fn a_mail_that_was_not_taken_is_tried_again() {
    let (world, office, owner) = world().await;
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201).body;
    let good = message(&owner, &invited, "invitation.create", FIRST);
    *office.closed.lock().unwrap() = true;
    let answer = deliver(&world, &["nonsense".to_owned(), good.clone()]).await;
    let failed: Vec<&str> =
        answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(failed, ["0", "1"]);
    *office.closed.lock().unwrap() = false;
    assert!(deliver(&world, std::slice::from_ref(&good)).await.batch_item_failures.is_empty());
    assert_eq!(office.mails().len(), 1);
    world.accept(&token(&office.mails()[0])).await.expect(201);
}

#[tokio::test]
async fn what_was_overtaken_is_not_mailed() {
    let (world, office, owner) = world().await;
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201).body;
    let first = message(&owner, &invited, "invitation.create", FIRST);
    let path = format!("/v1/invitations/{}", invited["id"].as_str().unwrap());
    let resent = world.post(&owner, &format!("{path}/resend"), json!({})).await.expect(200).body;
    let second = message(&owner, &resent, "invitation.resend", SECOND);
    assert!(deliver(&world, &[first, second.clone()]).await.batch_item_failures.is_empty());
    assert_eq!(office.mails().len(), 1);
    world.delete(&owner, &path).await.expect(204);
    assert!(deliver(&world, &[second]).await.batch_item_failures.is_empty());
    assert_eq!(office.mails().len(), 1);
    assert_eq!(world.accept(&token(&office.mails()[0])).await.expect(409).problem(), "invitation-cancelled");
}
