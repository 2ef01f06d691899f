//! What the functions ask of the table while tests run, as it leaves for the wire, and whether the roles in the template let each of
//! them ask that: for the tenant that it acts for, and for no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use regex::Regex;
use rookery_store::guard;
use serde_json::Value;

use crate::policy::Role;
use crate::template::{Function, Stack};

/// A tenant that nothing here belongs to.
const STRANGER: &str = "ten_01h455vb4pex5vsknk084sn02q";

tokio::task_local! {
    static PATH: String;
}

/// Something that a function asked of the table: of a transaction, one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The path that the function serves.
    pub path: String,
    /// The permission that it takes.
    pub action: String,
    /// The partitions that it names.
    pub partitions: Vec<String>,
    /// The tenant that the function acts for at that moment.
    pub tenant: Option<String>,
}

/// The roles of the functions by the paths that they serve.
#[derive(Debug)]
pub struct Roles(BTreeMap<String, Role>);

static ROLES: LazyLock<Roles> =
    LazyLock::new(|| Roles::of(&Stack::read().expect("the templates can be read")));

impl Roles {
    /// Those of a stack.
    pub fn of(stack: &Stack) -> Self {
        let served = stack.functions().into_iter().filter(Function::is_served).flat_map(|one| {
            let role = Role::of(stack, &one);
            one.paths().map(move |path| (path.to_owned(), role.clone()))
        });
        Self(served.collect())
    }

    /// The paths of the functions that act for tenants.
    pub fn for_tenants(&self) -> BTreeSet<&str> {
        self.0.iter().filter(|(_, role)| role.for_tenants).map(|(path, _)| path.as_str()).collect()
    }

    /// The path of the function that answers a request.
    fn serving(&self, path: &str) -> Option<&str> {
        let fits = |known: &&str| {
            let (parts, places) = (path.split('/'), known.split('/'));
            parts.clone().count() == places.clone().count()
                && parts.zip(places).all(|(part, place)| place.starts_with('{') || part == place)
        };
        let known = self.0.keys().map(String::as_str).filter(fits);
        known.min_by_key(|known| known.matches('{').count())
    }

    /// What is wrong with something that was asked, if the roles are these.
    pub fn fault(&self, asked: &Asked) -> Option<String> {
        let Asked { path, action, partitions, tenant } = asked;
        let Some(role) = self.0.get(path) else { return Some(format!("no function serves {path}")) };
        // What acts for no tenant uses its own rights.
        let tenant = tenant.as_deref().filter(|_| role.for_tenants);
        if !role.admits(action, partitions, tenant) {
            return Some(format!("the role of {path} does not admit what it asks: {asked:?}"));
        }
        if !role.for_tenants || !partitions.iter().any(|partition| partition.starts_with("ten_")) {
            return None;
        }
        if role.admits(action, partitions, Some(STRANGER)) {
            return Some(format!("the role of {path} admits it for another tenant: {asked:?}"));
        }
        if role.admits(action, partitions, None) {
            return Some(format!("the role of {path} admits it for nobody: {asked:?}"));
        }
        let own = tenant.unwrap_or_default();
        let mut mixed = partitions.clone();
        mixed.extend(partitions.iter().map(|partition| partition.replace(own, STRANGER)));
        role.admits(action, &mixed, tenant)
            .then(|| format!("the role of {path} admits it together with another tenant's: {asked:?}"))
    }
}

/// Records what is asked.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    asked: Vec<Asked>,
    /// How many requests there were.
    requests: usize,
    /// The forms of what was asked that were looked at.
    seen: BTreeSet<String>,
    faults: Vec<String>,
}

impl Recorder {
    /// Everything that was asked so far, once for each form of it.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    /// How many requests functions sent to the table so far.
    pub fn requests(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests
    }

    /// What was wrong since the last time.
    pub fn faults(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).faults)
    }

    /// Runs the work on one request, so that it is known whose work it is.
    pub async fn serving<F: Future>(path: &str, work: F) -> F::Output {
        PATH.scope(ROLES.serving(path).unwrap_or(path).to_owned(), work).await
    }

    fn record(&self, asked: Asked) {
        let form = form(&asked);
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.seen.insert(form) {
            recorded.faults.extend(ROLES.fault(&asked));
            recorded.asked.push(asked);
        }
    }
}

/// What was asked without which ids are in it, but for whether they are the tenant's own.
fn form(asked: &Asked) -> String {
    static ID: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("_[0-7][0-9a-hjkmnp-tv-z]{25}|[0-9a-f]{64}").expect("a pattern"));
    let own = asked.tenant.as_deref().unwrap_or("nobody");
    let partitions: BTreeSet<String> = asked
        .partitions
        .iter()
        .map(|partition| ID.replace_all(&partition.replace(own, "own"), "_").into_owned())
        .collect();
    format!("{} {} {partitions:?} {}", asked.path, asked.action, asked.tenant.is_some())
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // What tests themselves put into the table is not asked by a function.
        let Ok(path) = PATH.try_with(Clone::clone) else { return Ok(()) };
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        let tenant = guard::bound().map(|tenant| tenant.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests += 1;
        for (action, partitions) in parts(operation, &body) {
            self.record(Asked { path: path.clone(), action, partitions, tenant: tenant.clone() });
        }
        Ok(())
    }
}

fn partition(item: &Value) -> Option<String> {
    item["pk"]["S"].as_str().map(str::to_owned)
}

/// The permissions that a request takes, each with the partitions that it names.
fn parts(operation: &str, body: &Value) -> Vec<(String, Vec<String>)> {
    let action = |name: &str| format!("dynamodb:{name}");
    match operation {
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let parts = items.flat_map(|item| item.as_object().into_iter().flatten());
            let kinds = parts.map(|(kind, part)| {
                let name = if kind == "ConditionCheck" {
                    "ConditionCheckItem".to_owned()
                } else {
                    format!("{kind}Item")
                };
                let named = partition(&part["Key"]).or_else(|| partition(&part["Item"]));
                (action(&name), named.into_iter().collect())
            });
            kinds.collect()
        }
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let keys = tables.flat_map(|(_, table)| table["Keys"].as_array().into_iter().flatten());
            vec![(action(operation), keys.filter_map(partition).collect())]
        }
        "Query" => {
            let named = body["ExpressionAttributeValues"][":pk"]["S"].as_str().map(str::to_owned);
            vec![(action(operation), named.into_iter().collect())]
        }
        _ => {
            let named = partition(&body["Key"]).or_else(|| partition(&body["Item"]));
            vec![(action(operation), named.into_iter().collect())]
        }
    }
}
