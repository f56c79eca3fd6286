//! Finding the children that have ended, and those that were stopped: so many in one wake-up.
//! Whoever forks without end, or stops and continues a worker without end, must not keep us from the
//! ladder.

use std::time::Duration;

use crate::linux::process;
use crate::linux::sys;
use crate::words::moment::Moment;
use crate::words::pid::Pid;

/// How many children are reaped in one wake-up, and how long that may take.
const AT_ONCE: usize = 1000;
const LONGEST: Duration = Duration::from_millis(20);

/// How many stops and continuations are read in one wake-up.
const STOPS: usize = 100;

/// What comes next in one wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    One(T),
    /// There is no more.
    Nothing,
    /// There may be more, and it has to wait for the next wake-up.
    Later,
}

/// Reads which children were stopped or continued, in one wake-up.
#[derive(Debug, Default)]
pub(super) struct Halts {
    read: usize,
}

impl Halts {
    /// The next child that was stopped, with the signal that stopped it, or continued.
    pub(super) fn next(&mut self) -> Next<(Pid, Option<i32>)> {
        if self.read == STOPS {
            return Next::Later;
        }
        self.read += 1;
        process::next_stopped_or_continued().map_or(Next::Nothing, Next::One)
    }
}

/// Finds the children that have ended, in one wake-up.
#[derive(Debug)]
pub(super) struct Reaper {
    began: Moment,
    found: usize,
}

impl Reaper {
    pub(super) fn new(began: Moment) -> Self {
        Self { began, found: 0 }
    }

    /// The next child that has ended. The caller reaps it before it asks again.
    pub(super) fn next(&mut self) -> Next<Pid> {
        let Some(pid) = process::peek_dead_child() else {
            return Next::Nothing;
        };
        if self.found > 0 && is_enough(self.found, sys::now().since(self.began)) {
            return Next::Later;
        }
        self.found += 1;
        Next::One(pid)
    }

    /// Whether a child has ended.
    pub(super) fn has_found_one(&self) -> bool {
        self.found > 0
    }
}

/// Whether so many children, found in so long, are enough for one wake-up.
fn is_enough(found: usize, time: Duration) -> bool {
    found >= AT_ONCE || time > LONGEST
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AT_ONCE, Halts, LONGEST, Next, STOPS, is_enough};

    #[test]
    fn a_wake_up_has_an_end_by_number_and_by_time() {
        assert!(!is_enough(AT_ONCE - 1, LONGEST));
        assert!(is_enough(AT_ONCE, Duration::ZERO));
        assert!(is_enough(1, LONGEST + Duration::from_nanos(1)));
    }

    #[test]
    fn stops_that_come_without_end_wait_for_the_next_wake_up() {
        assert_eq!(Halts { read: STOPS }.next(), Next::Later);
    }
}
