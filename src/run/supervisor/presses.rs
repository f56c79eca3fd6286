//! Which of the signals that ask for a stop are one request.
//!
//! One wish often arrives as several signals: a terminal and a wrapper both pass on a Ctrl-C,
//! timeout(1) signals its child and then the whole group, and a tree-killer signals everybody it
//! finds. Only a request of its own may take a rung from the workers.

use std::time::Duration;

use crate::linux::signals::Ask;
use crate::words::moment::Moment;

/// Signals that come within this time are one request.
const TOGETHER: Duration = Duration::from_millis(500);

/// What has been asked by signals so far.
#[derive(Debug, Default)]
pub(super) struct Presses {
    /// When the first request came.
    first: Option<Moment>,
    /// When the last one came that was a request of its own.
    last: Option<Moment>,
    interrupted: bool,
}

impl Presses {
    /// Takes note of a signal that asks; answers whether it belongs to a request that came before.
    pub(super) fn repeats(&mut self, ask: Ask, now: Moment) -> bool {
        self.interrupted |= ask == Ask::Interrupt;
        let is_near = |before: Option<Moment>| before.is_some_and(|at| now.since(at) < TOGETHER);
        // Whoever has hurried may see at once that only SIGKILL helps: SIGQUIT says so.
        let repeats = is_near(self.first) || (is_near(self.last) && ask != Ask::Quit);
        if !repeats {
            self.accept(now);
        }
        repeats
    }

    /// Takes note of a request that came in another way: signals that come with it repeat it.
    pub(super) fn accept(&mut self, now: Moment) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Takes note of what came too late to change anything.
    pub(super) fn note_late(&mut self, asks: &[Ask]) {
        self.interrupted |= asks.contains(&Ask::Interrupt);
    }

    /// Whether Ctrl-C was among them.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::Presses;
    use crate::linux::signals::Ask;
    use crate::words::moment::Moment;

    const ASKS: [Ask; 5] = [
        Ask::Interrupt,
        Ask::Term,
        Ask::Hangup,
        Ask::Quit,
        Ask::Other(libc::SIGALRM),
    ];

    fn at(milliseconds: u64) -> Moment {
        Moment::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn whatever_comes_within_half_a_second_of_the_first_repeats_it() {
        for first in ASKS {
            for second in ASKS {
                let mut presses = Presses::default();
                assert!(!presses.repeats(first, at(1000)));
                for time in [1000, 1001, 1499] {
                    assert!(presses.repeats(second, at(time)), "{first:?} {second:?}");
                }
                assert!(!presses.repeats(second, at(1500)), "{first:?} {second:?}");
            }
        }
    }

    #[test]
    fn a_repetition_does_not_make_the_half_second_longer() {
        let mut presses = Presses::default();
        let repeats = |time| presses.repeats(Ask::Interrupt, at(time));
        let answers: Vec<bool> = [0, 400, 600, 1000, 1200].map(repeats).to_vec();
        assert_eq!(answers, [false, true, false, true, false]);
    }

    #[test]
    fn a_later_request_may_come_as_several_signals_too_but_sigquit_is_one_of_its_own() {
        let mut presses = Presses::default();
        assert!(!presses.repeats(Ask::Term, at(0)));
        assert!(!presses.repeats(Ask::Term, at(2000)));
        assert!(presses.repeats(Ask::Interrupt, at(2001)));
        assert!(!presses.repeats(Ask::Quit, at(2002)));
    }

    #[test]
    fn signals_that_come_with_another_request_repeat_it() {
        let mut presses = Presses::default();
        presses.accept(at(0));
        assert!(presses.repeats(Ask::Term, at(3)));
        assert!(!presses.repeats(Ask::Term, at(600)));
    }

    #[test]
    fn ctrl_c_is_remembered_whether_it_counted_or_not() {
        let mut presses = Presses::default();
        assert!(!presses.repeats(Ask::Term, at(0)) && !presses.interrupted());
        assert!(presses.repeats(Ask::Interrupt, at(1)) && presses.interrupted());
        let mut late = Presses::default();
        late.note_late(&[Ask::Hangup]);
        assert!(!late.interrupted());
        late.note_late(&[Ask::Hangup, Ask::Interrupt]);
        assert!(late.interrupted());
    }
}
