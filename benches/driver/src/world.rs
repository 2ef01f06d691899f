//! What the measured routes work on: a tenant with an app, packages and releases, made by the functions themselves.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rookery_authenticator::Authenticator;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::bundle::{Bundle, Place};
use crate::cloud::{BUCKET, Cloud, TABLE};
use crate::function::{Process, Start};
use crate::http_call::{HttpCall, read_answer};

/// The functions that prepare and help, one process each, started when first needed.
pub(crate) struct Helpers {
    binaries: PathBuf,
    logs: PathBuf,
    bundle: Bundle,
    environment: Vec<(&'static str, String)>,
    running: HashMap<&'static str, Process>,
    sequence: u64,
}

impl Helpers {
    pub(crate) fn new(binaries: &Path, logs: &Path, bundle: Bundle, cloud: &Cloud) -> Self {
        Self {
            binaries: binaries.to_owned(),
            logs: logs.to_owned(),
            bundle,
            environment: environment(cloud),
            running: HashMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// Starts one more of the function that answers a route.
    pub(crate) async fn start(&self, route: &str) -> Result<Process, Failure> {
        let Place { area, handler } = self.bundle.of_route(route)?;
        let binary = self.binaries.join(area);
        let start = Start { binary: &binary, handler, environment: &self.environment, logs: &self.logs };
        Process::start(&start).await
    }

    pub(crate) fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Calls a route and insists on a 2xx.
    pub(crate) async fn call(&mut self, call: &HttpCall) -> Result<Value, Failure> {
        let Place { handler, .. } = self.bundle.of_route(call.route())?;
        if !self.running.contains_key(handler) {
            let started = self.start(call.route()).await?;
            self.running.insert(handler, started);
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

const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=bench/20261121/eu-central-1/dynamodb/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";

impl Helpers {
    /// Lets a tenant have more than its plan does: as many of something as the rounds of a case make.
    async fn make_room(&self, tenant: &str, quota: &str) -> Result<(), Failure> {
        let endpoint = self.environment.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL");
        let (_, endpoint) = endpoint.ok_or("the functions have no endpoint")?;
        let update = json!({
            "TableName": TABLE,
            "Key": {"pk": {"S": format!("{tenant}#quota")}, "sk": {"S": format!("tenant#{quota}")}},
            "UpdateExpression": "SET most = :most, room = :most - used",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":most": {"N": "1000000"}},
        });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.post(endpoint).header("x-amz-target", "DynamoDB_20120810.UpdateItem");
        // The database looks for a signature, and not at it.
        let request = request.header("authorization", SIGNATURE).header("x-amz-date", "20261121T090000Z");
        let request = request.header("content-type", "application/x-amz-json-1.0").body(update.to_string());
        let answer = request.send().await?;
        if !answer.status().is_success() {
            return Err(format!("the quota {quota} was not raised: {}", answer.text().await?).into());
        }
        Ok(())
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
        ("PUBLIC_URL", ORIGIN.to_owned()),
        ("SERVING_CACHE_SECONDS", "5".to_owned()),
        ("AUTH_CACHE_SECONDS", "15".to_owned()),
    ]
}

/// The ids that the requests need.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// A key that may everything.
    pub(crate) token: String,
    /// The owner's, who has logged in.
    pub(crate) session: String,
    pub(crate) slug: String,
    /// An OAuth client that acts by itself: its id and secret.
    pub(crate) client: (String, String),
    /// One of everything, by the names that placeholders have in paths.
    pub(crate) ids: BTreeMap<String, String>,
    pub(crate) organization: String,
    pub(crate) app: String,
    pub(crate) app_key: String,
    pub(crate) channel: String,
    pub(crate) files: Vec<Value>,
    pub(crate) packages: [String; 2],
    pub(crate) release: String,
    pub(crate) secret: String,
    pub(crate) file_sha256: String,
    /// A passkey of another tenant's owner.
    pub(crate) device: Rc<RefCell<Authenticator>>,
}

impl World {
    /// Does the main job once: signs up, makes an app, uploads two versions of the example, releases them.
    pub(crate) async fn make(helpers: &mut Helpers, example: &Path) -> Result<Self, Failure> {
        helpers.call(&signup(PASSKEY_OWNER)).await?;
        let device = passkey(helpers, &slug(PASSKEY_OWNER)).await?;
        let signup = helpers.call(&signup(0)).await?;
        let token = text(&signup, "/api_key/secret")?;
        let slug = slug(0);
        let session = text(&helpers.call(&login(&slug)).await?, "/access_token")?;
        let organization = text(&signup, "/organization/id")?;
        let call = HttpCall::new("POST", "/v1/apps", &[]).token(&token);
        let app = helpers.call(&call.json(json!({"name": "Hello", "platforms": ["web"]}))).await?;
        let app_key = text(&app, "/app_key")?;
        let app = text(&app, "/id")?;
        let mut packages = [String::new(), String::new()];
        let mut files = Vec::new();
        for (package, version) in packages.iter_mut().zip(["v1", "v2"]) {
            files = upload(helpers, &token, &app, &example.join(version)).await?;
            let body = package_body(version.trim_start_matches('v'), &files);
            let call = HttpCall::new("POST", "/v1/apps/{app}/packages", &[&app]).token(&token).json(body);
            *package = text(&helpers.call(&call).await?, "/id")?;
        }
        let mut release = String::new();
        for package in &packages {
            let call = HttpCall::new("POST", "/v1/apps/{app}/releases", &[&app]).token(&token);
            let body = json!({"package_id": package, "channel": "production"});
            release = text(&helpers.call(&call.json(body)).await?, "/id")?;
        }
        let call = HttpCall::new("POST", "/v1/apps/{app}/secrets", &[&app]).token(&token);
        let body = json!({"name": "signing-password", "value": "correct horse battery staple"});
        let secret = text(&helpers.call(&call.json(body)).await?, "/id")?;
        let file_sha256 = text(files.first().ok_or("the example has no files")?, "/sha256")?;
        let channel = "production".to_owned();
        let mut ids = BTreeMap::from(
            [
                ("app", app.clone()),
                ("app_key", app_key.clone()),
                ("key", text(&signup, "/api_key/id")?),
                ("organization", organization.clone()),
                ("package", packages[1].clone()),
                ("project", text(&signup, "/project/id")?),
                ("release", release.clone()),
                ("secret", secret.clone()),
                ("user", text(&signup, "/user/id")?),
                ("workspace", text(&signup, "/workspace/id")?),
            ]
            .map(|(name, id)| (name.to_owned(), id)),
        );
        for quota in ["apps", "keys"] {
            helpers.make_room(&text(&signup, "/tenant/id")?, quota).await?;
        }
        let client = one_of_each(helpers, &token, &session, &text(&signup, "/tenant/id")?, &mut ids).await?;
        Ok(Self {
            token,
            session,
            slug,
            client,
            ids,
            organization,
            app,
            app_key,
            channel,
            files,
            packages,
            release,
            secret,
            file_sha256,
            device: Rc::new(RefCell::new(device)),
        })
    }
}

/// Who logs in with a passkey: the number of its signup, far above those of others.
const PASSKEY_OWNER: u64 = 0xff_ff_ff;
const PASSWORD: &str = "correct horse battery staple";

/// The slug of the tenant of a signup.
pub(crate) fn slug(sequence: u64) -> String {
    format!("bench-{sequence}")
}

/// A signup that no other has the slug or the address of.
pub(crate) fn signup(sequence: u64) -> HttpCall {
    let body = json!({
        "tenant": {"name": "Bench", "slug": slug(sequence)},
        "owner": {"email": format!("owner{sequence}@example.com"), "name": "Owner", "password": PASSWORD},
    });
    let [.., b, c, d] = sequence.to_be_bytes();
    HttpCall::new("POST", "/v1/signup", &[]).source_ip(format!("10.{b}.{c}.{d}")).json(body)
}

/// Where the functions are told that they are.
const ORIGIN: &str = "https://bench.example.com";

/// Asks what a browser needs to log in with a passkey, each time from elsewhere: an address does not ask without end.
pub(crate) fn ask_for_passkey(sequence: u64) -> HttpCall {
    let [.., c, d] = sequence.to_be_bytes();
    let route = "/v1/auth/passkeys/options";
    HttpCall::new("POST", route, &[]).source_ip(format!("10.0.{c}.{d}")).json(json!({}))
}

/// Makes a passkey for the owner of a tenant, who from then on shows it besides the password.
async fn passkey(helpers: &mut Helpers, slug: &str) -> Result<Authenticator, Failure> {
    let session = text(&helpers.call(&login(slug)).await?, "/access_token")?;
    let mut device = Authenticator::at(ORIGIN);
    let options = HttpCall::new("POST", "/v1/me/passkeys/options", &[]).token(&session);
    let made = device.create(&helpers.call(&options.json(json!({"password": PASSWORD}))).await?);
    let passkey = HttpCall::new("POST", "/v1/me/passkeys", &[]).token(&session);
    helpers.call(&passkey.json(json!({"name": "Phone", "passkey": made}))).await?;
    Ok(device)
}

/// The owner of a tenant logs in.
pub(crate) fn login(slug: &str) -> HttpCall {
    let number = slug.trim_start_matches("bench-");
    HttpCall::new("POST", "/v1/auth/login", &[]).json(json!({
        "tenant": slug, "email": format!("owner{number}@example.com"), "password": PASSWORD,
    }))
}

/// Makes one of everything else that paths name, and a client that acts by itself: its id and secret.
async fn one_of_each(
    helpers: &mut Helpers,
    token: &str,
    session: &str,
    tenant: &str,
    ids: &mut BTreeMap<String, String>,
) -> Result<(String, String), Failure> {
    let organization = ids["organization"].clone();
    let below = [organization.as_str()];
    for (name, route, parameters, body) in [
        (
            "division",
            "/v1/organizations/{organization}/divisions",
            &below[..],
            json!({"name": "North", "code": "N"}),
        ),
        ("group", "/v1/organizations/{organization}/groups", &below, json!({"name": "Pilots"})),
        ("role", "/v1/roles", &[], json!({"name": "Pilot", "permissions": ["app.read"]})),
        ("invitation", "/v1/invitations", &[], json!({"email": "guest@example.com"})),
        (
            "provider",
            "/v1/identity-providers",
            &[],
            json!({
                "name": "Company", "kind": "oidc", "issuer": "https://id.invalid", "client_id": "rookery",
                "mail_domains": ["example.com"],
            }),
        ),
        (
            "client",
            "/v1/oauth-clients",
            &[],
            json!({
                "name": "Dashboard", "redirect_uris": ["https://dashboard.example.com/cb"],
            }),
        ),
    ] {
        let call = HttpCall::new("POST", route, parameters).token(token).json(body);
        ids.insert(name.to_owned(), text(&helpers.call(&call).await?, "/id")?);
    }
    let member = HttpCall::new("POST", "/v1/groups/{group}/members", &[&ids["group"]]).token(token);
    helpers.call(&member.json(json!({"user_id": ids["user"]}))).await?;
    let robot = HttpCall::new("POST", "/v1/api-keys", &[]).token(token);
    let robot = robot.json(json!({"name": "robot", "scopes": ["*"], "owner_id": tenant}));
    let robot = text(&helpers.call(&robot).await?, "/id")?;
    let trust = HttpCall::new("POST", "/v1/workload-trusts", &[]).token(token).json(json!({
        "name": "CI", "issuer": "https://ci.example.com", "audience": "rookery", "service_key_id": robot,
        "conditions": [{"claim": "repository", "equals": "acme/app"}],
    }));
    ids.insert("trust".to_owned(), text(&helpers.call(&trust).await?, "/id")?);
    for (name, route) in [("binding", "/v1/bindings"), ("session", "/v1/me/sessions")] {
        let listed = helpers.call(&HttpCall::new("GET", route, &[]).token(session)).await?;
        ids.insert(name.to_owned(), text(&listed, "/items/0/id")?);
    }
    let given = json!({"subject_id": robot, "role": "viewer", "node_id": tenant});
    helpers.call(&HttpCall::new("POST", "/v1/bindings", &[]).token(token).json(given)).await?;
    let worker = json!({
        "name": "Nightly", "grants": ["client_credentials"], "scopes": ["app.list"], "service_key_id": robot,
    });
    let worker =
        helpers.call(&HttpCall::new("POST", "/v1/oauth-clients", &[]).token(token).json(worker)).await?;
    Ok((text(&worker, "/id")?, text(&worker, "/secret")?))
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
    let answer = helpers.call(&call).await?;
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
