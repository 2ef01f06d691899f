//! The platform in one process: the real route table over a real DynamoDB implementation, with a clock that tests set.
//!
//! S3, KMS and the queues do not exist here. What needs them is tested against the deployed stack.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use rookery_edge::{Context, Gateway, Kind, Route, Sources, http_router};
use rookery_store::{Settings, random};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::described::assert_headers;
use crate::recorded::Recorder;
use crate::unreliable::Unreliable;

/// The name of the table in every world.
pub const TABLE: &str = "rookery";

/// Every function of the platform, as the binaries have them.
pub fn all_routes() -> Vec<Route> {
    [
        rookery_identity::ROUTES,
        rookery_tenancy::ROUTES,
        rookery_rights::ROUTES,
        rookery_catalog::ROUTES,
        rookery_releases::ROUTES,
        rookery_device::ROUTES,
        rookery_audit::ROUTES,
        rookery_people::ROUTES,
        rookery_platform::ROUTES,
        rookery_usage::ROUTES,
        rookery_events::ROUTES,
        rookery_login::ROUTES,
        rookery_provider::ROUTES,
        rookery_scim::ROUTES,
        rookery_federation::ROUTES,
        rookery_meta::ROUTES,
    ]
    .concat()
}

/// The routes of the API as one router, with their documentation.
pub fn api() -> OpenApiRouter<Context> {
    all_routes()
        .iter()
        .filter_map(|route| match route.kind {
            Kind::Http(make) => Some(make()),
            Kind::Queue(_) | Kind::Other(_) => None,
        })
        .fold(OpenApiRouter::new(), OpenApiRouter::merge)
}

/// The OpenAPI document that the route table makes.
pub fn openapi() -> OpenApi {
    rookery_meta::document(api().into_openapi())
}

/// The platform in one process.
pub struct World {
    router: Router,
    client: aws_sdk_dynamodb::Client,
    context: Context,
    clock: Arc<AtomicI64>,
    recorder: Recorder,
    database: Option<tokio::task::JoinHandle<()>>,
    cloud: Option<Unreliable>,
    slugs: AtomicU64,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(database) = &self.database {
            database.abort();
        }
    }
}

/// An answer as a test looks at it.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as JSON; `null` when it has none.
    pub body: Value,
    /// Its body as it was sent.
    pub bytes: bytes::Bytes,
}

impl Reply {
    /// The answer, which must have this status; shows what came instead.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "an assertion by itself")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "unexpected answer: {}", self.body);
        self
    }

    /// A string of the body, by JSON pointer.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        match self.body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            other => panic!("no string at {pointer}, but {other:?} in {}", self.body),
        }
    }

    /// The last part of the problem's type.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], self.status.as_u16());
        assert!(self.body["request_id"].is_string() && self.body["instance"].is_string());
        self.text("/type").trim_start_matches("/problems/").to_owned()
    }

    /// The word for what went wrong in SCIM, or the status where it has none.
    #[track_caller]
    pub fn scim_problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/scim+json");
        assert_eq!(self.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        let status = self.text("/status");
        assert!(status == self.status.as_str() && self.body["detail"].is_string(), "{}", self.body);
        self.body["scimType"].as_str().map_or(status, str::to_owned)
    }

    /// The places of the faults that a problem names.
    pub fn pointers(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Somebody who acts through the API.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The key that the actor presents; nobody presents none.
    pub token: Option<String>,
    /// The actor's tenant.
    pub tenant: String,
}

impl Actor {
    /// Whoever has no key.
    pub fn anonymous() -> Self {
        Self { token: None, tenant: String::new() }
    }
}

impl World {
    /// An empty platform at 09:00 on the first of January 2026.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// As [`World::new`], with further or other variables.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = dynoxide::Database::memory().expect("a database");
        let database = tokio::spawn(dynoxide::server::serve_on(listener, memory));
        let mut world = Self::over(&endpoint, variables).await;
        world.database = Some(database);
        world
    }

    /// As [`World::new`], with KMS, without which nobody logs in.
    pub async fn with_kms() -> Self {
        Self::with_kms_and(&[]).await
    }

    /// As [`World::with_kms`], with further or other variables.
    pub async fn with_kms_and(variables: &[(&str, &str)]) -> Self {
        let cloud = Unreliable::new().await;
        let mut world = Self::over(&cloud.url, variables).await;
        world.cloud = Some(cloud);
        world
    }

    /// The endpoint behind a world with KMS.
    pub fn cloud(&self) -> &Unreliable {
        self.cloud.as_ref().expect("a world with KMS")
    }

    /// As [`World::with`], over a DynamoDB that somebody else runs and that is empty.
    pub async fn over(endpoint: &str, variables: &[(&str, &str)]) -> Self {
        let client = database(endpoint);
        create_table(&client).await;
        let settings = settings(endpoint, variables);
        let clock = Arc::new(AtomicI64::new(1_767_258_000_000_000));
        let now = Arc::clone(&clock);
        let recorder = Recorder::default();
        let sources = Sources {
            now: Box::new(move || {
                // Every look at the clock moves it by a microsecond, so that ids made one after the other sort that way.
                let microseconds = now.fetch_add(1, Ordering::SeqCst);
                Timestamp::from_microsecond(microseconds).expect("a time")
            }),
            fill: Box::new(random::fill),
            observer: Some(SharedInterceptor::new(recorder.clone())),
        };
        let context = Context::new(settings, sources);
        let router = http_router(api().split_for_parts().0, context.clone());
        Self {
            router,
            client,
            context,
            clock,
            recorder,
            database: None,
            cloud: None,
            slugs: AtomicU64::new(1),
        }
    }

    /// What the functions asked of the table.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The context that the routes run in.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Everything that is stored.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let request = self.client.scan().table_name(TABLE).set_exclusive_start_key(start);
            let page = request.send().await.expect("the table is scanned");
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return items;
            }
        }
    }

    /// Lets time pass.
    pub fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = Recorder::serving(&path, self.router.clone().oneshot(request)).await;
        let response = response.expect("routers answer");
        // As in production: what a role does not admit, and what it would admit for another tenant.
        assert_eq!(self.recorder.faults(), [""; 0], "{method} {path}");
        let (parts, body) = response.into_parts();
        assert_headers(&method, &path, parts.status, &parts.headers);
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, body, bytes }
    }

    /// Sends a request with a JSON body and headers.
    pub async fn call_with(
        &self,
        actor: &Actor,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &actor.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }

    /// As [`World::call_with`], from a network address as the gateway would have told it.
    pub async fn call_from(
        &self,
        actor: &Actor,
        address: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        let token = actor.token.clone().unwrap_or_default();
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body)
            .expect("a request");
        request.extensions_mut().insert(Gateway { source_ip: Some(address.to_owned()), domain_name: None });
        self.send(request).await
    }

    /// Reads a path.
    pub async fn get(&self, actor: &Actor, path: &str) -> Reply {
        self.call_with(actor, Method::GET, path, None, &[]).await
    }

    /// Posts a body to a path.
    pub async fn post(&self, actor: &Actor, path: &str, body: Value) -> Reply {
        self.call_with(actor, Method::POST, path, Some(&body), &[]).await
    }

    /// Patches what a path names.
    pub async fn patch(&self, actor: &Actor, path: &str, body: Value) -> Reply {
        self.call_with(actor, Method::PATCH, path, Some(&body), &[]).await
    }

    /// Deletes what a path names.
    pub async fn delete(&self, actor: &Actor, path: &str) -> Reply {
        self.call_with(actor, Method::DELETE, path, None, &[]).await
    }

    /// Founds a tenant and answers its owner.
    pub async fn sign_up(&self) -> Actor {
        let number = self.slugs.fetch_add(1, Ordering::SeqCst);
        let reply = self
            .post(&Actor::anonymous(), "/v1/signup", sign_up_body(&format!("tenant-{number}")))
            .await
            .expect(201);
        Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") }
    }

    /// Everything that was recorded in the actor's tenant, as the audit trail gets it, in the order of time.
    pub async fn events(&self, actor: &Actor) -> Vec<Value> {
        let endpoint = self.context.settings().get(rookery_store::Variable::Endpoint).expect("an endpoint");
        let items = database(endpoint).scan().table_name(TABLE).into_paginator().items().send();
        let items = items.collect::<Result<Vec<_>, _>>().await.expect("a scan");
        let text = |item: &HashMap<String, AttributeValue>, name: &str| {
            item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
        };
        let own = format!("{}#", actor.tenant);
        let mut events: Vec<Value> = items
            .iter()
            .filter(|item| text(item, "kind") == "event" && text(item, "pk").starts_with(&own))
            .map(|item| serde_json::from_str(&text(item, "detail")).expect("an event"))
            .collect();
        events.sort_by_key(|event| event["id"].as_str().unwrap_or_default().to_owned());
        events
    }

    /// A key of the actor's tenant that may do just this.
    pub async fn member(&self, owner: &Actor, scopes: &[&str]) -> Actor {
        let body = json!({"name": "a member", "scopes": scopes});
        let reply = self.post(owner, "/v1/api-keys", body).await.expect(201);
        Actor { token: Some(reply.text("/secret")), tenant: owner.tenant.clone() }
    }
}

/// A body that signs up.
pub fn sign_up_body(slug: &str) -> Value {
    json!({
        "tenant": {"name": format!("The {slug}"), "slug": slug},
        "owner": {"email": "ada@example.com", "name": "Ada"},
    })
}

fn settings(endpoint: &str, variables: &[(&str, &str)]) -> Settings {
    let look_up = |name: &str| {
        if let Some((_, value)) = variables.iter().find(|(known, _)| *known == name) {
            return Some((*value).to_owned());
        }
        let value = match name {
            "TABLE_NAME" => TABLE,
            "AWS_ENDPOINT_URL" => endpoint,
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            "SIGNUP_MODE" => "open",
            "SIGNUPS_PER_HOUR" => "1000",
            "TENANT_GRACE_DAYS" => "30",
            "PUBLIC_BASE_URL" | "PUBLIC_URL" => "https://rookery.test",
            "PACKAGE_BUCKET" => "packages",
            "KMS_KEY_ID" => "key",
            "EVENT_BUS_NAME" => "bus",
            "DNS_OVER_HTTPS_URL" => "http://127.0.0.1:9/resolve",
            "MAIL_FROM" => "rookery@example.com",
            "PASSWORD_RESET_URL" => "https://rookery.test/reset",
            "EMAIL_VERIFY_URL" => "https://rookery.test/verify",
            "INVITATION_URL" => "https://rookery.test/invited",
            "REPORTS_QUEUE_URL" | "USAGE_QUEUE_URL" => "http://127.0.0.1:9/none",
            _ => return None,
        };
        Some(value.to_owned())
    };
    Settings::read(look_up, &[]).expect("nothing is needed")
}

/// A client of the database behind an endpoint.
pub(crate) fn database(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .http_client(rookery_store::http_client())
        .behavior_version(aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("a definition")
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
    };
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .send()
        .await
        .expect("the table is created");
}
