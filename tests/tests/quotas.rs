//! What a tenant may have at the most.

use rookery_domain::quota::{Holder, Plan, Quota, Standing};
use rookery_domain::usage::{Bucket, Count, Granularity, Meter};
use rookery_store::{StoreError, TenantScope, Transaction, quota, usage};
use rookery_tests::unreliable::Unreliable;
use rookery_tests::world::{Actor, Reply, World};
use serde_json::json;

fn scope(actor: &Actor) -> TenantScope {
    TenantScope::of_message(actor.tenant.parse().expect("an id"))
}

/// Sets a tenant's limit, as those who operate the platform do.
async fn limit(world: &World, actor: &Actor, quota: Quota, limit: u64) {
    let mut transaction = Transaction::new();
    quota::set_limit(&mut transaction, &scope(actor), Holder::Tenant, quota, limit);
    world.context().table().unwrap().commit(&transaction).await.expect("a limit");
}

async fn standing(world: &World, actor: &Actor, quota: Quota) -> Standing {
    let table = world.context().table().unwrap();
    quota::find(table, &scope(actor), Holder::Tenant, quota).await.unwrap().expect("a quota")
}

async fn new_key(world: &World, actor: &Actor) -> Reply {
    world.post(actor, "/v1/api-keys", json!({"name": "one more", "scopes": ["app.read"]})).await
}

#[tokio::test]
async fn keys_are_made_until_the_quota_is_used_up_and_again_once_one_is_revoked() {
    let world = World::new().await;
    let (owner, other) = (world.sign_up().await, world.sign_up().await);
    // Signing up made the first.
    limit(&world, &owner, Quota::Keys, 2).await;
    let second = new_key(&world, &owner).await.expect(201).text("/id");
    let refused = new_key(&world, &owner).await.expect(422);
    assert_eq!(refused.problem(), "quota-exceeded");
    assert_eq!(refused.body["quota"], json!({"name": "keys", "limit": 2, "used": 2}));
    assert!(refused.text("/detail").ends_with("2 of 2 are used"), "{}", refused.text("/detail"));
    new_key(&world, &other).await.expect(201);

    world.delete(&owner, &format!("/v1/api-keys/{second}")).await.expect(204);
    // Revoked twice is given back once.
    world.delete(&owner, &format!("/v1/api-keys/{second}")).await.expect(204);
    assert_eq!(standing(&world, &owner, Quota::Keys).await, Standing { limit: Some(2), used: 1 });
    new_key(&world, &owner).await.expect(201);
    new_key(&world, &owner).await.expect(422);
}

#[tokio::test]
async fn of_two_at_once_the_last_place_goes_to_one() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    limit(&world, &owner, Quota::Keys, 4).await;
    let key = || new_key(&world, &owner);
    let (one, two, three, four, five) = tokio::join!(key(), key(), key(), key(), key());
    let mut statuses = [one, two, three, four, five].map(|reply| reply.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 422, 422]);
    assert_eq!(standing(&world, &owner, Quota::Keys).await.used, 4);
}

#[tokio::test]
async fn a_limit_below_what_is_used_takes_nothing_away_and_adds_nothing() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let ids = [new_key(&world, &owner).await.text("/id"), new_key(&world, &owner).await.text("/id")];
    limit(&world, &owner, Quota::Keys, 1).await;
    assert_eq!(standing(&world, &owner, Quota::Keys).await, Standing { limit: Some(1), used: 3 });
    new_key(&world, &owner).await.expect(422);
    for id in &ids {
        world.delete(&owner, &format!("/v1/api-keys/{id}")).await.expect(204);
        // One is used still, and one is allowed.
        new_key(&world, &owner).await.expect(422);
    }
    limit(&world, &owner, Quota::Keys, 2).await;
    new_key(&world, &owner).await.expect(201);
}

#[tokio::test]
async fn a_plan_changes_the_limits_that_are_not_the_tenants_own() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let table = world.context().table().unwrap();
    limit(&world, &owner, Quota::Apps, 7).await;
    let mut transaction = Transaction::new();
    quota::change_plan(table, &mut transaction, &scope(&owner), Plan::Team).await.unwrap();
    table.commit(&transaction).await.unwrap();
    assert_eq!(standing(&world, &owner, Quota::Apps).await, Standing { limit: Some(7), used: 0 });
    assert_eq!(standing(&world, &owner, Quota::Members).await, Standing { limit: Some(10_000), used: 1 });

    let mut transaction = Transaction::new();
    quota::unset_limit(&mut transaction, &scope(&owner), Holder::Tenant, Quota::Apps, Plan::Team);
    table.commit(&transaction).await.unwrap();
    assert_eq!(standing(&world, &owner, Quota::Apps).await.limit, Some(1_000));
}

#[tokio::test]
async fn apps_count_in_their_workspace_and_in_the_tenant() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "One").await;
    let holder = Holder::Workspace(app.ancestors.workspace);
    let table = world.context().table().unwrap();
    let of = async |holder| quota::find(table, &scope(&owner), holder, Quota::Apps).await.unwrap().unwrap();
    assert_eq!(of(holder).await, Standing { limit: None, used: 1 });
    assert_eq!(of(Holder::Tenant).await, Standing { limit: Some(100), used: 1 });

    let mut transaction = Transaction::new();
    quota::set_limit(&mut transaction, &scope(&owner), holder, Quota::Apps, 1);
    table.commit(&transaction).await.unwrap();
    let mut transaction = Transaction::new();
    let place = app.ancestors.project_place();
    quota::take(&mut transaction, &scope(&owner), &place, Quota::Apps, 1);
    let refused = table.commit(&transaction).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(rookery_store::Refusal::Exceeded(who, Quota::Apps))) if who == holder)
    );
    assert_eq!(of(Holder::Tenant).await.used, 1, "all of it or nothing");

    world.delete(&owner, &format!("/v1/apps/{}", app.id)).await.expect(204);
    assert_eq!(of(holder).await, Standing { limit: Some(1), used: 0 });
    let mut transaction = Transaction::new();
    quota::unset_limit(&mut transaction, &scope(&owner), holder, Quota::Apps, Plan::Free);
    table.commit(&transaction).await.unwrap();
    assert_eq!(of(holder).await, Standing { limit: None, used: 0 });
}

#[tokio::test]
async fn bytes_are_taken_to_the_last_one() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let place = world.seed_app(&owner, "One").await.ancestors.project_place();
    let table = world.context().table().unwrap();
    limit(&world, &owner, Quota::StoredBytes, 1000).await;
    for (amount, fits) in [(400, true), (601, false), (600, true), (1, false), (0, true)] {
        let lacks = quota::lacks(table, &scope(&owner), &place, Quota::StoredBytes, amount).await.unwrap();
        assert_eq!(lacks.is_none(), fits, "{amount}");
        let mut transaction = Transaction::new();
        quota::take(&mut transaction, &scope(&owner), &place, Quota::StoredBytes, amount);
        assert_eq!(table.commit(&transaction).await.is_ok(), fits, "{amount}");
    }
    assert_eq!(standing(&world, &owner, Quota::StoredBytes).await.used, 1000);
}

#[tokio::test]
async fn the_quotas_of_the_tenant_and_of_each_workspace_are_shown() {
    let world = World::new().await;
    let owner = world.sign_up().await;
    let app = world.seed_app(&owner, "One").await;
    let organization = app.ancestors.organization;
    let path = format!("/v1/organizations/{organization}/workspaces");
    world.post(&owner, &path, json!({"name": "Nest"})).await.expect(202);

    let shown = world.get(&owner, "/v1/quotas").await.expect(200);
    assert_eq!(
        shown.body["tenant"],
        json!({
            "apps": {"limit": 100, "used": 1},
            "members": {"limit": 1000, "used": 1},
            "keys": {"limit": 1000, "used": 1},
            "stored_bytes": {"limit": 100_000_000_000_u64, "used": 0},
            "monthly_checks": {"limit": 10_000_000, "used": 0},
        })
    );
    // The newest is being provisioned, and has no counters yet.
    assert_eq!(
        (shown.text("/items/0/name").as_str(), &shown.body["items"][0]["quotas"]),
        ("Nest", &json!({}))
    );
    assert_eq!(shown.text("/items/1/workspace_id"), app.ancestors.workspace.to_string());
    assert_eq!(shown.body["items"][1]["quotas"]["apps"], json!({"limit": null, "used": 1}));
    let page = world.get(&owner, "/v1/quotas?limit=1").await.expect(200);
    let next = world.get(&owner, &format!("/v1/quotas?limit=1&cursor={}", page.text("/next_cursor"))).await;
    assert_eq!(next.expect(200).text("/items/0/name"), "default");
    let member = world.member(&owner, &["usage.read"]).await;
    world.get(&member, "/v1/quotas").await.expect(403);
}

#[tokio::test]
async fn apps_are_made_until_the_quota_is_used_up_or_devices_asked_too_often() {
    let cloud = Unreliable::new().await;
    let world = World::over(&cloud.url, &[]).await;
    let owner = world.sign_up().await;
    let new_app =
        async |name: &str| world.post(&owner, "/v1/apps", json!({"name": name, "platforms": ["web"]})).await;
    limit(&world, &owner, Quota::Apps, 1).await;
    let (left, right) = tokio::join!(new_app("One"), new_app("Two"));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
    let made = if left.status == 201 { left } else { right };
    assert_eq!(
        new_app("Three").await.expect(422).body["quota"],
        json!({"name": "apps", "limit": 1, "used": 1})
    );
    world.delete(&owner, &format!("/v1/apps/{}", made.text("/id"))).await.expect(204);
    new_app("Three").await.expect(201);

    limit(&world, &owner, Quota::Apps, 9).await;
    limit(&world, &owner, Quota::MonthlyChecks, 12).await;
    new_app("Four").await.expect(201);
    let counts = vec![Count {
        tenant: owner.tenant.parse().unwrap(),
        meter: Meter::UpdateChecks,
        hour: Bucket::of(Granularity::Hour, world.context().now()),
        count: 12,
    }];
    let part = usage::Part { batch: world.context().new_id(), counts };
    usage::count(world.table(), &scope(&owner), &[part], world.context().now()).await.unwrap();
    let refused = new_app("Five").await.expect(422);
    assert_eq!(refused.body["quota"], json!({"name": "monthly_checks", "limit": 12, "used": 12}));
    let shown = world.get(&owner, "/v1/quotas").await.expect(200);
    assert_eq!(shown.body["tenant"]["monthly_checks"], json!({"limit": 12, "used": 12}));
    // With the month ends the count.
    world.wait(31 * 24 * 3600);
    new_app("Five").await.expect(201);
}
