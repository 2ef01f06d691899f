//! What a process of the deployed stack takes with it of what it counted: nothing when it is told to end, and at most the last
//! five seconds when it is killed. Both end processes that other tests call, so they have the stack to themselves.

use std::time::Duration;

use super::stack_chain::{drained, processes, signal};
use rookery_tests::stack::{Stack, eventually};
use rookery_tests::world::Actor;
use serde_json::json;

async fn total(stack: &Stack, owner: &Actor) -> u64 {
    let path = "/v1/usage?meter=update_checks&granularity=hour";
    let usage = stack.get(owner, path).await.expect(200);
    usage.body["totals"]["update_checks"].as_u64().expect("a total")
}

#[tokio::test]
async fn a_function_told_to_end_loses_no_usage() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let app = stack
        .post(&owner, "/v1/apps", json!({"name": "Told to end", "platforms": ["web"]}))
        .await
        .expect(201);
    let check =
        format!("/v1/device/{}/update?channel=production&platform=web&device_id=d", app.text("/app_key"));
    let mut asked = 0;
    for round in 0..3 {
        for _ in 0..7 {
            let status = stack.get(&Actor::anonymous(), &check).await.status.as_u16();
            assert!(matches!(status, 200 | 204), "{status}");
            asked += 1;
        }
        // At once, while what was counted has not been sent.
        let told = processes(&stack, "DeviceUpdateFunction");
        assert!(!told.is_empty(), "no process of the function was found");
        for id in told {
            signal(id, "-TERM");
        }
        if round < 2 {
            eventually("the processes have ended", async || {
                let status = stack.get(&Actor::anonymous(), &check).await.status.as_u16();
                if matches!(status, 200 | 204) { Ok(()) } else { Err(format!("{status}")) }
            })
            .await;
            asked += 1;
        }
    }
    eventually("every check is counted", async || {
        let counted = total(&stack, &owner).await;
        if counted == asked { Ok(()) } else { Err(format!("{counted} of {asked}")) }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(total(&stack, &owner).await, asked, "and none twice");
}

#[tokio::test]
async fn a_killed_function_loses_the_last_five_seconds_at_most() {
    let stack = Stack::connect();
    let owner = stack.sign_up().await;
    let app =
        stack.post(&owner, "/v1/apps", json!({"name": "Killed", "platforms": ["web"]})).await.expect(201);
    let check =
        format!("/v1/device/{}/update?channel=production&platform=web&device_id=d", app.text("/app_key"));
    let ask = async |times: u64| {
        for _ in 0..times {
            let status = stack.get(&Actor::anonymous(), &check).await.status.as_u16();
            assert!(matches!(status, 200 | 204), "{status}");
        }
    };
    let (safe, at_risk) = (12, 9);
    ask(safe).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    ask(at_risk).await;
    let killed = processes(&stack, "DeviceUpdateFunction");
    assert!(!killed.is_empty(), "no process of the function was found");
    for id in killed {
        signal(id, "-KILL");
    }
    eventually("the function answers again", async || {
        let status = stack.get(&Actor::anonymous(), &check).await.status.as_u16();
        if matches!(status, 200 | 204) { Ok(()) } else { Err(format!("{status}")) }
    })
    .await;
    // What was asked of the new process is counted in any case, so that the old one's part can be told.
    let counted = eventually("what was counted in time is there", async || {
        let counted = total(&stack, &owner).await;
        if counted > safe { Ok(counted) } else { Err(format!("{counted} of more than {safe}")) }
    })
    .await;
    assert!(counted <= safe + at_risk + 1, "{counted}");
    tokio::time::sleep(Duration::from_secs(6)).await;
    drained(&stack, "usage").await;
    let counted = total(&stack, &owner).await;
    assert!((safe + 1..=safe + at_risk + 1).contains(&counted), "{counted}: nothing is counted twice");
}
