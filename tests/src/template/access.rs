//! Who may do what.

use std::collections::{BTreeMap, BTreeSet};

use rookery_store::erasure;
use serde_json::{Value, json};

use super::{Faults, Function, Stack, items, text};

/// Actions that AWS offers no resource for.
const ACTIONS_WITHOUT_RESOURCE: [&str; 2] = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

/// Resources that are named by a pattern because their names are not known beforehand: the files of tenants, and roles, each of which
/// says itself that nobody but it may take it on.
const PATTERNS: [&str; 3] =
    ["${Data.Outputs.BucketArn}/ten_*/files/*", "${Data.Outputs.BucketArn}/ten_*/ws_*/workspace", ROLES];
const ROLES: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}/*";

/// Where partitions of the table may begin.
const PARTITIONS: [&str; 3] = ["ten_*", "directory#", "serving#"];

/// Whom a role lets take it on: Lambda, and where it acts for tenants itself, by the path that no other role has.
fn trust(function: &Function<'_>, for_tenants: bool) -> Vec<Value> {
    let lambda = json!({
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    });
    let own = ROLES.replace("/*", &format!("/{}/*", function.handler()));
    let itself = json!({
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"ArnLike": {"aws:PrincipalArn": {"Fn::Sub": own}}},
    });
    std::iter::once(lambda).chain(for_tenants.then_some(itself)).collect()
}

/// Whether a function does what every authenticated route does.
fn acts_for_tenants(stack: &Stack, function: &Function<'_>) -> bool {
    let role = &stack.resource(function.role().unwrap_or_default())["Properties"];
    items(&role["ManagedPolicyArns"]).any(|policy| policy["Ref"] == "CallerPolicy")
}

/// What acts for a tenant does so with credentials for it alone: it knows its role, which has a path of its own.
pub fn whoever_acts_for_a_tenant_has_a_session_for_it(stack: &Stack) -> Faults {
    let mut faults = Faults::new();
    for function in stack.functions().iter().filter(|function| acts_for_tenants(stack, function)) {
        let role = function.role().unwrap_or_default();
        let path = format!("/${{AWS::StackName}}/{}/", function.handler());
        if stack.resource(role)["Properties"]["Path"] != json!({"Fn::Sub": path}) {
            faults.push(format!("{}: {role} has no path of its own", function.id));
        }
        let own = json!({"Fn::If": ["TenantSessions", {"Fn::GetAtt": format!("{role}.Arn")}, ""]});
        if function.properties["Environment"]["Variables"]["TENANT_ROLE_ARN"] != own {
            faults.push(format!("{}: does not take on its own role for a tenant", function.id));
        }
    }
    faults
}

/// Every function has a role that no other has, that only Lambda and itself take on, and that holds policies of this template only.
pub fn every_function_has_a_role_of_its_own(stack: &Stack) -> Faults {
    let mut owners = BTreeMap::new();
    let mut faults = Faults::new();
    for function in stack.functions() {
        let role = function.role().unwrap_or_default();
        let resource = stack.resource(role);
        if resource["Type"] != "AWS::IAM::Role" {
            faults.push(format!("{}: its role is not a role of this template", function.id));
            continue;
        }
        if let Some(other) = owners.insert(role, function.id) {
            faults.push(format!("{}: shares {role} with {other}", function.id));
        }
        let trusted = items(&resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]);
        if !trusted.eq(&trust(&function, acts_for_tenants(stack, &function))) {
            faults.push(format!("{}: {role} trusts others than it should", function.id));
        }
        let managed = items(&resource["Properties"]["ManagedPolicyArns"]);
        for policy in
            managed.filter(|policy| stack.resource(text(&policy["Ref"]))["Type"] != "AWS::IAM::ManagedPolicy")
        {
            faults.push(format!("{}: {role} has a policy of somebody else: {policy}", function.id));
        }
        if stack.statements(&function).is_empty() {
            faults.push(format!("{}: {role} allows nothing, not even to log", function.id));
        }
    }
    faults
}

fn of_each_statement(stack: &Stack, fault: impl Fn(&Function<'_>, &Value) -> Option<String>) -> Faults {
    let mut faults = Faults::new();
    for function in stack.functions() {
        for statement in stack.statements(&function) {
            if let Some(fault) = fault(&function, statement) {
                faults.push(format!("{} ({}): {fault}", function.id, text(&statement["Sid"])));
            }
        }
    }
    faults
}

/// Every statement is a list of actions that are allowed, each spelled out.
pub fn no_action_is_a_wildcard(stack: &Stack) -> Faults {
    of_each_statement(stack, |_, statement| {
        let exact = |action: &&Value| {
            let (service, name) = text(action).split_once(':').unwrap_or_default();
            !service.is_empty() && !name.is_empty() && !text(action).contains(['*', '?'])
        };
        if statement["Effect"] != "Allow" || items(&statement["Action"]).count() == 0 {
            return Some("is no plain list of allowed actions".into());
        }
        let action = items(&statement["Action"]).find(|action| !exact(action))?;
        Some(format!("the action {action} is a wildcard"))
    })
}

/// Every statement names its resources, but for actions that AWS offers none for.
pub fn no_resource_is_a_wildcard(stack: &Stack) -> Faults {
    of_each_statement(stack, |_, statement| {
        if items(&statement["Resource"]).count() == 0 {
            return Some("names no resource".into());
        }
        let excused =
            items(&statement["Action"]).all(|action| ACTIONS_WITHOUT_RESOURCE.contains(&text(action)));
        let narrow = |resource: &&Value| {
            let pattern = text(&resource["Fn::Sub"]);
            (excused && *resource == "*")
                || PATTERNS.contains(&pattern)
                || !resource.to_string().contains(['*', '?'])
        };
        let resource = items(&statement["Resource"]).find(|resource| !narrow(resource))?;
        Some(format!("the resource {resource} is a wildcard"))
    })
}

/// No function may read the table across tenants.
pub fn nobody_scans(stack: &Stack) -> Faults {
    of_each_statement(stack, |_, statement| {
        let reads_all = ["dynamodb:Scan", "dynamodb:PartiQLSelect", "dynamodb:ExportTableToPointInTime"];
        let action = items(&statement["Action"]).find(|action| reads_all.contains(&text(action)))?;
        Some(format!("{action} reads across tenants"))
    })
}

fn of_the_table(statement: &Value) -> bool {
    items(&statement["Resource"]).any(|resource| resource["Fn::GetAtt"] == "Data.Outputs.TableArn")
}

/// The partitions that a statement is bound to where condition keys are enforced.
fn partitions(statement: &Value) -> Vec<&str> {
    let enforced = &statement["Condition"]["Fn::If"][1];
    items(&enforced["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]).map(text).collect()
}

/// Every statement on the table is bound to partitions. `ForAllValues` also holds for a request without the key, hence the
/// guard.
pub fn the_table_is_open_by_partition_only(stack: &Stack) -> Faults {
    of_each_statement(stack, |_, statement| {
        if !of_the_table(statement) {
            return None;
        }
        let choice = &statement["Condition"]["Fn::If"];
        if choice[0] != "EnforceConditionKeys" || choice[2] != json!({"Ref": "AWS::NoValue"}) {
            return Some("is not bound to partitions".into());
        }
        if choice[1]["Null"]["dynamodb:LeadingKeys"] != "false" {
            return Some("holds for requests that name no partition".into());
        }
        let bound = partitions(statement);
        let odd = bound.iter().find(|bound| !PARTITIONS.iter().any(|known| bound.starts_with(known)));
        match odd {
            Some(odd) => Some(format!("{odd} is no partition")),
            None => bound.is_empty().then(|| "is bound to no partition".into()),
        }
    })
}

/// What proves the audit log can be deleted by nobody, and the eraser can delete exactly what is erased of a tenant.
pub fn nobody_deletes_what_proves_the_log(stack: &Stack) -> Faults {
    let deletes = |statement: &Value| {
        of_the_table(statement) && items(&statement["Action"]).any(|action| action == "dynamodb:DeleteItem")
    };
    let mut faults = Faults::new();
    for function in stack.functions().iter().filter(|function| function.handler() == "tenant-eraser") {
        let own = stack.statements(function).into_iter().filter(|statement| deletes(statement));
        let granted: BTreeSet<&str> =
            own.flat_map(partitions).filter(|key| key.starts_with("ten_")).collect();
        let wanted: BTreeSet<String> = erasure::partitions().map(|kind| format!("ten_*#{kind}")).collect();
        let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        for odd in granted.symmetric_difference(&wanted) {
            faults.push(format!("{}: {odd} is erased and not granted, or the other way round", function.id));
        }
        for proof in ["audit-log", "audit-head", "audit-number"] {
            if granted.iter().any(|key| matches(key, &format!("ten_01h455vb4pex5vsknk084sn02q#{proof}"))) {
                faults.push(format!("{}: may delete {proof}", function.id));
            }
        }
    }
    faults
}

/// Whether a pattern of a policy matches a text: `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|left| {
            (0..=left.len()).any(|at| left.is_char_boundary(at) && matches(rest, &left[at..]))
        }),
    }
}

/// Pages of other origins may ask, with what tokens are asked for and shown with, and no browser is told to send cookies along: what
/// takes a cookie is for the platform's own pages.
pub fn pages_ask_without_cookies(stack: &Stack) -> Faults {
    let cors = &stack.resource("Api")["Properties"]["CorsConfiguration"];
    let has = |list: &str, wanted: &[&str]| {
        wanted.iter().all(|wanted| items(&cors[list]).any(|given| text(given) == *wanted))
    };
    let rules = [
        (has("AllowMethods", &["GET", "POST"]), "does not let pages ask for tokens"),
        (has("AllowHeaders", &["authorization", "content-type"]), "does not let pages show tokens"),
        (has("ExposeHeaders", &["retry-after", "www-authenticate"]), "does not tell pages what is wrong"),
        (!has("AllowHeaders", &["*"]), "lets pages send any header"),
        (cors["AllowCredentials"].is_null(), "lets browsers send cookies along"),
    ];
    rules.into_iter().filter(|(kept, _)| !kept).map(|(_, fault)| format!("Api: {fault}")).collect()
}

/// What a device can reach from outside reads what is served, and nothing else of the table.
pub fn devices_reach_only_what_is_served(stack: &Stack) -> Faults {
    of_each_statement(stack, |function, statement| {
        let device = function.paths().any(|path| path.starts_with("/v1/device/"));
        if !device || !of_the_table(statement) {
            return None;
        }
        let reads = |action| matches!(text(action), "dynamodb:GetItem" | "dynamodb:Query");
        let served = partitions(statement) == ["serving#*"] && items(&statement["Action"]).all(reads);
        (!served).then(|| "reaches beyond reading what is served".into())
    })
}

/// A function has a variable exactly when it has the right to use what the variable names. One without the other tells of
/// copy and paste.
pub fn variables_and_rights_match(stack: &Stack) -> Faults {
    let uses = [
        ("TABLE_NAME", "dynamodb:", "Data.Outputs.TableArn"),
        ("TENANT_ROLE_ARN", "sts:AssumeRole", ROLES),
        ("PACKAGE_BUCKET", "s3:", "${Data.Outputs.BucketArn}"),
        ("KMS_KEY_ID", "kms:", "Data.Outputs.KeyArn"),
        ("EVENT_BUS_NAME", "events:PutEvents", "Messaging.Outputs.BusArn"),
        ("REPORTS_QUEUE_URL", "sqs:SendMessage", "Messaging.Outputs.ReportsQueueArn"),
        ("USAGE_QUEUE_URL", "sqs:SendMessage", "Messaging.Outputs.UsageQueueArn"),
        ("MAIL_FROM", "ses:SendEmail", "identity/${MailIdentity}"),
        ("RELAY_FAILURES_URL", "sqs:SendMessage", "Messaging.Outputs.RelayFailuresArn"),
    ];
    let mut faults = Faults::new();
    for function in stack.functions() {
        let variables: BTreeSet<&str> = function.variables().collect();
        let statements = stack.statements(&function);
        for (variable, action, resource) in uses {
            let allowed = statements.iter().any(|statement| {
                items(&statement["Action"]).any(|allowed| text(allowed).starts_with(action))
                    && items(&statement["Resource"]).any(|named| named.to_string().contains(resource))
            });
            if allowed != variables.contains(variable) {
                let (has, lacks) = if allowed { (action, variable) } else { (variable, action) };
                faults.push(format!("{}: has {has} and lacks {lacks}", function.id));
            }
        }
    }
    faults
}
