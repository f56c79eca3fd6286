//! When to report on a stop: about workers that leave together, and that the stop is still under way
//! when nothing happens.

use std::time::Duration;

use crate::words::moment::Moment;

/// One line reports all workers that leave within this time after the first of them.
pub const TOGETHER: Duration = Duration::from_millis(200);

/// The longest silence at first; it doubles with each line that ends a silence.
const SILENCE: Duration = Duration::from_secs(5);

/// The longest silence later on.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// When the next lines are due.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// When to report the workers that have left in the meantime.
    leavers_at: Option<Moment>,
    silence: Duration,
    /// When a line is due even if nothing has changed.
    silence_ends: Moment,
}

impl Rhythm {
    /// Begins after a line that was just written.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            leavers_at: None,
            silence: SILENCE,
            silence_ends: now + SILENCE,
        }
    }

    /// A worker has left that has not been reported yet.
    pub fn left(&mut self, now: Moment) {
        self.leavers_at.get_or_insert(now + TOGETHER);
    }

    /// Whether it is time to report the workers that have left.
    #[must_use]
    pub fn leavers_are_due(&self, now: Moment) -> bool {
        self.leavers_at.is_some_and(|at| at <= now)
    }

    /// All workers that have left have been reported.
    pub fn told(&mut self) {
        self.leavers_at = None;
    }

    /// Whether the silence has lasted long enough. Then the next one begins, and is longer.
    pub fn ends_silence(&mut self, now: Moment) -> bool {
        let is_over = self.silence_ends <= now;
        if is_over {
            self.silence = (self.silence * 2).min(LONGEST_SILENCE);
            self.silence_ends = now + self.silence;
        }
        is_over
    }

    /// Another line was written: the silence begins again.
    pub fn spoke(&mut self, now: Moment) {
        self.silence_ends = now + self.silence;
    }

    /// Somebody has come back and wants to know the progress.
    pub fn end_silence_at(&mut self, now: Moment) {
        self.silence_ends = now;
    }

    /// When the workers that have left are due to be reported.
    #[must_use]
    pub const fn leavers_at(&self) -> Option<Moment> {
        self.leavers_at
    }

    /// When a line is due even if nothing has changed.
    #[must_use]
    pub const fn silence_ends(&self) -> Moment {
        self.silence_ends
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Rhythm};

    const fn at(milliseconds: u64) -> Moment {
        Moment::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn those_who_leave_together_are_told_together() {
        let mut rhythm = Rhythm::new(at(0));
        assert!(!rhythm.leavers_are_due(at(1000)), "nobody has left");
        rhythm.left(at(1000));
        rhythm.left(at(1150));
        assert_eq!(rhythm.leavers_at(), Some(at(1200)));
        assert!(!rhythm.leavers_are_due(at(1199)));
        assert!(rhythm.leavers_are_due(at(1200)));
        rhythm.told();
        assert!(!rhythm.leavers_are_due(at(2000)));
        rhythm.left(at(2000));
        assert_eq!(rhythm.leavers_at(), Some(at(2200)));
    }

    #[test]
    fn a_silence_doubles_each_time_up_to_a_minute() {
        let mut rhythm = Rhythm::new(at(0));
        let ends = (0..200_u64).filter(|&second| rhythm.ends_silence(at(second * 1000)));
        assert_eq!(ends.collect::<Vec<u64>>(), [5, 15, 35, 75, 135, 195]);
    }

    #[test]
    fn whatever_is_said_ends_a_silence_without_making_the_next_one_longer() {
        let mut rhythm = Rhythm::new(at(0));
        rhythm.spoke(at(4000));
        assert!(!rhythm.ends_silence(at(8999)));
        assert!(rhythm.ends_silence(at(9000)));
        assert_eq!(rhythm.silence_ends(), at(19_000));
        rhythm.end_silence_at(at(10_000));
        assert!(rhythm.ends_silence(at(10_000)));
    }
}
