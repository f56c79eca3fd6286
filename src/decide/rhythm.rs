//! When to tell of a stop that goes on: of those who leave together, and that it still goes on when
//! nothing happens.

use std::time::Duration;

use crate::words::moment::Moment;

/// One line tells of all who leave within this time of one another.
pub const TOGETHER: Duration = Duration::from_millis(200);

/// The longest silence at first; it doubles with each line that ends one.
const SILENCE: Duration = Duration::from_secs(5);

/// The longest silence later on.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// When the next lines are due.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// When to tell of those who have left meanwhile.
    leavers_at: Option<Moment>,
    silence: Duration,
    /// When a line is due even if nothing has changed.
    silence_ends: Moment,
}

impl Rhythm {
    /// Begins with a line that was just said.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            leavers_at: None,
            silence: SILENCE,
            silence_ends: now + SILENCE,
        }
    }

    /// Somebody has left who was not told of yet.
    pub fn left(&mut self, now: Moment) {
        self.leavers_at.get_or_insert(now + TOGETHER);
    }

    /// Whether it is time to tell of those who have left.
    #[must_use]
    pub fn leavers_are_due(&self, now: Moment) -> bool {
        self.leavers_at.is_some_and(|at| at <= now)
    }

    /// Nothing has to be said any more of those who have left.
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

    /// Something else was said: the silence begins again.
    pub fn spoke(&mut self, now: Moment) {
        self.silence_ends = now + self.silence;
    }

    /// Somebody has come back, and wants to know how far it is.
    pub fn end_silence_at(&mut self, now: Moment) {
        self.silence_ends = now;
    }

    /// When those who have left are due.
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
