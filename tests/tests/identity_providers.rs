//! The identity providers that a tenant trusts: as their administrators and strangers meet them.

use http::Method;
use rookery_tests::house::House;
use rookery_tests::upstream::SECRET;
use rookery_tests::world::{Actor, World};
use serde_json::{Value, json};

#[tokio::test]
async fn a_login_page_finds_the_tenant_and_tells_nothing_of_addresses() {
    let house = House::new().await;
    let nobody = Actor::anonymous();
    let find = async |query: &str| house.world.get(&nobody, &format!("/v1/auth/tenants?{query}")).await;
    let by_slug = find("slug=a-nest").await.expect(200);
    assert_eq!(by_slug.body["providers"][0]["id"], json!(house.provider));
    // The same bytes whoever has the address.
    let known = find("email=founder%40example.com").await.expect(200);
    let unknown = find("email=nobody.at.all%40EXAMPLE.com").await.expect(200);
    assert_eq!((known.bytes, &by_slug.bytes), (unknown.bytes, &by_slug.bytes));
    for query in ["slug=no-such-nest", "email=a%40elsewhere.example"] {
        find(query).await.expect(404);
    }
    for query in ["", "slug=a-nest&email=a%40example.com", "slug=!", "email=x", "slug=a-nest&more=1"] {
        find(query).await.expect(400);
    }
    let path = format!("/v1/auth/tenants?slug={}", "a-nest");
    let mut statuses = Vec::new();
    for _ in 0..102 {
        statuses.push(
            house.world.call_from(&nobody, "203.0.113.5", Method::GET, &path, None).await.status.as_u16(),
        );
    }
    assert_eq!((statuses[0], statuses[98], statuses[101]), (200, 200, 429));
    house.world.call_from(&nobody, "203.0.113.6", Method::GET, &path, None).await.expect(200);
}

#[tokio::test]
async fn a_mail_domain_is_one_tenants() {
    let house = House::new().await;
    let stranger = house.world.sign_up().await;
    let path = "/v1/identity-providers";
    let body = json!({
        "name": "Thief", "kind": "google", "client_id": "x", "mail_domains": ["example.com", "victim.example"],
    });
    let made = house.world.post(&stranger, path, body).await.expect(201);
    let verify = format!("{path}/{}/verify", made.text("/id"));
    // Another provider's record is no proof of this one's.
    let tried = house.world.post(&stranger, &verify, json!({})).await.expect(200);
    assert_eq!(tried.body["mail_domains"][0]["verified_at"], Value::Null);
    let value = made.text("/mail_domains/0/record_value");
    house.upstream.set().records.insert("_rookery.example.com".to_owned(), value);
    house.world.post(&stranger, &verify, json!({})).await.expect(409);
    // Given back, it can be somebody else's.
    let own = format!("{path}/{}", house.provider);
    house.world.patch(&house.owner, &own, json!({"mail_domains": []})).await.expect(200);
    let taken = house.world.post(&stranger, &verify, json!({})).await.expect(200);
    assert!(taken.body["mail_domains"][0]["verified_at"].is_string());
    house.world.delete(&stranger, &format!("{path}/{}", made.text("/id"))).await.expect(204);
    house.world.get(&Actor::anonymous(), "/v1/auth/tenants?email=a%40example.com").await.expect(404);
}

#[tokio::test]
async fn providers_are_managed_by_whoever_may_and_their_secrets_stay() {
    let house = House::new().await;
    let (world, owner) = (&house.world, &house.owner);
    let path = "/v1/identity-providers";
    let own = format!("{path}/{}", house.provider);
    let read = world.get(owner, &own).await.expect(200);
    assert!(!read.body.to_string().contains(SECRET) && read.body["secret_set_at"].is_string());
    assert!(read.text("/callback_path").ends_with(&format!("{}/callback", house.provider)));
    let member = world.member(owner, &["identity_provider.read"]).await;
    world.get(&member, &own).await.expect(200);
    world.get(&member, path).await.expect(403);
    world.patch(&member, &own, json!({"name": "Mine"})).await.expect(403);
    let stranger = world.sign_up().await;
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({"name": "Mine"}));
        world.call_with(&stranger, method, &own, body.as_ref(), &[]).await.expect(404);
    }
    let renamed = json!({"name": "N"});
    let stale = world.call_with(owner, Method::PATCH, &own, Some(&renamed), &[("if-match", "\"1\"")]);
    stale.await.expect(412);
    for (body, pointer) in [
        (json!({"issuer": "https://169.254.169.254/latest"}), "/issuer"),
        (json!({"issuer": "https://10.0.0.1"}), "/issuer"),
        (json!({"issuer": "https://[::ffff:127.0.0.1]"}), "/issuer"),
        (json!({"issuer": "http://example.com"}), "/issuer"),
        (json!({"client_id": ""}), "/client_id"),
        (json!({"client_secret": ""}), "/client_secret"),
        (json!({"mail_domains": ["no domain"]}), "/mail_domains/0"),
        (json!({"organization_id": "org_01h455vb4pex5vsknk084sn02q"}), "/organization_id"),
        (json!({"kind": "saml"}), "/kind"),
    ] {
        let mut whole =
            json!({"name": "N", "kind": "oidc", "issuer": "https://id.example.com", "client_id": "x"});
        for (name, value) in body.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        let refused = world.post(owner, path, whole).await;
        assert!(refused.status.is_client_error(), "{body}");
        assert_eq!(refused.pointers(), [pointer], "{body}");
    }
    world.delete(owner, &own).await.expect(204);
    world.get(owner, &own).await.expect(404);
    let github = json!({"name": "GitHub", "kind": "github", "client_id": "x"});
    assert_eq!(world.post(owner, path, github).await.expect(201).text("/issuer"), "https://github.com");
}

#[tokio::test]
async fn without_leave_this_machine_is_not_asked() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    for issuer in ["http://127.0.0.1:9/x", "http://localhost:9", "https://127.0.0.1"] {
        let body = json!({"name": "N", "kind": "oidc", "issuer": issuer, "client_id": "x"});
        let refused = world.post(&owner, "/v1/identity-providers", body).await.expect(422);
        assert_eq!(refused.pointers(), ["/issuer"]);
    }
}
