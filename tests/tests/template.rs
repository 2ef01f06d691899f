//! What must stay true of `template.yaml` and the templates under `infra/`. Each rule is held against the stack as it is, which
//! has no fault, and against copies spoiled on purpose.

use std::sync::LazyLock;

use rookery_tests::template::access::{
    devices_reach_only_what_is_served, every_function_has_a_role_of_its_own, no_action_is_a_wildcard,
    no_resource_is_a_wildcard, nobody_deletes_what_proves_the_log, nobody_scans, pages_ask_without_cookies,
    the_table_is_open_by_partition_only, variables_and_rights_match,
    whoever_acts_for_a_tenant_has_a_session_for_it,
};
use rookery_tests::template::operation::{
    a_mail_survives_the_death_of_its_worker, an_asynchronous_function_has_a_dead_letter_path,
    every_binary_exists, every_function_and_dead_letter_queue_has_an_alarm,
    every_function_has_a_sample_event, every_function_is_logged_and_traced, every_handler_is_unique,
    every_path_is_one_event_for_all_methods, every_timeout_fits_what_waits_for_it,
    the_code_has_the_same_functions, the_openapi_document_has_the_same_paths, the_stack_is_within_its_budget,
    what_must_never_be_lost_is_kept,
};
use rookery_tests::template::{Faults, Stack, parse, repository};
use rookery_tests::world::all_routes;
use serde_json::{Value, json};

fn stack() -> Stack {
    static STACK: LazyLock<Stack> = LazyLock::new(|| Stack::read().expect("the templates can be read"));
    STACK.clone()
}

fn openapi() -> Value {
    let text =
        std::fs::read_to_string(repository().join("docs/openapi.json")).expect("docs/openapi.json is there");
    serde_json::from_str(&text).expect("docs/openapi.json is JSON")
}

#[track_caller]
fn holds(rule: impl Fn(&Stack) -> Faults) {
    let faults = rule(&stack());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Spoils a copy of the stack; the rule must find a fault, and name who is at fault.
#[track_caller]
fn notices(rule: impl Fn(&Stack) -> Faults, culprit: &str, spoil: impl FnOnce(&mut Stack)) {
    let mut spoiled = stack();
    spoil(&mut spoiled);
    let faults = rule(&spoiled);
    assert!(faults.iter().any(|fault| fault.contains(culprit)), "nobody names {culprit}: {faults:?}");
}

/// Puts a value where a JSON pointer points, whether or not something is there.
#[track_caller]
fn set(template: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match template.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is there")) {
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
        Value::Object(map) => {
            map.insert(name.to_owned(), value);
        }
        _ => panic!("{parent} has no members"),
    }
}

fn remove(template: &mut Value, pointer: &str) {
    set(template, pointer, Value::Null);
}

const STATEMENT: &str = "/Resources/AppRole/Properties/Policies/0/PolicyDocument/Statement/0";

#[test]
fn roles() {
    let rule = every_function_has_a_role_of_its_own;
    holds(rule);
    let own = "/Resources/AppFunction/Properties/Role";
    notices(rule, "AppFunction", |stack| set(&mut stack.root, own, json!({"Fn::GetAtt": "AppsRole.Arn"})));
    notices(rule, "AppFunction", |stack| remove(&mut stack.root, own));
    notices(rule, "AppFunction", |stack| {
        let everything = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
        set(&mut stack.root, "/Resources/AppRole/Properties/ManagedPolicyArns", everything);
    });
    notices(rule, "AppFunction", |stack| {
        let trust = "/Resources/AppRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal";
        set(&mut stack.root, trust, json!({"AWS": "*"}));
    });
    notices(rule, "AppFunction", |stack| {
        let itself = "/Resources/AppRole/Properties/AssumeRolePolicyDocument/Statement/1/Condition";
        remove(&mut stack.root, itself);
    });
}

#[test]
fn sessions_of_tenants() {
    let rule = whoever_acts_for_a_tenant_has_a_session_for_it;
    holds(rule);
    notices(rule, "AppFunction", |stack| remove(&mut stack.root, "/Resources/AppRole/Properties/Path"));
    notices(rule, "AppFunction", |stack| {
        let variable = "/Resources/AppFunction/Properties/Environment/Variables/TENANT_ROLE_ARN";
        set(
            &mut stack.root,
            variable,
            json!({"Fn::If": ["TenantSessions", {"Fn::GetAtt": "AppsRole.Arn"}, ""]}),
        );
    });
}

#[test]
fn actions() {
    let rule = no_action_is_a_wildcard;
    holds(rule);
    for action in [json!("dynamodb:*"), json!(["dynamodb:GetItem", "dynamodb:Put*"]), json!("*")] {
        notices(rule, "AppFunction", |stack| set(&mut stack.root, &format!("{STATEMENT}/Action"), action));
    }
    notices(rule, "AppFunction", |stack| {
        remove(&mut stack.root, &format!("{STATEMENT}/Action"));
        set(&mut stack.root, &format!("{STATEMENT}/NotAction"), json!("iam:PassRole"));
    });
    notices(rule, "WhoamiFunction", |stack| {
        let shared = "/Resources/CallerPolicy/Properties/PolicyDocument/Statement/0/Action";
        set(&mut stack.root, shared, json!("dynamodb:*"));
    });
}

#[test]
fn wildcard_resources() {
    let rule = no_resource_is_a_wildcard;
    holds(rule);
    let wide = [
        json!("*"),
        json!([{"Fn::GetAtt": "Data.Outputs.TableArn"}, {"Fn::Sub": "${Data.Outputs.TableArn}/*"}]),
        json!("arn:aws:dynamodb:*:*:table/*"),
    ];
    for resource in wide {
        notices(rule, "AppFunction", |stack| {
            set(&mut stack.root, &format!("{STATEMENT}/Resource"), resource);
        });
    }
    notices(rule, "HealthFunction", |stack| {
        let traces = "/Resources/RuntimePolicy/Properties/PolicyDocument/Statement/1/Action";
        set(&mut stack.root, traces, json!(["xray:PutTraceSegments", "xray:GetTraceSummaries"]));
    });
}

#[test]
fn pages_of_other_origins() {
    let rule = pages_ask_without_cookies;
    holds(rule);
    let cors = "/Resources/Api/Properties/CorsConfiguration";
    for (field, value) in [
        ("AllowCredentials", json!(true)),
        ("AllowMethods", json!(["GET"])),
        ("AllowHeaders", json!(["*"])),
        ("ExposeHeaders", json!([])),
    ] {
        notices(rule, "Api", |stack| set(&mut stack.root, &format!("{cors}/{field}"), value));
    }
}

#[test]
fn scans() {
    holds(nobody_scans);
    notices(nobody_scans, "AppFunction", |stack| {
        set(&mut stack.root, &format!("{STATEMENT}/Action"), json!(["dynamodb:GetItem", "dynamodb:Scan"]));
    });
}

#[test]
fn table_partitions() {
    let rule = the_table_is_open_by_partition_only;
    holds(rule);
    let condition = format!("{STATEMENT}/Condition");
    let enforced = format!("{condition}/Fn::If/1");
    notices(rule, "AppFunction", |stack| remove(&mut stack.root, &condition));
    notices(rule, "AppFunction", |stack| remove(&mut stack.root, &format!("{enforced}/Null")));
    for keys in [json!([]), json!(["ten_*", "*"])] {
        let bound = json!({"dynamodb:LeadingKeys": keys});
        notices(rule, "AppFunction", |stack| {
            set(&mut stack.root, &format!("{enforced}/ForAllValues:StringLike"), bound);
        });
    }
}

#[test]
fn device_partitions() {
    let rule = devices_reach_only_what_is_served;
    holds(rule);
    let statement = STATEMENT.replace("AppRole", "DeviceUpdateRole");
    notices(rule, "DeviceUpdateFunction", |stack| {
        set(&mut stack.root, &format!("{statement}/Action"), json!(["dynamodb:GetItem", "dynamodb:PutItem"]));
    });
    notices(rule, "DeviceUpdateFunction", |stack| {
        let keys = format!("{statement}/Condition/Fn::If/1/ForAllValues:StringLike/dynamodb:LeadingKeys/0");
        set(&mut stack.root, &keys, json!("ten_*"));
    });
}

#[test]
fn variables() {
    let rule = variables_and_rights_match;
    holds(rule);
    let variable =
        |function: &str, name: &str| format!("/Resources/{function}/Properties/Environment/Variables/{name}");
    notices(rule, "WhoamiFunction", |stack| {
        set(&mut stack.root, &variable("WhoamiFunction", "PACKAGE_BUCKET"), json!("bucket"));
    });
    notices(rule, "RelayFunction", |stack| {
        stack.root["Resources"]["RelayFunction"]["Properties"]["Environment"]["Variables"] = json!({});
    });
}

#[test]
fn handlers() {
    let rule = every_handler_is_unique;
    holds(rule);
    notices(rule, "AppFunction", |stack| {
        set(&mut stack.root, "/Resources/AppFunction/Properties/Handler", json!("apps"));
    });
}

#[test]
fn routes_in_the_code() {
    let rule = |stack: &Stack| the_code_has_the_same_functions(stack, &all_routes());
    holds(rule);
    let app = "/Resources/AppFunction/Properties";
    notices(rule, "AppFunction", |stack| {
        set(&mut stack.root, &format!("{app}/Handler"), json!("application"));
    });
    notices(rule, "/v1/apps/{app}/other", |stack| {
        set(&mut stack.root, &format!("{app}/Events/Route/Properties/Path"), json!("/v1/apps/{app}/other"));
    });
    notices(rule, "ReleaseTransitionsFunction", |stack| {
        set(&mut stack.root, "/Resources/ReleaseTransitionsFunction/Properties/Events/Pause", Value::Null);
    });
    notices(rule, "app: this handler", |stack| remove(&mut stack.root, "/Resources/AppFunction"));
    notices(rule, "AppFunction", |stack| remove(&mut stack.root, &format!("{app}/Events")));
    notices(rule, "RelayFunction", |stack| {
        stack.root["Resources"]["RelayFunction"]["Properties"]["Environment"]["Variables"] = json!({});
    });
    notices(rule, "HealthFunction", |stack| {
        let variables = json!({"Variables": {"TABLE_NAME": "rookery"}});
        set(&mut stack.root, "/Resources/HealthFunction/Properties/Environment", variables);
    });
}

#[test]
fn binaries() {
    let rule = every_binary_exists;
    holds(rule);
    let binary = "/Resources/AppFunction/Metadata/BuildProperties/Binary";
    notices(rule, "AppFunction", |stack| set(&mut stack.root, binary, json!("catalogue")));
    notices(rule, "billing", |stack| {
        stack.binaries.insert("billing".into());
    });
}

#[test]
fn sample_events() {
    let rule = every_function_has_a_sample_event;
    holds(rule);
    notices(rule, "AppFunction", |stack| {
        stack.events.remove("app");
    });
    notices(rule, "AppFunction", |stack| {
        let other = stack.events["apps"].clone();
        stack.events.insert("app".into(), other);
    });
    notices(rule, "RelayFunction", |stack| {
        stack.events.insert("relay".into(), json!({}));
    });
    notices(rule, "events/invoice.json", |stack| {
        stack.events.insert("invoice".into(), json!({}));
    });
}

#[test]
fn openapi_paths() {
    let rule = |stack: &Stack| the_openapi_document_has_the_same_paths(stack, &openapi());
    holds(rule);
    notices(rule, "AppFunction", |stack| {
        let path = "/Resources/AppFunction/Properties/Events/Route/Properties/Path";
        set(&mut stack.root, path, json!("/v1/apps/{app}/undocumented"));
    });
    notices(rule, "/v1/apps/{app}", |stack| {
        remove(&mut stack.root, "/Resources/AppFunction/Properties/Events/Route/Properties/Path");
    });
}

#[test]
fn routes() {
    let rule = every_path_is_one_event_for_all_methods;
    holds(rule);
    let route = "/Resources/AppFunction/Properties/Events/Route/Properties";
    notices(rule, "AppFunction", |stack| set(&mut stack.root, &format!("{route}/Method"), json!("GET")));
    notices(rule, "AppFunction", |stack| set(&mut stack.root, &format!("{route}/Path"), json!("/v1/apps")));
    notices(rule, "AppFunction", |stack| remove(&mut stack.root, "/Resources/AppFunction/Properties/Events"));
    notices(rule, "ReleaseTransitionsFunction", |stack| {
        let schedule = json!({"Type": "Schedule", "Properties": {"Schedule": "rate(1 hour)"}});
        set(&mut stack.root, "/Resources/ReleaseTransitionsFunction/Properties/Events/Hourly", schedule);
    });
    notices(rule, "ReleaseTransitionsFunction", |stack| {
        let pause = "/Resources/ReleaseTransitionsFunction/Properties/Events/Pause/Properties/Path";
        set(&mut stack.root, pause, json!("/v1/apps/{app}/releases/{release}/ramp"));
    });
}

#[test]
fn dead_letters() {
    let rule = an_asynchronous_function_has_a_dead_letter_path;
    holds(rule);
    let relay = "/Resources/RelayFunction/Properties/Events/Stream/Properties";
    for property in ["DestinationConfig", "MaximumRetryAttempts", "BisectBatchOnFunctionError"] {
        notices(rule, "RelayFunction", |stack| remove(&mut stack.root, &format!("{relay}/{property}")));
    }
    notices(rule, "AuditWorkerFunction", |stack| {
        let queue = "/Resources/AuditWorkerFunction/Properties/Events/Queue/Properties";
        remove(&mut stack.root, &format!("{queue}/FunctionResponseTypes"));
    });
    notices(rule, "AuditWorkerFunction", |stack| {
        let messaging = stack.nested.get_mut("Messaging").expect("Messaging");
        remove(messaging, "/Resources/AuditQueue/Properties/RedrivePolicy");
    });
    notices(rule, "StoredBytesToUsage", |stack| {
        let messaging = stack.nested.get_mut("Messaging").expect("Messaging");
        remove(messaging, "/Resources/StoredBytesToUsage/Properties/Targets/0/DeadLetterConfig");
    });
}

#[test]
fn timeouts() {
    let rule = every_timeout_fits_what_waits_for_it;
    holds(rule);
    for function in ["PackagesFunction", "AuditWorkerFunction"] {
        notices(rule, function, |stack| {
            set(&mut stack.root, &format!("/Resources/{function}/Properties/Timeout"), json!(60));
        });
    }
}

#[test]
fn mails() {
    let rule = a_mail_survives_the_death_of_its_worker;
    holds(rule);
    let worker = "NotificationWorkerFunction";
    let spoiled = [
        (format!("/Resources/{worker}/Properties/Timeout"), 30),
        ("/Parameters/QueueVisibilitySeconds/MinValue".into(), 5),
    ];
    for (pointer, value) in spoiled {
        notices(rule, worker, |stack| set(&mut stack.root, &pointer, json!(value)));
    }
}

#[test]
fn proofs() {
    let rule = nobody_deletes_what_proves_the_log;
    holds(rule);
    let eraser = "/Resources/TenantEraserRole/Properties/Policies/0/PolicyDocument/Statement";
    for keys in [json!(["ten_*"]), json!(["ten_*#audit*"]), json!(["ten_*#node"])] {
        notices(rule, "TenantEraserFunction", |stack| {
            let all = stack.root.pointer_mut(eraser).and_then(Value::as_array_mut).expect("statements");
            let erase = all.iter_mut().find(|statement| statement["Sid"] == "Erase").expect("Erase");
            set(erase, "/Condition/Fn::If/1/ForAllValues:StringLike/dynamodb:LeadingKeys", keys);
        });
    }
}

#[test]
fn logs_and_traces() {
    let rule = every_function_is_logged_and_traced;
    holds(rule);
    let app = "/Resources/AppFunction/Properties";
    notices(rule, "AppFunction", |stack| {
        set(&mut stack.root, &format!("{app}/Tracing"), json!("PassThrough"));
    });
    notices(rule, "AppFunction", |stack| {
        set(&mut stack.root, &format!("{app}/LoggingConfig"), json!({"LogFormat": "Text"}));
    });
    notices(rule, "DocsFunction", |stack| remove(&mut stack.root, "/Globals/Function/Tracing"));
    notices(rule, "LogGroup", |stack| {
        remove(&mut stack.root, "/Resources/LogGroup/Properties/RetentionInDays");
    });
}

#[test]
fn alarms() {
    let rule = every_function_and_dead_letter_queue_has_an_alarm;
    holds(rule);
    for name in ["AppFunction", "AuditDeadLetters", "RelayFailures"] {
        notices(rule, name, |stack| {
            remove(&mut stack.root, &format!("/Resources/Observability/Properties/Parameters/{name}"));
        });
    }
    for (alarm, name) in [("AppErrors", "AppFunction"), ("UsageDeadLettersDepth", "UsageDeadLetters")] {
        notices(rule, name, |stack| {
            let observability = stack.nested.get_mut("Observability").expect("Observability");
            remove(observability, &format!("/Resources/{alarm}"));
        });
    }
}

#[test]
fn budget() {
    let rule = the_stack_is_within_its_budget;
    holds(rule);
    notices(rule, "template.yaml", |stack| {
        let app = stack.root["Resources"]["AppFunction"].clone();
        for copy in 0..150 {
            set(&mut stack.root, &format!("/Resources/Copy{copy}Function"), app.clone());
        }
    });
}

#[test]
fn data() {
    let rule = what_must_never_be_lost_is_kept;
    holds(rule);
    let spoiled = [
        ("Table", "/Resources/Table/DeletionPolicy"),
        ("Key", "/Resources/Key/UpdateReplacePolicy"),
        ("Table", "/Resources/Table/Properties/TimeToLiveSpecification"),
        ("Table", "/Resources/Table/Properties/PointInTimeRecoverySpecification"),
        ("Table", "/Resources/Table/Properties/SSESpecification"),
        ("Bucket", "/Resources/Bucket/Properties/BucketEncryption"),
        ("Bucket", "/Resources/Bucket/Properties/PublicAccessBlockConfiguration/BlockPublicAcls"),
        ("Bucket", "/Resources/Bucket/Properties/LifecycleConfiguration/Rules/1"),
        ("Key", "/Resources/Key/Properties/EnableKeyRotation"),
    ];
    for (culprit, pointer) in spoiled {
        notices(rule, culprit, |stack| remove(stack.nested.get_mut("Data").expect("Data"), pointer));
    }
}

#[test]
fn short_forms_read_as_cloudformation_reads_them() {
    let text = "a: !Ref X\nb: !If [C, !GetAtt D.E, '1']\nc: 1\nd: !Sub \"${X}/*\"\n";
    let expected = json!({
        "a": {"Ref": "X"}, "b": {"Fn::If": ["C", {"Fn::GetAtt": "D.E"}, "1"]}, "c": 1, "d": {"Fn::Sub": "${X}/*"},
    });
    assert_eq!(parse(text), Ok(expected));
}
