//! What the roles in the template admit, as an evaluator of IAM policies decides it. The platform's parameters are as in production:
//! roles bound to partitions, and sessions of tenants on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use iam_rs::{Arn, Context, ContextValue, Decision, IAMPolicy, IAMRequest, PolicyEvaluator};
use iam_rs::{Principal, PrincipalId, interpolate_variables};
use serde_json::{Map, Value, json};

use crate::template::{Function, Stack, items, text};

/// The table, as a deployed template names it.
const TABLE_ARN: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/rookery";

/// The tag of a session that says which tenant it is for.
const TENANT_TAG: &str = "aws:PrincipalTag/tenant";

/// The statements of a function's role that concern the table.
#[derive(Debug, Clone)]
pub struct Role {
    statements: Vec<Value>,
    /// The statements with a tenant's name in them, or nobody's, made when first asked.
    filled: Arc<Mutex<BTreeMap<Option<String>, PolicyEvaluator>>>,
    /// Whether the function takes on its role for a tenant, once it knows for whom it acts.
    pub for_tenants: bool,
}

impl Role {
    /// The role of a function.
    pub fn of(stack: &Stack, function: &Function<'_>) -> Self {
        let all = stack.all_statements(function);
        let takes = |statement: &&&Value, service: &str| {
            items(&statement["Action"]).any(|action| text(action).starts_with(service))
        };
        Self {
            for_tenants: all.iter().any(|statement| takes(&statement, "sts:AssumeRole")),
            statements: all
                .iter()
                .filter(|statement| takes(statement, "dynamodb:"))
                .filter_map(|statement| resolved(statement))
                .collect(),
            filled: Arc::default(),
        }
    }

    /// Whether it admits an action on partitions of the table, in a session for a tenant or in none.
    pub fn admits(&self, action: &str, partitions: &[String], tenant: Option<&str>) -> bool {
        let mut context = Context::new();
        if let Some(tenant) = tenant {
            context.insert(TENANT_TAG.to_owned(), ContextValue::String(tenant.to_owned()));
        }
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        let evaluator =
            filled.entry(tenant.map(str::to_owned)).or_insert_with(|| evaluator(&self.statements, &context));
        if !partitions.is_empty() {
            let keys = ContextValue::StringList(partitions.to_vec());
            context.insert("dynamodb:LeadingKeys".to_owned(), keys);
        }
        let principal = Principal::Aws(PrincipalId::String("arn:aws:iam::123456789012:role/own".to_owned()));
        let table = Arn::parse(TABLE_ARN).expect("an ARN");
        let request = IAMRequest::new_with_context(principal, action, table, context);
        evaluator.evaluate(&request).expect("a decision").decision == Decision::Allow
    }
}

fn evaluator(statements: &[Value], context: &Context) -> PolicyEvaluator {
    // The evaluator fills variables into resources, and not into the values of conditions.
    let statements: Vec<Value> = statements.iter().map(|statement| filled(statement, context)).collect();
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let policy: IAMPolicy = serde_json::from_value(policy).expect("a policy");
    PolicyEvaluator::with_policies(vec![policy])
}

/// A part of the template with what CloudFormation would put for its functions; `None` for what it leaves out.
fn resolved(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Object(map) if map.contains_key("Fn::If") => resolved(&map["Fn::If"][1])?,
        Value::Object(map) if map.contains_key("Ref") && map["Ref"] == "AWS::NoValue" => return None,
        Value::Object(map) if map.contains_key("Fn::GetAtt") => match text(&map["Fn::GetAtt"]) {
            "Data.Outputs.TableArn" => json!(TABLE_ARN),
            other => panic!("a statement on the table names {other}"),
        },
        Value::Object(map) => {
            let fields = map.iter().filter_map(|(name, field)| Some((name.clone(), resolved(field)?)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().filter_map(resolved).collect(),
        plain => plain.clone(),
    })
}

fn filled(value: &Value, context: &Context) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, field)| (name.clone(), filled(field, context)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(|item| filled(item, context)).collect(),
        Value::String(text) => json!(interpolate_variables(text, context).expect("variables")),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "ten_01h455vb4pex5vsknk084sn02q";
    const OTHER: &str = "ten_01h455vb4pex5vsknk084sn02r";

    fn role(statements: Value) -> Role {
        let statements = serde_json::from_value(statements).unwrap();
        Role { statements, filled: Arc::default(), for_tenants: true }
    }

    fn open(extra: &Value) -> Value {
        json!([{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE_ARN, "Condition": extra}])
    }

    fn admits(role: &Role, partitions: &[&str], tenant: Option<&str>) -> bool {
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        role.admits("dynamodb:GetItem", &partitions, tenant)
    }

    /// The semantics that everything here rests on, as AWS documents them.
    #[test]
    fn the_evaluator_decides_as_documented() {
        let all = role(open(&json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["a#*"]}})));
        assert!(admits(&all, &["a#1"], None) && admits(&all, &["a#1", "a#2"], None));
        assert!(!admits(&all, &["b#1"], None) && !admits(&all, &["a#1", "b#1"], None));
        assert!(admits(&all, &[], None), "ForAllValues holds where the key is absent");
        let guarded = json!({
            "Null": {"dynamodb:LeadingKeys": "false"},
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["a#*"]},
        });
        assert!(!admits(&role(open(&guarded)), &[], None) && admits(&role(open(&guarded)), &["a#1"], None));
        assert!(!role(open(&json!({}))).admits("dynamodb:PutItem", &[], None), "another action");
    }

    #[test]
    fn a_denial_of_every_other_partition_is_one_without_a_tag_too() {
        let mut statements = open(&json!({}));
        statements.as_array_mut().unwrap().push(json!({
            "Effect": "Deny", "Action": "dynamodb:*", "Resource": TABLE_ARN, "Condition": {
                "ForAnyValue:StringNotLike": {
                    "dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant, 'nobody'}#*", "directory#*"],
                },
            },
        }));
        let role = role(statements);
        let (own, other) = (format!("{OWN}#app"), format!("{OTHER}#app"));
        assert!(admits(&role, &[&own], Some(OWN)) && admits(&role, &[&own, "directory#x"], Some(OWN)));
        assert!(admits(&role, &["directory#x"], None));
        for (partitions, tenant) in [
            (vec![own.as_str()], None),
            (vec![own.as_str()], Some(OTHER)),
            (vec![own.as_str(), other.as_str()], Some(OWN)),
            (vec!["directory#x", other.as_str()], Some(OWN)),
        ] {
            assert!(!admits(&role, &partitions, tenant), "{partitions:?} for {tenant:?}");
        }
    }
}
