//! People: inviting and coming, being found, being suspended, and going without a trace of what was personal.

use http::Method;
use rookery_domain::quota::{Holder, Quota};
use rookery_store::{Transaction, quota};
use rookery_tests::world::{Actor, World};
use serde_json::{Value, json};

#[tokio::test]
async fn somebody_is_invited_and_comes_once() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let group = world.group(&owner, &organization, "Pilots", None).await;
    let body = json!({
        "email": "Grace+ci@Example.com", "name": "Grace", "groups": [group, group],
        "role": "viewer", "node": organization,
    });
    let invited = world.post(&owner, "/v1/invitations", body).await.expect(201);
    assert_eq!(invited.text("/state"), "pending");
    assert!(invited.text("/expires_at").starts_with("2026-01-08T09:00"));
    let own = invited.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(world.get(&owner, &own).await.expect(200).body, invited.body);

    let token = world.link(&owner, &invited.text("/id")).await;
    let accepted = world.accept(&token).await.expect(201);
    assert_eq!(accepted.text("/user/email"), "Grace+ci@Example.com");
    assert_eq!(accepted.text("/user/organization_id"), organization);
    let grace = Actor { token: Some(accepted.text("/api_key/secret")), tenant: owner.tenant.clone() };
    // The role and the group count at once.
    world.get(&grace, &format!("/v1/organizations/{organization}")).await.expect(200);
    let members = world.get(&owner, &format!("/v1/groups/{group}/members")).await.expect(200);
    assert_eq!(members.text("/items/0/user_id"), accepted.text("/user/id"));
    assert_eq!(world.get(&owner, &format!("/v1/groups/{group}")).await.body["members"], json!(1));

    assert_eq!(world.accept(&token).await.expect(409).problem(), "invitation-accepted");
    let after = world.get(&owner, &own).await.expect(200);
    assert_eq!(
        (after.text("/state"), after.text("/user_id")),
        ("accepted".into(), accepted.text("/user/id"))
    );
    // What was personal is in the person's record now, and nowhere else.
    assert_eq!((&after.body["email"], &after.body["name"]), (&json!(null), &json!(null)));
    assert_eq!(world.delete(&owner, &own).await.expect(409).problem(), "invitation-accepted");
    let again = world.post(&owner, "/v1/invitations", json!({"email": "grace+CI@example.com"})).await;
    assert_eq!(again.expect(409).problem(), "already-exists");
}

#[tokio::test]
async fn an_invitation_gives_no_more_than_its_sender_could_give_at_the_end() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let group = world.group(&owner, &organization, "Pilots", None).await;
    let admin = json!({"role": "admin", "node": organization});
    let lou = world.person_with(&owner, "lou@example.com", admin.clone()).await;
    let leaving = world.person_with(&owner, "leaving@example.com", admin).await;
    let invite = async |sender: &Actor, email: &str| {
        let body = json!({"email": email, "groups": [group], "role": "developer", "node": organization});
        world.post(sender, "/v1/invitations", body).await.expect(201).text("/id")
    };
    let void = async |id: &str| {
        let reply = world.accept(&world.link(&owner, id).await).await.expect(409);
        assert_eq!(reply.problem(), "invitation-void");
    };
    let invited = invite(&lou.actor, "second@example.com").await;
    let other = invite(&leaving.actor, "third@example.com").await;

    // The group came to more than those who invited have.
    world.give(&owner, &group, "owner", &owner.tenant).await;
    void(&invited).await;
    let bindings = world.get(&owner, &format!("/v1/bindings?subject={}", lou.id)).await.expect(200);
    let own = bindings.text("/items/0/id");
    // Whoever sends it again answers for it. Then the sender may still send it, and the link is good.
    world.post(&owner, &format!("/v1/invitations/{invited}/resend"), json!({})).await.expect(200);
    world.delete(&owner, &format!("/v1/bindings/{own}")).await.expect(204);
    world.accept(&world.link(&owner, &invited).await).await.expect(201);

    // Nobody invites from the grave, nor while suspended.
    let path = format!("/v1/users/{}", leaving.id);
    let plain = world.post(&leaving.actor, "/v1/invitations", json!({"email": "fourth@example.com"})).await;
    let plain = plain.expect(201).text("/id");
    world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(200);
    void(&plain).await;
    world.post(&owner, &format!("{path}/resume"), json!({})).await.expect(200);
    void(&other).await;
    world.delete(&owner, &path).await.expect(204);
    void(&plain).await;
}

#[tokio::test]
async fn a_service_key_that_was_revoked_invites_nobody() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let body = json!({"name": "ci", "scopes": ["*"], "owner_id": organization});
    let key = world.post(&owner, "/v1/api-keys", body).await.expect(201);
    let ci = Actor { token: Some(key.text("/secret")), tenant: owner.tenant.clone() };
    let id = key.text("/id");
    world.give(&owner, &id, "admin", &organization).await;
    let invite = async |email: &str| {
        world.post(&ci, "/v1/invitations", json!({"email": email})).await.expect(201).text("/id")
    };
    let (first, second) = (invite("one@example.com").await, invite("two@example.com").await);
    world.accept(&world.link(&owner, &first).await).await.expect(201);
    world.delete(&owner, &format!("/v1/api-keys/{id}")).await.expect(204);
    let reply = world.accept(&world.link(&owner, &second).await).await.expect(409);
    assert_eq!(reply.problem(), "invitation-void");
}

#[tokio::test]
async fn two_who_accept_at_once_are_one() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201);
    let token = world.link(&owner, &invited.text("/id")).await;
    let (left, right) = tokio::join!(world.accept(&token), world.accept(&token));
    let mut answers = [left.status.as_u16(), right.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [201, 409]);
    let people = world.get(&owner, "/v1/users").await.expect(200);
    assert_eq!(people.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_link_is_good_until_the_next_one_or_a_week() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201);
    let own = format!("/v1/invitations/{}", invited.text("/id"));
    let twice =
        world.post(&owner, "/v1/invitations", json!({"email": "GRACE@example.com"})).await.expect(409);
    assert_eq!(twice.problem(), "already-exists");
    // Before a mail was sent, nothing is a link.
    let guess = "ri_01h455vb4pex5vsknk084sn02q_01h455vb4pex5vsknk084sn02q01h455vb4pex5vsknk084sn02q";
    for token in ["", "nonsense", guess] {
        assert_eq!(world.accept(token).await.expect(422).pointers(), ["/token"]);
    }
    let first = world.link(&owner, &invited.text("/id")).await;
    let resent = world.post(&owner, &format!("{own}/resend"), json!({})).await.expect(200);
    assert_eq!(resent.body["version"], json!(2));
    assert_eq!(world.accept(&first).await.expect(422).pointers(), ["/token"]);
    let second = world.link(&owner, &invited.text("/id")).await;
    assert_eq!(world.accept(&first).await.expect(422).pointers(), ["/token"]);

    world.wait(7 * 24 * 3600);
    assert_eq!(world.accept(&second).await.expect(409).problem(), "invitation-expired");
    assert_eq!(world.get(&owner, &own).await.expect(200).text("/state"), "expired");
    world.post(&owner, &format!("{own}/resend"), json!({})).await.expect(200);
    let third = world.link(&owner, &invited.text("/id")).await;
    world.delete(&owner, &own).await.expect(204);
    world.delete(&owner, &own).await.expect(204);
    assert_eq!(world.accept(&third).await.expect(409).problem(), "invitation-cancelled");
    let reply = world.post(&owner, &format!("{own}/resend"), json!({})).await.expect(409);
    assert_eq!(reply.problem(), "invitation-cancelled");
    assert_eq!(world.get(&owner, &own).await.expect(200).body["email"], json!(null));
    // The address can be invited again.
    world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201);
}

#[tokio::test]
async fn accepting_is_tried_a_few_times_an_hour() {
    let world = World::with(&[("SIGNUPS_PER_HOUR", "3")]).await;
    for _ in 0..3 {
        world.accept("guess").await.expect(422);
    }
    let reply = world.accept("guess").await.expect(429);
    assert!(reply.headers.contains_key("retry-after"));
    world.wait(3600);
    world.accept("guess").await.expect(422);
}

#[tokio::test]
async fn nobody_gives_by_an_invitation_what_they_lack() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let organization = world.home(&owner).await;
    let manager = world.person(&owner, "manager@example.com").await;
    world.give(&owner, &manager.id, "admin", &organization).await;
    let powerful = world.group(&owner, &organization, "Powerful", None).await;
    world.give(&owner, &powerful, "owner", &owner.tenant).await;
    for with in [
        json!({"role": "owner", "node": owner.tenant}),
        json!({"role": "owner", "node": organization}),
        json!({"groups": [powerful]}),
    ] {
        let mut body = json!({"email": "friend@example.com"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let reply = world.post(&manager.actor, "/v1/invitations", body.clone()).await.expect(403);
        assert_eq!(reply.problem(), "forbidden", "{with}");
        let made = world.post(&owner, "/v1/invitations", body).await.expect(201);
        // Sending it again is inviting.
        let own = format!("/v1/invitations/{}", made.text("/id"));
        world.post(&manager.actor, &format!("{own}/resend"), json!({})).await.expect(403);
        world.delete(&owner, &own).await.expect(204);
    }
    let body = json!({"email": "friend@example.com", "role": "viewer", "node": organization});
    world.post(&manager.actor, "/v1/invitations", body).await.expect(201);

    let foreign = world.home(&stranger).await;
    let theirs = world.group(&stranger, &foreign, "Theirs", None).await;
    for (with, pointer) in [
        (json!({"organization_id": foreign}), "/organization_id"),
        (json!({"division_id": "div_01h455vb4pex5vsknk084sn02q"}), "/division_id"),
        (json!({"groups": [theirs]}), "/groups/0"),
        (json!({"role": "viewer"}), "/node"),
        (json!({"node": organization}), "/role"),
        (json!({"role": "viewer", "node": foreign}), "/node"),
        (json!({"role": "viewer", "node": manager.id}), "/node"),
        (json!({"role": "rol_01h455vb4pex5vsknk084sn02q", "node": organization}), "/role"),
    ] {
        let mut body = json!({"email": "x@example.com"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let reply = world.post(&owner, "/v1/invitations", body).await.expect(422);
        assert_eq!(reply.pointers(), [pointer], "{with}");
    }
}

#[tokio::test]
async fn people_are_found_by_mail_and_name() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    for (email, name) in [
        ("ada+ci@example.com", "Ada Lovelace"),
        ("\"o'neil\"@example.com", "Grace O'Neil"),
        ("zoë@bücher.example", "Zoë Müller"),
        ("adam@example.com", "Adam Ant"),
    ] {
        world.person_with(&owner, email, json!({"name": name})).await;
    }
    let stranger_sees = world.get(&stranger, "/v1/users?q=ada").await.expect(200);
    assert_eq!(stranger_sees.body["items"].as_array().unwrap().len(), 1);
    for (question, expected) in [
        ("ada", vec!["Ada", "Ada Lovelace", "Adam Ant"]),
        ("LOVE", vec!["Ada Lovelace"]),
        ("ada+ci", vec!["Ada Lovelace"]),
        ("ada love", vec!["Ada Lovelace"]),
        ("\"o'n", vec!["Grace O'Neil"]),
        ("o'neil", vec!["Grace O'Neil"]),
        ("ZO\u{cb}", vec!["Zoë Müller"]),
        ("zoe\u{308}@b", vec!["Zoë Müller"]),
        ("lace", vec![]),
    ] {
        for limit in [1, 2, 100] {
            let escaped = question.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
            let first = format!("/v1/users?q={escaped}&limit={limit}");
            let (mut path, mut met) = (first.clone(), Vec::new());
            loop {
                let page = world.get(&owner, &path).await.expect(200);
                let items = page.body["items"].as_array().unwrap().clone();
                met.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
                match page.body["next_cursor"].as_str() {
                    Some(cursor) => path = format!("{first}&cursor={cursor}"),
                    None => break,
                }
            }
            met.sort();
            assert_eq!(met, expected, "{question} in pages of {limit}");
        }
    }
    assert_eq!(world.get(&owner, "/v1/users?q=%20").await.expect(400).pointers(), ["?q"]);
    let reply = world.get(&owner, "/v1/users?state=gone&organization=x").await.expect(400);
    assert_eq!(reply.pointers(), ["?organization", "?state"]);
}

#[tokio::test]
async fn a_record_is_changed_and_found_anew() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let grace = world.person_with(&owner, "grace@example.com", json!({"name": "Grace"})).await;
    let path = format!("/v1/users/{}", grace.id);
    // Everybody reads their own record, and only that.
    world.get(&grace.actor, &path).await.expect(200);
    world.get(&grace.actor, "/v1/users").await.expect(403);
    world.patch(&grace.actor, &path, json!({"name": "Queen"})).await.expect(403);

    let taken = world.patch(&owner, &path, json!({"email": "ADA@example.com"})).await.expect(409);
    assert_eq!(taken.problem(), "already-exists");
    let body = json!({"email": "hopper@example.com", "name": "Hopper"});
    let changed = world.patch(&owner, &path, body).await.expect(200);
    assert_eq!((changed.text("/name"), &changed.body["version"]), ("Hopper".into(), &json!(2)));
    for (question, found) in [("grace", 0), ("hopper", 1)] {
        let page = world.get(&owner, &format!("/v1/users?q={question}")).await.expect(200);
        assert_eq!(page.body["items"].as_array().unwrap().len(), found, "{question}");
    }
    // The old address is free.
    world.person(&owner, "grace@example.com").await;
    let reply = world.patch(&owner, &path, json!({"division_id": "div_01h455vb4pex5vsknk084sn02q"})).await;
    assert_eq!(reply.expect(422).pointers(), ["/division_id"]);
    world
        .call_with(&owner, Method::PATCH, &path, Some(&json!({"name": "X"})), &[("if-match", "\"1\"")])
        .await
        .expect(412);
}

#[tokio::test]
async fn a_suspended_person_is_refused_with_every_key() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let grace =
        world.person_with(&owner, "grace@example.com", json!({"role": "viewer", "node": organization})).await;
    let second = world.member(&grace.actor, &["*"]).await;
    let path = format!("/v1/users/{}", grace.id);
    for actor in [&grace.actor, &second] {
        world.get(actor, "/v1/whoami").await.expect(200);
    }
    let suspended = world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(200);
    assert_eq!(suspended.text("/state"), "suspended");
    world.wait(60);
    for actor in [&grace.actor, &second] {
        world.get(actor, "/v1/whoami").await.expect(401);
    }
    let listed = world.get(&owner, "/v1/users?state=suspended").await.expect(200);
    assert_eq!(listed.text("/items/0/id"), grace.id);
    // Again is no change.
    let again = world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(200);
    assert_eq!(again.body["version"], suspended.body["version"]);
    world.post(&owner, &format!("{path}/resume"), json!({})).await.expect(200);
    world.wait(60);
    world.get(&grace.actor, &format!("/v1/organizations/{organization}")).await.expect(200);
}

#[tokio::test]
async fn nobody_acts_on_somebody_with_more_rights() {
    let world = World::new().await;
    let (owner, stranger) = (world.sign_up().await, world.sign_up().await);
    let organization = world.home(&owner).await;
    let founder = world.founder(&owner).await;
    let manager = world.person(&owner, "manager@example.com").await;
    let powerful = world.person(&owner, "powerful@example.com").await;
    let group = world.group(&owner, &organization, "Powerful", None).await;
    world.give(&owner, &group, "owner", &owner.tenant).await;
    let members = format!("/v1/groups/{group}/members");
    world.post(&owner, &members, json!({"user_id": powerful.id})).await.expect(201);
    world.give(&owner, &manager.id, "admin", &organization).await;
    for id in [&founder, &powerful.id] {
        let path = format!("/v1/users/{id}");
        world.get(&manager.actor, &path).await.expect(200);
        for reply in [
            world.patch(&manager.actor, &path, json!({"email": "mine@example.com"})).await,
            world.post(&manager.actor, &format!("{path}/suspend"), json!({})).await,
            world.post(&manager.actor, &format!("{path}/resume"), json!({})).await,
            world.delete(&manager.actor, &path).await,
        ] {
            assert_eq!(reply.expect(403).problem(), "forbidden");
        }
        world.get(&stranger, &path).await.expect(404);
        world.delete(&stranger, &path).await.expect(404);
        world.get(&Actor::anonymous(), &path).await.expect(401);
    }
    let path = format!("/v1/users/{}", manager.id);
    world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(200);
}

#[tokio::test]
async fn the_last_owner_stays_also_when_two_go_at_once() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let founder = format!("/v1/users/{}", world.founder(&owner).await);
    for reply in [
        world.post(&owner, &format!("{founder}/suspend"), json!({})).await,
        world.delete(&owner, &founder).await,
    ] {
        assert_eq!(reply.expect(409).problem(), "last-owner");
    }
    world.get(&owner, "/v1/whoami").await.expect(200);

    let with = json!({"role": "owner", "node": owner.tenant});
    let second = world.person_with(&owner, "second@example.com", with.clone()).await;
    let other = format!("/v1/users/{}", second.id);
    let (one, two) = (format!("{founder}/suspend"), format!("{other}/suspend"));
    let (left, right) =
        tokio::join!(world.post(&owner, &one, json!({})), world.post(&second.actor, &two, json!({})));
    let mut answers = [left.status.as_u16(), right.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [200, 409], "{} {}", left.body, right.body);
    let (gone, stays) = if left.status == 200 { (founder, second.actor) } else { (other, owner.clone()) };
    world.wait(60);
    world.post(&stays, &format!("{gone}/resume"), json!({})).await.expect(200);
    world.wait(60);

    let third = world.person_with(&stays, "third@example.com", with).await;
    let people = world.get(&stays, "/v1/users").await.expect(200);
    let paths: Vec<String> = people.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("/v1/users/{}", item["id"].as_str().unwrap()))
        .collect();
    assert_eq!(paths.len(), 3);
    // Three owners go at once; one of them stays.
    let (a, b, c) = tokio::join!(
        world.delete(&third.actor, &paths[0]),
        world.delete(&third.actor, &paths[1]),
        world.delete(&third.actor, &paths[2]),
    );
    let gone = [&a, &b, &c].iter().filter(|reply| reply.status == 204).count();
    let kept = [&a, &b, &c].iter().filter(|reply| reply.status == 409).count();
    assert_eq!((gone, kept), (2, 1), "{} {} {}", a.body, b.body, c.body);
}

#[tokio::test]
async fn who_is_deleted_leaves_nothing_personal_behind() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let organization = world.home(&owner).await;
    let group = world.group(&owner, &organization, "Pilots", None).await;
    let with = json!({
        "name": "Grace Hopperknife", "groups": [group], "role": "viewer", "node": organization,
    });
    let grace = world.person_with(&owner, "grace.hopperknife@example.com", with).await;
    let path = format!("/v1/users/{}", grace.id);
    world.patch(&owner, &path, json!({"name": "Gracie Hopperknife"})).await.expect(200);
    world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(200);
    assert!(world.everything().await.iter().any(|item| item.to_lowercase().contains("hopperknife")));

    world.delete(&owner, &path).await.expect(204);
    world.get(&owner, &path).await.expect(404);
    world.delete(&owner, &path).await.expect(404);
    for item in world.everything().await {
        assert!(!item.to_lowercase().contains("hopperknife"), "{item}");
    }
    world.wait(60);
    world.get(&grace.actor, "/v1/whoami").await.expect(401);
    assert_eq!(world.get(&owner, &format!("/v1/groups/{group}")).await.body["members"], json!(0));
    let members = world.get(&owner, &format!("/v1/groups/{group}/members")).await.expect(200);
    assert_eq!(members.body["items"], json!([]));
    let keys = world.get(&owner, "/v1/api-keys").await.expect(200);
    let own: Vec<&Value> = keys.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["owner_id"] == json!(grace.id))
        .collect();
    assert!(own.len() == 1 && own.iter().all(|key| key["revoked_at"].is_string()));
    // The trail knows what happened, by ids.
    let trail = world.everything().await.join("\n");
    for action in ["invitation.accept", "user.update", "user.delete", "group_member.remove", "binding.delete"]
    {
        assert!(trail.contains(action), "{action}");
    }
    world.person(&owner, "grace.hopperknife@example.com").await;
}

#[tokio::test]
async fn a_tenant_has_no_more_people_than_its_quota() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let mut transaction = Transaction::new();
    quota::set_limit(&mut transaction, &world.scope(&owner), Holder::Tenant, Quota::Members, 2);
    world.context().table().unwrap().commit(&transaction).await.unwrap();

    let second = world.person(&owner, "second@example.com").await;
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "third@example.com"})).await.expect(201);
    let token = world.link(&owner, &invited.text("/id")).await;
    assert_eq!(world.accept(&token).await.expect(422).problem(), "quota-exceeded");
    world.delete(&owner, &format!("/v1/users/{}", second.id)).await.expect(204);
    world.accept(&token).await.expect(201);
}
