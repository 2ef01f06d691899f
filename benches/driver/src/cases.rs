//! What is measured: for every function one warm request or more, as a client would send it over and over.

use serde_json::{Value, json};

use crate::Failure;
use crate::http_call::HttpCall;
use crate::world::{World, ask_for_passkey, login, package_body, signup, text};

pub(crate) type Request = Box<dyn Fn(u64, &Value) -> Result<HttpCall, Failure>>;

pub(crate) enum Work {
    Http {
        request: Request,
        status: u64,
        /// Requests to helpers before each measured one. Each step sees the answer of the one before it.
        before: Vec<Request>,
    },
    /// A worker, given the sample event of `events/` each time: after the first, a redelivery.
    Sample,
}

/// Whose work it is.
pub(crate) enum Function {
    /// The bare function's.
    Bare,
    /// That of the function which answers this route.
    Of(String),
    /// That of the function with this name.
    Named(&'static str),
}

pub(crate) struct Case {
    pub(crate) function: Function,
    pub(crate) what: String,
    pub(crate) work: Work,
    /// Measured requests per round.
    pub(crate) requests: u64,
}

/// Requests per round that cost no AWS call, or only a read.
const MANY: u64 = 1000;
/// Requests per round that change something, or need a preparing request each.
const SOME: u64 = 200;
/// Requests per round that check a password, or need one that does.
const FEW: u64 = 30;

impl Case {
    /// `what` is method and route.
    fn http(what: &str, status: u64, request: Request) -> Self {
        let route = what.split(' ').nth(1).unwrap_or_default().to_owned();
        let work = Work::Http { request, status, before: Vec::new() };
        Self { function: Function::Of(route), what: what.to_owned(), work, requests: MANY }
    }

    fn same(call: HttpCall) -> Self {
        Self::http(&call.label(), 200, Box::new(move |_, _| Ok(call.clone())))
    }

    fn changing(status: u64, call: impl Fn(u64) -> HttpCall + 'static) -> Self {
        let what = call(0).label();
        Self::http(&what, status, Box::new(move |n, _| Ok(call(n)))).requests(SOME)
    }

    fn worker(handler: &'static str) -> Self {
        let what = "sample event".to_owned();
        Self { function: Function::Named(handler), what, work: Work::Sample, requests: SOME }
    }

    fn status(mut self, expected: u64) -> Self {
        if let Work::Http { status, .. } = &mut self.work {
            *status = expected;
        }
        self
    }

    fn requests(self, requests: u64) -> Self {
        Self { requests, ..self }
    }

    fn named(self, what: &str) -> Self {
        Self { what: what.to_owned(), ..self }
    }

    fn after(mut self, request: Request) -> Self {
        if let Work::Http { before, .. } = &mut self.work {
            before.push(request);
        }
        self
    }
}

/// The yardstick beside itself: how far from 1 its ratios are is the noise of a run.
pub(crate) fn bare() -> Case {
    Case { function: Function::Bare, ..Case::same(HttpCall::new("GET", "/healthz", &[])) }
}

/// All cases, the hot path first. `api` is the platform's `OpenAPI` document.
pub(crate) fn all(world: &World, api: &Value) -> Vec<Case> {
    let mut cases = device(world);
    cases.extend(meta());
    cases.extend(reads(world, api));
    cases.extend(logins(world));
    cases.extend(identity(world));
    cases.extend(rights(world));
    cases.extend(tenancy(world));
    cases.extend(catalog(world));
    cases.extend(releases(world));
    cases.extend(workers());
    cases
}

fn device(world: &World) -> Vec<Case> {
    let key = [world.app_key.as_str()];
    let update = HttpCall::new("GET", "/v1/device/{app_key}/update", &key)
        .query(format!("channel={}&platform=web&device_id=device-1&app_version=1.0.0", world.channel));
    let current = HttpCall::new("GET", "/v1/device/{app_key}/update", &key).query(format!(
        "channel={}&platform=web&device_id=device-1&app_version=1.0.0&current={}",
        world.channel, world.packages[1]
    ));
    let reports = HttpCall::new("POST", "/v1/device/{app_key}/reports", &key).json(json!({"reports": [{
        "device_id": "device-1", "release_id": world.release, "event": "installed", "at": "2026-11-21T09:00:00Z",
    }]}));
    let package = [world.app_key.as_str(), world.packages[1].as_str()];
    let manifest = HttpCall::new("GET", "/v1/device/{app_key}/packages/{package}/manifest", &package);
    let file = [world.app_key.as_str(), world.packages[1].as_str(), world.file_sha256.as_str()];
    let file = HttpCall::new("GET", "/v1/device/{app_key}/packages/{package}/files/{sha256}", &file);
    vec![
        Case::same(update).requests(2 * MANY),
        Case::same(current).status(204).requests(2 * MANY).named("… nothing newer"),
        Case::same(reports).status(202),
        Case::same(manifest),
        Case::same(file).status(302),
        Case::worker("reports-worker"),
    ]
}

fn meta() -> Vec<Case> {
    let get = |route| Case::same(HttpCall::new("GET", route, &[]));
    let routes = [
        "/healthz",
        "/v1/openapi.json",
        "/docs",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
    ];
    routes.map(get).into()
}

/// Everything that is read with credentials, as the document has it.
fn reads(world: &World, api: &Value) -> Vec<Case> {
    let mut cases = Vec::new();
    for (route, operations) in api["paths"].as_object().into_iter().flatten() {
        let names = route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let ids: Option<Vec<&str>> = names.map(|name| world.ids.get(name).map(String::as_str)).collect();
        let Some(get) = operations.get("get") else { continue };
        // What says nothing of it is as the document says of all.
        let by = get.get("security").unwrap_or(&api["security"]).as_array().into_iter().flatten();
        let of_tenants =
            by.clone().any(|way| way.get("bearer").is_some()) && !by.clone().any(|way| *way == json!({}));
        let (Some(ids), true) = (ids, of_tenants) else { continue };
        let call = HttpCall::new("GET", route, &ids).token(&world.session);
        cases.push(match route.as_str() {
            "/v1/usage" => Case::same(call.query("meter=api_calls&granularity=day".to_owned())),
            _ => Case::same(call),
        });
    }
    cases
}

/// Logging in and what comes of it.
fn logins(world: &World) -> Vec<Case> {
    let form = |route: &str, fields: Value| {
        HttpCall::new("POST", route, &[]).client(&world.client.0, &world.client.1).form(&fields)
    };
    let (log_in, refresh) = (login(&world.slug), HttpCall::new("POST", "/v1/auth/refresh", &[]));
    let refresh = move |_: u64, tokens: &Value| {
        Ok(refresh.clone().json(json!({"refresh_token": text(tokens, "/refresh_token")?})))
    };
    let (token, device) = (world.token.clone(), world.device.clone());
    // What logging in costs without Argon2id.
    let by_passkey = move |_: u64, options: &Value| {
        let passkey = device.borrow_mut().get(options);
        Ok(HttpCall::new("POST", "/v1/auth/passkeys", &[]).json(json!({"passkey": passkey})))
    };
    vec![
        Case::same(log_in.clone()).requests(FEW),
        Case::http("POST /v1/auth/passkeys", 200, Box::new(by_passkey))
            .requests(FEW)
            .after(Box::new(|n, _| Ok(ask_for_passkey(n)))),
        Case::http("POST /v1/auth/refresh", 200, Box::new(refresh))
            .requests(FEW)
            .after(Box::new(move |_, _| Ok(log_in.clone()))),
        Case::same(form("/oauth/token", json!({"grant_type": "client_credentials"}))).requests(SOME),
        Case::same(form("/oauth/introspect", json!({"token": world.session}))),
        Case::same(HttpCall::new("GET", "/v1/whoami", &[]).token(&token)).named("… by a key"),
    ]
}

fn identity(world: &World) -> Vec<Case> {
    let token = world.token.clone();
    let make_key = move |n| {
        HttpCall::new("POST", "/v1/api-keys", &[])
            .token(&token)
            .json(json!({"name": format!("bench {n}"), "scopes": ["app.list"]}))
    };
    let token = world.token.clone();
    let revoke = move |_: u64, made: &Value| {
        let key = text(made, "/id").or_else(|_| text(made, "/api_key/id"))?;
        Ok(HttpCall::new("DELETE", "/v1/api-keys/{key}", &[&key]).token(&token))
    };
    let token = world.token.clone();
    let rotate = move |_: u64, made: &Value| {
        let key = text(made, "/id")?;
        Ok(HttpCall::new("POST", "/v1/api-keys/{key}/rotate", &[&key]).token(&token).json(json!({})))
    };
    vec![
        Case::changing(201, signup).requests(FEW),
        Case::changing(201, make_key.clone()),
        Case::http("DELETE /v1/api-keys/{key}", 204, Box::new(revoke)).requests(SOME).after(Box::new({
            let make_key = make_key.clone();
            move |n, _| Ok(make_key(n))
        })),
        Case::http("POST /v1/api-keys/{key}/rotate", 200, Box::new(rotate))
            .requests(SOME)
            .after(Box::new(move |n, _| Ok(make_key(n)))),
    ]
}

fn rights(world: &World) -> Vec<Case> {
    let question = json!({"checks": [{"permission": "release.ramp", "resource_id": world.app}]});
    let check = HttpCall::new("POST", "/v1/authz/check", &[]).token(&world.token).json(question);
    let token = world.token.clone();
    let make_role = move |n| {
        let body = json!({"name": format!("Bench {n}"), "permissions": ["release.ramp"]});
        HttpCall::new("POST", "/v1/roles", &[]).token(&token).json(body)
    };
    vec![Case::changing(201, make_role), Case::same(check)]
}

fn tenancy(world: &World) -> Vec<Case> {
    let (token, organization) = (world.token.clone(), world.organization.clone());
    let rename = move |n| {
        HttpCall::new("PATCH", "/v1/organizations/{organization}", &[&organization])
            .token(&token)
            .json(json!({"name": format!("Bench {n}")}))
    };
    let token = world.token.clone();
    let make = move |n| {
        HttpCall::new("POST", "/v1/organizations", &[])
            .token(&token)
            .json(json!({"name": format!("Bench {n}")}))
    };
    vec![Case::changing(201, make), Case::changing(200, rename)]
}

fn catalog(world: &World) -> Vec<Case> {
    let app = world.app.clone();
    let token = world.token.clone();
    let post = move |route, parameters: &[&str], body| {
        HttpCall::new("POST", route, parameters).token(&token).json(body)
    };
    let uploads = post("/v1/apps/{app}/uploads", &[&app], json!({"files": world.files}));
    let new_file = json!({"files": [{"path": "new.js", "size": 1000, "sha256": "ab".repeat(32)}]});
    let needed = post("/v1/apps/{app}/uploads", &[&app], new_file);
    let verify = [world.app.as_str(), world.secret.as_str()];
    let verify = post("/v1/apps/{app}/secrets/{secret}/verify", &verify, json!({"value": "wrong"}));

    let make_app = create_app(world);
    let (token, id) = (world.token.clone(), app.clone());
    let rename_app = move |n| {
        HttpCall::new("PATCH", "/v1/apps/{app}", &[&id])
            .token(&token)
            .json(json!({"name": format!("Hello {n}")}))
    };
    let (create, id, files) = (post.clone(), app.clone(), world.files.clone());
    let make_package =
        move |n: u64| create("/v1/apps/{app}/packages", &[&id], package_body(&format!("1{n}"), &files));
    let (create, id) = (post.clone(), app.clone());
    let make_secret = move |n| {
        create(
            "/v1/apps/{app}/secrets",
            &[&id],
            json!({"name": format!("bench-{n}"), "value": "correct horse"}),
        )
    };
    let (create, id, owned) = (post.clone(), app, world.secret.clone());
    let rotate = move |n| {
        create(
            "/v1/apps/{app}/secrets/{secret}/versions",
            &[&id, &owned],
            json!({"value": format!("horse {n}")}),
        )
    };
    vec![
        Case::changing(201, make_app),
        Case::changing(200, rename_app),
        Case::same(uploads),
        Case::same(needed).named("… a file that is not there yet"),
        Case::changing(201, make_package),
        Case::changing(201, make_secret),
        Case::changing(201, rotate),
        Case::same(verify).requests(SOME),
    ]
}

fn create_app(world: &World) -> impl Fn(u64) -> HttpCall + 'static {
    let token = world.token.clone();
    move |n| {
        let body = json!({"name": format!("Bench {n}"), "platforms": ["web"]});
        HttpCall::new("POST", "/v1/apps", &[]).token(&token).json(body)
    }
}

fn releases(world: &World) -> Vec<Case> {
    let token = world.token.clone();
    // An app holds few channels, so each of them gets an app of its own.
    let make_app = create_app(world);
    let make_channel = move |n: u64, app: &Value| {
        let call = HttpCall::new("POST", "/v1/apps/{app}/channels", &[&text(app, "/id")?]);
        Ok(call.token(&token).json(json!({"name": format!("bench-{n}")})))
    };
    let make = make_release(world);
    let verb = |name: &'static str, body: Value| verb(world, name, body);
    vec![
        Case::http("POST /v1/apps/{app}/channels", 201, Box::new(make_channel))
            .requests(SOME)
            .after(Box::new(move |n, _| Ok(make_app(n)))),
        Case::changing(201, move |n| make(n, 10_000)),
        verb("ramp", json!({"rollout_bp": 5000})),
        verb("pause", json!({})),
        verb("resume", json!({})).after(change(world, "pause", json!({}))),
        verb("conclude", json!({})),
        verb("rollback", json!({})).status(201),
    ]
}

fn make_release(world: &World) -> impl Fn(u64, u32) -> HttpCall + 'static {
    let world = world.clone();
    move |n, rollout_bp| {
        let package = &world.packages[usize::from(n % 2 == 0)];
        HttpCall::new("POST", "/v1/apps/{app}/releases", &[&world.app])
            .token(&world.token)
            .json(json!({"package_id": package, "channel": world.channel, "rollout_bp": rollout_bp}))
    }
}

/// A change of a release that a helper has just made for a tenth of the devices. Before it comes one for all devices, which
/// ends those before it: a channel holds few live releases.
fn verb(world: &World, verb: &'static str, body: Value) -> Case {
    let (make_full, make_partial) = (make_release(world), make_release(world));
    Case::http(&format!("POST {RELEASE}/{verb}"), 200, change(world, verb, body))
        .requests(SOME)
        .after(Box::new(move |n, _| Ok(make_full(n, 10_000))))
        .after(Box::new(move |n, _| Ok(make_partial(n, 1000))))
}

fn change(world: &World, verb: &'static str, body: Value) -> Request {
    let (token, app) = (world.token.clone(), world.app.clone());
    Box::new(move |_, made| {
        let release = text(made, "/id")?;
        let call = HttpCall::new("POST", &format!("{RELEASE}/{verb}"), &[&app, &release]);
        Ok(call.token(&token).json(body.clone()))
    })
}

const RELEASE: &str = "/v1/apps/{app}/releases/{release}";

fn workers() -> Vec<Case> {
    ["audit-worker", "usage-worker", "relay"].map(Case::worker).into()
}
