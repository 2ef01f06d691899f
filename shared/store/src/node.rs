//! The tree: one small item per thing that a path names, with what it stands below.
//!
//! Rights are decided on these items alone, so that a function needs to read nothing else of what it is not about. An item is
//! written in the transaction that makes, moves or deletes its thing.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use rookery_domain::node::{Lineage, NodeId, NodeState};
use serde::{Deserialize, Serialize};

use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// A place as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it stands below; `None` for the tenant.
    pub parent: Option<NodeId>,
    /// Everything that it stood below when it was made or moved, nearest first. Places further up may have moved since; it is a
    /// hint of what to read, and `parent` is the truth.
    pub above: Vec<NodeId>,
    /// Whether what is below may be worked on.
    pub state: NodeState,
    /// How many things are below that keep it from being deleted.
    pub children: i64,
    /// How often anything was moved within it. Every move checks the tree as a whole, so two of them cannot pass each other.
    pub moves: i64,
    /// How often anything was made in it that stands deeper than directly below. What is moved may have grown by it.
    pub grown: i64,
}

impl Record for Node {
    const KIND: &'static str = "node";
}

/// The key of a place.
pub fn key(scope: &TenantScope, id: impl Into<NodeId>) -> Key {
    scope.partition(&["node"]).item(id.into())
}

fn fresh(above: Vec<NodeId>) -> Node {
    Node { parent: above.first().copied(), above, state: NodeState::Active, children: 0, moves: 0, grown: 0 }
}

/// Adds a place to a transaction that is made below another, counted there and so keeps it from being deleted. That place must
/// still exist, and not be on its way out.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    parent: &Lineage,
) -> Result<(), StoreError> {
    create_in(transaction, scope, id, parent, NodeState::Active)
}

/// As [`create`], in a state that it is made in.
pub fn create_in(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    parent: &Lineage,
    state: NodeState,
) -> Result<(), StoreError> {
    transaction.update(
        &key(scope, parent.node),
        "ADD children :one",
        Some("attribute_exists(pk) AND #state <> :closing"),
        [
            (":one", AttributeValue::N("1".into())),
            (":closing", AttributeValue::S(name(NodeState::Closing).into())),
        ],
        Refusal::Gone(parent.node.kind()),
    );
    let node = Node { state, ..fresh(parent.below()) };
    transaction.create(&key(scope, id), &node, Refusal::Taken("id"))
}

/// Adds a place to a transaction that does not keep what it stands below from being deleted: a key, a role, a binding, an
/// invitation.
pub fn attach(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    parent: &Lineage,
) -> Result<(), StoreError> {
    transaction.create(&key(scope, id), &fresh(parent.below()), Refusal::Taken("id"))
}

/// Adds places to a transaction that are all made in it, with everything below each that is made in it too.
pub fn plant(
    transaction: &mut Transaction,
    scope: &TenantScope,
    places: &[(NodeId, Vec<NodeId>, i64)],
) -> Result<(), StoreError> {
    for (id, above, children) in places {
        let node = Node { children: *children, ..fresh(above.clone()) };
        transaction.create(&key(scope, *id), &node, Refusal::Taken("id"))?;
    }
    Ok(())
}

/// Adds the deletion of a place to a transaction; refused while anything is below it. `parent` is where it was counted.
pub fn delete(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    parent: NodeId,
    below: &'static str,
) {
    detach_empty(transaction, scope, id, below);
    count(transaction, scope, parent, -1);
}

/// Adds the deletion of a place to a transaction that was made with [`attach`].
pub fn detach(transaction: &mut Transaction, scope: &TenantScope, id: impl Into<NodeId>) {
    transaction.remove(&key(scope, id));
}

/// Adds the deletion of a place to a transaction that was made with [`attach`]; refused while anything is counted below it.
pub fn detach_empty(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    below: &'static str,
) {
    let none = AttributeValue::N("0".into());
    transaction.delete_if(&key(scope, id), "children = :none", [(":none", none)], Refusal::NotEmpty(below));
}

/// Demands that a place exists when the transaction commits.
pub fn require(transaction: &mut Transaction, scope: &TenantScope, id: NodeId) {
    transaction.require(&key(scope, id), id.kind());
}

/// Counts something more or less below a place, which must exist. For what keeps it from being deleted and has no place of its own.
pub fn count(transaction: &mut Transaction, scope: &TenantScope, id: NodeId, amount: i64) {
    let amount = AttributeValue::N(amount.to_string());
    transaction.update(
        &key(scope, id),
        "ADD children :amount",
        Some("attribute_exists(pk)"),
        [(":amount", amount)],
        Refusal::Gone(id.kind()),
    );
}

/// The tree of an organization or a workspace, as it was before something was decided about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    root: NodeId,
    moves: i64,
    grown: i64,
}

impl Shape {
    /// Reads how the tree below a root is; `None` if there is no such root. To be read before anything else that a decision rests
    /// on, so that what changes meanwhile is noticed.
    pub async fn read(table: &Table, scope: &TenantScope, root: NodeId) -> Result<Option<Self>, StoreError> {
        let found = find(table, scope, root).await?;
        Ok(found.map(|node| Self { root, moves: node.moves, grown: node.grown }))
    }
}

/// As [`create`], for what may stand below its like, up to a depth. Nothing may have moved in the tree since the depth was looked at.
pub fn create_nested(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    parent: &Lineage,
    shape: Shape,
) -> Result<(), StoreError> {
    if parent.node != shape.root {
        transaction.update(
            &key(scope, shape.root),
            "ADD grown :one",
            Some("moves = :known"),
            [(":one", AttributeValue::N("1".into())), (":known", AttributeValue::N(shape.moves.to_string()))],
            Refusal::Overtaken,
        );
    }
    create(transaction, scope, id, parent)
}

/// Puts a place below another one, if it still is where it was.
fn put_below(transaction: &mut Transaction, scope: &TenantScope, id: NodeId, from: NodeId, to: &Lineage) {
    let place = |node: NodeId| AttributeValue::S(node.to_string());
    let above = AttributeValue::L(to.below().into_iter().map(place).collect());
    transaction.update(
        &key(scope, id),
        "SET parent = :to, above = :above",
        Some("parent = :from"),
        [(":to", place(to.node)), (":above", above), (":from", place(from))],
        Refusal::Overtaken,
    );
}

/// Adds a move to a transaction. Nothing else may have moved in the tree since it was decided, and nothing grown.
pub fn relocate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: NodeId,
    from: NodeId,
    to: &Lineage,
    shape: Shape,
) -> Result<(), StoreError> {
    put_below(transaction, scope, id, from, to);
    // DynamoDB takes an item once in a transaction, and the root of the tree may be where the thing was or comes to.
    let mut changes: Vec<(NodeId, i64)> = Vec::new();
    if from != to.node {
        changes.extend([(from, -1), (to.node, 1)]);
    }
    let own = changes.iter().position(|(node, _)| *node == shape.root).map(|at| changes.remove(at).1);
    transaction.update(
        &key(scope, shape.root),
        "ADD moves :one, children :amount",
        Some("moves = :known AND grown = :grown"),
        [
            (":one", AttributeValue::N("1".into())),
            (":amount", AttributeValue::N(own.unwrap_or(0).to_string())),
            (":known", AttributeValue::N(shape.moves.to_string())),
            (":grown", AttributeValue::N(shape.grown.to_string())),
        ],
        Refusal::Overtaken,
    );
    for (node, amount) in changes {
        count(transaction, scope, node, amount);
    }
    Ok(())
}

/// Adds a move of something that nothing of its own kind stands below, so that neither a ring nor a depth can come of it: a person.
pub fn rehome(transaction: &mut Transaction, scope: &TenantScope, id: NodeId, from: NodeId, to: &Lineage) {
    put_below(transaction, scope, id, from, to);
    count(transaction, scope, from, -1);
    count(transaction, scope, to.node, 1);
}

/// Adds a change of state to a transaction.
pub fn set_state(
    transaction: &mut Transaction,
    scope: &TenantScope,
    id: impl Into<NodeId>,
    state: NodeState,
) {
    transaction.update(
        &key(scope, id),
        "SET #state = :state",
        Some("attribute_exists(pk)"),
        [(":state", AttributeValue::S(name(state).into()))],
        Refusal::Gone("place"),
    );
}

/// Adds to a transaction that a place is about to be deleted: from then on nothing can be made directly below it. Refused while
/// anything is below it already.
pub fn close(transaction: &mut Transaction, scope: &TenantScope, id: impl Into<NodeId>, below: &'static str) {
    transaction.update(
        &key(scope, id),
        "SET #state = :closing",
        Some("children = :none"),
        [
            (":closing", AttributeValue::S(name(NodeState::Closing).into())),
            (":none", AttributeValue::N("0".into())),
        ],
        Refusal::NotEmpty(below),
    );
}

/// A state as it is stored.
const fn name(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "active",
        NodeState::Suspended => "suspended",
        NodeState::Pending => "pending",
        NodeState::Closing => "closing",
    }
}

/// Reads a place, as of the last write.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: impl Into<NodeId>,
) -> Result<Option<Node>, StoreError> {
    table.get(&key(scope, id)).await
}

/// Reads the way from a place up to the tenant, as of the last write. `None` when there is no such place.
///
/// `known` answers what was read a moment ago and need not be read again, and is told what was read.
pub async fn lineage(
    table: &Table,
    scope: &TenantScope,
    id: NodeId,
    known: &mut impl Known,
) -> Result<Option<Lineage>, StoreError> {
    let mut read: HashMap<NodeId, Option<Node>> = HashMap::new();
    let Some(first) = look(table, scope, id, &mut read, known).await? else { return Ok(None) };
    let hinted: Vec<NodeId> =
        first.above.iter().copied().filter(|node| known.recall(*node).is_none()).collect();
    if !hinted.is_empty() {
        let keys: Vec<Key> = hinted.iter().map(|node| key(scope, *node)).collect();
        for (node, found) in table.get_keyed::<Node>(&keys).await? {
            if let Ok(node) = node.parse::<NodeId>() {
                known.remember(node, Some(found.clone()));
                read.insert(node, Some(found));
            }
        }
    }
    let mut lineage = Lineage { node: id, above: Vec::new(), stopped: None };
    let (mut at, mut node) = (id, first);
    loop {
        if node.state != NodeState::Active && lineage.stopped.is_none() {
            lineage.stopped = Some((at, node.state));
        }
        let Some(parent) = node.parent else { return Ok(Some(lineage)) };
        lineage.above.push(parent);
        let Some(found) = look(table, scope, parent, &mut read, known).await? else {
            // Something that keeps nothing from being deleted outlived what it stood below. Its way up is what it was then.
            lineage.above.extend(node.above.iter().copied().skip_while(|above| *above != parent).skip(1));
            return Ok(Some(lineage));
        };
        (at, node) = (parent, found);
    }
}

/// What was read of the tree a moment ago.
pub trait Known {
    /// What is known of a place: that it does not exist, or how it is; `None` if nothing is.
    fn recall(&self, id: NodeId) -> Option<Option<Node>>;
    /// Remembers what was read.
    fn remember(&mut self, id: NodeId, found: Option<Node>);
}

/// Knows nothing, so that everything is read.
#[derive(Debug)]
pub struct Unknown;

impl Known for Unknown {
    fn recall(&self, _: NodeId) -> Option<Option<Node>> {
        None
    }

    fn remember(&mut self, _: NodeId, _: Option<Node>) {}
}

async fn look(
    table: &Table,
    scope: &TenantScope,
    id: NodeId,
    read: &mut HashMap<NodeId, Option<Node>>,
    known: &mut impl Known,
) -> Result<Option<Node>, StoreError> {
    if let Some(found) = read.get(&id) {
        return Ok(found.clone());
    }
    if let Some(found) = known.recall(id) {
        return Ok(found);
    }
    let found = find(table, scope, id).await?;
    known.remember(id, found.clone());
    read.insert(id, found.clone());
    Ok(found)
}
