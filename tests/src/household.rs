//! A tenant whose people have passwords, and what they show besides.

use rookery_factors::totp;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::world::{Actor, Reply, World, sign_up_body};

/// Everybody's password.
pub const PASSWORD: &str = "tulip-94-Gravel-moth";
/// The owner's mail address.
pub const EMAIL: &str = "ada@example.com";
/// Where browsers find the platform.
pub const ORIGIN: &str = "https://rookery.test";
/// One's own passkeys.
const PASSKEYS: &str = "/v1/me/passkeys";

/// A tenant whose owner has a password, and what the owner does with its key.
pub async fn house(world: &World, slug: &str) -> Actor {
    let mut body = sign_up_body(slug);
    body["owner"]["password"] = json!(PASSWORD);
    let founded = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    Actor { token: Some(founded.text("/api_key/secret")), tenant: founded.text("/tenant/id") }
}

/// What comes of logging in with the password.
pub async fn try_password(world: &World, slug: &str, email: &str) -> Reply {
    let body = json!({"tenant": slug, "email": email, "password": PASSWORD});
    world.post(&Actor::anonymous(), "/v1/auth/login", body).await
}

/// Somebody of a tenant who logged in.
pub fn holder(owner: &Actor, tokens: &Reply) -> Actor {
    Actor { token: Some(tokens.text("/access_token")), tenant: owner.tenant.clone() }
}

/// A tenant, and its owner who has logged in with the password.
pub async fn household(world: &World, slug: &str) -> (Actor, Actor) {
    let owner = house(world, slug).await;
    let tokens = try_password(world, slug, EMAIL).await.expect(200);
    let ada = holder(&owner, &tokens);
    (owner, ada)
}

/// Somebody who was invited, with a password; what logging in answered.
pub async fn join(world: &World, owner: &Actor, slug: &str, email: &str) -> Reply {
    let invited = world.post(owner, "/v1/invitations", json!({"email": email})).await.expect(201);
    let token = world.link(owner, &invited.text("/id")).await;
    let accept = json!({"token": token, "password": PASSWORD});
    world.post(&Actor::anonymous(), "/v1/invitations/accept", accept).await.expect(201);
    try_password(world, slug, email).await.expect(200)
}

/// What a browser needs to make a passkey for somebody.
pub async fn offer(world: &World, person: &Actor) -> Value {
    world.post(person, &format!("{PASSKEYS}/options"), json!({"password": PASSWORD})).await.expect(200).body
}

/// What comes of sending a passkey that was made.
pub async fn try_register(world: &World, person: &Actor, passkey: Value) -> Reply {
    world.post(person, PASSKEYS, json!({"name": "Phone", "passkey": passkey})).await
}

/// A passkey of somebody, on a device of its own.
pub async fn register(world: &World, person: &Actor) -> (Authenticator, Reply) {
    let mut device = Authenticator::at(ORIGIN);
    let made = device.create(&offer(world, person).await);
    let reply = try_register(world, person, made).await.expect(201);
    (device, reply)
}

/// The code that an authenticator shows now which was set up by an offer.
pub fn code(world: &World, offer: &Reply) -> String {
    totp::code_at(&base32(&offer.text("/secret")), world.context().now())
}

/// What an authenticator reads from a secret in base32, as people type it in too.
pub fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u64, 0, Vec::new());
    for digit in text.bytes() {
        let value = if digit.is_ascii_digit() { digit - b'2' + 26 } else { digit - b'A' };
        (bits, count) = (bits << 5 | u64::from(value), count + 5);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("a byte"));
        }
    }
    bytes
}
