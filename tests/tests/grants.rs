//! What becomes of a client's tokens: others ask whether they are good, and clients give them back.

use std::collections::BTreeSet;

use rookery_domain::id::{SessionId, UserId};
use rookery_domain::oauth_code::{Code, GOOD_FOR, Promise};
use rookery_domain::session::{Method, Proof};
use rookery_store::{Transaction, oauth_code};
use rookery_tests::world::{Actor, Reply, World};
use serde_json::{Value, json};

const ADDRESS: &str = "https://app.example.com/cb";

/// A client with its secret.
struct Client {
    id: String,
    secret: String,
}

async fn client(world: &World, owner: &Actor) -> Client {
    let made = json!({
        "name": "Dashboard", "redirect_uris": [ADDRESS], "require_pkce": false,
        "grants": ["authorization_code", "refresh_token"], "scopes": ["openid", "offline_access", "app.list"],
    });
    let made = world.post(owner, "/v1/oauth-clients", made).await.expect(201);
    Client { id: made.text("/id"), secret: made.text("/secret") }
}

/// What a client gets for a code that somebody brings who logged in.
async fn tokens(world: &World, owner: &Actor, client: &Client) -> Reply {
    let (context, now) = (world.context(), world.context().now());
    let user: UserId = world.founder(owner).await.parse().unwrap();
    let session: SessionId = context.new_id();
    let promise = Promise {
        session,
        tenant: owner.tenant.parse().unwrap(),
        user,
        proof: Proof::by(Method::Password, now),
        within: context.new_id(),
        client: client.id.parse().unwrap(),
        redirect_uri: ADDRESS.parse().unwrap(),
        challenge: None,
        nonce: None,
        scope: rookery_domain::oauth_client::Scope(
            ["openid", "offline_access", "app.list"].iter().map(|word| word.parse().unwrap()).collect(),
        ),
        expires_at: now + GOOD_FOR,
        spent: false,
    };
    let code = Code::new(session, context.random());
    let mut transaction = Transaction::new();
    oauth_code::create(&mut transaction, &code, &promise).unwrap();
    context.table().unwrap().commit(&transaction).await.unwrap();
    let (id, secret, code) = (client.id.as_str(), client.secret.as_str(), code.reveal());
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", id),
        ("client_secret", secret),
        ("code", &code),
        ("redirect_uri", ADDRESS),
    ];
    world.submit("/oauth/token", &fields, &[]).await.expect(200)
}

async fn ask(world: &World, path: &str, client: &Client, token: &str) -> Reply {
    let fields =
        [("client_id", client.id.as_str()), ("client_secret", client.secret.as_str()), ("token", token)];
    world.submit(path, &fields, &[]).await
}

async fn told(world: &World, client: &Client, token: &str) -> Value {
    ask(world, "/oauth/introspect", client, token).await.expect(200).body
}

/// The token with another character near its end.
fn spoilt(token: &str) -> String {
    let at = token.len() - 10;
    let other = if token[at..].starts_with('a') { "b" } else { "a" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

fn inactive() -> Value {
    json!({"active": false})
}

#[tokio::test]
async fn a_client_asks_whether_a_token_is_good() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let (mine, other) = (client(&world, &owner).await, client(&world, &owner).await);
    let given = tokens(&world, &owner, &mine).await;
    let (access, refresh) = (given.text("/access_token"), given.text("/refresh_token"));

    let access_told = told(&world, &mine, &access).await;
    assert_eq!(access_told["active"], true);
    assert_eq!(access_told["client_id"], mine.id.as_str());
    assert_eq!(access_told["tenant"], owner.tenant.as_str());
    assert_eq!(access_told["sub"], world.founder(&owner).await);
    let words: BTreeSet<&str> = access_told["scope"].as_str().unwrap().split(' ').collect();
    assert_eq!(words, ["app.list", "offline_access", "openid"].into());
    assert_eq!(access_told["exp"].as_i64().unwrap() - access_told["iat"].as_i64().unwrap(), 900);
    let refresh_told = told(&world, &mine, &refresh).await;
    assert_eq!(
        (&refresh_told["active"], &refresh_told["token_type"]),
        (&json!(true), &json!("refresh_token"))
    );
    // Whoever keeps a resource asks about the access tokens of others; refresh tokens are between a client and the platform.
    assert_eq!(told(&world, &other, &access).await, access_told);
    assert_eq!(told(&world, &other, &refresh).await, inactive());

    let stranger = world.sign_up().await;
    let foreign = client(&world, &stranger).await;
    let (forged, guessed) = (spoilt(&access), spoilt(&refresh));
    assert_eq!(told(&world, &foreign, &access).await, inactive());
    assert_eq!(told(&world, &foreign, &refresh).await, inactive());
    for nonsense in [&forged, &guessed, "none", "a.b.c", &given.text("/id_token")] {
        assert_eq!(told(&world, &mine, nonsense).await, inactive(), "{nonsense}");
    }

    world.wait(900);
    assert_eq!(told(&world, &mine, &access).await, inactive());
    assert_eq!(told(&world, &mine, &refresh).await["active"], true);
}

#[tokio::test]
async fn what_ends_a_session_is_seen_at_once() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let mine = client(&world, &owner).await;
    let given = tokens(&world, &owner, &mine).await;
    let (access, refresh) = (given.text("/access_token"), given.text("/refresh_token"));
    assert_eq!(told(&world, &mine, &access).await["active"], true);
    let person = world.founder(&owner).await;
    let sessions = format!("/v1/users/{person}/sessions");
    world.delete(&owner, &sessions).await.expect(204);
    assert_eq!(told(&world, &mine, &access).await, inactive());
    assert_eq!(told(&world, &mine, &refresh).await, inactive());
}

#[tokio::test]
async fn only_who_keeps_a_secret_is_told_of_tokens() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let app = json!({"name": "App", "kind": "public", "redirect_uris": ["com.example.app:/cb"]});
    let app = world.post(&owner, "/v1/oauth-clients", app).await.expect(201).text("/id");
    let fields = [("client_id", app.as_str()), ("token", "none")];
    let refused = world.submit("/oauth/introspect", &fields, &[]).await.expect(401);
    assert_eq!(refused.text("/error"), "invalid_client");
    let mine = client(&world, &owner).await;
    let wrong = Client { id: mine.id.clone(), secret: "rc_none".to_owned() };
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        assert_eq!(ask(&world, path, &wrong, "none").await.expect(401).text("/error"), "invalid_client");
        let fields = [("client_id", mine.id.as_str()), ("client_secret", mine.secret.as_str())];
        let refused = world.submit(path, &fields, &[]).await.expect(400);
        assert_eq!(refused.text("/error"), "invalid_request");
        world.submit(path, &[("token", "none")], &[]).await.expect(401);
    }
}

#[tokio::test]
async fn a_client_gives_its_tokens_back() {
    let world = World::with_kms().await;
    let owner = world.sign_up().await;
    let (mine, other) = (client(&world, &owner).await, client(&world, &owner).await);
    let stranger = world.sign_up().await;
    let foreign = client(&world, &stranger).await;
    for kind in ["/access_token", "/refresh_token"] {
        let given = tokens(&world, &owner, &mine).await;
        let token = given.text(kind);
        // Nobody else can, and only the tenant's own clients learn that there is such a token.
        let refused = ask(&world, "/oauth/revoke", &other, &token).await.expect(400);
        assert_eq!(refused.text("/error"), "invalid_grant");
        ask(&world, "/oauth/revoke", &foreign, &token).await.expect(200);
        let actor = Actor { token: Some(given.text("/access_token")), tenant: owner.tenant.clone() };
        world.get(&actor, "/v1/apps").await.expect(200);

        ask(&world, "/oauth/revoke", &mine, &token).await.expect(200);
        ask(&world, "/oauth/revoke", &mine, &token).await.expect(200);
        world.wait(20);
        world.get(&actor, "/v1/apps").await.expect(401);
        let refresh = given.text("/refresh_token");
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", &mine.id),
            ("client_secret", &mine.secret),
            ("refresh_token", &refresh),
        ];
        let refused = world.submit("/oauth/token", &fields, &[]).await.expect(400);
        assert_eq!(refused.text("/error"), "invalid_grant");
    }
    ask(&world, "/oauth/revoke", &mine, "none").await.expect(200);
    let ended: Vec<Value> = world.events(&owner).await;
    assert_eq!(ended.iter().filter(|event| event["action"] == "session.end").count(), 2);
}
