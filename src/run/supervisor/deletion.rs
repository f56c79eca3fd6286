//! When it is time to put back what somebody has deleted.

use std::time::Duration;

use crate::words::moment::Moment;

/// Whoever deletes a directory deletes its files one by one. That is over when nothing was deleted
/// for so long.
const SETTLE: Duration = Duration::from_millis(100);

/// A deletion that never ends is not waited for: a worker whose flag is not there looks for it again
/// after a second.
const ENOUGH: Duration = Duration::from_millis(500);

/// How long after putting back has failed it is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What is known of a deletion.
#[derive(Debug, Default)]
pub(super) struct Deletion {
    /// Since when something may be missing.
    since: Option<Moment>,
    /// When it is put back.
    over_at: Option<Moment>,
}

impl Deletion {
    /// Something may have been deleted or written just now.
    pub(super) fn goes_on(&mut self, now: Moment) {
        let since = *self.since.get_or_insert(now);
        self.over_at = Some((now + SETTLE).min(since + ENOUGH));
    }

    /// When it is time to put back what is missing.
    pub(super) fn over_at(&self) -> Option<Moment> {
        self.over_at
    }

    /// What is missing is put back now.
    pub(super) fn is_answered(&mut self) {
        *self = Self::default();
    }

    /// What is missing could not be put back.
    pub(super) fn try_again(&mut self, now: Moment) {
        self.over_at = Some(now + AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AGAIN, Deletion};
    use crate::words::moment::Moment;

    fn at(milliseconds: u64) -> Moment {
        Moment::from_nanos(1_000_000_000) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_deletion_is_over_when_nothing_more_was_deleted_for_a_while() {
        let mut deletion = Deletion::default();
        assert_eq!(deletion.over_at(), None);
        deletion.goes_on(at(0));
        assert_eq!(deletion.over_at(), Some(at(100)));
        deletion.goes_on(at(90));
        assert_eq!(deletion.over_at(), Some(at(190)));
    }

    #[test]
    fn one_that_never_ends_is_not_waited_for() {
        let mut deletion = Deletion::default();
        for time in (0..1000).step_by(50) {
            deletion.goes_on(at(time));
            assert!(deletion.over_at() <= Some(at(500)));
        }
        deletion.is_answered();
        assert_eq!(deletion.over_at(), None);
        // The next deletion has its own time.
        deletion.goes_on(at(1000));
        assert_eq!(deletion.over_at(), Some(at(1100)));
    }

    #[test]
    fn what_could_not_be_put_back_is_tried_again() {
        let mut deletion = Deletion::default();
        deletion.goes_on(at(0));
        deletion.is_answered();
        deletion.try_again(at(100));
        assert_eq!(deletion.over_at(), Some(at(100) + AGAIN));
    }
}
