use super::*;
use crate::event::ActorKind;
use crate::fault::Faults;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// The release number `n` of channel `production`, with package number `package`.
pub(crate) fn release(n: u128, package: u128) -> Release {
    let new = NewRelease {
        id: ReleaseId::from_uuid(Uuid::from_u128(n)),
        app: AppId::from_uuid(Uuid::from_u128(1)),
        channel: ChannelName::default(),
        package: PackageRef {
            id: PackageId::from_uuid(Uuid::from_u128(package)),
            version: format!("{package}.0.0").parse().unwrap(),
            manifest_sha256: Sha256::of(&package.to_be_bytes()),
            signing_key_id: "0123456789abcdef".to_owned(),
        },
        rollout_bp: BasisPoints::FULL,
        mandatory: false,
        target: Target::default(),
        config: Config::default(),
        notes: None,
    };
    Release::made(new, Kind::Standard, Timestamp::UNIX_EPOCH, actor())
}

pub(crate) fn actor() -> Actor {
    Actor::new(ActorKind::ApiKey, "key_01h455vb4pex5vsknk084sn02q")
}

pub(crate) fn target(value: serde_json::Value) -> Target {
    deserr::deserialize::<_, _, Faults>(value).unwrap()
}

fn in_state(state: State) -> Release {
    Release { state, rollout_bp: BasisPoints::new(2500).unwrap(), ..release(5, 5) }
}

fn points(n: u64) -> BasisPoints {
    BasisPoints::new(n).unwrap()
}

#[test]
fn the_table_is_this_and_no_other() {
    use State::{Active, Concluded, Paused, RolledBack, Superseded};
    let rows = [
        (Active, [Some(Active), Some(Paused), None, Some(Concluded), Some(RolledBack), Some(Superseded)]),
        (Paused, [Some(Paused), None, Some(Active), None, Some(RolledBack), Some(Superseded)]),
        (Concluded, [None, None, None, None, Some(RolledBack), Some(Superseded)]),
        (RolledBack, [None; 6]),
        (Superseded, [None; 6]),
    ];
    let verbs = [Verb::Ramp, Verb::Pause, Verb::Resume, Verb::Conclude, Verb::Rollback, Verb::Supersede];
    assert_eq!(rows.map(|(state, _)| state), State::ALL);
    for (state, cells) in rows {
        assert_eq!(state.after(Verb::Create), None);
        for (verb, expected) in verbs.into_iter().zip(cells) {
            assert_eq!(state.after(verb), expected, "{state} and {verb}");
            let outcome = in_state(state).stepped(verb, points(2500), Timestamp::UNIX_EPOCH, &actor());
            match expected {
                Some(expected) => assert_eq!(outcome.unwrap().state, expected),
                None => assert_eq!(outcome.unwrap_err(), TransitionError { state, verb }.into()),
            }
        }
    }
}

#[test]
fn a_refusal_says_what_is_possible() {
    let text = |state, verb| TransitionError { state, verb }.to_string();
    assert_eq!(
        text(State::Paused, Verb::Pause),
        "the release is paused, which rules out pause; possible: ramp, resume, rollback"
    );
    assert_eq!(
        text(State::Superseded, Verb::Rollback),
        "the release is superseded, which rules out rollback; possible: nothing, it is final"
    );
}

#[test]
fn commands_set_the_share_and_leave_a_trace() {
    let at = "2026-11-21T09:00:00Z".parse().unwrap();
    let created = release(1, 1);
    let ramped = created.apply(Command::Ramp { rollout_bp: points(100) }, at, &actor()).unwrap();
    let paused = ramped.apply(Command::Pause, at, &actor()).unwrap();
    let ramped_paused = paused.apply(Command::Ramp { rollout_bp: points(50) }, at, &actor()).unwrap();
    assert_eq!((ramped_paused.state, ramped_paused.rollout_bp), (State::Paused, points(50)));
    let resumed = ramped_paused.apply(Command::Resume, at, &actor()).unwrap();
    let concluded = resumed.apply(Command::Conclude, at, &actor()).unwrap();
    assert_eq!((concluded.state, concluded.rollout_bp), (State::Concluded, BasisPoints::FULL));
    assert_eq!((concluded.version, concluded.updated_at, concluded.created_at), (6, at, created.created_at));
    let verbs: Vec<&str> = concluded.history.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(verbs, ["create", "ramp", "pause", "ramp", "resume", "conclude"]);
    let last = &concluded.history[5];
    assert_eq!(
        (last.from, last.to, last.rollout_bp),
        (Some(State::Active), State::Concluded, points(10_000))
    );
}

#[test]
fn the_history_keeps_the_last_steps() {
    let mut release = release(1, 1);
    for n in 0..200 {
        let ramp = Command::Ramp { rollout_bp: points(n) };
        release = release.apply(ramp, Timestamp::UNIX_EPOCH, &actor()).unwrap();
    }
    assert_eq!(release.history.len(), HISTORY_STEPS);
    assert_eq!(release.history.last().unwrap().rollout_bp, points(199));
    assert_eq!(release.version, 201);
}

fn new_release(target: Target) -> NewRelease {
    let Release { id, app, channel, package, rollout_bp, mandatory, config, notes, .. } = release(1, 1);
    NewRelease { id, app, channel, package, rollout_bp, mandatory, target, config, notes }
}

#[test]
fn a_release_fits_its_app_and_channel() {
    let platforms: Vec<Platform> = ["ios", "web"].map(|name| name.parse().unwrap()).into();
    let create = |target, live| Release::create(target, &platforms, live, Timestamp::UNIX_EPOCH, actor());
    let made = create(new_release(target(json!({"platforms": ["ios"]}))), LIVE_RELEASES - 1).unwrap();
    assert_eq!((made.state, made.version, made.history.len()), (State::Active, 1, 1));
    assert_eq!(create(new_release(Target::default()), LIVE_RELEASES), Err(ReleaseError::TooManyLive));
    let foreign = create(new_release(target(json!({"platforms": ["ios", "android"]}))), 0);
    assert_eq!(foreign, Err(ReleaseError::PlatformNotOfApp("android".parse().unwrap())));
}

#[test]
fn concluding_supersedes_what_it_replaces() {
    let ios = target(json!({"platforms": ["ios"]}));
    let concluding = Release { target: ios.clone(), ..release(5, 5) };
    let mut others = vec![
        Release { target: ios.clone(), ..release(1, 1) },
        Release { target: ios.clone(), state: State::Paused, ..release(2, 2) },
        release(3, 3),
        Release { target: ios.clone(), state: State::RolledBack, ..release(4, 4) },
        concluding.clone(),
        Release { target: ios.clone(), ..release(6, 6) },
    ];
    others.push(Release { channel: "beta".parse().unwrap(), ..others[0].clone() });
    let (concluded, superseded) = concluding.conclude(&others, Timestamp::UNIX_EPOCH, &actor()).unwrap();
    assert_eq!(concluded.state, State::Concluded);
    let ids: Vec<ReleaseId> = superseded.iter().map(|release| release.id).collect();
    assert_eq!(ids, [others[0].id, others[1].id]);
    assert!(superseded.iter().all(|release| release.state == State::Superseded));
}

fn back(failing: &Release, to: &Release) -> Result<(Release, Release), ReleaseError> {
    roll_back(failing, to, ReleaseId::from_uuid(Uuid::from_u128(99)), Timestamp::UNIX_EPOCH, &actor())
}

#[test]
fn rolling_back_mints_a_release() {
    let failing = Release { mandatory: true, rollout_bp: points(2500), ..release(2, 2) };
    let to = Release { state: State::Superseded, ..release(1, 1) };
    let (ended, minted) = back(&failing, &to).unwrap();
    assert_eq!((ended.state, ended.version), (State::RolledBack, 2));
    assert_eq!((minted.state, minted.rollout_bp, minted.version), (State::Active, BasisPoints::FULL, 1));
    assert_eq!(minted.kind, Kind::Rollback { of: failing.id, restores: to.id });
    assert_eq!(minted.package, to.package);
    assert!(minted.mandatory);
    assert!(back(&ended, &to).is_err());
    // The release that a rollback made can itself be rolled back, to whatever was before.
    assert!(back(&minted, &to).is_ok());
}

#[test]
fn only_earlier_releases_of_the_channel_come_back() {
    let failing = release(5, 5);
    let of_channel = Release { channel: "beta".parse().unwrap(), ..release(1, 1) };
    let of_app = Release { app: AppId::from_uuid(Uuid::from_u128(2)), ..release(1, 1) };
    assert_eq!(back(&failing, &of_channel), Err(ReleaseError::RestoreElsewhere));
    assert_eq!(back(&failing, &of_app), Err(ReleaseError::RestoreElsewhere));
    assert_eq!(back(&failing, &failing), Err(ReleaseError::RestoreItself));
    assert_eq!(back(&failing, &release(6, 6)), Err(ReleaseError::RestoreLater));
    for state in State::ALL {
        assert!(back(&failing, &Release { state, ..release(1, 1) }).is_ok(), "{state}");
    }
}

#[test]
fn a_rollback_is_for_those_whom_both_were_for() {
    let with = |n, value| Release { target: target(value), ..release(n, n) };
    let failing = with(5, json!({"platforms": ["ios", "web"], "app_version": ">=1"}));
    let (_, minted) = back(&failing, &with(1, json!({"platforms": ["ios"], "app_version": "<3"}))).unwrap();
    assert_eq!(minted.target, target(json!({"platforms": ["ios"], "app_version": "<3, >=1"})));
    let for_others = with(1, json!({"platforms": ["android"]}));
    assert_eq!(back(&failing, &for_others), Err(ReleaseError::RestoreForOthers));
}

#[test]
fn the_release_to_restore_is_the_last_good_one() {
    let chosen = |failing: &Release, all: &[Release]| restorable(failing, all).map(|release| release.id);
    let failing = release(5, 5);
    let canary = Release { target: target(json!({"device_ids": ["d1"]})), ..release(3, 3) };
    let bad = Release { state: State::RolledBack, ..release(4, 4) };
    let all = [release(6, 6), failing.clone(), bad.clone(), canary.clone(), release(2, 5), release(1, 1)];
    // Not the later one, itself, the one rolled back, the one for few devices, or the one with the same package.
    assert_eq!(chosen(&failing, &all), Ok(all[5].id));
    assert_eq!(chosen(&failing, &all[..5]), Ok(canary.id));
    assert_eq!(chosen(&failing, &all[..3]), Err(ReleaseError::NothingToRestore));
}

#[test]
fn every_fault_of_a_target_is_named() {
    let faults = |value| {
        let error = deserr::deserialize::<Target, _, Faults>(value).unwrap_err();
        error.0.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
    };
    let body =
        json!({"platforms": ["ios", "IOS"], "app_version": ">= one", "device_ids": ["a b"], "country": "is"});
    assert_eq!(faults(body), ["/platforms/1", "/app_version", "/device_ids/0", "/country"]);
    let devices: Vec<String> = (0..=DEVICES_PER_TARGET).map(|n| n.to_string()).collect();
    assert_eq!(faults(json!({"device_ids": devices})), ["/device_ids"]);
    assert_eq!(faults(json!([])), [""]);
    assert!(target(json!({})).is_everybody());
    assert!(target(json!({"platforms": [], "app_version": null})).is_everybody());
}

#[test]
fn stored_releases_read_back() {
    let (ended, minted) = back(&release(2, 2), &release(1, 1)).unwrap();
    for release in [ended, minted] {
        let text = serde_json::to_string(&release).unwrap();
        assert_eq!(serde_json::from_str::<Release>(&text).unwrap(), release);
    }
}

fn any_target() -> impl Strategy<Value = Target> {
    let range = prop_oneof![Just(None), Just(Some(">=1")), Just(Some("<2")), Just(Some("~1.4"))];
    let names = |names: &'static [&'static str]| proptest::sample::subsequence(names, 0..=names.len());
    (names(&["ios", "android", "web"]), range, names(&["d1", "d2", "d3"])).prop_map(
        |(platforms, app_version, device_ids)| {
            target(json!({"platforms": platforms, "app_version": app_version, "device_ids": device_ids}))
        },
    )
}

proptest! {
    #[test]
    fn sets_of_devices_behave_like_sets(left in any_target(), right in any_target()) {
        for platform in ["ios", "android", "web"] {
            for version in ["0.9", "1.4.2", "1.9", "2.0"] {
                for device in ["d1", "d2", "d3", "d4"] {
                    let included = |target: &Target| {
                        let (version, device) = (version.parse().unwrap(), device.parse().unwrap());
                        target.audience(Some(&platform.parse().unwrap()), Some(&version), Some(&device)) == Audience::Included
                    };
                    let both = included(&left) && included(&right);
                    prop_assert_eq!(left.intersection(&right).is_some_and(|target| included(&target)), both);
                    if left.covers(&right) && included(&right) {
                        prop_assert!(included(&left));
                    }
                }
            }
        }
    }

    #[test]
    fn no_text_makes_a_range_panic(text in "[0-9a-z<>=~^*., +-]{0,40}") {
        if let Ok(range) = text.parse::<VersionRange>() {
            prop_assert_eq!(range.to_string().parse::<VersionRange>().unwrap(), range);
        }
    }
}
