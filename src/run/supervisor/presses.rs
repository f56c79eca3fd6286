//! What the signals that ask for a stop come to, and which of them are one request.
//!
//! One wish often arrives as several signals: a terminal and a wrapper both pass on a Ctrl-C,
//! timeout(1) signals its child and then the whole group, and a tree-killer signals every process
//! that it finds. Only a request of its own may take a rung from the workers.

use std::time::Duration;

use crate::decide::ladder::Rung;
use crate::enforce::run::How;
use crate::linux::signals::Meaning;
use crate::words::moment::Moment;
use crate::words::reason::Reason;

/// Signals that come within this time are one request.
const TOGETHER: Duration = Duration::from_millis(500);

/// The signals that have asked so far.
#[derive(Debug, Default)]
pub(super) struct Presses {
    /// When the first request came.
    first: Option<Moment>,
    /// When the last request came that was one of its own.
    last: Option<Moment>,
    interrupted: bool,
}

/// What one signal comes to.
#[derive(Debug)]
pub(super) enum Press {
    /// It belongs to a request that came before.
    Repeats,
    /// Every worker is to climb one rung.
    Hurries,
    /// The run is to stop, for this reason and in this way.
    Stops(Reason, How),
    /// The run is to stop as at SIGTERM. The signal has no reason of its own, so it is named.
    StopsUnnamed(i32),
}

impl Presses {
    /// Takes note of a signal that asks, and answers what it comes to in a run that is stopping
    /// already, or is not.
    pub(super) fn press(&mut self, ask: Meaning, is_stopping: bool, now: Moment) -> Press {
        if self.repeats(ask, now) {
            return Press::Repeats;
        }
        match ask {
            Meaning::Interrupt if is_stopping => Press::Hurries,
            Meaning::Term if is_stopping => Press::Stops(Reason::TERM, How::AtLeast(Rung::Term)),
            Meaning::Quit if is_stopping => Press::Stops(Reason::TERM, How::AtLeast(Rung::Kill)),
            Meaning::Interrupt => Press::Stops(Reason::INTERRUPT, How::OWN_TIMES),
            Meaning::Term => Press::Stops(Reason::TERM, How::OWN_TIMES),
            Meaning::Hangup => Press::Stops(Reason::HANGUP, How::OWN_TIMES),
            Meaning::Quit | Meaning::Other(_) | Meaning::Forward(_) => {
                Press::StopsUnnamed(ask.signal())
            }
        }
    }

    /// Takes note of a signal that asks; answers whether it belongs to a request that came before.
    fn repeats(&mut self, ask: Meaning, now: Moment) -> bool {
        self.interrupted |= ask == Meaning::Interrupt;
        let is_near = |before: Option<Moment>| before.is_some_and(|at| now.since(at) < TOGETHER);
        // A person who has hurried may see at once that only SIGKILL helps: SIGQUIT says so.
        let repeats = is_near(self.first) || (is_near(self.last) && ask != Meaning::Quit);
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

    /// Takes note of signals that came too late to change anything.
    pub(super) fn note_late(&mut self, asks: &[Meaning]) {
        self.interrupted |= asks.contains(&Meaning::Interrupt);
    }

    /// Whether Ctrl-C was pressed, whether or not it changed anything.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::{Press, Presses};
    use crate::decide::ladder::Rung;
    use crate::enforce::run::How;
    use crate::linux::signals::Meaning;
    use crate::words::moment::Moment;
    use crate::words::reason::Reason;

    const ASKS: [Meaning; 5] = [
        Meaning::Interrupt,
        Meaning::Term,
        Meaning::Hangup,
        Meaning::Quit,
        Meaning::Other(libc::SIGALRM),
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
        let repeats = |time| presses.repeats(Meaning::Interrupt, at(time));
        let answers: Vec<bool> = [0, 400, 600, 1000, 1200].map(repeats).to_vec();
        assert_eq!(answers, [false, true, false, true, false]);
    }

    #[test]
    fn a_later_request_may_come_as_several_signals_too_but_sigquit_is_one_of_its_own() {
        let mut presses = Presses::default();
        assert!(!presses.repeats(Meaning::Term, at(0)));
        assert!(!presses.repeats(Meaning::Term, at(2000)));
        assert!(presses.repeats(Meaning::Interrupt, at(2001)));
        assert!(!presses.repeats(Meaning::Quit, at(2002)));
    }

    #[test]
    fn signals_that_come_with_another_request_repeat_it() {
        let mut presses = Presses::default();
        presses.accept(at(0));
        assert!(presses.repeats(Meaning::Term, at(3)));
        assert!(!presses.repeats(Meaning::Term, at(600)));
    }

    #[test]
    fn ctrl_c_is_remembered_whether_it_counted_or_not() {
        let mut presses = Presses::default();
        assert!(!presses.repeats(Meaning::Term, at(0)) && !presses.interrupted());
        assert!(presses.repeats(Meaning::Interrupt, at(1)) && presses.interrupted());
        let mut late = Presses::default();
        late.note_late(&[Meaning::Hangup]);
        assert!(!late.interrupted());
        late.note_late(&[Meaning::Hangup, Meaning::Interrupt]);
        assert!(late.interrupted());
    }

    /// What `ask` comes to as a request of its own.
    fn alone(ask: Meaning, is_stopping: bool) -> Press {
        Presses::default().press(ask, is_stopping, at(0))
    }

    fn stops(press: &Press, why: &Reason) -> bool {
        matches!(press, Press::Stops(reason, How::Ask(_)) if reason == why)
    }

    #[test]
    fn the_first_request_stops_the_run_from_the_flag_on() {
        assert!(stops(&alone(Meaning::Interrupt, false), &Reason::INTERRUPT));
        assert!(stops(&alone(Meaning::Term, false), &Reason::TERM));
        assert!(stops(&alone(Meaning::Hangup, false), &Reason::HANGUP));
        for signal in [libc::SIGQUIT, libc::SIGALRM] {
            let ask = if signal == libc::SIGQUIT {
                Meaning::Quit
            } else {
                Meaning::Other(signal)
            };
            let press = alone(ask, false);
            assert!(matches!(press, Press::StopsUnnamed(named) if named == signal));
        }
    }

    #[test]
    fn a_later_request_uses_the_rung_that_its_signal_means() {
        assert!(matches!(alone(Meaning::Interrupt, true), Press::Hurries));
        let rung = |ask| match alone(ask, true) {
            Press::Stops(_, How::AtLeast(rung)) => Some(rung),
            Press::Stops(_, How::Ask(_))
            | Press::Repeats
            | Press::Hurries
            | Press::StopsUnnamed(_) => None,
        };
        assert_eq!(rung(Meaning::Term), Some(Rung::Term));
        assert_eq!(rung(Meaning::Quit), Some(Rung::Kill));
        assert!(stops(&alone(Meaning::Hangup, true), &Reason::HANGUP));
    }

    #[test]
    fn a_repetition_comes_to_nothing() {
        let mut presses = Presses::default();
        presses.accept(at(0));
        for ask in ASKS {
            assert!(matches!(presses.press(ask, true, at(1)), Press::Repeats));
        }
    }
}
