//! What the measured routes work on: a tenant with an app, packages and releases, made by the functions themselves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::cloud::{BUCKET, Cloud, TABLE};
use crate::function::{Function, Start};
use crate::http_call::{HttpCall, read_answer};

/// The functions that prepare and help, one process each, started when first needed.
pub(crate) struct Helpers {
    binaries: PathBuf,
    logs: PathBuf,
    environment: Vec<(&'static str, String)>,
    running: HashMap<&'static str, Function>,
    sequence: u64,
}

impl Helpers {
    pub(crate) fn new(binaries: &Path, logs: &Path, cloud: &Cloud) -> Self {
        Self {
            binaries: binaries.to_owned(),
            logs: logs.to_owned(),
            environment: environment(cloud),
            running: HashMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// Calls a route and insists on a 2xx.
    pub(crate) async fn call(
        &mut self,
        area: &str,
        handler: &'static str,
        call: &HttpCall,
    ) -> Result<Value, Failure> {
        if !self.running.contains_key(handler) {
            let binary = self.binaries.join(area);
            let start = Start { binary: &binary, handler, environment: &self.environment, logs: &self.logs };
            self.running.insert(handler, Function::start(&start).await?);
        }
        self.sequence += 1;
        let function = self.running.get_mut(handler).ok_or("the helper was started above")?;
        let answer = function.invoke(call.event(self.sequence)).await?;
        let (status, body) = read_answer(&answer.body)?;
        if !(200..300).contains(&status) {
            return Err(format!("{} answered {status}: {body}", call.label()).into());
        }
        Ok(body)
    }
}

fn environment(cloud: &Cloud) -> Vec<(&'static str, String)> {
    let queue = |name: &str| format!("{}/000000000000/{name}", cloud.url());
    vec![
        ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ENDPOINT_URL", cloud.url()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("TABLE_NAME", TABLE.to_owned()),
        ("PACKAGE_BUCKET", BUCKET.to_owned()),
        ("KMS_KEY_ID", "00000000-0000-4000-8000-000000000000".to_owned()),
        ("EVENT_BUS_NAME", "rookery".to_owned()),
        ("REPORTS_QUEUE_URL", queue("reports")),
        ("USAGE_QUEUE_URL", queue("usage")),
        ("AUDIT_QUEUE_URL", queue("audit")),
        ("RELAY_FAILURES_URL", queue("relay-failures")),
        ("SIGNUP_MODE", "open".to_owned()),
        ("SIGNUPS_PER_HOUR", "1000000".to_owned()),
        ("PUBLIC_BASE_URL", String::new()),
        ("SERVING_CACHE_SECONDS", "5".to_owned()),
        ("AUTH_CACHE_SECONDS", "15".to_owned()),
    ]
}

/// The ids that the requests need.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) token: String,
    pub(crate) key: String,
    pub(crate) organization: String,
    pub(crate) app: String,
    pub(crate) app_key: String,
    pub(crate) channel: String,
    pub(crate) files: Vec<Value>,
    pub(crate) packages: [String; 2],
    pub(crate) release: String,
    pub(crate) secret: String,
    pub(crate) file_sha256: String,
}

impl World {
    /// Does the main job once: signs up, makes an app, uploads two versions of the example, releases them.
    pub(crate) async fn make(helpers: &mut Helpers, example: &Path) -> Result<Self, Failure> {
        let signup = helpers.call("identity", "signup", &signup(0)).await?;
        let token = text(&signup, "/api_key/secret")?;
        let key = text(&signup, "/api_key/id")?;
        let organization = text(&signup, "/organization/id")?;
        let call = HttpCall::new("POST", "/v1/apps", &[]).token(&token);
        let app = helpers
            .call("catalog", "apps", &call.json(json!({"name": "Hello", "platforms": ["web"]})))
            .await?;
        let app_key = text(&app, "/app_key")?;
        let app = text(&app, "/id")?;
        let mut packages = [String::new(), String::new()];
        let mut files = Vec::new();
        for (package, version) in packages.iter_mut().zip(["v1", "v2"]) {
            files = upload(helpers, &token, &app, &example.join(version)).await?;
            let body = package_body(version.trim_start_matches('v'), &files);
            let call = HttpCall::new("POST", "/v1/apps/{app}/packages", &[&app]).token(&token).json(body);
            *package = text(&helpers.call("catalog", "packages", &call).await?, "/id")?;
        }
        let mut release = String::new();
        for package in &packages {
            let call = HttpCall::new("POST", "/v1/apps/{app}/releases", &[&app]).token(&token);
            let body = json!({"package_id": package, "channel": "production"});
            release = text(&helpers.call("releases", "releases", &call.json(body)).await?, "/id")?;
        }
        let call = HttpCall::new("POST", "/v1/apps/{app}/secrets", &[&app]).token(&token);
        let body = json!({"name": "signing-password", "value": "correct horse battery staple"});
        let secret = text(&helpers.call("catalog", "secrets", &call.json(body)).await?, "/id")?;
        let file_sha256 = text(files.first().ok_or("the example has no files")?, "/sha256")?;
        let channel = "production".to_owned();
        Ok(Self {
            token,
            key,
            organization,
            app,
            app_key,
            channel,
            files,
            packages,
            release,
            secret,
            file_sha256,
        })
    }
}

/// A signup that no other has the slug or the address of.
pub(crate) fn signup(sequence: u64) -> HttpCall {
    let body = json!({
        "tenant": {"name": "Bench", "slug": format!("bench-{sequence}")},
        "owner": {"email": format!("owner{sequence}@example.com"), "name": "Owner", "password": "correct horse battery staple"},
    });
    let [.., b, c, d] = sequence.to_be_bytes();
    HttpCall::new("POST", "/v1/signup", &[]).source_ip(format!("10.{b}.{c}.{d}")).json(body)
}

pub(crate) fn package_body(version: &str, files: &[Value]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|file| json!({"path": file["path"], "sha256": file["sha256"], "split": "important"}))
        .collect();
    json!({"version": format!("{version}.0.0"), "index": "index.html", "files": files, "metadata": {}})
}

async fn upload(helpers: &mut Helpers, token: &str, app: &str, folder: &Path) -> Result<Vec<Value>, Failure> {
    let mut contents = HashMap::new();
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path)?;
            let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            let sha256 = hex::encode(Sha256::digest(&bytes));
            files.push(json!({"path": name, "size": bytes.len(), "sha256": sha256}));
            contents.insert(sha256, bytes);
        }
    }
    let call =
        HttpCall::new("POST", "/v1/apps/{app}/uploads", &[app]).token(token).json(json!({"files": files}));
    let answer = helpers.call("catalog", "uploads", &call).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    for file in answer["files"].as_array().ok_or("no files in the answer to an upload")? {
        if file["status"] != "needed" {
            continue;
        }
        let sha256 = text(file, "/sha256")?;
        let bytes = contents.get(&sha256).ok_or("an upload of a file that nobody named")?;
        let mut request = client.put(text(file, "/upload/url")?).body(bytes.clone());
        for (name, value) in file["upload"]["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        request.send().await?.error_for_status()?;
    }
    Ok(files)
}

pub(crate) fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("no text at {pointer} of {value}").into())
}
