//! Rolling a release back: the failing one ends, and an earlier package is offered again under a new release.

use jiff::Timestamp;

use super::{Kind, NewRelease, Release, ReleaseError, Verb};
use crate::event::Actor;
use crate::id::ReleaseId;
use crate::rollout::BasisPoints;

/// The release to go back to when none is named: the most recent earlier one of the channel that was not itself rolled back,
/// has another package, and was for every device that the failing one is for; without such a one, the most recent that was
/// for some of them. `releases` may hold any releases of the channel, in any order.
pub fn restorable<'a>(
    failing: &Release,
    releases: impl IntoIterator<Item = &'a Release>,
) -> Result<&'a Release, ReleaseError> {
    releases
        .into_iter()
        .filter(|other| other.state != super::State::RolledBack && other.package.id != failing.package.id)
        .filter(|other| may_restore(failing, other).is_ok())
        .max_by_key(|other| (other.target.covers(&failing.target), other.id))
        .ok_or(ReleaseError::NothingToRestore)
}

fn may_restore(failing: &Release, to: &Release) -> Result<(), ReleaseError> {
    if to.app != failing.app || to.channel != failing.channel {
        return Err(ReleaseError::RestoreElsewhere);
    }
    if to.id == failing.id {
        return Err(ReleaseError::RestoreItself);
    }
    if to.id > failing.id {
        return Err(ReleaseError::RestoreLater);
    }
    match to.target.intersection(&failing.target) {
        Some(_) => Ok(()),
        None => Err(ReleaseError::RestoreForOthers),
    }
}

/// Rolls `failing` back to the package of `to`, any earlier release of the channel in any state. Returns the failing release
/// as it ends and the release that takes over.
///
/// The new release is the newest of the channel and goes to everybody at once, so it also reaches devices that are on a
/// later release. It is for those devices that both releases were for: the package of `to` is known to fit no others, and
/// they walk on to what else the channel offers. It carries the configuration of `to`, and is mandatory when either
/// was, so that a mistake that was forced upon devices is taken back with the same force.
pub fn roll_back(
    failing: &Release,
    to: &Release,
    new_id: ReleaseId,
    at: Timestamp,
    by: &Actor,
) -> Result<(Release, Release), ReleaseError> {
    let ended = failing.stepped(Verb::Rollback, failing.rollout_bp, at, by)?;
    may_restore(failing, to)?;
    let target = to.target.intersection(&failing.target).ok_or(ReleaseError::RestoreForOthers)?;
    let new = NewRelease {
        id: new_id,
        app: failing.app,
        channel: failing.channel.clone(),
        package: to.package.clone(),
        rollout_bp: BasisPoints::FULL,
        mandatory: failing.mandatory || to.mandatory,
        target,
        config: to.config.clone(),
        notes: None,
    };
    let kind = Kind::Rollback { of: failing.id, restores: to.id };
    Ok((ended, Release::made(new, kind, at, by.clone())))
}
