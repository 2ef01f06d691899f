//! How often a secret may be guessed: after some tries each further one waits, longer and longer, and not for ever.

use jiff::{SignedDuration, Timestamp};

/// How many tries are counted before the next ones have to wait, and what waiting costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So many tries are free.
    pub free: u32,
    /// For how long tries are remembered after the last one that was looked at.
    pub remembered: SignedDuration,
}

impl Patience {
    /// For one account, or one device of it.
    pub const ACCOUNT: Self = Self { free: 5, remembered: SignedDuration::from_mins(30) };
    /// For one network address, which many people may share.
    pub const ADDRESS: Self = Self { free: 50, remembered: SignedDuration::from_mins(30) };
}

/// Longest time that a try waits.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// What is known of the tries of one account, device or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// How many there were, the one that is being looked at included.
    pub count: u32,
    /// Until when no further one is looked at.
    pub closed_until: Timestamp,
}

/// A try that comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooEarly {
    /// In how many seconds to come again, at least 1.
    pub retry_after_s: u64,
}

impl Tries {
    /// The first of all.
    pub const fn first(now: Timestamp) -> Self {
        Self { count: 1, closed_until: now }
    }

    /// After one more try, which is counted before it is looked at: whoever guesses many at once gains nothing. A try that comes too
    /// early is not counted, so that nobody can keep others waiting by it.
    pub fn further(&self, patience: Patience, now: Timestamp) -> Result<Self, TooEarly> {
        let left = now.until(self.closed_until).ok().and_then(|left| left.total(jiff::Unit::Second).ok());
        // As long as tries are free none comes too early: of two at once, the one that began first may be counted last.
        let waits = self.count >= patience.free;
        if let Some(left) = left.filter(|left| waits && *left > 0.0) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most a minute, and above zero"
            )]
            return Err(TooEarly { retry_after_s: (left.ceil() as u64).max(1) });
        }
        let count = self.count.saturating_add(1);
        Ok(Self { count, closed_until: now + wait(count, patience) })
    }
}

/// How long the next try has to wait after so many.
fn wait(count: u32, patience: Patience) -> SignedDuration {
    match count.checked_sub(patience.free) {
        None => SignedDuration::ZERO,
        Some(over) => SignedDuration::from_secs(1 << over.min(6)).min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn waiting_grows_to_a_minute_and_no_further() {
        let mut now = at(0);
        let mut tries = Tries::first(now);
        let mut waits = Vec::new();
        for _ in 0..14 {
            match tries.further(Patience::ACCOUNT, now) {
                Ok(further) => tries = further,
                Err(TooEarly { retry_after_s }) => {
                    waits.push(retry_after_s);
                    now += SignedDuration::from_secs(i64::try_from(retry_after_s).unwrap());
                    tries = tries.further(Patience::ACCOUNT, now).unwrap();
                }
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    }

    #[test]
    fn a_free_try_is_not_too_early_that_began_before_the_last_one() {
        for count in 1..Patience::ACCOUNT.free {
            let last = Tries { count, closed_until: at(5) };
            assert_eq!(last.further(Patience::ACCOUNT, at(0)).map(|next| next.count), Ok(count + 1));
        }
    }

    #[test]
    fn a_part_of_a_second_is_one() {
        let closed = Tries { count: 5, closed_until: at(1_000) };
        assert_eq!(closed.further(Patience::ACCOUNT, at(999)), Err(TooEarly { retry_after_s: 1 }));
        assert!(closed.further(Patience::ACCOUNT, at(1_000)).is_ok());
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_a_minute(count: u32) {
            prop_assert!(wait(count, Patience::ACCOUNT) <= LONGEST_WAIT);
        }

        #[test]
        fn whoever_floods_gets_few_guesses(gap_ms in 1_i64..2_000) {
            let (mut tries, mut looked_at) = (Tries::first(at(0)), 1);
            let mut now = 0;
            while now < 600_000 {
                now += gap_ms;
                if let Ok(further) = tries.further(Patience::ACCOUNT, at(now)) {
                    tries = further;
                    looked_at += 1;
                }
            }
            // Five, six while waiting doubles, and one a minute after that.
            prop_assert!(looked_at <= 5 + 6 + 10, "{}", looked_at);
        }
    }
}
