//! A request of a client, as an HTTP API hands it to a function (payload format 2.0), and the function's answer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::Failure;

/// A request to one route.
#[derive(Clone, Debug)]
pub(crate) struct HttpCall {
    method: &'static str,
    route: String,
    path: String,
    query: String,
    credentials: Option<String>,
    source_ip: String,
    body: Option<Value>,
    /// Whether the body is sent as a form, as OAuth has it.
    form: bool,
}

impl HttpCall {
    /// `parameters` fill the braces of `route` in their order.
    pub(crate) fn new(method: &'static str, route: &str, parameters: &[&str]) -> Self {
        let mut path = String::new();
        let mut parameters = parameters.iter();
        for segment in route.split('/').skip(1) {
            path.push('/');
            path.push_str(if segment.starts_with('{') {
                parameters.next().copied().unwrap_or("-")
            } else {
                segment
            });
        }
        Self {
            method,
            route: route.to_owned(),
            path,
            query: String::new(),
            credentials: None,
            source_ip: "192.0.2.1".to_owned(),
            body: None,
            form: false,
        }
    }

    pub(crate) fn token(mut self, token: &str) -> Self {
        self.credentials = Some(format!("Bearer {token}"));
        self
    }

    /// A client of the `OpenID` provider, by its id and secret.
    pub(crate) fn client(mut self, id: &str, secret: &str) -> Self {
        self.credentials = Some(format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))));
        self
    }

    pub(crate) fn query(mut self, query: String) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn source_ip(mut self, address: String) -> Self {
        self.source_ip = address;
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// A form with these fields.
    pub(crate) fn form(mut self, fields: &Value) -> Self {
        self.form = true;
        self.json(fields.clone())
    }

    /// What is sent.
    pub(crate) fn body(&self) -> &Value {
        self.body.as_ref().unwrap_or(&Value::Null)
    }

    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    pub(crate) fn event(&self, sequence: u64) -> Bytes {
        let mut headers = json!({
            "accept": "*/*",
            "host": "bench.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "rookery-bench",
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "x-forwarded-for": self.source_ip,
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        });
        if let Some(credentials) = &self.credentials {
            headers["authorization"] = json!(credentials);
        }
        let body = self.written();
        if let Some(body) = &body {
            let kind = if self.form { "application/x-www-form-urlencoded" } else { "application/json" };
            headers["content-type"] = json!(kind);
            headers["content-length"] = json!(body.len().to_string());
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": format!("ANY {}", self.route),
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "bench",
                "domainName": "bench.execute-api.eu-central-1.amazonaws.com",
                "domainPrefix": "bench",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": "rookery-bench",
                },
                "requestId": format!("bench-{sequence:010}"),
                "routeKey": format!("ANY {}", self.route),
                "stage": "$default",
                "time": "21/Nov/2026:09:00:00 +0000",
                "timeEpoch": 1_795_251_600_000_u64,
            },
            "isBase64Encoded": false,
        });
        if !self.query.is_empty() {
            let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
            event["queryStringParameters"] =
                pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>().into();
        }
        let names = self.route.split('/').zip(self.path.split('/')).filter_map(|(name, value)| {
            Some((name.strip_prefix('{')?.strip_suffix('}')?.to_owned(), json!(value)))
        });
        let parameters: Map<_, _> = names.collect();
        if !parameters.is_empty() {
            event["pathParameters"] = parameters.into();
        }
        if let Some(body) = body {
            event["body"] = json!(body);
        }
        event.to_string().into()
    }

    /// The body as it is sent.
    fn written(&self) -> Option<String> {
        let body = self.body.as_ref()?;
        if !self.form {
            return Some(body.to_string());
        }
        let fields = body.as_object().into_iter().flatten();
        let pairs = fields.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
        Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    }
}

/// The status and the JSON body of a function's answer; a body that is not JSON is null.
pub(crate) fn read_answer(answer: &[u8]) -> Result<(u64, Value), Failure> {
    let answer: Value = serde_json::from_slice(answer)?;
    let status = answer["statusCode"].as_u64().ok_or("the function's answer has no status")?;
    let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
    Ok((status, body.unwrap_or_default()))
}
