//! Whatever is sent to any route is answered with a problem or a result, never with a fault of ours.

use rookery_tests::fuzz::{Deed, Dice, Shot, operations, shot};
use rookery_tests::ids::Ids;
use rookery_tests::world::{Actor, World, openapi};

/// How many requests each operation gets.
const SHOTS: usize = 150;

async fn fire(world: &World, actor: &Actor, shot: &Shot) -> rookery_tests::world::Reply {
    let mut request = http::Request::builder().method(shot.method.clone()).uri(&shot.path);
    if let Some(token) = &actor.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if shot.body.is_some() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in &shot.headers {
        request = request.header(name, value);
    }
    let body = shot.body.clone().map_or_else(axum::body::Body::empty, axum::body::Body::from);
    world.send(request.body(body).expect("a request")).await
}

#[tokio::test]
async fn no_request_to_read_is_a_fault_of_ours() {
    no_request_is_a_fault_of_ours(Deed::Read).await;
}

#[tokio::test]
async fn no_request_to_do_something_is_a_fault_of_ours() {
    no_request_is_a_fault_of_ours(Deed::Do).await;
}

#[tokio::test]
async fn no_request_to_change_something_is_a_fault_of_ours() {
    no_request_is_a_fault_of_ours(Deed::Change).await;
}

async fn no_request_is_a_fault_of_ours(deed: Deed) {
    let world = World::new().await;
    let api = serde_json::to_value(openapi()).unwrap();
    let mut dice = Dice::new(20_260_101);
    let mut answers = std::collections::BTreeMap::<u16, usize>::new();
    for operation in operations(&api).into_iter().filter(|operation| operation.deed() == deed) {
        // Each has a tenant of its own, because some operations delete what others need.
        let owner = world.sign_up().await;
        let known = Ids::of(&world, &owner).await.0;
        for _ in 0..SHOTS {
            let shot = shot(&api, &operation, &known, &mut dice);
            let reply = fire(&world, &owner, &shot).await;
            let status = reply.status.as_u16();
            *answers.entry(status).or_default() += 1;
            // S3, KMS and the queues do not exist in this world: 503 is the right answer to what needs them.
            assert!(status < 500 || status == 503, "{shot:?} was answered {status}: {}", reply.body);
            // OAuth and the pages say in words of their own what is wrong.
            let own_words = operation.path.starts_with("/oauth/");
            if status >= 400
                && reply.headers.get("content-type").is_some_and(|kind| kind == "application/scim+json")
            {
                reply.scim_problem();
            } else if status >= 400 && !reply.bytes.is_empty() && !own_words {
                reply.problem();
            }
        }
    }
    assert!(
        answers.keys().filter(|status| **status < 300).count() >= 2,
        "too little got through: {answers:?}"
    );
}
