//! `--timeout`: how long a run may take before it is stopped.

use std::time::Duration;

use crate::words::moment::Moment;

/// When the time of the run is up, if it has a limit.
#[derive(Debug)]
pub(super) struct Timeout {
    at: Option<Moment>,
}

impl Timeout {
    /// The limit of a run that began at `begun`.
    pub(super) fn new(limit: Option<Duration>, begun: Moment) -> Self {
        let at = limit.map(|limit| begun + limit);
        Self { at }
    }

    /// When the time will be up.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.at
    }

    /// Whether the time is up. Says so once.
    pub(super) fn is_up(&mut self, now: Moment) -> bool {
        let is_up = self.at.is_some_and(|at| at <= now);
        if is_up {
            self.at = None;
        }
        is_up
    }

    /// The run was suspended for so long: that does not count.
    pub(super) fn postpone(&mut self, suspended: Duration) {
        self.at = self.at.map(|at| at + suspended);
    }

    /// The run is no longer ours to stop.
    pub(super) fn cancel(&mut self) {
        self.at = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timeout;
    use crate::words::moment::Moment;

    const BEGUN: Moment = Moment::from_nanos(1_000_000_000);

    fn after(seconds: u64) -> Moment {
        BEGUN + Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_is_up_once() {
        let mut timeout = Timeout::new(Some(Duration::from_secs(10)), BEGUN);
        assert_eq!(timeout.deadline(), Some(after(10)));
        assert!(!timeout.is_up(after(9)));
        assert!(timeout.is_up(after(10)));
        assert!(!timeout.is_up(after(11)));
        assert_eq!(timeout.deadline(), None);
    }

    #[test]
    fn a_suspension_does_not_count() {
        let mut timeout = Timeout::new(Some(Duration::from_secs(10)), BEGUN);
        timeout.postpone(Duration::from_secs(5));
        assert!(!timeout.is_up(after(14)));
        assert!(timeout.is_up(after(15)));
    }

    #[test]
    fn without_a_limit_and_once_cancelled_it_is_never_up() {
        let mut none = Timeout::new(None, BEGUN);
        none.postpone(Duration::from_secs(5));
        let mut cancelled = Timeout::new(Some(Duration::ZERO), BEGUN);
        cancelled.cancel();
        for timeout in [&mut none, &mut cancelled] {
            assert_eq!(timeout.deadline(), None);
            assert!(!timeout.is_up(after(1_000_000)));
        }
    }
}
