//! The AWS that the functions meet while they are measured: one endpoint for every service. `DynamoDB` is dynoxide; KMS,
//! SQS, `EventBridge` and S3 are stand-ins that answer what the functions ask for. Every call is counted, and what it
//! consumed is recorded.

mod stand_ins;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use dynoxide::Database;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Failure;

pub(crate) const TABLE: &str = "rookery";
pub(crate) const BUCKET: &str = "rookery-packages";

/// One call of a function to an AWS service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

impl Call {
    fn new(service: &'static str, operation: &str) -> Self {
        Self { service, operation: operation.to_owned(), read_units: 0.0, write_units: 0.0 }
    }
}

pub(super) struct StoredObject {
    pub(super) size: usize,
    pub(super) checksum: String,
}

struct Shared {
    dynamodb: String,
    client: reqwest::Client,
    calls: Mutex<Vec<Call>>,
    objects: Mutex<HashMap<String, StoredObject>>,
}

/// The endpoint, with its record of calls.
pub(crate) struct Cloud {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Cloud {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let dynamodb = TcpListener::bind(("127.0.0.1", 0)).await?;
        let dynamodb_address = dynamodb.local_addr()?;
        let database = Database::memory()?;
        tokio::spawn(async move { dynoxide::server::serve_on(dynamodb, database).await });

        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            dynamodb: format!("http://{dynamodb_address}/"),
            client: reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?,
            calls: Mutex::default(),
            objects: Mutex::default(),
        });
        let router =
            Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&shared));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let cloud = Self { address, shared };
        cloud.create_table().await?;
        Ok(cloud)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls since the last time this was asked.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.calls.lock().expect("no holder of this lock panics"))
    }

    async fn create_table(&self) -> Result<(), Failure> {
        let definition = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        });
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", "DynamoDB_20120810.CreateTable".parse()?);
        headers.insert("content-type", "application/x-amz-json-1.0".parse()?);
        headers.insert(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=bench/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0".parse()?,
        );
        headers.insert("x-amz-date", "20260101T000000Z".parse()?);
        let (status, _, body) = self.shared.forward(&headers, definition.to_string().into()).await?;
        if status != StatusCode::OK {
            return Err(format!("the table could not be made: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(())
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).map(str::to_owned);
    match target.as_deref().and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", operation)) => shared.dynamodb(operation, &parts.headers, body).await,
        Some(("TrentService", operation)) => {
            shared.stand_in(Call::new("kms", operation), stand_ins::kms(operation, &body))
        }
        Some(("AmazonSQS", operation)) => {
            shared.stand_in(Call::new("sqs", operation), stand_ins::sqs(operation, &body))
        }
        Some(("AWSEvents", operation)) => {
            shared.stand_in(Call::new("events", operation), stand_ins::events(&body))
        }
        Some((service, operation)) => {
            (StatusCode::NOT_IMPLEMENTED, format!("nobody stands in for {service}.{operation}"))
                .into_response()
        }
        None => shared.object(&parts.method, &parts.uri, &body),
    }
}

impl Shared {
    fn record(&self, call: Call) {
        self.calls.lock().expect("no holder of this lock panics").push(call);
    }

    /// Asks for the consumed capacity on the function's behalf. The signature no longer covers the body then, which
    /// dynoxide does not mind.
    async fn dynamodb(&self, operation: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let mut request: Value = match serde_json::from_slice(&body) {
            Ok(request) => request,
            Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        };
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        match self.forward(headers, request.to_string().into()).await {
            Ok((status, headers, body)) => {
                let mut call = Call::new("dynamodb", operation);
                let units = consumed(&body);
                match operation {
                    "GetItem" | "BatchGetItem" | "Query" | "TransactGetItems" => call.read_units = units,
                    _ => call.write_units = units,
                }
                self.record(call);
                (status, headers, Body::from(body)).into_response()
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }

    async fn forward(
        &self,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        let mut headers = headers.clone();
        for changed in ["content-length", "host", "x-amz-content-sha256"] {
            headers.remove(changed);
        }
        let response =
            self.client.request(Method::POST, &self.dynamodb).headers(headers).body(body).send().await?;
        let status = response.status();
        let mut headers = response.headers().clone();
        headers.remove("transfer-encoding");
        Ok((status, headers, response.bytes().await?))
    }

    fn stand_in(&self, call: Call, answer: Result<Value, Failure>) -> Response {
        self.record(call);
        match answer {
            Ok(body) => ([("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response(),
            Err(error) => {
                (StatusCode::BAD_REQUEST, json!({"__type": error.to_string()}).to_string()).into_response()
            }
        }
    }

    fn object(&self, method: &Method, uri: &Uri, body: &Bytes) -> Response {
        let mut objects = self.objects.lock().expect("no holder of this lock panics");
        let (operation, response) = stand_ins::s3(&mut objects, method, uri, body);
        // What a client uploads through a presigned URL is not a call of the function.
        if operation != "PutObject" {
            self.record(Call::new("s3", operation));
        }
        response
    }
}

fn consumed(body: &[u8]) -> f64 {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return 0.0 };
    match &body["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or(0.0),
    }
}
