//! What a decision costs, for somebody who was given much: 50 bindings through 200 groups, on a place eight levels deep.
//! `cargo xtask bench --only decision` runs it; with `--check` it fails above its target.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rookery_access::{Membership, Principal, Rights};
use rookery_clock::worked;
use rookery_domain::binding::{Circumstances, Condition, Grant, Subject};
use rookery_domain::id::{AppId, BindingId, DivisionId, GroupId, OrganizationId, RoleId, TenantId, UserId};
use rookery_domain::node::{Lineage, NodeId};
use rookery_domain::permission::Permission;
use rookery_domain::role::{Predefined, RoleRef};
use uuid::Uuid;

/// Most time of a decision, over what a request costs that needs none.
const TARGET: Duration = Duration::from_micros(100);
const GROUPS: u128 = 200;
const BINDINGS: u128 = 50;
/// Divisions above the app, besides organization and tenant.
const DEPTH: u128 = 6;
/// Decisions per round, and rounds, of which the quickest counts: what else the machine does makes others slower.
const DECISIONS: u32 = 1000;
const ROUNDS: u32 = 15;

fn bits(number: u128) -> Uuid {
    // Ids of the width that real ones have.
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 | number)
}

fn group(number: u128) -> GroupId {
    GroupId::from_uuid(bits(number))
}

/// The way from an app up to the tenant. The bindings are on this way and on as many others.
fn place() -> Lineage {
    let divisions = (0..DEPTH).map(|number| DivisionId::from_uuid(bits(number)).into());
    let roots: [NodeId; 2] = [OrganizationId::from_uuid(bits(1)).into(), TenantId::from_uuid(bits(1)).into()];
    Lineage { node: AppId::from_uuid(bits(1)).into(), above: divisions.chain(roots).collect(), stopped: None }
}

/// Someone in a chain of groups eight deep and in many beside it. `everywhere` puts all bindings on the way up to the tenant, where
/// each has to be looked at; otherwise most are on other places.
fn rights(everywhere: bool) -> Rights {
    let place = place();
    let way = place.below();
    let grants = (0..BINDINGS).map(|number| {
        let at = usize::try_from(number).unwrap_or_default();
        let node = match way.get(if everywhere { at % way.len() } else { at }) {
            Some(node) => *node,
            None => AppId::from_uuid(bits(100 + number)).into(),
        };
        let conditional = number % 5 == 0;
        let grant = Grant {
            binding: BindingId::from_uuid(bits(number)),
            role: match number % 3 {
                _ if conditional => RoleRef::Predefined(Predefined::Owner),
                0 => RoleRef::Predefined(Predefined::Viewer),
                1 => RoleRef::Predefined(Predefined::Developer),
                _ => RoleRef::Custom(RoleId::from_uuid(bits(number % 7))),
            },
            node,
            starts_at: None,
            expires_at: None,
            condition: conditional.then(|| Condition {
                addresses: ["10.0.0.0/8".parse(), "2001:db8::/32".parse()].into_iter().flatten().collect(),
                ..Condition::default()
            }),
        };
        (Subject::Group(group(number * 4)), grant)
    });
    let above = (1..GROUPS).filter(|number| number % 8 != 0).map(|number| (group(number), group(number - 1)));
    let membership = Membership {
        direct: (0..GROUPS).filter(|number| number % 8 == 7).map(group).collect(),
        above: above.collect(),
    };
    let held = BTreeSet::from([Permission::ReleaseRamp, Permission::ReleasePause]);
    let roles = (0..7).map(|number| (RoleId::from_uuid(bits(number)), held.clone())).collect();
    Rights::new(Principal::User(UserId::from_uuid(bits(1))), membership, grants.collect(), roles)
        .unwrap_or_else(|fault| panic!("{fault}"))
}

/// The time of one decision, of the quickest round.
fn measure(rights: &Rights, permission: Permission, allowed: bool) -> Duration {
    let place = place();
    let circumstances = Circumstances {
        now: jiff::Timestamp::UNIX_EPOCH,
        address: "203.0.113.7".parse().ok(),
        second_factor_age_s: None,
    };
    let (mut best, since) = (Duration::MAX, Instant::now());
    for _ in 0..ROUNDS {
        let start = worked(since);
        for _ in 0..DECISIONS {
            let decision = rights.decide(permission, &place, &circumstances);
            let decided = decision.unwrap_or_else(|fault| panic!("{fault}")).is_allowed();
            assert_eq!(decided, allowed, "{permission}");
        }
        best = best.min(worked(since).saturating_sub(start) / DECISIONS);
    }
    best
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let (spread, crowded) = (rights(false), rights(true));
    let mut met = true;
    for (what, rights, permission, allowed) in [
        ("allowed, bindings here and elsewhere", &spread, Permission::AppRead, true),
        ("denied, bindings here and elsewhere", &spread, Permission::TenantUpdate, false),
        ("allowed, all bindings on the way up", &crowded, Permission::AppRead, true),
        ("denied, all bindings on the way up", &crowded, Permission::TenantUpdate, false),
    ] {
        let time = measure(rights, permission, allowed);
        let pass = time <= TARGET;
        met &= pass;
        let micros = time.as_secs_f64() * 1e6;
        if given("--json") {
            println!("{{\"decision\": \"{what}\", \"time_us\": {micros:.1}}}");
        } else {
            let verdict = if pass { "pass" } else { "MISS" };
            println!("{verdict}  decision ({what}) ≤ {} µs: {micros:.1} µs", TARGET.as_micros());
        }
    }
    if met || !given("--check") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
