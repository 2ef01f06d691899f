//! Passwords: which ones are taken, where they are kept, and how they are changed.

use rookery_tests::unreliable::Unreliable;
use rookery_tests::world::{Actor, Reply, World, sign_up_body};
use serde_json::json;

/// A password that nobody would guess.
const GOOD: &str = "tulip-94-Gravel-moth";
/// Another one.
const NEXT: &str = "lantern-17-Otter-quilt";

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_at_its_place() {
    let world = World::new().await;
    for weak in [
        "s1#x",
        "password1",
        "ada@example.com",
        "Ada@Example.com ",
        "The a-nest",
        "a-nest-a-nest",
        "qwertyuiop",
    ] {
        let mut body = sign_up_body("a-nest");
        body["owner"]["password"] = json!(weak);
        let refused = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(422);
        assert_eq!(refused.pointers(), ["/owner/password"], "{weak}");
        assert!(!refused.body["errors"].to_string().contains(weak), "{}", refused.body);
    }
    let mut body = sign_up_body("a-nest");
    body["owner"]["password"] = json!(GOOD);
    let founded = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    let actor = Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") };

    // Its hash is in one place; the password is in none.
    let items = world.everything().await;
    assert!(items.iter().all(|item| !item.contains(GOOD)));
    let holding: Vec<&String> = items.iter().filter(|item| item.contains("$argon2id$")).collect();
    assert_eq!(holding.len(), 1);
    assert!(holding[0].contains(&format!("{}#factor", actor.tenant)));
    assert!(world.events(&actor).await.iter().all(|event| !event.to_string().contains("argon2")));
}

#[tokio::test]
async fn whoever_accepts_an_invitation_chooses_as_the_tenant_asks() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for (length, status) in [(7, 422), (65, 422), (30, 200)] {
        world.patch(&owner, "/v1/tenant/settings", json!({"password_length": length})).await.expect(status);
    }
    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201);
    let token = world.link(&owner, &invited.text("/id")).await;
    let anybody = Actor::anonymous();
    let path = "/v1/invitations/accept";
    let refused = world.post(&anybody, path, json!({"token": token, "password": GOOD})).await.expect(422);
    assert_eq!(refused.pointers(), ["/password"]);
    let long = format!("{GOOD} and some more");
    world.post(&anybody, path, json!({"token": token, "password": long})).await.expect(201);
    let holding = world.everything().await.iter().filter(|item| item.contains("$argon2id$")).count();
    assert_eq!(holding, 1);
}

/// A world with a post office, and a tenant in it whose owner has a password and a mail address of the odd kind.
async fn house(email: &str) -> (World, Unreliable, Actor) {
    let office = Unreliable::new().await;
    let world = World::over(&office.url, &[("SIGNUPS_PER_HOUR", "1000")]).await;
    let mut body = sign_up_body("a-nest");
    body["owner"]["password"] = json!(GOOD);
    body["owner"]["email"] = json!(email);
    let founded = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    let owner = Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") };
    (world, office, owner)
}

async fn forget(world: &World, email: &str) -> Reply {
    let body = json!({"tenant": "a-nest", "email": email});
    world.post(&Actor::anonymous(), "/v1/auth/password/forgot", body).await
}

async fn reset(world: &World, token: &str, password: &str) -> Reply {
    let body = json!({"token": token, "password": password});
    world.post(&Actor::anonymous(), "/v1/auth/password/reset", body).await
}

/// Somebody who has logged in, and goes on with it whatever becomes of the password.
async fn logged_in(world: &World, owner: &Actor, email: &str, password: &str) -> Actor {
    let body = json!({"tenant": "a-nest", "email": email, "password": password});
    let tokens = world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(200);
    Actor { token: Some(tokens.text("/access_token")), tenant: owner.tenant.clone() }
}

async fn change(world: &World, actor: &Actor, from: &str, to: &str) -> Reply {
    let body = json!({"current_password": from, "password": to});
    world.post(actor, "/v1/auth/password/change", body).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_link_that_is_good_once() {
    for email in ["ada+ci@example.com", "zoë@bücher.example", "\"o'neil\"@example.com"] {
        let (world, office, owner) = house(email).await;
        world.mailed(&office, &owner).await;
        let asked = forget(&world, &email.to_uppercase()).await.expect(202);
        assert_eq!(asked.body, json!({}));
        let mails = world.mailed(&office, &owner).await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, email);
        assert!(mails[0].text.contains("https://rookery.test/reset#rp_"));
        let token = mails[0].token();
        // The secret is in the mail alone.
        let secret = token.rsplit('_').next().unwrap().to_owned();
        assert!(world.everything().await.iter().all(|item| !item.contains(&secret)));

        let before = logged_in(&world, &owner, email, GOOD).await;
        // A password that will not do leaves the link as it was.
        for bad in ["password1", email, GOOD] {
            assert_eq!(reset(&world, &token, bad).await.expect(422).pointers(), ["/password"], "{bad}");
        }
        reset(&world, &token, NEXT).await.expect(204);
        assert_eq!(reset(&world, &token, "another-81-Walnut-kite").await.expect(422).pointers(), ["/token"]);
        // The person is told, and the address counts as verified.
        let told = world.mailed(&office, &owner).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].subject, "The a-nest: Your password was changed");
        assert_eq!(world.get(&owner, "/v1/me").await.expect(200).body["email_verified"], json!(true));
        // Whoever was logged in is not any more, and the password of before is none.
        world.wait(20);
        world.get(&before, "/v1/me").await.expect(401);
        let body = json!({"tenant": "a-nest", "email": email, "password": GOOD});
        world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(401);
        let now = logged_in(&world, &owner, email, NEXT).await;
        let other = logged_in(&world, &owner, email, NEXT).await;
        let wrong = change(&world, &now, GOOD, "another-81-Walnut-kite").await.expect(422);
        assert_eq!(wrong.pointers(), ["/current_password"]);
        change(&world, &now, NEXT, "another-81-Walnut-kite").await.expect(204);
        world.wait(20);
        world.get(&now, "/v1/me").await.expect(200);
        world.get(&other, "/v1/me").await.expect(401);
        let events = world.events(&owner).await;
        let said = serde_json::to_string(&events).unwrap();
        assert!([GOOD, NEXT, "argon2", &secret].iter().all(|secret| !said.contains(secret)));
    }
}

#[tokio::test]
async fn a_link_ends_with_its_time_the_next_one_and_another_address() {
    let (world, office, owner) = house("ada@example.com").await;
    world.mailed(&office, &owner).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        forget(&world, "ada@example.com").await.expect(202);
        tokens.push(world.mailed(&office, &owner).await[0].token());
    }
    for overtaken in &tokens[..2] {
        reset(&world, overtaken, NEXT).await.expect(422);
    }
    world.wait(30 * 60);
    reset(&world, &tokens[2], NEXT).await.expect(422);
    forget(&world, "ada@example.com").await.expect(202);
    let token = world.mailed(&office, &owner).await[0].token();
    let me = world.get(&owner, "/v1/me").await.expect(200).text("/id");
    let path = format!("/v1/users/{me}");
    world.patch(&owner, &path, json!({"email": "ada@example.org"})).await.expect(200);
    reset(&world, &token, NEXT).await.expect(422);
    for nonsense in ["", "rp_x_y", &token.replace("rp_", "rv_")] {
        assert_eq!(reset(&world, nonsense, NEXT).await.expect(422).pointers(), ["/token"]);
    }
    world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(409);
}

#[tokio::test]
async fn two_who_hold_one_link_change_one_password() {
    let (world, office, owner) = house("ada@example.com").await;
    forget(&world, "ada@example.com").await.expect(202);
    let mails = world.mailed(&office, &owner).await;
    let token = mails.iter().find(|mail| mail.text.contains("/reset#")).unwrap().token();
    let (left, right) =
        tokio::join!(reset(&world, &token, NEXT), reset(&world, &token, "another-81-Walnut-kite"));
    let statuses = [left.status.as_u16(), right.status.as_u16()];
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().any(|status| [409, 422].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn nobody_learns_which_addresses_exist() {
    let (world, office, owner) = house("ada@example.com").await;
    world.mailed(&office, &owner).await;
    let asked = || world.recorder().requests();
    // The first time from an address is counted with less work than the next ones.
    forget(&world, "adam@example.com").await.expect(202);
    let begun = asked();
    let known = forget(&world, "ada@example.com").await.expect(202);
    let between = asked();
    let unknown = forget(&world, "eve@example.com").await.expect(202);
    assert_eq!(known.bytes, unknown.bytes);
    // The same work, too, or the time would tell.
    assert_eq!(between - begun, asked() - between);
    let names = |reply: &Reply| reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&known), names(&unknown));
    let body = json!({"tenant": "no-such-nest", "email": "ada@example.com"});
    let nowhere = world.post(&Actor::anonymous(), "/v1/auth/password/forgot", body).await.expect(202);
    assert_eq!(known.bytes, nowhere.bytes);
    assert_eq!(world.mailed(&office, &owner).await.len(), 1);
    // The tenant sees that somebody asked, and not for whom.
    let tried: Vec<_> = world.events(&owner).await;
    let tried: Vec<_> = tried.iter().filter(|event| event["outcome"] == "denied").collect();
    assert_eq!(tried.len(), 2);
    assert!(tried.iter().all(|event| event["reason"] == "unknown_person"));
    assert!(tried.iter().all(|event| !event.to_string().contains("@example.com")));
    // Both run into the same limit.
    for email in ["ada@example.com", "eve@example.com"] {
        for _ in 0..4 {
            forget(&world, email).await.expect(202);
        }
        assert_eq!(forget(&world, email).await.expect(429).headers["retry-after"], "1", "{email}");
    }
}

#[tokio::test]
async fn an_address_is_verified_when_it_is_new_and_again_when_it_changes() {
    let (world, office, owner) = house("ada@example.com").await;
    let me = || async { world.get(&owner, "/v1/me").await.expect(200).body };
    assert_eq!(me().await["email_verified"], json!(false));
    let mails = world.mailed(&office, &owner).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "ada@example.com"));
    let path = format!("/v1/users/{}", me().await["id"].as_str().unwrap());
    world.patch(&owner, &path, json!({"email": "ada@example.org"})).await.expect(200);
    // The link shows nothing of the address that the person has now.
    let anybody = Actor::anonymous();
    let body = json!({"token": mails[0].token()});
    world.post(&anybody, "/v1/auth/email/verify", body).await.expect(422);
    let mails = world.mailed(&office, &owner).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "ada@example.org"));
    // A link to verify is none to choose a password by.
    reset(&world, &mails[0].token(), NEXT).await.expect(422);
    let body = json!({"token": mails[0].token()});
    world.post(&anybody, "/v1/auth/email/verify", body.clone()).await.expect(204);
    world.post(&anybody, "/v1/auth/email/verify", body).await.expect(422);
    assert_eq!(me().await["email_verified"], json!(true));
    world.patch(&owner, &path, json!({"email": "ADA@example.org"})).await.expect(200);
    assert_eq!(me().await["email_verified"], json!(true));
    world.patch(&owner, &path, json!({"email": "ada@example.net"})).await.expect(200);
    assert_eq!(me().await["email_verified"], json!(false));
}

#[tokio::test]
async fn the_last_five_passwords_are_not_chosen_again() {
    let (world, _office, owner) = house("ada@example.com").await;
    let ada = logged_in(&world, &owner, "ada@example.com", GOOD).await;
    let numbered = |number: usize| format!("walnut-{number}-Kite-gravel");
    let mut current = GOOD.to_owned();
    for number in 0..5 {
        change(&world, &ada, &current, &numbered(number)).await.expect(204);
        current = numbered(number);
    }
    for number in 0..5 {
        let again = change(&world, &ada, &current, &numbered(number)).await.expect(422);
        assert_eq!(again.pointers(), ["/password"]);
        world.wait(60);
    }
    change(&world, &ada, &current, GOOD).await.expect(204);
}

#[tokio::test]
async fn the_present_password_is_not_guessed_for_long() {
    let (world, _office, owner) = house("ada@example.com").await;
    let ada = logged_in(&world, &owner, "ada@example.com", GOOD).await;
    for _ in 0..5 {
        let wrong = change(&world, &ada, "a guess of somebody", NEXT).await.expect(422);
        assert_eq!(wrong.pointers(), ["/current_password"]);
    }
    assert_eq!(change(&world, &ada, GOOD, NEXT).await.expect(429).headers["retry-after"], "1");
    world.wait(1);
    change(&world, &ada, GOOD, NEXT).await.expect(204);
    let denied = world.events(&owner).await.into_iter().filter(|event| event["outcome"] == "denied");
    assert_eq!(denied.count(), 5);
}
