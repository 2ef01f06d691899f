//! Releases and what devices are offered: both change in one transaction, or neither does.

use super::platform::{NOW, Platform, scope};
use jiff::Timestamp;
use rookery_domain::app::{Ancestors, App, AppKey};
use rookery_domain::channel::{ChannelName, Serving};
use rookery_domain::event::{Actor, ActorKind};
use rookery_domain::hash::Sha256;
use rookery_domain::id::{AppId, Id, OrganizationId, PackageId, ProjectId, ReleaseId, WorkspaceId};
use rookery_domain::properties::Config;
use rookery_domain::release::{Command, NewRelease, PackageRef, Release, State, Target};
use rookery_domain::rollout::BasisPoints;
use rookery_store::serving::SignedManifest;
use rookery_store::{Refusal, Slice, StoreError, Transaction, channel, release, serving};
use uuid::Uuid;

fn id<I: Id>(bits: u128) -> I {
    I::from_uuid(Uuid::from_u128(bits))
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn actor() -> Actor {
    Actor::new(ActorKind::ApiKey, "key_01h455vb4pex5vsknk084sn02q")
}

fn app() -> App {
    App {
        id: id::<AppId>(1),
        ancestors: Ancestors {
            tenant: scope(1).tenant(),
            organization: id::<OrganizationId>(2),
            workspace: id::<WorkspaceId>(3),
            project: id::<ProjectId>(4),
        },
        name: "Hello".parse().unwrap(),
        platforms: vec!["ios".parse().unwrap()],
        app_key: AppKey::from_random(5),
        signing_keys: Vec::new(),
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

fn made(number: u128, channel: &str) -> Release {
    let new = NewRelease {
        id: id::<ReleaseId>(number),
        app: app().id,
        channel: channel.parse().unwrap(),
        package: PackageRef {
            id: id::<PackageId>(number),
            version: number.to_string().parse().unwrap(),
            manifest_sha256: Sha256::of(&number.to_be_bytes()),
            signing_key_id: "k".to_owned(),
        },
        rollout_bp: BasisPoints::FULL,
        mandatory: false,
        target: Target::default(),
        config: Config::default(),
        notes: None,
    };
    Release::create(new, &app().platforms, 0, now(), actor()).unwrap()
}

async fn offered(platform: &Platform) -> Serving {
    serving::find(platform.table(), &app(), &ChannelName::default()).await.unwrap().unwrap()
}

async fn opened() -> Platform {
    let platform = Platform::new().await;
    let mut transaction = Transaction::new();
    channel::open_app(&mut transaction, &scope(1), &app()).unwrap();
    platform.table().commit(&transaction).await.unwrap();
    platform
}

async fn create(platform: &Platform, before: &Serving, new: &Release) -> Result<(), StoreError> {
    let mut transaction = Transaction::new();
    release::create(&mut transaction, &scope(1), new)?;
    serving::replace(&mut transaction, before, &before.with(new, now()))?;
    platform.table().commit(&transaction).await
}

async fn change(
    platform: &Platform,
    offers: &Serving,
    before: &Release,
    command: Command,
) -> Result<Release, StoreError> {
    let after = before.apply(command, now(), &actor()).unwrap();
    let mut transaction = Transaction::new();
    release::replace(&mut transaction, &scope(1), before, &after)?;
    serving::replace(&mut transaction, offers, &offers.with(&after, now()))?;
    platform.table().commit(&transaction).await?;
    Ok(after)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Refusal {
    match result.unwrap_err() {
        StoreError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_two_releases_from_one_view_one_is_overtaken_and_leaves_nothing() {
    let platform = opened().await;
    let view = offered(&platform).await;
    create(&platform, &view, &made(1, "production")).await.unwrap();
    let before = platform.items("").await;
    assert_eq!(refusal(create(&platform, &view, &made(2, "production")).await), Refusal::Overtaken);
    assert_eq!(platform.items("").await, before);
    create(&platform, &offered(&platform).await, &made(2, "production")).await.unwrap();
    assert_eq!(offered(&platform).await.releases.len(), 2);
}

#[tokio::test]
async fn of_two_changes_of_one_release_the_second_is_stale() {
    let platform = opened().await;
    let first = made(1, "production");
    create(&platform, &offered(&platform).await, &first).await.unwrap();
    let view = offered(&platform).await;
    let paused = change(&platform, &view, &first, Command::Pause).await.unwrap();
    // Also with a fresh view of the channel: it is the release itself that somebody else changed.
    for view in [view, offered(&platform).await] {
        assert_eq!(refusal(change(&platform, &view, &first, Command::Conclude).await), Refusal::Stale);
    }
    let stored = release::find(platform.table(), &scope(1), app().id, first.id).await.unwrap().unwrap();
    assert_eq!(stored, paused);
    assert_eq!(offered(&platform).await.releases[0].state, State::Paused);
}

#[tokio::test]
async fn what_devices_are_offered_is_what_the_releases_say() {
    let platform = opened().await;
    let mut releases = Vec::new();
    for number in 1..=4 {
        let new = made(number, "production");
        create(&platform, &offered(&platform).await, &new).await.unwrap();
        releases.push(new);
    }
    let half = Command::Ramp { rollout_bp: BasisPoints::new(5000).unwrap() };
    for (at, command) in [(3, half), (1, Command::Pause), (3, Command::Pause), (3, Command::Resume)] {
        releases[at] = change(&platform, &offered(&platform).await, &releases[at], command).await.unwrap();
    }
    let stored = offered(&platform).await;
    assert_eq!(stored.rebuilt(&releases, now()).releases, stored.releases);
    assert_eq!(stored.version, 9);
    let seen = serving::glance(platform.table(), app().app_key, &stored.channel).await.unwrap();
    assert_eq!(seen, Some(stored));
}

#[tokio::test]
async fn an_app_that_is_closed_takes_no_release_and_no_channel() {
    let platform = opened().await;
    let (table, app, view) = (platform.table(), app(), offered(&platform).await);
    let served = serving::channels(table, &app).await.unwrap().unwrap();
    let mut close = Transaction::new();
    channel::close_app(&mut close, &scope(1), &app, &served, std::slice::from_ref(&view));

    // Whichever comes first, the other finds that the ground has changed.
    let beta =
        rookery_domain::channel::Channel::new(scope(1).tenant(), app.id, "beta".parse().unwrap(), now());
    let after = served.with_channel(beta.name.clone()).unwrap();
    let mut open = Transaction::new();
    channel::create(&mut open, &scope(1), &app, &beta, (&served, &after)).unwrap();
    table.commit(&close).await.unwrap();
    assert!(platform.items("").await.is_empty());
    assert_eq!(refusal(table.commit(&open).await), Refusal::Overtaken);
    assert_eq!(refusal(create(&platform, &view, &made(1, "production")).await), Refusal::Overtaken);
    assert!(platform.items("").await.is_empty());
    assert_eq!(serving::glance_app(table, app.app_key).await.unwrap(), None);
}

#[tokio::test]
async fn a_filtered_page_is_full_however_far_apart_its_items_lie() {
    let platform = opened().await;
    for number in 1..=30_u128 {
        let channel = if number % 10 == 0 { "beta" } else { "production" };
        let mut transaction = Transaction::new();
        release::create(&mut transaction, &scope(1), &made(number, channel)).unwrap();
        platform.table().commit(&transaction).await.unwrap();
    }
    let only = release::Only { channel: Some("beta".parse().unwrap()), state: Some(State::Active) };
    let list = async |limit, after| {
        let slice = Slice { limit, after, ..Slice::default() };
        let page = release::list(platform.table(), &scope(1), app().id, &only, slice).await.unwrap();
        (page.items.iter().map(|release| release.id).collect::<Vec<_>>(), page.next)
    };
    let (first, next) = list(4, None).await;
    assert_eq!((first, next.is_none()), (vec![id(30), id(20), id(10)], true));
    let (first, next) = list(2, None).await;
    assert_eq!(first, [id(30), id(20)]);
    assert_eq!(list(2, next).await, (vec![id(10)], None));
    let slice = Slice { limit: 9, ..Slice::default() };
    let other = release::list(platform.table(), &scope(2), app().id, &only, slice).await.unwrap();
    assert!(other.items.is_empty(), "another tenant has no such app");
}

#[tokio::test]
async fn a_manifest_is_the_same_however_often_it_is_written() {
    let platform = opened().await;
    let manifest = SignedManifest {
        tenant: scope(1).tenant(),
        app: app().id,
        package: id(7),
        algorithm: "ed25519".to_owned(),
        key_id: "k".to_owned(),
        signature: "c2ln".to_owned(),
        manifest: "{\"é\":1}".to_owned(),
    };
    for _ in 0..2 {
        let mut transaction = Transaction::new();
        serving::put_manifest(&mut transaction, &app(), &manifest).unwrap();
        platform.table().commit(&transaction).await.unwrap();
    }
    let seen = serving::glance_manifest(platform.table(), app().app_key, id(7)).await.unwrap();
    assert_eq!(seen, Some(manifest));
    assert_eq!(
        serving::glance_manifest(platform.table(), AppKey::from_random(6), id(7)).await.unwrap(),
        None
    );
}
