//! Logging in, staying so, and being logged out: sessions as people and their clients meet them.

use http::Method;
use rookery_tests::household::{EMAIL, PASSWORD, holder, house};
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

/// Longer than what decides about callers is kept in memory.
const SETTLED: i64 = 20;

async fn log_in(world: &World, slug: &str, email: &str, password: &str) -> Reply {
    let body = json!({"tenant": slug, "email": email, "password": password});
    world.post(&Actor::anonymous(), "/v1/auth/login", body).await
}

async fn owner_logs_in(world: &World, slug: &str) -> Reply {
    log_in(world, slug, EMAIL, PASSWORD).await.expect(200)
}

async fn refresh(world: &World, token: &str) -> Reply {
    world.post(&Actor::anonymous(), "/v1/auth/refresh", json!({"refresh_token": token})).await
}

async fn denied(world: &World, owner: &Actor, reason: &str) -> usize {
    let events = world.events(owner).await;
    events.iter().filter(|event| event["reason"] == reason).count()
}

#[tokio::test]
async fn who_logs_in_acts_as_oneself() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let tokens = owner_logs_in(&world, "acme").await;
    assert_eq!((tokens.text("/token_type").as_str(), &tokens.body["expires_in"]), ("Bearer", &json!(900)));
    let ada = holder(&owner, &tokens);
    let who = world.get(&ada, "/v1/whoami").await.expect(200);
    assert_eq!(who.text("/principal/kind"), "user");
    assert_eq!(who.text("/principal/session_id"), tokens.text("/session_id"));
    assert_eq!((who.text("/principal/name").as_str(), &who.body["scopes"]), ("Ada", &json!(["*"])));

    let made = world.post(&ada, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    let event = world.events(&owner).await.pop().unwrap();
    assert_eq!(event["resource"]["id"], made.text("/id"));
    assert_eq!(event["actor"], json!({"kind": "user", "id": tokens.text("/user_id")}));
    let me = world.patch(&ada, "/v1/me", json!({"name": "Ada L."})).await.expect(200);
    assert_eq!(world.get(&ada, "/v1/me").await.expect(200).text("/name"), "Ada L.");
    assert_eq!(me.text("/id"), tokens.text("/user_id"));
    let event = world.events(&owner).await.pop().unwrap();
    assert!(event["action"] == "me.update" && !event.to_string().contains("Ada L."));

    // A quarter of an hour, and some seconds for clocks that differ.
    world.wait(931);
    world.get(&ada, "/v1/whoami").await.expect(401);
    let next = refresh(&world, &tokens.text("/refresh_token")).await.expect(200);
    assert_eq!(next.text("/session_id"), tokens.text("/session_id"));
    world.get(&holder(&owner, &next), "/v1/whoami").await.expect(200);
}

#[tokio::test]
async fn a_login_that_fails_says_nothing_of_why() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let mut answers = Vec::new();
    for (slug, email, password) in [
        ("acme", "ada@example.com", "not the one"),
        ("acme", "nobody@example.com", PASSWORD),
        ("nowhere", "ada@example.com", PASSWORD),
        ("acme", "ada@example.com", ""),
    ] {
        let mut reply = log_in(&world, slug, email, password).await.expect(401);
        reply.body["request_id"] = Value::Null;
        answers.push(reply.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(denied(&world, &owner, "wrong_password").await, 3);
    let stored = world.everything().await.join("\n");
    assert!(!stored.contains(PASSWORD) && !stored.contains("not the one"));
    let body = json!({"tenant": "acme", "email": "nobody", "password": 1, "more": true});
    let reply = world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(422);
    assert_eq!(reply.pointers().len(), 3);
}

#[tokio::test]
async fn nothing_that_logs_in_is_stored() {
    let world = World::with_kms().await;
    house(&world, "acme").await;
    let body = json!({"tenant": "acme", "email": "ada@example.com", "password": PASSWORD});
    let headers = [("idempotency-key", "once")];
    let anonymous = Actor::anonymous();
    let log_in = || world.call_with(&anonymous, Method::POST, "/v1/auth/login", Some(&body), &headers);
    let tokens = log_in().await.expect(200);
    // Sent again, it is answered again, and nobody logs in twice.
    assert_eq!(log_in().await.expect(200).body, tokens.body);
    let next = refresh(&world, &tokens.text("/refresh_token")).await.expect(200);
    let stored = world.everything().await.join("\n");
    for reply in [&tokens, &next] {
        let (access, refresh) = (reply.text("/access_token"), reply.text("/refresh_token"));
        assert!(!stored.contains(&access) && !stored.contains(&refresh));
        assert!(!stored.contains(refresh.rsplit('_').next().unwrap()));
        assert!(!stored.contains(access.rsplit('.').next().unwrap()));
    }
}

#[tokio::test]
async fn a_refresh_token_of_before_ends_the_session() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let first = owner_logs_in(&world, "acme").await;
    let other = owner_logs_in(&world, "acme").await;
    let second = refresh(&world, &first.text("/refresh_token")).await.expect(200);
    world.wait(11);
    // Whoever comes with it now is a thief, or comes after one.
    refresh(&world, &first.text("/refresh_token")).await.expect(401);
    refresh(&world, &second.text("/refresh_token")).await.expect(401);
    world.wait(SETTLED);
    world.get(&holder(&owner, &second), "/v1/whoami").await.expect(401);
    assert_eq!(denied(&world, &owner, "token_reused").await, 1);
    // The other session is none of that.
    refresh(&world, &other.text("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_for_a_moment() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let first = owner_logs_in(&world, "acme").await.text("/refresh_token");
    let lost = refresh(&world, &first).await.expect(200).text("/refresh_token");
    world.wait(9);
    let again = refresh(&world, &first).await.expect(200);
    assert_eq!(again.text("/refresh_token"), lost);
    world.get(&holder(&owner, &again), "/v1/whoami").await.expect(200);
    // The next one counts, and the one of before it is of before from then on.
    let third = refresh(&world, &lost).await.expect(200).text("/refresh_token");
    assert_ne!(third, lost);
    refresh(&world, &first).await.expect(401);
    refresh(&world, &third).await.expect(401);
}

#[tokio::test]
async fn two_refreshes_at_once_get_the_same_token() {
    let world = World::with_kms().await;
    house(&world, "acme").await;
    let token = owner_logs_in(&world, "acme").await.text("/refresh_token");
    for _ in 0..3 {
        let again = owner_logs_in(&world, "acme").await.text("/refresh_token");
        let (left, right) = tokio::join!(refresh(&world, &again), refresh(&world, &again));
        let (left, right) = (left.expect(200), right.expect(200));
        assert_eq!(left.text("/refresh_token"), right.text("/refresh_token"));
        refresh(&world, &left.text("/refresh_token")).await.expect(200);
    }
    refresh(&world, &token).await.expect(200);
}

#[tokio::test]
async fn a_guess_at_a_refresh_token_ends_no_session() {
    let world = World::with_kms().await;
    house(&world, "acme").await;
    let token = owner_logs_in(&world, "acme").await.text("/refresh_token");
    let session = token.split('_').nth(1).unwrap().to_owned();
    for guess in
        [format!("rr_{session}_{}", "0".repeat(52)), "rr_".to_owned(), String::new(), token[1..].to_owned()]
    {
        refresh(&world, &guess).await.expect(401);
    }
    refresh(&world, &token).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_after_ninety_days() {
    let world = World::with_kms().await;
    house(&world, "acme").await;
    let day = 24 * 3600;
    let unused = owner_logs_in(&world, "acme").await.text("/refresh_token");
    let mut used = owner_logs_in(&world, "acme").await.text("/refresh_token");
    for _ in 0..3 {
        world.wait(29 * day);
        used = refresh(&world, &used).await.expect(200).text("/refresh_token");
    }
    refresh(&world, &unused).await.expect(401);
    world.wait(4 * day);
    refresh(&world, &used).await.expect(401);
}

#[tokio::test]
async fn one_sees_and_ends_ones_sessions() {
    let world = World::with_kms().await;
    let (owner, stranger) = (house(&world, "acme").await, house(&world, "other").await);
    let body = json!({"tenant": "acme", "email": "ada@example.com", "password": PASSWORD});
    let anonymous = Actor::anonymous();
    let headers = [("user-agent", "Flying Browser/1")];
    let log_in = world.call_with(&anonymous, Method::POST, "/v1/auth/login", Some(&body), &headers);
    let (phone, desk) = (log_in.await.expect(200), owner_logs_in(&world, "acme").await);
    let elsewhere = owner_logs_in(&world, "other").await;
    let ada = holder(&owner, &desk);
    let listed = world.get(&ada, "/v1/me/sessions").await.expect(200);
    let items = listed.body["items"].as_array().unwrap();
    let ids: Vec<_> = items.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [&desk.body["session_id"], &phone.body["session_id"]].map(Clone::clone));
    assert_eq!((&items[0]["current"], &items[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&items[1]["device"], &items[1]["methods"]), (&json!("Flying Browser/1"), &json!(["pwd"])));
    let page = world.get(&ada, "/v1/me/sessions?limit=1").await.expect(200);
    let path = format!("/v1/me/sessions?limit=1&cursor={}", page.text("/next_cursor"));
    assert_eq!(world.get(&ada, &path).await.expect(200).body["items"][0]["id"], ids[1]);

    // Nobody else's, of whichever tenant.
    for theirs in [elsewhere.text("/session_id"), "ses_01h455vb4pex5vsknk084sn02q".to_owned()] {
        world.delete(&ada, &format!("/v1/me/sessions/{theirs}")).await.expect(404);
    }
    world.get(&holder(&owner, &phone), "/v1/whoami").await.expect(200);
    let path = format!("/v1/me/sessions/{}", phone.text("/session_id"));
    world.delete(&ada, &path).await.expect(204);
    world.delete(&ada, &path).await.expect(404);
    refresh(&world, &phone.text("/refresh_token")).await.expect(401);
    world.wait(SETTLED);
    world.get(&holder(&owner, &phone), "/v1/whoami").await.expect(401);
    assert_eq!(denied(&world, &owner, "session_ended").await, 1);

    owner_logs_in(&world, "acme").await;
    world.delete(&ada, "/v1/me/sessions").await.expect(204);
    world.wait(SETTLED);
    world.get(&ada, "/v1/whoami").await.expect(401);
    world.get(&holder(&stranger, &elsewhere), "/v1/whoami").await.expect(200);
    let ended = world.events(&owner).await;
    assert_eq!(ended.iter().filter(|event| event["action"] == "session.end").count(), 3);
}

#[tokio::test]
async fn logging_out_takes_either_token() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let (first, second) = (owner_logs_in(&world, "acme").await, owner_logs_in(&world, "acme").await);
    world.post(&holder(&owner, &first), "/v1/auth/logout", json!({})).await.expect(204);
    let body = json!({"refresh_token": second.text("/refresh_token")});
    for _ in 0..2 {
        world.post(&Actor::anonymous(), "/v1/auth/logout", body.clone()).await.expect(204);
    }
    for tokens in [first, second] {
        refresh(&world, &tokens.text("/refresh_token")).await.expect(401);
        world.wait(SETTLED);
        world.get(&holder(&owner, &tokens), "/v1/whoami").await.expect(401);
    }
    world.post(&Actor::anonymous(), "/v1/auth/logout", json!({})).await.expect(401);
    world.post(&owner, "/v1/auth/logout", json!({})).await.expect(403);
    world.post(&Actor::anonymous(), "/v1/auth/logout", json!({"refresh_token": "x"})).await.expect(204);
}

#[tokio::test]
async fn one_more_session_than_there_may_be_ends_the_first() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let first = owner_logs_in(&world, "acme").await;
    let second = owner_logs_in(&world, "acme").await;
    for _ in 0..19 {
        world.wait(60);
        owner_logs_in(&world, "acme").await;
    }
    refresh(&world, &first.text("/refresh_token")).await.expect(401);
    let next = refresh(&world, &second.text("/refresh_token")).await.expect(200);
    let listed = world.get(&holder(&owner, &next), "/v1/me/sessions").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 20);
}

/// Somebody of the owner's tenant with a role, who can log in.
async fn colleague(world: &World, owner: &Actor, email: &str, role: &str) -> String {
    let invited = world.post(owner, "/v1/invitations", json!({"email": email})).await.expect(201);
    let token = world.link(owner, &invited.text("/id")).await;
    let body = json!({"token": token, "password": PASSWORD});
    let accepted = world.post(&Actor::anonymous(), "/v1/invitations/accept", body).await.expect(201);
    let id = accepted.text("/user/id");
    world.give(owner, &id, role, &owner.tenant).await;
    id
}

#[tokio::test]
async fn suspension_and_lost_roles_reach_sessions() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let bob = colleague(&world, &owner, "bob@example.com", "admin").await;
    let tokens = log_in(&world, "acme", "bob@example.com", PASSWORD).await.expect(200);
    let actor = holder(&owner, &tokens);
    world.post(&actor, "/v1/organizations", json!({"name": "Nest"})).await.expect(201);
    world.post(&owner, &format!("/v1/users/{bob}/suspend"), json!({})).await.expect(200);
    world.wait(SETTLED);
    world.get(&actor, "/v1/whoami").await.expect(401);
    assert_eq!(denied(&world, &owner, "suspended").await, 1);
    refresh(&world, &tokens.text("/refresh_token")).await.expect(401);
    log_in(&world, "acme", "bob@example.com", PASSWORD).await.expect(401);

    world.post(&owner, &format!("/v1/users/{bob}/resume"), json!({})).await.expect(200);
    world.wait(SETTLED);
    world.get(&actor, "/v1/whoami").await.expect(200);
    let ada = holder(&owner, &owner_logs_in(&world, "acme").await);
    // Whoever has less does not end the sessions of whoever has more.
    let founder = world.founder(&owner).await;
    world.delete(&actor, &format!("/v1/users/{founder}/sessions")).await.expect(403);
    let listed = world.get(&ada, &format!("/v1/users/{bob}/sessions")).await.expect(200);
    assert_eq!(listed.text("/items/0/id"), tokens.text("/session_id"));
    world.delete(&ada, &format!("/v1/users/{bob}/sessions")).await.expect(204);
    world.wait(SETTLED);
    world.get(&actor, "/v1/whoami").await.expect(401);
    refresh(&world, &tokens.text("/refresh_token")).await.expect(401);

    // What a person leaves behind holds no session.
    log_in(&world, "acme", "bob@example.com", PASSWORD).await.expect(200);
    world.delete(&owner, &format!("/v1/users/{bob}")).await.expect(204);
    let left = world.everything().await.into_iter().filter(|item| item.contains("refresh_family")).count();
    assert_eq!(left, 1, "the owner's own session");
}

#[tokio::test]
async fn an_admin_acts_in_a_persons_place_for_a_while() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let bob = colleague(&world, &owner, "bob@example.com", "developer").await;
    let carol = colleague(&world, &owner, "carol@example.com", "admin").await;
    let ada = holder(&owner, &owner_logs_in(&world, "acme").await);
    let path = format!("/v1/users/{bob}/impersonate");
    let body = json!({"reason": "a release is missing", "minutes": 20});
    let tokens = world.post(&ada, &path, body.clone()).await.expect(200);
    assert_eq!((&tokens.body["refresh_token"], &tokens.body["expires_in"]), (&Value::Null, &json!(1200)));
    let began = world.events(&owner).await.pop().unwrap();
    assert_eq!(began["action"], "user.impersonate");
    assert!(began["changes"].to_string().contains("a release is missing"));
    let as_bob = holder(&owner, &tokens);
    let who = world.get(&as_bob, "/v1/whoami").await.expect(200);
    assert_eq!(
        (who.text("/principal/id"), who.text("/principal/impersonator_id")),
        (bob.clone(), world.founder(&owner).await)
    );

    // What is done is both's.
    world.post(&as_bob, "/v1/apps", json!({"name": "Hello", "platforms": ["web"]})).await.expect(201);
    world.post(&as_bob, "/v1/organizations", json!({"name": "Nest"})).await.expect(403);
    let event = world.events(&owner).await.pop().unwrap();
    let founder = world.founder(&owner).await;
    assert_eq!(event["actor"], json!({"kind": "user", "id": bob, "impersonator": founder}));
    // Neither the person's account nor anything that lasts.
    world.patch(&as_bob, "/v1/me", json!({"name": "Not Bob"})).await.expect(403);
    world.delete(&as_bob, "/v1/me/sessions").await.expect(403);
    let key = world.post(&as_bob, "/v1/api-keys", json!({"name": "mine", "scopes": ["*"]})).await;
    assert_eq!(key.expect(422).pointers(), ["/expires_at"]);

    // Never upward, never twice, never by a key, and not for longer than an hour.
    let as_carol = holder(&owner, &log_in(&world, "acme", "carol@example.com", PASSWORD).await.expect(200));
    world.post(&as_carol, &format!("/v1/users/{founder}/impersonate"), body.clone()).await.expect(403);
    world.post(&owner, &path, body.clone()).await.expect(403);
    let carols = holder(
        &owner,
        &world.post(&ada, &format!("/v1/users/{carol}/impersonate"), body.clone()).await.expect(200),
    );
    world.post(&carols, &path, body.clone()).await.expect(403);
    for (field, value) in [("minutes", json!(61)), ("minutes", json!(0)), ("reason", json!("x"))] {
        let mut body = body.clone();
        body[field] = value;
        assert_eq!(world.post(&ada, &path, body).await.expect(422).pointers(), [format!("/{field}")]);
    }
    world.post(&ada, &format!("/v1/users/{founder}/impersonate"), body.clone()).await.expect(422);

    world.wait(1200);
    world.get(&as_bob, "/v1/whoami").await.expect(401);
}

#[tokio::test]
async fn impersonation_ends_with_the_session_and_the_rights_of_who_acts() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let bob = colleague(&world, &owner, "bob@example.com", "developer").await;
    let carol = colleague(&world, &owner, "carol@example.com", "admin").await;
    let as_carol = holder(&owner, &log_in(&world, "acme", "carol@example.com", PASSWORD).await.expect(200));
    let body = json!({"reason": "to look", "minutes": 60});
    let path = format!("/v1/users/{bob}/impersonate");
    let as_bob = holder(&owner, &world.post(&as_carol, &path, body.clone()).await.expect(200));
    let tenant = json!({"name": "Renamed"});
    // The person comes by more than whoever acts in its place.
    world.give(&owner, &bob, "owner", &owner.tenant).await;
    let bobs_own = holder(&owner, &log_in(&world, "acme", "bob@example.com", PASSWORD).await.expect(200));
    world.patch(&bobs_own, "/v1/tenant", tenant.clone()).await.expect(200);
    world.patch(&as_bob, "/v1/tenant", tenant).await.expect(403);
    world.get(&as_bob, "/v1/organizations").await.expect(200);
    world.post(&as_carol, "/v1/auth/logout", json!({})).await.expect(204);
    world.wait(SETTLED);
    world.get(&as_bob, "/v1/whoami").await.expect(401);
    world.get(&bobs_own, "/v1/whoami").await.expect(200);
    assert!(!carol.is_empty());
}

#[tokio::test]
async fn a_closed_tenant_lets_nobody_in() {
    let world = World::with_kms().await;
    let owner = house(&world, "acme").await;
    let tokens = owner_logs_in(&world, "acme").await;
    let scope = world.scope(&owner);
    let mut transaction = rookery_store::Transaction::new();
    let account = rookery_store::account::find(world.table(), scope.tenant()).await.unwrap().unwrap();
    let now = world.context().now();
    let after =
        account.apply(rookery_domain::account::Verb::Suspend, jiff::SignedDuration::ZERO, now).unwrap();
    rookery_store::account::replace(&mut transaction, &account, &after).unwrap();
    world.table().commit(&transaction).await.unwrap();
    world.wait(SETTLED);
    assert_eq!(
        world.get(&holder(&owner, &tokens), "/v1/whoami").await.expect(403).problem(),
        "tenant-suspended"
    );
    refresh(&world, &tokens.text("/refresh_token")).await.expect(403);
    log_in(&world, "acme", "ada@example.com", PASSWORD).await.expect(403);
    log_in(&world, "acme", "ada@example.com", "not the one").await.expect(401);
}
