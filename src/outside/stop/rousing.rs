//! An owner that is stopped (by Ctrl-Z, or by a debugger) is not dead: first we continue it, and
//! only if that does not help does somebody else take over.

use std::time::Duration;

use crate::words::moment::Moment;

/// A process that is traced stops for a moment at each system call: only what lasts counts.
pub(super) const GLANCE: Duration = Duration::from_millis(100);

/// How long an owner may stay stopped after we have continued it.
const SILENT: Duration = Duration::from_secs(2);

/// Since when the owner is stopped, and whether we have continued it.
#[derive(Debug, Default)]
pub(super) struct Rousing {
    since: Option<Moment>,
    is_roused: bool,
}

/// What to do about an owner that was seen stopped, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rouse {
    /// Continue it.
    pub(super) continues: bool,
    /// Take over from it: it stays stopped.
    pub(super) deposes: bool,
}

impl Rousing {
    /// Takes in whether the owner was seen stopped at this moment.
    pub(super) fn next(&mut self, is_stopped: bool, now: Moment) -> Rouse {
        if !is_stopped {
            *self = Self::default();
            return Rouse::default();
        }
        let time = now.since(*self.since.get_or_insert(now));
        let continues = time >= GLANCE && !self.is_roused;
        self.is_roused |= continues;
        Rouse {
            continues,
            deposes: time >= GLANCE + SILENT,
        }
    }

    /// How soon to look again; `None` if only other reasons count.
    pub(super) fn soon(&self) -> Option<Duration> {
        self.since.map(|_| GLANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Rouse, Rousing};

    /// What is done at these milliseconds: `c` continues, `d` deposes.
    fn done(looks: &[(u64, bool)]) -> String {
        let mut rousing = Rousing::default();
        let mut next = |&(ms, is_stopped): &(u64, bool)| {
            let now = Moment::from_nanos(ms * 1_000_000);
            let Rouse { continues, deposes } = rousing.next(is_stopped, now);
            match (continues, deposes) {
                (false, false) => "-",
                (true, false) => "c",
                (false, true) => "d",
                (true, true) => "cd",
            }
        };
        looks.iter().map(&mut next).collect()
    }

    #[test]
    fn who_is_stopped_is_continued_once_and_deposed_if_that_does_not_help() {
        let looks = [0, 99, 100, 101, 2099, 2100].map(|ms| (ms, true));
        assert_eq!(done(&looks), "--c--d");
        // A look that comes late does both.
        assert_eq!(done(&[(0, true), (5000, true)]), "-cd");
    }

    #[test]
    fn who_goes_on_is_a_new_case_when_it_stops_again() {
        let traced = [(0, true), (50, false), (100, true), (199, true)];
        assert_eq!(done(&traced), "----");
        let again = [
            (0, true),
            (100, true),
            (200, false),
            (300, true),
            (400, true),
        ];
        assert_eq!(done(&again), "-c--c");
        // It was continued, and stopped by somebody again.
        let later = [(0, true), (100, true), (200, false), (2100, true)];
        assert_eq!(done(&later), "-c--");
    }

    #[test]
    fn it_is_watched_closely_while_it_is_stopped() {
        let mut rousing = Rousing::default();
        assert_eq!(rousing.soon(), None);
        rousing.next(true, Moment::from_nanos(1));
        assert!(rousing.soon().is_some());
        rousing.next(false, Moment::from_nanos(2));
        assert_eq!(rousing.soon(), None);
    }
}
