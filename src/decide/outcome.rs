//! What became of a worker: its final record. Each worker has exactly one, and it is true.

use std::time::Duration;

use crate::decide::ladder::Rung;
use crate::words::ended::Ended;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How a worker ended and what it took: the highest rung that was used before its main process
/// ended, and whether that rung ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself: nobody had asked it to stop, or it had not looked at its flag.
    ByItself,
    /// It left because its flag asked it to.
    Flag,
    /// It needed SIGTERM, or the signal chosen instead.
    Term,
    /// It needed SIGKILL.
    Kill,
    /// A signal that was not ours killed it.
    ByOthers,
    /// It is gone, and whoever keeps the record has not seen its status: somebody else waited for
    /// it, or it ended while it was nobody's child.
    Unobserved,
    /// It still exists after SIGKILL.
    NotEnded,
}

/// What is known of the time before a main process ended.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The highest rung that was used.
    pub rung: Option<Rung>,
    /// Whether anybody had looked at its flag; `None` if that cannot be known.
    pub looked: Option<bool>,
    /// Whether, at the time of the stop, it had a handler for the signal that it died of.
    pub handled: bool,
    /// What the ladder sends instead of SIGTERM.
    pub stop_signal: i32,
}

impl Outcome {
    /// The outcome of a worker whose main process ended in this way.
    #[must_use]
    pub fn of(ended: Option<Ended>, before: Before) -> Self {
        let Some(ended) = ended else {
            return Self::Unobserved;
        };
        match before.rung {
            None if is_from_outside(ended, before.stop_signal) => Self::ByOthers,
            None => Self::ByItself,
            Some(Rung::Flag) => Self::on_flag(ended, before),
            Some(Rung::Term) if ended == Ended::Signalled(libc::SIGKILL) => Self::ByOthers,
            Some(Rung::Term) => Self::Term,
            Some(Rung::Kill) => Self::Kill,
        }
    }

    /// The outcome of a worker whose flag was raised and to which we sent no signal.
    fn on_flag(ended: Ended, before: Before) -> Self {
        let unaware = before.looked == Some(false);
        match ended {
            // A process with a handler for a signal dies of that signal only by its own doing: it
            // has removed the handler and raised the signal again, as servers do at the end of a
            // shutdown.
            Ended::Signalled(_) if is_from_outside(ended, before.stop_signal) => {
                if before.handled && !unaware {
                    Self::Flag
                } else {
                    Self::ByOthers
                }
            }
            Ended::Exited(_) | Ended::Signalled(_) if unaware => Self::ByItself,
            Ended::Exited(_) | Ended::Signalled(_) => Self::Flag,
        }
    }

    /// Whether a worker with this outcome, which ended in this way, has failed by itself: it
    /// crashed, or has an exit status that neither the stop nor somebody else explains.
    #[must_use]
    pub fn is_failure(self, ended: Ended, stop_signal: i32) -> bool {
        match self {
            Self::ByItself => !ended.is_success(),
            Self::Flag => !ended.is_success() && !is_from_outside(ended, stop_signal),
            // Shells, the JVM and Node exit with this status where other programs die of the signal.
            Self::Term => {
                let stopped = Ended::Signalled(stop_signal);
                let same = [stopped, Ended::Exited(stopped.shell_status())];
                !ended.is_success() && !same.contains(&ended)
            }
            Self::Kill | Self::ByOthers | Self::Unobserved | Self::NotEnded => false,
        }
    }

    /// Its word in the machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ByItself => "by_itself",
            Self::Flag => "flag",
            Self::Term => "term",
            Self::Kill => "kill",
            Self::ByOthers => "by_others",
            Self::Unobserved => "unobserved",
            Self::NotEnded => "not_ended",
        }
    }

    /// The outcome with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [
            Self::ByItself,
            Self::Flag,
            Self::Term,
            Self::Kill,
            Self::ByOthers,
            Self::Unobserved,
            Self::NotEnded,
        ];
        all.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// Whether it died of a signal that others use to end a program. A crash (SIGSEGV, SIGABRT, …) comes
/// from within.
fn is_from_outside(ended: Ended, stop_signal: i32) -> bool {
    let others = [
        libc::SIGKILL,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGQUIT,
        stop_signal,
    ];
    match ended {
        Ended::Signalled(signal) => others.contains(&signal),
        Ended::Exited(_) => false,
    }
}

/// The final record of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// The worker's number.
    pub worker: WorkerNumber,
    /// Its main process.
    pub pid: Pid,
    /// How its main process ended. `None` if nobody saw that, or if it has not ended.
    pub ended: Option<Ended>,
    /// How the worker ended, and what that took.
    pub outcome: Outcome,
    /// Whether that was a failure of its own: see [`Outcome::is_failure`].
    pub failed: bool,
    /// The time from the flag to the end of the main process, if the flag was raised before that.
    pub flag_to_end: Option<Duration>,
    /// Whether anybody ever looked at its flag; `None` if that cannot be known.
    pub looked: Option<bool>,
    /// How often its grace was extended.
    pub extensions: u32,
    /// How many processes were still there after the main process had ended.
    pub stragglers: u32,
}

impl Final {
    /// Whether it failed after it was asked to stop, perhaps while it saved its work.
    #[must_use]
    pub fn failed_when_asked(&self) -> bool {
        self.failed && self.flag_to_end.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Before, Duration, Final, Outcome, Pid};
    use crate::decide::ladder::Rung;
    use crate::words::ended::Ended;
    use crate::words::worker_number::WorkerNumber;
    use Outcome::{ByItself, ByOthers, Flag, Kill, Term};

    const RUNGS: [Option<Rung>; 4] = [None, Some(Rung::Flag), Some(Rung::Term), Some(Rung::Kill)];

    const OUTSIDE: [i32; 6] = [
        libc::SIGKILL,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGUSR1,
    ];

    fn before(rung: Option<Rung>, looked: Option<bool>, handled: bool) -> Before {
        Before {
            rung,
            looked,
            handled,
            stop_signal: libc::SIGUSR1,
        }
    }

    fn ends() -> impl Iterator<Item = Ended> {
        let codes = (0..=255).map(Ended::Exited);
        codes.chain((1..=64).map(Ended::Signalled))
    }

    #[test]
    fn every_exit_and_every_death_on_every_rung_has_the_outcome_that_is_true() {
        for (rung, looked) in RUNGS
            .map(|rung| [None, Some(true)].map(|looked| (rung, looked)))
            .concat()
        {
            let plain = match rung {
                None => ByItself,
                Some(Rung::Flag) => Flag,
                Some(Rung::Term) => Term,
                Some(Rung::Kill) => Kill,
            };
            for ended in ends() {
                let by_others = match (rung, ended) {
                    (_, Ended::Exited(_)) | (Some(Rung::Kill), _) => false,
                    (None | Some(Rung::Flag), Ended::Signalled(signal)) => {
                        OUTSIDE.contains(&signal)
                    }
                    (Some(Rung::Term), Ended::Signalled(signal)) => signal == libc::SIGKILL,
                };
                let expected = if by_others { ByOthers } else { plain };
                let outcome = Outcome::of(Some(ended), before(rung, looked, false));
                assert_eq!(outcome, expected, "{ended} on {rung:?}");
            }
            let unseen = Outcome::of(None, before(rung, looked, false));
            assert_eq!(unseen, Outcome::Unobserved);
        }
    }

    #[test]
    fn whoever_never_looked_did_not_leave_because_it_was_asked() {
        for rung in RUNGS {
            for ended in ends() {
                let looked = Outcome::of(Some(ended), before(rung, Some(true), false));
                let never = Outcome::of(Some(ended), before(rung, Some(false), false));
                let expected = if looked == Flag { ByItself } else { looked };
                assert_eq!(never, expected, "{ended} on {rung:?}");
            }
        }
    }

    #[test]
    fn a_signal_that_a_worker_handled_and_raised_again_is_its_own_way_out() {
        let outcome = |rung, looked, signal: i32| {
            let ended = Some(Ended::Signalled(signal));
            Outcome::of(ended, before(rung, looked, true))
        };
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1] {
            assert_eq!(outcome(Some(Rung::Flag), Some(true), signal), Flag);
            assert_eq!(outcome(Some(Rung::Flag), None, signal), Flag);
            // Nothing had told it to stop but the signal.
            assert_eq!(outcome(Some(Rung::Flag), Some(false), signal), ByOthers);
            assert_eq!(outcome(None, Some(true), signal), ByOthers);
            assert_eq!(outcome(Some(Rung::Term), Some(true), signal), Term);
        }
    }

    #[test]
    fn a_failure_is_what_neither_the_stop_nor_somebody_else_explains() {
        let stop = libc::SIGUSR1;
        for ended in ends() {
            let success = ended == Ended::Exited(0);
            let outside = OUTSIDE.map(Ended::Signalled).contains(&ended);
            let stopped = [Ended::Signalled(stop), Ended::Exited(128 + 10)].contains(&ended);
            for (outcome, expected) in [
                (ByItself, !success),
                (Flag, !success && !outside),
                (Term, !success && !stopped),
                (Kill, false),
                (ByOthers, false),
                (Outcome::NotEnded, false),
            ] {
                assert_eq!(
                    outcome.is_failure(ended, stop),
                    expected,
                    "{outcome:?} {ended}"
                );
            }
        }
    }

    #[test]
    fn the_words_of_the_machine_readable_output_are_read_as_they_are_written() {
        for (outcome, word) in [
            (ByItself, "by_itself"),
            (Flag, "flag"),
            (Term, "term"),
            (Kill, "kill"),
            (ByOthers, "by_others"),
            (Outcome::Unobserved, "unobserved"),
            (Outcome::NotEnded, "not_ended"),
        ] {
            assert_eq!(outcome.word(), word);
            assert_eq!(Outcome::from_word(word), Some(outcome));
        }
        for word in ["", "Flag", "flags", "by itself"] {
            assert_eq!(Outcome::from_word(word), None, "{word}");
        }
    }

    #[test]
    fn whoever_was_not_asked_did_not_fail_when_it_was_asked() {
        for failed in [false, true] {
            for flag_to_end in [None, Some(Duration::ZERO)] {
                let last = Final {
                    worker: WorkerNumber::FIRST,
                    pid: Pid::NOBODYS,
                    ended: Some(Ended::Exited(1)),
                    outcome: ByItself,
                    failed,
                    flag_to_end,
                    looked: Some(true),
                    extensions: 0,
                    stragglers: 0,
                };
                let expected = failed && flag_to_end.is_some();
                assert_eq!(last.failed_when_asked(), expected, "{last:?}");
            }
        }
    }
}
