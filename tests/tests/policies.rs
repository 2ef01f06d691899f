//! The roles in the template against what the functions ask: all of it is admitted for the tenant that a function acts for, and none of
//! it for another. Every test of a route looks at what it asks; here every route is asked, and the roles are loosened to see who
//! notices.

use std::collections::BTreeSet;

use http::Method;
use rookery_tests::authenticator::Authenticator;
use rookery_tests::forms::form;
use rookery_tests::fuzz::operations;
use rookery_tests::ids::Ids;
use rookery_tests::recorded::{Asked, Roles};
use rookery_tests::sample::Sample;
use rookery_tests::template::{Stack, items};
use rookery_tests::world::{Actor, World, openapi, sign_up_body};
use serde_json::{Value, json};

const PASSWORD: &str = "tulip-94-Gravel-moth";

/// What all functions ask of the table when each of their operations is used once.
async fn asked() -> Vec<Asked> {
    let world = World::new().await;
    let api = serde_json::to_value(openapi()).expect("the document is JSON");
    let owner = world.sign_up().await;
    let ids = Ids::of(&world, &owner).await;
    let mut operations = operations(&api);
    // What deletes comes last, so that the others find what they name.
    operations.sort_by_key(|operation| operation.method == Method::DELETE);
    for operation in &operations {
        // So that nothing is in memory any more that decides about callers.
        world.wait(20);
        let (path, body) = Sample::of(&api, operation, &ids).request();
        world
            .call_with(&owner, operation.method.clone(), &path, body.as_ref(), &[("idempotency-key", "1")])
            .await;
    }
    // What is asked with an answer to a login, which the document does not make either.
    let mut body = sign_up_body("a-nest");
    body["owner"]["password"] = json!(PASSWORD);
    let reply = world.post(&Actor::anonymous(), "/v1/signup", body).await.expect(201);
    let founder = Actor { token: Some(reply.text("/api_key/secret")), tenant: reply.text("/tenant/id") };
    // A passkey that is somebody's, which the document does not make.
    let mut device = Authenticator::at("https://rookery.test");
    device.id = ids.0["passkey"].as_str().expect("a passkey").as_bytes().to_vec();
    let wanted = world.post(&Actor::anonymous(), "/v1/auth/passkeys/options", json!({})).await.expect(200);
    let shown = json!({"passkey": device.get(&wanted.body)});
    world.post(&Actor::anonymous(), "/v1/auth/passkeys", shown).await.expect(401);
    let settings = json!({"require_second_factor": true});
    world.patch(&founder, "/v1/tenant/settings", settings).await.expect(200);
    let login = json!({"tenant": "a-nest", "email": "ada@example.com", "password": PASSWORD});
    let waiting =
        world.post(&Actor::anonymous(), "/v1/auth/login", login).await.expect(202).text("/mfa_token");
    let shown = json!({"mfa_token": waiting, "code": "123456"});
    world.post(&Actor::anonymous(), "/v1/auth/mfa", shown).await.expect(422);
    // What is asked by forms, which the document does not make.
    let client = ids.0["client"].as_str().expect("a client");
    let fields = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", "rc_none")];
    world.submit("/oauth/token", &fields, &[]).await;
    let query = form(&[("client_id", client), ("redirect_uri", "https://elsewhere.example.com")]);
    world.get(&owner, &format!("/oauth/authorize?{query}")).await;
    world.submit("/oauth/interaction", &[("ticket", "none")], &[]).await;
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        world
            .submit(path, &[("client_id", client), ("client_secret", "rc_none"), ("token", "none")], &[])
            .await;
    }
    let fields = [("client_id", client), ("client_secret", "rc_none"), ("scope", "openid")];
    world.submit("/oauth/device_authorization", &fields, &[]).await;
    world.submit("/oauth/device", &[("user_code", "BCDF-GHJK")], &[]).await;
    let query = form(&[("client_id", client), ("post_logout_redirect_uri", "https://elsewhere.example.com")]);
    world.get(&owner, &format!("/oauth/logout?{query}")).await;
    let trust = ids.0["trust"].as_str().expect("a trust");
    let exchange = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", trust),
        ("subject_token", "none"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
    ];
    world.submit("/oauth/token", &exchange, &[]).await;
    world.recorder().asked()
}

fn statement<'a>(stack: &'a mut Stack, policy: &str, sid: &str) -> &'a mut Value {
    let path = match policy {
        "CallerPolicy" => "/Properties/PolicyDocument/Statement",
        _ => "/Properties/Policies/0/PolicyDocument/Statement",
    };
    let all = stack.root.pointer_mut(&format!("/Resources/{policy}{path}")).expect("a policy");
    let all = all.as_array_mut().expect("statements");
    all.iter_mut().find(|statement| statement["Sid"] == sid).expect("a statement of that name")
}

const STAY: &str = "StayWithThatTenant";

#[tokio::test]
async fn the_roles_admit_what_is_asked_for_the_tenant_and_for_no_other() {
    let asked = asked().await;
    let stack = Stack::read().unwrap();
    let roles = Roles::of(&stack);
    let faults: Vec<String> = asked.iter().filter_map(|one| roles.fault(one)).collect();
    assert_eq!(faults, [""; 0]);
    let met: BTreeSet<&str> = asked.iter().map(|one| one.path.as_str()).collect();
    let acting = roles.for_tenants();
    let missing: Vec<&&str> = acting.difference(&met).collect();
    assert!(missing.is_empty(), "functions that were not seen to ask anything: {missing:?}");
    let of_tenants = asked.iter().filter(|one| one.tenant.is_some());
    assert!(of_tenants.count() > 200, "too little was asked: {}", asked.len());

    // Loosened or tightened, they are noticed.
    let notices = |what: &str, spoil: &dyn Fn(&mut Stack)| {
        let mut spoilt = stack.clone();
        spoil(&mut spoilt);
        let roles = Roles::of(&spoilt);
        let faults: Vec<String> = asked.iter().filter_map(|one| roles.fault(one)).collect();
        assert!(faults.iter().any(|fault| fault.contains(what)), "nobody says {what}, but {faults:?}");
    };
    let keys = "/Condition/ForAnyValue:StringNotLike/dynamodb:LeadingKeys/0";
    notices("admits it for another tenant", &|stack| {
        statement(stack, "CallerPolicy", STAY)["Action"] = json!("dynamodb:Scan");
    });
    notices("admits it for another tenant", &|stack| {
        *statement(stack, "CallerPolicy", STAY).pointer_mut(keys).unwrap() = json!("ten_*");
    });
    notices("admits it for nobody", &|stack| {
        let pattern = json!("${aws:PrincipalTag/tenant, '*'}#*");
        *statement(stack, "CallerPolicy", STAY).pointer_mut(keys).unwrap() = pattern;
    });
    notices("admits it together with another tenant's", &|stack| {
        let denial = statement(stack, "CallerPolicy", STAY);
        let condition = denial["Condition"]["ForAnyValue:StringNotLike"].take();
        denial["Condition"] = json!({"ForAllValues:StringNotLike": condition});
    });
    notices("does not admit what it asks", &|stack| {
        *statement(stack, "CallerPolicy", STAY).pointer_mut(keys).unwrap() = json!("ten_0#*");
    });
    notices("does not admit what it asks", &|stack| {
        statement(stack, "CallerPolicy", "ReadRights")["Action"] = json!("dynamodb:BatchGetItem");
    });
    let own = items(&stack.resource("AppRole")["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]);
    for sid in own.filter_map(|own| own["Sid"].as_str()) {
        notices("/v1/apps/{app} does not admit", &|stack| {
            statement(stack, "AppRole", sid)["Action"] = json!("dynamodb:DescribeTable");
        });
    }
}
