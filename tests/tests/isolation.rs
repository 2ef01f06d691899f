//! No tenant reaches another: every operation of the document, with every kind of id wherever one can stand in its path, its query
//! and its body, of two tenants, asked by nobody, by a stranger, by a member without the right and by one with it. Requests are made
//! from the document, so that a route that is added is covered without a change here.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use regex::Regex;
use rookery_domain::permission::Permission;
use rookery_tests::fuzz::{Deed, Operation, operations};
use rookery_tests::ids::Ids;
use rookery_tests::sample::{Place, Sample, unknown};
use rookery_tests::world::{Actor, Reply, World, openapi};
use serde_json::{Value, json};

/// What everybody may who is known: it is about whoever asks.
const OF_EVERYBODY: [&str; 1] = ["/v1/whoami"];

/// What an operation may answer to whoever has the right, besides success: it met a state that forbids it, or needs S3, KMS or a
/// queue, which do not exist in this world. Either comes after everything that is decided about rights.
const PAST_THE_RIGHTS: [u16; 2] = [409, 503];

/// What takes somebody who has logged in: no key is enough, whatever it may do. `sessions.rs` has what concerns it.
const OF_PEOPLE: [&str; 8] = [
    "/v1/users/{user}/impersonate",
    "/v1/auth/password/change",
    "/v1/me/mfa",
    "/v1/me/mfa/totp",
    "/v1/me/passkeys",
    "/v1/me/passkeys/options",
    "/v1/me/passkeys/{passkey}",
    "/v1/me/mfa/recovery-codes",
];

/// What paths name that anybody may know.
const PUBLIC: [&str; 3] = ["app_key", "resource_type", "schema"];

fn security(operation: &Operation) -> impl Iterator<Item = &Value> {
    operation.description["security"].as_array().into_iter().flatten()
}

fn is_open(operation: &Operation) -> bool {
    security(operation).any(|way| *way == json!({}))
}

/// By what the document says: for those who operate the platform. `platform.rs` has what concerns them.
fn is_of_operators(operation: &Operation) -> bool {
    security(operation).any(|way| *way == json!({"operator": []}))
}

fn name(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

async fn send(world: &World, actor: &Actor, method: &Method, sample: &Sample) -> Reply {
    let (path, body) = sample.request();
    world.call_with(actor, method.clone(), &path, body.as_ref(), &[]).await
}

/// A value as text, always the same for the same.
fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, shown(value))).collect();
            format!("{fields:?}")
        }
        AttributeValue::L(items) => format!("{:?}", items.iter().map(shown).collect::<Vec<_>>()),
        plain => format!("{plain:?}"),
    }
}

/// Everything that is stored of a tenant: state, counts, history, and what devices are served.
async fn stored(world: &World, tenant: &str) -> BTreeMap<String, String> {
    let text = |item: &std::collections::HashMap<String, AttributeValue>, name: &str| {
        item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
    };
    let items = world.items().await;
    let of_tenant = items.iter().filter(|item| format!("{item:?}").contains(tenant));
    let shown = of_tenant.map(|item| {
        let fields: BTreeMap<_, _> = item.iter().map(|(name, value)| (name, shown(value))).collect();
        (format!("{} {}", text(item, "pk"), text(item, "sk")), format!("{fields:?}"))
    });
    shown.collect()
}

/// The form of an id.
const ID: &str = "[a-z]{2,3}_[0-7][0-9a-hjkmnp-tv-z]{25}";

/// Every id that is stored of a tenant, and what else only it has.
fn marks(
    tenant: &Actor,
    stored: &BTreeMap<String, String>,
    others: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let form = Regex::new(ID).expect("a pattern");
    let of = |stored: &BTreeMap<String, String>| -> BTreeSet<String> {
        let all = stored.iter().flat_map(|(key, item)| [key.clone(), item.clone()]);
        all.flat_map(|text| form.find_iter(&text).map(|id| id.as_str().to_owned()).collect::<Vec<_>>())
            .collect()
    };
    let mut marks: BTreeSet<String> = of(stored).difference(&of(others)).cloned().collect();
    marks.insert(format!("guest-of-{}@example.com", tenant.tenant));
    marks
}

/// What of another tenant is in an answer, in its body or a header, besides what the caller sent.
fn told<'a>(reply: &Reply, marks: &'a BTreeSet<String>, sent: &BTreeSet<String>) -> Option<&'a String> {
    let headers: Vec<_> = reply.headers.values().collect();
    let said = format!("{headers:?} {}", String::from_utf8_lossy(&reply.bytes));
    marks.iter().filter(|mark| !sent.contains(*mark)).find(|mark| said.contains(*mark))
}

/// An answer without what differs from request to request.
fn plain(reply: &Reply, sent: &str) -> (u16, String, Vec<(String, String)>) {
    let mut body = reply.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
        if reply.status == 201 {
            // One of two is made a moment later.
            fields.retain(|name, _| !name.ends_with("_at"));
        }
    }
    let headers =
        reply.headers.iter().filter(|(name, _)| *name != "x-request-id" && *name != "content-length");
    // What is made has an id of its own; that no id of another tenant is told is looked at apart.
    let form = Regex::new(ID).expect("a pattern");
    let comparable = |text: &str| {
        let text = text.replace(sent, "…");
        if reply.status == 201 { form.replace_all(&text, "…").into_owned() } else { text }
    };
    let headers =
        headers.map(|(name, value)| (name.to_string(), comparable(value.to_str().unwrap_or_default())));
    (reply.status.as_u16(), comparable(&body.to_string()), headers.collect())
}

/// Two tenants with one of every thing, and the document.
struct Walk {
    world: World,
    api: Value,
    owner: Actor,
    ids: Ids,
    stranger: Actor,
    own: Ids,
    marks: BTreeSet<String>,
}

impl Walk {
    async fn new() -> Self {
        let world = World::new().await;
        let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
        let (ids, own) = (Ids::of(&world, &owner).await, Ids::of(&world, &stranger).await);
        let api = serde_json::to_value(openapi()).expect("the document is JSON");
        let (theirs, others) = (stored(&world, &owner.tenant).await, stored(&world, &stranger.tenant).await);
        let marks = marks(&owner, &theirs, &others);
        assert!(marks.len() > ids.0.len() / 2, "a tenant has more than {marks:?}");
        Self { world, api, owner, ids, stranger, own, marks }
    }

    fn operations(&self) -> Vec<Operation> {
        operations(&self.api)
    }

    /// Asks for everything with each id of the other tenant in each place, and with an id that nobody has: there is no difference.
    async fn ask_with_ids_of_another(&self, actor: &Actor, operation: &Operation) -> usize {
        let (what, method) = (name(operation), &operation.method);
        let own = Sample::of(&self.api, operation, &self.own);
        let mut asked = 0;
        // The key of an app is in every copy of the app: whoever has one may ask with it. What SCIM serves is the same for everybody.
        let public = |place: &Place| match place {
            Place::Path(name) => is_open(operation) && PUBLIC.contains(&name.as_str()),
            // What another service knows us by is any text, and no id of ours.
            Place::Body(pointer) => {
                operation.path.starts_with("/v1/identity-providers") && pointer == "/client_id"
            }
            Place::Query(_) => false,
        };
        for (place, pattern) in own.places.iter().filter(|(place, _)| !public(place)) {
            for id in Sample::fitting(place, pattern.as_ref(), &self.ids) {
                let nobodys = unknown(&id);
                let reply = send(&self.world, actor, method, &own.with(place, &id)).await;
                let of_nobody = send(&self.world, actor, method, &own.with(place, &nobodys)).await;
                let what = format!("{what} with {id} in {place:?}");
                assert_eq!(plain(&reply, &id), plain(&of_nobody, &nobodys), "{what} tells that it exists");
                let sent = BTreeSet::from([id]);
                assert_eq!(told(&reply, &self.marks, &sent), None, "{what} tells: {}", reply.body);
                if matches!(place, Place::Path(_)) && !is_open(operation) {
                    assert_eq!(reply.status, 404, "{what}: {}", reply.body);
                }
                asked += 1;
            }
        }
        asked
    }
}

#[tokio::test]
async fn no_operation_answers_a_stranger_with_anything_of_another_tenant() {
    let walk = Walk::new().await;
    let (mut walked, mut asked) = (0, 0);
    for operation in walk.operations().iter().filter(|operation| !is_of_operators(operation)) {
        let (what, method) = (name(operation), &operation.method);
        let before = stored(&walk.world, &walk.owner.tenant).await;
        let theirs = Sample::of(&walk.api, operation, &walk.ids);
        let sent: BTreeSet<String> =
            walk.ids.0.values().filter_map(Value::as_str).map(str::to_owned).collect();
        if is_open(operation) {
            asked += walk.ask_with_ids_of_another(&Actor::anonymous(), operation).await;
        } else {
            let nobody = send(&walk.world, &Actor::anonymous(), method, &theirs).await;
            assert_eq!(nobody.status, 401, "{what} without credentials");
            assert_eq!(
                told(&nobody, &walk.marks, &sent),
                None,
                "{what} without credentials: {}",
                nobody.body
            );
            if operation.path.contains('{') {
                let reply = send(&walk.world, &walk.stranger, method, &theirs).await;
                assert_eq!(reply.status, 404, "{what} by a stranger: {}", reply.body);
                assert_eq!(told(&reply, &walk.marks, &sent), None, "{what} by a stranger: {}", reply.body);
            }
            asked += walk.ask_with_ids_of_another(&walk.stranger, operation).await;
            if *method == Method::GET {
                let own = Sample::of(&walk.api, operation, &walk.own);
                let reply = send(&walk.world, &walk.stranger, method, &own).await.expect(200);
                assert_eq!(told(&reply, &walk.marks, &BTreeSet::new()), None, "{what}: {}", reply.body);
            }
        }
        // Neither state nor counts nor history of the other tenant have changed by a letter.
        let mut after = stored(&walk.world, &walk.owner.tenant).await;
        if is_open(operation) {
            // What names a tenant's client in public may be refused in the tenant's name, and is told to it.
            after.retain(|key, item| {
                before.contains_key(key) || !(key.contains("#ev ") && item.contains("denied"))
            });
        }
        assert_eq!(before, after, "{what} by others changed what a tenant has");
        walked += 1;
    }
    // So that a walk that finds no places does not pass.
    assert!(walked >= 80, "the walk met {walked} operations only");
    assert!(asked >= 250, "the walk put {asked} ids of another tenant somewhere only");
    let audit = walk.world.events(&walk.owner).await;
    let by_stranger = audit.iter().filter(|event| event.to_string().contains(&walk.stranger.tenant));
    assert_eq!(by_stranger.count(), 0, "a stranger is in a tenant's history");
}

/// A key of the owner's with these permissions.
async fn key(world: &World, owner: &Actor, permissions: &BTreeSet<String>) -> Actor {
    let scopes: Vec<&str> = permissions.iter().map(String::as_str).collect();
    world.member(owner, &scopes).await
}

/// The permission that an operation takes: what is recorded as attempted when a key is refused that has none to speak of. `None` if
/// it is not refused.
async fn wanted(world: &World, owner: &Actor, operation: &Operation, sample: &Sample) -> Option<String> {
    for lame in ["usage.read", "permission.list"] {
        let powerless = key(world, owner, &BTreeSet::from([lame.to_owned()])).await;
        let reply = send(world, &powerless, &operation.method, sample).await;
        if reply.status == 403 {
            let events = world.events(owner).await;
            let last = events.last().expect("an event");
            assert_eq!(
                (&last["outcome"], &last["reason"]),
                (&json!("denied"), &json!("key_scope")),
                "{last}"
            );
            return last["action"].as_str().map(str::to_owned);
        }
        assert!(reply.status.is_success(), "{}: {}", name(operation), reply.body);
    }
    None
}

#[tokio::test]
async fn reading_takes_its_right_and_no_other() {
    every_operation_takes_its_right_and_no_other(Deed::Read, 50).await;
}

#[tokio::test]
async fn doing_something_takes_its_right_and_no_other() {
    every_operation_takes_its_right_and_no_other(Deed::Do, 30).await;
}

#[tokio::test]
async fn changing_something_takes_its_right_and_no_other() {
    every_operation_takes_its_right_and_no_other(Deed::Change, 30).await;
}

/// `least`: how many operations of the kind there are at least, so that a walk that finds none does not pass.
async fn every_operation_takes_its_right_and_no_other(deed: Deed, least: usize) {
    let api = serde_json::to_value(openapi()).expect("the document is JSON");
    let all: BTreeSet<String> = Permission::ALL.iter().map(|right| right.as_str().to_owned()).collect();
    let (mut walked, mut succeeded) = (0, BTreeSet::new());
    let mut operations = operations(&api);
    operations.retain(|one| one.deed() == deed && !is_open(one) && !is_of_operators(one));
    let mut world = World::new().await;
    let mut owner = world.sign_up().await;
    let mut ids = Ids::of(&world, &owner).await;
    for operation in &operations {
        let what = name(operation);
        if deed != Deed::Read {
            // What changes something has a world of its own, because some delete what others need.
            world = World::new().await;
            owner = world.sign_up().await;
            ids = Ids::of(&world, &owner).await;
        }
        let sample = Sample::of(&api, operation, &ids);
        let right = wanted(&world, &owner, operation, &sample).await;
        assert_eq!(
            right.is_none(),
            OF_EVERYBODY.contains(&operation.path.as_str()),
            "{what} takes {right:?}"
        );
        let mut holder = owner.clone();
        if let Some(right) = right {
            let others = all.iter().filter(|other| **other != right).cloned().collect();
            let without = key(&world, &owner, &others).await;
            let reply = send(&world, &without, &operation.method, &sample).await;
            assert_eq!(reply.status, 403, "{what} without {right}: {}", reply.body);
            holder = key(&world, &owner, &BTreeSet::from([right])).await;
        }
        let mut reply = send(&world, &holder, &operation.method, &sample).await;
        if let 403 | 422 = reply.status.as_u16() {
            // It hands on more than this one right: whoever holds everything may.
            reply = send(&world, &owner, &operation.method, &sample).await;
        }
        let status = reply.status.as_u16();
        if operation.method != Method::GET && OF_PEOPLE.contains(&operation.path.as_str()) {
            assert_eq!((status, reply.problem().as_str()), (403, "closed"), "{what}");
            continue;
        }
        assert!(
            reply.status.is_success() || PAST_THE_RIGHTS.contains(&status),
            "{what} with the right: {} {}",
            reply.status,
            reply.body
        );
        if reply.status.is_success() {
            succeeded.insert(what);
        }
        walked += 1;
    }
    assert!(walked >= least, "the walk met {walked} operations only");
    // What is done, rather than read or changed, most often meets a state that forbids it, or a service that is not there.
    assert!(succeeded.len() * 10 >= walked * 7, "with the right, only these succeed: {succeeded:#?}");
}

#[tokio::test]
async fn no_key_of_a_tenant_opens_what_is_for_operators() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let ids = Ids::of(&world, &owner).await;
    let api = serde_json::to_value(openapi()).unwrap();
    let mut walked = 0;
    for operation in operations(&api).iter().filter(|operation| is_of_operators(operation)) {
        let sample = Sample::of(&api, operation, &ids);
        for actor in [&Actor::anonymous(), &owner, &stranger] {
            let before = stored(&world, &owner.tenant).await;
            let reply = send(&world, actor, &operation.method, &sample).await;
            assert_eq!(reply.status, 401, "{}: {}", name(operation), reply.body);
            assert_eq!(before, stored(&world, &owner.tenant).await, "{}", name(operation));
        }
        walked += 1;
    }
    assert!(walked >= 7, "the walk met {walked} operations only");
}

#[tokio::test]
async fn ids_of_another_tenant_in_a_body_are_named_as_faults() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let (ids, own) = (Ids::of(&world, &owner).await, Ids::of(&world, &stranger).await);
    let app = own.0["app"].as_str().unwrap();
    let body = json!({"package_id": ids.0["package"], "channel": "production"});
    let reply = world.post(&stranger, &format!("/v1/apps/{app}/releases"), body).await.expect(422);
    assert_eq!(reply.pointers(), ["/package_id"]);
    let release = own.0["release"].as_str().unwrap();
    let body = json!({"to": ids.0["release"]});
    let path = format!("/v1/apps/{app}/releases/{release}/rollback");
    assert_eq!(world.post(&stranger, &path, body).await.expect(422).pointers(), ["/to"]);
    let project = world.get(&owner, &format!("/v1/apps/{}", ids.0["app"].as_str().unwrap())).await;
    let body = json!({"name": "x", "platforms": ["web"], "project_id": project.text("/project_id")});
    let reply = world.post(&stranger, "/v1/apps", body).await.expect(422);
    assert_eq!(reply.pointers(), ["/project_id"]);
}
