//! What runs, what starts it, and who hears when it fails.

use std::collections::{BTreeMap, BTreeSet};

use rookery_edge::{Kind, Route};
use rookery_store::notification::TAKEN_FOR;
use serde_json::{Value, json};

use super::{Faults, Function, Stack, items, resources, text, values};

/// Most resources of the root stack. AWS allows 500; the rest is room for a release that replaces some.
const RESOURCES: usize = 400;

/// Variables that a function may have and can start without.
const OPTIONAL_VARIABLES: [&str; 6] = [
    "TENANT_ROLE_ARN",
    "PUBLIC_BASE_URL",
    "PUBLIC_URL",
    "SIGNUP_CODE_SHA256",
    "SIGNUPS_PER_HOUR",
    "LOOPBACK_PROVIDERS",
];

/// Seconds after which the HTTP API gives up on a function.
const API_TIMEOUT: u64 = 30;

/// Every function has a handler of its own, and is named after it.
pub fn every_handler_is_unique(stack: &Stack) -> Faults {
    let mut seen = BTreeMap::new();
    let mut faults = Faults::new();
    for function in stack.functions() {
        let handler = function.handler();
        if let Some(other) = seen.insert(handler, function.id) {
            faults.push(format!("{}: has the handler {handler} of {other}", function.id));
        }
        let name: String = handler
            .split('-')
            .flat_map(|word| {
                let mut letters = word.chars();
                letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
            })
            .collect();
        if function.id != format!("{name}Function") {
            faults.push(format!("{}: is not named after its handler {handler}", function.id));
        }
    }
    faults
}

/// The routes in the code and the functions in the template are the same and have the same paths, and a function has the variables
/// without which its route does not start.
pub fn the_code_has_the_same_functions(stack: &Stack, routes: &[Route]) -> Faults {
    let functions = stack.functions();
    let mut faults = Faults::new();
    for function in &functions {
        let Some(route) = routes.iter().find(|route| route.handler == function.handler()) else {
            faults.push(format!("{}: no route has the handler {}", function.id, function.handler()));
            continue;
        };
        if matches!(route.kind, Kind::Http(_)) != function.is_served() {
            faults
                .push(format!("{}: is started by another kind of event than its code expects", function.id));
        }
        if let Kind::Http(make) = route.kind {
            let document = make().into_openapi();
            let coded: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
            for path in coded.symmetric_difference(&function.paths().collect()) {
                faults.push(format!("{}: {path} is in the code or in the template alone", function.id));
            }
        }
        let given: BTreeSet<&str> = function.variables().collect();
        let needed: BTreeSet<&str> = route.needs.iter().map(|variable| variable.as_str()).collect();
        let missing = needed.difference(&given).map(|name| (name, "is missing"));
        let unknown = given.difference(&needed).filter(|name| !OPTIONAL_VARIABLES.contains(name));
        // Who believes in other tokens than the rest makes a hole or a riddle.
        if given.contains("AUTH_CACHE_SECONDS") && !given.contains("PUBLIC_URL") {
            faults.push(format!("{}: PUBLIC_URL is missing", function.id));
        }
        for (name, fault) in missing.chain(unknown.map(|name| (name, "is not needed"))) {
            faults.push(format!("{}: {name} {fault}", function.id));
        }
    }
    let handlers: BTreeSet<&str> = functions.iter().map(Function::handler).collect();
    let strays = routes.iter().filter(|route| !handlers.contains(route.handler));
    faults.extend(strays.map(|route| format!("{}: this handler has no function", route.handler)));
    faults
}

/// Every function runs a binary that a crate builds, and every binary is run.
pub fn every_binary_exists(stack: &Stack) -> Faults {
    let binary = |function: &Function<'_>| function.resource["Metadata"]["BuildProperties"]["Binary"].clone();
    let functions = stack.functions();
    let mut faults: Faults = functions
        .iter()
        .filter(|function| {
            function.resource["Metadata"]["BuildMethod"] != "rust-cargolambda"
                || !stack.binaries.contains(text(&binary(function)))
        })
        .map(|function| format!("{}: no crate under functions/ builds {}", function.id, binary(function)))
        .collect();
    let used: BTreeSet<String> =
        functions.iter().map(|function| text(&binary(function)).to_owned()).collect();
    faults.extend(
        stack.binaries.difference(&used).map(|unused| format!("{unused}: no function runs this binary")),
    );
    faults
}

/// Every function has a sample event that would reach it, and there are no others.
pub fn every_function_has_a_sample_event(stack: &Stack) -> Faults {
    let functions = stack.functions();
    let mut faults = Faults::new();
    for function in &functions {
        let Some(event) = stack.events.get(function.handler()) else {
            faults.push(format!("{}: has no events/{}.json", function.id, function.handler()));
            continue;
        };
        let fits = if function.is_served() {
            let fits =
                |path| event["routeKey"] == format!("ANY {path}") && matches(path, text(&event["rawPath"]));
            function.paths().any(fits)
        } else if function.sources("Schedule").next().is_some() {
            event["detail-type"] == "Scheduled Event"
        } else {
            items(&event["Records"]).count() > 0
        };
        if !fits {
            faults.push(format!(
                "{}: events/{}.json is not an event of its own",
                function.id,
                function.handler()
            ));
        }
    }
    let handlers: BTreeSet<&str> = functions.iter().map(Function::handler).collect();
    let strays = stack.events.keys().filter(|name| !handlers.contains(name.as_str()));
    faults.extend(strays.map(|name| format!("events/{name}.json: belongs to no function")));
    faults
}

fn matches(template: &str, path: &str) -> bool {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (template, path) = (parts(template), parts(path));
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(wanted, part)| wanted.starts_with('{') && !part.is_empty() || wanted == part)
}

/// Every path is in `docs/openapi.json`, and the other way round.
pub fn the_openapi_document_has_the_same_paths(stack: &Stack, document: &Value) -> Faults {
    let functions = stack.functions();
    let served: BTreeMap<&str, &str> =
        functions.iter().flat_map(|function| function.paths().map(|path| (path, function.id))).collect();
    let documented: BTreeSet<&str> =
        document["paths"].as_object().into_iter().flatten().map(|(path, _)| path.as_str()).collect();
    let missing = served.iter().filter(|(path, _)| !documented.contains(*path));
    let stray = documented.iter().filter(|path| !served.contains_key(*path));
    missing
        .map(|(path, id)| format!("{id}: {path} is not in docs/openapi.json"))
        .chain(stray.map(|path| format!("{path}: is in docs/openapi.json and no function serves it")))
        .collect()
}

/// A function is started by one event, or by one for each of the paths that it serves; a path takes every method, so that the function
/// answers 405 itself.
pub fn every_path_is_one_event_for_all_methods(stack: &Stack) -> Faults {
    let mut faults = Faults::new();
    let mut paths = BTreeMap::new();
    for function in stack.functions() {
        let events: Vec<&Value> = values(&function.properties["Events"]).collect();
        let routes: Vec<&Value> = function.sources("HttpApi").collect();
        if events.is_empty() || (events.len() > 1 && routes.len() != events.len()) {
            faults.push(format!("{}: is started by {} events instead of one", function.id, events.len()));
        }
        for route in routes {
            if route["Method"] != "ANY" || route["ApiId"] != json!({"Ref": "Api"}) {
                faults.push(format!("{}: does not take every method of its path", function.id));
            }
            if let Some(other) = paths.insert(text(&route["Path"]), function.id) {
                faults.push(format!("{}: serves the path of {other}", function.id));
            }
        }
    }
    faults
}

/// What cannot be processed is parked, and takes nothing else along.
pub fn an_asynchronous_function_has_a_dead_letter_path(stack: &Stack) -> Faults {
    let mut faults = Faults::new();
    for function in stack.functions() {
        let queues = function.sources("SQS").map(|source| (source, dead_letters_of(stack, &source["Queue"])));
        let streams = function.sources("DynamoDB").map(|source| {
            let destination = stack.output(&source["DestinationConfig"]["OnFailure"]["Destination"]);
            let bounded =
                source["MaximumRetryAttempts"].is_u64() && source["BisectBatchOnFunctionError"] == true;
            (source, destination.filter(|_| bounded).and_then(|(_, arn)| queue_of(arn)))
        });
        for (source, dead_letters) in queues.chain(streams) {
            if dead_letters.is_none() {
                faults.push(format!("{}: what it cannot process goes nowhere", function.id));
            }
            if source["FunctionResponseTypes"] != json!(["ReportBatchItemFailures"]) {
                faults.push(format!("{}: one bad record takes its batch along", function.id));
            }
        }
    }
    for (id, rule) in resources(&stack.nested["Messaging"], "AWS::Events::Rule") {
        for target in items(&rule["Properties"]["Targets"]) {
            if queue_of(&target["DeadLetterConfig"]["Arn"]).is_none() {
                faults.push(format!("{id}: what the bus cannot deliver goes nowhere"));
            }
        }
    }
    faults
}

/// The logical id of the queue whose ARN a value is.
fn queue_of(arn: &Value) -> Option<&str> {
    text(&arn["Fn::GetAtt"]).strip_suffix(".Arn")
}

fn dead_letters_of<'a>(stack: &'a Stack, queue: &Value) -> Option<&'a str> {
    let (template, arn) = stack.output(queue)?;
    let redrive = &template["Resources"][queue_of(arn)?]["Properties"]["RedrivePolicy"];
    queue_of(&redrive["deadLetterTargetArn"]).filter(|_| redrive["maxReceiveCount"].is_u64())
}

/// A function ends before the API gives up on it; a message stays hidden for six times as long as its worker may take, as
/// Lambda asks.
pub fn every_timeout_fits_what_waits_for_it(stack: &Stack) -> Faults {
    let hidden = stack.root["Parameters"]["QueueVisibilitySeconds"]["Default"].as_u64().unwrap_or_default();
    let mut faults = Faults::new();
    for function in stack.functions() {
        let timeout = function.property("Timeout").as_u64().unwrap_or(u64::MAX);
        if function.is_served() && timeout >= API_TIMEOUT {
            faults.push(format!("{}: the API gives up before it does", function.id));
        }
        if function.sources("SQS").next().is_some() && timeout.saturating_mul(6) > hidden {
            faults.push(format!("{}: its messages come back while it works on them", function.id));
        }
    }
    faults
}

/// A mail's event is a worker's for longer than the worker may run, and for shorter than the queue hands its message out, at the
/// shortest that an operator may choose: so that a worker which dies never uses a message up.
pub fn a_mail_survives_the_death_of_its_worker(stack: &Stack) -> Faults {
    let lease = TAKEN_FOR.as_secs();
    let shortest =
        stack.root["Parameters"]["QueueVisibilitySeconds"]["MinValue"].as_i64().unwrap_or_default();
    let queue = &stack.nested["Messaging"]["Resources"]["NotificationQueue"]["Properties"];
    let receives = queue["RedrivePolicy"]["maxReceiveCount"].as_i64().unwrap_or_default();
    let mut faults = Faults::new();
    for function in stack.functions().iter().filter(|function| function.handler() == "notification-worker") {
        if function.property("Timeout").as_i64().is_none_or(|timeout| timeout >= lease) {
            faults.push(format!("{}: may run while another worker sends the same mail", function.id));
        }
        if (receives - 1) * shortest <= lease {
            faults.push(format!("{}: its messages are used up while a dead worker has them", function.id));
        }
    }
    faults
}

/// Every function logs as JSON to the one group, which does not keep logs for ever, and is traced.
pub fn every_function_is_logged_and_traced(stack: &Stack) -> Faults {
    let mut faults = Faults::new();
    let group = stack.resource("LogGroup");
    let retention = &group["Properties"]["RetentionInDays"];
    if group["Type"] != "AWS::Logs::LogGroup" || retention.is_null() {
        faults.push("LogGroup: keeps logs for ever".into());
    }
    for function in stack.functions() {
        let logging = function.property("LoggingConfig");
        if logging["LogFormat"] != "JSON" || logging["LogGroup"] != json!({"Ref": "LogGroup"}) {
            faults.push(format!("{}: does not log as JSON to the shared group", function.id));
        }
        if function.property("Tracing") != "Active" {
            faults.push(format!("{}: is not traced", function.id));
        }
    }
    faults
}

/// The alarms of the nested stack by metric, each as the parameter whose value it watches.
fn watched<'a>(stack: &'a Stack, metric: &str, dimension: &str) -> BTreeSet<&'a str> {
    resources(&stack.nested["Observability"], "AWS::CloudWatch::Alarm")
        .map(|(_, alarm)| &alarm["Properties"])
        .filter(|alarm| alarm["MetricName"] == metric && alarm["AlarmActions"] != Value::Null)
        .flat_map(|alarm| items(&alarm["Dimensions"]))
        .filter(|found| found["Name"] == dimension)
        .map(|found| text(&found["Value"]["Ref"]))
        .collect()
}

/// Every function and every dead-letter queue has an alarm.
pub fn every_function_and_dead_letter_queue_has_an_alarm(stack: &Stack) -> Faults {
    let given = &stack.resource("Observability")["Properties"]["Parameters"];
    let errors = watched(stack, "Errors", "FunctionName");
    let mut faults: Faults = stack
        .functions()
        .into_iter()
        .filter(|function| given[function.id] != json!({"Ref": function.id}) || !errors.contains(function.id))
        .map(|function| format!("{}: no alarm hears of its errors", function.id))
        .collect();
    let messaging = &stack.nested["Messaging"];
    let redriven = resources(messaging, "AWS::SQS::Queue")
        .filter_map(|(_, queue)| queue_of(&queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]));
    let functions = stack.functions();
    let parked = functions.iter().flat_map(|function| function.sources("DynamoDB")).filter_map(|source| {
        queue_of(stack.output(&source["DestinationConfig"]["OnFailure"]["Destination"])?.1)
    });
    let depths = watched(stack, "ApproximateNumberOfMessagesVisible", "QueueName");
    for queue in redriven.chain(parked).collect::<BTreeSet<_>>() {
        let name = stack.output(&given[queue]).map(|(_, name)| name);
        if name != Some(&json!({"Fn::GetAtt": format!("{queue}.QueueName")})) || !depths.contains(queue) {
            faults.push(format!("{queue}: no alarm hears of its messages"));
        }
    }
    faults
}

/// What SAM makes of each resource: of an HTTP API also its stage; of a function also a permission or a mapping per event,
/// and a role unless it is given one.
fn resources_after_the_transform(stack: &Stack) -> usize {
    values(&stack.root["Resources"])
        .map(|resource| match text(&resource["Type"]) {
            "AWS::Serverless::HttpApi" => 2,
            "AWS::Serverless::Function" => {
                let events = values(&resource["Properties"]["Events"]).count();
                1 + events + usize::from(resource["Properties"]["Role"].is_null())
            }
            _ => 1,
        })
        .sum()
}

/// The root stack has room to grow.
pub fn the_stack_is_within_its_budget(stack: &Stack) -> Faults {
    let count = resources_after_the_transform(stack);
    let over =
        (count > RESOURCES).then(|| format!("template.yaml: {count} resources, {RESOURCES} at the most"));
    over.into_iter().collect()
}

/// Table, bucket and key outlive the stack, sealed, private and recoverable.
pub fn what_must_never_be_lost_is_kept(stack: &Stack) -> Faults {
    let data = &stack.nested["Data"]["Resources"];
    let table = &data["Table"]["Properties"];
    let bucket = &data["Bucket"]["Properties"];
    let lifecycle = bucket["LifecycleConfiguration"]["Rules"].to_string();
    let kept = ["Table", "Bucket", "Key"].map(|id| {
        let kept = data[id]["DeletionPolicy"] == "Retain" && data[id]["UpdateReplacePolicy"] == "Retain";
        (kept, format!("{id}: is lost with the stack"))
    });
    let private =
        values(&bucket["PublicAccessBlockConfiguration"]).filter(|block| **block == true).count() == 4;
    let rules = [
        (table["BillingMode"] == "PAY_PER_REQUEST", "Table: costs while nobody asks"),
        (
            table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE",
            "Table: its stream carries no events",
        ),
        (
            table["TimeToLiveSpecification"] == json!({"AttributeName": "ttl", "Enabled": true}),
            "Table: nothing expires",
        ),
        (
            table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true,
            "Table: cannot be restored",
        ),
        (
            table["SSESpecification"]["KMSMasterKeyId"] == json!({"Fn::GetAtt": "Key.Arn"}),
            "Table: has another key",
        ),
        (bucket["BucketEncryption"].to_string().contains("Key.Arn"), "Bucket: has another key"),
        (private, "Bucket: can be made public"),
        (lifecycle.contains("AbortIncompleteMultipartUpload"), "Bucket: keeps parts of abandoned uploads"),
        (lifecycle.contains(r#"{"Key":"state","Value":"pending"}"#), "Bucket: keeps abandoned uploads"),
        (data["Key"]["Properties"]["EnableKeyRotation"] == true, "Key: is never rotated"),
    ];
    let rules = rules.map(|(holds, fault)| (holds, fault.to_owned()));
    kept.into_iter().chain(rules).filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect()
}
