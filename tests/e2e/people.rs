//! People on the deployed stack: invited by mail, in groups, and with what the groups have.

use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::Actor;
use serde_json::{Value, json};

/// An address that no other test has.
fn address(name: &str) -> String {
    format!("{name}.{}.{}@example.org", std::process::id(), jiff::Timestamp::now().as_microsecond())
}

/// The token in the newest of so many mails to an address.
async fn token(stack: &Stack, to: &str, mails: usize) -> String {
    let mails = eventually(&format!("{to} has {mails} mails"), || async {
        let found = stack.mails(to).await;
        if found.len() == mails { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await;
    let tokens: Vec<&str> = mails
        .iter()
        .map(|mail| mail.split_once('#').expect("a link").1.split_whitespace().next().expect("a token"))
        .collect();
    let newest = tokens.last().expect("a mail");
    assert_eq!(tokens.iter().filter(|token| token == &newest).count(), 1, "every mail has its own link");
    (*newest).to_owned()
}

async fn accept(stack: &Stack, token: &str) -> rookery_tests::world::Reply {
    stack.post(&Actor::anonymous(), "/v1/invitations/accept", json!({"token": token})).await
}

async fn becomes(stack: &Stack, who: &Actor, path: &str, status: u16) {
    eventually(&format!("GET {path} is {status}"), || async {
        let reply = stack.get(who, path).await;
        if reply.status == status { Ok(()) } else { Err(format!("{} {}", reply.status, reply.body)) }
    })
    .await;
}

#[tokio::test]
async fn somebody_is_invited_by_mail_and_comes_once() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let (organization, to) = (first_organization(&stack, &owner).await, address("grace"));
    let body = json!({"email": to, "name": "Grace", "role": "viewer", "node": organization});
    let invited = stack.post(&owner, "/v1/invitations", body).await.expect(201);
    let invitation = format!("/v1/invitations/{}", invited.text("/id"));
    let first = token(&stack, &to, 1).await;

    // Sent again, the link before is good no more.
    stack.post(&owner, &format!("{invitation}/resend"), json!({})).await.expect(200);
    accept(&stack, &first).await.expect(422);
    let second = token(&stack, &to, 2).await;
    let accepted = accept(&stack, &second).await.expect(201);
    assert_eq!(accept(&stack, &second).await.expect(409).problem(), "invitation-accepted");
    let grace = Actor { token: Some(accepted.text("/api_key/secret")), tenant: owner.tenant.clone() };
    let me = stack.get(&grace, "/v1/whoami").await.expect(200);
    assert_eq!(me.text("/principal/owner_id"), accepted.text("/user/id"));
    stack.get(&grace, &format!("/v1/organizations/{organization}")).await.expect(200);
    stack.post(&grace, "/v1/organizations", json!({"name": "Mine"})).await.expect(403);
    assert_eq!(stack.get(&owner, &invitation).await.expect(200).text("/state"), "accepted");
    // Nothing was mailed to somebody whose invitation was cancelled before anybody could open it.
    let found = stack.get(&owner, &format!("/v1/users?q={to}")).await.expect(200);
    assert_eq!(found.text("/items/0/id"), accepted.text("/user/id"));
}

async fn first_organization(stack: &Stack, owner: &Actor) -> String {
    stack.get(owner, "/v1/organizations").await.expect(200).text("/items/0/id")
}

#[tokio::test]
async fn what_is_given_to_a_group_counts_for_everybody_below_it() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let organization = first_organization(&stack, &owner).await;
    let groups = format!("/v1/organizations/{organization}/groups");
    let group = async |name: &str, parent: Option<&str>| {
        let body = json!({"name": name, "parent_id": parent});
        stack.post(&owner, &groups, body).await.expect(201).text("/id")
    };
    let crew = group("Crew", None).await;
    let pilots = group("Pilots", Some(&crew)).await;
    let captains = group("Captains", Some(&pilots)).await;
    let to = address("amelia");
    let body = json!({"email": to, "groups": [captains]});
    stack.post(&owner, "/v1/invitations", body).await.expect(201);
    let accepted = accept(&stack, &token(&stack, &to, 1).await).await.expect(201);
    let amelia = Actor { token: Some(accepted.text("/api_key/secret")), tenant: owner.tenant.clone() };
    let person = accepted.text("/user/id");

    let divisions = format!("/v1/organizations/{organization}/divisions");
    stack.get(&amelia, &divisions).await.expect(403);
    let body = json!({"subject_id": crew, "role": "viewer", "node_id": organization});
    let binding = stack.post(&owner, "/v1/bindings", body).await.expect(201).text("/id");
    becomes(&stack, &amelia, &divisions, 200).await;
    let effective = format!("/v1/groups/{crew}/members?effective=true");
    assert_eq!(stack.get(&owner, &effective).await.expect(200).text("/items/0/user_id"), person);
    let check = json!({"checks": [
        {"permission": "division.list", "resource_id": organization, "principal_id": person},
    ]});
    let answer = stack.post(&owner, "/v1/authz/check", check).await.expect(200);
    let basis = &answer.body["results"][0];
    assert_eq!(basis["allowed"], json!(true), "{basis}");
    let said = basis.to_string();
    for part in [&binding, &crew, &pilots, &captains] {
        assert!(said.contains(part.as_str()), "{part} is on the way that decided: {said}");
    }

    // Out from under the group that has the role, nobody below has it any more; nobody else is changed.
    stack.post(&owner, &format!("/v1/groups/{captains}/move"), json!({"parent_id": null})).await.expect(200);
    becomes(&stack, &amelia, &divisions, 403).await;
    let members = stack.get(&owner, &effective).await.expect(200);
    assert_eq!(members.body["items"], Value::Array(Vec::new()));
    stack
        .post(&owner, &format!("/v1/groups/{captains}/move"), json!({"parent_id": pilots}))
        .await
        .expect(200);
    becomes(&stack, &amelia, &divisions, 200).await;
    let member = format!("/v1/groups/{captains}/members/{person}");
    stack.call_with(&owner, http::Method::DELETE, &member, None, &[]).await.expect(204);
    becomes(&stack, &amelia, &divisions, 403).await;
}
