//! A point on `CLOCK_MONOTONIC`.
//!
//! Deadlines use the clock that nobody can set, and are passed to other processes as nanoseconds of
//! that clock, which is the same for every process of one boot. No clock is read here: functions
//! are given the time, so that every decision that depends on it can be tested without waiting.

use std::ops::Add;
use std::time::Duration;

/// A point on `CLOCK_MONOTONIC`, in nanoseconds, as in `clock_gettime(2)`.
///
/// Arithmetic saturates: a deadline that would lie beyond the end of the clock (584 years after
/// boot) is the end of the clock, never a moment in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The moment at which the clock reads `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// What the clock reads at this moment, in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero if `earlier` is in fact later.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, time: Duration) -> Moment {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Moment};

    #[test]
    fn the_time_between_two_moments_is_never_negative() {
        let (early, late) = (Moment::from_nanos(3), Moment::from_nanos(10));
        assert_eq!(late.since(early), Duration::from_nanos(7));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn adding_past_the_end_of_the_clock_stays_at_its_end() {
        let end = Moment::from_nanos(u64::MAX);
        assert_eq!(Moment::from_nanos(1) + Duration::MAX, end);
        assert_eq!(end + Duration::from_nanos(1), end);
        assert_eq!(
            Moment::from_nanos(5) + Duration::from_secs(1),
            Moment::from_nanos(1_000_000_005)
        );
    }
}
