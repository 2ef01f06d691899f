//! Passkeys, as people, their administrators and thieves meet them. The authenticator is one of software.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::Method;
use rookery_tests::authenticator::{Authenticator, BACKED_UP, PRESENT, SYNCED, VERIFIED};
use rookery_tests::household::{
    EMAIL, ORIGIN, PASSWORD, code, holder, household, offer, register, try_password, try_register,
};
use rookery_tests::unreliable::Unreliable;
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

const PATH: &str = "/v1/me/passkeys";
/// Longer than what decides about callers is kept in memory.
const SETTLED: i64 = 20;

async fn options(world: &World, body: Value) -> Value {
    world.post(&Actor::anonymous(), "/v1/auth/passkeys/options", body).await.expect(200).body
}

async fn show_alone(world: &World, passkey: &Value) -> Reply {
    world.post(&Actor::anonymous(), "/v1/auth/passkeys", json!({"passkey": passkey})).await
}

/// Logs in with a passkey and nothing else.
async fn log_in(world: &World, device: &mut Authenticator) -> Reply {
    let options = options(world, json!({})).await;
    show_alone(world, &device.get(&options)).await
}

async fn show_second(world: &World, token: &str, passkey: &Value) -> Reply {
    world.post(&Actor::anonymous(), "/v1/auth/mfa", json!({"mfa_token": token, "passkey": passkey})).await
}

async fn denied(world: &World, owner: &Actor, reason: &str) -> usize {
    let events = world.events(owner).await;
    events.iter().filter(|event| event["reason"] == reason && event["outcome"] == "denied").count()
}

fn claims(reply: &Reply) -> Value {
    let token = reply.text("/access_token");
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&BASE64URL.decode(payload).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_passkey_logs_in_by_itself_and_is_two_factors() {
    let office = Unreliable::new().await;
    let world = World::over(&office.url, &[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    // A key is not enough, whatever it may do; and it takes the password.
    let ask = format!("{PATH}/options");
    world.post(&owner, &ask, json!({"password": PASSWORD})).await.expect(403);
    for wrong in [json!({}), json!({"password": "a guess of somebody"})] {
        assert_eq!(world.post(&ada, &ask, wrong).await.expect(422).pointers(), ["/password"]);
    }
    let asked = offer(&world, &ada).await;
    assert_eq!(asked["rp"], json!({"id": "rookery.test", "name": "The a-nest"}));
    assert_eq!((&asked["user"]["name"], &asked["user"]["displayName"]), (&json!(EMAIL), &json!("Ada")));
    assert_eq!((&asked["attestation"], &asked["timeout"]), (&json!("none"), &json!(300_000)));
    assert_eq!(asked["excludeCredentials"], json!([]));
    let mut device = Authenticator::at(ORIGIN);
    device.flags |= SYNCED | BACKED_UP;
    let made = device.create(&asked);
    let registered = try_register(&world, &ada, made.clone()).await.expect(201);
    let id = registered.text("/id");
    assert_eq!(registered.headers["location"], format!("{PATH}/{id}").as_str());
    assert_eq!(registered.body["recovery_codes"].as_array().unwrap().len(), 10);
    // What was made answers its challenge once.
    assert_eq!(try_register(&world, &ada, made).await.expect(422).pointers(), ["/passkey"]);

    let listed = world.get(&ada, PATH).await.expect(200);
    let item = &listed.body["items"][0];
    assert_eq!((&item["id"], &item["name"], &item["synced"]), (&json!(id), &json!("Phone"), &json!(true)));
    assert_eq!((&item["transports"], &item["last_used_at"]), (&json!(["hybrid", "internal"]), &json!(null)));
    assert!(!listed.body.to_string().contains("recovery"));
    assert_eq!(world.get(&ada, &format!("{PATH}/{id}")).await.expect(200).body, *item);

    // Who comes is not known before: nothing is asked for but any passkey.
    let asked = options(&world, json!({})).await;
    assert_eq!(asked["allowCredentials"], json!([]));
    assert_eq!(asked["userVerification"], "required");
    let tokens = log_in(&world, &mut device).await.expect(200);
    let claims = claims(&tokens);
    assert_eq!(claims["amr"], json!(["swk", "user", "mfa"]));
    assert_eq!(claims["mfa_at"], claims["auth_time"]);
    let ada_again = holder(&owner, &tokens);
    assert_eq!(world.get(&ada_again, "/v1/me").await.expect(200).text("/email"), EMAIL);
    let used = world.get(&ada_again, PATH).await.expect(200).body["items"][0]["last_used_at"].clone();
    assert!(used.is_string());
    // Whoever used it a moment ago shows no password; and not for long.
    world.post(&ada_again, &ask, json!({})).await.expect(200);
    world.wait(10 * 60);
    assert_eq!(world.post(&ada_again, &ask, json!({})).await.expect(422).pointers(), ["/password"]);

    let renamed = world.patch(&ada, &format!("{PATH}/{id}"), json!({"name": "Old phone"})).await.expect(200);
    assert_eq!(renamed.text("/name"), "Old phone");
    let path = format!("{PATH}/{id}");
    world.call_with(&ada, Method::DELETE, &path, Some(&json!({})), &[]).await.expect(422);
    let proof = json!({"password": PASSWORD});
    world.call_with(&ada, Method::DELETE, &path, Some(&proof), &[]).await.expect(204);
    world.call_with(&ada, Method::DELETE, &path, Some(&proof), &[]).await.expect(404);
    world.patch(&ada, &path, json!({"name": "Gone"})).await.expect(404);
    log_in(&world, &mut device).await.expect(401);
    try_password(&world, "a-nest", EMAIL).await.expect(200);

    let told = world.mailed(&office, &owner).await;
    for subject in ["A passkey was added to your account", "A passkey of your account was removed"] {
        assert_eq!(told.iter().filter(|mail| mail.subject.ends_with(subject)).count(), 1, "{subject}");
    }
    let events = world.events(&owner).await;
    let done = |event: &&Value| event["outcome"] == "allowed";
    let of = |action: &str| {
        events.iter().filter(done).find(|event| event["action"] == action).expect(action).clone()
    };
    assert_eq!(of("passkey.register")["changes"], json!([{"field": "passkey_id", "after": id}]));
    assert_eq!(of("passkey.remove")["changes"], json!([{"field": "passkey_id", "before": id}]));
    assert!(!serde_json::to_string(&events).unwrap().contains("Old phone"));
}

#[tokio::test]
async fn a_passkey_is_a_second_factor() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    let (mut device, registered) = register(&world, &ada).await;
    let asked = try_password(&world, "a-nest", EMAIL).await.expect(202);
    assert_eq!(asked.body["enrolled"], json!(true));
    let wanted = &asked.body["passkey"];
    assert_eq!(wanted["allowCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(wanted["userVerification"], "preferred");
    let token = asked.text("/mfa_token");
    // As a second factor it need not be seen who is there.
    device.flags = PRESENT;
    let shown = device.get(wanted);
    let tokens = show_second(&world, &token, &shown).await.expect(200);
    assert_eq!(claims(&tokens)["amr"], json!(["pwd", "hwk", "mfa"]));
    show_second(&world, &token, &shown).await.expect(401);

    // A challenge is of one login, and for one thing.
    let one = try_password(&world, "a-nest", EMAIL).await.expect(202);
    let other = try_password(&world, "a-nest", EMAIL).await.expect(202);
    let crossed = device.get(&one.body["passkey"]);
    let refused = show_second(&world, &other.text("/mfa_token"), &crossed).await.expect(422);
    assert_eq!(refused.pointers(), ["/passkey"]);
    show_second(&world, &one.text("/mfa_token"), &crossed).await.expect(422);
    device.flags |= VERIFIED;
    let anybody = options(&world, json!({})).await;
    show_second(&world, &one.text("/mfa_token"), &device.get(&anybody)).await.expect(422);
    let again = options(&world, json!({"mfa_token": one.text("/mfa_token")})).await;
    show_alone(&world, &device.get(&again)).await.expect(401);
    let again = options(&world, json!({"mfa_token": one.text("/mfa_token")})).await;
    world.wait(60);
    show_second(&world, &one.text("/mfa_token"), &device.get(&again)).await.expect(200);
    assert_eq!(denied(&world, &owner, "wrong_passkey").await, 4);

    // Strangers learn nothing of who has one.
    let stranger = json!({"mfa_token": "rm_none"});
    world.post(&Actor::anonymous(), "/v1/auth/passkeys/options", stranger).await.expect(401);
    let body = json!({"tenant": "a-nest", "email": EMAIL, "password": "a guess of somebody"});
    let wrong = world.post(&Actor::anonymous(), "/v1/auth/login", body).await.expect(401);
    assert!(wrong.body["passkey"].is_null());

    // A recovery code stands in for it, once.
    let token = try_password(&world, "a-nest", EMAIL).await.expect(202).text("/mfa_token");
    let recover = json!({"mfa_token": token, "recovery_code": registered.body["recovery_codes"][0]});
    world.post(&Actor::anonymous(), "/v1/auth/mfa", recover).await.expect(200);
    for both in [json!({"mfa_token": token}), json!({"mfa_token": token, "code": "1", "passkey": shown})] {
        world.post(&Actor::anonymous(), "/v1/auth/mfa", both).await.expect(422);
    }
}

#[tokio::test]
async fn a_challenge_is_for_five_minutes_one_person_and_one_session() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (_, ada) = household(&world, "a-nest").await;
    let other = household(&world, "b-nest").await.1;
    let tokens = try_password(&world, "a-nest", EMAIL).await.expect(200);
    let elsewhere = Actor { token: Some(tokens.text("/access_token")), tenant: ada.tenant.clone() };
    let mut device = Authenticator::at(ORIGIN);
    for somebody in [&elsewhere, &other] {
        let made = device.create(&offer(&world, &ada).await);
        assert_eq!(try_register(&world, somebody, made.clone()).await.expect(422).pointers(), ["/passkey"]);
        // Whoever took it spoiled it for the one who asked.
        try_register(&world, &ada, made).await.expect(422);
    }
    let late = device.create(&offer(&world, &ada).await);
    world.wait(5 * 60);
    try_register(&world, &ada, late).await.expect(422);
    let never = json!({"challenge": "A".repeat(43), "rp": {"id": "rookery.test"}, "user": {"id": "AA"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}]});
    try_register(&world, &ada, device.create(&never)).await.expect(422);
    // One for logging in is none for registering.
    let mut asked = offer(&world, &ada).await;
    asked["challenge"] = options(&world, json!({})).await["challenge"].clone();
    try_register(&world, &ada, device.create(&asked)).await.expect(422);

    // Two who answer one challenge at once make one passkey.
    let made = device.create(&offer(&world, &ada).await);
    let (left, right) =
        tokio::join!(try_register(&world, &ada, made.clone()), try_register(&world, &ada, made));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
    let options = options(&world, json!({})).await;
    let shown = device.get(&options);
    let (left, right) = tokio::join!(show_alone(&world, &shown), show_alone(&world, &shown));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let late = self::options(&world, json!({})).await;
    let shown = device.get(&late);
    world.wait(5 * 60);
    show_alone(&world, &shown).await.expect(401);
}

/// Spoils a device before it answers.
type Spoil = fn(&mut Authenticator);

#[tokio::test]
async fn a_passkey_that_is_not_for_us_is_not_registered() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (_, ada) = household(&world, "a-nest").await;
    let spoiled: [(&str, Spoil); 9] = [
        ("another origin", |device| device.origin = "https://rookery.test.evil.example".into()),
        ("another scheme", |device| device.origin = "http://rookery.test".into()),
        ("a host below", |device| device.origin = "https://evil.rookery.test".into()),
        ("another relying party", |device| device.host = Some("evil.example".into())),
        ("an assertion", |device| device.kind = Some("webauthn.get".into())),
        ("nobody there", |device| device.flags = VERIFIED),
        ("copies of what has none", |device| device.flags |= BACKED_UP),
        ("a short id", |device| device.id.truncate(15)),
        ("something behind it", |device| device.behind = vec![0x81; 10_000]),
    ];
    for (what, spoil) in spoiled {
        let mut device = Authenticator::at(ORIGIN);
        spoil(&mut device);
        let made = device.create(&offer(&world, &ada).await);
        let refused = try_register(&world, &ada, made).await;
        assert_eq!(refused.status, 422, "{what}");
        assert_eq!(refused.pointers(), ["/passkey"], "{what}");
    }
    for nonsense in ["", "!", "oA", &"gYGB".repeat(100), &"gYGB".repeat(11_000)] {
        let mut made = Authenticator::at(ORIGIN).create(&offer(&world, &ada).await);
        made["response"]["attestationObject"] = json!(nonsense);
        let refused = try_register(&world, &ada, made.clone()).await.expect(422);
        assert!(refused.pointers()[0].starts_with("/passkey"), "{}", refused.body);
        made["response"]["attestationObject"] = json!("oA");
        made["response"]["clientDataJSON"] = json!(nonsense);
        try_register(&world, &ada, made).await.expect(422);
    }
    assert_eq!(world.get(&ada, PATH).await.expect(200).body["items"], json!([]));
    try_password(&world, "a-nest", EMAIL).await.expect(200);
}

#[tokio::test]
async fn what_a_thief_shows_does_not_log_in() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    let (mut device, _) = register(&world, &ada).await;
    let spoiled: [(&str, Spoil); 6] = [
        ("another origin", |device| device.origin = "https://rookery.test.evil.example".into()),
        ("another relying party", |device| device.host = Some("evil.example".into())),
        ("a registration", |device| device.kind = Some("webauthn.create".into())),
        ("nobody was seen", |device| device.flags = PRESENT),
        ("another kind", |device| device.flags |= SYNCED),
        ("somebody else's name", |device| device.handle = Some("A".repeat(43))),
    ];
    let mut tries = 0;
    for (what, spoil) in spoiled {
        let before = (device.origin.clone(), device.flags, device.handle.clone());
        spoil(&mut device);
        assert_eq!(log_in(&world, &mut device).await.status, 401, "{what}");
        (device.origin, device.flags, device.handle) = before;
        (device.host, device.kind) = (None, None);
        tries += 1;
    }
    // A signature of something else, by somebody else, or of before.
    for part in ["authenticatorData", "signature", "clientDataJSON"] {
        let mut shown = device.get(&options(&world, json!({})).await);
        let mut text = shown["response"][part].as_str().expect("a text").to_owned();
        let other = if &text[45..46] == "A" { "B" } else { "A" };
        text.replace_range(45..46, other);
        shown["response"][part] = json!(text);
        show_alone(&world, &shown).await.expect(401);
        tries += 1;
    }
    let mut thief = Authenticator::at(ORIGIN);
    (thief.id, thief.handle) = (device.id.clone(), device.handle.clone());
    log_in(&world, &mut thief).await.expect(401);
    tries += 1;
    assert_eq!(denied(&world, &owner, "wrong_passkey").await, tries);
    // A passkey of nobody is nobody's.
    log_in(&world, &mut Authenticator::at(ORIGIN)).await.expect(401);
    let shown = device.get(&options(&world, json!({})).await);
    show_alone(&world, &shown).await.expect(200);
    show_alone(&world, &shown).await.expect(401);
    for nonsense in
        [json!({}), json!("x"), json!({"id": "", "response": {}}), json!({"id": 1, "response": []})]
    {
        show_alone(&world, &nonsense).await.expect(422);
    }
}

#[tokio::test]
async fn a_counter_that_went_back_is_told() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    let (mut device, _) = register(&world, &ada).await;
    device.counter = Some(40);
    log_in(&world, &mut device).await.expect(200);
    // The copy of somebody counts on from where it was taken.
    for counter in [Some(7), Some(40), None] {
        device.counter = counter;
        log_in(&world, &mut device).await.expect(401);
    }
    assert_eq!(denied(&world, &owner, "passkey_counter").await, 3);
    let asked = try_password(&world, "a-nest", EMAIL).await.expect(202);
    device.counter = Some(8);
    let shown = device.get(&asked.body["passkey"]);
    show_second(&world, &asked.text("/mfa_token"), &shown).await.expect(422);
    assert_eq!(denied(&world, &owner, "passkey_counter").await, 4);
    device.counter = Some(41);
    log_in(&world, &mut device).await.expect(200);
    // Those that do not count never do.
    let mut other = Authenticator::at(ORIGIN);
    other.counter = None;
    let made = other.create(&offer(&world, &ada).await);
    let added = try_register(&world, &ada, made).await.expect(201);
    assert!(added.body["recovery_codes"].is_null());
    for _ in 0..2 {
        log_in(&world, &mut other).await.expect(200);
    }
}

#[tokio::test]
async fn a_passkey_is_of_one_person_in_one_tenant() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    let (mut device, _) = register(&world, &ada).await;
    let (b_owner, eve) = household(&world, "b-nest").await;
    // Nobody registers what is somebody's, with a key of its own.
    let mut copy = Authenticator::at(ORIGIN);
    copy.id = device.id.clone();
    let made = copy.create(&offer(&world, &eve).await);
    assert_eq!(try_register(&world, &eve, made).await.expect(409).problem(), "already-exists");
    let made = copy.create(&offer(&world, &ada).await);
    assert_eq!(try_register(&world, &ada, made).await.expect(409).problem(), "already-exists");
    assert_eq!(world.get(&eve, PATH).await.expect(200).body["items"], json!([]));
    // With a passkey of one's own one comes to one's own tenant, whatever one says.
    let (mut eves, _) = register(&world, &eve).await;
    let tokens = log_in(&world, &mut eves).await.expect(200);
    assert_eq!(claims(&tokens)["tenant"], json!(b_owner.tenant));
    eves.handle = device.handle.clone();
    log_in(&world, &mut eves).await.expect(401);
    // As the second factor of somebody else it is nothing.
    let asked = try_password(&world, "a-nest", EMAIL).await.expect(202);
    let shown = eves.get(&asked.body["passkey"]);
    show_second(&world, &asked.text("/mfa_token"), &shown).await.expect(422);
    // Nor does anybody see or touch it.
    let id = world.get(&ada, PATH).await.expect(200).text("/items/0/id");
    world.get(&eve, &format!("{PATH}/{id}")).await.expect(404);
    let proof = json!({"password": PASSWORD});
    world.call_with(&eve, Method::DELETE, &format!("{PATH}/{id}"), Some(&proof), &[]).await.expect(404);
    let tokens = log_in(&world, &mut device).await.expect(200);
    assert_eq!(claims(&tokens)["tenant"], json!(owner.tenant));
}

#[tokio::test]
async fn ten_passkeys_are_enough() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (_, ada) = household(&world, "a-nest").await;
    let mut eleventh = Authenticator::at(ORIGIN);
    let mut made = Value::Null;
    for number in 0..10 {
        if number == 9 {
            made = eleventh.create(&offer(&world, &ada).await);
        }
        let (_, reply) = register(&world, &ada).await;
        assert_eq!(reply.body["recovery_codes"].is_array(), number == 0);
    }
    let refused = try_register(&world, &ada, made).await.expect(409);
    assert_eq!(refused.problem(), "too-many-passkeys");
    let ask = format!("{PATH}/options");
    let refused = world.post(&ada, &ask, json!({"password": PASSWORD})).await.expect(409);
    assert_eq!(refused.problem(), "too-many-passkeys");
    let first = world.get(&ada, &format!("{PATH}?limit=6")).await.expect(200);
    let next = first.text("/next_cursor");
    let second = world.get(&ada, &format!("{PATH}?limit=6&cursor={next}")).await.expect(200);
    let count = |reply: &Reply| reply.body["items"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&second), &second.body["next_cursor"]), (6, 4, &json!(null)));
    let asked = try_password(&world, "a-nest", EMAIL).await.expect(202);
    assert_eq!(asked.body["passkey"]["allowCredentials"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_tenant_that_asks_for_a_second_factor_takes_a_passkey_for_one() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    let (_, registered) = register(&world, &ada).await;
    let path = format!("{PATH}/{}", registered.text("/id"));
    world.patch(&owner, "/v1/tenant/settings", json!({"require_second_factor": true})).await.expect(200);
    let asked = try_password(&world, "a-nest", EMAIL).await.expect(202);
    assert_eq!(asked.body["enrolled"], json!(true));
    let refused = world
        .post(&Actor::anonymous(), "/v1/auth/mfa/enrol", json!({"mfa_token": asked.text("/mfa_token")}))
        .await;
    assert_eq!(refused.expect(409).problem(), "already-enrolled");
    let proof = json!({"password": PASSWORD});
    let kept = world.call_with(&ada, Method::DELETE, &path, Some(&proof), &[]).await.expect(409);
    assert_eq!(kept.problem(), "second-factor-required");
    // With an authenticator beside it, either may go.
    let offered = world.post(&ada, "/v1/me/mfa/totp", proof.clone()).await.expect(200);
    let code = json!({"code": code(&world, &offered)});
    world.call_with(&ada, Method::PUT, "/v1/me/mfa/totp", Some(&code), &[]).await.expect(200);
    world.call_with(&ada, Method::DELETE, "/v1/me/mfa/totp", Some(&proof), &[]).await.expect(204);
    let state = world.get(&ada, "/v1/me/mfa/totp").await.expect(200);
    assert_eq!(state.body, json!({"confirmed_at": null, "recovery_codes_left": 10}));
    world.call_with(&ada, Method::DELETE, &path, Some(&proof), &[]).await.expect(409);
}

#[tokio::test]
async fn what_is_reset_or_erased_logs_in_no_more_and_may_be_registered_again() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (owner, ada) = household(&world, "a-nest").await;
    let (mut device, _) = register(&world, &ada).await;
    let me = world.get(&ada, "/v1/me").await.expect(200).text("/id");
    let directory =
        async || world.everything().await.iter().filter(|item| item.contains("directory#passkey#")).count();
    assert_eq!(directory().await, 1);
    let reason = json!({"reason": "The phone fell into the sea."});
    world.post(&owner, &format!("/v1/users/{me}/mfa/reset"), reason).await.expect(204);
    assert_eq!(directory().await, 0);
    world.wait(SETTLED);
    world.get(&ada, "/v1/me").await.expect(401);
    log_in(&world, &mut device).await.expect(401);
    let tokens = try_password(&world, "a-nest", EMAIL).await.expect(200);
    let ada = holder(&owner, &tokens);
    let made = device.create(&offer(&world, &ada).await);
    try_register(&world, &ada, made).await.expect(201);
    log_in(&world, &mut device).await.expect(200);

    let invited =
        world.post(&owner, "/v1/invitations", json!({"email": "grace@example.com"})).await.expect(201);
    let token = world.link(&owner, &invited.text("/id")).await;
    let accept = json!({"token": token, "password": PASSWORD});
    world.post(&Actor::anonymous(), "/v1/invitations/accept", accept).await.expect(201);
    let tokens = try_password(&world, "a-nest", "grace@example.com").await.expect(200);
    let grace = holder(&owner, &tokens);
    let (mut graces, _) = register(&world, &grace).await;
    assert_eq!(directory().await, 2);
    // Who is suspended comes in no way.
    let path = format!("/v1/users/{}", tokens.text("/user_id"));
    world.post(&owner, &format!("{path}/suspend"), json!({})).await.expect(200);
    world.wait(SETTLED);
    log_in(&world, &mut graces).await.expect(401);
    world.delete(&owner, &path).await.expect(204);
    assert_eq!(directory().await, 1);
    log_in(&world, &mut graces).await.expect(401);
    let items = world.everything().await.join("\n");
    let id = BASE64URL.encode(&graces.id);
    assert!(!items.contains(&id));
}

#[tokio::test]
async fn nobody_asks_for_challenges_for_ever() {
    let world = World::with_kms_and(&[("SIGNUPS_PER_HOUR", "1000")]).await;
    let (_, ada) = household(&world, "a-nest").await;
    let (anybody, path) = (Actor::anonymous(), "/v1/auth/passkeys/options");
    let mut refused = None;
    for number in 0..210 {
        let reply = world.call_from(&anybody, "203.0.113.9", Method::POST, path, Some(&json!({}))).await;
        if reply.status == 429 {
            refused = Some((number, reply.headers["retry-after"].clone()));
            break;
        }
        reply.expect(200);
    }
    assert_eq!(refused, Some((200, "1".parse().unwrap())));
    let nothing =
        json!({"passkey": Authenticator::at(ORIGIN).get(&json!({"challenge": "A".repeat(43), "rpId": "x"}))});
    for _ in 0..50 {
        world
            .call_from(&anybody, "203.0.113.9", Method::POST, "/v1/auth/passkeys", Some(&nothing))
            .await
            .expect(401);
    }
    world
        .call_from(&anybody, "203.0.113.9", Method::POST, "/v1/auth/passkeys", Some(&nothing))
        .await
        .expect(429);
    // Elsewhere nobody waits for it.
    let (mut device, _) = register(&world, &ada).await;
    log_in(&world, &mut device).await.expect(200);
    // What stands open is guessed at like any other.
    for _ in 0..5 {
        let wrong = json!({"password": "a guess of somebody"});
        world.post(&ada, &format!("{PATH}/options"), wrong).await.expect(422);
    }
    world.post(&ada, &format!("{PATH}/options"), json!({"password": PASSWORD})).await.expect(429);
}
