use super::*;
use crate::channel::Channel;
use crate::id::{AppId, TenantId};
use crate::release::tests::{actor, release, target};
use crate::release::{Command, Release, Target, roll_back};
use crate::rollout::BasisPoints;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn serving(releases: &[Release]) -> Serving {
    let tenant = TenantId::from_uuid(Uuid::nil());
    let channel =
        Channel::new(tenant, AppId::from_uuid(Uuid::from_u128(1)), "production".parse().unwrap(), NOW);
    let platforms = ["ios", "android", "web"].map(|name| name.parse().unwrap());
    Serving::new(&channel, crate::app::AppKey::from_random(7), platforms.into()).rebuilt(releases, NOW)
}

fn ask(device: &str, current: Option<&str>) -> Ask {
    Ask {
        platform: Some("ios".parse().unwrap()),
        device: (!device.is_empty()).then(|| device.parse().unwrap()),
        current: current.map(|text| text.parse().unwrap()),
        app_version: Some("1.4".parse().unwrap()),
    }
}

/// The version of the package that a device has after asking, which is the one it had unless it was offered another.
fn after(serving: &Serving, ask: &Ask) -> Option<String> {
    match decide(serving, ask).outcome {
        Outcome::Offer { offer, .. } => Some(offer.package.version.to_string()),
        Outcome::UpToDate | Outcome::NothingForYou(_) => ask.current.as_ref().map(ToString::to_string),
    }
}

fn at_share(release: Release, points: u64) -> Release {
    Release { rollout_bp: BasisPoints::new(points).unwrap(), ..release }
}

fn reason(serving: &Serving, ask: &Ask) -> Reason {
    match decide(serving, ask).outcome {
        Outcome::NothingForYou(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn mandatory(serving: &Serving, current: Option<&str>) -> bool {
    match decide(serving, &ask("d1", current)).outcome {
        Outcome::Offer { mandatory, .. } => mandatory,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_gets_the_newest_and_then_rests() {
    let channel = serving(&[release(1, 1), release(2, 2)]);
    assert_eq!(after(&channel, &ask("d1", None)).as_deref(), Some("2.0.0"));
    assert_eq!(after(&channel, &ask("d1", Some("1.0.0"))).as_deref(), Some("2.0.0"));
    let newest = &channel.releases[0];
    let names = [
        newest.package.id.to_string(),
        newest.package.version.to_string(),
        newest.package.manifest_sha256.to_string(),
        newest.release_id.to_string(),
    ];
    for name in names {
        assert_eq!(decide(&channel, &ask("d1", Some(&name))).outcome, Outcome::UpToDate, "{name}");
    }
}

#[test]
fn an_empty_channel_has_nothing() {
    assert_eq!(reason(&serving(&[]), &ask("d1", None)), Reason::NoRelease);
    assert!(decide(&serving(&[]), &ask("", None)).shared);
}

#[test]
fn pausing_and_ramping_down_take_nothing_away() {
    let paused = release(2, 2).apply(Command::Pause, NOW, &actor()).unwrap();
    for newest in [paused, at_share(release(2, 2), 0)] {
        let channel = serving(&[release(1, 1), newest]);
        assert_eq!(decide(&channel, &ask("d1", Some("2.0.0"))).outcome, Outcome::UpToDate);
        assert_eq!(decide(&channel, &ask("d1", Some("1.0.0"))).outcome, Outcome::UpToDate);
        assert_eq!(after(&channel, &ask("d1", None)).as_deref(), Some("1.0.0"));
    }
    let only_paused = serving(&[release(2, 2).apply(Command::Pause, NOW, &actor()).unwrap()]);
    assert_eq!(reason(&only_paused, &ask("d1", None)), Reason::Paused);
}

#[test]
fn a_device_without_a_name_takes_no_part_in_rollouts() {
    let partial = serving(&[release(1, 1), at_share(release(2, 2), 9999)]);
    let decision = decide(&partial, &ask("", None));
    assert_eq!(after(&partial, &ask("", None)).as_deref(), Some("1.0.0"));
    assert!(!decision.shared);
    let full = serving(&[at_share(release(1, 1), 5000), release(2, 2)]);
    assert!(decide(&full, &ask("", None)).shared);
    assert!(decide(&full, &ask("", Some("2.0.0"))).shared);
    assert!(!decide(&full, &ask("d1", None)).shared);
}

#[test]
fn named_devices_are_named_devices() {
    let testers = Target { ..target(json!({"device_ids": ["d1"]})) };
    let channel = serving(&[release(1, 1), Release { target: testers, ..release(2, 2) }]);
    assert_eq!(after(&channel, &ask("d1", None)).as_deref(), Some("2.0.0"));
    assert_eq!(after(&channel, &ask("d2", None)).as_deref(), Some("1.0.0"));
    assert_eq!(after(&channel, &ask("", None)).as_deref(), Some("1.0.0"));
    assert!(!decide(&channel, &ask("", None)).shared);
}

#[test]
fn a_release_for_others_is_passed_over() {
    let with = |value| serving(&[Release { target: target(value), ..at_share(release(2, 2), 10_000) }]);
    for others in
        [json!({"platforms": ["web"]}), json!({"app_version": ">=1.5"}), json!({"device_ids": ["d2"]})]
    {
        assert_eq!(reason(&with(others.clone()), &ask("d1", None)), Reason::NotTargeted, "{others}");
    }
    let unknown = Ask { platform: Some("windows".parse().unwrap()), ..ask("d1", None) };
    assert_eq!(reason(&serving(&[release(1, 1)]), &unknown), Reason::UnknownPlatform);
    let silent = Ask { app_version: None, ..ask("d1", None) };
    assert_eq!(reason(&with(json!({"app_version": "*"})), &silent), Reason::NotTargeted);
}

#[test]
fn a_missed_mandatory_release_stays_mandatory() {
    let channel = serving(&[release(1, 1), Release { mandatory: true, ..release(2, 2) }, release(3, 3)]);
    assert!(mandatory(&channel, Some("1.0.0")));
    assert!(!mandatory(&channel, Some("2.0.0")));
    assert!(mandatory(&channel, Some("0.1.0")));
    assert!(!mandatory(&channel, None));
    let never_reached = Release { mandatory: true, ..at_share(release(2, 2), 0) };
    assert!(!mandatory(&serving(&[release(1, 1), never_reached, release(3, 3)]), Some("1.0.0")));
}

#[test]
fn one_package_under_two_releases_is_one_to_a_device() {
    let (_, minted) = roll_back(&release(2, 2), &release(1, 1), release(9, 9).id, NOW, &actor()).unwrap();
    let channel = serving(&[minted]);
    let by_old_name = release(1, 1).id.to_string();
    assert_eq!(decide(&channel, &ask("d1", Some(&by_old_name))).outcome, Outcome::UpToDate);
    let again =
        serving(&[release(1, 1), release(2, 2), Release { package: release(1, 1).package, ..release(3, 3) }]);
    assert_eq!(decide(&again, &ask("d1", Some(&by_old_name))).outcome, Outcome::UpToDate);
}

#[test]
fn concluding_hides_what_is_older() {
    let concluded = release(2, 2).apply(Command::Conclude, NOW, &actor()).unwrap();
    let for_web = Release { target: target(json!({"platforms": ["web"]})), ..concluded.clone() };
    let live = |releases: &[Release]| serving(releases).releases.len();
    assert_eq!(live(&[release(1, 1), concluded.clone(), release(3, 3)]), 2);
    assert_eq!(live(&[concluded, release(1, 1)]), 1);
    assert_eq!(live(&[release(1, 1), for_web]), 2);
}

#[test]
fn versions_of_binaries_are_read_leniently() {
    for (text, full) in
        [("1", "1.0.0"), ("1.2", "1.2.0"), ("1.2-beta.1", "1.2.0-beta.1"), ("1.2.3+7", "1.2.3+7")]
    {
        let version: AppVersion = text.parse().unwrap();
        assert_eq!((version.as_str(), version.as_semver().to_string().as_str()), (text, full));
    }
    for text in [
        "",
        "a",
        "1.",
        ".1",
        "1.2.3.4",
        "01",
        "1..2",
        "-1",
        "1.2.3 ",
        "99999999999999999999",
        &"1".repeat(65),
    ] {
        assert!(text.parse::<AppVersion>().is_err(), "{text:?} was accepted");
    }
}

#[test]
fn a_serving_item_has_one_spelling() {
    let partial = Release { target: target(json!({"platforms": ["ios"]})), ..at_share(release(2, 2), 2500) };
    let item = serving(&[release(1, 1), partial]);
    let text = serde_json::to_string(&item).unwrap();
    assert_eq!(serde_json::from_str::<Serving>(&text).unwrap(), item);
    insta::assert_json_snapshot!(item);
}

fn any_release() -> impl Strategy<Value = (State, u64, usize, bool)> {
    let state = prop_oneof![3 => Just(State::Active), 1 => Just(State::Paused), 1 => Just(State::Concluded)];
    let share = prop_oneof![Just(0), Just(10_000), 0_u64..=10_000];
    (state, share, 0_usize..5, any::<bool>())
}

/// Releases 1, 2, …, of packages of the same number, as `any_release` describes them.
fn channel_of(parts: &[(State, u64, usize, bool)]) -> Vec<Release> {
    let targets = [
        json!({}),
        json!({}),
        json!({"platforms": ["ios"]}),
        json!({"platforms": ["android"]}),
        json!({"app_version": "<1.4"}),
    ];
    let made = |((state, share, target_index, mandatory), n): (&(State, u64, usize, bool), u128)| {
        let share = if *state == State::Concluded { 10_000 } else { *share };
        Release {
            state: *state,
            mandatory: *mandatory,
            target: target(targets[*target_index].clone()),
            ..at_share(release(n, n), share)
        }
    };
    parts.iter().zip(1..).map(made).collect()
}

fn any_channel() -> impl Strategy<Value = Vec<Release>> {
    proptest::collection::vec(any_release(), 0..6).prop_map(|parts| channel_of(&parts))
}

/// A number for a version, so that newer is greater; nothing is older than all.
fn rank(version: Option<&str>) -> u64 {
    version.and_then(|text| text.split('.').next()?.parse().ok()).unwrap_or(0)
}

proptest! {
    #[test]
    fn a_device_that_took_an_offer_is_up_to_date(releases in any_channel(), name in "[a-z0-9]{1,8}") {
        let channel = serving(&releases);
        if let Some(version) = after(&channel, &ask(&name, None)) {
            prop_assert_eq!(decide(&channel, &ask(&name, Some(&version))).outcome, Outcome::UpToDate);
        }
    }

    #[test]
    fn ramping_up_only_adds(releases in any_channel(), name in "[a-z0-9]{1,8}", which in 0_usize..6, more in 0_u64..=10_000) {
        let before = after(&serving(&releases), &ask(&name, None));
        let mut ramped = releases;
        if let Some(release) = ramped.get_mut(which) {
            let share = more.max(release.rollout_bp.get().into());
            *release = at_share(release.clone(), share);
        }
        prop_assert!(rank(after(&serving(&ramped), &ask(&name, None)).as_deref()) >= rank(before.as_deref()));
    }

    #[test]
    fn nothing_but_a_rollback_brings_anything_older_back(
        releases in any_channel(), name in "[a-z0-9]{1,8}", which in 0_usize..6, share in 0_u64..=10_000
    ) {
        let Some(version) = after(&serving(&releases), &ask(&name, None)) else { return Ok(()) };
        let mut changed = releases;
        if let Some(release) = changed.get_mut(which) {
            *release = match release.state {
                State::Active => release.apply(Command::Pause, NOW, &actor()).unwrap(),
                _ => at_share(release.clone(), share),
            };
        }
        let now = after(&serving(&changed), &ask(&name, Some(&version)));
        prop_assert!(rank(now.as_deref()) >= rank(Some(&version)));
    }

    #[test]
    fn a_rollback_reaches_whoever_has_the_failing_package(
        shares in (1_u64..=10_000, 0_u64..=10_000), name in "[a-z0-9]{1,8}", fixed_forward in any::<bool>()
    ) {
        let failing = at_share(release(2, 2), shares.0);
        let (ended, minted) = roll_back(&failing, &release(1, 1), release(9, 9).id, NOW, &actor()).unwrap();
        let mut before = serving(&[release(1, 1), failing]);
        if fixed_forward {
            before = before.with(&at_share(release(3, 3), shares.1), NOW);
        }
        let channel = before.with_all([&ended, &minted], NOW);
        for version in ["1.0.0", "2.0.0", "3.0.0"] {
            let now = after(&channel, &ask(&name, Some(version)));
            prop_assert_eq!(now.as_deref(), Some("1.0.0"));
        }
        prop_assert_eq!(after(&channel, &ask("", None)), Some("1.0.0".to_owned()));
    }

    #[test]
    fn no_platform_gets_the_package_of_another(releases in any_channel(), name in "[a-z0-9]{0,8}", platform in "ios|android|web") {
        let channel = serving(&releases);
        let asked = Ask { platform: Some(platform.parse().unwrap()), ..ask(&name, None) };
        if let Outcome::Offer { offer, .. } = decide(&channel, &asked).outcome {
            let named = asked.platform.as_ref().unwrap();
            prop_assert!(offer.target.platforms.is_empty() || offer.target.platforms.contains(named));
            prop_assert!(offer.state != State::Paused);
        }
    }

    #[test]
    fn a_shared_answer_is_everybodys(releases in any_channel(), name in "[a-z0-9]{1,8}", current in 0_u32..7) {
        let channel = serving(&releases);
        let current = (current > 0).then(|| format!("{current}.0.0"));
        let anonymous = decide(&channel, &ask("", current.as_deref()));
        if anonymous.shared {
            let named = decide(&channel, &ask(&name, current.as_deref()));
            let of = |outcome| match outcome {
                Outcome::Offer { offer, .. } => Some(offer.release_id),
                _ => None,
            };
            prop_assert_eq!(of(anonymous.outcome), of(named.outcome));
        }
    }

    #[test]
    fn an_item_that_grew_step_by_step_is_the_one_that_is_rebuilt(releases in any_channel(), order in any::<prop::sample::Index>()) {
        let mut shuffled: Vec<&Release> = releases.iter().collect();
        if !shuffled.is_empty() {
            shuffled.rotate_left(order.index(releases.len()));
        }
        let grown = shuffled.into_iter().fold(serving(&[]), |item, release| item.with(release, NOW));
        prop_assert_eq!(grown.releases, serving(&releases).releases);
    }

    #[test]
    fn nothing_that_a_device_sends_panics(text in "\\PC{0,130}") {
        if let Ok(version) = text.parse::<AppVersion>() {
            prop_assert_eq!(version.to_string(), text.as_str());
        }
        if let Ok(current) = text.parse::<Current>() {
            prop_assert_eq!(current.to_string(), text.as_str());
        }
    }
}

#[test]
fn a_device_that_names_no_platform_gets_what_is_for_every_platform() {
    let asked = Ask { platform: None, ..ask("d1", None) };
    let for_web = Release { target: target(json!({"platforms": ["web"]})), ..release(2, 2) };
    let mut channel = serving(&[release(1, 1), for_web]);
    assert_eq!(after(&channel, &asked).as_deref(), Some("1.0.0"));
    // An app with one platform has no other that could be meant.
    channel.platforms.retain(|platform| platform.as_str() == "web");
    assert_eq!(after(&channel, &asked).as_deref(), Some("2.0.0"));
}
