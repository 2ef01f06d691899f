//! The life of workspaces: brought up and taken down in the background, whatever fails and whoever is killed meanwhile.

use http::Method;
use rookery_domain::binding::Subject;
use rookery_domain::group::Member;
use rookery_domain::id::GroupId;
use rookery_domain::workspace::Step;
use rookery_store::{Transaction, access, group, node};
use rookery_tests::unreliable::{Mood, Shut};
use rookery_tests::workspaces::Story;
use serde_json::{Value, json};

#[tokio::test]
async fn a_workspace_is_accepted_and_brought_up_in_the_background() {
    let story = Story::new().await;
    let path = format!("/v1/organizations/{}/workspaces", story.organization);
    let made = story.world.post(&story.owner, &path, json!({"name": "Nest"})).await.expect(202);
    let id = made.text("/id");
    assert_eq!(made.headers["location"], format!("/v1/workspaces/{id}"));
    assert_eq!((made.text("/state").as_str(), &made.body["steps"]), ("provisioning", &json!([])));
    assert_eq!(story.read(&id).await.expect(200).body, made.body);
    let again = story.world.post(&story.owner, &path, json!({"name": "nEST"})).await.expect(409);
    assert_eq!(again.problem(), "already-exists");

    story.settle(&id).await;
    story.assert_whole(&id).await;
    let names: Vec<String> = story.groups().await.iter().map(|group| group.name.to_string()).collect();
    assert_eq!(names, ["Nest members", "admins", "users"]);
    let event = story.event(&id, story.read(&id).await.body["version"].as_u64().unwrap()).await.unwrap();
    assert_eq!((&event["action"], &event["actor"]["kind"]), (&json!("workspace.activate"), &json!("system")));

    // Two workspaces of an organization do not fight over names.
    story.active("Roost").await;
    let listed = story.world.get(&story.owner, &path).await.expect(200);
    let names: Vec<&str> =
        listed.body["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Roost", "Nest", "default"]);
}

#[tokio::test]
async fn every_state_allows_what_it_allows_and_says_so() {
    let verbs = ["rename", "retry", "suspend", "resume", "delete"];
    for (state, allowed) in [
        ("provisioning", &["retry"][..]),
        ("active", &["rename", "suspend", "delete"]),
        ("failed", &["rename", "retry", "delete"]),
        ("suspended", &["rename", "resume", "delete"]),
        ("deleting", &["retry"]),
    ] {
        let story = Story::new().await;
        for (at, verb) in verbs.into_iter().enumerate() {
            let name = format!("Nest {at}");
            if state == "failed" {
                story.take_name(&format!("{name} members")).await;
            }
            let id = story.create(&name).await;
            if state != "provisioning" {
                story.settle(&id).await;
            }
            match state {
                "suspended" => drop(story.ask(&id, "suspend").await.expect(200)),
                "deleting" => drop(story.ask(&id, "delete").await.expect(202)),
                _ => {}
            }
            assert_eq!(story.state(&id).await, state);
            let reply = story.ask(&id, verb).await;
            if allowed.contains(&verb) {
                let accepted = matches!(verb, "retry" | "delete");
                let reply = reply.expect(if accepted { 202 } else { 200 });
                assert_eq!(accepted, reply.headers.contains_key("location"), "{verb} when {state}");
            } else {
                let reply = reply.expect(409);
                assert_eq!(reply.problem(), "illegal-transition");
                let said = format!(
                    "the workspace is {state}, which rules out {verb}; possible: {}",
                    allowed.join(", ")
                );
                assert_eq!(reply.text("/detail"), said);
                assert_eq!(story.state(&id).await, state);
            }
        }
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_is_taken_up_where_it_was() {
    let mut deaths = 0;
    for commit in 0.. {
        let story = Story::new().await;
        let id = story.create("Nest").await;
        let message = story.message(&id, 1).await;
        // Before a commit at one step, behind it at the next.
        let shut = if commit % 2 == 0 { Shut::Before } else { Shut::After };
        let first = story.deliver(1, std::slice::from_ref(&message));
        let killed = story.cloud.kill_at(commit, shut, first).await;
        assert!(story.deliver(2, &[message]).await.is_empty());
        story.assert_whole(&id).await;
        if !killed {
            break;
        }
        deaths += 1;
    }
    assert_eq!(deaths, Step::ALL.len() + 1, "one for each step, and one for the end");
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_takes_steps_back_is_taken_up_where_it_was() {
    let mut deaths = 0;
    for commit in 0.. {
        let story = Story::new().await;
        let id = story.create("Nest").await;
        let obstacle = story.take_name("Nest members").await;
        let message = story.message(&id, 1).await;
        let killed =
            story.cloud.kill_at(commit, Shut::After, story.deliver(1, std::slice::from_ref(&message))).await;
        assert!(story.deliver(2, &[message]).await.is_empty());
        let failed = story.read(&id).await.expect(200);
        assert_eq!((failed.text("/state").as_str(), &failed.body["steps"]), ("failed", &json!([])));
        assert_eq!(failed.text("/failure/step"), "members_group");
        assert_eq!(story.groups().await, [obstacle], "nothing but what was in the way");
        assert!(story.cloud.stored().is_empty() && !story.counters(&id).await);
        let ends = story.actions(&id).await;
        assert_eq!(ends, ["workspace.create", "workspace.fail"]);
        if !killed {
            break;
        }
        deaths += 1;
    }
    // Three steps and a group that is refused; the failure; three steps back; the end.
    assert_eq!(deaths, 9);
}

#[tokio::test]
async fn messages_may_come_twice_at_once_and_in_any_order() {
    let story = Story::new().await;
    let id = story.create("Nest").await;
    let message = story.message(&id, 1).await;
    let twice = [message.clone(), message.clone()];
    let (left, right) = tokio::join!(story.deliver(1, &twice), story.deliver(1, &twice));
    assert!(left.is_empty() && right.is_empty());
    story.assert_whole(&id).await;
    let version = story.read(&id).await.body["version"].clone();
    assert!(story.deliver(1, &twice).await.is_empty());
    assert_eq!(story.read(&id).await.body["version"], version, "nothing was left to do");

    // The request to delete comes before that to create, and both once more when all is over.
    let deletion = story.ask(&id, "delete").await.expect(202).body["version"].as_u64().unwrap();
    let messages = [story.message(&id, deletion).await, message];
    assert!(story.deliver(1, &messages).await.is_empty());
    story.read(&id).await.expect(404);
    story.assert_bare(&id).await;
    assert!(story.deliver(1, &messages).await.is_empty());

    let foreign = messages[0].replace("\"rookery\"", "\"elsewhere\"");
    let other = messages[0].replace(&id, "app_01h455vb4pex5vsknk084sn02q");
    assert_eq!(story.deliver(1, &[foreign, messages[1].clone(), other, "{".into()]).await, ["0", "2", "3"]);
}

#[tokio::test]
async fn what_fails_for_good_leaves_nothing_behind_and_can_be_tried_again() {
    let story = Story::new().await;
    let id = story.create("Nest").await;
    let obstacle = story.take_name("Nest members").await;
    story.settle(&id).await;
    let failed = story.read(&id).await.expect(200);
    assert_eq!(failed.text("/state"), "failed");
    assert_eq!(failed.body["failure"], json!({"step": "members_group", "reason": "its name is taken"}));
    assert_eq!(failed.body["steps"], json!([]));
    assert_eq!(story.actions(&id).await, ["workspace.create", "workspace.fail"]);

    let retried = story.ask(&id, "retry").await.expect(202);
    assert_eq!((retried.text("/state").as_str(), &retried.body["failure"]), ("provisioning", &Value::Null));
    let scope = story.world.scope(&story.owner);
    let given =
        access::find(story.world.table(), &scope, Subject::Group(obstacle.id)).await.unwrap().unwrap();
    let mut transaction = Transaction::new();
    group::delete(&mut transaction, &scope, &obstacle, &given);
    story.world.table().commit(&transaction).await.expect("the obstacle goes");
    story.settle(&id).await;
    story.assert_whole(&id).await;
}

#[tokio::test]
async fn a_refusal_of_a_service_is_final_and_a_failure_is_not_until_the_last_attempt() {
    let story = Story::new().await;
    story.cloud.keys(Mood::Refuses);
    let id = story.create("Nest").await;
    story.settle(&id).await;
    let failed = story.read(&id).await.expect(200);
    assert_eq!(failed.body["failure"], json!({"step": "data_key", "reason": "GenerateDataKey was refused"}));

    story.cloud.keys(Mood::Well);
    story.cloud.objects(Mood::Fails);
    let retry = story.ask(&id, "retry").await.expect(202).body["version"].as_u64().unwrap();
    let message = story.message(&id, retry).await;
    assert_eq!(story.deliver(1, std::slice::from_ref(&message)).await, ["0"], "it goes back to the queue");
    let waiting = story.read(&id).await.expect(200);
    assert_eq!(
        (waiting.text("/state").as_str(), &waiting.body["steps"]),
        ("provisioning", &json!(["data_key"]))
    );
    assert!(story.deliver(5, std::slice::from_ref(&message)).await.is_empty());
    let failed = story.read(&id).await.expect(200);
    let reason = "PutObject was not possible, 5 times in a row";
    assert_eq!(failed.body["failure"], json!({"step": "prefix", "reason": reason}));
    assert_eq!((failed.text("/state").as_str(), &failed.body["steps"]), ("failed", &json!([])));

    story.cloud.objects(Mood::Well);
    story.ask(&id, "retry").await.expect(202);
    story.settle(&id).await;
    story.assert_whole(&id).await;
}

#[tokio::test]
async fn deleting_takes_everything_away_in_whatever_pieces() {
    let mut deaths = 0;
    for commit in 0.. {
        let story = Story::new().await;
        let id = story.active("Nest").await;
        let deletion = story.ask(&id, "delete").await.expect(202).body["version"].as_u64().unwrap();
        let message = story.message(&id, deletion).await;
        let killed =
            story.cloud.kill_at(commit, Shut::After, story.deliver(1, std::slice::from_ref(&message))).await;
        assert!(story.deliver(2, &[message]).await.is_empty());
        assert_eq!(story.read(&id).await.expect(404).problem(), "not-found");
        story.assert_bare(&id).await;
        assert_eq!(story.actions(&id).await.last().unwrap(), "workspace.erase");
        // Its name is free.
        story.create("Nest").await;
        if !killed {
            break;
        }
        deaths += 1;
    }
    assert_eq!(deaths, Step::ALL.len() + 1);
}

#[tokio::test]
async fn a_workspace_with_projects_stays_and_one_that_goes_takes_no_project() {
    let story = Story::new().await;
    let path = format!("/v1/organizations/{}/workspaces", story.organization);
    let first = story.world.get(&story.owner, &path).await.expect(200).text("/items/0/id");
    assert_eq!(story.state(&first).await, "active");
    let reply = story.ask(&first, "delete").await.expect(409);
    assert_eq!((reply.problem().as_str(), story.state(&first).await.as_str()), ("not-empty", "active"));

    // Whoever decided a moment before that a project may be made finds the door shut.
    let id = story.active("Nest").await;
    let (scope, table) = (story.world.scope(&story.owner), story.world.table());
    let place = node::lineage(table, &scope, id.parse().unwrap(), &mut node::Unknown).await.unwrap().unwrap();
    story.ask(&id, "delete").await.expect(202);
    let project: rookery_domain::id::ProjectId = story.world.context().new_id();
    let mut transaction = Transaction::new();
    node::create(&mut transaction, &scope, project, &place).unwrap();
    table.commit(&transaction).await.expect_err("a workspace that is being deleted takes nothing");
}

#[tokio::test]
async fn groups_that_are_made_use_of_outlive_their_workspace() {
    let story = Story::new().await;
    let id = story.active("Nest").await;
    let (scope, table) = (story.world.scope(&story.owner), story.world.table());
    let user = story
        .world
        .get(&story.owner, "/v1/whoami")
        .await
        .expect(200)
        .text("/principal/owner_id")
        .parse()
        .unwrap();
    let users = story.groups().await.remove(2);
    let member = Member { group: users.id, user, added_at: story.world.context().now() };
    let given = access::find(table, &scope, Subject::User(user)).await.unwrap().unwrap();
    let mut transaction = Transaction::new();
    let joined = users.joined(0, member.added_at).unwrap();
    group::join(&mut transaction, &scope, &joined, &member, &given).unwrap();
    table.commit(&transaction).await.expect("a member");

    let deletion = story.ask(&id, "delete").await.expect(202).body["version"].as_u64().unwrap();
    assert!(story.deliver(1, &[story.message(&id, deletion).await]).await.is_empty());
    story.read(&id).await.expect(404);
    let left: Vec<(GroupId, u64)> =
        story.groups().await.iter().map(|group| (group.id, group.members)).collect();
    assert_eq!(left, [(users.parent.unwrap(), 0), (users.id, 1)], "and what is above it");
    let given = access::find(table, &scope, Subject::Group(users.id)).await.unwrap().unwrap();
    assert!(given.grants.is_empty());
}

#[tokio::test]
async fn what_is_wanted_in_a_workspace_that_is_not_up_is_told_so() {
    let story = Story::new().await;
    story.take_name("Nest members").await;
    let id = story.create("Nest").await;
    let path = format!("/v1/workspaces/{id}/projects");
    let ask = async || story.world.post(&story.owner, &path, json!({"name": "Firmware"})).await.expect(409);
    let told = |state: &str| format!("the workspace {id} is {state}; nothing below it can be changed");
    for state in ["provisioning", "failed"] {
        assert_eq!(story.state(&id).await, state);
        let reply = ask().await;
        assert_eq!(reply.problem(), "not-provisioned");
        assert_eq!(reply.text("/detail"), told("not provisioned: that is being done, or failed"));
        story.settle(&id).await;
        story.world.wait(20);
    }
    let suspended = story.active("Roost").await;
    story.ask(&suspended, "suspend").await.expect(200);
    story.world.wait(20);
    let path = format!("/v1/workspaces/{suspended}/projects");
    let reply = story.world.post(&story.owner, &path, json!({"name": "Firmware"})).await.expect(409);
    assert_eq!(reply.problem(), "suspended");
}

#[tokio::test]
async fn what_was_given_on_a_workspace_goes_with_it() {
    let story = Story::new().await;
    let id = story.active("Nest").await;
    let (person, _) = story.world.seed_person(&story.owner).await;
    let body = json!({"subject_id": person, "role": "viewer", "node_id": id});
    let binding = story.world.post(&story.owner, "/v1/bindings", body).await.expect(201).text("/id");
    let deletion = story.ask(&id, "delete").await.expect(202).body["version"].as_u64().unwrap();
    assert!(story.deliver(1, &[story.message(&id, deletion).await]).await.is_empty());
    story.read(&id).await.expect(404);
    story.world.wait(20);
    story.world.get(&story.owner, &format!("/v1/bindings/{binding}")).await.expect(404);
    let scope = story.world.scope(&story.owner);
    let given = access::find(story.world.table(), &scope, Subject::User(person)).await.unwrap().unwrap();
    assert!(given.grants.is_empty());
    assert_eq!(story.actions(&binding).await, ["binding.create", "binding.delete"]);
}

#[tokio::test]
async fn nothing_in_a_suspended_workspace_can_be_changed() {
    let story = Story::new().await;
    let path = format!("/v1/organizations/{}/workspaces", story.organization);
    let id = story.world.get(&story.owner, &path).await.expect(200).text("/items/0/id");
    let new_app = async |name: &str| {
        story.world.post(&story.owner, "/v1/apps", json!({"name": name, "platforms": ["web"]})).await
    };
    let app = new_app("One").await.expect(201).text("/id");
    let app = format!("/v1/apps/{app}");
    story.ask(&id, "suspend").await.expect(200);
    story.world.wait(20);
    assert_eq!(new_app("Two").await.expect(409).problem(), "suspended");
    assert_eq!(
        story.world.patch(&story.owner, &app, json!({"name": "Other"})).await.expect(409).problem(),
        "suspended"
    );
    story.world.get(&story.owner, &app).await.expect(200);
    story.world.get(&story.owner, "/v1/apps").await.expect(200);
    story.ask(&id, "resume").await.expect(200);
    story.world.wait(20);
    new_app("Two").await.expect(201);
    assert_eq!(story.actions(&id).await, ["workspace.suspend", "workspace.resume"]);
}

#[tokio::test]
async fn the_conventions_hold_for_workspaces() {
    let story = Story::new().await;
    let path = format!("/v1/organizations/{}/workspaces", story.organization);
    let call = async |headers: &[(&str, &str)], body: Value| {
        story.world.call_with(&story.owner, Method::POST, &path, Some(&body), headers).await
    };
    let key = [("idempotency-key", "one-and-the-same")];
    let first = call(&key, json!({"name": "Nest"})).await.expect(202);
    assert_eq!(call(&key, json!({"name": "Nest"})).await.expect(202).body, first.body);
    let faulty = call(&[], json!({"name": "", "division_id": "x", "colour": 1})).await.expect(422);
    assert_eq!(faulty.pointers(), ["/name", "/division_id", "/colour"]);
    let division = json!({"name": "Roost", "division_id": "div_01h455vb4pex5vsknk084sn02q"});
    assert_eq!(call(&[], division).await.expect(422).pointers(), ["/division_id"]);

    let id = first.text("/id");
    story.settle(&id).await;
    let verb = format!("/v1/workspaces/{id}/suspend");
    let stale = [("if-match", "\"1\"")];
    let empty = json!({});
    story.world.call_with(&story.owner, Method::POST, &verb, Some(&empty), &stale).await.expect(412);
    let member = story.world.member(&story.owner, &["workspace.read"]).await;
    story.world.post(&member, &verb, json!({})).await.expect(403);
    story.world.get(&member, &format!("/v1/workspaces/{id}")).await.expect(200);
    let renamed =
        story.world.patch(&story.owner, &format!("/v1/workspaces/{id}"), json!({"name": "Eyrie"})).await;
    assert_eq!(renamed.expect(200).text("/name"), "Eyrie");
    story.create("Nest").await;
}
