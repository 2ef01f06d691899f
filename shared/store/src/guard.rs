//! The last line of defence between tenants: no request leaves for the table that names a key of another tenant than the one who
//! asked.
//!
//! Keys are made from a [`TenantScope`] already, and roles are bound to partitions. This catches what would get past both: a scope
//! of the wrong tenant, in a function that serves all of them. Authentication [binds](bind) the request to its tenant; from then on
//! every request of the DynamoDB client within it is looked at before it is sent, whatever its operation, each item of batches and
//! transactions included. What it does not know it refuses.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, TransactWriteItem, Update,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Input,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use rookery_domain::id::TenantId;

use crate::TenantScope;
use crate::record::Item;
use crate::tenant_session::TenantCredentials;

/// The tenant of a request, and where the credentials come from that reach this tenant only.
#[derive(Debug, Clone)]
struct Bound {
    tenant: TenantId,
    credentials: Option<Arc<dyn TenantCredentials>>,
}

tokio::task_local! {
    static BOUND: OnceLock<Bound>;
}

/// Runs the work of one request, which can be bound to a tenant while it lasts and no longer.
pub async fn within<F: Future>(request: F) -> F::Output {
    BOUND.scope(OnceLock::new(), request).await
}

/// Binds the request that is being worked on to a tenant. A request that is bound stays so: binding it to another tenant changes
/// nothing, and what it then asks of the other is refused. Outside of [`within`] nothing is bound.
pub fn bind(scope: &TenantScope) {
    bind_with(scope, None);
}

/// As [`bind`]; and from then on the request's calls of the table are signed with credentials for that tenant, where there are any.
pub fn bind_with(scope: &TenantScope, credentials: Option<Arc<dyn TenantCredentials>>) {
    let bind = |bound: &OnceLock<Bound>| {
        bound.get_or_init(|| Bound { tenant: scope.tenant(), credentials });
    };
    // Work that belongs to no request, such as a worker's, has no cell to bind.
    let _ = BOUND.try_with(bind);
}

/// The tenant that the request is bound to that is being worked on.
pub fn bound() -> Option<TenantId> {
    current().map(|bound| bound.tenant)
}

/// The tenant that the request is bound to, and where its credentials come from.
pub(crate) fn credentials() -> Option<(TenantId, Arc<dyn TenantCredentials>)> {
    let bound = current()?;
    Some((bound.tenant, bound.credentials?))
}

fn current() -> Option<Bound> {
    BOUND.try_with(|bound| bound.get().cloned()).ok().flatten()
}

/// Refused: a request to the table that is not about the tenant it is made for. A fault of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trespass {
    /// It names a key of somebody else.
    #[error("a request of {bound} names the partition {partition}")]
    Partition {
        /// Whose request it is.
        bound: TenantId,
        /// What it names.
        partition: String,
    },
    /// It is of a kind, or in a form, whose keys are not known.
    #[error("the keys of a request of {0} cannot be told")]
    Unknown(TenantId),
}

/// Looks at each request of the DynamoDB client.
#[derive(Debug)]
pub(crate) struct Guard;

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "tenant guard"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match bound() {
            Some(bound) => check(bound, context.input()).map_err(Into::into),
            None => Ok(()),
        }
    }
}

/// Checks every key that a request names.
fn check(bound: TenantId, input: &Input) -> Result<(), Trespass> {
    let unknown = || Trespass::Unknown(bound);
    for partition in partitions(input).ok_or_else(unknown)? {
        let AttributeValue::S(partition) = partition.ok_or_else(unknown)? else { return Err(unknown()) };
        if !may_name(bound, partition) {
            return Err(Trespass::Partition { bound, partition: partition.clone() });
        }
    }
    Ok(())
}

/// Whether a request of a tenant may name a partition: its own, and those that belong to no tenant. The mark behind the id is part of
/// the comparison, and ids have one length, so that no tenant's prefix is the beginning of another's.
fn may_name(bound: TenantId, partition: &str) -> bool {
    match partition.split_once('#') {
        Some(("directory" | "serving", _)) => true,
        Some((tenant, _)) => tenant == bound.to_string(),
        None => false,
    }
}

type Named<'a> = Vec<Option<&'a AttributeValue>>;

/// The partition keys that a request names, `None` where one is missing; `None` for a request whose kind is not known here.
fn partitions(input: &Input) -> Option<Named<'_>> {
    if let Some(get) = input.downcast_ref::<GetItemInput>() {
        return Some(vec![of(get.key())]);
    }
    if let Some(query) = input.downcast_ref::<QueryInput>() {
        return of_query(query);
    }
    if let Some(write) = input.downcast_ref::<TransactWriteItemsInput>() {
        return write.transact_items().iter().map(|item| of_write(item).map(Some)).collect();
    }
    if let Some(batch) = input.downcast_ref::<BatchGetItemInput>() {
        let tables = batch.request_items().into_iter().flat_map(HashMap::values);
        return Some(tables.flat_map(KeysAndAttributes::keys).map(|key| of(Some(key))).collect());
    }
    if let Some(put) = input.downcast_ref::<PutItemInput>() {
        return Some(vec![of(put.item())]);
    }
    if let Some(update) = input.downcast_ref::<UpdateItemInput>() {
        return Some(vec![of(update.key())]);
    }
    None
}

fn of(item: Option<&Item>) -> Option<&AttributeValue> {
    item?.get("pk")
}

/// A query names its partition in a condition of the one form that [`crate::Table`] writes.
fn of_query(query: &QueryInput) -> Option<Named<'_>> {
    let condition = query.key_condition_expression()?;
    let columns = query.expression_attribute_names()?;
    let plain = condition == "#pk = :pk" || condition.starts_with("#pk = :pk AND #sk ");
    if !plain || columns.get("#pk").map(String::as_str) != Some("pk") || query.index_name().is_some() {
        return None;
    }
    let mut named = vec![query.expression_attribute_values()?.get(":pk")];
    if let Some(start) = query.exclusive_start_key() {
        named.push(start.get("pk"));
    }
    Some(named)
}

fn of_write(item: &TransactWriteItem) -> Option<&AttributeValue> {
    let put = item.put().map(Put::item);
    let update = || item.update().map(Update::key);
    let delete = || item.delete().map(Delete::key);
    let check = || item.condition_check().map(ConditionCheck::key);
    of(put.or_else(update).or_else(delete).or_else(check))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::operation::scan::ScanInput;

    const OWN: &str = "ten_01h455vb4pex5vsknk084sn02q";

    fn own() -> TenantId {
        OWN.parse().unwrap()
    }

    fn item(partition: &str) -> Item {
        HashMap::from([("pk".to_owned(), AttributeValue::S(partition.to_owned()))])
    }

    fn write(partition: &str, kind: usize) -> TransactWriteItem {
        let builder = TransactWriteItem::builder();
        let key = Some(item(partition));
        match kind {
            0 => builder.put(Put::builder().table_name("t").set_item(key).build().unwrap()),
            1 => builder.delete(Delete::builder().table_name("t").set_key(key).build().unwrap()),
            2 => builder.update(
                Update::builder().table_name("t").set_key(key).update_expression("x").build().unwrap(),
            ),
            _ => builder.condition_check(
                ConditionCheck::builder()
                    .table_name("t")
                    .set_key(key)
                    .condition_expression("x")
                    .build()
                    .unwrap(),
            ),
        }
        .build()
    }

    fn query(condition: &str, name: &str, partition: &str) -> Input {
        let query = QueryInput::builder()
            .key_condition_expression(condition)
            .expression_attribute_names("#pk", name)
            .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()));
        Input::erase(query.build().unwrap())
    }

    /// A request of every kind that names a partition, besides one that is the tenant's own where it names several.
    fn requests(partition: &str) -> Vec<Input> {
        let keys =
            KeysAndAttributes::builder().keys(item(&format!("{OWN}#app"))).keys(item(partition)).build();
        let mut requests = vec![
            Input::erase(GetItemInput::builder().set_key(Some(item(partition))).build().unwrap()),
            Input::erase(PutItemInput::builder().set_item(Some(item(partition))).build().unwrap()),
            Input::erase(UpdateItemInput::builder().set_key(Some(item(partition))).build().unwrap()),
            Input::erase(BatchGetItemInput::builder().request_items("t", keys.unwrap()).build().unwrap()),
            query("#pk = :pk", "pk", partition),
            query("#pk = :pk AND #sk BETWEEN :low AND :high", "pk", partition),
        ];
        requests.extend((0..4).map(|kind| {
            let items = TransactWriteItemsInput::builder();
            let items =
                items.transact_items(write(&format!("{OWN}#app"), 0)).transact_items(write(partition, kind));
            Input::erase(items.build().unwrap())
        }));
        requests
    }

    #[test]
    fn a_request_names_its_own_tenant_or_none() {
        for partition in [&format!("{OWN}#app"), "directory#key#key_1", "serving#ak_1"] {
            for request in requests(partition) {
                assert_eq!(check(own(), &request), Ok(()), "{partition} in {request:?}");
            }
        }
    }

    #[test]
    fn every_kind_of_request_is_refused_another_tenants_key() {
        for partition in [
            "ten_01h455vb4pex5vsknk084sn02r#app",
            // Neither a longer id nor a bare one is this tenant's.
            "ten_01h455vb4pex5vsknk084sn02q2#app",
            OWN,
            "",
            "#app",
        ] {
            for request in requests(partition) {
                let trespass = Trespass::Partition { bound: own(), partition: partition.to_owned() };
                assert_eq!(check(own(), &request), Err(trespass), "{request:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let partition = format!("{OWN}#app");
        for request in [
            Input::erase(ScanInput::builder().table_name("t").build().unwrap()),
            Input::erase(GetItemInput::builder().build().unwrap()),
            query("#pk = :pk OR #pk = :other", "pk", &partition),
            query("#pk = :pk", "another", &partition),
        ] {
            assert_eq!(check(own(), &request), Err(Trespass::Unknown(own())), "{request:?}");
        }
    }

    #[tokio::test]
    async fn a_request_is_bound_once_and_for_as_long_as_it_lasts() {
        let other = TenantScope::founding("ten_01h455vb4pex5vsknk084sn02r".parse().unwrap());
        bind(&other);
        assert_eq!(bound(), None);
        within(async {
            bind(&TenantScope::founding(own()));
            bind(&other);
            tokio::task::yield_now().await;
            assert_eq!(bound(), Some(own()));
        })
        .await;
        within(async { assert_eq!(bound(), None) }).await;
    }
}
