//! What became of a worker: its final record, exactly one for each, and true.

use std::time::Duration;

use crate::ended::Ended;
use crate::ladder::Rung;

/// How a worker ended and what it took: the highest rung that was used before its main process
/// ended, and whether that was what ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody had asked it.
    ByItself,
    /// It left when it was asked by its flag.
    Flag,
    /// It needed SIGTERM, or the signal chosen instead.
    Term,
    /// It needed SIGKILL.
    Kill,
    /// A signal killed it that was not ours.
    ByOthers,
    /// It is gone, but its status was lost to somebody else who waited for our child.
    Unobserved,
    /// It is still there, after SIGKILL.
    NotEnded,
}

impl Outcome {
    /// The outcome of a worker whose main process ended so, when `rung` was the highest used, and
    /// `stop_signal` is what the ladder sends instead of SIGTERM.
    #[must_use]
    pub fn of(ended: Option<Ended>, rung: Option<Rung>, stop_signal: i32) -> Self {
        let Some(ended) = ended else {
            return Self::Unobserved;
        };
        match rung {
            None | Some(Rung::Flag) if is_from_outside(ended, stop_signal) => Self::ByOthers,
            None => Self::ByItself,
            Some(Rung::Flag) => Self::Flag,
            Some(Rung::Term) if ended == Ended::Signalled(libc::SIGKILL) => Self::ByOthers,
            Some(Rung::Term) => Self::Term,
            Some(Rung::Kill) => Self::Kill,
        }
    }

    /// The word of the machine-readable output.
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

    /// The outcome that has this word.
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

/// Whether the death is of a signal by which others end a program: a crash (SIGSEGV, SIGABRT, …)
/// comes from within.
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
    pub worker: u32,
    /// Its main process.
    pub pid: i32,
    /// How that ended. `None` if nobody saw, or if it has not.
    pub ended: Option<Ended>,
    /// What it took.
    pub outcome: Outcome,
    /// From the flag to the end of the main process, if it was asked before.
    pub flag_to_end: Option<Duration>,
    /// Whether anybody ever opened its flag.
    pub looked: bool,
    /// How often its grace was made longer.
    pub extensions: u32,
    /// How many processes were still there after the main process had ended.
    pub stragglers: u32,
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use crate::ended::Ended;
    use crate::ladder::Rung;

    const RUNGS: [Option<Rung>; 4] = [None, Some(Rung::Flag), Some(Rung::Term), Some(Rung::Kill)];

    #[test]
    fn every_exit_and_every_death_on_every_rung_has_the_outcome_that_is_true() {
        use Outcome::{ByItself, ByOthers, Flag, Kill, Term};
        let outside = [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGQUIT,
            libc::SIGUSR1,
        ];
        for rung in RUNGS {
            let plain = match rung {
                None => ByItself,
                Some(Rung::Flag) => Flag,
                Some(Rung::Term) => Term,
                Some(Rung::Kill) => Kill,
            };
            for code in 0..=255 {
                assert_eq!(
                    Outcome::of(Some(Ended::Exited(code)), rung, libc::SIGUSR1),
                    plain
                );
            }
            for signal in 1..=64 {
                let expected = match rung {
                    None | Some(Rung::Flag)
                        if signal == libc::SIGKILL || outside.contains(&signal) =>
                    {
                        ByOthers
                    }
                    Some(Rung::Term) if signal == libc::SIGKILL => ByOthers,
                    None | Some(Rung::Flag | Rung::Term | Rung::Kill) => plain,
                };
                let outcome = Outcome::of(Some(Ended::Signalled(signal)), rung, libc::SIGUSR1);
                assert_eq!(outcome, expected, "signal {signal} on {rung:?}");
            }
            assert_eq!(Outcome::of(None, rung, libc::SIGTERM), Outcome::Unobserved);
        }
    }
}
