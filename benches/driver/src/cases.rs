//! What is measured: for every function one warm request or more, as a client would send it over and over.

use serde_json::{Value, json};

use crate::Failure;
use crate::http_call::HttpCall;
use crate::world::{World, package_body, signup, text};

pub(crate) type Request = Box<dyn Fn(u64, &Value) -> Result<HttpCall, Failure>>;

/// A request to a helper before each measured one. Each step sees the answer of the one before it.
pub(crate) struct Before {
    pub(crate) area: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) request: Request,
}

pub(crate) enum Work {
    Http {
        request: Request,
        status: u64,
        before: Vec<Before>,
    },
    /// A worker, given the sample event of `events/` each time: after the first, a redelivery.
    Sample,
}

pub(crate) struct Case {
    pub(crate) area: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) what: String,
    pub(crate) work: Work,
    /// Measured requests per round.
    pub(crate) requests: u64,
}

/// Requests per round that cost no AWS call, or only a read.
const MANY: u64 = 1000;
/// Requests per round that change something, or need a preparing request each.
const SOME: u64 = 200;

impl Case {
    fn http(area: &'static str, handler: &'static str, what: &str, status: u64, request: Request) -> Self {
        let work = Work::Http { request, status, before: Vec::new() };
        Self { area, handler, what: what.to_owned(), work, requests: MANY }
    }

    fn same(area: &'static str, handler: &'static str, call: HttpCall) -> Self {
        Self::http(area, handler, &call.label(), 200, Box::new(move |_, _| Ok(call.clone())))
    }

    fn changing(
        area: &'static str,
        handler: &'static str,
        status: u64,
        call: impl Fn(u64) -> HttpCall + 'static,
    ) -> Self {
        let what = call(0).label();
        Self::http(area, handler, &what, status, Box::new(move |n, _| Ok(call(n)))).requests(SOME)
    }

    fn worker(area: &'static str, handler: &'static str) -> Self {
        Self { area, handler, what: "sample event".to_owned(), work: Work::Sample, requests: SOME }
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

    fn after(mut self, area: &'static str, handler: &'static str, request: Request) -> Self {
        if let Work::Http { before, .. } = &mut self.work {
            before.push(Before { area, handler, request });
        }
        self
    }
}

/// The yardstick beside itself: how far from 1 its ratios are is the noise of a run.
pub(crate) fn bare() -> Case {
    Case::same("bare", "bare", HttpCall::new("GET", "/healthz", &[]))
}

/// All cases, the hot path first.
pub(crate) fn all(world: &World) -> Vec<Case> {
    let mut cases = device(world);
    cases.extend(meta());
    cases.extend(identity(world));
    cases.extend(rights(world));
    cases.extend(tenancy(world));
    cases.extend(catalog(world));
    cases.extend(releases(world));
    cases.extend(records(world));
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
        Case::same("device", "device-update", update).requests(2 * MANY),
        Case::same("device", "device-update", current)
            .status(204)
            .requests(2 * MANY)
            .named("… nothing newer"),
        Case::same("device", "device-reports", reports).status(202),
        Case::same("device", "device-manifest", manifest),
        Case::same("device", "device-file", file).status(302),
        Case::worker("device", "reports-worker"),
    ]
}

fn meta() -> Vec<Case> {
    let get = |route| HttpCall::new("GET", route, &[]);
    vec![
        Case::same("meta", "health", get("/healthz")),
        Case::same("meta", "openapi", get("/v1/openapi.json")),
        Case::same("meta", "docs", get("/docs")),
    ]
}

fn identity(world: &World) -> Vec<Case> {
    let token = world.token.clone();
    let get = |route, parameters: &[&str]| HttpCall::new("GET", route, parameters).token(&world.token);
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
        Case::changing("identity", "signup", 201, signup).requests(20),
        Case::same("identity", "whoami", get("/v1/whoami", &[])),
        Case::same("identity", "api-keys", get("/v1/api-keys", &[])),
        Case::changing("identity", "api-keys", 201, make_key.clone()),
        Case::same("identity", "api-key", get("/v1/api-keys/{key}", &[&world.key])),
        Case::http("identity", "api-key", "DELETE /v1/api-keys/{key}", 204, Box::new(revoke))
            .requests(SOME)
            .after(
                "identity",
                "api-keys",
                Box::new({
                    let make_key = make_key.clone();
                    move |n, _| Ok(make_key(n))
                }),
            ),
        Case::http("identity", "api-key-rotate", "POST /v1/api-keys/{key}/rotate", 200, Box::new(rotate))
            .requests(SOME)
            .after("identity", "api-keys", Box::new(move |n, _| Ok(make_key(n)))),
    ]
}

fn rights(world: &World) -> Vec<Case> {
    let get = |route, parameters: &[&str]| HttpCall::new("GET", route, parameters).token(&world.token);
    let question = json!({"checks": [{"permission": "release.ramp", "resource_id": world.app}]});
    let check = HttpCall::new("POST", "/v1/authz/check", &[]).token(&world.token).json(question);
    let token = world.token.clone();
    let make_role = move |n| {
        let body = json!({"name": format!("Bench {n}"), "permissions": ["release.ramp"]});
        HttpCall::new("POST", "/v1/roles", &[]).token(&token).json(body)
    };
    let (list, token) = (get("/v1/bindings", &[]), world.token.clone());
    let read = move |_: u64, listed: &Value| {
        let binding = text(listed, "/items/0/id")?;
        Ok(HttpCall::new("GET", "/v1/bindings/{binding}", &[&binding]).token(&token))
    };
    vec![
        Case::same("rights", "permissions", get("/v1/permissions", &[])),
        Case::same("rights", "roles", get("/v1/roles", &[])),
        Case::changing("rights", "roles", 201, make_role),
        Case::same("rights", "role", get("/v1/roles/{role}", &["owner"])),
        Case::same("rights", "bindings", list.clone()),
        Case::http("rights", "binding", "GET /v1/bindings/{binding}", 200, Box::new(read))
            .requests(SOME)
            .after("rights", "bindings", Box::new(move |_, _| Ok(list.clone()))),
        Case::same("rights", "authz-check", check),
    ]
}

fn tenancy(world: &World) -> Vec<Case> {
    let (token, organization) = (world.token.clone(), world.organization.clone());
    let get = |route, parameters: &[&str]| HttpCall::new("GET", route, parameters).token(&world.token);
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
    vec![
        Case::same("tenancy", "organizations", get("/v1/organizations", &[])),
        Case::changing("tenancy", "organizations", 201, make),
        Case::same(
            "tenancy",
            "organization",
            get("/v1/organizations/{organization}", &[&world.organization]),
        ),
        Case::changing("tenancy", "organization", 200, rename),
    ]
}

fn catalog(world: &World) -> Vec<Case> {
    let app = world.app.clone();
    let token = world.token.clone();
    let get = |route, parameters: &[&str]| HttpCall::new("GET", route, parameters).token(&world.token);
    let post = move |route, parameters: &[&str], body| {
        HttpCall::new("POST", route, parameters).token(&token).json(body)
    };
    let uploads = post("/v1/apps/{app}/uploads", &[&app], json!({"files": world.files}));
    let new_file = json!({"files": [{"path": "new.js", "size": 1000, "sha256": "ab".repeat(32)}]});
    let needed = post("/v1/apps/{app}/uploads", &[&app], new_file);
    let verify = [world.app.as_str(), world.secret.as_str()];
    let verify = post("/v1/apps/{app}/secrets/{secret}/verify", &verify, json!({"value": "wrong"}));
    let one_app = [world.app.as_str()];
    let package = [world.app.as_str(), world.packages[1].as_str()];
    let secret = [world.app.as_str(), world.secret.as_str()];

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
        Case::same("catalog", "apps", get("/v1/apps", &[])),
        Case::changing("catalog", "apps", 201, make_app),
        Case::same("catalog", "app", get("/v1/apps/{app}", &one_app)),
        Case::changing("catalog", "app", 200, rename_app),
        Case::same("catalog", "uploads", uploads),
        Case::same("catalog", "uploads", needed).named("… a file that is not there yet"),
        Case::same("catalog", "packages", get("/v1/apps/{app}/packages", &one_app)),
        Case::changing("catalog", "packages", 201, make_package),
        Case::same("catalog", "package", get("/v1/apps/{app}/packages/{package}", &package)),
        Case::same("catalog", "secrets", get("/v1/apps/{app}/secrets", &one_app)),
        Case::changing("catalog", "secrets", 201, make_secret),
        Case::same("catalog", "secret", get("/v1/apps/{app}/secrets/{secret}", &secret)),
        Case::same("catalog", "secret-versions", get("/v1/apps/{app}/secrets/{secret}/versions", &secret)),
        Case::changing("catalog", "secret-versions", 201, rotate),
        Case::same("catalog", "secret-verify", verify).requests(SOME),
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
    let get = |route, parameters: &[&str]| HttpCall::new("GET", route, parameters).token(&world.token);
    let app = [world.app.as_str()];
    let release = [world.app.as_str(), world.release.as_str()];
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
        Case::same("releases", "channels", get("/v1/apps/{app}/channels", &app)),
        Case::http("releases", "channels", "POST /v1/apps/{app}/channels", 201, Box::new(make_channel))
            .requests(SOME)
            .after("catalog", "apps", Box::new(move |n, _| Ok(make_app(n)))),
        Case::same("releases", "releases", get("/v1/apps/{app}/releases", &app)),
        Case::changing("releases", "releases", 201, move |n| make(n, 10_000)),
        Case::same("releases", "release", get("/v1/apps/{app}/releases/{release}", &release)),
        verb("release-ramp", json!({"rollout_bp": 5000})),
        verb("release-pause", json!({})),
        verb("release-resume", json!({})).after(
            "releases",
            "release-pause",
            change(world, "release-pause", json!({})),
        ),
        verb("release-conclude", json!({})),
        verb("release-rollback", json!({})).status(201),
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
fn verb(world: &World, handler: &'static str, body: Value) -> Case {
    let (make_full, make_partial) = (make_release(world), make_release(world));
    let what = format!("POST {}", verb_route(handler));
    Case::http("releases", handler, &what, 200, change(world, handler, body))
        .requests(SOME)
        .after("releases", "releases", Box::new(move |n, _| Ok(make_full(n, 10_000))))
        .after("releases", "releases", Box::new(move |n, _| Ok(make_partial(n, 1000))))
}

fn change(world: &World, handler: &'static str, body: Value) -> Request {
    let (token, app) = (world.token.clone(), world.app.clone());
    Box::new(move |_, made| {
        let release = text(made, "/id")?;
        Ok(HttpCall::new("POST", verb_route(handler), &[&app, &release]).token(&token).json(body.clone()))
    })
}

fn verb_route(handler: &str) -> &'static str {
    match handler {
        "release-ramp" => "/v1/apps/{app}/releases/{release}/ramp",
        "release-pause" => "/v1/apps/{app}/releases/{release}/pause",
        "release-resume" => "/v1/apps/{app}/releases/{release}/resume",
        "release-conclude" => "/v1/apps/{app}/releases/{release}/conclude",
        _ => "/v1/apps/{app}/releases/{release}/rollback",
    }
}

fn records(world: &World) -> Vec<Case> {
    let get = |route, parameters: &[&str]| HttpCall::new("GET", route, parameters).token(&world.token);
    vec![
        Case::same("audit", "audit-events", get("/v1/audit/events", &[])),
        Case::worker("audit", "audit-worker"),
        Case::same(
            "usage",
            "usage",
            get("/v1/usage", &[]).query("meter=api_calls&granularity=day".to_owned()),
        ),
        Case::worker("usage", "usage-worker"),
        Case::worker("events", "relay"),
    ]
}
